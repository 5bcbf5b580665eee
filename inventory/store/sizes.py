"""How much each file system holds, by the newest sweep that told: a few numbers in ``meta`` beside the sweeps.

A size changes with every sweep, so versions of it would be a row for each file system and hour, and each of them new knowledge. Nothing
but the order of an answer depends on it. So only the newest is kept: a function of the set of sweeps all the same, whatever their order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, and_, select

from inventory.model import FileSystemSize, Sweep
from inventory.store.statements import chunks, upsert
from inventory.store.tables import META
from inventory.store.values import storable

Key = tuple[str, str, str]
"""Account, region and file system id."""

_PREFIX = "size"
_PARTS = ("at", "standard", "infrequent_access", "archive", "one_zone")


class Measured(NamedTuple):
    """A size, and the moment of the sweep that told it. Larger is newer; of one moment the larger stands."""

    at: int
    standard: int
    infrequent_access: int
    archive: int
    one_zone: int


def note(conn: Connection, sweeps: Iterable[Sweep]) -> None:
    """Keep what sweeps tell of sizes, where nothing newer is kept."""
    told: dict[Key, Measured] = {}
    for sweep in sweeps:
        for size in sweep.sizes:
            key = (sweep.account, sweep.region, storable(size.file_system_id))
            one = Measured(
                sweep.taken_at,
                size.standard,
                size.infrequent_access,
                size.archive,
                int(size.one_zone),
            )
            told[key] = max(one, told.get(key, one))
    if not told:
        return
    known = _kept(conn, told)
    newer = {key: one for key, one in told.items() if key not in known or known[key] < one}
    rows = [
        {"name": _name(part, key), "value": value}
        for key, one in sorted(newer.items())
        for part, value in one._asdict().items()
    ]
    if rows:
        statement = upsert(conn, META)
        change = {"value": statement.excluded.value}
        conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_=change), rows)


def newest(conn: Connection) -> dict[Key, FileSystemSize]:
    """Every size that was ever told, the newest of each file system."""
    mine = and_(META.c.name >= f"{_PREFIX} ", META.c.name < f"{_PREFIX}!")  # "!" comes after " "
    return {
        key: FileSystemSize(
            key[2], one.standard, one.infrequent_access, one.archive, bool(one.one_zone)
        )
        for key, one in _read(conn.execute(select(META.c.name, META.c.value).where(mine)).all())
    }


def _kept(conn: Connection, keys: Iterable[Key]) -> dict[Key, Measured]:
    names = sorted(_name(part, key) for key in keys for part in _PARTS)
    rows: list[tuple[str, int]] = []
    for some in chunks(names):
        chosen = select(META.c.name, META.c.value).where(META.c.name.in_(some))
        rows += [(name, value) for name, value in conn.execute(chosen)]
    return dict(_read(rows))


def _read(rows: Iterable[tuple[str, int]]) -> Iterable[tuple[Key, Measured]]:
    found: Mapping[Key, dict[str, int]] = defaultdict(dict)
    for name, value in rows:
        _, part, account, region, file_system_id = name.split(" ", 4)
        found[account, region, file_system_id][part] = value
    return ((key, Measured(**parts)) for key, parts in found.items())


def _name(part: str, key: Key) -> str:
    return " ".join((_PREFIX, part, *key))
