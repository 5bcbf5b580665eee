"""The derived mounts: rebuilt for what is touched, in the transaction that touches it; read for answers.

``mount_hour`` says nothing that facts and knowledge do not say: deleting it and rebuilding gives it back, row for row.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
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
    Attribution,
    Confidence,
    Method,
    MountHour,
    Owner,
    OwnerKind,
    Sighting,
    Span,
    Workload,
)
from inventory.resolve.counting import Fact
from inventory.resolve.derive import Unit, derive
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from inventory.store.changes import Touched
from inventory.store.tables import BATCH, CLIENT, MOUNT_HOUR, SIGHTING, SOURCE

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
    """Derive the mount hours of ``units`` anew, inside the caller's writing transaction."""
    by_hour: dict[int, set[Unit]] = defaultdict(set)
    for unit in units:
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
    clients = _client_ids(conn, [row.attribution for _, _, row in rows])
    conn.execute(
        insert(MOUNT_HOUR),
        [
            _values(unit, ordinal, row, file_system_id, clients[_digest(_body(row.attribution))])
            for unit, ordinal, row in rows
            for file_system_id in row.file_system_ids
        ],
    )


def _client_ids(conn: Connection, attributions: Iterable[Attribution]) -> dict[str, int]:
    """The ids of attributions by digest, new ones inserted."""
    bodies = {_digest(body): body for body in map(_body, attributions)}
    found = _known_ids(conn, bodies)
    new = [
        {"digest": digest, "body": body}
        for digest, body in sorted(bodies.items())
        if digest not in found
    ]
    if new:
        conn.execute(insert(CLIENT), new)
        found |= _known_ids(conn, {row["digest"]: row["body"] for row in new})
    return found


def _known_ids(conn: Connection, bodies: Mapping[str, str]) -> dict[str, int]:
    digests = sorted(bodies)
    found: dict[str, int] = {}
    for start in range(0, len(digests), 500):
        wanted = select(CLIENT.c.digest, CLIENT.c.id).where(
            CLIENT.c.digest.in_(digests[start : start + 500])
        )
        found.update((row.digest, row.id) for row in conn.execute(wanted))
    return found


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


