"""How fast flow logs are read, beside the engines that people would use instead: all in one run, in turns, each a process of its own.

Ours does the whole job (every line tallied, sightings, captures); the others the bare aggregation: keep dstport 2049, group by interface,
addresses and five minutes, count, sum packets and bytes, first start and last end. ``collect`` is the whole command,
sweeps and mounts too, into a new SQLite database. An engine that is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

FOLD = """
import sys
from inventory.collect.files import FilesSource
from inventory.collect.reading import read_all
from inventory.model import Known
source = FilesSource("logs", sys.argv[1])
known = Known(servers=frozenset(f"10.1.{n // 250}.{n % 250 + 4}" for n in range(60)))
batches = read_all(source, source.listing(None, None).refs, known)
records = sum(batch.folded.tally.records for batch in batches if not batch.problem)
assert records == int(sys.argv[2]), records
"""

POLARS = """
import sys
import polars as pl
found = (
    pl.scan_csv(sys.argv[1] + "/*.gz", separator=" ", null_values="-", infer_schema_length=1000)
    .filter(pl.col("dstport") == 2049)
    .group_by("interface-id", "srcaddr", "dstaddr", pl.col("start") // 300)
    .agg(pl.len(), pl.col("packets", "bytes").sum(), pl.col("start").min().alias("first"), pl.col("end").max().alias("last"))
    .collect(engine="streaming")
)
assert found.height
"""

DUCKDB = """
import sys
import duckdb
found = duckdb.sql(f'''
    select "interface-id", srcaddr, dstaddr, start // 300,
        count(*), sum(packets), sum(bytes), min(start), max("end")
    from read_csv('{sys.argv[1]}/*.gz', delim=' ', header=true, nullstr='-', quote='', escape='') where dstport = 2049 group by 1, 2, 3, 4
''').fetchall()
assert found
"""

MAWK = """
zcat "$1"/*.gz | mawk '$7 == 2049 { k = $3 " " $4 " " $5 " " int($11 / 300); n[k]++; p[k] += $8; b[k] += $9
if (!(k in f) || $11 < f[k]) f[k] = $11; if ($12 > l[k]) l[k] = $12 }
END { for (k in n) print k, n[k], p[k], b[k], f[k], l[k] }' > /dev/null
"""

CONFIG = """
[database]
url = "sqlite:///inventory.db"
[discover]
mode = "snapshots"
path = "{logs}-sweeps"
[[sources]]
name = "logs"
type = "files"
path = "{logs}"
"""


class Run(NamedTuple):
    """One process: seconds by the clock, seconds of both cores, MiB of resident memory at the most."""

    wall: float
    cpu: float
    peak: float


def _timed(command: list[str], folder: Path) -> Run | None:
    """Run it; ``None`` when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    stderr = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        print(stderr.decode(errors="replace")[-2000:], file=sys.stderr)
        return None
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _engines(logs: Path, records: int) -> dict[str, list[str]]:
    python = [sys.executable, "-c"]
    engines = {"ours: fold": [*python, FOLD, str(logs), str(records)]}
    if (ROOT / "inventory" / "cli" / "__init__.py").exists():
        engines["ours: collect into SQLite"] = [
            sys.executable,
            "-m",
            "inventory",
            "--config",
            "efs-inventory.toml",
            "-q",
            "collect",
        ]
    if importlib.util.find_spec("polars"):
        engines["polars scan_csv, streaming"] = [*python, POLARS, str(logs)]
    if importlib.util.find_spec("duckdb"):
        engines["DuckDB read_csv"] = [*python, DUCKDB, str(logs)]
    if shutil.which("mawk"):
        engines["zcat and mawk"] = ["sh", "-c", MAWK, "sh", str(logs)]
    return engines


def compare(logs: Path, records: int, rounds: int, only: str) -> dict[str, list[Run]]:
    """Every engine once a round, in turns."""
    results: dict[str, list[Run]] = {}
    engines = {name: command for name, command in _engines(logs, records).items() if only in name}
    for _ in range(rounds):
        for name, command in engines.items():
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                (folder / "efs-inventory.toml").write_text(CONFIG.format(logs=logs))
                if (run := _timed(command, folder)) is not None:
                    results.setdefault(name, []).append(run)
                    print(
                        f"{name:30} {run.wall:6.2f} s wall {run.cpu:6.2f} s cpu {run.peak:6.0f} MiB"
                    )
    return results


def table(results: dict[str, list[Run]], records: int) -> str:
    """Markdown: the best and the middle of the rounds, and the highest peak."""
    lines = [
        "| engine | best s | median s | cpu s | peak MiB | million lines/s |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in results.items():
        best = min(run.wall for run in runs)
        middle = statistics.median(run.wall for run in runs)
        cpu = min(run.cpu for run in runs)
        peak = max(run.peak for run in runs)
        lines.append(
            f"| {name} | {best:.2f} | {middle:.2f} | {cpu:.2f} | {peak:.0f} | {records / best / 1e6:.2f} |"
        )
    return "\n".join(lines)


def _made() -> Path:
    """The usual logs, in the folder for temporary files; made once."""
    logs = Path(tempfile.gettempdir()) / "efs-inventory-bench-logs"
    if not Path(f"{logs}-sweeps").exists():
        maker = Path(__file__).with_name("make_logs.py")
        subprocess.run([sys.executable, str(maker), str(logs)], check=True)
    return logs


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "logs", type=Path, nargs="?", help="a folder that make_logs.py wrote; made when not named"
    )
    parser.add_argument("--records", type=int, default=4_000_000, help="records in the folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="only engines whose name holds this")
    parser.add_argument("-o", "--output", type=Path, help="write the table there too")
    given = parser.parse_args()
    logs = (given.logs or _made()).resolve()
    text = table(compare(logs, given.records, given.rounds, given.only), given.records)
    print("\n" + text)
    if given.output:
        given.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
