"""How fast and in how much memory the export streams, each process measured by itself.

    python benchmarks/exporting.py                     # 100 file systems of 500 mounts derived, 1,000,000 mounts streamed
    python benchmarks/exporting.py --file-systems 10 --profile

Makes an SQLite database in a temporary folder (rows of mounts are written directly: deriving them from logs is measured elsewhere) and runs
each way to export as a process of its own. Speed is told by processor time, for machines are busy. The last line reads a feed of a million
mounts: what ``export --since`` does once everything is compared.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from inventory.config import Settings
from inventory.model import (
    KINDS,
    Attribution,
    Batch,
    BatchRef,
    BatchState,
    CallState,
    Capture,
    CaptureKind,
    Confidence,
    FileSystem,
    Folded,
    Method,
    MountTarget,
    Outcome,
    Owner,
    OwnerKind,
    Sweep,
    Tally,
    Workload,
)
from inventory.resolve.networks import Networks
from inventory.store import Store, attributions
from inventory.store.statements import insert_rows
from inventory.store.tables import MOUNT_HOUR

ACCOUNT, REGION = "111122223333", "eu-central-1"
HOUR = 3600
T = 1_795_000_000 - 1_795_000_000 % HOUR
CLIENTS = 20_000
"""Distinct clients."""


def build(url: str, file_systems: int, clients: int) -> None:
    """A database in which every file system is mounted by so many clients for an hour."""
    with Store.open(url, write=True) as store:
        store.upgrade()
        store.learn([sweep(T + n * HOUR, file_systems) for n in (-1, 1)], Networks())
        store.record("logs", "files", [looked(file_systems)], store.knowledge(), Networks())
        with store.writing() as conn:
            everybody = [attribution(n) for n in range(CLIENTS)]
            ids = attributions.ids(conn, everybody)
            numbers = [ids[attributions.digest(one)] for one in everybody]
            for one in range(file_systems):
                insert_rows(conn, MOUNT_HOUR, rows(one, clients, numbers))


def sweep(moment: int, file_systems: int) -> Sweep:
    """Every file system with one mount target."""
    items = {
        "file_system": tuple(
            FileSystem(fs(n), name=f"share {n}", owner_id=ACCOUNT, creation_time=T - 10 * HOUR)
            for n in range(file_systems)
        ),
        "mount_target": tuple(
            MountTarget(
                f"fsmt-{n:017x}",
                file_system_id=fs(n),
                vpc_id="vpc-0a",
                owner_id=ACCOUNT,
                network_interface_id=f"eni-{n:017x}",
                addresses=(server(n),),
            )
            for n in range(file_systems)
        ),
    }
    calls = {"efs.describe-file-systems": CallState.WHOLE}
    return Sweep(f"s{moment}", moment, ACCOUNT, REGION, calls, {}, frozenset(KINDS), items)


def looked(file_systems: int) -> Batch:
    """The mount targets' own records, so that everything was seen."""
    captures = [
        Capture(f"eni-{n:017x}", CaptureKind.SEEN, T - 2 * HOUR, T + HOUR, 60)
        for n in range(file_systems)
    ]
    tally = Tally({Outcome.NODATA: len(captures)})
    folded = Folded([], captures, tally, T - 2 * HOUR, T + HOUR, "")
    return Batch(BatchRef("a.log", "1", 100), BatchState.DONE, folded, "", digest="a")


def fs(number: int) -> str:
    """The id of a file system."""
    return f"fs-{number:017x}"


def server(number: int) -> str:
    """The address of its mount target."""
    return f"10.{100 + number // 65_536}.{number // 256 % 256}.{number % 256}"


def attribution(number: int) -> Attribution:
    """An instance of a group, with tags as they are."""
    name = f"i-{number:017x}"
    owner = Owner(
        OwnerKind.EC2_INSTANCE,
        name,
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{name}",
        f"web-{number}",
        ACCOUNT,
        REGION,
        {"Name": f"web-{number}", "team": f"team-{number % 40}"},
        Workload("auto_scaling_group", f"group-{number % 400}"),
    )
    return Attribution((owner,), Confidence.EXACT, Method.INTERFACE, f"eni-c{number:016x}")


def rows(one: int, clients: int, numbers: list[int]) -> list[tuple[object, ...]]:
    """The mount hours of a file system."""
    found: list[tuple[object, ...]] = []
    for number in range(clients):
        who = (one * 37 + number) % CLIENTS
        address = f"10.{who // 65_536}.{who // 256 % 256}.{who % 256}"
        start = T + number % 1800
        found.append(
            (ACCOUNT, REGION, fs(one), T, address, server(one), 0, f"fsmt-{one:017x}", fs(one), 0, numbers[who],
             start, start + 1700, 20, 20, 0, 900, 90_000, 900, 900_000, 1, 1, start + 1700, 1)
        )  # fmt: skip
    return sorted(found, key=lambda row: str(row[4]))


