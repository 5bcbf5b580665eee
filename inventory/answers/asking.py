"""What every question starts from: one moment of the database, the knowledge in it, and the window that is asked about."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from inventory.answers import shapes
from inventory.answers.contacts import Contact, Use, contacts, uses
from inventory.answers.finding import file_systems, keys_of
from inventory.answers.listed import FILE_SYSTEMS, MOUNT_TARGETS
from inventory.answers.presences import Asked
from inventory.answers.seeing import Limits, Observer, Seeing
from inventory.answers.shapes import Json
from inventory.discover.calls import WHOLE_BY
from inventory.errors import InventoryError, UsageError
from inventory.model import DAY, HOUR, FileSystem, Owner, OwnerKind, Place, Span, Version, iso
from inventory.resolve.clusters import Dumps
from inventory.resolve.networks import Networks
from inventory.store import asking, attributions, clusters, mounts, views
from inventory.store.loading import Knowledge, load
from inventory.store.mounts import FileSystemKey, MountRow
from inventory.timeline import subtract

if TYPE_CHECKING:
    from inventory.config import Settings

DEFAULT_WINDOW = 7 * DAY

_ALWAYS = (-(1 << 40), 1 << 40)


class Desk:
    """One reading transaction and what is asked of it."""

    def __init__(self, conn: views.Reader, settings: Settings) -> None:
        self.conn = conn
        self.tag_keys = settings.owners.tag_keys
        self.most_calls = settings.discover.max_calls_per_day
        self.networks = Networks(settings.networks)
        self._rows: tuple[object, list[MountRow]] | None = None
        """What was read last: mounts and possible ones are told from the same rows."""
        self._read: dict[FileSystemKey, tuple[Span, list[MountRow]]] = {}
        """Rows of the file system that was asked about last, and of which time they are all: each is read once."""
        self._told: attributions.Told = {}
        self._clients: dict[int, tuple[Owner, Json]] = {}
        self._dumps: dict[tuple[str, str, Span], Dumps] = {}
        self.mount_gap = settings.collect.mount_gap
        self._limits = Limits(settings.collect.mount_gap, settings.collect.max_lag)

    @cached_property
    def knowledge(self) -> Knowledge:
        """All knowledge."""
        return load(self.conn)

    @cached_property
    def observer(self) -> Observer:
        """Who knows what was looked at."""
        known = self.knowledge
        return Observer(self.conn, known.topology, known.whole_sweeps, self._limits)

    @cached_property
    def file_systems(self) -> list[Version[FileSystem]]:
        """Every file system, deleted ones too."""
        return file_systems(self.knowledge.topology)

    def places(self) -> list[Place]:
        """The accounts and regions in which clients, file systems or mount targets were looked for, also where all was refused."""
        shown = {
            (scope.account, scope.region)
            for scope in self.knowledge.shelves
            if scope.kind in (*MOUNT_TARGETS, *FILE_SYSTEMS)
        }
        asked = {
            (account, region)
            for account, region, call in asking.call_times(self.conn)
            if call in WHOLE_BY["file_system"]
        }
        return sorted(shown | asked)

    def as_of(self) -> int | None:
        """The oldest ``as_of`` of the file systems that are still there, so that one answer about all of them is true of each."""
        there = [
            found
            for v in self.file_systems
            if v.not_after is None and (found := self.observer.as_of(v)) is not None
        ]
        return min(there, default=self.observer.newest)

    def window(self, as_of: int | None, since: int | None, until: int | None) -> Span:
        """The window asked about: by default the week up to ``as_of``. Raises ``UsageError`` for one that holds no moment."""
        known = [moment for moment in (until, as_of, since) if moment is not None]
        if not known:
            msg = "no flow logs have been read yet, so there is no time to ask about"
            raise InventoryError(
                msg, hint="run 'efs-inventory collect', or name a time by --since and --until"
            )
        end = known[0]
        start = since if since is not None else end - DEFAULT_WINDOW
        if start >= end:
            if until is None and as_of is None:
                return (start, start + 1)
            msg = f"the window from {iso(start)} until {iso(end)} is empty"
            raise UsageError(
                msg, hint="--since must lie before --until (by default the newest record read)"
            )
        return (start, end)

    @staticmethod
    def last_week(as_of: int | None) -> Span:
        """The week up to ``as_of``; some week when nothing was read, which is blind anyway."""
        end = DEFAULT_WINDOW if as_of is None else as_of
        return (end - DEFAULT_WINDOW, end)

    def rows(self, version: Version[FileSystem], window: Span) -> list[MountRow]:
        """The mount hours that touch the window, those at its edges derived anew so that their counts lie inside it."""
        topology = self.knowledge.topology
        asked = (frozenset(keys_of(version, topology)), window)
        if self._rows is None or self._rows[0] != asked:
            found = [
                row
                for key, rows in self._stored(asked[0], window).items()
                for row in mounts.inside(self.conn, key, window, rows, topology, self.networks)
            ]
            self._rows = (asked, found)
        return self._rows[1]

    def read_whole(self, version: Version[FileSystem]) -> None:
        """Read all mount hours of a file system at once: every further question about it is answered from them."""
        keys = keys_of(version, self.knowledge.topology)
        self._rows = None
        self._read = {
            key: (_ALWAYS, mounts.of_file_system(self.conn, key, None, self._told)) for key in keys
        }

    def _stored(
        self, keys: Collection[FileSystemKey], window: Span
    ) -> dict[FileSystemKey, list[MountRow]]:
        """By each key of a file system, the mount hours that touch the window."""
        self._read = {key: self._read[key] for key in keys if key in self._read}
        found: dict[FileSystemKey, list[MountRow]] = {}
        for key in keys:
            span, rows = self._read.get(key, (window, None))
            if rows is not None and span[0] <= window[0] and window[1] <= span[1]:
                found[key] = mounts.touching(rows, window)
                continue
            found[key] = mounts.of_file_system(self.conn, key, window, self._told)
            self._read[key] = (window, found[key])
        return found

    @staticmethod
    def around(window: Span, as_of: int, *mount_gaps: int) -> Span:
        """Where mounts of the window show: one goes on through a silence that is shorter than the mount gap, or that nobody saw."""
        return (window[0] - max([HOUR, *mount_gaps]), max(window[1], as_of) + HOUR)

    def contacts(self, version: Version[FileSystem], window: Span, seeing: Seeing) -> list[Contact]:
        """Everything that clients had to do with a file system in the window, newest first; ``possible`` ones are not among them."""
        return contacts(*self._evidence(version, window, seeing))

    def uses(self, version: Version[FileSystem], window: Span, seeing: Seeing) -> list[Use]:
        """What :meth:`contacts` come to, without their particulars."""
        return uses(*self._evidence(version, window, seeing))

    def _evidence(
        self, version: Version[FileSystem], window: Span, seeing: Seeing
    ) -> tuple[list[MountRow], list[MountRow], Asked]:
        as_of = seeing.as_of if seeing.as_of is not None else window[1]
        around = self.around(window, as_of, *(sight.mount_gap for sight in seeing.sights.values()))
        stored = self._stored(keys_of(version, self.knowledge.topology), around)
        history = [row for rows in stored.values() for row in rows if not row.possible]
        counted = [row for row in self.rows(version, window) if not row.possible]
        asked = Asked(window, as_of, seeing.sights, self.client_gone, self._connected(version))
        return history, counted, asked

    def possible(self, version: Version[FileSystem], window: Span, seeing: Seeing) -> list[Contact]:
        """Clients on 2049 whose server is one of several file systems, this one among them."""
        as_of = seeing.as_of if seeing.as_of is not None else window[1]
        rows = [row for row in self.rows(version, window) if row.possible]
        asked = Asked(window, as_of, seeing.sights, self.client_gone, self._connected(version))
        return contacts(rows, rows, asked)

    def _connected(
        self, version: Version[FileSystem]
    ) -> Callable[[Span, Collection[str]], bool | None] | None:
        """Whether CloudTrail told of connections to the file system in some span; ``None`` where it was not asked about all of it."""
        topology = self.knowledge.topology
        if not topology.versions("client_connection") and not topology.asked(
            version.account, version.region
        ):
            return None

        def connected(span: Span, addresses: Collection[str]) -> bool | None:
            told = (
                stretch
                for address in addresses
                for stretch in topology.connected(version.value.file_system_id, address)
            )
            if any(span[0] <= end and start <= span[1] for start, end in told):
                return True
            left = subtract([span], topology.asked(version.account, version.region))
            return None if left else False

        return connected

    def client_gone(self, row: MountRow) -> int | None:
        """When the client behind a row is known to be gone for good: the end of its interface's life, as far as sweeps tell."""
        life = self.knowledge.topology.life(row.mount.attribution.interface_id)
        return life.before if life is not None else None

    def dumps(self, account: str, region: str, window: Span) -> Dumps:
        """What Kubernetes clusters of an account and region showed, as far as it may matter for mounts in the window; read once."""
        key = (account, region, window)
        if key not in self._dumps:
            self._dumps[key] = clusters.dumps(self.conn, *key)
        return self._dumps[key]

    def named(self, owner: Owner) -> Owner:
        """An address by the name that the configuration gives its network, if it does."""
        if owner.kind is not OwnerKind.ADDRESS or owner.name:
            return owner
        name = self.networks.name(owner.id)
        return owner if name is None else replace(owner, name=name)

    def client(self, owner: Owner) -> Json:
        """An owner as answers show it. The same owner is the same dictionary, which nobody may change."""
        known = self._clients.get(id(owner))
        if known is None:
            if len(self._clients) >= attributions.MOST_TOLD:
                self._clients.clear()
            # Kept with the owner: its number is not given to another one meanwhile.
            known = (owner, shapes.client(self.named(owner), self.tag_keys))
            self._clients[id(owner)] = known
        return known[1]
