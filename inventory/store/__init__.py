"""The database: the only place that knows SQL.

:class:`Store` is the door. What changes anything does so in one transaction each: :meth:`Store.learn` adds sweeps,
:meth:`Store.record` adds batches. Questions are answered inside :meth:`Store.reading`, from one moment of the database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from sqlalchemy import URL, Connection, Engine

from inventory.model import Asked, Batch, BatchState, CallState, Place, Span, Sweep, Wanted
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from inventory.store import (
    asking,
    compact,
    copying,
    duties,
    facts,
    kept,
    locks,
    metrics,
    questions,
    recording,
    rejections,
    remembered,
    schema,
    sources,
    sweeps,
    unexplained,
    unlearn,
    views,
)
from inventory.store.asking import CallKey, CallTimes, Counts, DayUse
from inventory.store.duties import DutyRow
from inventory.store.engine import (
    TransientError,
    name_of,
    parse,
    reader_engine,
    translated,
    writer_engine,
)
from inventory.store.forget import STEPS, Step, not_listed
from inventory.store.kept import Kept
from inventory.store.loading import Knowledge
from inventory.store.locks import FencedError, Lock
from inventory.store.mounts import FileSystemKey
from inventory.store.remembered import Memory
from inventory.store.schema import SchemaState, SchemaStatus
from inventory.store.statements import chunks

if TYPE_CHECKING:
    from inventory.config import Settings

__all__ = [
    "CallKey",
    "CallTimes",
    "Counts",
    "DayUse",
    "DutyRow",
    "FencedError",
    "Kept",
    "Knowledge",
    "Lock",
    "SchemaState",
    "SchemaStatus",
    "Store",
    "TransientError",
]

TRIES = 3
"""How often a transaction is begun that fails for a reason that passes: a lost connection, a conflict."""

T = TypeVar("T")


@dataclass
class _Shared:
    """What the stores of one process that have one database have in common."""

    turn: threading.RLock = field(default_factory=threading.RLock)
    """SQLite: held while writing, so that two connections never write, or move the log into the file, at the same instant
    (sqlite.org/wal.html#walresetbug)."""
    knowledge: Knowledge | None = None
    """The newest that any of them saw; it is not changed, only replaced, and whoever uses it looks whether it is the newest."""


class Store:
    """One database, open until :meth:`close` or the end of its ``with`` block.

    Operators' faults are :class:`~inventory.errors.StoreError` (:class:`~inventory.errors.SchemaError` for another schema,
    :class:`~inventory.errors.LockedError` for somebody else's lock) and name the database, never its password. A store is not shared by
    threads that write: each has a :meth:`sibling`. A child made by ``fork`` opens its own.
    """

    def __init__(self, url: URL, *, write: bool, shared: _Shared | None = None) -> None:
        self._url = url
        self._write = write
        self._shared = shared or _Shared()
        self._readers: Engine | None = None
        self._writers: Engine | None = None
        self._usable = False
        self._lock: Lock | None = None

    @classmethod
    def open(cls, url: str, *, write: bool = False) -> Self:
        """The database at ``url``. With ``write`` an SQLite file that does not exist is made, empty; without, it must be there."""
        opened = cls(parse(url), write=write)
        opened.current()
        return opened

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings, *, write: bool = False) -> Iterator[Self]:
        """The configured database; to write, with the schema brought up to date first unless ``auto_upgrade`` is off."""
        with cls.open(settings.database.url, write=write) as store:
            if (
                write
                and settings.database.auto_upgrade
                and store.current().state in {SchemaState.EMPTY, SchemaState.OLDER}
            ):
                store.upgrade()
            with store.reading():
                pass  # an unfit schema is said before a lock or a file is touched
            yield store

    def sibling(self) -> Self:
        """The same database once more, for another thread of this process; what is known is kept once for all of them."""
        return type(self)(self._url, write=self._write, shared=self._shared)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. Closing twice is harmless."""
        self._let_go()
        self._readers = self._writers = None

    def rest(self) -> None:
        """Give back what is held for the next question, which comes late: on SQLite each connection has pages of up to 32 MiB.

        Nothing happens while another store of this process writes: to close the last connection may move the log into the file.
        """
        turn = self._shared.turn
        if self._url.get_backend_name() == "sqlite" and turn.acquire(blocking=False):
            try:
                self._let_go()
            finally:
                turn.release()

    @property
    def name(self) -> str:
        """How messages call the database."""
        return name_of(self._url)

    # -- schema --------------------------------------------------------------------------------------------------------------------------

    def current(self) -> SchemaStatus:
        """Which schema the database has."""
        with translated(self._url):
            engine = self._writer() if self._write else self._reader()
            with engine.connect() as connection, connection.begin():
                return schema.current(connection)

    def recheck(self) -> None:
        """Look again whether the schema is this program's: a newer program may have been here meanwhile. Raises ``SchemaError``."""
        self._usable = False
        with self.reading():
            pass

    def upgrade(self) -> None:
        """Bring the schema to this program's; nothing happens when it is there. Raises ``SchemaError`` when it is newer."""
        schema.upgrade(self._url)
        self._usable = False

    def downgrade(self, revision: str) -> None:
        """Bring the schema back; for tests, and for those who restore an older program."""
        schema.downgrade(self._url, revision)
        self._usable = False

    # -- transactions --------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One moment of the database, to hand to the functions that read; nothing can be written through it."""
        with translated(self._url), self._reader().connect() as connection, connection.begin():
            self._require_schema(connection)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing. Raises :class:`FencedError` when the lock that is held was lost."""
        turn = self._shared.turn if self._url.get_backend_name() == "sqlite" else nullcontext()
        with (
            turn,
            translated(self._url),
            self._writer().connect() as connection,
            connection.begin(),
        ):
            self._require_schema(connection)
            locks.begin_writing(connection, self._lock)
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work`` in a writing transaction, begun again when it fails for a reason that passes."""
        for _ in range(TRIES - 1):
            try:
                with self.writing() as connection:
                    return work(connection)
            except TransientError:
                continue
        with self.writing() as connection:
            return work(connection)

    @contextmanager
    def lock(self, name: str, timeout: float) -> Iterator[Lock]:
        """Hold ``name`` while writing, waiting up to ``timeout`` seconds for whoever holds it; then ``LockedError`` names them.

        On SQLite there is one lock for the whole database. Transactions inside of the block prove that it is still held.
        """
        with locks.hold(self._url, name, timeout) as held:
            before, self._lock = self._lock, held
            try:
                yield held
            finally:
                self._lock = before

    @contextmanager
    def alone(self, name: str, timeout: float) -> Iterator[None]:
        """On SQLite, hold the whole database for the stores of this process, so that each thread may take locks by name.

        On PostgreSQL there is a lock for each name anyway. Waits and raises as :meth:`lock` does.
        """
        with locks.alone(self._url, name, timeout):
            yield

    def duties(self) -> Mapping[str, DutyRow]:
        """What daemons do again and again, and how it went the last time, by name."""
        with self.reading() as connection:
            return duties.every(connection)

    def note(self, row: DutyRow) -> None:
        """Write down how a duty went."""
        self.write(lambda connection: duties.note(connection, row))

    # -- what the pipeline does ----------------------------------------------------------------------------------------------------------

    def known_sweeps(self) -> Mapping[tuple[str, str, str], Mapping[str, CallState]]:
        """Every recorded sweep by name, account and region, with the state of each of its calls."""
        with self.reading() as connection:
            return sweeps.known(connection)

    def call_times(self) -> Mapping[CallKey, CallTimes]:
        """When each call of each account and region was last asked, and last answered whole: by it a live sweep knows what is due."""
        with self.reading() as connection:
            return asking.call_times(connection)

    def metrics_asked(self) -> Mapping[Place, Mapping[tuple[str, str], Sequence[Span]]]:
        """By account and region, then file system and metric: the stretches of time that CloudWatch need not be asked about again."""
        with self.reading() as connection:
            return metrics.asked(connection)

    def use(self, day: int, uses: Mapping[CallKey, Counts]) -> None:
        """Add requests that were sent to AWS on a day (days since 1970, UTC), by account, region and call."""
        if uses:
            self.write(lambda connection: asking.add_use(connection, day, uses))

    def used(self, day: int) -> DayUse:
        """The requests of a day that were recorded so far: what is left of the day's budget."""
        with self.reading() as connection:
            return asking.used(connection, day)

    def learn(
        self, new: Iterable[Sweep], networks: Networks, answered: Sequence[Asked] = ()
    ) -> Knowledge:
        """Add sweeps and derive anew what they may change, in one transaction; all knowledge after it.

        ``answered``: what histories were asked and told completely, with what they told among the sweeps.
        """
        given, before = list(new), self._shared.knowledge
        learnt = self.write(
            lambda connection: recording.learn(connection, given, networks, before, answered)
        )
        self._shared.knowledge = learnt
        return learnt

    def wanted(self, history: str, since: int, knowledge: Knowledge) -> Wanted:
        """What a history (``cloudtrail``) may be asked about the time from ``since`` on, and what it was asked before."""
        with self.reading() as connection:
            return questions.wanted(connection, knowledge, history, since)

    def wanted_of(self, history: str, since: int) -> Wanted:
        """:meth:`wanted` by all knowledge as of now."""
        return self.wanted(history, since, self.knowledge())

    def knowledge(self) -> Knowledge:
        """All knowledge as of now; kept until it changes, so that learning need not read it all again."""
        with self.reading() as connection:
            newest = recording.current(connection, self._shared.knowledge)
        self._shared.knowledge = newest
        return newest

    def topology(self) -> Topology:
        """All knowledge as of now, ready to be asked."""
        return self.knowledge().topology

    def unexplained(self) -> Mapping[tuple[str, str], int]:
        """By account and region of the file system, when the newest client turned up that nobody could name."""
        with self.reading() as connection:
            return unexplained.newest(connection)

    def done(self, source: str) -> dict[str, tuple[str, BatchState]]:
        """Version and state of every batch of a source, by key."""
        with self.reading() as connection:
            return facts.done(connection, source)

    def looked(self, source: str) -> Mapping[str, int]:
        """By part of a source (a day's folder), when it was last looked at."""
        with self.reading() as connection:
            return sources.looked(connection, source)

    def scanned(self, source: str, day: int) -> int:
        """Bytes that reading a source had AWS scan on a day (days since 1970, UTC)."""
        with self.reading() as connection:
            return sources.scanned(connection, source, day)

    def settle(
        self,
        source: str,
        kind: str,
        settled: int | None,
        looked: Mapping[str, int],
        *,
        in_part: bool = False,
    ) -> None:
        """Everything that a source listed is read: answers may speak up to ``settled`` (``None``: up to its newest record).

        ``in_part``: somebody chose where the listing ends, so it takes nothing back of what was settled beyond.
        """
        self.write(
            lambda connection: sources.settle(
                connection,
                facts.source_id(connection, source, kind),
                settled,
                looked,
                in_part=in_part,
            )
        )

    def tidy(self, knowledge: Knowledge) -> None:
        """Give up strays, and captures of interfaces that nobody knows, that are older than a week of read logs."""
        self.write(lambda connection: recording.tidy(connection, knowledge))

    def compact(self, before: int, networks: Networks, is_over: Callable[[], bool]) -> int:
        """Join facts that ended before a moment, hour by hour in transactions of their own, until ``is_over``; how many rows are gone."""
        gone = 0
        while not is_over():
            with self.reading() as connection:
                found = compact.next_hour(connection, before)
            if found is None:
                break
            known = self.knowledge()
            for units in chunks(found.units, compact.UNITS):
                if is_over():
                    return gone
                joining = partial(
                    recording.compact, units=units, before=before, known=known, networks=networks
                )
                gone += self.write(joining)
            self.write(partial(compact.finish, hour=found.hour, before=before))
        return gone

    def newest(self) -> int | None:
        """Up to when any source was read; ``None``: none was."""
        with self.reading() as connection:
            return max((one.last for one in views.frontiers(connection).values()), default=None)

    def read_up_to(self, sources: Collection[str]) -> int | None:
        """Up to when all of some sources are read, those apart that were never read; ``None``: none was."""
        with self.reading() as connection:
            found = views.frontiers(connection)
        return min((found[name].last for name in sources if name in found), default=None)

    def forget(self, source: str, listed: Collection[str]) -> None:
        """Forget batches whose name tells no time and that are not there any more; ``listed`` are those that are.

        Those that were never read, and those of which nothing is kept.
        """

        def work(connection: Connection) -> None:
            facts.forget(connection, source, listed)
            not_listed(connection, source, listed)

        self.write(work)

    def kept(self) -> Kept:
        """Since when facts, mounts and knowledge are kept."""
        with self.reading() as connection:
            return kept.kept_since(connection)

    def keep(self, since: Kept, memories: Mapping[FileSystemKey, Memory] | None = None) -> None:
        """Forget what is older, but for what is to be remembered of file systems, flow logs and metrics; :meth:`drop` deletes its rows."""

        def work(connection: Connection) -> None:
            remembered.remember(connection, memories or {})
            rejections.remember(connection, since.facts)
            metrics.remember(connection, since.facts)
            kept.keep(connection, since)

        self.write(work)

    def drop(self, is_over: Callable[[], bool]) -> dict[str, int]:
        """Delete facts and mounts that are forgotten, in small transactions, until ``is_over``; how many rows, by table."""
        return self._drop(STEPS, is_over)

    def unlearn(self, is_over: Callable[[], bool]) -> dict[str, int]:
        """As :meth:`drop`, of knowledge."""
        with self.reading() as connection:
            needed = unlearn.needed(connection, self.topology())
        return self._drop(unlearn.steps(needed), is_over)

    def _drop(self, steps: Iterable[Step], is_over: Callable[[], bool]) -> dict[str, int]:
        gone: dict[str, int] = {}
        for step in steps:
            while not is_over():
                with self.reading() as connection:
                    if not step.pending(connection):
                        break
                number = self.write(step.drop)
                gone[step.name] = gone.get(step.name, 0) + number
        return gone

    def record(
        self,
        source: str,
        kind: str,
        batches: Sequence[Batch],
        knowledge: Knowledge,
        networks: Networks,
    ) -> Knowledge:
        """Add batches of a source and derive anew what they touch, in one transaction; the knowledge that was used."""
        used = self.write(
            lambda connection: recording.record(
                connection, source, kind, batches, knowledge, networks
            )
        )
        self._shared.knowledge = used
        return used

    def copy(self, url: str) -> dict[str, int]:
        """Copy everything to another database, which must be empty and gets the schema; rows copied, by table."""
        with type(self).open(url, write=True) as target:
            target.upgrade()
            with self.reading() as here, target.writing() as there:
                return copying.copy_all(here, there, target.name)

    # -- connections ---------------------------------------------------------------------------------------------------------------------

    def _reader(self) -> Engine:
        if self._readers is None:
            self._readers = reader_engine(self._url)
        return self._readers

    def _writer(self) -> Engine:
        if not self._write:
            message = "a store opened to read was asked to write"
            raise RuntimeError(message)
        if self._writers is None:
            self._writers = writer_engine(self._url)
        return self._writers

    def _let_go(self) -> None:
        for engine in (self._readers, self._writers):
            if engine is not None:
                engine.dispose()

    def _require_schema(self, connection: Connection) -> None:
        if not self._usable:
            schema.require_current(connection, self._url)
            self._usable = True
