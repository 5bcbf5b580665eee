"""From the file to :class:`~inventory.config.Settings`: finding, reading, and naming every mistake at once."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from inventory.config.retention import forgets_too_early
from inventory.config.sections import SECTIONS, Settings
from inventory.config.values import shown
from inventory.errors import ConfigError

CONFIG_VARIABLE = "EFS_INVENTORY_CONFIG"
DATABASE_VARIABLE = "EFS_INVENTORY_DATABASE_URL"
DEFAULT_NAME = "efs-inventory.toml"

_ENVIRONMENT = re.compile(r"\$\{env:([^}]*)\}")


def find(explicit: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration file: the one named, else that of ``EFS_INVENTORY_CONFIG``, else ``./efs-inventory.toml``."""
    if explicit is not None:
        return explicit
    named = environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    if Path(DEFAULT_NAME).exists():
        return Path(DEFAULT_NAME)
    msg = f"no configuration: there is no {DEFAULT_NAME} in this folder"
    hint = f"name one with --config FILE or {CONFIG_VARIABLE}, or begin with a copy of config.example.toml"
    raise ConfigError(msg, hint=hint)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read a configuration file. Raises :class:`ConfigError`, which names every wrong key."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot read the configuration {path}: {error.strerror or error}",
            hint=f"name another with --config FILE or {CONFIG_VARIABLE}; config.example.toml is one to begin with",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: no valid TOML: {error}", hint="text, durations and networks need quotes"
        ) from error
    return parse(document, folder=path.resolve().parent, environ=environ, origin=str(path))


def parse(
    document: Mapping[str, Any],
    *,
    folder: Path,
    environ: Mapping[str, str] = os.environ,
    origin: str = "configuration",
) -> Settings:
    """Settings of a document already read. Relative paths count from ``folder``; ``origin`` names it in errors."""
    problems: dict[str, str] = {}
    filled = _substituted(document, environ, "", problems)
    for name in Settings.model_fields:
        if name in SECTIONS:
            filled.setdefault(name, {})  # so that defaults that are paths find their folder
    overridden = environ.get(DATABASE_VARIABLE)
    if overridden and isinstance(filled["database"], dict):
        filled["database"]["url"] = overridden
    problems |= _repeated(filled)
    settings = None
    try:
        settings = Settings.model_validate(filled, context={"folder": folder})
    except ValidationError as error:
        for path, problem in _problems(error):
            problems.setdefault(path, problem)
    if settings is not None:
        problems |= forgets_too_early(settings)
    if settings is not None and not problems:
        return settings
    if overridden and "database.url" in problems:
        problems[DATABASE_VARIABLE] = problems.pop("database.url")
    count = "1 key is" if len(problems) == 1 else f"{len(problems)} keys are"
    lines = [
        f"  {path}: {problem}" for path, problem in sorted(problems.items(), key=_in_reading_order)
    ]
    raise ConfigError(
        "\n".join([f"{origin}: {count} wrong", *lines]), hint="config.example.toml shows every key"
    )


def _in_reading_order(item: tuple[str, str]) -> tuple[tuple[int, str], ...]:
    """Sections by name, the entries of a list by number: ``sources[10]`` after ``sources[9]``."""
    parts = re.split(r"[.\[\]]+", item[0])
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


def _substituted(
    value: Any,  # noqa: ANN401 - whatever TOML holds
    environ: Mapping[str, str],
    path: str,
    problems: dict[str, str],
) -> Any:  # noqa: ANN401 - the same, substituted
    """A deep copy with ``${env:NAME}`` taken from the environment; any other ``${…}`` stays as it is."""
    if isinstance(value, Mapping):
        return {
            key: _substituted(each, environ, f"{path}.{key}".lstrip("."), problems)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [
            _substituted(each, environ, f"{path}[{number}]", problems)
            for number, each in enumerate(value)
        ]
    if not isinstance(value, str):
        return value
    missing = [name for name in _ENVIRONMENT.findall(value) if name not in environ]
    if missing:
        problems[path] = f"the environment has no variable {', '.join(missing)}"
        return value
    return _ENVIRONMENT.sub(lambda match: environ[match[1]], value)


def _repeated(document: Mapping[str, Any]) -> dict[str, str]:
    """Sources of one name, and accounts of one id."""
    found: dict[str, str] = {}
    discover = document.get("discover")
    for path, key, entries in (
        ("sources", "name", document.get("sources")),
        (
            "discover.accounts",
            "id",
            discover.get("accounts") if isinstance(discover, dict) else None,
        ),
    ):
        first: dict[str, int] = {}
        for number, entry in enumerate(entries if isinstance(entries, list) else []):
            value = entry.get(key) if isinstance(entry, dict) else None
            if isinstance(value, str) and first.setdefault(value, number) != number:
                found[f"{path}[{number}].{key}"] = (
                    f'"{value}" is used twice (first by {path}[{first[value]}])'
                )
    return found


def _problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Path and message of each mistake that pydantic found, in our words."""
    for each in error.errors(include_url=False):
        loc = each["loc"]
        section = ".".join(str(part) for part in loc[:-1] if isinstance(part, str))
        shown = loc  # of a source without its type, which pydantic puts third
        if loc[0] == "sources":
            shown = (*loc[:2], *loc[3:])
        path = ""
        for part in shown:
            path += f"[{part}]" if isinstance(part, int) else "" if part == "[key]" else f".{part}"
        yield path.lstrip("."), _words(each, section, loc)


def _words(each: ErrorDetails, section: str, loc: tuple[int | str, ...]) -> str:
    kind, given, context = each["type"], each.get("input"), each.get("ctx", {})
    match kind:
        case "extra_forbidden":
            return "unknown key" + _guess(str(loc[-1]), section)
        case "missing":
            return "is missing"
        case "value_error":
            return str(context["error"])
        case "union_tag_not_found":
            return "the key `type` is missing: files, s3, cloudwatch or athena"
        case "union_tag_invalid":
            return f"type wants one of files, s3, cloudwatch, athena, not {context['tag']!r}"
        case "literal_error":
            return f"wants {context['expected']}, not {shown(given)}"
        case "greater_than_equal":
            return f"wants {context['ge']} or more, not {shown(given)}"
        case "too_short":
            return "wants at least one entry"
    wants = _WANTS.get(kind)
    return f"wants {wants}, not {shown(given)}" if wants else str(each["msg"])


_WANTS = {
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "tuple_type": "a list in brackets",
    "dict_type": "a table of its own",
    "mapping_type": "a table of its own",
    "model_type": "a table of its own",
    "model_attributes_type": "a table of its own",
}


def _guess(key: str, section: str) -> str:
    """What an unknown key was meant to be, or where it belongs."""
    model = SECTIONS.get(section)
    close = difflib.get_close_matches(key, list(model.model_fields) if model else [], n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    homes = _homes(key)
    return f"; it belongs to {homes}" if homes else ""


def _homes(key: str) -> str:
    return " or ".join(
        f"sources of type {path.removeprefix('sources.')}"
        if path.startswith("sources.")
        else f"[{path}]"
        for path, section in SECTIONS.items()
        if path and key in section.model_fields
    )
