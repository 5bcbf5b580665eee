"""When clients used a file system, day by day: what its rhythm is told from. Read from the derived mounts."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, or_, select

from inventory.model import DAY, HOUR, PROBE_PACKETS, PROBE_SECONDS, Attribution, Span
from inventory.store import attributions
from inventory.store.mounts import FileSystemKey
from inventory.store.tables import MOUNT_HOUR


class UsedBy(NamedTuple):
    """An attribution, the addresses that it had, and when it used the file system."""

    attribution: Attribution
    addresses: tuple[str, ...]
    """Sorted."""
    days: tuple[Span, ...]
    """First and last second of each day on which it did, ascending."""


def uses_before(conn: Connection, key: FileSystemKey, moment: int) -> list[UsedBy]:
    """Accepted contacts with a file system that began before a moment; what is as small as a scanner's is none."""
    columns = MOUNT_HOUR.c
    day = columns.hour - columns.hour % DAY
    used = and_(
        columns.account == key.account,
        columns.region == key.region,
        columns.file_system_id == key.file_system_id,
        columns.hour < moment,
        columns.possible == 0,
        # Requests in one hour and their responses in the next are accepted together, though neither hour is by itself.
        or_(columns.accepted == 1, columns.requests_ok > 0, columns.responses_ok > 0),
        or_(
            columns.at_mount_target == 0,
            columns.packets_in > PROBE_PACKETS,
            columns.packets_out > PROBE_PACKETS,
            columns.last_seen - columns.first_seen > PROBE_SECONDS,
        ),
    )
    statement = (
        select(
            columns.client_id,
            columns.client,
            func.min(columns.first_seen),
            func.max(columns.last_seen),
        )
        .where(used)
        .group_by(columns.client_id, columns.client, day)
    )
    days: dict[int, list[Span]] = defaultdict(list)
    addresses: dict[int, set[str]] = defaultdict(set)
    for client_id, address, first, last in conn.execute(statement):
        days[client_id].append((first, last))
        addresses[client_id].add(address)
    told: attributions.Told = {}
    attributions.read(conn, days, told)
    return [
        UsedBy(told[one], tuple(sorted(addresses[one] - {""})), tuple(sorted(spans)))
        for one, spans in sorted(days.items())
    ]


def anybody(conn: Connection, key: FileSystemKey, span: Span) -> list[Span]:
    """First and last second of every accepted contact in hours that touch a span, however small: also a scanner is somebody connected."""
    columns = MOUNT_HOUR.c
    statement = select(columns.first_seen, columns.last_seen).where(
        columns.account == key.account,
        columns.region == key.region,
        columns.file_system_id == key.file_system_id,
        columns.hour > span[0] - 2 * HOUR,
        columns.hour < span[1],
        columns.possible == 0,
        or_(columns.accepted == 1, columns.requests_ok > 0, columns.responses_ok > 0),
    )
    return [(first, last) for first, last in conn.execute(statement)]
