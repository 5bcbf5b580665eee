"""Files as a source: what is listed, and what a file in any state is read as."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.collect.files import FilesSource
from inventory.collect.reading import AHEAD, read_all
from inventory.errors import ConfigError, SourceError
from inventory.flowlog import content
from inventory.model import Batch, BatchRef, BatchState, Known, Outcome
from tests.unit.flowlog.lines import HEADER, KNOWN, RICH, T, line

NAME = "123456789012_vpcflowlogs_eu-west-1_fl-0abc0abc_20260922T1335Z_0a1b2c3d.log.gz"
GOOD = f"{HEADER}\n{line()}\n{line(dstport=443)}\n".encode()
MANY = (HEADER + "\n" + (line() + "\n") * 3000).encode()


def read(folder: Path, data: bytes, name: str = "a.log", format: str = "auto") -> Batch:  # noqa: A002 - the domain's word
    (folder / name).write_bytes(data)
    source = FilesSource("f", folder, format)
    (ref,) = [ref for ref in source.listing(None, None).refs if ref.key == name]
    return source.read(ref, KNOWN)


# -- listing


def test_a_folder_is_listed_with_its_folders(tmp_path: Path) -> None:
    for name in ("a.log", "sub/b.log", "sub/.hidden", ".git/c", "d.tmp", "e.part", "sub/f~"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "a.log")
    (tmp_path / "folder-link").symlink_to(tmp_path / "sub")
    found = FilesSource("f", str(tmp_path)).listing(None, None).refs
    assert [ref.key for ref in found] == ["a.log", "sub/b.log"]
    assert found[0].version == f"5-{(tmp_path / 'a.log').stat().st_mtime_ns}"


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("*.log", ["a.log"]),
        ("**/*.log", ["a.log", "s/b.log"]),
        ("s/b.log", ["b.log"]),
        ("*/[bc].*", ["s/b.log", "s/c.gz"]),
    ],
)
def test_a_glob_and_a_file(tmp_path: Path, pattern: str, keys: list[str]) -> None:
    (tmp_path / "s").mkdir()
    for name in ("a.log", "s/b.log", "s/c.gz"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "out").symlink_to("/etc")
    assert [
        ref.key for ref in FilesSource("f", tmp_path / pattern).listing(None, None).refs
    ] == keys


def test_names_that_aws_gives_tell_account_flow_log_and_slot(tmp_path: Path) -> None:
    for name in (
        NAME,
        NAME.replace("20260922T1335Z", "20260922T1340Z"),
        "plain.log",
        NAME.replace("20260922", "20260231"),
    ):
        (tmp_path / name).write_bytes(b"")
    source = FilesSource("f", tmp_path)
    slot = (1_790_084_100, 1_790_084_400)
    refs = {ref.key: ref for ref in source.listing(None, None).refs}
    assert refs[NAME] == BatchRef(
        NAME, refs[NAME].version, 0, "fl-0abc0abc", "123456789012", "eu-west-1", slot
    )
    chosen = source.listing(slot[0], slot[1]).refs
    assert {ref.key for ref in chosen} == {NAME, "plain.log", NAME.replace("20260922", "20260231")}
    assert len(source.listing(slot[1] - 1, slot[1] + 1).refs) == 4
    assert len(source.listing(slot[1] + 300, None).refs) == 2


def test_what_is_not_there_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere") as caught:
        FilesSource("f", tmp_path / "nowhere").listing(None, None)
    assert "path" in caught.value.hint
    with pytest.raises(ConfigError):
        FilesSource("f", tmp_path, "v2")


def test_a_key_does_not_lead_out(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(GOOD)
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "up").symlink_to(tmp_path)
    source = FilesSource("f", inside)
    for key in ("link", "../secret", "up/secret", str(tmp_path / "secret")):
        assert source.read(BatchRef(key, "1-1", 1), KNOWN).state is BatchState.FAILED


# -- whole files


def good(batch: Batch) -> bool:
    return (
        batch.state is BatchState.DONE
        and batch.folded.tally.counts == {Outcome.REQUEST: 1, Outcome.OTHER_PORT: 1}
        and len(batch.digest) == 32
        and not batch.problem
    )


def test_text_and_gzip_under_any_name(tmp_path: Path) -> None:
    assert good(read(tmp_path, GOOD, "a.log"))
    assert good(read(tmp_path, GOOD, "b.log.gz"))
    assert good(read(tmp_path, gzip.compress(GOOD), "c.log.gz"))
    assert good(read(tmp_path, gzip.compress(GOOD[:30]) + gzip.compress(GOOD[30:]) + bytes(9), "d"))
    assert good(read(tmp_path, GOOD.replace(b"\n", b"\r\n"), "e.txt"))
    assert good(read(tmp_path, b"\xef\xbb\xbf" + GOOD, "f.txt"))
    assert good(read(tmp_path, GOOD.rstrip(b"\n"), "g.log"))


def test_the_same_content_has_the_same_digest(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD, "a").digest == read(tmp_path, GOOD, "b").digest
    assert read(tmp_path, GOOD, "a").digest != read(tmp_path, GOOD + b"\n", "b").digest


def test_an_empty_file_is_done_with_nothing(tmp_path: Path) -> None:
    for data in (b"", gzip.compress(b""), HEADER.encode()):
        found = read(tmp_path, data)
        assert (found.state, found.folded.tally.records) == (BatchState.DONE, 0)


def test_the_slot_gives_time_where_records_have_none(tmp_path: Path) -> None:
    found = read(tmp_path, b"eni-0a 2049\n", NAME, "${interface-id} ${dstport}")
    assert [one.first_seen for one in found.folded.sightings] == [1_790_084_100]


# -- JSON

EVENTS = [
    {"id": "1", "timestamp": T * 1000, "message": line()},
    {"id": "2", "timestamp": T * 1000, "message": line(dstport=443)},
]
ENVELOPE = {"messageType": "DATA_MESSAGE", "logStream": "eni-0a-all", "logEvents": EVENTS}
CONTROL = {
    "messageType": "CONTROL_MESSAGE",
    "logEvents": [{"message": "CWL CONTROL MESSAGE: Checking health", "timestamp": 1}],
}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ENVELOPE),
        json.dumps(ENVELOPE, indent=2),
        json.dumps(CONTROL) + json.dumps(ENVELOPE),
        json.dumps(CONTROL) + "\n\n" + json.dumps(ENVELOPE) + "\n",
        json.dumps([CONTROL, ENVELOPE]),
        json.dumps({"events": EVENTS, "nextToken": "x"}),
        "\n".join(json.dumps({"message": event["message"]}) for event in EVENTS),
        "".join(json.dumps({"message": str(event["message"]) + "\n"}) for event in EVENTS),
    ],
)
def test_wrapped_records_count_like_bare_ones(tmp_path: Path, text: str) -> None:
    assert good(read(tmp_path, text.encode()))
    assert good(read(tmp_path, gzip.compress(text.encode())))


def test_a_broken_document_costs_only_itself(tmp_path: Path) -> None:
    text = (
        json.dumps(ENVELOPE) + '\n{"message": 5}\n{"messageType": nonsense\n' + json.dumps(ENVELOPE)
    )
    found = read(tmp_path, text.encode())
    assert found.state is BatchState.DONE
    assert found.folded.tally.counts[Outcome.REQUEST] == 2
    assert found.folded.tally.counts[Outcome.MALFORMED] >= 1
    found = read(tmp_path, (json.dumps(ENVELOPE) + json.dumps(ENVELOPE)[:-30]).encode())
    assert (found.state, found.folded.tally.counts[Outcome.REQUEST]) == (BatchState.PARTIAL, 1)


def test_deep_or_endless_json_is_no_error(tmp_path: Path) -> None:
    for text in ("[" * 200_000, '{"a":' * 100_000, '{"message": "' + "x" * (17 * 2**20)):
        found = read(tmp_path, text.encode())
        assert found.state in {BatchState.FOREIGN, BatchState.FAILED}


# -- faults


def test_a_cut_file_counts_up_to_the_cut(tmp_path: Path) -> None:
    found = read(tmp_path, gzip.compress(MANY, 1)[:-100])
    assert found.state is BatchState.PARTIAL
    assert "cut" in found.problem
    assert 100 < found.folded.tally.records < 3000
    assert found.folded.tally.counts == {Outcome.REQUEST: found.folded.tally.records}


@pytest.mark.parametrize(
    "data", [gzip.compress(MANY, mtime=0) + b"more", gzip.compress(MANY, mtime=0)[:-8] + bytes(8)]
)
def test_faults_behind_the_lines_lose_none(tmp_path: Path, data: bytes) -> None:
    found = read(tmp_path, data)
    assert (found.state, found.folded.tally.records) == (BatchState.PARTIAL, 3000)
    assert found.problem


def test_a_bomb_is_told_and_takes_no_memory(tmp_path: Path) -> None:
    found = read(tmp_path, gzip.compress(GOOD + bytes(150 * 2**20), 9))
    assert (found.state, found.folded.tally.counts[Outcome.REQUEST]) == (BatchState.PARTIAL, 1)
    assert "bomb" in found.problem


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"\x00\x01\x02" * 2000,
        b"PK\x03\x04rest",
        b'{"Records": [{"eventName": "CreateMountTarget"}]}',
        b"[1, 2]",
        b"hello world\nthis is no flow log\n",
        b"interface status\nport 2049 open\n",
        gzip.compress(b"some notes\n", mtime=0),
        gzip.compress(gzip.compress(GOOD, mtime=0), mtime=0),
    ],
)
def test_foreign_files_are_noted_and_add_nothing(tmp_path: Path, data: bytes) -> None:
    found = read(tmp_path, data)
    assert found.state is BatchState.FOREIGN
    assert found.problem.startswith("no flow log: ")
    assert found.folded == content.nothing()


def test_under_a_name_of_aws_nothing_is_foreign(tmp_path: Path) -> None:
    assert read(tmp_path, b"\x00\x01\x02" * 2000, NAME).state is BatchState.FAILED


def test_what_cannot_be_read_is_failed(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(GOOD)
    source = FilesSource("f", tmp_path)
    (ref,) = source.listing(None, None).refs
    with patch("os.open", side_effect=PermissionError(13, "Permission denied")):
        found = source.read(ref, KNOWN)
    assert (found.state, found.problem) == (BatchState.FAILED, "cannot be read: Permission denied")
    (tmp_path / "a.log").unlink()
    assert source.read(ref, KNOWN).state is BatchState.FAILED
    with patch.object(content, "MAX_OBJECT", 3):
        assert "larger than" in read(tmp_path, GOOD).problem


def test_a_file_that_changes_is_never_done(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(GOOD)
    source = FilesSource("f", tmp_path)
    (ref,) = source.listing(None, None).refs
    (tmp_path / "a.log").write_bytes(GOOD + GOOD)
    found = source.read(ref, KNOWN)
    assert (found.state, found.digest) == (BatchState.PARTIAL, "")
    assert "changed" in found.problem
    (again,) = source.listing(None, None).refs
    assert again.version != ref.version
    assert source.read(again, KNOWN).state is BatchState.DONE


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(gzip.compress),
        st.binary(max_size=60).map(lambda data: b"PAR1" + data + b"PAR1"),
    )
)
def test_any_bytes_are_a_batch(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    found = read(tmp_path_factory.mktemp("any"), data)
    assert found.state in set(BatchState)
    assert (found.state is BatchState.DONE) == (not found.problem)


# -- Parquet


def table(folder: Path, rows: list[str], fields: tuple[str, ...] = tuple(RICH)) -> pl.DataFrame:
    columns = {
        name.replace("-", "_"): [row.split()[at] for row in rows] for at, name in enumerate(fields)
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_columns(
        pl.all().replace("-", None)
    )
    numbers = [
        name
        for name in ("srcport", "dstport", "protocol", "packets", "bytes", "start", "end")
        if name in columns
    ]
    return frame.with_columns(pl.col(numbers).cast(pl.Int64))


ROWS = [
    line(RICH),
    line(RICH, dstport=443),
    line(RICH, log_status="NODATA", srcaddr="-", dstport="-"),
    line(RICH, protocol=17),
    line(RICH, start="-", end="-"),
]


def test_parquet_says_what_text_says(tmp_path: Path) -> None:
    frame = table(tmp_path, ROWS)
    frame.write_parquet(tmp_path / "p.parquet", row_group_size=2)
    by_table = read(tmp_path, (tmp_path / "p.parquet").read_bytes(), "p.parquet")
    by_text = read(tmp_path, "\n".join([" ".join(RICH), *ROWS]).encode(), "p.log")
    assert by_table.state is BatchState.DONE
    assert by_table.folded == by_text.folded
    frame.with_columns(pl.col("srcport", "dstport", "start", "end").cast(pl.Float64)).write_parquet(
        tmp_path / "q.parquet"
    )
    assert (
        read(tmp_path, (tmp_path / "q.parquet").read_bytes(), "q.parquet").folded == by_text.folded
    )


def test_parquet_that_is_cut_or_foreign_or_of_a_transit_gateway(tmp_path: Path) -> None:
    table(tmp_path, ROWS).write_parquet(tmp_path / "p")
    data = (tmp_path / "p").read_bytes()
    assert read(tmp_path, data[:-20], "p").state is BatchState.FAILED
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "p")
    assert read(tmp_path, (tmp_path / "p").read_bytes(), "p").state is BatchState.FOREIGN
    pl.DataFrame({"tgw_id": ["tgw-1"], "dstport": [2049]}).write_parquet(tmp_path / "p")
    assert read(tmp_path, (tmp_path / "p").read_bytes(), "p").folded.tally.counts == {
        Outcome.NOT_VPC_FLOW: 1
    }


def test_parquet_without_polars_fails_that_file_and_names_the_extra(tmp_path: Path) -> None:
    with patch.dict("sys.modules", polars=None):
        batch = read(tmp_path, b"PAR1PAR1")
    assert batch.state is BatchState.FAILED
    assert "pip install" in batch.problem


# -- all of them


def test_read_all_keeps_the_order_and_reads_only_a_little_ahead(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.log").write_bytes(GOOD)
    source = FilesSource("f", tmp_path)
    refs = source.listing(None, None).refs
    begun: list[str] = []
    plain = source.read

    def watched(ref: BatchRef, known: Known) -> Batch:
        begun.append(ref.key)
        return plain(ref, known)

    with patch.object(source, "read", side_effect=watched):
        batches = read_all(source, refs, KNOWN, 2)
        assert next(batches).ref == refs[0]
        assert len(begun) <= 2 * AHEAD + 1
        assert [batch.ref.key for batch in batches] == [ref.key for ref in refs[1:]]


def test_leaving_early_stops_reading(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.log").write_bytes(GOOD)
    source = FilesSource("f", tmp_path)
    batches = read_all(source, source.listing(None, None).refs, KNOWN, 1)
    assert good(next(batches))
    batches.close()  # type: ignore[attr-defined]
