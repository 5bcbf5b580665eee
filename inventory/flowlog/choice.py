"""Which format a record is in, where one place holds the records of several flow logs.

A line fits a format when it has as many values and each has the form of its field. Where it fits several that read it differently, nobody
can say what it means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from inventory.flowlog.format import LogFormat
from inventory.flowlog.record import KEY_FIELDS, NUMBER_FIELDS, Columns, Malformed

_PORT, _COUNT, _TIME, _INTERFACE, _ADDRESS, _WORD = (
    "[0-9]{1,5}",
    "[0-9]{1,15}",
    "[0-9]{10}([0-9]{3})?",
    "eni-[0-9a-f]+",
    "[0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*",
    "",
)

_FORMS = {
    "version": _PORT, "srcport": _PORT, "dstport": _PORT, "protocol": _PORT, "tcp-flags": _PORT,
    "packets": _COUNT, "bytes": _COUNT, "start": _TIME, "end": _TIME, "interface-id": _INTERFACE,
    "srcaddr": _ADDRESS, "dstaddr": _ADDRESS, "pkt-srcaddr": _ADDRESS, "pkt-dstaddr": _ADDRESS,
    "action": "ACCEPT|REJECT", "log-status": "OK|NODATA|SKIPDATA", "vpc-id": "vpc-[0-9a-f]+",
    "subnet-id": "subnet-[0-9a-f]+", "instance-id": "i-[0-9a-f]+", "flow-direction": "ingress|egress",
}  # fmt: skip

_OVERLAP = {frozenset({_PORT, _COUNT}), frozenset({_TIME, _COUNT})}

TELLING = tuple(field for field in _FORMS if field not in {"instance-id", "tcp-flags"})
"""Fields by whose form a record of port 2049 tells its format: each has them. Mount targets have no instance, and flags may be ``-``."""


def form(field: str) -> str:
    """A regular expression of all that a field's value may be, ``-`` among it; ``""`` when that may be anything."""
    known = _FORMS.get(field, _WORD)
    return f"^({known}|-)$" if known else ""


class Choice:
    """Chooses among formats, line by line."""

    def __init__(self, formats: Sequence[LogFormat]) -> None:
        self._columns = [Columns(one) for one in formats]
        self._forms = [
            [(at, re.compile(form(name).encode())) for at, name in enumerate(one.names) if form(name)]
            for one in formats
        ]  # fmt: skip

    def of(self, line: bytes) -> Columns | None:
        """The format of a line, ``None`` for none of them. Raises :class:`~.record.Malformed` when it reads differently in two."""
        found: dict[tuple[object, ...], Columns] = {}
        for columns, forms in zip(self._columns, self._forms, strict=True):
            try:
                values = columns.split(line)
            except Malformed:
                continue
            if all(pattern.match(values[at]) for at, pattern in forms):
                ports = values[columns.srcport], values[columns.dstport]
                found.setdefault((columns.key(values), columns.numbers(values), ports), columns)
        if len(found) > 1:
            msg = "it reads differently in two formats that deliver to this log group"
            raise Malformed(msg)
        return next(iter(found.values()), None)


def distinct(formats: Sequence[LogFormat]) -> list[LogFormat]:
    """The formats without those that read every line as one before them does: they differ in fields that do not count."""
    found: dict[tuple[object, ...], LogFormat] = {}
    for one in formats:
        fields = (*KEY_FIELDS, *NUMBER_FIELDS, "srcport", "dstport")
        found.setdefault((len(one.names), *map(one.place, fields)), one)
    return list(found.values())


def rivals(formats: Sequence[LogFormat]) -> tuple[LogFormat, LogFormat] | None:
    """Two formats that the forms of :data:`TELLING` fields cannot tell apart; ``None`` when each can be told from each."""
    for one, other in combinations(formats, 2):
        if len(one.names) == len(other.names) and not any(
            _exclude(*fields) for fields in zip(one.names, other.names, strict=True)
        ):
            return one, other
    return None


def _exclude(one: str, other: str) -> bool:
    if one not in TELLING or other not in TELLING:
        return False
    first, second = _FORMS[one], _FORMS[other]
    return first != second and frozenset({first, second}) not in _OVERLAP
