"""Reading single fields of AWS answers, with every wrong type named instead of guessed around.

Both spellings of a value are read: what boto3 returns (aware ``datetime``) and what the AWS CLI prints (ISO 8601 text, or epoch seconds).
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from inventory.model import canonical_address, epoch

Raw = Mapping[str, Any]

_EARLIEST, _LATEST = 0, 253_402_300_800
"""1970 to 9999: outside, neither a database nor a calendar follows."""


class FieldError(ValueError):
    """A field that must be there is not, or is not what it must be; the text names the field."""


def mapping(raw: object, what: str) -> Raw:
    """An object."""
    if not isinstance(raw, Mapping):
        raise FieldError(f"{what} is {_kind(raw)}, not an object")
    return raw


def child(raw: Raw, key: str) -> Raw:
    """An object inside, empty when it is missing or null."""
    value = raw.get(key)
    return {} if value is None else mapping(value, key)


def rows(raw: Raw, key: str) -> list[Raw]:
    """A list of objects, empty when it is missing or null."""
    return [mapping(row, f"an entry of {key}") for row in _list(raw, key)]


def entries(raw: Raw, key: str) -> list[object]:
    """A list that must be there: a missing one is no empty one."""
    if raw.get(key) is None:
        raise FieldError(f"{key} is missing")
    return _list(raw, key)


def texts(raw: Raw, key: str) -> tuple[str, ...]:
    """A list of texts, empty when it is missing or null."""
    return tuple(_text(value, f"an entry of {key}") for value in _list(raw, key))


def text(raw: Raw, key: str) -> str:
    """A text, ``""`` when it is missing or null."""
    value = raw.get(key)
    return "" if value is None else _text(value, key)


def required(raw: Raw, key: str) -> str:
    """A text that is there and not empty."""
    value = text(raw, key)
    if not value:
        raise FieldError(f"{key} is missing")
    return value


def number(raw: Raw, key: str) -> int | None:
    """A whole number of 64 bits, ``None`` when it is missing or null."""
    value = raw.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise FieldError(f"{key} is {_kind(value)}, not a whole number")
    return value


def flag(raw: Raw, key: str) -> bool:
    """False when it is missing or null."""
    value = raw.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise FieldError(f"{key} is {_kind(value)}, not true or false")
    return value


def moment(raw: Raw, key: str) -> int | None:
    """Epoch seconds, fractions cut off. A text without offset is UTC."""
    value = raw.get(key)
    if value is None or value == "":
        return None
    seconds = _seconds(value, key)
    if not _EARLIEST <= seconds < _LATEST:
        raise FieldError(f"{key} is not a time between 1970 and 9999")
    return int(seconds)


def _seconds(value: object, key: str) -> float:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise FieldError(f"{key} is no ISO 8601 time") from error
    if isinstance(value, datetime):
        try:
            return epoch(value if value.tzinfo else value.replace(tzinfo=UTC))
        except (OverflowError, OSError, ValueError) as error:
            raise FieldError(f"{key} is not a time between 1970 and 9999") from error
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FieldError(f"{key} is {_kind(value)}, not a time")
    return value


def address(raw: Raw, key: str) -> str:
    """An address in canonical spelling, ``""`` when it is missing or null."""
    value = text(raw, key)
    if not value:
        return ""
    try:
        return canonical_address(value)
    except ValueError as error:
        raise FieldError(f"{key} is no address") from error


def addresses(primary: str, others: Iterable[str]) -> tuple[str, ...]:
    """Each once: the primary first, the others sorted, for AWS promises no order and a mere shuffle is no change."""
    return tuple([primary] if primary else []) + tuple(sorted({*others} - {primary, ""}))


def cidr(raw: Raw, key: str) -> str:
    """A CIDR in canonical spelling, ``""`` when it is missing or null."""
    value = text(raw, key)
    if not value:
        return ""
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError as error:
        raise FieldError(f"{key} is no CIDR") from error


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once, without empty ones."""
    return tuple(sorted({*values} - {""}))


def tags(raw: Raw, key: str) -> dict[str, str]:
    """AWS's list of tags, in either spelling (``Key``/``Value``, ECS ``key``/``value``), sorted by key."""
    found: dict[str, str] = {}
    for row in rows(raw, key):
        name, value = ("key", "value") if "key" in row else ("Key", "Value")
        found[required(row, name)] = text(row, value)
    return dict(sorted(found.items()))


def _list(raw: Raw, key: str) -> list[object]:
    value = raw.get(key)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise FieldError(f"{key} is {_kind(value)}, not a list")
    return list(value)


def _text(value: object, what: str) -> str:
    """Text that every database takes: without NUL (PostgreSQL) and lone surrogates (SQLite)."""
    if not isinstance(value, str):
        raise FieldError(f"{what} is {_kind(value)}, not a text")
    if value.isascii() and "\0" not in value:
        return value
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _kind(value: object) -> str:
    names = {
        bool: "a truth value",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)
