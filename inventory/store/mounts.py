"""The derived mounts: rebuilt for what is touched, in the transaction that touches it; read for answers.

``mount_hour`` says nothing that facts and knowledge do not say: deleting it and rebuilding gives it back, row for row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
)

from inventory.model import (
    DAY,
    HOUR,
    PROBE_PACKETS,
    PROBE_SECONDS,
    MountHour,
    Sighting,
    Span,
)
from inventory.resolve.counting import Fact
from inventory.resolve.derive import Unit, derive
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from inventory.store import attributions
from inventory.store.changes import Touched
from inventory.store.kept import kept_since
from inventory.store.tables import BATCH, MOUNT_HOUR, SIGHTING, SOURCE

_MANY_UNITS = 64
"""From this many units of one hour on, the hour is read as a whole."""

_MOST_NAMES = 5_000
"""Names beyond which it is simpler to derive all of that time anew. Each is a parameter or two of one statement: SQLite takes 32,766."""

_LOGS_ASTRAY = DAY
"""How far before its beginning a thing is still looked for in records: far more than clocks, lists of AWS and times without a field err."""

_END = 2**62

_SIGHTING_COLUMNS = [SIGHTING.c[name] for name in Sighting._fields]
_FACTS = (
    select(*_SIGHTING_COLUMNS, SIGHTING.c.batch_id, BATCH.c.flow_log_id, SOURCE.c.name, BATCH.c.key)
    .join(BATCH, BATCH.c.id == SIGHTING.c.batch_id)
    .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
    .where(SIGHTING.c.stray == 0)
)
# The hour itself, and of the hour before what reaches into it.
_IN_REACH = or_(
    SIGHTING.c.hour == bindparam("at"),
    and_(SIGHTING.c.hour == bindparam("before"), SIGHTING.c.last_seen >= bindparam("at")),
)
_FACTS_OF_HOUR = _FACTS.where(_IN_REACH)
_FACTS_OF_UNIT = _FACTS_OF_HOUR.where(
    SIGHTING.c.server == bindparam("at_server"), SIGHTING.c.true_client == bindparam("at_client")
)
_DELETE_UNIT = delete(MOUNT_HOUR).where(
    MOUNT_HOUR.c.hour == bindparam("at"),
    MOUNT_HOUR.c.server == bindparam("at_server"),
    MOUNT_HOUR.c.client == bindparam("at_client"),
)


def rebuild(
    conn: Connection, units: Iterable[Unit], topology: Topology, networks: Networks
) -> None:
    """Derive the mount hours of ``units`` anew, inside the caller's writing transaction; those without facts any more stay as they are."""
    by_hour: dict[int, set[Unit]] = defaultdict(set)
    since = kept_since(conn).facts
    for unit in units:
        if unit.hour >= since:
            by_hour[unit.hour].add(unit)
    for hour, wanted in sorted(by_hour.items()):
        conn.execute(
            _DELETE_UNIT,
            [{"at": hour, "at_server": u.server, "at_client": u.client} for u in sorted(wanted)],
        )
        rows: list[tuple[Unit, int, MountHour]] = []
        for unit, facts in _facts(conn, hour, wanted):
            rows.extend(
                (unit, i, row) for i, row in enumerate(derive(unit, facts, topology, networks))
            )
        _insert(conn, rows)


def _facts(conn: Connection, hour: int, wanted: set[Unit]) -> Iterator[tuple[Unit, list[Fact]]]:
    moments = {"at": hour, "before": hour - HOUR}
    if len(wanted) < _MANY_UNITS:
        for unit in sorted(wanted):
            found = conn.execute(
                _FACTS_OF_UNIT, {**moments, "at_server": unit.server, "at_client": unit.client}
            )
            yield unit, [_fact(row) for row in found]
        return
    groups: dict[Unit, list[Fact]] = {unit: [] for unit in sorted(wanted)}
    for row in conn.execute(_FACTS_OF_HOUR, moments).all():
        fact = _fact(row)
        group = groups.get(Unit(fact.sighting.server, fact.sighting.true_client, hour))
        if group is not None:
            group.append(fact)
    yield from groups.items()


