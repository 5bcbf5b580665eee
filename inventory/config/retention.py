"""What would be forgotten before it is used: two keys that cannot both be meant."""

from __future__ import annotations

from collections.abc import Iterator

from inventory.config.sections import Settings
from inventory.config.values import Since


def forgets_too_early(settings: Settings) -> dict[str, str]:
    """By path of a key of ``[retention]``, which other key wants longer, and what would happen."""
    found: dict[str, str] = {}
    for key, problem in _problems(settings):
        path = f"retention.{key}"
        found[path] = f"{found[path]}; {problem}" if path in found else problem
    return found


def _problems(settings: Settings) -> Iterator[tuple[str, str]]:
    kept = settings.retention
    for name, seconds, so in (
        (
            "[verdict] min_window",
            settings.verdict.min_window,
            "no default window could ever be QUIET",
        ),
        ("[notify] gone_after", settings.notify.gone_after, "nothing could ever be gone"),
        *_read_from(settings),
    ):
        if kept.days < seconds:
            yield "days", f"{_told(kept.days)} is shorter than {name}, {_told(seconds)}: {so}"
    for key, seconds in (("intervals", kept.intervals), ("knowledge", kept.knowledge)):
        if seconds < kept.days:
            yield (
                key,
                f"{_told(seconds)} is shorter than days, {_told(kept.days)}: what is kept of flow logs rests on it",
            )


def _read_from(settings: Settings) -> Iterator[tuple[str, int, str]]:
    """How far back sources are read. A date is no length: what it names is left out once it is too old."""
    begins: list[tuple[str, Since | None]] = [("[collect] since", settings.collect.since)]
    begins += [(f"since of [[sources]] {one.name}", one.since) for one in settings.sources]
    for name, since in begins:
        if since is not None and since.seconds is not None:
            yield name, since.seconds, "what is older would be read and forgotten at once"


def _told(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
