"""What CloudWatch told, kept as stretches of periods that were answered alike; and whether ClientConnections has proved itself.

What is kept is the same in whatever order it came and however often: of one period any answer above zero stands, and a zero only where no
answer, of whatever period, was above zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select

from inventory.model import (
    CLIENT_CONNECTIONS,
    HOUR,
    PROBE_PACKETS,
    PROBE_SECONDS,
    Meaning,
    MetricRun,
    Place,
    Span,
    Sweep,
)
from inventory.store.kept import days_before, kept_since, raise_moments
from inventory.store.mounts import FileSystemKey
from inventory.store.statements import chunks, insert_rows
from inventory.store.tables import META, METRIC_RUN, MOUNT_HOUR, SCOPE, SIGHTING
from inventory.timeline import union, whole_periods

MARGIN = 90
"""Seconds by which a mount must have begun before, and ended after, what a metric denies: a record's own times are up to 60 s off."""

_MINUTE = 60
"""ClientConnections is told by the minute, so over any longer period a connection of a whole minute makes its sum more than zero."""

_COLUMNS = METRIC_RUN.c
_OF_PLACE = ("account", "region")


# -- what goes in ------------------------------------------------------------------------------------------------------------------------


def record(conn: Connection, sweeps: Iterable[Sweep]) -> None:
    """Add what sweeps tell of metrics."""
    told: dict[Place, list[MetricRun]] = defaultdict(list)
    for sweep in sweeps:
        told[sweep.account, sweep.region] += sweep.metrics
    for place, runs in sorted(told.items()):
        if runs:
            _add(conn, place, runs)


def _add(conn: Connection, place: Place, told: Sequence[MetricRun]) -> None:
    new = _by_metric(told)
    reach = (min(run.start for run in told), max(run.end for run in told))
    touched = and_(_at(place), _COLUMNS.start <= reach[1], _COLUMNS.end >= reach[0])
    names = sorted({file_system_id for file_system_id, _ in new})
    before: dict[tuple[str, str], list[MetricRun]] = defaultdict(list)
    for some in chunks(names):
        rows = conn.execute(select(METRIC_RUN).where(touched, _COLUMNS.file_system_id.in_(some)))
        for run in map(_run, rows):
            before[run.file_system_id, run.metric].append(run)
    gone: list[MetricRun] = []
    come: list[MetricRun] = []
    for about, runs in sorted(new.items()):
        known = set(before[about])
        now = set(merged([*known, *runs]))
        gone += known - now
        come += now - known
    for run in sorted(gone):
        conn.execute(delete(METRIC_RUN).where(_at(place), _same(run)))
    insert_rows(conn, METRIC_RUN, [_row(place, run) for run in sorted(come)])


def _at(place: Place) -> ColumnElement[bool]:
    return and_(_COLUMNS.account == place[0], _COLUMNS.region == place[1])


def _same(run: MetricRun) -> ColumnElement[bool]:
    return and_(
        _COLUMNS.file_system_id == run.file_system_id,
        _COLUMNS.metric == run.metric,
        _COLUMNS.meaning == run.meaning.value,
        _COLUMNS.period == run.period,
        _COLUMNS.start == run.start,
    )


def _row(place: Place, run: MetricRun) -> tuple[object, ...]:
    values = {name: getattr(run, name) for name in MetricRun.__slots__}
    values |= dict(zip(_OF_PLACE, place, strict=True)) | {"meaning": run.meaning.value}
    return tuple(values[column.name] for column in METRIC_RUN.columns)


def _run(row: object) -> MetricRun:
    found = {name: getattr(row, name) for name in MetricRun.__slots__}
    return MetricRun(**found | {"meaning": Meaning(found["meaning"])})


def _by_metric(runs: Iterable[MetricRun]) -> dict[tuple[str, str], list[MetricRun]]:
    found: dict[tuple[str, str], list[MetricRun]] = defaultdict(list)
    for run in runs:
        found[run.file_system_id, run.metric].append(run)
    return found


