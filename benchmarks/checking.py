"""What ``check-delete`` costs over 30 days, and ``who`` over a week, at 400 days of 10,000 pairs of client and file system.

200 file systems of 50 pairs each. The one that is asked about is written in full: its clients mount it around the clock, a mount hour each
for 400 days, or did so until a while ago (``--silent DAYS``). Of the others every pair has one mount hour a day: what they take part in is
how deep the indexes are. The ledger has a file of its VPC's flow log, and of nine others, every five minutes, in each of which the mount
target's interface recorded something; after two weeks a daemon has joined these records, hour by hour (``[retention] runs``), unless
``--apart`` says that nobody did. Sightings are there for the hours at the edges of the window, which an answer derives anew.

Times are of the second question of a process and later, without what is read of knowledge once: of SQLite processor time, of PostgreSQL,
which is another process, by the clock. ``--postgres URL`` names an empty database to use instead of SQLite in a temporary folder.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, text

from inventory.answers import Answers, Asked, Json
from inventory.config import DiscoverSettings, Settings
from inventory.discover.calls import SWEPT
from inventory.model import (
    DAY,
    HOUR,
    KINDS,
    Batch,
    BatchRef,
    BatchState,
    CallState,
    Capture,
    CaptureKind,
    FileSystem,
    FlowLog,
    Folded,
    MountTarget,
    NetworkInterface,
    Outcome,
    Sighting,
    Sweep,
    Tally,
    Vpc,
)
from inventory.resolve.networks import Networks
from inventory.store import Store

ACCOUNT, REGION, VPC, SUBNET = "111122223333", "eu-central-1", "vpc-0a", "subnet-0a"
END = 1_790_000_000 - 1_790_000_000 % DAY
NETWORKS = Networks({})
PER_FILE_SYSTEM = 50
SLOT = 300
JOINED_AFTER = 14
"""Days."""
INSIDE = ("execute", "fetchall", "fetchone", "fetchmany")
"""Methods of a driver's cursor: what the database itself, or waiting for it, takes."""


def file_system(number: int) -> str:
    """Its id."""
    return f"fs-{number:017x}"


def server(number: int) -> str:
    """The address of its mount target."""
    return f"10.0.{number // 200}.{number % 200 + 10}"


def sweep(moment: int, systems: int) -> Sweep:
    """Everything there is, whole."""
    interfaces = [
        NetworkInterface(f"eni-{n:017x}", VPC, SUBNET, ACCOUNT, addresses=(server(n),))
        for n in range(systems)
    ]
    interfaces += [
        NetworkInterface(f"eni-{0xC000 + n:017x}", VPC, SUBNET, ACCOUNT, addresses=(client(n),))
        for n in range(PER_FILE_SYSTEM)
    ]
    items = {
        "file_system": tuple(
            FileSystem(file_system(n), creation_time=END - 500 * DAY, number_of_mount_targets=1)
            for n in range(systems)
        ),
        "mount_target": tuple(
            MountTarget(
                f"fsmt-{n:017x}",
                file_system(n),
                VPC,
                SUBNET,
                ACCOUNT,
                f"eni-{n:017x}",
                (server(n),),
            )
            for n in range(systems)
        ),
        "network_interface": tuple(interfaces),
        "vpc": (Vpc(VPC, ACCOUNT, ("10.0.0.0/8",)),),
        "flow_log": (
            FlowLog(
                "fl-1",
                resource_id=VPC,
                traffic_type="ALL",
                max_aggregation_interval=60,
                flow_log_status="ACTIVE",
                deliver_logs_status="SUCCESS",
            ),
        ),
    }
    calls = dict.fromkeys(SWEPT, CallState.WHOLE)
    return Sweep(f"at {moment}", moment, ACCOUNT, REGION, calls, {}, frozenset(KINDS), items)


def client(number: int) -> str:
    """The address of a client."""
    return f"10.1.0.{number + 10}"


