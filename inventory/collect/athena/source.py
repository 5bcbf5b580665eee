"""Flow logs behind a table of Athena: the scan runs there, and only what counts comes here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from inventory.collect import Listing
from inventory.collect.athena import sql, table
from inventory.collect.athena.names import column
from inventory.collect.athena.queries import ATTEMPTS, Execution, Queries
from inventory.collect.athena.rows import Window as Found
from inventory.collect.athena.rows import folded
from inventory.collect.athena.spending import Purse, per_reading, refuse_too_much
from inventory.collect.athena.table import Sample, Table
from inventory.collect.athena.workgroup import Workgroup, looked_up
from inventory.collect.needs import Needs
from inventory.collect.windows import Window, of_another_width, settled, windows
from inventory.config import AthenaSettings
from inventory.errors import AwsError, AwsFault, ConfigError, InventoryError, SourceError
from inventory.flowlog.content import nothing
from inventory.model import Batch, BatchRef, BatchState, Known, Scan

log = logging.getLogger(__name__)

_DELIVERY = 15 * 60
_AGGREGATION = 600


class AthenaSource:
    """A source of one table (:class:`~inventory.collect.Source`).

    A batch is a window of a whole number of the table's partitions, read together with the partition that follows: its key is the window,
    its version which reading of it, by the ages of ``passes``. A window without a single record is ``gone``, never ``done``: nobody can
    tell a log that was silent from one that is not there.
    """

    kind = "athena"

    def __init__(self, section: AthenaSettings, needs: Needs) -> None:
        self.name = section.name
        self._section = section
        self._needs = needs
        self._lock = threading.Lock()
        self._table: Table | None = None
        self._purse: Purse | None = None
        self._watched: frozenset[str] = frozenset()

    def listing(self, since: int | None, until: int | None) -> Listing:
        """See :meth:`Source.listing`: the windows that are old enough to be read.

        Raises ``ConfigError`` for windows that are no whole number of partitions, or that must exceed the day's cap.
        """
        self._ready()
        now = self._needs.clock()
        width, ages = self._width(), self._ages()
        if since is None:
            since = self._needs.settings.collect.since.at(now)
        span = (since, now if until is None else until)
        found = windows(span, width, ages, now, of_another_width(self._were_read(), width))
        refs = [
            BatchRef(
                window.key, window.version, 0,
                account=self._section.account or "", region=self._queries_caller.region,
                slot=(window.start, window.end), shrinks=True,
            )
            for window in found
        ]  # fmt: skip
        return Listing(refs, whole=False, settled=min(settled(width, ages, now), span[1]))

    def read(self, ref: BatchRef, known: Known) -> Batch:
        """See :meth:`Source.read`."""
        scan = Scan()
        try:
            purse, window = self._ready(), _window(ref)
            reason = self._table_now.layout.unreachable(
                (window.start, window.end), self._needs.clock()
            )
            if reason:
                msg = f"the table does not reach it: {reason}"
                raise SourceError(
                    msg, hint="mend the table's properties, or begin later with `since`"
                )
            day = self._needs.day
            execution, scanned = self._asked(purse, window, day)
            scan = Scan(day, scanned)
            try:
                batch = self._told(ref, execution, window, known)
            except AwsError as error:
                if error.fault is not AwsFault.REFUSED or execution.submitted >= self._begun:
                    raise
                # an earlier run's query is remembered longer than its result is kept
                execution, more = self._asked(purse, window, day, " again")
                scan = Scan(day, scanned + more)
                batch = self._told(ref, execution, window, known)
        except InventoryError as error:
            batch = Batch(ref, BatchState.FAILED, nothing(), problem=error.told)
        return replace(batch, scan=scan)

    def query(self, since: int | None, until: int | None) -> str:
        """What it would ask about each window that is old enough, ready to paste; the table is looked at, nothing is scanned."""
        found = [_window(ref) for ref in self.listing(since, until).refs]
        told = (sql.window_query(self._table_now, window, self._watched) for window in found)
        return ";\n\n".join(told) or "-- no window of this time is old enough to be read"

    # -- one window ------------------------------------------------------------------------------------------------------------------------

    def _asked(
        self, purse: Purse, window: Window, day: int, again: str = ""
    ) -> tuple[Execution, int]:
        """The window's query, run, and the bytes that it scanned."""
        query = sql.window_query(self._table_now, window, self._watched)
        if not sql.fits(query):
            msg = f"a query of {len(query):,} bytes is longer than Athena takes"
            raise SourceError(msg, hint="make `window` shorter")
        purpose = f"{self.name} {window.key} {window.version} day {day}{again}"
        most = self._section.max_scanned_bytes
        with purse.opened(day):
            execution, scanned = self._queries.run(
                query, self._section.database, purpose, self._begun, most
            )
            purse.paid(day, scanned)
        return execution, scanned

    def _told(self, ref: BatchRef, execution: Execution, window: Window, known: Known) -> Batch:
        if not execution.succeeded:
            reason = execution.reason or "without a reason"
            msg = f"Athena: the query ended as {execution.state}: {reason}"
            raise SourceError(
                msg,
                hint=f"query {execution.id}; it is tried again at the next run, {ATTEMPTS} times a day at most",
            )

        def whole(rows: object) -> Found:
            return folded(rows, known, (window.start, window.end), self._table_now.format)  # type: ignore[arg-type]

        found = self._queries.read(execution, sql.COLUMNS, whole)
        if not found.held:
            problem = "no record starts in it: nothing was delivered, it was deleted, or the table does not reach it"
            return Batch(ref, BatchState.GONE, nothing(), problem=problem)
        if found.crowded:
            problem = "more SKIPDATA records than can be kept"
            return Batch(ref, BatchState.PARTIAL, found.folded, problem=problem)
        return Batch(ref, BatchState.DONE, found.folded)

    # -- what there is ---------------------------------------------------------------------------------------------------------------------

    def _ready(self) -> Purse:
        """Ask once what table and workgroup are like."""
        with self._lock:
            if self._purse is None:
                self._purse = self._looked()
            return self._purse

    def _looked(self) -> Purse:
        section, needs = self._section, self._needs
        self._begun = float(needs.clock())
        region = section.region or needs.region()
        if not region:
            msg = f"source {self.name}: neither it nor AWS_REGION nor the AWS configuration names a region"
            raise ConfigError(msg, hint="add `region` to the source's section, or set AWS_REGION")
        self._queries_caller = needs.caller(section.account or "", region)
        group = looked_up(self._queries_caller, section)
        self._warn(group)
        self._queries = Queries(self._queries_caller, group, needs.sleep)
        self._table = table.learnt(
            self._queries_caller, section.database, section.table, self._sample
        )
        self._watched = needs.topology.server_interfaces()
        most = section.max_scanned_bytes_per_day
        known = per_reading(needs.ledger, self.name, needs.day) if most is not None else None
        refuse_too_much(
            self.name, width=self._width(), passes=len(self._ages()), known=known, most=most
        )
        return Purse(needs.ledger, self.name, most, known)

    def _were_read(self) -> Iterator[str]:
        """The windows that were read. One that never could be may be the reason for another width."""
        for key, (_, state) in self._needs.ledger.done(self.name).items():
            if state is not BatchState.FAILED:
                yield key

    @property
    def _table_now(self) -> Table:
        if self._table is None:
            raise AssertionError
        return self._table

    def _sample(self) -> Sample:
        section = self._section
        query = sql.sample_query(section.database, section.table)
        purpose = f"{self.name} sample {self._needs.clock()}"
        info, values = self._queries.sample(query, section.database, purpose)
        columns = [column(one["Name"], one.get("Type", "varchar")) for one in info[1:]]
        return Sample(columns, values, values.get("object_path", ""))

    def _warn(self, group: Workgroup) -> None:
        """Only Athena itself can end a query at its cap to the byte; ours is looked at every few seconds."""
        most = self._section.max_scanned_bytes
        if most is not None and (group.cutoff is None or group.cutoff > most):
            has = "no cutoff" if group.cutoff is None else f"a cutoff of {group.cutoff:,} bytes"
            log.warning(
                "source %s: the workgroup %s has %s for one query; max_scanned_bytes = %s is watched from here, and may be "
                "passed by what is scanned in a few seconds: set the workgroup's BytesScannedCutoffPerQuery",
                self.name, group.name, has, f"{most:,}",
            )  # fmt: skip

    def _width(self) -> int:
        partition = self._table_now.layout.width
        width = self._section.window or partition
        if width % partition:
            msg = f"source {self.name}: window = {width} s is no whole number of the table's partitions, which are {partition} s"
            raise ConfigError(
                msg, hint='for partitions of a day "1d" or "2d"; for those of an hour "1h" or more'
            )
        return width

    def _ages(self) -> Sequence[int]:
        settings, flow_logs = self._needs.settings, self._needs.topology.versions("flow_log")
        told = [version.value.max_aggregation_interval or 0 for version in flow_logs]
        settle = settings.collect.settle or (max(told, default=0) or _AGGREGATION) + _DELIVERY
        return [settle if age == "settle" else int(age) for age in self._section.passes]


def _window(ref: BatchRef) -> Window:
    if ref.slot is None:
        msg = f"{ref.key} is no window"
        raise SourceError(msg)
    return Window(*ref.slot, int(ref.version.rpartition(" ")[2]))
