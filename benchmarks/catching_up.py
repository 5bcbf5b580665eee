"""Whether a daemon that was away for a day is up to date before its next reading is due, and whether the rest goes on meanwhile.

    python benchmarks/catching_up.py                    # 10 flow logs, 288 files each of 5,000 records
    python benchmarks/catching_up.py --postgres URL     # an empty database

``efs-inventory run`` as a process of its own over a folder that holds a day: what is told is when it has read everything, its processor
time and memory, and the longest that its other duties were late meanwhile.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from inventory.errors import StoreError
from inventory.store import Store

SLOTS = 288
EVERY = 300
"""Seconds from one reading to the next."""

SWEEP = 60
"""Seconds from one look for new sweeps to the next."""

CONFIG = """\
[database]
url = "{url}"
[discover]
mode = "snapshots"
path = "{sweeps}"
[discover.every]
interfaces = "{sweep}s"
[collect]
since = "2026-09-01"
[serve]
bind = "127.0.0.1:0"
[[sources]]
name = "logs"
type = "files"
path = "{logs}"
every = "{every}s"
"""


@dataclass
class Watch:
    """What was seen of a daemon."""

    caught_up: float = 0.0
    """Seconds from its start until every file was read."""
    peak: float = 0.0
    """MiB of resident memory at the most."""
    done: dict[str, list[int]] = field(default_factory=dict)
    """By duty, when it was begun that was done to its end."""

    def late(self, duty: str, every: float) -> float:
        """The longest from one time to the next, beyond what it should be."""
        times = self.done.get(duty, [])
        return max((b - a - every for a, b in pairwise(times)), default=0.0)


def made(logs: Path, files: int, lines: int, flow_log: int) -> None:
    """Write the files of one flow log."""
    maker = Path(__file__).with_name("make_logs.py")
    numbers = {"files": files, "lines": lines, "flow-log": flow_log}
    told = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    subprocess.run([sys.executable, str(maker), str(logs), *told], check=True)


def watched(url: str, config: Path, files: int) -> Watch:
    """Run a daemon until everything is read and every duty had its turn once more."""
    found, began = Watch(), time.monotonic()
    command = [sys.executable, "-m", "inventory", "--config", str(config), "run"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        end = began + 3600
        while time.monotonic() < end and process.poll() is None:
            time.sleep(1)
            try:
                with Store.open(url) as store:
                    read, duties = len(store.done("logs")), store.duties()
            except StoreError:
                continue  # it is not made yet
            for name, row in duties.items():
                if row.done_at is not None and row.done_at not in found.done.get(name, []):
                    found.done.setdefault(name, []).append(row.done_at)
            if read == files and not found.caught_up:
                found.caught_up = time.monotonic() - began
                end = time.monotonic() + SWEEP + 10
        status = Path(f"/proc/{process.pid}/status").read_text()
        found.peak = next(
            int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")
        )
        process.send_signal(signal.SIGTERM)
        process.wait()
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flow-logs", type=int, default=10)
    parser.add_argument("--lines", type=int, default=5_000, help="records in each file")
    parser.add_argument("--postgres", help="URL of an empty database; otherwise SQLite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logs = folder / "logs"
        for number in range(given.flow_logs):
            made(logs, SLOTS, given.lines, number)
        url = given.postgres or f"sqlite:///{folder / 'inventory.db'}"
        config = folder / "efs-inventory.toml"
        config.write_text(
            CONFIG.format(url=url, sweeps=f"{logs}-sweeps", logs=logs, sweep=SWEEP, every=EVERY)
        )
        before = os.times()
        found = watched(url, config, given.flow_logs * SLOTS)
        after = os.times()
    cpu = after.children_user + after.children_system - before.children_user
    sys.stdout.write(
        f"{given.flow_logs} flow logs x {SLOTS} files x {given.lines:,} records: read after {found.caught_up:.0f} s of {EVERY} s, "
        f"{cpu:.0f} s of processor, peak {found.peak:.0f} MiB; sweeps at most {found.late('sweep', SWEEP):.0f} s late\n"
    )


if __name__ == "__main__":
    main()
