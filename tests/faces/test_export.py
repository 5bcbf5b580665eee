"""The feed: keys that stay, an order that stays, files that appear whole."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from inventory.errors import InventoryError
from inventory.export import ndjson, records
from tests.faces.fakes import (
    FakeAnswers,
    ask,
    asked,
    client,
    file_system,
    listed,
    mount,
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


def exported(given: dict[str, Any] | None = None, at: str = WHEN) -> list[dict[str, Any]]:
    return list(records(FakeAnswers(**(given or world())), exported_at=at))


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
    given = world()
    given["list"]["file_systems"][0]["name"] = "東京\u202e\n"
    result = asked(["export", "--format", "ndjson"], FakeAnswers(**given))
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
    given = world()
    del given["who"]["fs-0bbb"]
    result = ask(["export", "--format", "ndjson", "-o", str(place)], **given)
    assert result.exit_code == 3
    assert place.read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["feed.ndjson"]


def test_while_it_is_written_the_old_file_stands(tmp_path: Path) -> None:
    place = tmp_path / "feed.ndjson"
    place.write_text("old\n")
    with ndjson.replacing(place) as stream:
        stream.write("new\n")
        stream.flush()
        assert place.read_text() == "old\n"
    assert place.read_text() == "new\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "feed"
    link.symlink_to(tmp_path / "real" / "feed")
    with ndjson.replacing(link) as stream:
        stream.write("new\n")
    assert link.is_symlink()
    assert (tmp_path / "real" / "feed").read_text() == "new\n"


def test_a_device_is_not_replaced() -> None:
    with ndjson.replacing(Path("/dev/null")) as stream:
        stream.write("gone\n")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    result = ask(["export", "--format", "ndjson", "-o", str(tmp_path / "no" / "feed")], **world())
    assert result.exit_code == 1
    assert result.stderr.startswith(
        f"error: cannot write {tmp_path}/no/feed: No such file or directory"
    )
    assert f"hint: make the folder {tmp_path}/no first" in result.stderr
    with pytest.raises(InventoryError) as caught, ndjson.replacing(tmp_path):
        pass
    assert caught.value.hint.startswith("name another place")
    with (
        pytest.raises(InventoryError, match="cannot write"),
        ndjson.replacing(Path("/proc/nope/feed")),
    ):
        pass
