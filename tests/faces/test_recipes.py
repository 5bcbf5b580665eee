"""The recipes for other CMDBs, as the page has them, over the example's export."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import jq
import pytest

from inventory import cli
from inventory.demo import prepare

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "cmdb-recipes.md"
PROGRAMS = re.findall(r"```jq\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
BACKSTAGE, FILE_SYSTEMS, MOUNTS, NETBOX = PROGRAMS


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("recipes")
    prepare(folder)
    config = str(folder / "efs-inventory.toml")
    assert cli.run(["--config", config, "-q", "collect"]) == 0
    out = folder / "inventory.ndjson"
    assert cli.run(["--config", config, "export", "--format", "ndjson", "-o", str(out)]) == 0
    return out.read_text(encoding="ascii")


def records(exported: str, kind: str) -> list[dict[str, Any]]:
    return [row for row in map(json.loads, exported.splitlines()) if row["record_type"] == kind]


def run(program: str, exported: str, **given: object) -> list[Any]:
    made = jq.compile(program, args=given).input_text(exported, slurp=True)
    found: list[Any] = made.all()
    return found


def rows(lines: list[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("\n".join(lines)), delimiter=";"))


def test_the_page_runs_what_it_shows() -> None:
    commands = re.findall(r"^    jq .*--from-file (\S+)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(commands) == len(PROGRAMS) == 4


def test_backstage_has_every_file_system_with_who_mounts_it(exported: str) -> None:
    documents = [json.loads(text.removeprefix("---\n")) for text in run(BACKSTAGE, exported)]
    by_name = {one["metadata"]["name"]: one for one in documents}
    assert len(by_name) == len(documents)
    for one in documents:
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", one["metadata"]["name"])
        assert one["spec"]["owner"]
        for name in one["spec"].get("dependencyOf", []):
            assert name.removeprefix("resource:default/") in by_name
    file_systems = [one for one in documents if one["spec"]["type"] == "efs-file-system"]
    assert len(file_systems) == len(records(exported, "file_system"))
    media = next(one for one in file_systems if one["metadata"]["title"] == "shop-media")
    assert "resource:default/auto-scaling-group-web-fleet" in media["spec"]["dependencyOf"]


def test_itop_takes_keys_and_relations(exported: str) -> None:
    found = rows(run(FILE_SYSTEMS, exported))
    assert [row["primary_key"] for row in found] == [
        record["key"] for record in records(exported, "file_system")
    ]
    related = {record["key"] for record in records(exported, "mount") if record["relation"]}
    mounts = rows(run(MOUNTS, exported))
    assert mounts
    assert {row["primary_key"] for row in mounts} <= related
    assert all(row["volume_id"].startswith("fs-") for row in mounts)
    assert all(row["virtualdevice_id"].startswith("i-") for row in mounts)


def test_netbox_creates_what_it_does_not_know_and_updates_the_rest(exported: str) -> None:
    key = records(exported, "file_system")[0]["key"]
    (found,) = run(NETBOX, exported, ids={key: 7})
    assert [row.get("id") for row in found if row["key"] == key] == [7]
    assert all("id" not in row for row in found if row["key"] != key)
    media = next(row for row in found if row["name"] == "shop-media")
    assert "web-fleet" in media["clients"]


def test_what_may_not_be_told_as_a_relation_is_in_none(exported: str) -> None:
    doubtful = [record for record in records(exported, "mount") if not record["relation"]]
    assert doubtful, "the example has candidates"
    shown = "\n".join(run(MOUNTS, exported))
    assert not any(record["key"] in shown for record in doubtful)