def _fact(row: Sequence[Any]) -> Fact:
    *values, stray, batch_id, flow_log_id, source, key = row
    sighting = Sighting._make((*values, bool(stray)))
    return Fact(sighting, flow_log_id or f"source {source}", source, key, batch_id)


def _insert(conn: Connection, rows: Sequence[tuple[Unit, int, MountHour]]) -> None:
    if not rows:
        return
    clients = attributions.ids(conn, [row.attribution for _, _, row in rows])
    conn.execute(
        insert(MOUNT_HOUR),
        [
            _values(
                unit, ordinal, row, file_system_id, clients[attributions.digest(row.attribution)]
            )
            for unit, ordinal, row in rows
            for file_system_id in row.file_system_ids
        ],
    )


def _values(
    unit: Unit, ordinal: int, row: MountHour, file_system_id: str, client_id: int
) -> dict[str, Any]:
    return {
        "account": row.account,
        "region": row.region,
        "file_system_id": file_system_id,
        "hour": unit.hour,
        "client": unit.client,
        "server": unit.server,
        "ordinal": ordinal,
        "mount_target_id": row.mount_target_id,
        "file_system_ids": " ".join(row.file_system_ids),
        "possible": int(not row.mount_target_id),
        "client_id": client_id,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
        "requests_ok": row.requests_ok,
        "responses_ok": row.responses_ok,
        "rejected": row.rejected,
        "packets_in": row.packets_in,
        "bytes_in": row.bytes_in,
        "packets_out": row.packets_out,
        "bytes_out": row.bytes_out,
        "at_mount_target": int(row.at_mount_target),
        "accepted": int(row.accepted),
        "last_busy": row.last_busy,
        "batch_id": row.batch_id,
    }


# -- reading -----------------------------------------------------------------------------------------------------------------------------


class FileSystemKey(NamedTuple):
    """A file system across accounts: S3 Files shares the id space, so an id alone does not name one."""

    account: str
    region: str
    file_system_id: str


class MountRow(NamedTuple):
    """A stored mount hour: ``possible`` when its server is only one of several candidates."""

    mount: MountHour
    possible: bool
    server: str


def of_file_system(
    conn: Connection, key: FileSystemKey, window: Span | None, told: attributions.Told | None = None
) -> list[MountRow]:
    """The mount hours of a file system that touch ``window`` (``None``: all), oldest first.

    Clients are looked up in ``told``, where it is given; those that were not there are added.
    """
    condition = and_(
        MOUNT_HOUR.c.account == key.account,
        MOUNT_HOUR.c.region == key.region,
        MOUNT_HOUR.c.file_system_id == key.file_system_id,
    )
    if window is not None:
        condition = and_(
            condition,
            # A run may reach hours beyond the hour that it began in by one record only: no record is longer than its aggregation interval.
            MOUNT_HOUR.c.hour >= window[0] - 2 * HOUR,
            MOUNT_HOUR.c.hour < window[1],
            MOUNT_HOUR.c.last_seen >= window[0],
            MOUNT_HOUR.c.first_seen < window[1],
        )
    return [mount for _, mount in _rows(conn, condition, {} if told is None else told)]


def touching(rows: Iterable[MountRow], window: Span) -> list[MountRow]:
    """Those of all rows of a file system that :func:`of_file_system` finds for a window."""
    start, end = window
    hours = start - 2 * HOUR
    return [
        row
        for row in rows
        if (mount := row.mount).last_seen >= start
        and mount.first_seen < end
        and hours <= mount.hour < end
    ]


