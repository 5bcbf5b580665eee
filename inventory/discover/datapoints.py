"""Datapoints of CloudWatch to stretches: what GetMetricData answers, reduced to what it proves.

A row of ``MetricDataResults`` says by its label what it is of: ``<file system> <metric> <period>``, as ``fs-0123456789abcdef0
ClientConnections 60``. Zero is believed only of a row that is ``Complete``; what is above zero stands whatever else is missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from inventory.discover import fields
from inventory.discover.fields import FieldError, Raw
from inventory.model import DAY, METRICS, Meaning, MetricRun

CALL = "cloudwatch.get-metric-data"
KEY = "MetricDataResults"

SETTLE = 900
"""Seconds after the end of a period until its sum is final: EFS tells its metrics some minutes late."""

_LABEL = re.compile(r"(fs-[0-9a-f]{8,40}) ([A-Za-z]+) ([0-9]{1,6})")
_MINUTE = 60
_TOO_MUCH = 2**62


@dataclass(frozen=True, slots=True)
class Series:
    """One row, reduced already: what is asked live comes in more datapoints than one wants to keep."""

    runs: tuple[MetricRun, ...]
    problem: str
    """Why it is not all there is; ``""`` when it is."""


def label(file_system_id: str, metric: str, period: int) -> str:
    """What a row is named, so that it can be read by itself."""
    return f"{file_system_id} {metric} {period}"


def read(row: object) -> Series:
    """What one row proves. A metric that nobody uses here proves nothing.

    Raises :class:`~inventory.discover.fields.FieldError` for a row that cannot be read.
    """
    if isinstance(row, Series):
        return row
    raw = fields.mapping(row, "the entry")
    fields.text(raw, "Id")  # read so that a record keeps it: the AWS CLI prints it
    file_system_id, metric, period = _named(raw)
    if metric not in METRICS:
        return Series((), "")
    status = fields.required(raw, "StatusCode")
    complete = status == "Complete"
    asked = (fields.moment(raw, "StartTime"), fields.moment(raw, "EndTime"))
    about = MetricRun(file_system_id, metric, period, Meaning.ASKED, 0, 0)
    found = [run for run in folded(about, _points(raw)) if run.meaning is Meaning.ABOVE or complete]
    if complete and asked[0] is not None and asked[1] is not None:
        # A period that the question cuts is summed up in part only.
        found.append(replace(about, start=asked[0], end=max(asked[0], asked[1]) + period))
        found = [kept for run in found if (kept := _until(run, asked[1])) is not None]
    return Series(tuple(found), "" if complete else f"{fields.text(raw, 'Label')}: {status}")


def _named(raw: Raw) -> tuple[str, str, int]:
    named = _LABEL.fullmatch(fields.required(raw, "Label"))
    if named is None:
        raise FieldError("Label is none of '<file system> <metric> <period>'")
    period = int(named[3])
    if not _MINUTE <= period <= DAY or period % _MINUTE:
        raise FieldError("Label names no period of whole minutes, at most a day")
    return named[1], named[2], period


def _points(raw: Raw) -> list[tuple[int, float]]:
    moments, values = fields.entries(raw, "Timestamps"), fields.entries(raw, "Values")
    if len(moments) != len(values):
        raise FieldError(f"{len(moments)} Timestamps with {len(values)} Values")
    found: list[tuple[int, float]] = []
    for moment, value in zip(moments, values, strict=True):
        start = fields.moment({"Timestamps": moment}, "Timestamps")
        if start is None:
            raise FieldError("an entry of Timestamps is nothing")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FieldError("an entry of Values is no number")
        if not math.isfinite(value) or not 0 <= value < _TOO_MUCH:
            raise FieldError("an entry of Values is no sum")
        found.append((start, value))
    return found


def folded(about: MetricRun, points: Iterable[tuple[int, float]]) -> list[MetricRun]:
    """Datapoints, each the begin of its period and its sum, as runs; in any order. Of two for one moment the larger one counts."""
    largest: dict[int, float] = {}
    for start, value in points:
        largest[start] = max(value, largest.get(start, 0))
    found: list[MetricRun] = []
    for start, value in sorted(largest.items()):
        sum_ = math.ceil(value)
        meaning = Meaning.ABOVE if sum_ else Meaning.ZERO
        last = found[-1] if found else None
        if last is not None and (last.end, last.meaning) == (start, meaning):
            found[-1] = replace(last, end=start + about.period, largest=max(last.largest, sum_))
        else:
            run = replace(about, meaning=meaning, start=start, end=start + about.period)
            found.append(replace(run, largest=sum_))
    return found


def settled(run: MetricRun, moment: int) -> MetricRun | None:
    """What counts of a run that was told at ``moment``: zero of periods that are over for a while; what is above zero at once."""
    if run.meaning is Meaning.ABOVE:
        return run if run.start <= moment else None
    return _until(run, moment - SETTLE)


def _until(run: MetricRun, end: int) -> MetricRun | None:
    """Its whole periods before a moment; what is above zero stays, for a part of its period was."""
    if run.end <= end or run.meaning is Meaning.ABOVE:
        return run
    whole = run.start + (end - run.start) // run.period * run.period
    return replace(run, end=whole) if whole > run.start else None
