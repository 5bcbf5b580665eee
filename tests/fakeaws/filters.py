"""EC2's filters: which rows of a listing a call's ``Filters`` leave."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tests.fakeaws.calls import Call
from tests.fakeaws.refusals import RefusalError

MOST_VALUES = 200

Filter = Mapping[str, Any]
Found = Callable[[Mapping[str, Any]], Iterable[object]]
"""What a row has that a filter's values are compared with."""


def at(*way: str) -> Found:
    """The values at the end of a way through dicts and lists of dicts."""

    def found(row: Mapping[str, Any]) -> Iterable[object]:
        values: list[Any] = [row]
        for step in way:
            values = [inner for value in values for inner in _inside(value, step)]
        return values

    return found


def _inside(value: Mapping[str, Any], step: str) -> Sequence[Any]:
    inner = value.get(step)
    if inner is None:
        return []
    return inner if isinstance(inner, list) else [inner]


def filtered(
    call: Call,
    rows: Iterable[Mapping[str, Any]],
    filters: Sequence[Filter],
    known: Mapping[str, Found],
) -> list[Mapping[str, Any]]:
    """The rows that every filter lets through. Raises ``RefusalError`` for a filter there is not, and for too many values."""
    if sum(len(given.get("Values", ())) for given in filters) > MOST_VALUES:
        said = f"The maximum number of filter values specified on a single call is {MOST_VALUES}"
        raise RefusalError("FilterLimitExceeded", said)
    kept = list(rows)
    for given in filters:
        passes = _passes(call, given, known)
        kept = [row for row in kept if passes(row)]
    return kept


def _passes(
    call: Call, given: Filter, known: Mapping[str, Found]
) -> Callable[[Mapping[str, Any]], bool]:
    name = str(given.get("Name", ""))
    patterns = [_pattern(value) for value in given.get("Values", ())]
    found = known.get(name) or _tagged(name)
    if found is None:
        raise call.refusal("invalid", f"The filter '{name}' is invalid")

    def passes(row: Mapping[str, Any]) -> bool:
        return any(p.fullmatch(_text(v)) for v in found(row) for p in patterns)

    return passes


def _tagged(name: str) -> Found | None:
    if name == "tag-key":
        return lambda row: [tag["Key"] for tag in _tags(row)]
    if not name.startswith("tag:"):
        return None
    key = name.removeprefix("tag:")
    return lambda row: [tag["Value"] for tag in _tags(row) if tag["Key"] == key]


def _tags(row: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    found: Sequence[Mapping[str, str]] = row.get("TagSet") or row.get("Tags") or []
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pattern(value: str) -> re.Pattern[str]:
    """``*`` is any text, ``?`` one character, a backslash takes the next as it is; upper and lower case differ."""
    pieces = re.findall(r"\\.|[^\\]|\\$", value, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    pattern = "".join(
        wild.get(piece) or re.escape(piece[1:] if len(piece) > 1 else piece) for piece in pieces
    )
    return re.compile(pattern, re.DOTALL)
