"""Bytes that Athena scans for a day of flow logs, counted with the fake: ``python -m tests.athena.counting``.

Two hours of made-up logs of one VPC (23 fields, one-minute aggregation) are put behind a table as text and as Parquet; the program's own
queries are run as a source would, and the bytes of the partitions and columns that they touch are counted. A day is twelve times that,
and what a day is multiplied by follows from the passes.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from benchmarks.make_logs import ACCOUNT, FIELDS, FIRST_SLOT, write
from inventory.collect.athena.layout import layout
from inventory.collect.athena.names import by_field, column
from inventory.collect.athena.sql import window_query
from inventory.collect.athena.table import Table
from inventory.collect.windows import Window
from inventory.flowlog.format import LogFormat
from inventory.model import DAY, HOUR
from inventory.setup.athena_table import FileFormat, FlowLogTable
from tests.fakeaws.warehouse import TableDefinition, Warehouse

REGION = "eu-central-1"
LINES = 20_000
"""Records of one object; 24 objects."""
FILES: tuple[FileFormat, ...] = ("text", "parquet")
SETTLE = 25 * 60
DOLLARS_PER_TB = 5.0

BUSY_VPC = 100_000_000
"""Records a day of one busy VPC: 5,000 interfaces with 20,000 each."""
COMPANY = 80 * 25_000_000
"""Records a day of 80 accounts with 25 million each."""


def counted(folder: Path, files: FileFormat) -> float:
    """Bytes scanned for each record in a partition that a query touches."""
    raw = folder / "raw"
    if not raw.exists():
        write(raw, files=24, lines=LINES)
    root = folder / files
    for path in sorted(raw.glob("*.gz")):
        _store(path, root, files)
    warehouse = Warehouse(root, polls=0)
    ddl = FlowLogTable(
        LogFormat.parse(" ".join(f"${{{name}}}" for name in FIELDS.split())) or sys.exit("no format"),
        "s3://logs/AWSLogs/", [ACCOUNT], [REGION], files=files,
    ).ddl()  # fmt: skip
    definition = warehouse.create(ddl)
    midnight = FIRST_SLOT - FIRST_SLOT % DAY
    window = Window(midnight, midnight + DAY, 1)
    query = window_query(_learnt(definition), window, ["eni-0"])
    started = warehouse.start({"QueryString": query, "WorkGroup": "primary"}, "", 0.0)
    done = warehouse.look(started.id) if started else None
    if done is None or done.state != "SUCCEEDED":
        sys.exit(f"the query failed: {done}")
    return done.scanned / (24 * LINES)


def _learnt(definition: TableDefinition) -> Table:
    keys = [column(*key) for key in definition.keys]
    parts = layout(keys, definition.properties, dict)
    return Table(
        definition.database,
        definition.name,
        by_field(column(*c) for c in definition.columns),
        parts,
    )


def _store(path: Path, root: Path, files: FileFormat) -> None:
    # all on one day: what is counted is bytes for each record
    day = datetime.fromtimestamp(FIRST_SLOT, UTC).strftime("%Y/%m/%d")
    target = root / f"logs/AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{day}" / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if files == "text":
        target.write_bytes(path.read_bytes())
        return
    numbers = {"version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end"}
    frame = pl.read_csv(path, separator=" ", infer_schema=False)
    frame = frame.with_columns(
        pl.col(name).cast(pl.Int64, strict=False) for name in frame.columns if name in numbers
    ).rename({name: name.replace("-", "_") for name in frame.columns})
    frame.write_parquet(target.with_suffix(".parquet"), compression="gzip")


def factor(partition: int, passes: int) -> float:
    """Days' worth of bytes that a day costs: each reading takes its partition and what is there of the next."""
    first = 1 + min(SETTLE, partition) / partition
    return first + (passes - 1) * 2


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        sizes = {files: counted(Path(name), files) for files in FILES}
    lines = ["bytes for each record: " + ", ".join(f"{k} {v:.1f}" for k, v in sizes.items())]
    for label, records in (("busy VPC", BUSY_VPC), ("80 accounts", COMPANY)):
        for files, size in sizes.items():
            for partition, passes in ((DAY, 1), (DAY, 2), (HOUR, 1), (HOUR, 2)):
                scanned = records * size * factor(partition, passes)
                words = f"{label:12} {files:8} {'day' if partition == DAY else 'hour':5} passes {passes}"
                price = scanned / 1e12 * DOLLARS_PER_TB
                lines.append(f"{words} {scanned / 1e9:10.1f} GB a day, {price:8.2f} $ a day")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
