"""Running a query on Athena: started once, watched to its end, its result read whole or not at all.

A query is started with a token that follows from what it is for, so that who starts it again after a crash gets the query that is running
or done, and pays once. The same token also brings back a query that *failed*; the next attempt has the next token.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from inventory.aws import Answer, Caller, corrupt
from inventory.aws.faults import translating
from inventory.collect.athena.workgroup import Workgroup
from inventory.errors import AwsError, AwsFault, SourceError

T = TypeVar("T")

DEADLINE = 35 * 60
"""Seconds a query may take: Athena itself ends a query after 30 minutes unless that quota was raised."""

ATTEMPTS = 8
"""Queries that are started for one reading of a window on one day; then it rests until the next day."""

_OWN_ATTEMPTS = 3
_TRIES = 6
_POLLS = (0.5, 1.0, 2.0, 4.0, 5.0)
_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
_FULL = (15.0, 30.0, 60.0, 60.0, 120.0)
_PAGES = 10
"""Pages of 1,000 rows that are fetched before the result's file is read instead."""
_CHUNK = 1 << 20
_PASSES = frozenset({AwsFault.UNREACHABLE, AwsFault.NO_ENDPOINT, AwsFault.CORRUPT})
_STATES = frozenset({"QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"})


@dataclass(frozen=True)
class Execution:
    """A query that ended, or that we stopped."""

    id: str
    state: str
    scanned: int
    """Bytes that are paid for."""
    submitted: float
    """Epoch seconds; by it one of an earlier run is told."""
    reason: str = ""
    retryable: bool = False
    output: str = ""
    """Where the result's file is, ``s3://…``; ``""`` when Athena manages it."""

    @property
    def succeeded(self) -> bool:
        """The result is there."""
        return self.state == "SUCCEEDED"


