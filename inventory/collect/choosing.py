"""From the configuration's ``[[sources]]`` to sources that can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inventory.collect import Source
from inventory.collect.files import FilesSource
from inventory.collect.needs import Needs
from inventory.collect.s3 import S3Source
from inventory.config import AthenaSettings, Settings, SourceSettings
from inventory.errors import ConfigError, UsageError
from inventory.model import DAY


def _cloudwatch(section: Any, needs: Needs) -> Source:  # noqa: ANN401 - by its type
    from inventory.collect.cloudwatch import (  # noqa: PLC0415 - botocore is slow to load, and files need none
        CloudWatchSource,
        InsightsSource,
    )

    made = InsightsSource if section.method == "insights" else CloudWatchSource
    return made(section, needs)


def _athena(section: AthenaSettings, needs: Needs) -> Source:
    from inventory.collect.athena import AthenaSource  # noqa: PLC0415 - botocore is most of a second, which files need not wait for

    return AthenaSource(section, needs)


SOURCES: Mapping[str, Callable[[Any, Needs], Source]] = {
    "athena": _athena,
    "files": lambda section, _: FilesSource(section.name, section.path, section.format),
    "s3": S3Source,
    "cloudwatch": _cloudwatch,
}
"""By the type that a section names."""


def chosen(settings: Settings, names: Sequence[str]) -> list[SourceSettings]:
    """The sections of the configured sources, or of those of ``names``, in the configuration's order.

    Raises ``UsageError`` for a name that is not configured or a configuration without sources, ``ConfigError`` for a type that this
    version cannot read.
    """
    known = [section.name for section in settings.sources]
    unknown = sorted(set(names) - set(known))
    if unknown:
        listed = ", ".join(known) or "none"
        msg = f"no source is named {', '.join(map(repr, unknown))}"
        raise UsageError(msg, hint=f"configured sources: {listed}")
    if not known:
        msg = "no [[sources]] are configured: there is nothing to read"
        raise ConfigError(
            msg, hint="add a section [[sources]] with name, type and path; see config.example.toml"
        )
    sections: list[SourceSettings] = [
        section for section in settings.sources if not names or section.name in names
    ]
    for section in sections:
        if section.type not in SOURCES:
            msg = f"[[sources]] {section.name}: this version cannot read type = {section.type!r}"
            raise ConfigError(
                msg,
                hint=f"it reads: {', '.join(sorted(SOURCES))}; copy the objects to a folder, or leave the source out",
            )
    return sections


def opened(section: SourceSettings, needs: Needs) -> Source:
    """The source of a section that was :func:`chosen`; nothing is read or asked yet."""
    return SOURCES[section.type](section, needs)


def windows_from(settings: Settings, now: int) -> list[int]:
    """Of each source that is read by windows, from when on they are listed: those since then may be read again."""
    found = []
    for section in settings.sources:
        if section.type in _BY_WINDOWS:
            since = (section.since or settings.collect.since).at(now)
            found.append(since - since % (section.window or DAY))
    return found


_BY_WINDOWS = {"cloudwatch", "athena"}


def begin(settings: Settings, source: str, since: int | None, now: int) -> int | None:
    """From where a source is read: what was asked for, else what its section says, else (``None``) all that there is."""
    section = next(section for section in settings.sources if section.name == source)
    return since if since is not None or section.since is None else section.since.at(now)