def busy_hour(hour: int) -> Batch:
    """All clients of the first file system at work for an hour, as joined facts have it."""
    sightings = [
        Sighting(
            interface_id=f"eni-{0:017x}",
            vpc_id=VPC,
            client=client(number),
            server=server(0),
            action="ACCEPT",
            pkt_client="",
            instance_id="",
            task_arn="",
            next_hop="",
            az_id="",
            first_seen=hour + 5,
            last_seen=hour + HOUR - 5,
            requests=12,
            responses=12,
            packets_in=1000,
            bytes_in=1_000_000,
            packets_out=1000,
            bytes_out=1_000_000,
            stray=False,
        )
        for number in range(PER_FILE_SYSTEM)
    ]
    own = [Capture(f"eni-{0:017x}", CaptureKind.SEEN, hour, hour + HOUR - 1, 60)]
    folded = Folded(
        sightings, own, Tally({Outcome.REQUEST: 1200}), hour, hour + HOUR - 1, "${version}"
    )
    ref = BatchRef(f"hour {hour}", "1", 1000, "fl-1", ACCOUNT, REGION, (hour, hour + HOUR))
    return Batch(ref, BatchState.DONE, folded, digest=str(hour))


_NUMBERS = "WITH RECURSIVE n(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM n WHERE k + 1 < :count)"
_KEPT = "client, {server}, ordinal, {target}, file_system_ids, possible, client_id"
_COUNTS = (
    "requests_ok, responses_ok, rejected, packets_in, bytes_in, packets_out, bytes_out, "
    "at_mount_target, accepted, last_busy - k * :step, batch_id"
)
_OWN = (
    f"INSERT INTO mount_hour {_NUMBERS} SELECT account, region, file_system_id, hour - k * :step, "  # noqa: S608 - our own text
    f"{_KEPT.format(server='server', target='mount_target_id')}, first_seen - k * :step, "
    f"last_seen - k * :step, {_COUNTS} FROM mount_hour CROSS JOIN n "
    "WHERE hour = :hour AND k >= :least AND file_system_id = :system"
)
_OTHER = (
    f"INSERT INTO mount_hour {_NUMBERS} SELECT account, region, :other, hour - k * :step, "  # noqa: S608 - our own text
    f"{_KEPT.format(server=':server', target=':target')}, first_seen - k * :step, "
    f"last_seen - k * :step, {_COUNTS} FROM mount_hour CROSS JOIN n "
    "WHERE hour = :hour AND file_system_id = :system"
)
_BATCHES = (
    f"INSERT INTO batch {_NUMBERS} SELECT 1000000 + k, source_id, 'slot ' || k, version, state, problem, "  # noqa: S608 - our own text
    "'slot ' || k, size, flow_log_id, account, region, :end - (k + 1) * 300, :end - k * 300, "
    ":end - (k + 1) * 300, :end - k * 300 - 1, :end - (k + 1) * 300, :end - k * 300, format, records, "
    "tally, bad FROM batch CROSS JOIN n WHERE key = :key"
)
_OTHER_BATCHES = (
    f"INSERT INTO batch {_NUMBERS} SELECT b.id + 10000000 * (k + 1), source_id, b.key || ' of ' || k, version, state, problem, "  # noqa: S608 - our own text
    "digest || k, size, 'fl-other-' || k, account, region, slot_start, slot_end, first_record, last_record, span_start, span_end, "
    "format, records, tally, bad FROM batch b CROSS JOIN n WHERE b.id >= 1000000"
)
_CAPTURES = (
    f"INSERT INTO capture {_NUMBERS} SELECT 1000000 + k, 0, :interface, 'seen', :end - (k + 1) * 300, "  # noqa: S608 - our own text
    ":end - k * 300 - 1, 60 FROM n"
)
_JOINED_CAPTURES = (
    f"INSERT INTO capture {_NUMBERS} SELECT 1000000 + :first + k * 12, 0, :interface, 'seen', "  # noqa: S608 - our own text
    ":end - (:first + k * 12 + 12) * 300, :end - (:first + k * 12) * 300 - 1, 60 FROM n"
)


