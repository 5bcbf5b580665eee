"""One flow log record: which values of it count, and whether they have the form that AWS promises.

Values are judged by form alone: ASCII digits, ports up to 65535, addresses that are addresses, times after 2015 with the end not before the
start. ``-``, ``None`` and nothing at all mean "no value".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from inventory.flowlog.format import LogFormat
from inventory.model import NFS_PORT, SLOT, Span, canonical_address

NOTHING = frozenset({b"-", b"None", b""})
"""Spellings of "no value"."""

OLDEST = 1_420_070_400
"""2015-01-01: flow logs began that summer, so an earlier time is no time."""

NEWEST = 2**31 - 1  # above it, a time is in milliseconds: SKIPDATA records have been seen so
LONGEST = 3600  # AWS aggregates over ten minutes at most; a longer record would claim coverage that nobody gave
_DIGITS_OF_TIME = 19
_DIGITS_OF_COUNT = (
    15  # 10^15 bytes in one record is beyond any interface, and sums stay inside 64 bits
)
_DIGITS_OF_PORT = 5
_HIGHEST_PORT = 65_535
_LONGEST_TEXT = 1024
_TEXT = re.compile(rb"[!-~]{0,%d}" % _LONGEST_TEXT)
_COMMENT = re.compile(rb"\s#.*", re.DOTALL)

KEY_FIELDS = (
    "interface-id", "vpc-id", "srcaddr", "dstaddr", "action", "pkt-srcaddr", "pkt-dstaddr",
    "instance-id", "ecs-task-arn", "next-hop-interface-id", "az-id", "protocol", "log-status",
)  # fmt: skip
"""What tells one group of records from another, beside the direction and the time."""

NUMBER_FIELDS = ("start", "end", "packets", "bytes")


_ENDS = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", *NUMBER_FIELDS)


class Malformed(Exception):  # noqa: N818 - an outcome, caught at once
    """The record has a value out of form; ``str()`` says which."""


class Key(NamedTuple):
    """The texts of :data:`KEY_FIELDS`, as the record has them."""

    interface_id: bytes
    vpc_id: bytes
    srcaddr: bytes
    dstaddr: bytes
    action: bytes
    pkt_srcaddr: bytes
    pkt_dstaddr: bytes
    instance_id: bytes
    task_arn: bytes
    next_hop: bytes
    az_id: bytes
    protocol: bytes
    status: bytes


class Columns:
    """Where a format has the values that count. A line's values get one ``-`` behind the last: the place of every field that is missing."""

    def __init__(self, log_format: LogFormat) -> None:
        self.format = log_format
        self.width = len(log_format.names)
        place = log_format.place
        self.srcport, self.dstport = place("srcport"), place("dstport")
        self.interface, self.status, self.protocol = (
            place("interface-id"),
            place("log-status"),
            place("protocol"),
        )
        self.key = itemgetter(*map(place, KEY_FIELDS))
        self.numbers = itemgetter(*map(place, NUMBER_FIELDS))
        ports = {at for at in (self.srcport, self.dstport) if at < self.width}
        self.port_first, self.port_last = 0 in ports, self.width - 1 in ports
        self.two_ended = all(map(log_format.has, _ENDS)) and log_format.has(
            "pkt-srcaddr"
        ) == log_format.has("pkt-dstaddr")

    def split(self, line: bytes) -> list[bytes]:
        """The values of a line, and the ``-`` behind them. Raises :class:`Malformed` when their number is not the format's."""
        values = self._values(line)
        if len(values) != self.width and b"#" in line:
            values = self._values(_COMMENT.sub(b"", line, count=1))
        if len(values) != self.width:
            msg = f"{len(values)} values where the format has {self.width}"
            raise Malformed(msg)
        values.append(b"-")
        return values

    def _values(self, line: bytes) -> list[bytes]:
        return [value.strip() for value in line.split(b",")] if self.format.comma else line.split()

    def fits(self, line: bytes) -> bool:
        """Whether the line looks like a record of this format: as many values, each number a number, each interface an interface."""
        try:
            values = self.split(line)
        except Malformed:
            return False
        ports = values[self.srcport], values[self.dstport], values[self.protocol]
        numbers = *ports, *self.numbers(values)
        interface = values[self.interface]
        if self.format.has("interface-id") and not (
            interface in NOTHING or interface.startswith(b"eni-")
        ):
            return False
        return all(number in NOTHING or number.isdigit() for number in numbers)


