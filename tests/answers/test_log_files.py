"""Answers from files as they lie in a folder: what is equal, broken for a moment, nameless, or read too early."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest

from inventory.collect import files
from inventory.collect.files import FilesSource
from inventory.collect.reading import is_new
from inventory.model import KINDS, BatchState, FlowLog
from tests.answers.conftest import HOUR, USUAL, Inventory, sweep
from tests.builders import ACCOUNT, CLIENT, FS, REGION, SERVER, SERVER_ENI, VPC, T, eni

Make = Callable[..., Inventory]
FLOW_LOG = "fl-0123456789abcdef0"
HEAD = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes"
    " start end action log-status\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "logs"
    made.mkdir()
    return made


def put(folder: Path, moment: int, text: str) -> None:
    """A file under the name that AWS gives it at ``moment``."""
    slot = datetime.fromtimestamp(moment, UTC)
    name = f"{ACCOUNT}_vpcflowlogs_{REGION}_{FLOW_LOG}_{slot:%Y%m%dT%H%MZ}_ab12.log.gz"
    (folder / name).write_bytes(gzip.compress(text.encode(), mtime=0))


def collect(inventory: Inventory, folder: Path) -> list[BatchState]:
    """Read what is new, and what failed before."""
    source = FilesSource("logs", folder)
    done = inventory.store.done(source.name)
    known = inventory.store.knowledge().known
    refs = [ref for ref in source.listing(None, None).refs if is_new(ref, done)]
    batches = [source.read(ref, known) for ref in refs]
    inventory.record(*batches, source=source.name)
    return [one.state for one in batches]


def test_equal_files_of_a_format_without_times_are_not_duplicates(make: Make, folder: Path) -> None:
    """Each slot's file has the same bytes when the same client did the same."""
    inventory = make()
    text = (
        "interface-id srcaddr dstaddr srcport dstport action\n"
        f"{SERVER_ENI} {CLIENT} {SERVER} 700 2049 ACCEPT\n"
        f"{SERVER_ENI} {SERVER} {CLIENT} 2049 700 ACCEPT\n"
    )
    for n in range(24):
        put(folder, T + n * 300, text)
    collect(inventory, folder)
    (mount,) = inventory.answers.who(FS, T, T + 2 * HOUR)["mounts"]
    assert mount["flows"] == 24


def test_a_file_that_broke_off_once_is_read_again_and_counted_once(
    make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(file: BinaryIO) -> Iterator[bytes]:
        yield file.read(9000)
        raise OSError(5, "Input/output error")

    inventory = make()
    lines = [
        f"2 {ACCOUNT} {SERVER_ENI} {ends} 6 100 10000 {moment} {moment + 59} ACCEPT OK\n"
        for moment in range(T, T + HOUR, 60)
        for ends in (f"{CLIENT} {SERVER} 700 2049", f"{SERVER} {CLIENT} 2049 700")
    ]
    (folder / "flows.log").write_text(HEAD + "".join(lines))
    with monkeypatch.context() as patched:
        patched.setattr(files, "_pieces", broken_off)
        assert collect(inventory, folder) == [BatchState.FAILED]
    assert collect(inventory, folder) == [BatchState.DONE]
    (mount,) = inventory.answers.who(FS, T, T + HOUR)["mounts"]
    assert mount["flows"] == 60


def test_records_that_were_skipped_on_some_interface_are_a_hole_of_each(
    make: Make, folder: Path
) -> None:
    """A format without interface-id does not tell whose records AWS skipped."""
    every = FlowLog(
        FLOW_LOG,
        VPC,
        "ALL",
        max_aggregation_interval=60,
        flow_log_status="ACTIVE",
        deliver_logs_status="SUCCESS",
    )
    inventory = make(*USUAL, every)
    for n in range(72):
        start, end = T + n * 300, T + n * 300 + 299
        skipped = f"- - - - {start} {end} SKIPDATA\n" if 20 <= n < 40 else ""
        other = f"10.0.9.1 10.0.9.2 443 5000 {start} {end} OK\n"
        head = "srcaddr dstaddr srcport dstport start end log-status\n"
        put(folder, end + 1, head + skipped + other)
    collect(inventory, folder)
    coverage = inventory.answers.who(FS, T + HOUR, T + 5 * HOUR)["coverage"]
    assert not coverage["complete"]
    assert {gap["reason"] for gap in coverage["gaps"]} == {"skipdata"}


@pytest.mark.parametrize("logs_first", [False, True])
def test_logs_read_before_the_mount_target_is_known_cover_it_all_the_same(
    make: Make, folder: Path, *, logs_first: bool
) -> None:
    """Silence of an interface that nobody knew to be a mount target's was silence of that mount target."""
    poor = [kind for kind in KINDS if kind not in ("mount_target", "file_system")]
    inventory = make(eni(SERVER_ENI, SERVER), whole=poor)
    rich = [sweep(T - 60 + n * HOUR, *USUAL) for n in range(7)]
    for n in range(72):
        start, end = T + n * 300, T + n * 300 + 299
        put(
            folder,
            end + 1,
            f"{HEAD}2 {ACCOUNT} {SERVER_ENI} - - - - - - - {start} {end} - NODATA\n",
        )
    if logs_first:
        collect(inventory, folder)
        inventory.learn(*rich)
    else:
        inventory.learn(*rich)
        collect(inventory, folder)
    coverage = inventory.answers.who(FS, T, T + 5 * HOUR)["coverage"]
    assert (coverage["complete"], coverage["ratio"]) == (True, 1.0)