def prepare(
    store: Store, days: int, systems: int, silent: int, *, apart_days: int, flow_logs: int
) -> None:
    """The past, by statements: through the front door it would take days."""
    store.learn([sweep(END - (days - 1) * DAY, systems), sweep(END - 60, systems)], NETWORKS)
    knowledge = store.knowledge()
    last = END - silent * DAY - HOUR
    edges = {last, *(END - 30 * DAY + n * HOUR for n in (-1, 0, 1))}
    hours = sorted(hour for hour in edges if hour <= last)
    store.record("logs", "files", [busy_hour(hour) for hour in hours], knowledge, NETWORKS)

    def fill(conn: Connection) -> None:
        known = {hour for hour in hours if hour != last}
        for hour in known:  # written once more below, with all the others
            conn.execute(text("DELETE FROM mount_hour WHERE hour = :hour"), {"hour": hour})
        base = {"hour": last, "system": file_system(0)}
        own = (days - silent) * 24
        conn.execute(text(_OWN), {**base, "count": own, "step": HOUR, "least": 1})
        for number in range(1, systems):
            others = {
                "other": file_system(number),
                "server": server(number),
                "target": f"fsmt-{number:017x}",
            }
            conn.execute(text(_OTHER), {**base, **others, "count": days, "step": DAY})
        ledger = {"count": days * DAY // SLOT, "end": END}
        conn.execute(text(_BATCHES), {**ledger, "key": f"hour {last}"})
        if flow_logs > 1:
            conn.execute(text(_OTHER_BATCHES), {"count": flow_logs - 1})
        kept = {"end": END, "interface": f"eni-{0:017x}"}
        apart = min(days, apart_days) * DAY // SLOT
        conn.execute(text(_CAPTURES), {**kept, "count": apart})
        old = {"first": apart, "count": (days * DAY // SLOT - apart) // 12}
        conn.execute(text(_JOINED_CAPTURES), {**kept, **old})

    store.write(fill)


def ask(store: Store, rounds: int, clock: Callable[[], float]) -> None:
    """Print what each question took, and the share of the database; the first of each is not counted."""
    told, _, _ = once(store, clock, checked)
    codes = {one["code"] for one in told["reasons"] if one["severity"] == "blocking"}
    print(f"{told['verdict']} {sorted(codes)}, {len(told['clients'])} clients")
    once(store, clock, mounted)
    for name, question in (("check-delete", checked), ("who", mounted)):
        found = [once(store, clock, question) for _ in range(rounds)]
        whole = [seconds * 1000 for _, seconds, _ in found]
        inside = [_inside(profiler) * 1000 for _, _, profiler in found]
        for what, times in (("the database", inside), ("the whole question, profiled", whole)):
            middle = statistics.median(times)
            print(f"| {name}: {what} | best {min(times):.0f} ms | median {middle:.0f} ms |")
        if rounds == 1:
            pstats.Stats(found[0][2]).sort_stats("tottime").print_stats(25)


def checked(answers: Answers) -> Json:
    """May it be deleted, by the last 30 days?"""
    return answers.check_delete(file_system(0), Asked(until=END, length=30 * DAY)).answer


def mounted(answers: Answers) -> Json:
    """Who mounted it in the last week?"""
    return answers.who(file_system(0), END - 7 * DAY, END)


def once(
    store: Store, clock: Callable[[], float], question: Callable[[Answers], Json]
) -> tuple[Json, float, cProfile.Profile]:
    """One question in a transaction of its own: its answer, seconds, and where they went."""
    settings = Settings(discover=DiscoverSettings(mode="snapshots"))
    profiler = cProfile.Profile(clock)
    with store.reading() as conn:
        answers = Answers(store, settings, conn)
        answers.as_of()  # knowledge is read here
        began = clock()
        profiler.enable()
        answer = question(answers)
        profiler.disable()
        return answer, clock() - began, profiler


def _inside(profiler: cProfile.Profile) -> float:
    """Seconds inside of the driver's cursors."""
    found = 0.0
    for (file, _, name), (_, _, own, whole, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        if file == "~" and "sqlite3.Cursor" in name:
            found += own
        elif file.endswith("psycopg/cursor.py") and name in INSIDE:
            found += whole
    return found


def main() -> None:
    """Fill a database and ask it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--silent", type=int, default=0, metavar="DAYS")
    parser.add_argument("--flow-logs", type=int, default=10)
    parser.add_argument("--apart", action="store_true", help="nobody joined old records")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--postgres")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.postgres or f"sqlite:///{Path(folder) / 'bench.db'}"
        with Store.open(url, write=True) as store:
            store.upgrade()
            began = time.perf_counter()
            apart = given.days if given.apart else JOINED_AFTER
            prepare(
                store,
                given.days,
                given.systems,
                given.silent,
                apart_days=apart,
                flow_logs=given.flow_logs,
            )
            with store.reading() as conn:
                rows = conn.execute(text("SELECT count(*) FROM mount_hour")).scalar_one()
            print(f"{rows:,} mount hours in {time.perf_counter() - began:.0f} s", flush=True)
            if given.postgres:
                store.write(lambda conn: conn.execute(text("ANALYZE")))
            ask(store, given.rounds, time.perf_counter if given.postgres else time.process_time)


if __name__ == "__main__":
    main()