def measured(title: str, *arguments: str, config: Path) -> None:
    """Run the program; seconds, peak memory and records a second."""
    command = [sys.executable, "-m", "inventory", "-q", "--config", str(config), *arguments]
    before = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{title}: exit {process.returncode}"
    took = time.perf_counter() - before
    used = usage.ru_utime + usage.ru_stime
    output = Path(arguments[-1])
    lines = sum(1 for _ in output.open("rb")) if arguments[2] == "ndjson" else 0
    speed = f"{lines / used:>10,.0f}" if lines else f"{'':>10}"
    print(
        f"{title:<44} {took:>8.1f} {used:>8.1f} {usage.ru_maxrss / 1024:>9.0f} {speed}", flush=True
    )


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--file-systems", type=int, default=100)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--stream-mounts", type=int, default=1_000_000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--stream", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.stream:
        stream(asked.stream[0], Path(asked.stream[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        url = f"sqlite:///{place / 'x.db'}"
        before = time.perf_counter()
        build(url, asked.file_systems, asked.clients)
        config = place / "efs-inventory.toml"
        config.write_text(f"[database]\nurl = {json.dumps(url)}\n")
        print(
            f"made in {time.perf_counter() - before:.0f} s, {(place / 'x.db').stat().st_size / 2**20:.0f} MiB"
        )
        if asked.profile:
            profiled(url)
            return
        print(f"{'':<44} {'s':>8} {'cpu s':>8} {'peak MiB':>9} {'rec/cpu s':>10}")
        out = str(place / "out")
        measured("ndjson, derived", "export", "--format", "ndjson", "-o", out, config=config)
        measured("csv, derived", "export", "--format", "csv", "-o", out, config=config)
        measured("parquet, derived", "export", "--format", "parquet", "-o", out, config=config)
        change = ("export", "--format", "ndjson", "--since", "0", "-o", out)
        measured("ndjson --since 0, the first look", *change, config=config)
        measured("ndjson --since 0, nothing changed", *change, config=config)
        streamed(place, asked.stream_mounts)


def streamed(folder: Path, mounts_wanted: int) -> None:
    """Only the streaming: what the feed knows, read and written by a process of its own."""
    from inventory.export import ndjson  # noqa: PLC0415 - after the database is made
    from inventory.store import feed  # noqa: PLC0415 - as above

    url = f"sqlite:///{folder / 'x.db'}"
    with Store.open(url, write=True) as store:
        with store.reading() as conn:
            (key, *_) = feed.touched(conn, 0)
            row = next(row for row in feed.rows_of(conn, key) if row.record_type == "mount")
        body = json.loads(row.body)
        with store.writing() as conn:
            writer = feed.Writer(conn)
            for start in range(0, mounts_wanted, 2_000):
                keys = [f"{row.key}/{number}" for number in range(start, start + 2_000)]
                bodies = [ndjson.encoded(body | {"key": name}) for name in keys]
                writer.put(
                    [
                        feed.Entry(name, "mount", "file_system/x/y/z", "", "", text)
                        for name, text in zip(keys, bodies, strict=True)
                    ]
                )
            writer.close()
    command = [sys.executable, __file__, "--stream", url, str(folder / "out")]
    print(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout,
        end="",
        flush=True,
    )


def stream(url: str, place: Path) -> None:
    """Read and write; prints its figures."""
    from inventory.export import feed, ndjson  # noqa: PLC0415 - only what is measured

    with Store.open(url) as store, place.open("w") as out:
        before, cpu = time.perf_counter(), time.process_time()
        with store.reading() as conn:
            count = ndjson.write(feed.lines(conn, "0", exported_at="2026-11-26T00:00:00Z"), out)
        took, used = time.perf_counter() - before, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    title = f"ndjson, what the feed knows: {count:,} records"
    print(f"{title:<44} {took:>8.1f} {used:>8.1f} {peak:>9.0f} {count / used:>10,.0f}")


def profiled(url: str) -> None:
    """Where the time of deriving goes."""
    from inventory.answers import Answers  # noqa: PLC0415 - after the database is made
    from inventory.export import records  # noqa: PLC0415 - as above

    profile = cProfile.Profile()
    with Store.open(url) as store:
        profile.enable()
        count = sum(1 for _ in records(Answers(store, Settings()), exported_at=""))
        profile.disable()
    print(count, "records")
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