class Moment(NamedTuple):
    """When a record was, or why that cannot be told: ``bad`` when its own times are out of form."""

    start: int
    end: int
    known: bool
    bad: bool = False


def time_of(start: bytes, end: bytes, stamp: int | None, slot: Span | None) -> Moment:
    """Start and end in epoch seconds; else the event's time, else the file's slot. Raises :class:`Malformed` for what is no number."""
    began, ended = _time(start, "start"), _time(end, "end")
    first, last = (ended if began is None else began), (began if ended is None else ended)
    bad = False
    if first is not None and last is not None:
        bad = last < first or last - first > LONGEST
        if first >= OLDEST and last <= NEWEST and not bad:
            return Moment(first, last, known=True)
    if stamp is not None and OLDEST <= stamp <= NEWEST:
        return Moment(stamp, stamp, known=True)
    if slot is not None:
        return Moment(slot[0], max(slot[0], min(slot[1], slot[0] + SLOT) - 1), known=True)
    return Moment(0, 0, known=False, bad=bad)


def _time(value: bytes, name: str) -> int | None:
    if value in NOTHING:
        return None
    if not value.isdigit() or len(value) > _DIGITS_OF_TIME:
        msg = f"{name} is no number"
        raise Malformed(msg)
    seconds = int(value)
    return seconds // 1000 if seconds > NEWEST else seconds


def count(value: bytes, name: str) -> int:
    """Packets or bytes; none is 0. Raises :class:`Malformed`."""
    if value in NOTHING:
        return 0
    if not value.isdigit() or len(value) > _DIGITS_OF_COUNT:
        msg = f"{name} is no number of {name}"
        raise Malformed(msg)
    return int(value)


def is_port(value: bytes) -> bool:
    """Whether the value has the form of a port."""
    return value.isdigit() and len(value) <= _DIGITS_OF_PORT and int(value) <= _HIGHEST_PORT


def check_ports(values: Sequence[bytes]) -> None:
    """Raises :class:`Malformed` unless each is a port or nothing."""
    for value in values:
        if not is_port(value) and value not in NOTHING:
            msg = f"a port that is none, where one may be {NFS_PORT}"
            raise Malformed(msg)


def is_tcp(value: bytes) -> bool:
    """Whether the protocol is TCP, or not told. Raises :class:`Malformed` for what is no number."""
    if value in NOTHING:
        return True
    if not value.isdigit() or len(value) > _DIGITS_OF_PORT:
        msg = "protocol is no number"
        raise Malformed(msg)
    return int(value) == 6  # noqa: PLR2004 - IANA's number of TCP


@lru_cache(maxsize=65_536)
def text(value: bytes) -> str:
    """An identifier: printable ASCII without spaces, ``""`` for none. Raises :class:`Malformed`."""
    if value in NOTHING:
        return ""
    if not _TEXT.fullmatch(value):
        msg = "an identifier holds characters that AWS never uses"
        raise Malformed(msg)
    return value.decode("ascii")


@lru_cache(maxsize=65_536)
def address(value: bytes) -> str:
    """An address in canonical form, ``""`` for none. Raises :class:`Malformed`."""
    if value in NOTHING:
        return ""
    try:
        if b"%" in value:  # a zone, which may be any text: flow logs have none
            raise ValueError  # noqa: TRY301 - the same thing happened
        return canonical_address(value.decode("ascii"))
    except ValueError:
        msg = "an address that is none"
        raise Malformed(msg) from None


def shown(reason: str, line: bytes) -> str:
    """A bad line for ``status``: the reason and the line, at most 200 characters, all of them printable."""
    decoded = line[:200].decode("ascii", "backslashreplace")
    printable = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in decoded)
    return f"{reason}: {printable}"[:200]
