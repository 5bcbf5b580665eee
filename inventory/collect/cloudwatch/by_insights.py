"""``method = "insights"``: the records of a window, counted where they are, by queries of Logs Insights."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from inventory.aws import Caller, corrupt
from inventory.collect.cloudwatch import insights
from inventory.collect.cloudwatch.queries import Bill, Caps, Queries, Row, TooMuchError
from inventory.collect.cloudwatch.reading import Reading, Task
from inventory.collect.needs import Needs
from inventory.config import CloudWatchSettings
from inventory.errors import AwsError, SourceError
from inventory.flowlog.aggregated import AggregatedRow, Aggregating
from inventory.flowlog.choice import distinct, rivals
from inventory.flowlog.format import LogFormat
from inventory.model import SLOT, Folded, Scan, Span


class ByInsights:
    """Reads windows by queries. Shared by threads."""

    def __init__(self, caller: Caller, section: CloudWatchSettings, needs: Needs) -> None:
        self._needs = needs
        before = Scan(needs.day, needs.ledger.scanned(section.name, needs.day))
        caps = Caps(section.max_scanned_bytes, section.max_scanned_bytes_per_day, before)
        self._queries = Queries(caller, needs.sleep, lambda: needs.day, caps)
        self._ours = f"efs-inventory:{section.name}:{_installation(needs.settings.database.url)}:"
        self._lock = threading.Lock()
        self._cleared: set[str] = set()

    def read(self, task: Task, reading: Reading) -> Folded:
        """See :class:`~.reading.Method`."""
        formats = distinct(task.formats)
        if (pair := rivals(formats)) is not None:
            msg = f"two flow logs deliver to {task.group.name} in formats that a query cannot tell apart: {pair[0].text} and {pair[1].text}"
            raise SourceError(
                msg, hint='give the source the `format` that counts, or method = "streams"'
            )
        self._clear(task.group.name)
        folder = Aggregating(task.known, task.window)
        bill = Bill(self._needs.day)
        try:
            for log_format in formats:
                for row in self._whole(task, log_format, task.window, bill):
                    folder.add(row)
        finally:
            reading.scan = Scan(bill.day, reading.scan.bytes + bill.bytes)
        if folder.crowded:
            reading.problems.append("more SKIPDATA records than can be kept")
        return folder.finish("\n".join(one.text for one in task.formats))

    def mended(self, task: Task, error: AwsError) -> bool:  # noqa: ARG002 - nothing is remembered here
        """See :class:`~.reading.Method`."""
        return False

    def _clear(self, group: str) -> None:
        """What an earlier run of ours left running is stopped, once for each log group: it costs, and nobody waits for it."""
        with self._lock:
            if group not in self._cleared:
                self._queries.stop_orphans(group, f"# {self._ours}")
                self._cleared.add(group)

    def _whole(
        self, task: Task, log_format: LogFormat, window: Span, bill: Bill
    ) -> list[AggregatedRow]:
        """The rows of a window; of its halves when they are too many for one query, or take too long."""
        try:
            rows = self._asked(task, log_format, window, bill)
        except TooMuchError as error:
            if window[1] - window[0] <= SLOT:
                raise SourceError(
                    f"{error}, for five minutes of it alone", hint='use method = "streams"'
                ) from error
            middle = window[0] + max(SLOT, (window[1] - window[0]) // 2 // SLOT * SLOT)
            return [
                row
                for half in ((window[0], middle), (middle, window[1]))
                for row in self._whole(task, log_format, half, bill)
            ]
        try:
            return list(insights.rows(rows))
        except insights.OddRow as odd:
            raise corrupt("logs.get-query-results", f"a row in which {odd}") from odd

    def _asked(self, task: Task, log_format: LogFormat, window: Span, bill: Bill) -> Sequence[Row]:
        wanted = insights.Wanted(
            f"{self._ours}{task.name}", log_format, window, task.interfaces, task.everybody
        )
        try:
            text = insights.text(wanted, insights.ROWS)
        except ValueError as error:
            raise SourceError(str(error), hint='use method = "streams"') from error
        start, end = window[0] - insights.PADDING, window[1] + insights.PADDING - 1
        rows = self._queries.ask(task.group.name, text, max(0, start), end, bill)
        if len(rows) >= insights.ROWS:
            msg = f"the query gives more than {insights.ROWS:,} rows"
            raise TooMuchError(msg)
        return rows


def _installation(url: str) -> str:
    """What tells this inventory from others that read the same logs under the same name; says nothing of the database."""
    place = urlsplit(url)
    named = f"{place.hostname} {place.port} {place.path}"
    return hashlib.blake2b(named.encode(), digest_size=4).hexdigest()