def merged(runs: Iterable[MetricRun]) -> list[MetricRun]:
    """Runs of one metric of one file system, whatever overlaps, as the fewest that say the same: in order, and in any order the same.

    A zero of which any part was above zero by another answer is none.
    """
    by_grid: dict[tuple[Meaning, int, int], list[MetricRun]] = defaultdict(list)
    for run in runs:
        by_grid[run.meaning, run.period, run.start % run.period].append(run)
    joined = {grid: _joined(some) for grid, some in by_grid.items()}
    above = union(
        (run.start, run.end)
        for (meaning, _, _), some in joined.items()
        if meaning is Meaning.ABOVE
        for run in some
    )
    found: list[MetricRun] = []
    for (meaning, _, _), some in joined.items():
        for run in some:
            found += _undenied(run, above) if meaning is Meaning.ZERO else [run]
    return sorted(found)


def _joined(runs: Iterable[MetricRun]) -> list[MetricRun]:
    found: list[MetricRun] = []
    for run in sorted(runs, key=lambda one: (one.start, one.end)):
        last = found[-1] if found else None
        if last is not None and run.start <= last.end:
            largest = max(last.largest, run.largest)
            found[-1] = replace(last, end=max(last.end, run.end), largest=largest)
        else:
            found.append(run)
    return found


def _undenied(run: MetricRun, above: Sequence[Span]) -> list[MetricRun]:
    """What is left of zeros: whole periods no part of which was above zero."""
    left = whole_periods((run.start, run.end), run.period, above)
    return [replace(run, start=start, end=end) for start, end in left]


# -- what is read ------------------------------------------------------------------------------------------------------------------------


def asked(conn: Connection) -> dict[Place, dict[tuple[str, str], list[Span]]]:
    """By place, then file system and metric: the stretches of time that were asked about, and of which everything came."""
    found: dict[Place, dict[tuple[str, str], list[Span]]] = defaultdict(lambda: defaultdict(list))
    rows = conn.execute(select(METRIC_RUN).where(_COLUMNS.meaning == Meaning.ASKED.value))
    for row in rows:
        found[row.account, row.region][row.file_system_id, row.metric].append((row.start, row.end))
    return {place: dict(spans) for place, spans in found.items()}


def of_file_system(
    conn: Connection, key: FileSystemKey, metrics: Collection[str], window: Span
) -> list[MetricRun]:
    """What is known of a file system's metrics in stretches that touch a window, from when on mounts are kept.

    What was only asked is not among it.
    """
    since = max(window[0], kept_since(conn).mounts)
    statement = select(METRIC_RUN).where(
        _at((key.account, key.region)),
        _COLUMNS.file_system_id == key.file_system_id,
        _COLUMNS.metric.in_(sorted(metrics)),
        _COLUMNS.meaning.in_([Meaning.ZERO.value, Meaning.ABOVE.value]),
        _COLUMNS.start < window[1],
        _COLUMNS.end > since,
    )
    return sorted(map(_run, conn.execute(statement)))


# -- whether it can be believed ----------------------------------------------------------------------------------------------------------


class Meeting(NamedTuple):
    """Where flow logs and the metric speak of the same time."""

    file_system_id: str
    start: int
    end: int


class Proof(NamedTuple):
    """Whether ClientConnections has proved itself in an account and region."""

    agreed: Meeting | None
    """It was above zero where flow logs showed an accepted mount; ``None``: nowhere yet."""
    contradicted: Meeting | None
    """It was zero all the while that flow logs showed a mount; ``None``: nowhere."""

    @property
    def holds(self) -> bool:
        """Whether its zeros mean that nobody was there."""
        return self.agreed is not None and self.contradicted is None


def proof(conn: Connection, place: Place, accounts: Collection[str]) -> Proof:
    """How ClientConnections has done in an account and region; ``accounts``: those that mount targets were seen in, too.

    One mount that it denies is enough: one that went on, without a silence of more than a minute, for :data:`MARGIN` seconds before, during
    and after a minute that was answered with zero. It stays enough when its flow logs are forgotten.
    """
    denied = _remembered(conn, place) or _contradicted(conn, place, accounts)
    return Proof(_agreed(conn, place, accounts), denied)


