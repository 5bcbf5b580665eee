"""A source of log groups: one batch is what one group holds of one window of time."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from inventory.aws import Caller
from inventory.collect import Listing
from inventory.collect.cloudwatch import insights
from inventory.collect.cloudwatch.by_insights import ByInsights
from inventory.collect.cloudwatch.by_streams import ByStreams
from inventory.collect.cloudwatch.delivery import Delivery
from inventory.collect.cloudwatch.log_group import LogGroup, LogGroups, told
from inventory.collect.cloudwatch.reading import Method, Reading, Task
from inventory.collect.needs import Needs
from inventory.collect.windows import Window, of_another_width, settled, windows
from inventory.config import CloudWatchSettings
from inventory.errors import AwsError, AwsFault, InventoryError, SourceError
from inventory.flowlog import content
from inventory.flowlog.choice import distinct
from inventory.model import (
    HOUR,
    Batch,
    BatchRef,
    BatchState,
    CaptureKind,
    Folded,
    Known,
    Span,
    iso,
)
from inventory.timeline import PROVEN_GAP, joined

LATE = 900
"""Seconds after the aggregation interval in which records are expected to have arrived, when ``settle`` is ``auto``."""

TRIES = 3
"""How often a window is read before it counts as failed in this run."""

PAUSE = 2.0
"""Seconds before a window is read again; doubled each time."""

_AGAIN = frozenset({AwsFault.CORRUPT, AwsFault.THROTTLED, AwsFault.UNREACHABLE})


class CloudWatchSource:
    """A source of log groups (:class:`~inventory.collect.Source`).

    Keys are ``<log group> <window>``; windows lie on a grid and are read at each age in ``passes``. The version tells the reading, and what
    was known that decides what is read: the mount targets' interfaces and the formats. So a mount target that turns up later has its
    windows read again.
    """

    kind = "cloudwatch"

    def __init__(self, section: CloudWatchSettings, needs: Needs) -> None:
        self.name = section.name
        self._section = section
        self._needs = needs
        self._lock = threading.Lock()

    # -- listing

    def listing(self, since: int | None, until: int | None) -> Listing:
        """See :meth:`Source.listing`: every window that is ripe, of every group, whether AWS still has it or not."""
        now = self._needs.clock()
        begin = self._needs.settings.collect.since.at(now) if since is None else since
        span = (begin, now if until is None else min(until, now))
        width, ages = self._section.window or HOUR, self._ages()
        done = self._needs.ledger.done(self.name)
        found: list[tuple[Window, str]] = []
        for group in self._section.log_groups:
            others = of_another_width(_read(done, group), width)
            found += [(window, group) for window in windows(span, width, ages, now, others)]
        refs = [
            self._unless_gone(ref, done.get(ref.key), now)
            for window, group in sorted(found, key=lambda one: one[0].start)
            for ref in [self._ref(group, (window.start, window.end), window.key, window.version)]
        ]
        return Listing(refs, whole=False, settled=min(settled(width, ages, now), span[1]))

    def _unless_gone(
        self, ref: BatchRef, before: tuple[str, BatchState] | None, now: int
    ) -> BatchRef:
        """The batch; in the version that was read, when there is nothing left to read again: then all that was said of it stands."""
        if before is None or before[0] == ref.version or before[1] is BatchState.FAILED:
            return ref
        try:
            group = self._groups.named(ref.key.rpartition(" ")[0])
        except InventoryError:  # told when it is read
            return ref
        gone = ref.slot is not None and group.forgotten(ref.slot, now)
        return replace(ref, version=before[0]) if gone else ref

    def _ages(self) -> list[int]:
        settle = self._needs.settings.collect.settle or self._delivery.aggregation() + LATE
        return sorted({settle if age == "settle" else age for age in self._section.passes})

    def _ref(self, group: str, window: Span, name: str, reading: str) -> BatchRef:
        return BatchRef(
            key=f"{group} {name}",
            version=f"{reading} of {self._spec(group, window)}",
            size=0,
            flow_log_id=self._delivery.flow_log_id(group),
            account=self._section.account or "",
            region=self._section.region,
            slot=window,
            shrinks=True,
        )

    def _spec(self, group: str, window: Span) -> str:
        """What decides what is read, in short."""
        interfaces = self._delivery.interfaces(window)
        formats = [one.text for one in self._delivery.formats(group, window)]
        spec = [self._section.vantage, *formats, *interfaces]
        return hashlib.blake2b("\n".join(spec).encode(), digest_size=4).hexdigest()

    # -- reading

    def read(self, ref: BatchRef, known: Known) -> Batch:
        """See :meth:`Source.read`. What the log group keeps no more is ``gone``: it was not seen, and cannot be."""
        group_name = ref.key.rpartition(" ")[0]
        reading = Reading()
        try:
            if ref.slot is None:
                msg = f"{ref.key!r} names no window"
                raise SourceError(msg)
            group = self._groups.named(group_name)
            now = self._needs.clock()
            if reason := group.forgotten(ref.slot, now):
                nobodys = replace(ref, flow_log_id="")  # it proves nothing of a flow log
                return self._without_facts(nobodys, BatchState.GONE, reason, reading)
            folded = self._tried(self._task(ref, group, ref.slot, known), reading)
            # asked again: what the log forgot while it was read is not there, and nobody would know
            shortened = group.shortened(ref.slot, self._needs.clock())
        except AwsError as error:
            return self._without_facts(ref, BatchState.FAILED, told(error, group_name), reading)
        except InventoryError as error:
            return self._without_facts(ref, BatchState.FAILED, error.told, reading)
        problem = "; ".join(filter(None, [*reading.problems, shortened]))
        state = BatchState.PARTIAL if problem else BatchState.DONE
        shown = _proven(ref, folded) if state is BatchState.DONE else ref
        return Batch(shown, state, folded, problem, scan=reading.scan)

    def _without_facts(
        self, ref: BatchRef, state: BatchState, problem: str, reading: Reading
    ) -> Batch:
        return Batch(ref, state, content.nothing(), problem, scan=reading.scan)

    def _task(self, ref: BatchRef, group: LogGroup, window: Span, known: Known) -> Task:
        interfaces = self._delivery.interfaces(window)
        if not interfaces and self._section.vantage == "server":
            raise SourceError(
                f"no mount target of {self._section.region} is known that can have existed then: nobody can say whose log streams to read",
                hint='let discovery see this account and region first (`efs-inventory discover`), or set vantage = "both"',
            )
        return Task(
            name=ref.key,
            group=group,
            window=window,
            interfaces=interfaces,
            formats=self._delivery.formats(group.name, window),
            everybody=self._section.vantage == "both",
            known=known,
        )

    def _tried(self, task: Task, reading: Reading) -> Folded:
        for attempt in range(1, TRIES):
            try:
                return self._method.read(task, reading.again())
            except AwsError as error:
                if error.fault not in _AGAIN and not self._method.mended(task, error):
                    raise
                self._needs.sleep(PAUSE * 2 ** (attempt - 1))
        return self._method.read(task, reading.again())

    # -- made when first used

    @cached_property
    def _delivery(self) -> Delivery:
        return Delivery(self._section, self._needs.topology)

    @property
    def _caller(self) -> Caller:
        return self._needs.caller(self._section.account or "", self._section.region)

    @property
    def _groups(self) -> LogGroups:
        with self._lock:
            return self._made_groups

    @cached_property
    def _made_groups(self) -> LogGroups:
        return LogGroups(self._caller)

    @property
    def _method(self) -> Method:
        with self._lock:
            return self._made_method

    @cached_property
    def _made_method(self) -> Method:
        if self._section.method == "insights":
            return ByInsights(self._caller, self._section, self._needs)
        return ByStreams(self._caller, self._needs)


class InsightsSource(CloudWatchSource):
    """A source whose records Logs Insights counts: it has queries to show."""

    def query(self, since: int | None, until: int | None) -> str:
        """What it would ask about a stretch of time, for each log group and format: to be pasted, with the time range in the comment."""
        now = self._needs.clock()
        begin = self._needs.settings.collect.since.at(now) if since is None else since
        span = (begin, now if until is None else until)
        everybody = self._section.vantage == "both"
        found = []
        for group in self._section.log_groups:
            for log_format in distinct(self._delivery.formats(group, span)):
                mark = f"log group {group}, from {iso(span[0])} to {iso(span[1])}"
                interfaces = self._delivery.interfaces(span)
                wanted = insights.Wanted(mark, log_format, span, interfaces, everybody)
                found.append(insights.text(wanted))
        return "\n\n".join(found)


def _read(done: Mapping[str, tuple[str, BatchState]], group: str) -> Iterator[str]:
    """The windows of a log group that were read. One that never could be may be the reason for another width."""
    for key, (_, state) in done.items():
        if state is not BatchState.FAILED and key.startswith(f"{group} "):
            yield key.removeprefix(f"{group} ")


def _proven(ref: BatchRef, folded: Folded) -> BatchRef:
    """The batch as what its records prove: that its flow log delivered from the first of them to the last.

    A window is longer than the silence that such a proof allows: one whose records leave a longer one is no flow log's.
    """
    spans = [(one.start, one.end) for one in folded.captures if one.kind is CaptureKind.SEEN]
    spans += [(one.first_seen, one.last_seen) for one in folded.sightings]
    shown = joined(spans, PROVEN_GAP)
    if not ref.flow_log_id or ref.slot is None:
        return ref
    if len(shown) != 1:
        return replace(ref, flow_log_id="")
    return replace(ref, slot=(max(ref.slot[0], shown[0][0]), ref.slot[1]))
