"""How well answers tell the short-lived clients apart: every unit of truth against what is stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from inventory.model import SLOT, Confidence
from inventory.store import Store
from inventory.store.mounts import FileSystemKey, MountRow, of_file_system
from tests.churn.plan import ACCOUNT, FILE_SYSTEMS, REGION
from tests.churn.traffic import Record

ALWAYS = (0, 2**40)

Place = tuple[str, str]
"""A client address and a file system id."""


@dataclass
class Figures:
    """Shares of all units: one client address, one file system, one slot with traffic."""

    units: int = 0
    exact: int = 0
    """Everybody who was there is named, and for sure."""
    candidates: int = 0
    """Of the others, those where everybody is named for sure or stands in a list of candidates."""
    inferred: int = 0
    """Of the others, those where everybody is named."""
    wrong: list[str] = field(default_factory=list)
    """A sole owner who was not there, or a list of candidates without anybody who was."""
    missed: Counter[str] = field(default_factory=Counter)

    @property
    def exact_share(self) -> float:
        return self.exact / self.units

    @property
    def named_share(self) -> float:
        """Exact or candidates."""
        return (self.exact + self.candidates) / self.units

    @property
    def known_share(self) -> float:
        """Exact, candidates or inferred."""
        return (self.exact + self.candidates + self.inferred) / self.units

    def __str__(self) -> str:
        return (
            f"{self.units} units: {self.exact_share:.2%} exact, {self.named_share:.2%} exact or candidates, "
            f"{self.inferred} inferred only, {len(self.wrong)} wrong"
        )


@dataclass(frozen=True)
class _Presence:
    owner: str
    interface: str
    """A client may be named by it while nobody knows whose it is."""
    start: int
    end: int


def measured(store: Store, records: Iterable[Record]) -> Figures:
    """What the database says, against the truth of these records."""
    truth: dict[Place, list[_Presence]] = defaultdict(list)
    for record in records:
        use = record.use
        truth[use.address, use.file_system.id].append(
            _Presence(use.owner, use.interface, record.start, record.end)
        )
    rows: dict[Place, list[MountRow]] = defaultdict(list)
    with store.reading() as conn:
        for fs in FILE_SYSTEMS:
            key = FileSystemKey(ACCOUNT, REGION, fs.id)
            for row in of_file_system(conn, key, ALWAYS):
                rows[row.mount.client, fs.id].append(row)
    figures = Figures()
    for place in sorted({*truth, *rows}):
        _measure(place, truth, rows[place], figures)
    return figures


def _measure(
    place: Place, truth: Mapping[Place, list[_Presence]], every: list[MountRow], figures: Figures
) -> None:
    present: dict[int, set[str]] = defaultdict(set)
    began: dict[int, set[str]] = defaultdict(set)
    for one in truth.get(place, ()):
        began[one.start // SLOT].add(one.owner)
        for slot in _slots(one.start, one.end):
            present[slot] |= {one.owner, one.interface}
    named: dict[int, list[MountRow]] = defaultdict(list)
    for row in every:
        _check(place[0], truth, row, figures)
        if not row.possible:  # whose server may be another's names nobody
            for slot in _slots(row.mount.first_seen, row.mount.last_seen):
                named[slot].append(row)
    for slot, owners in sorted(began.items()):
        figures.wrong += [
            f"{place} in slot {slot * SLOT}: {_told(row)}, not {present[slot]}"
            for row in named[slot]
            if not _right(row, present[slot])
        ]
        _count(owners, named[slot], figures)


def _slots(start: int, end: int) -> range:
    return range(start // SLOT, end // SLOT + 1)


def _count(owners: set[str], rows: list[MountRow], figures: Figures) -> None:
    """One unit; ``owners`` are those whose records begin in it."""
    figures.units += 1
    sure = _owners(rows, Confidence.EXACT)
    listed = sure | _owners(rows, Confidence.CANDIDATES)
    if owners <= sure:
        figures.exact += 1
    elif owners <= listed:
        figures.candidates += 1
    elif owners <= listed | _owners(rows, Confidence.INFERRED):
        figures.inferred += 1
    else:
        figures.missed[" + ".join(sorted(map(_told, rows))) or "nobody"] += 1


def _check(
    address: str, truth: Mapping[Place, list[_Presence]], row: MountRow, figures: Figures
) -> None:
    """A row as a whole: while it lasts somebody whom it names was there, at one of the file systems that it names."""
    there = {
        name
        for fs in row.mount.file_system_ids
        for one in truth.get((address, fs), ())
        if one.start <= row.mount.last_seen and one.end >= row.mount.first_seen
        for name in (one.owner, one.interface)
    }
    if not _right(row, there):
        figures.wrong.append(f"{address}: {_told(row)}, not {there}")


def _right(row: MountRow, there: set[str]) -> bool:
    told = row.mount.attribution
    return told.confidence is Confidence.UNKNOWN or bool({o.id for o in told.owners} & there)


def _told(row: MountRow) -> str:
    told = row.mount.attribution
    who = ", ".join(owner.id for owner in told.owners)
    return f"{told.confidence.value} by {told.method.value} ({who})"


def _owners(rows: list[MountRow], confidence: Confidence) -> set[str]:
    return {
        owner.id
        for row in rows
        if row.mount.attribution.confidence is confidence
        for owner in row.mount.attribution.owners
    }
