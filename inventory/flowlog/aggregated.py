"""Records that a query counted where they are: rows of Insights and Athena become the same facts as the records themselves.

One row speaks for all records with the same texts, the same part in the conversation and the same *minute* of ``start``
(:data:`~inventory.model.RUN_GAP`): what begins in one minute is one run in any case, so nothing is lost. Longer groups would lose the
silence in which an address passes from one client to the next. Which records a query leaves out is its own business: nothing is counted
here that no row tells of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from inventory.flowlog import record
from inventory.flowlog.groups import Groups
from inventory.flowlog.record import Key, Malformed
from inventory.model import RUN_GAP, Folded, Known, Outcome, Span, Tally

_BAD_ROWS = 5
_MOST = 2**63 - 1


class Part(StrEnum):
    """What the records of a row are, by their ports and ``log-status``."""

    REQUEST = "request"
    """``dstport`` is 2049."""
    RESPONSE = "response"
    """``srcport`` is 2049."""
    EITHER = "either"
    """Both are: the known server decides."""
    NODATA = "nodata"
    SKIPDATA = "skipdata"
    """Each hole must have a row of its own: grouped by its ``start``, not by the minute."""
    OTHER = "other"
    """Neither is, and the status is OK: evidence that the interface was captured, and nothing else."""


@dataclass(frozen=True, slots=True)
class AggregatedRow:
    """Records counted together, whichever query language did it.

    Texts are as the records have them (``-`` and ``""`` are no value); those that the format lacks are left out. Of NODATA, SKIPDATA and
    other rows only ``interface_id`` and the times count.
    """

    part: Part
    first: int
    """``min(start)``, epoch seconds."""
    last: int
    """``max(end)``, epoch seconds."""
    longest: int
    """``max(end - start)``: what the aggregation interval is told from."""
    records: int
    """``count(*)``; at least 1."""
    packets: int = 0
    """``sum(packets)``; 0 when the format lacks it."""
    bytes: int = 0
    """``sum(bytes)``."""
    interface_id: str = ""
    vpc_id: str = ""
    srcaddr: str = ""
    dstaddr: str = ""
    action: str = ""
    pkt_srcaddr: str = ""
    pkt_dstaddr: str = ""
    instance_id: str = ""
    task_arn: str = ""
    """``ecs-task-arn``."""
    next_hop: str = ""
    """``next-hop-interface-id``."""
    az_id: str = ""


TEXTS: Mapping[str, str] = {
    "interface-id": "interface_id",
    "vpc-id": "vpc_id",
    "srcaddr": "srcaddr",
    "dstaddr": "dstaddr",
    "action": "action",
    "pkt-srcaddr": "pkt_srcaddr",
    "pkt-dstaddr": "pkt_dstaddr",
    "instance-id": "instance_id",
    "ecs-task-arn": "task_arn",
    "next-hop-interface-id": "next_hop",
    "az-id": "az_id",
}
"""By AWS's name of a field, that of the row's text: what a query groups by, as far as the format has it."""


def seconds(value: int) -> int:
    """A time of a record in epoch seconds: SKIPDATA records have been seen in milliseconds."""
    return value // 1000 if value > record.NEWEST else value


class Aggregating:
    """Folds the rows of one batch, in any order. Memory is bounded as :mod:`inventory.flowlog.groups` says."""

    def __init__(self, known: Known, window: Span) -> None:
        """``window``: rows whose first record starts outside it are ``out_of_window``."""
        self._groups = Groups(known)
        self._window = window
        self._tally = Tally()
        self._first: int | None = None
        self._last: int | None = None

    @property
    def crowded(self) -> bool:
        """Holes (SKIPDATA) were too many to keep them all: the batch must count as ``partial``."""
        return self._groups.crowded

    @property
    def malformed(self) -> int:
        """Records of rows that no flow log can have."""
        return self._tally.counts.get(Outcome.MALFORMED, 0)

    def add_all(self, rows: Iterable[AggregatedRow]) -> None:
        """Every row."""
        for row in rows:
            self.add(row)

    def add(self, row: AggregatedRow) -> None:
        """One row. One with a value out of form counts all its records as malformed and adds nothing else."""
        try:
            outcome = self._judge(row)
        except Malformed as reason:
            self._tally.add(Outcome.MALFORMED, max(1, row.records))
            if len(self._tally.bad) < _BAD_ROWS:
                self._tally.bad.append(
                    record.shown(str(reason), repr(row).encode("ascii", "backslashreplace"))
                )
        else:
            self._tally.add(outcome, row.records)

    def finish(self, format: str) -> Folded:  # noqa: A002 - the domain's word
        """What the batch adds. ``format`` is that of the records, in ``${…}`` form, several by newline."""
        return Folded(
            sightings=self._groups.sightings(),
            captures=self._groups.captures(),
            tally=self._tally,
            first_record=self._first,
            last_record=self._last,
            format=format,
        )

    def _judge(self, row: AggregatedRow) -> Outcome:
        _check(row)
        if not self._window[0] <= row.first < self._window[1]:
            return Outcome.OUT_OF_WINDOW
        outcome = self._look(row) if row.part in _LOOKING else self._talk(row)
        self._first = row.first if self._first is None else min(self._first, row.first)
        self._last = row.last if self._last is None else max(self._last, row.last)
        return outcome

    def _look(self, row: AggregatedRow) -> Outcome:
        who = record.text(row.interface_id.encode("utf-8", "replace"))
        if row.part is Part.SKIPDATA:
            self._groups.skipped(who, row.first, row.last)
        else:
            self._groups.seen(who, row.first, row.last, row.longest)
        return _LOOKING[row.part]

    def _talk(self, row: AggregatedRow) -> Outcome:
        request = None if row.part is Part.EITHER else row.part is Part.REQUEST
        key = _key(row)
        place = self._groups.place(key, request=request)
        if request is None:
            request = place is self._groups.requests.get(key)
        load = min(row.packets, _MOST), min(row.bytes, _MOST)
        counts = (row.records, 0, *load, 0, 0) if request else (0, row.records, 0, 0, *load)
        self._groups.add_run(place, (row.first, row.last, *counts, row.longest))
        return Outcome.STRAY if place.stray else Outcome.REQUEST if request else Outcome.RESPONSE


_LOOKING = {
    Part.NODATA: Outcome.NODATA,
    Part.SKIPDATA: Outcome.SKIPDATA,
    Part.OTHER: Outcome.OTHER_PORT,
}


def _check(row: AggregatedRow) -> None:
    if row.records < 1 or row.packets < 0 or row.bytes < 0:
        msg = "a row that counts no records, or fewer than none of something"
        raise Malformed(msg)
    if not record.OLDEST <= row.first <= row.last <= record.NEWEST:
        msg = "times that no record has"
        raise Malformed(msg)
    if (
        not 0 <= row.longest <= min(record.LONGEST, row.last - row.first)
        or row.last - row.first > RUN_GAP + record.LONGEST
    ):
        msg = "a row longer than a minute and its longest record"
        raise Malformed(msg)


def _key(row: AggregatedRow) -> Key:
    texts = (
        row.interface_id, row.vpc_id, row.srcaddr, row.dstaddr, row.action, row.pkt_srcaddr, row.pkt_dstaddr,
        row.instance_id, row.task_arn, row.next_hop, row.az_id, "", "",
    )  # fmt: skip
    return Key(*(text.encode("utf-8", "replace") for text in texts))