def inside(
    conn: Connection,
    key: FileSystemKey,
    window: Span,
    rows: Sequence[MountRow],
    topology: Topology,
    networks: Networks,
) -> list[MountRow]:
    """``rows`` that touch ``window`` with counts of what starts inside of it only: those that its ends cut are derived anew.

    Those whose facts are forgotten count whole.
    """
    cut: dict[int, set[Unit]] = defaultdict(set)
    since = kept_since(conn).facts
    for row in rows:
        is_cut = row.mount.first_seen < window[0] or row.mount.last_seen >= window[1]
        if is_cut and row.mount.hour >= since:
            cut[row.mount.hour].add(Unit(row.server, row.mount.client, row.mount.hour))
    kept = [
        row
        for row in rows
        if row.mount.hour not in cut
        or Unit(row.server, row.mount.client, row.mount.hour) not in cut[row.mount.hour]
    ]
    for hour, units in sorted(cut.items()):
        for unit, facts in _facts(conn, hour, units):
            anew = derive(unit, facts, topology, networks, counting=window)
            kept.extend(
                MountRow(mount, not mount.mount_target_id, unit.server)
                for mount in anew
                if _touches(mount, key, window)
            )
    return sorted(kept, key=lambda row: (row.mount.first_seen, row.mount.client, row.server))


def _touches(mount: MountHour, key: FileSystemKey, window: Span) -> bool:
    return (
        (mount.account, mount.region) == key[:2]
        and key.file_system_id in mount.file_system_ids
        and mount.last_seen >= window[0]
        and mount.first_seen < window[1]
    )


def of_clients(
    conn: Connection, client_ids: Sequence[int], address: str, window: Span
) -> list[tuple[FileSystemKey, MountRow]]:
    """The mount hours of attributions by id, and of a client address (``""``: none), that touch ``window``, with their file system."""
    condition = and_(
        or_(
            MOUNT_HOUR.c.client_id.in_(client_ids),
            and_(MOUNT_HOUR.c.client == address, MOUNT_HOUR.c.client != ""),
        ),
        MOUNT_HOUR.c.last_seen >= window[0],
        MOUNT_HOUR.c.first_seen < window[1],
    )
    return _rows(conn, condition, {})


class Newest(NamedTuple):
    """The end of the newest accepted contact with a file system, and of the newest that was more than idle."""

    last_seen: int | None
    last_busy: int | None


def newest_accepted(conn: Connection, key: FileSystemKey) -> Newest:
    """When a file system was last mounted, and last used, as far back as rows go; a row as small as a scanner's contact is not asked."""
    more_than_a_probe = or_(
        MOUNT_HOUR.c.at_mount_target == 0,
        MOUNT_HOUR.c.packets_in > PROBE_PACKETS,
        MOUNT_HOUR.c.packets_out > PROBE_PACKETS,
        MOUNT_HOUR.c.last_seen - MOUNT_HOUR.c.first_seen > PROBE_SECONDS,
    )
    accepted = and_(
        MOUNT_HOUR.c.account == key.account,
        MOUNT_HOUR.c.region == key.region,
        MOUNT_HOUR.c.file_system_id == key.file_system_id,
        MOUNT_HOUR.c.accepted == 1,
        MOUNT_HOUR.c.possible == 0,
        more_than_a_probe,
    )
    seen, busy = conn.execute(
        select(func.max(MOUNT_HOUR.c.last_seen), func.max(MOUNT_HOUR.c.last_busy)).where(accepted)
    ).one()
    return Newest(seen, busy)


def units_between(conn: Connection, span: Span | None) -> set[Unit]:
    """The units with sightings that touch ``span``; every unit when it is ``None``. Those already derived are among them."""
    since = kept_since(conn).facts
    sighted = (
        select(SIGHTING.c.server, SIGHTING.c.true_client, SIGHTING.c.hour)
        .where(SIGHTING.c.stray == 0, SIGHTING.c.hour >= since)
        .distinct()
    )
    derived = select(MOUNT_HOUR.c.server, MOUNT_HOUR.c.client, MOUNT_HOUR.c.hour).distinct()
    derived = derived.where(MOUNT_HOUR.c.hour >= since)
    if span is not None:
        start, end = span[0] - span[0] % HOUR, span[1]
        # An hour's derivation looks at what reaches into it from the hour before.
        sighted = sighted.where(SIGHTING.c.hour >= start - HOUR, SIGHTING.c.hour <= end + HOUR)
        derived = derived.where(MOUNT_HOUR.c.hour >= start - HOUR, MOUNT_HOUR.c.hour <= end + HOUR)
    return {Unit(*row) for statement in (sighted, derived) for row in conn.execute(statement)}


