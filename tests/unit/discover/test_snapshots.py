"""Recorded sweeps: which folders count, and what a file's state says."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inventory.config import Settings
from inventory.discover import snapshots, sweeping
from inventory.discover.calls import CALLS
from inventory.errors import SnapshotError
from inventory.model import CallState
from tests import kube
from tests.builders import ACCOUNT, REGION

INTERFACES = "ec2.describe-network-interfaces"
NAME = "20261123T221500Z"


def write(root: Path, call: str = INTERFACES, answer: object = None, name: str = NAME) -> Path:
    place = root / name / ACCOUNT / REGION
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{call}.json"
    if isinstance(answer, bytes):
        file.write_bytes(answer)
    else:
        file.write_text(json.dumps({CALLS[call].key: []} if answer is None else answer))
    return file


def test_sweeps_are_listed_by_date_whatever_order_they_came_in(tmp_path: Path) -> None:
    for name in ("20261124T000000Z", "20251231T235959Z", NAME):
        write(tmp_path, name=name)
    found = snapshots.sweeps(tmp_path)
    assert [ref.name for ref in found] == ["20251231T235959Z", NAME, "20261124T000000Z"]
    assert found[1].taken_at == int(datetime(2026, 11, 23, 22, 15, tzinfo=UTC).timestamp())
    assert (found[1].account, found[1].region, found[1].path) == (
        ACCOUNT,
        REGION,
        tmp_path / NAME / ACCOUNT / REGION,
    )


def test_every_account_and_region_of_a_folder_is_a_sweep(tmp_path: Path) -> None:
    for account, region in ((ACCOUNT, "us-gov-west-1"), ("444455556666", REGION)):
        (tmp_path / NAME / account / region).mkdir(parents=True)
    found = snapshots.sweeps(tmp_path)
    assert [(ref.account, ref.region) for ref in found] == [
        (ACCOUNT, "us-gov-west-1"),
        ("444455556666", REGION),
    ]


def test_unfinished_folders_are_passed_over_and_foreign_ones_noted(tmp_path: Path) -> None:
    write(tmp_path)
    for name in (
        ".20261123T230000Z",
        "20261123T230000Z.tmp",
        "notes",
        "20261399T000000Z",
        f"{NAME}/team-a",
        f"{NAME}/{ACCOUNT}/Mars",
    ):
        (tmp_path / name).mkdir()
    (tmp_path / "README").write_text("x")
    listing = snapshots.listing(tmp_path)
    assert [ref.name for ref in listing.sweeps] == [NAME]
    assert sorted(note.split(": ")[0].removeprefix(f"{tmp_path}/") for note in listing.notes) == [
        "20261123T221500Z/111122223333/Mars",
        "20261123T221500Z/team-a",
        "20261399T000000Z",
        "README",
        "notes",
    ]


def test_a_missing_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"nowhere is not there") as caught:
        snapshots.sweeps(tmp_path / "nowhere")
    assert caught.value.hint
    (tmp_path / "file").write_text("x")
    with pytest.raises(SnapshotError, match="cannot be read"):
        snapshots.sweeps(tmp_path / "file")


def test_a_missing_file_is_not_known_and_an_empty_list_is_none(tmp_path: Path) -> None:
    write(tmp_path)
    (ref,) = snapshots.sweeps(tmp_path)
    sweep = snapshots.read(ref)
    assert sweep.calls[INTERFACES] is CallState.WHOLE
    assert sweep.calls["efs.describe-file-systems"] is CallState.MISSING
    assert sweep.whole == {"network_interface"}
    assert (sweep.items, sweep.problems, sweep.name, sweep.account) == ({}, {}, NAME, ACCOUNT)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"{", "is not JSON"),
        (b'{"NetworkInterfaces": [', "is not JSON"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"NetworkInterfaces": [' + b"9" * 5000 + b"]}", "holds a number that is too long"),
        (b"null", "the answer is null"),
        (b"{}", "NetworkInterfaces is missing"),
        (b'{"NetworkInterfaces": [{}]}', r"NetworkInterfaces\[0\]: NetworkInterfaceId is missing"),
    ],
)
def test_a_file_that_cannot_be_read_is_broken_and_named(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = write(tmp_path, answer=content)
    sweep = snapshots.read(snapshots.sweeps(tmp_path)[0])
    assert sweep.calls[INTERFACES] is CallState.BROKEN
    assert "network_interface" not in sweep.whole
    problem = sweep.problems[INTERFACES]
    assert problem.startswith(str(file))
    assert re.search(said, problem)


def test_good_entries_beside_a_broken_one_are_kept(tmp_path: Path) -> None:
    write(tmp_path, answer={"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}, {}, 5]})
    sweep = snapshots.read(snapshots.sweeps(tmp_path)[0])
    assert [v.network_interface_id for v in sweep.items["network_interface"]] == ["eni-1"]
    assert "(and 1 more)" in sweep.problems[INTERFACES]


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path, answer=b'\xef\xbb\xbf{"NetworkInterfaces": []}')
    assert snapshots.read(snapshots.sweeps(tmp_path)[0]).whole == {"network_interface"}


def test_a_folder_in_place_of_a_file_and_a_huge_file_are_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path)
    file.unlink()
    file.mkdir()
    write(tmp_path, "ec2.describe-vpcs", {"Vpcs": [], "x": "y" * 100})
    monkeypatch.setattr(snapshots, "MAX_BYTES", 50)
    os.truncate(write(tmp_path, "ec2.describe-subnets"), 20)
    sweep = snapshots.read(snapshots.sweeps(tmp_path)[0])
    assert {
        sweep.calls[call] for call in (INTERFACES, "ec2.describe-vpcs", "ec2.describe-subnets")
    } == {CallState.BROKEN}


def test_files_of_other_calls_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / NAME / ACCOUNT / REGION / "iam.list-users.json").write_text("{")
    assert snapshots.read(snapshots.sweeps(tmp_path)[0]).problems == {}


# -- dumps of Kubernetes clusters ------------------------------------------------------------------


def test_a_cluster_s_dump_lies_beside_the_answers_of_aws(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "k8s.prod", kube.dump(kube.volume(), kube.pod()))
    write(tmp_path, "k8s.test.example.org", kube.dump(kube.dns()))
    write(tmp_path, "k8s.not a name", kube.dump(kube.dns()))
    sweep = snapshots.read(snapshots.sweeps(tmp_path)[0])
    assert {call for call, state in sweep.calls.items() if state is CallState.WHOLE} == {
        INTERFACES,
        "k8s.prod",
        "k8s.test.example.org",
    }
    assert sweep.calls["ec2.describe-vpcs"] is CallState.MISSING
    assert [use.use_id for use in sweep.items["cluster_use"]] == [
        "prod/",
        f"prod/{kube.NODE}",
        "test.example.org/",
    ]


def test_a_folder_of_dumps_alone_did_not_ask_aws(tmp_path: Path) -> None:
    write(tmp_path, "k8s.prod", kube.dump(kube.dns()))
    sweep = snapshots.read(snapshots.sweeps(tmp_path)[0])
    assert sweep.calls == {"k8s.prod": CallState.WHOLE}


def test_a_cut_dump_is_broken_and_named(tmp_path: Path) -> None:
    whole = json.dumps(kube.dump(kube.volume(), kube.pod())).encode()
    file = write(tmp_path, "k8s.prod", whole[: len(whole) // 2])
    sweep = snapshots.read(snapshots.sweeps(tmp_path)[0])
    assert sweep.calls["k8s.prod"] is CallState.BROKEN
    assert sweep.problems["k8s.prod"].startswith(f"{file}: is not JSON")
    assert "cluster_use" not in sweep.items


def settings(root: Path) -> Settings:
    return Settings.model_validate({"discover": {"path": root}})


def test_a_dump_that_was_added_or_mended_is_looked_at_again(tmp_path: Path) -> None:
    write(tmp_path)
    (sweep,) = sweeping.new_sweeps(settings(tmp_path), {})
    known = {(sweep.name, ACCOUNT, REGION): dict(sweep.calls)}
    assert list(sweeping.new_sweeps(settings(tmp_path), known)) == []
    write(tmp_path, "k8s.prod", b"{")
    (sweep,) = sweeping.new_sweeps(settings(tmp_path), known)
    assert sweep.calls["k8s.prod"] is CallState.BROKEN
    known = {(sweep.name, ACCOUNT, REGION): dict(sweep.calls)}
    write(tmp_path, "k8s.prod", kube.dump(kube.dns()))
    (sweep,) = sweeping.new_sweeps(settings(tmp_path), known)
    known = {(sweep.name, ACCOUNT, REGION): dict(sweep.calls)}
    assert list(sweeping.new_sweeps(settings(tmp_path), known)) == []


def test_beside_live_sweeps_only_dumps_are_read(tmp_path: Path) -> None:
    write(tmp_path, answer=b"{")
    write(tmp_path, "k8s.prod", kube.dump(kube.dns()))
    write(tmp_path, name="20261124T000000Z")
    (sweep,) = sweeping.new_dumps(settings(tmp_path), dict)
    assert (sweep.name, sweep.calls) == (NAME, {"k8s.prod": CallState.WHOLE})
    known = {(NAME, ACCOUNT, REGION): dict(sweep.calls)}
    assert list(sweeping.new_dumps(settings(tmp_path), lambda: known)) == []


def test_beside_live_sweeps_there_need_be_no_folder(tmp_path: Path) -> None:
    """Nor is looked up what is known, of which there is much."""

    def known() -> Mapping[tuple[str, str, str], Mapping[str, CallState]]:
        raise AssertionError

    assert list(sweeping.new_dumps(settings(tmp_path / "none"), known)) == []
    write(tmp_path)
    assert list(sweeping.new_dumps(settings(tmp_path), known)) == []
