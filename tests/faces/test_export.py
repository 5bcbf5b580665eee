"""The feed: keys that stay, an order that stays, files that appear whole."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from inventory.errors import InventoryError
from inventory.export import delimited, files, parquet, records, schema
from inventory.export.columns import COLUMNS
from tests.faces.fakes import (
    FakeAnswers,
    ask,
    asked,
    client,
    coverage,
    file_system,
    gap,
    listed,
    mount,
    used_by,
    who_answer,
)

WHEN = "2026-11-09T12:00:00Z"


def world() -> dict[str, Any]:
    """Two file systems, listed in no order, that share a client."""
    one, other = listed(id="fs-0aaa", arn="arn:a"), listed(id="fs-0bbb", arn=None)
    two = client(id="i-0bbb")
    return {
        "list": {"as_of": "2026-11-09T11:59:50Z", "file_systems": [other, one]},
        "who": {
            "arn:a": who_answer(mount(client=two), mount(), file_system=file_system(id="fs-0aaa")),
            "fs-0bbb": who_answer(
                mount(
                    client=None, candidates=[client(id="i-0z"), client()], confidence="candidates"
                ),
                mount(client=two, state="rejected"),
                possible=[mount(state="unknown")],
                file_system=file_system(id="fs-0bbb"),
            ),
        },
    }


def exported(answers: dict[str, Any] | None = None, at: str = WHEN) -> list[dict[str, Any]]:
    return list(records(FakeAnswers(**(answers or world())), exported_at=at))


def test_the_order_and_the_keys() -> None:
    place = "111122223333/eu-central-1"
    a, b = f"file_system/{place}/fs-0aaa", f"file_system/{place}/fs-0bbb"
    first, second, third = (
        f"client/ec2_instance/{place}/{name}" for name in ("i-0aaa", "i-0bbb", "i-0z")
    )
    assert [(record["record_type"], record["key"]) for record in exported()] == [
        ("file_system", a),
        ("client", first),
        ("client", second),
        ("mount", f"mount {a} {first}"),
        ("mount", f"mount {a} {second}"),
        ("file_system", b),
        ("client", third),
        ("mount", f"mount {b} {first}+{third}"),
        ("mount", f"mount {b} {second}"),
        ("mount", f"possible {b} {first}"),
    ]


def test_every_record_begins_alike_and_keys_are_unique() -> None:
    found = exported()
    for record in found:
        assert list(record)[:4] == ["schema_version", "record_type", "key", "exported_at"]
        assert (record["schema_version"], record["exported_at"]) == (1, WHEN)
    assert len({record["key"] for record in found}) == len(found)


def test_file_systems_carry_coverage_and_as_of() -> None:
    for record in exported():
        if record["record_type"] == "file_system":
            assert record["as_of"] == "2026-11-09T11:59:50Z"
            assert record["coverage"]["complete"] is True


def test_what_is_no_relation_is_marked() -> None:
    marks = {
        record["key"].split("/")[0] + record["state"]: (record["is_mount"], record["possible"])
        for record in exported()
        if record["record_type"] == "mount"
    }
    assert marks == {
        "mount file_systemactive": (True, False),
        "mount file_systemrejected": (False, False),
        "possible file_systemunknown": (False, True),
    }


def test_candidates_are_references_to_clients() -> None:
    found = exported()
    clients = {record["key"] for record in found if record["record_type"] == "client"}
    for record in found:
        if record["record_type"] == "mount":
            assert set(record["candidates"]) <= clients
            assert record["client"] is None or record["client"] in clients
            assert record["file_system"] in {each["key"] for each in found}


def test_all_that_is_kept_is_exported() -> None:
    answers = FakeAnswers(**world())
    list(records(answers, exported_at=WHEN))
    assert [one[:3] for one in answers.asked] == [("arn:a", 0, None), ("fs-0bbb", 0, None)]


def test_the_same_inventory_is_the_same_export() -> None:
    shuffled = world()
    shuffled["list"]["file_systems"].reverse()
    for answer in shuffled["who"].values():
        answer["mounts"].reverse()
    assert exported(shuffled) == exported()


def test_the_command_writes_ascii_lines() -> None:
    told = world()
    told["list"]["file_systems"][0]["name"] = "東京\u202e\n"
    result = asked(["export", "--format", "ndjson"], FakeAnswers(**told))
    assert result.exit_code == 0
    assert result.stdout.isascii()
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == 10
    assert {line["exported_at"] for line in lines} == {WHEN}
    assert result.stderr == ""


# -- files -----------------------------------------------------------------------------------------


def test_a_file_appears_whole(tmp_path: Path) -> None:
    place = tmp_path / "feed.ndjson"
    result = ask(["export", "--format", "ndjson", "-o", str(place)], **world())
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"10 records written to {place}\n"
    assert len(place.read_text().splitlines()) == 10
    assert [path.name for path in tmp_path.iterdir()] == ["feed.ndjson"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(place.stat().st_mode) == 0o666 & ~umask


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    place = tmp_path / "feed.ndjson"
    place.write_text("old\n")
    told = world()
    del told["who"]["fs-0bbb"]
    result = ask(["export", "--format", "ndjson", "-o", str(place)], **told)
    assert result.exit_code == 3
    assert place.read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["feed.ndjson"]


def test_while_it_is_written_the_old_file_stands(tmp_path: Path) -> None:
    place = tmp_path / "feed.ndjson"
    place.write_text("old\n")
    with files.replacing(place) as stream:
        stream.write("new\n")
        stream.flush()
        assert place.read_text() == "old\n"
    assert place.read_text() == "new\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "feed"
    link.symlink_to(tmp_path / "real" / "feed")
    with files.replacing(link) as stream:
        stream.write("new\n")
    assert link.is_symlink()
    assert (tmp_path / "real" / "feed").read_text() == "new\n"


def test_a_device_is_not_replaced() -> None:
    with files.replacing(Path("/dev/null")) as stream:
        stream.write("gone\n")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    result = ask(["export", "--format", "ndjson", "-o", str(tmp_path / "no" / "feed")], **world())
    assert result.exit_code == 1
    assert result.stderr.startswith(
        f"error: cannot write {tmp_path}/no/feed: No such file or directory"
    )
    assert f"hint: make the folder {tmp_path}/no first" in result.stderr
    with pytest.raises(InventoryError) as caught, files.replacing(tmp_path):
        pass
    assert caught.value.hint.startswith("name another place")
    with (
        pytest.raises(InventoryError, match="cannot write"),
        files.replacing(Path("/proc/nope/feed")),
    ):
        pass


# -- what is gone ----------------------------------------------------------------------------------


def mounts_of(*mounts: dict[str, Any], gone: bool = False, **answer: Any) -> list[dict[str, Any]]:
    told = {
        "list": {"as_of": None, "file_systems": [listed()]},
        "who": who_answer(*mounts, **answer),
    }
    found = records(FakeAnswers(**told), exported_at=WHEN, gone=gone)
    return [record for record in found if record["record_type"] == "mount"]


OVER = mount(state="ended", last_seen="2026-11-08T11:59:50Z")
"""For a day as of the answer."""


def test_a_mount_that_is_over_for_a_day_is_gone() -> None:
    assert mounts_of(OVER) == []
    (one,) = mounts_of(OVER | {"last_seen": "2026-11-08T11:59:51Z"})
    assert (one["state"], one["op"]) == ("ended", "upsert")
    (one,) = mounts_of(OVER, gone=True)
    assert one["state"] == "ended"


def test_silence_that_nobody_watched_makes_nobody_gone() -> None:
    blind = coverage(gap("2026-11-09T00:00:00Z", "2026-11-09T00:00:01Z"))
    (one,) = mounts_of(OVER, coverage=blind)
    assert one["state"] == "unknown"
    bridged = coverage(gap("2026-11-09T00:00:00Z", "2026-11-09T00:00:01Z", bridged_by="metric"))
    (one,) = mounts_of(OVER, coverage=bridged)
    assert one["state"] == "unknown"
    earlier = coverage(gap("2026-11-01T00:00:00Z", "2026-11-08T11:59:50Z"))
    assert mounts_of(OVER, coverage=earlier) == []
    cut = coverage(gap("2026-11-08T00:00:00Z", "2026-11-08T12:00:00Z"))
    (one,) = mounts_of(OVER, coverage=cut)
    assert one["state"] == "unknown"


@pytest.mark.parametrize("state", ["active", "idle"])
def test_who_is_there_is_not_gone(state: str) -> None:
    (one,) = mounts_of(OVER | {"state": state})
    assert one["state"] == state


def test_contacts_go_too() -> None:
    assert mounts_of(OVER | {"state": "rejected"}) == []
    (one,) = mounts_of(OVER | {"state": "rejected", "last_seen": "2026-11-09T00:00:00Z"})
    assert (one["is_mount"], one["relation"]) == (False, False)


def test_a_file_system_goes_with_its_last_mount() -> None:
    def types(deleted_at: str | None, *mounts: dict[str, Any]) -> list[str]:
        entry = listed(deleted_at=deleted_at)
        told = {"list": {"as_of": None, "file_systems": [entry]}, "who": who_answer(*mounts)}
        return [r["record_type"] for r in records(FakeAnswers(**told), exported_at=WHEN)]

    long_ago = "2026-11-08T11:59:50Z"
    assert types(None, OVER) == ["file_system"]
    assert types(long_ago, OVER) == []
    assert types("2026-11-08T11:59:51Z", OVER) == ["file_system"]
    assert types(long_ago, mount()) == ["file_system", "client", "mount"]


# -- relations -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "relation"),
    [
        ({}, True),
        ({"confidence": "inferred"}, True),
        ({"state": "ended"}, True),
        ({"confidence": "unknown", "client": client(kind="unknown")}, False),
        ({"client": client(kind="gateway")}, False),
        ({"state": "probe"}, False),
        ({"state": "attempted"}, False),
        ({"client": None, "candidates": [client(), client(id="i-2")], "confidence": "candidates"}, False),
    ],
)  # fmt: skip
def test_only_what_is_sure_is_a_relation(changes: dict[str, Any], relation: bool) -> None:
    (one,) = mounts_of(mount(**changes))
    assert one["relation"] is relation
    assert one["gateway"] is ((changes.get("client") or {}).get("kind") == "gateway")


def test_what_is_possible_is_no_relation() -> None:
    (one,) = mounts_of(possible=[mount(state="unknown", file_systems=["fs-1", "fs-2"])])
    assert (one["relation"], one["is_mount"], one["possible"]) == (False, False, True)
    assert one["file_systems"] == ["fs-1", "fs-2"]


def test_an_address_is_told_apart_by_where_it_was_seen() -> None:
    nobody = client(kind="address", id="10.0.0.9", account=None, region=None)
    (one,) = mounts_of(mount(client=nobody))
    assert one["client"] == "client/address/111122223333/eu-central-1/10.0.0.9"


# -- the schema ------------------------------------------------------------------------------------


def every_record() -> list[dict[str, Any]]:
    told = world()
    told["who"]["arn:a"]["mounts"] += [
        mount(client=client(id="nat", kind="gateway", arn=None), evidence=None, used_by=[used_by()]),
        mount(client=client(id="i-9", account=None, region=None, name=None), plain_nfs=True, intervals=[
            {"start": WHEN, "end": WHEN, "mount_target": "fsmt-0aaa", "ended_reason": None,
             "open_start": True, "open_end": True}]),
    ]  # fmt: skip
    told["who"]["arn:a"]["coverage"] = coverage(
        gap("2026-11-03T14:20:00Z", "2026-11-03T14:34:00Z"), blind_seconds=840, ratio=0.9
    )
    return exported(told)


def validator() -> Draft202012Validator:
    document = json.loads(schema.text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def test_records_are_what_the_schema_says() -> None:
    valid = validator()
    for record in every_record():
        valid.validate(record)
        for name in record.keys() - {"workload", "name", "arn"}:
            kind = record["record_type"]
            assert name in valid.schema["$defs"][kind]["properties"], name


@pytest.mark.parametrize(
    "wrong",
    [
        {"relation": True, "confidence": "candidates", "client": None, "candidates": ["a", "b"]},
        {"relation": True, "gateway": True},
        {"relation": True, "is_mount": False},
        {"state": "rejected"},
        {"state": "gone"},
        {"candidates": ["a"], "client": None, "confidence": "candidates"},
        {"first_seen": "2026-11-03T14:20:00"},
        {"schema_version": 2},
        {"key": "i-0aaa"},
    ],
)
def test_the_schema_refuses_what_is_sold_as_more_than_it_is(wrong: dict[str, Any]) -> None:
    valid = validator()
    (record,) = mounts_of(mount())
    assert valid.is_valid(record)
    assert not valid.is_valid(record | wrong)
    for name in record:
        assert not valid.is_valid({key: record[key] for key in record if key != name}), name


def test_the_schema_is_printed() -> None:
    result = ask(["export", "--schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["$id"] == "urn:efs-mount-inventory:export:v1"


# -- CSV and Parquet -------------------------------------------------------------------------------


def test_every_value_has_a_column() -> None:
    def leaves(value: object, name: str = "") -> set[str]:
        if isinstance(value, dict) and name != "tags":
            return {one for key in value for one in leaves(value[key], f"{name}.{key}".lstrip("."))}
        return {name}

    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    assert names[:4] == ["schema_version", "record_type", "key", "exported_at"]
    seen = {name for record in every_record() for name in leaves(record)}
    assert seen - {"workload", "evidence"} <= set(names), "null workload and evidence have no parts"
    assert set(names) - seen == {"cursor"}


HOSTILE = "=cmd|' /C calc'!A0"


def hostile() -> dict[str, Any]:
    told = world()
    told["list"]["file_systems"][0]["name"] = HOSTILE
    told["list"]["file_systems"][1]["name"] = 'a,"b"\r\nc\u202e 東京'
    return told


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_spreadsheet_dialect_holds_no_formula() -> None:
    result = ask(["export", "--format", "csv"], **hostile())
    assert result.exit_code == 0
    rows = rows_of(result.stdout)
    assert len(rows) == 10
    for row in rows:
        for value in row.values():
            assert not value.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
    assert {row["name"] for row in rows} >= {"'" + HOSTILE, 'a,"b"\\x0d\\x0ac\\u202e 東京'}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web;=cmd", "web;'=cmd"),
        ('web; "=cmd', "web;' \"=cmd"),
        ("a;;@x;-1", "a;;'@x;'-1"),
        ("web; a=b", "web; a=b"),
    ],
)
def test_no_formula_begins_where_a_semicolon_ends_a_cell(text: str, shown: str) -> None:
    assert delimited.guarded(text) == shown


def test_the_raw_dialect_gives_every_value_back(tmp_path: Path) -> None:
    place = tmp_path / "feed.csv"
    result = ask(["export", "--format", "csv", "--dialect", "raw", "-o", str(place)], **hostile())
    assert (result.exit_code, result.stdout) == (0, "")
    rows = rows_of(place.read_bytes().decode("utf-8"))
    told = exported(hostile())
    assert [row["key"] for row in rows] == [record["key"] for record in told]
    for row, record in zip(rows, told, strict=True):
        assert row["name"] == (record.get("name") or "")
        if record["record_type"] == "mount":
            assert json.loads(row["candidates"]) == record["candidates"]
            assert row["relation"] == str(record["relation"]).lower()
            assert row["evidence.batch"] == record["evidence"]["batch"]
            assert int(row["bytes"]) == record["bytes"]
        if record["record_type"] == "client":
            assert json.loads(row["tags"]) == record["tags"]


@given(st.text(st.characters(codec="utf-8")))
def test_raw_text_survives(text: str) -> None:
    stream = io.StringIO(newline="")
    (record,) = mounts_of(mount(method=text))
    delimited.write([record], stream, "raw")
    (row,) = rows_of(stream.getvalue())
    assert row["method"] == text


def test_parquet_has_types_and_the_same_values(tmp_path: Path) -> None:
    place = tmp_path / "feed.parquet"
    result = ask(["export", "--format", "parquet", "-o", str(place)], **hostile())
    assert (result.exit_code, result.stderr) == (0, f"10 records written to {place}\n")
    frame = pl.read_parquet(place)
    told = exported(hostile())
    assert frame.columns == [column.name for column in COLUMNS]
    assert frame["key"].to_list() == [record["key"] for record in told]
    assert frame["name"].to_list() == [record.get("name") for record in told]
    assert frame["relation"].to_list() == [record.get("relation") for record in told]
    assert frame["bytes"].to_list() == [record.get("bytes") for record in told]
    moments = [moment and moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in frame["first_seen"]]
    assert moments == [record.get("first_seen") for record in told]
    assert frame.schema["last_seen"] == pl.Datetime("us", "UTC")


def test_parquet_in_portions_is_whole(tmp_path: Path) -> None:
    (record,) = mounts_of(mount())
    with (tmp_path / "many").open("wb") as stream:
        written = parquet.write((record | {"flows": n} for n in range(25_000)), stream)
    assert written == 25_000
    assert pl.read_parquet(tmp_path / "many")["flows"].to_list() == list(range(25_000))


def test_a_failure_in_the_midst_of_parquet_is_told_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "feed.parquet"
    told = world()
    del told["who"]["fs-0bbb"]
    result = ask(["export", "--format", "parquet", "-o", str(place)], **told)
    assert (result.exit_code, result.stderr) == (3, "error: no fs-0bbb\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_parquet_that_finds_no_room_is_an_error_for_people() -> None:
    result = ask(["export", "--format", "parquet", "-o", "/dev/full"], **world())
    assert result.exit_code == 1
    assert result.stderr.startswith("error: cannot write Parquet")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "parquet"], "error: Parquet is no text to print"),
        (["--format", "ndjson", "--dialect", "raw"], "error: --dialect is of CSV, not of ndjson"),
        (["--format", "csv", "--dialect", "excel"], "'excel' is not one of"),
    ],
)
def test_what_does_not_go_together(arguments: list[str], message: str) -> None:
    result = ask(["export", *arguments], **world())
    assert result.exit_code == 2
    assert message in result.stderr
