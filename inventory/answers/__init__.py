"""The questions: which file systems are there, who mounted one, what does a client mount, how well do we see.

Answers are dictionaries in the shapes that other programs rely on (see the reference of exports and commands). Nothing in them depends on
the wall clock: "now" is ``as_of``, up to where the flow logs were read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from inventory.answers import deleting, listing, planning, remembering, status, who
from inventory.answers.asking import Desk
from inventory.answers.case import Asked
from inventory.answers.deleting import Checked
from inventory.answers.shapes import Json
from inventory.model import iso

if TYPE_CHECKING:
    from inventory.config import Settings
    from inventory.store import Store
    from inventory.store.mounts import FileSystemKey
    from inventory.store.remembered import Memory
    from inventory.store.views import Reader

__all__ = ["Answers", "Asked", "By", "Checked", "Json"]

By = Literal["client", "workload", "contact"]


class Answers:
    """Asks one database; each question is answered from one moment of it."""

    def __init__(self, store: Store, settings: Settings, reader: Reader | None = None) -> None:
        """``reader`` is a transaction that is open already, if every question shall be answered inside of it."""
        self._store = store
        self._settings = settings
        self._within = reader

    @contextmanager
    def _desk(self) -> Iterator[Desk]:
        if self._within is not None:
            yield Desk(self._within, self._settings)
            return
        with self._store.reading() as conn:
            yield Desk(conn, self._settings)

    @property
    def gone_after(self) -> int:
        """Seconds of seen silence after which a mount is gone, as configured."""
        return self._settings.notify.gone_after

    def as_of(self) -> str | None:
        """Up to where every source needed was read, for all file systems together; ISO 8601, ``None`` when nothing was read."""
        with self._desk() as desk:
            return iso(desk.as_of())

    def list(self) -> Json:
        """Every file system, with its clients as of now."""
        with self._desk() as desk:
            return listing.list_file_systems(desk)

    def who(
        self,
        file_system: str,
        since: int | None = None,
        until: int | None = None,
        by: By = "client",
    ) -> Json:
        """Who mounted a file system (id, ARN or Name tag) in a window (epoch seconds, half-open; default: a week up to ``as_of``).

        Raises ``NotFoundError`` for one that nothing knows, ``UsageError`` for an ambiguous name or an empty window.
        """
        with self._desk() as desk:
            return who.who(desk, file_system, since, until, by)

    def mounts(self, client: str, since: int | None = None, until: int | None = None) -> Json:
        """What a client (id, ARN, interface, name or address) mounts. Raises as :meth:`who` does."""
        with self._desk() as desk:
            return who.mounts(desk, client, since, until)

    def check_delete(self, file_system: str, asked: Asked, *, certified: bool = False) -> Checked:
        """May a file system go: the verdict, and everything that speaks for it or against it; with a certificate when asked for.

        Raises as :meth:`who` does, and ``InventoryError`` when there is no time to ask about.
        """
        with self._desk() as desk:
            return deleting.check_delete(
                desk, self._settings, file_system, asked, certified=certified
            )

    def check_all(self, asked: Asked) -> Json:
        """The verdict on every file system that is there, those first that may go."""
        with self._desk() as desk:
            return deleting.check_all(desk, self._settings, asked)

    def plan(self, file_system: str, asked: Asked) -> Json:
        """The staged way of a scream test for a file system; raises as :meth:`check_delete` does."""
        with self._desk() as desk:
            return planning.plan(desk, self._settings, file_system, asked)

    def verify(self, certificate: bytes, now: int) -> Json:
        """Whether a certificate may be acted on at ``now``. Raises ``UsageError`` for what is none."""
        with self._desk() as desk:
            return deleting.verify(desk, self._settings, certificate, now)

    def everything(self) -> Iterator[tuple[Json, Json]]:
        """For each file system its line of :meth:`list` and its answer of :meth:`who` over all time that is kept, from one moment.

        They come by account, region and id, one at a time in memory.
        """
        with self._desk() as desk:
            for version in desk.file_systems:
                desk.read_whole(version)
                # The longer look first: the shorter one is a part of it.
                answer = who.of_version(desk, version, (0, None), "client")
                yield listing.file_system_line(desk, version), answer

    def memories(self, until: int) -> dict[FileSystemKey, Memory]:
        """What is to be remembered of looking at each file system when facts from before a moment are forgotten."""
        with self._desk() as desk:
            return remembering.memories(desk, until)

    def status(self) -> Json:
        """How well the inventory sees: sources, holes, sweeps, formats, what could not be resolved."""
        with self._desk() as desk:
            return status.status(desk)
