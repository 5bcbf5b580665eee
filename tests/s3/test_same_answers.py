"""The made-up account, delivered to a bucket in every layout, gives the answers that the same objects in a folder give."""

from __future__ import annotations

import gzip
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from inventory.cli import run
from inventory.collect.names import named
from tests.conftest import Programme
from tests.s3.conftest import Shelf
from tests.s3.made import envelope, members, moment
from tests.world.formats import RECOMMENDED
from tests.world.plan import ACCOUNT, REGION
from tests.world.world import START, Paths, World

HOURS = 3
SWEEPS = tuple(START - 600 + 1500 * n for n in range(9))
WORLD = World()

CONFIG = """\
[database]
url = {url}
[discover]
mode = "snapshots"
path = {snapshots}
[collect]
since = "2026-10-25"
[[sources]]
name = "flow-logs"
{source}
format = {format}
[networks]
"192.168.0.0/16" = "on-premises"
"""

Objects = Mapping[str, bytes]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    folder = tmp_path_factory.mktemp("world")
    return WORLD.write(folder, vantage="mount_target", sweeps=SWEEPS)


def early(paths: Paths) -> Iterator[tuple[int, Path]]:
    """The objects of the first hours, with the begin of their slot."""
    for path in paths.objects:
        slot = named(path.name).slot
        assert slot is not None
        if slot[0] < START + HOURS * 3600:
            yield slot[0], path


def plain(paths: Paths) -> Objects:
    return {
        f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{moment(at):%Y/%m/%d}/{path.name}": path.read_bytes()
        for at, path in early(paths)
    }


def hourly_of_an_organisation(paths: Paths) -> Objects:
    return {
        f"logs/AWSLogs/o-abc123def4/{ACCOUNT}/vpcflowlogs/{REGION}/{moment(at):%Y/%m/%d/%H}/{path.name}": (
            path.read_bytes()
        )
        for at, path in early(paths)
    }


def hive(paths: Paths) -> Objects:
    folder = f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region={REGION}"
    return {
        f"{folder}/{moment(at):year=%Y/month=%m/day=%d/hour=%H}/{path.name}": path.read_bytes()
        for at, path in early(paths)
    }


def parquet(paths: Paths) -> Objects:
    found = {}
    for key, data in plain(paths).items():
        header, *rows = gzip.decompress(data).decode().splitlines()
        columns = dict(
            zip(header.split(), zip(*(row.split(" ") for row in rows), strict=True), strict=True)
        )
        table = pl.DataFrame({name.replace("-", "_"): values for name, values in columns.items()})
        file = io.BytesIO()
        table.write_parquet(file, compression="gzip")
        found[key.replace(".log.gz", ".log.parquet")] = file.getvalue()
    return found


def archive(paths: Paths) -> Objects:
    """An object for each half hour: an envelope for each interface, one of a group that is no flow log in between."""
    position = RECOMMENDED.split().index("${interface-id}")
    halves: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for at, path in early(paths):
        for row in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]:
            halves[at - at % 1800][row.split(" ")[position]].append(row)
    other = envelope(["REPORT RequestId: 1 Duration: 2 ms"], "/aws/lambda/f", "2026/11/01/[1]a")
    return {
        f"{moment(at + 600):%Y/%m/%d/%H}/cwl-1-{moment(at):%H-%M}": members(
            *(envelope(rows, stream=f"{eni}-all") for eni, rows in streams.items()), other
        )
        for at, streams in halves.items()
    }


LAYOUTS: Mapping[str, Callable[[Paths], Objects]] = {
    made.__name__: made for made in (archive, hive, hourly_of_an_organisation, parquet, plain)
}


def configured(folder: Path, paths: Paths, source: Mapping[str, str], log_format: str) -> Path:
    folder.mkdir()
    config = folder / "efs-inventory.toml"
    config.write_text(
        CONFIG.format(
            url=json.dumps(f"sqlite:///{folder / 'inventory.db'}"),
            snapshots=json.dumps(str(paths.snapshots)),
            source="\n".join(f"{key} = {json.dumps(value)}" for key, value in source.items()),
            format=json.dumps(log_format),
        )
    )
    return config


def told(config: Path, *arguments: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    out.reconfigure = err.reconfigure = lambda **_: None  # type: ignore[attr-defined]
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["--config", str(config), *arguments])
    assert code == 0, f"{arguments}: {err.getvalue()[-3000:]}"
    return out.getvalue()


def answers(config: Path, bucket: str = "") -> dict[str, Any]:
    """Everything that is asked, as text, without where a batch lies."""
    told(config, "collect")
    span = ("--since", f"{moment(START):%Y-%m-%dT%H:%M:%SZ}")
    questions = [("list",), *(("who", fs.id, *span) for fs in WORLD.account.file_systems)]
    found = {" ".join(one): told(config, *one, "--format", "json") for one in questions}
    if bucket:
        found = {
            question: text.replace(f"{bucket}/", "").replace('"s3"', '"files"')
            for question, text in found.items()
        }
    return found


def test_every_layout_gives_the_answers_that_files_give(
    written: Paths, shelf: Shelf, tmp_path: Path, programme: Programme
) -> None:
    for layout in programme.cases("layouts of a bucket", sorted(LAYOUTS), 1):
        objects = LAYOUTS[layout](written)
        log_format = RECOMMENDED if layout == "archive" else "auto"
        here = tmp_path / layout
        here.mkdir()
        for key, data in objects.items():
            (here / "logs" / key).parent.mkdir(parents=True, exist_ok=True)
            (here / "logs" / key).write_bytes(data)
        bucket = Shelf(shelf.front, f"{shelf.bucket}-{layout.replace('_', '-')}")
        bucket.fill(objects)
        files = {"type": "files", "path": str(here / "logs")}
        s3 = {"type": "s3", "bucket": bucket.bucket}
        expected = answers(configured(here / "files", written, files, log_format))
        before = shelf.front.count("GET")
        config = configured(here / "s3", written, s3, log_format)
        got = answers(config, bucket.bucket)
        read = shelf.front.count("GET")
        assert read == len(objects) + before
        told(config, "collect")
        assert shelf.front.count("GET") == read, f"{layout}: what was read is read again"
        assert any('"mounts": [' in text and "first_seen" in text for text in expected.values())
        for question, text in expected.items():
            assert got[question] == text, f"{layout}: {question}"