def units_naming(conn: Connection, changed: Touched) -> set[Unit]:
    """Every unit with a sighting that names something changed, from when on it can be named: one look through the sightings since then."""
    if changed.everything:
        return units_between(conn, None)
    since = changed.since() - _LOGS_ASTRAY
    if changed.number() > _MOST_NAMES:
        return units_between(conn, (since, _END))
    named = (
        (SIGHTING.c.interface_id, changed.interfaces),
        (SIGHTING.c.next_hop, changed.interfaces),
        (SIGHTING.c.true_client, changed.addresses),
        (SIGHTING.c.client, changed.addresses),
        (SIGHTING.c.instance_id, changed.instances),
        (SIGHTING.c.task_arn, changed.tasks),
    )
    wanted = [column.in_(sorted(names)) for column, names in named if names]
    if not wanted:
        return set()
    unit = select(SIGHTING.c.server, SIGHTING.c.true_client, SIGHTING.c.hour).distinct()
    statement = unit.where(SIGHTING.c.stray == 0, SIGHTING.c.hour >= since, or_(*wanted))
    found = {Unit(*row) for row in conn.execute(statement).all()}
    return found | {unit._replace(hour=unit.hour + HOUR) for unit in found}


def any_facts(conn: Connection) -> bool:
    """Whether anything was sighted at all."""
    return conn.execute(select(SIGHTING.c.batch_id).limit(1)).first() is not None


_NAMES = {"attribution": "client_id"}
_HOUR_COLUMNS = [MOUNT_HOUR.c[_NAMES.get(name, name)] for name in MountHour._fields]


def _rows(
    conn: Connection, condition: ColumnElement[bool], told: attributions.Told
) -> list[tuple[FileSystemKey, MountRow]]:
    statement = (
        select(
            *_HOUR_COLUMNS, MOUNT_HOUR.c.possible, MOUNT_HOUR.c.server, MOUNT_HOUR.c.file_system_id
        )
        .where(condition)
        .order_by(
            MOUNT_HOUR.c.first_seen, MOUNT_HOUR.c.client, MOUNT_HOUR.c.ordinal, MOUNT_HOUR.c.server
        )
    )
    rows = conn.execute(statement).all()
    attributions.read(conn, (row.client_id for row in rows), told)
    return _made(rows, told)


def _made(rows: Sequence[Any], told: attributions.Told) -> list[tuple[FileSystemKey, MountRow]]:
    """Rows as they are answered from. Every export makes each row once, so nothing here is done by name."""
    found: list[tuple[FileSystemKey, MountRow]] = []
    candidates: dict[str, tuple[str, ...]] = {}
    keys: dict[tuple[str, str, str], FileSystemKey] = {}
    for target, ids, account, region, client, client_id, *figures, possible, server, one in rows:
        if ids not in candidates:
            candidates[ids] = tuple(ids.split())
        place = (account, region, one)
        if place not in keys:
            keys[place] = FileSystemKey(*place)
        *counts, at_mount_target, accepted, last_busy, batch_id = figures
        mount = MountHour._make(
            (
                target,
                candidates[ids],
                account,
                region,
                client,
                told[client_id],
                *counts,
                bool(at_mount_target),
                bool(accepted),
                last_busy,
                batch_id,
            )
        )
        found.append((keys[place], MountRow(mount, bool(possible), server)))
    return found