class Queries:
    """Queries of one workgroup. Methods may be called from several threads."""

    def __init__(
        self, caller: Caller, workgroup: Workgroup, sleep: Callable[[float], None]
    ) -> None:
        self._caller = caller
        self._workgroup = workgroup
        self._sleep = sleep

    def run(
        self, query: str, database: str, purpose: str, begun: float, most_bytes: int | None = None
    ) -> tuple[Execution, int]:
        """The execution of a query, and the bytes that its attempts scanned.

        ``purpose`` tells it from others of the same text (which reading of which window, on which day); ``begun``, when this run began:
        what failed before that was an earlier run's attempt. One that scans more than ``most_bytes`` is stopped. Raises ``AwsError``
        when it cannot be started or watched.
        """
        scanned = own = 0
        last: Execution | None = None
        for attempt in range(1, ATTEMPTS + 1):
            last = self._wait(
                self._start(query, database, f"{purpose} attempt {attempt}"), most_bytes
            )
            if last.submitted < begun and not last.succeeded:
                continue  # its bytes were written down when it failed
            scanned += last.scanned
            own += 1
            if last.succeeded or not last.retryable or own == _OWN_ATTEMPTS:
                return last, scanned
        if last is None:
            raise AssertionError
        return last, scanned

    def rows(
        self, execution: Execution, columns: Sequence[str] | None, most_pages: int | None = None
    ) -> Iterator[list[str | None]]:
        """The rows of a result. Raises ``AwsError`` when it cannot be read to its end, also after rows were given.

        Raises :class:`ManyRowsError` after ``most_pages`` when there is a file to read instead.
        """
        pages = self._caller.pages(
            "athena", "get_query_results", need=("ResultSet",),
            QueryExecutionId=execution.id, PaginationConfig={"PageSize": 1000},
        )  # fmt: skip
        for number, page in enumerate(pages):
            if number == most_pages and execution.output:
                raise ManyRowsError
            yield from _page_rows(page["ResultSet"], columns, first=number == 0)

    def read(
        self,
        execution: Execution,
        columns: Sequence[str],
        take: Callable[[Iterator[list[str | None]]], T],
    ) -> T:
        """What ``take`` makes of all rows; it is called anew when reading them has to begin again."""

        def whole() -> T:
            try:
                return take(self.rows(execution, columns, _PAGES))
            except ManyRowsError:
                pass
            try:
                return take(self._file_rows(execution.output, columns))
            except AwsError as error:
                if error.fault is not AwsFault.DENIED:
                    raise
            return take(self.rows(execution, columns))  # slow, but whole

        return self.patiently(whole)

    def sample(
        self, query: str, database: str, purpose: str
    ) -> tuple[list[Mapping[str, str]], dict[str, str]]:
        """Columns (as the result's metadata describes them) and values of a query of one row."""
        execution, _ = self.run(query, database, purpose, begun=0)
        if not execution.succeeded:
            msg = f"Athena could not look at the table: {execution.reason or execution.state}"
            raise SourceError(msg, hint="allow glue:GetTable, or check database and table")
        answer = self.patiently(
            lambda: self._caller.ask(
                "athena", "get_query_results", need=("ResultSet",), QueryExecutionId=execution.id
            )
        )
        info = _columns(answer["ResultSet"])
        rows = list(_page_rows(answer["ResultSet"], [one["Name"] for one in info], first=True))
        values = rows[0] if rows else []
        names = [one["Name"] for one in info]
        return info, {name: value for name, value in zip(names, values, strict=False) if value}

    # -- one query -------------------------------------------------------------------------------------------------------------------------

    def _start(self, query: str, database: str, purpose: str) -> str:
        parameters: dict[str, Any] = {
            "QueryString": query,
            "QueryExecutionContext": {"Database": database},
            "WorkGroup": self._workgroup.name,
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        }
        if self._workgroup.output:
            parameters["ResultConfiguration"] = {"OutputLocation": self._workgroup.output}
        said = json.dumps([purpose, parameters], sort_keys=True)
        token = hashlib.sha256(said.encode()).hexdigest()

        def start() -> Answer:
            return self._caller.ask(
                "athena", "start_query_execution", need=("QueryExecutionId",),
                ClientRequestToken=token, **parameters,
            )  # fmt: skip

        return str(self.patiently(start)["QueryExecutionId"])

    def _wait(self, identity: str, most_bytes: int | None) -> Execution:
        waited, polls = 0.0, 0
        while True:
            found = self.patiently(lambda: self._look(identity))
            if found.state not in {"QUEUED", "RUNNING"}:
                return found
            if waited >= DEADLINE:
                return self._stopped(found, f"stopped after {DEADLINE // 60} minutes")
            if most_bytes is not None and found.scanned > most_bytes:
                return self._stopped(
                    found,
                    f"stopped at {found.scanned:,} bytes: max_scanned_bytes is {most_bytes:,}",
                )
            pause = _POLLS[min(polls, len(_POLLS) - 1)]
            self._sleep(pause)
            waited, polls = waited + pause, polls + 1

    def _look(self, identity: str) -> Execution:
        call = "athena.get-query-execution"
        answer = self._caller.ask(
            "athena", "get_query_execution", need=("QueryExecution",), QueryExecutionId=identity
        )["QueryExecution"]
        status = answer.get("Status", {})
        state = status.get("State")
        if state not in _STATES or "SubmissionDateTime" not in status:
            raise corrupt(call, "a query without its state")
        error = status.get("AthenaError", {})
        return Execution(
            identity,
            state,
            int(answer.get("Statistics", {}).get("DataScannedInBytes", 0)),
            status["SubmissionDateTime"].timestamp(),
            str(status.get("StateChangeReason") or error.get("ErrorMessage") or ""),
            bool(error.get("Retryable", False)),
            ""
            if self._workgroup.managed
            else str(answer.get("ResultConfiguration", {}).get("OutputLocation", "")),
        )

    def _stopped(self, running: Execution, why: str) -> Execution:
        """Ask for its end, and what it had scanned until then."""
        self.patiently(
            lambda: self._caller.ask("athena", "stop_query_execution", QueryExecutionId=running.id)
        )
        found = self.patiently(lambda: self._look(running.id))
        if found.succeeded:
            return found
        return Execution(running.id, "CANCELLED", found.scanned, found.submitted, why)

    # -- results ---------------------------------------------------------------------------------------------------------------------------

    def _file_rows(self, output: str, columns: Sequence[str]) -> Iterator[list[str | None]]:
        """The rows of the result's file, of which no more than a piece is in memory."""
        place = urlsplit(output)
        call = "s3.get-object"
        answer = self._caller.ask(
            "s3", "get_object", need=("Body",), Bucket=place.netloc, Key=place.path.lstrip("/")
        )
        with translating(call, self._caller.account):
            lines = csv.reader(_lines(answer["Body"]), strict=True)
            try:
                if next(lines, None) != list(columns):
                    raise corrupt(call, "a result that is another's")
                for line in lines:
                    yield list(line)
            except csv.Error as error:
                raise corrupt(call, "a result that was cut or garbled") from error

    def patiently(self, work: Callable[[], T]) -> T:
        """The work's result; it is done again when AWS is out of reach or full for a while. Raises ``AwsError``."""
        for tried in range(_TRIES - 1):
            try:
                return work()
            except AwsError as error:
                if error.fault is AwsFault.THROTTLED:
                    self._sleep(_FULL[tried])
                elif error.fault in _PASSES:
                    self._sleep(_WAITS[tried])
                else:
                    raise
        return work()


class ManyRowsError(Exception):
    """A result of so many rows that its file is the better way to them."""


def _columns(result: Mapping[str, Any]) -> list[Mapping[str, str]]:
    info = result.get("ResultSetMetadata", {}).get("ColumnInfo")
    if not info:
        raise corrupt("athena.get-query-results", "a result without columns")
    return list(info)


def _page_rows(
    result: Mapping[str, Any], columns: Sequence[str] | None, *, first: bool
) -> Iterator[list[str | None]]:
    """The rows of one page; the first page's first row is the header."""
    call = "athena.get-query-results"
    rows = result.get("Rows")
    if rows is None:
        raise corrupt(call, "a page without rows")
    found = iter([[datum.get("VarCharValue") for datum in row.get("Data", [])] for row in rows])
    if first:
        named = [one["Name"] for one in _columns(result)]
        if next(found, None) != named or (columns is not None and named != list(columns)):
            raise corrupt(call, "a result that is another's")
    yield from found


def _lines(body: Any) -> Iterator[str]:  # noqa: ANN401 - botocore's own stream
    for line in body.iter_lines(_CHUNK, keepends=True):
        yield line.decode("utf-8", "replace")
