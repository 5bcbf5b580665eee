"""Recorded files hold what the reducers read, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inventory.discover import snapshots
from inventory.discover.calls import CALLS, read_answer
from inventory.discover.recording import allowed, write
from inventory.errors import SnapshotError
from inventory.model import CallState
from tests.builders import ACCOUNT, REGION
from tests.unit.discover.test_reduce import EXAMPLES, SECRET

NAME = "20261124T221500Z"


@pytest.mark.parametrize("call", EXAMPLES)
def test_what_is_kept_says_the_same_and_holds_no_secret(call: str) -> None:
    kept = json.loads(json.dumps(allowed(call, [EXAMPLES[call]])))
    assert SECRET not in json.dumps(kept)
    assert read_answer(call, kept) == read_answer(call, {CALLS[call].key: [EXAMPLES[call]]})


@pytest.mark.parametrize("call", CALLS)
def test_an_empty_answer_stays_an_empty_list(call: str) -> None:
    assert allowed(call, []) == {CALLS[call].key: []}


def test_times_of_live_answers_are_written_as_the_cli_prints_them() -> None:
    moment = datetime(2026, 11, 24, 22, 15, 0, 250_000, tzinfo=UTC)
    kept = allowed("efs.describe-file-systems", [{"FileSystemId": "fs-1", "CreationTime": moment}])
    assert kept["FileSystems"][0]["CreationTime"] == "2026-11-24T22:15:00.250000+00:00"


def interfaces(*ids: str) -> list[dict[str, Any]]:
    return [{"NetworkInterfaceId": one, "Groups": [{"GroupName": SECRET}]} for one in ids]


def test_a_recorded_sweep_is_read_back(tmp_path: Path) -> None:
    place = tmp_path / "new" / NAME / ACCOUNT / REGION
    write(place, {"ec2.describe-network-interfaces": interfaces("eni-1"), "ec2.describe-vpcs": []})
    (ref,) = snapshots.sweeps(tmp_path / "new")
    sweep = snapshots.read(ref)
    assert (sweep.name, sweep.account, sweep.region) == (NAME, ACCOUNT, REGION)
    assert sweep.calls["ec2.describe-network-interfaces"] is CallState.WHOLE
    assert [one.network_interface_id for one in sweep.items["network_interface"]] == ["eni-1"]
    assert {"vpc", "network_interface"} == sweep.whole


def test_nothing_is_left_of_a_sweep_that_was_broken_off(tmp_path: Path) -> None:
    with pytest.raises(TypeError):  # as good as a kill: it comes in the middle
        write(
            tmp_path / NAME / ACCOUNT / REGION,
            {"ec2.describe-vpcs": [], "fsx.describe-file-systems": [{"FileSystemId": b""}]},
        )
    assert list(tmp_path.iterdir()) == []


def test_a_place_without_a_whole_answer_makes_no_folder(tmp_path: Path) -> None:
    write(tmp_path / NAME / ACCOUNT / REGION, {})
    assert list(tmp_path.iterdir()) == []


def test_what_is_unfinished_is_not_read(tmp_path: Path) -> None:
    place = tmp_path / NAME / ACCOUNT / f"{REGION}.tmp"
    place.mkdir(parents=True)
    (place / "ec2.describe-vpcs.json").write_text('{"Vpcs": []}')
    assert snapshots.sweeps(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SnapshotError, match="file"):
        write(tmp_path / "file" / NAME / ACCOUNT / REGION, {"ec2.describe-vpcs": []})


def test_the_same_moment_is_not_recorded_twice(tmp_path: Path) -> None:
    place = tmp_path / NAME / ACCOUNT / REGION
    write(place, {"ec2.describe-vpcs": []})
    with pytest.raises(SnapshotError, match="not empty"):
        write(place, {"ec2.describe-vpcs": [{"VpcId": "vpc-1"}]})
    assert json.loads((place / "ec2.describe-vpcs.json").read_text()) == {"Vpcs": []}
