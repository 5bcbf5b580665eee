"""The made-up account through Athena: the same answers to the byte as from files, by every kind of table."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inventory import config, pipeline
from inventory.answers import Answers
from inventory.cli.progress import Quiet
from inventory.collect.names import named
from inventory.collect.report import Report
from inventory.export import ndjson, records
from inventory.store import Store
from tests.athena.stocking import Shop
from tests.conftest import Programme
from tests.e2e.conftest import Worlds
from tests.e2e.driver import difference
from tests.fakeaws.results import shelf
from tests.fakeaws.serving import Served
from tests.fakeaws.warehouse import Warehouse
from tests.world.plan import ACCOUNT, REGION
from tests.world.world import World

LATER = World().end + 27 * 3600

CASES: dict[str, dict[str, Any]] = {
    "text by day": {},
    "Parquet by day": {"container": "parquet", "more": ("--files", "parquet")},
    "Hive by hour": {"hive": True, "hourly": True, "more": ("--partitions", "hive", "--hourly")},
    "default format, text by hour": {"log_format": "default", "hourly": True, "more": ("--hourly",)},
    "v11, Parquet, Hive by day": {
        "log_format": "v11", "container": "parquet", "hive": True, "more": ("--files", "parquet", "--partitions", "hive"),
    },
    "the mount targets' side, a minute": {"vantage": "mount_target", "aggregation": 60},
}  # fmt: skip


@pytest.fixture
def shop(fake_aws: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    root = tmp_path / "buckets"
    root.mkdir()
    fake_aws.cloud.now = lambda: LATER
    with shelf(root) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", served.url)
        warehouse = Warehouse(root, polls=0)  # the program really sleeps between two looks
        fake_aws.cloud.place(ACCOUNT, REGION).put("athena.warehouse", [warehouse])
        yield Shop(fake_aws, warehouse, served)


def collected(
    folder: Path, snapshots: Path, source: dict[str, Any], until: int
) -> tuple[Report, bytes]:
    """Everything up to ``until`` read in this process, at a time of our own; and the export."""
    folder.mkdir()
    document = {
        "database": {"url": f"sqlite:///{folder / 'x.db'}"},
        "discover": {"mode": "snapshots", "path": str(snapshots)},
        "collect": {"since": "2026-11-01"},
        "networks": {"192.168.0.0/16": "on-premises"},
        "sources": [{"name": "flow-logs", **source}],
    }
    settings = config.parse(document, folder=folder, environ={})
    report = pipeline.collect(settings, progress=Quiet(), clock=lambda: LATER, until=until)
    stream = io.StringIO()
    with Store.open(settings.database.url) as store, redirect_stdout(stream):
        ndjson.write(records(Answers(store, settings), exported_at=""), stream)
    return report, re.sub(r'"evidence":\{[^}]*\}', '"evidence":{}', stream.getvalue()).encode()


@dataclass(frozen=True)
class Morning:
    """A part of a world: every situation of its first hours."""

    snapshots: Path
    objects: tuple[Path, ...]
    until: int
    """An empty window after the last object would be a gap of its own, and a little of what is before it."""
    logs: Path
    """The same objects under names that tell neither flow log nor time: a table does not tell them either, so the comparison is fair."""


def morning(worlds: Worlds, folder: Path, options: dict[str, Any], *, whole: bool) -> Morning:
    paths = worlds.paths(**options)
    sweeps, objects = (
        (paths.sweeps, paths.objects) if whole else (paths.sweeps[:14], paths.objects[:120])
    )
    for sweep in sweeps:
        shutil.copytree(sweep, folder / "snapshots" / sweep.name)
    (folder / "logs").mkdir()
    for number, path in enumerate(objects):
        shutil.copyfile(path, folder / "logs" / f"{number}{''.join(path.suffixes)}")
    last = max(named(path.name).slot or (0, 0) for path in objects)
    return Morning(folder / "snapshots", objects, last[1], folder / "logs")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if CASES[name] else []) for name in CASES]
)
def test_the_same_answers_as_from_files(
    worlds: Worlds, shop: Shop, tmp_path: Path, programme: Programme, name: str
) -> None:
    case = dict(CASES[name])
    layout = {key: case.pop(key) for key in ("hive", "hourly") if key in case}
    more = case.pop("more", ())
    part = morning(worlds, tmp_path, case, whole=programme.whole)
    files = {"type": "files", "path": str(part.logs)}
    report, expected = collected(tmp_path / "files", part.snapshots, files, part.until)
    assert not report.problems
    shop.stock(part.objects, **layout)
    shop.table(case.get("log_format", "recommended"), *more)
    athena = {"type": "athena", "database": "flow_logs", "table": "vpc_flow_logs"}
    report, got = collected(tmp_path / "athena", part.snapshots, athena, part.until)
    assert not report.problems
    assert expected.count(b"\n") > 20
    problem = difference(_lines(expected), _lines(got))
    assert not problem, problem


def _lines(export: bytes) -> bytes:
    """A line for each value, so that a difference is short."""
    return b"\n".join(
        json.dumps(json.loads(line), sort_keys=True, indent=0).encode()
        for line in export.splitlines()
    )