def remember(conn: Connection, since: int) -> None:
    """Write down where a metric denied a mount before a moment: what shows the mount is about to be forgotten."""
    if since <= 0:
        return
    places = select(_COLUMNS.account, _COLUMNS.region).where(_COLUMNS.metric == CLIENT_CONNECTIONS)
    swept = set(conn.execute(select(SCOPE.c.account).distinct()).scalars())
    forgotten = kept_since(conn).facts
    for account, region in sorted(map(tuple, conn.execute(places.distinct()))):
        if _remembered(conn, (account, region)) is not None:
            continue
        each = (
            _contradicted(conn, (account, region), swept, day)
            for day in days_before(conn, MOUNT_HOUR.c.hour, since, forgotten)
        )
        met = next((one for one in each if one is not None), None)
        if met is not None:
            name = " ".join((_DENIED, account, region, met.file_system_id, str(met.start)))
            raise_moments(conn, {name: met.end})


_DENIED = "connections_denied"


def _remembered(conn: Connection, place: Place) -> Meeting | None:
    begin = META.c.name.startswith(" ".join((_DENIED, *place, "")), autoescape=True)
    statement = select(META.c.name, META.c.value).where(begin).order_by(META.c.name).limit(1)
    found = conn.execute(statement).one_or_none()
    if found is None:
        return None
    *_, file_system_id, start = found.name.split(" ")
    return Meeting(file_system_id, int(start), found.value)


def _together(
    conn: Connection, place: Place, accounts: Collection[str], meaning: Meaning
) -> tuple[ColumnElement[bool], ...]:
    """Hours of mounts that are kept, beside what the metric said of the same file system about that time."""
    mount = MOUNT_HOUR.c
    return (
        _at(place),
        _COLUMNS.metric == CLIENT_CONNECTIONS,
        _COLUMNS.meaning == meaning.value,
        mount.account.in_(sorted({place[0], *accounts})),
        mount.region == _COLUMNS.region,
        mount.file_system_id == _COLUMNS.file_system_id,
        mount.hour >= kept_since(conn).mounts,
        mount.hour > _COLUMNS.start - 2 * HOUR,
        mount.hour < _COLUMNS.end,
        mount.possible == 0,
        mount.accepted == 1,
        or_(
            mount.packets_in > PROBE_PACKETS,
            mount.packets_out > PROBE_PACKETS,
            mount.last_seen - mount.first_seen > PROBE_SECONDS,
        ),
    )


def _agreed(conn: Connection, place: Place, accounts: Collection[str]) -> Meeting | None:
    mount = MOUNT_HOUR.c
    statement = select(mount.file_system_id, mount.first_seen, mount.last_seen).where(
        *_together(conn, place, accounts, Meaning.ABOVE),
        _COLUMNS.period <= HOUR,
        mount.first_seen < _COLUMNS.end,
        mount.last_seen >= _COLUMNS.start,
    )
    found = conn.execute(statement.limit(1)).one_or_none() if _said(conn, place) else None
    return None if found is None else Meeting(*found)


def _said(conn: Connection, place: Place) -> bool:
    """Whether anything was told of connections there: else years of mounts would be looked through for nothing."""
    told = select(_COLUMNS.start).where(_at(place), _COLUMNS.metric == CLIENT_CONNECTIONS)
    return conn.execute(told.limit(1)).first() is not None


def _contradicted(
    conn: Connection,
    place: Place,
    accounts: Collection[str],
    *when: ColumnElement[bool],
) -> Meeting | None:
    """By sightings: an hour of a mount may hold silences, in which it need not have been mounted."""
    mount, seen = MOUNT_HOUR.c, SIGHTING.c
    statement = select(mount.file_system_id, seen.first_seen, seen.last_seen).where(
        *_together(conn, place, accounts, Meaning.ZERO),
        *when,
        seen.hour == mount.hour,
        seen.server == mount.server,
        seen.true_client == mount.client,
        seen.action != "REJECT",
        seen.stray == 0,
        seen.first_seen <= mount.last_seen,
        seen.last_seen >= mount.first_seen,
        seen.last_seen - seen.first_seen >= 2 * MARGIN + _MINUTE,
        seen.last_seen - MARGIN - _COLUMNS.start >= _MINUTE,
        _COLUMNS.end - seen.first_seen - MARGIN >= _MINUTE,
    )
    found = conn.execute(statement.limit(1)).one_or_none() if _said(conn, place) else None
    return None if found is None else Meeting(*found)
