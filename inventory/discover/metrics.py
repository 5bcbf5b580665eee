"""How CloudWatch is asked for the metrics of file systems: as finely as it still keeps them, and each stretch of time once.

It keeps minutes for 15 days, five minutes for 63 days, and hours for 455 days. A question that names a shorter period than what is kept of
its time is answered with nothing, so the time that is asked about is cut where these ages are. What was asked once, and came completely,
is not asked again, but for the last hours: metrics come late.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from inventory.aws import corrupt
from inventory.discover import datapoints
from inventory.discover.fields import FieldError
from inventory.model import CLIENT_CONNECTIONS, DAY, HOUR, METRICS, Span, epoch, instant, iso
from inventory.timeline import subtract

if TYPE_CHECKING:
    from inventory.discover.live import Gathering

AT_ONCE = 500
"""Metrics of one call: the most that AWS allows."""

DATAPOINTS = 500_000
"""Datapoints of all metrics of one call together, at most: what bounds memory. AWS gives 100,800 a page."""

AGAIN = 3 * HOUR
"""Seconds of the newest time that are asked about each time: metrics come late, and are mended."""

_SLACK = HOUR
"""What is about to be kept less finely may be already."""

Steps = Sequence[tuple[int, int]]
"""Period, and up to which age it is asked for; both in seconds, the finest first."""

_FINE: Steps = ((60, 15 * DAY), (300, 63 * DAY), (HOUR, 455 * DAY))
_PLAIN: Steps = ((60, 2 * DAY), (HOUR, 455 * DAY))
"""For recorded files, which hold every datapoint."""

_IO: Steps = ((HOUR, 15 * DAY), (DAY, 455 * DAY))
"""When something was last read is told in hours and days, not in minutes."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the metrics of one account and region before they are asked."""

    systems: Collection[str] = ()
    """File systems that earlier sweeps showed, and that are not known to be gone."""
    asked: Mapping[tuple[str, str], Sequence[Span]] = field(default_factory=dict)
    """By file system and metric, what was asked and came completely."""
    recorded_at: int | None = None
    """Up to when everything is in files that were recorded earlier."""
    plain: bool = False
    """It is asked in order to be recorded: rows are given as AWS prints them."""


class Piece(NamedTuple):
    """A stretch of time that is asked about with one period."""

    period: int
    start: int
    end: int

    @property
    def length(self) -> int:
        """In periods."""
        return (self.end - self.start) // self.period


def fetch(gathering: Gathering, call: str) -> Iterator[Any]:
    """The datapoints of every known file system that were not asked yet."""
    listed = [one for one, _ in gathering.ids("efs.describe-file-systems", call, "FileSystemId")]
    systems = sorted({*listed, *gathering.before.systems})
    wanted: dict[Piece, list[tuple[str, str]]] = defaultdict(list)
    for file_system_id in systems:
        for metric in METRICS:
            for piece in pieces(metric, gathering.before, file_system_id, gathering.moment):
                wanted[piece].append((file_system_id, metric))
    questions = [
        (piece, some) for piece, named in sorted(wanted.items()) for some in _chunks(piece, named)
    ]
    yield from gathering.each(call, questions, lambda one: _answered(gathering, call, *one))


def pieces(metric: str, before: Before, file_system_id: str, now: int) -> list[Piece]:
    """What is to be asked about one metric of one file system, in whole periods, the oldest first."""
    fine = _PLAIN if before.plain else _FINE
    steps = fine if metric == CLIENT_CONNECTIONS else _IO
    edges = [now - now % steps[0][0]]
    for (_, age), (coarser, _) in zip(steps, [*steps[1:], steps[-1]], strict=True):
        edges.append(_up(now - age + _SLACK, coarser))
    known = list(before.asked.get((file_system_id, metric), ()))
    if before.recorded_at is not None:
        known.append((edges[-1], before.recorded_at - datapoints.SETTLE))
    left = subtract([(edges[-1], edges[0])], known)
    since = min([now - AGAIN, *(start for start, _ in left[:1])])
    found = []
    for (period, _), until, oldest in zip(steps, edges[:-1], edges[1:], strict=True):
        start = max(oldest, since - since % period)
        if start < until:
            found.append(Piece(period, start, until))
    return found[::-1]


def _up(moment: int, period: int) -> int:
    return -(-moment // period) * period


def _chunks(piece: Piece, named: Sequence[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    size = max(1, min(AT_ONCE, DATAPOINTS // piece.length))
    for start in range(0, len(named), size):
        yield named[start : start + size]


def _answered(
    gathering: Gathering, call: str, piece: Piece, named: Sequence[tuple[str, str]]
) -> list[Any]:
    """One row for each metric that was asked for, whatever pages it came in; reduced at once unless it is to be recorded."""
    labels = [datapoints.label(*one, piece.period) for one in named]
    asked = {f"q{number}": label for number, label in enumerate(labels)}
    queries = [
        _query(number, *one, piece.period, asked[number])
        for number, one in zip(asked, named, strict=True)
    ]

    def whole() -> list[dict[str, Any]]:
        rows = {number: _Row(number, label, piece) for number, label in asked.items()}
        for page in gathering.caller.pages(
            "cloudwatch",
            "get_metric_data",
            need=(datapoints.KEY,),
            MetricDataQueries=queries,
            StartTime=instant(piece.start),
            EndTime=instant(piece.end),
            ScanBy="TimestampAscending",
        ):
            for result in page[datapoints.KEY]:
                if result.get("Id") not in rows:
                    raise corrupt(call, "a metric that was not asked for")
                rows[result["Id"]].take(result)
        silent = sum(not row.status for row in rows.values())
        if silent:
            raise corrupt(call, f"nothing of {silent} of {len(rows)} metrics")
        return [row.told() for row in rows.values()]

    told = gathering.caller.whole(whole)
    if gathering.before.plain:
        return [row | {"Timestamps": [iso(one) for one in row["Timestamps"]]} for row in told]
    return list(_reduced(told))


def _query(number: str, file_system_id: str, metric: str, period: int, label: str) -> Any:  # noqa: ANN401 - a parameter of boto3
    dimension = {"Name": "FileSystemId", "Value": file_system_id}
    named = {"Namespace": "AWS/EFS", "MetricName": metric, "Dimensions": [dimension]}
    stat = {"Metric": named, "Period": period, "Stat": "Sum"}
    return {"Id": number, "Label": label, "MetricStat": stat, "ReturnData": True}


def _reduced(rows: Iterable[Any]) -> Iterator[Any]:
    for row in rows:
        try:
            yield datapoints.read(row)
        except FieldError:
            yield row  # whoever reads the answer says what is wrong with it


_FAILED = ("InternalError", "Forbidden")


@dataclass(slots=True)
class _Row:
    """One metric's row, put together from the pages that hold a part of it. The last page says whether that is all."""

    id: str
    label: str
    piece: Piece
    status: str = ""
    moments: list[Any] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def take(self, result: Mapping[str, Any]) -> None:
        if self.status not in _FAILED:
            self.status = str(result.get("StatusCode") or "PartialData")
        self.moments += [epoch(moment) for moment in result.get("Timestamps") or ()]
        self.values += result.get("Values") or ()

    def told(self) -> dict[str, Any]:
        return {
            "Id": self.id,
            "Label": self.label,
            "Timestamps": self.moments,
            "Values": self.values,
            "StatusCode": self.status,
            "StartTime": iso(self.piece.start),
            "EndTime": iso(self.piece.end),
        }