def _body(attribution: Attribution) -> str:
    """Canonical JSON of an attribution: equal ones give the same text, whatever the order in which their tags came."""
    owners = [
        {
            "kind": owner.kind.value,
            "id": owner.id,
            "arn": owner.arn,
            "name": owner.name,
            "account": owner.account,
            "region": owner.region,
            "tags": dict(owner.tags),
            "workload": None
            if owner.workload is None
            else {"kind": owner.workload.kind, "id": owner.workload.id, "arn": owner.workload.arn},
        }
        for owner in attribution.owners
    ]
    return json.dumps(
        {
            "owners": owners,
            "confidence": attribution.confidence.value,
            "method": attribution.method.value,
            "interface_id": attribution.interface_id,
            "access_points": list(attribution.access_points),
            "principals": list(attribution.principals),
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def _digest(body: str) -> str:
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=4_096)
def _attribution(body: str) -> Attribution:
    found = json.loads(body)
    owners = tuple(
        Owner(
            kind=OwnerKind(owner["kind"]),
            id=owner["id"],
            arn=owner["arn"],
            name=owner["name"],
            account=owner["account"],
            region=owner["region"],
            tags=owner["tags"],
            workload=None if owner["workload"] is None else Workload(**owner["workload"]),
        )
        for owner in found["owners"]
    )
    return Attribution(
        owners=owners,
        confidence=Confidence(found["confidence"]),
        method=Method(found["method"]),
        interface_id=found["interface_id"],
        access_points=tuple(found["access_points"]),
        principals=tuple(found.get("principals", ())),
    )


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


def of_file_system(conn: Connection, key: FileSystemKey, window: Span) -> list[MountRow]:
    """The mount hours of a file system that touch ``window``, oldest first."""
    condition = and_(
        MOUNT_HOUR.c.account == key.account,
        MOUNT_HOUR.c.region == key.region,
        MOUNT_HOUR.c.file_system_id == key.file_system_id,
        # A run may reach hours beyond the hour that it began in by one record only: no record is longer than its aggregation interval.
        MOUNT_HOUR.c.hour >= window[0] - 2 * HOUR,
        MOUNT_HOUR.c.hour < window[1],
        MOUNT_HOUR.c.last_seen >= window[0],
        MOUNT_HOUR.c.first_seen < window[1],
    )
    return [mount for _, mount in _rows(conn, condition)]


def within(
    conn: Connection, key: FileSystemKey, window: Span, topology: Topology, networks: Networks
) -> list[MountRow]:
    """As :func:`of_file_system`, with counts of what starts inside ``window`` only: rows that its ends cut are derived anew."""
    rows = of_file_system(conn, key, window)
    cut: dict[int, set[Unit]] = defaultdict(set)
    for row in rows:
        if row.mount.first_seen < window[0] or row.mount.last_seen >= window[1]:
            cut[row.mount.hour].add(Unit(row.server, row.mount.client, row.mount.hour))
    kept = [
        row
        for row in rows
        if Unit(row.server, row.mount.client, row.mount.hour) not in cut[row.mount.hour]
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
    return _rows(conn, condition)


def attributions_like(conn: Connection, texts: Sequence[str]) -> dict[int, Attribution]:
    """The stored attributions whose JSON holds one of ``texts`` as a value; a superset for the caller to look through."""
    needles = [CLIENT.c.body.contains(json.dumps(text), autoescape=True) for text in texts]
    found = conn.execute(
        select(CLIENT.c.id, CLIENT.c.body).where(or_(*needles)).order_by(CLIENT.c.id)
    )
    return {client_id: _attribution(body) for client_id, body in found}


def unsettled(conn: Connection) -> dict[int, Attribution]:
    """The stored attributions that name nobody for certain: unknown ones and candidates."""
    marks = [
        CLIENT.c.body.contains(f'"confidence":"{confidence.value}"', autoescape=True)
        for confidence in (Confidence.CANDIDATES, Confidence.UNKNOWN)
    ]
    found = conn.execute(select(CLIENT.c.id, CLIENT.c.body).where(or_(*marks)))
    read = {client_id: _attribution(body) for client_id, body in found}
    return {
        client_id: attribution
        for client_id, attribution in read.items()
        if attribution.confidence in (Confidence.CANDIDATES, Confidence.UNKNOWN)
    }


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
    sighted = (
        select(SIGHTING.c.server, SIGHTING.c.true_client, SIGHTING.c.hour)
        .where(SIGHTING.c.stray == 0)
        .distinct()
    )
    derived = select(MOUNT_HOUR.c.server, MOUNT_HOUR.c.client, MOUNT_HOUR.c.hour).distinct()
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


def _rows(conn: Connection, condition: ColumnElement[bool]) -> list[tuple[FileSystemKey, MountRow]]:
    statement = (
        select(MOUNT_HOUR)
        .where(condition)
        .order_by(MOUNT_HOUR.c.first_seen, MOUNT_HOUR.c.client, MOUNT_HOUR.c.ordinal)
    )
    rows = conn.execute(statement).all()
    told = attributions(conn, sorted({row.client_id for row in rows}))
    return [
        (FileSystemKey(row.account, row.region, row.file_system_id), _mount_row(row, told))
        for row in rows
    ]


def attributions(conn: Connection, ids: Sequence[int]) -> dict[int, Attribution]:
    """The stored attributions of some ids."""
    found: dict[int, Attribution] = {}
    for start in range(0, len(ids), 500):
        wanted = select(CLIENT.c.id, CLIENT.c.body).where(CLIENT.c.id.in_(ids[start : start + 500]))
        found |= {client_id: _attribution(body) for client_id, body in conn.execute(wanted)}
    return found


def _mount_row(row: Row[Any], attributions: Mapping[int, Attribution]) -> MountRow:
    mount = MountHour(
        mount_target_id=row.mount_target_id,
        file_system_ids=tuple(row.file_system_ids.split()),
        account=row.account,
        region=row.region,
        client=row.client,
        attribution=attributions[row.client_id],
        hour=row.hour,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        requests_ok=row.requests_ok,
        responses_ok=row.responses_ok,
        rejected=row.rejected,
        packets_in=row.packets_in,
        bytes_in=row.bytes_in,
        packets_out=row.packets_out,
        bytes_out=row.bytes_out,
        at_mount_target=bool(row.at_mount_target),
        accepted=bool(row.accepted),
        last_busy=row.last_busy,
        batch_id=row.batch_id,
    )
    return MountRow(mount, bool(row.possible), row.server)
