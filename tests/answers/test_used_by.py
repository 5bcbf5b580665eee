"""``used_by``: the pods behind a node, from dumps recorded as files, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inventory.discover import snapshots
from inventory.export import records
from inventory.model import KINDS, instant
from tests import kube
from tests.answers.conftest import END, HOUR, USUAL, Inventory, batch, own_row
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    FS,
    INSTANCE,
    REGION,
    SERVER,
    SERVER_ENI,
    T,
    eni,
    file_system,
    instance,
    machine_eni,
    mount_target,
)

Make = Callable[..., Inventory]

NODE = (*USUAL[:-1], instance(tags={"eks:cluster-name": "prod"}))
WHOLE = [kind for kind in KINDS if kind != "cluster_use"]
SEEN = [(T - HOUR, END)]
WEB = {
    "cluster": "prod",
    "namespace": "shop",
    "controller": {"kind": "StatefulSet", "name": "web"},
    "claim": "data",
    "pods": 1,
    "confidence": "inferred",
}
DUMP = kube.dump(kube.volume(), kube.claim(), kube.pod())


@pytest.fixture
def dumped(make: Make, tmp_path: Path) -> Callable[..., Inventory]:
    """``dumped({hour: dump})``: an EKS node mounted from hour 2 to hour 4, and these dumps of its cluster lie in files."""

    def build(dumps: dict[int, Any], *things: Any, cluster: str = "prod") -> Inventory:
        inventory = make(*(things or NODE), whole=WHOLE)
        rows = [
            own_row(T + 2 * HOUR + minute, T + 2 * HOUR + minute + 60)
            for minute in range(0, 2 * HOUR, 600)
        ]
        inventory.record(batch(rows, SEEN))
        for hour, answer in dumps.items():
            name = f"{instant(T + hour * HOUR):%Y%m%dT%H%M%SZ}"
            place = tmp_path / name / ACCOUNT / REGION
            place.mkdir(parents=True, exist_ok=True)
            text = answer if isinstance(answer, str) else json.dumps(answer)
            (place / f"k8s.{cluster}.json").write_text(text)
        for ref in snapshots.sweeps(tmp_path) if dumps else []:
            inventory.learn(snapshots.read(ref))
        return inventory

    return build


def used_by(inventory: Inventory, **asked: Any) -> Any:  # noqa: ANN401 - a list or null
    (mount,) = inventory.answers.who(FS, **asked)["mounts"]
    return mount["used_by"]


def test_a_node_is_used_by_the_pods_that_its_cluster_shows(
    dumped: Callable[..., Inventory],
) -> None:
    inventory = dumped({1: DUMP})
    (mount,) = inventory.answers.who(FS)["mounts"]
    assert (mount["client"]["kind"], mount["used_by"]) == ("eks_node", [WEB])
    (mount,) = inventory.answers.mounts(INSTANCE)["mounts"]
    assert mount["used_by"] == [WEB]
    (mount,) = [
        r for r in records(inventory.answers, exported_at="now") if r["record_type"] == "mount"
    ]
    assert mount["used_by"] == [WEB]


def test_without_a_dump_it_is_null_and_never_empty(dumped: Callable[..., Inventory]) -> None:
    assert used_by(dumped({})) is None


@pytest.mark.parametrize(
    "answer",
    [
        kube.dump(),
        kube.dump(kube.dns()),
        kube.dump(kube.volume(), kube.claim()),
        kube.dump(kube.volume(), kube.claim(), kube.dns()),
        kube.dump(kube.volume(), kube.claim(), kube.pod(phase="Succeeded")),
        kube.dump(kube.volume(handle="fs-00000000000000009"), kube.claim(), kube.pod()),
        kube.dump(kube.volume(), kube.claim(), kube.pod(node="ip-10-0-9-9.x", address="10.0.9.9")),
        json.dumps(DUMP)[:-5],
    ],
    ids=[
        "empty",
        "no volumes",
        "no pods",
        "no pod of it",
        "over",
        "another file system",
        "another node",
        "cut",
    ],
)
def test_a_dump_that_shows_nobody_there_or_is_cut_gives_null(
    dumped: Callable[..., Inventory], answer: object
) -> None:
    assert used_by(dumped({1: answer})) is None


def test_a_broken_dump_does_not_hide_the_one_before_and_status_names_it(
    dumped: Callable[..., Inventory],
) -> None:
    inventory = dumped({1: DUMP, 3: "{"})
    assert used_by(inventory) == [WEB]
    (problem,) = [p for p in inventory.answers.status()["problems"] if "k8s.prod" in p]
    assert "k8s.prod is broken" in problem
    assert "k8s.prod.json: is not JSON" in problem


def test_a_mended_dump_is_no_problem_any_more(
    dumped: Callable[..., Inventory], tmp_path: Path
) -> None:
    inventory = dumped({1: "{"})
    (ref,) = snapshots.sweeps(tmp_path)
    (ref.path / "k8s.prod.json").write_text(json.dumps(DUMP))
    inventory.learn(snapshots.read(ref))
    assert used_by(inventory) == [WEB]
    assert not [p for p in inventory.answers.status()["problems"] if "k8s" in p]


def test_a_later_dump_alone_leaves_what_aws_said_in_status(
    dumped: Callable[..., Inventory],
) -> None:
    (sweep,) = dumped({8: DUMP}).answers.status()["sweeps"]
    asked = [call for call in sweep["calls"] if call["state"] != "missing"]
    states = {call["call"]: call["state"] for call in asked}
    assert states == {"ec2.describe-network-interfaces": "whole", "k8s.prod": "whole"}


def test_dumps_during_the_mount_are_joined_and_later_ones_are_not_asked(
    dumped: Callable[..., Inventory],
) -> None:
    two = kube.dump(kube.volume(), kube.claim(), kube.pod("web-0"), kube.pod("web-1"))
    other = kube.pod("x", controller=kube.owner("DaemonSet", "agent"))
    late = kube.dump(kube.volume(), kube.claim(), kube.pod("l", controller=None))
    inventory = dumped({2: DUMP, 3: two | {"items": [*two["items"], other]}, 5: late})
    assert used_by(inventory) == [
        WEB | {"controller": {"kind": "DaemonSet", "name": "agent"}},
        WEB | {"pods": 2},
    ]


def test_the_window_asked_about_chooses_the_dumps(dumped: Callable[..., Inventory]) -> None:
    inventory = dumped({1: DUMP, 3: kube.dump(kube.dns())})
    assert used_by(inventory, since=T + HOUR, until=T + 2 * HOUR + 1800) == [WEB]
    assert used_by(inventory, since=T + 3 * HOUR + 60, until=T + 4 * HOUR) is None


def test_a_dump_of_somebody_who_may_not_list_pods_hides_none(
    dumped: Callable[..., Inventory],
) -> None:
    inventory = dumped({1: DUMP, 3: kube.dump(kube.volume(), kube.claim())})
    assert used_by(inventory, since=T + 3 * HOUR + 60, until=T + 4 * HOUR) == [WEB]


def test_every_other_client_has_null(dumped: Callable[..., Inventory]) -> None:
    inventory = dumped({1: DUMP}, *USUAL)
    (mount,) = inventory.answers.who(FS)["mounts"]
    assert (mount["client"]["kind"], mount["used_by"]) == ("ec2_instance", None)


def test_the_dump_of_another_cluster_tells_nothing(dumped: Callable[..., Inventory]) -> None:
    assert used_by(dumped({1: DUMP}, cluster="test")) is None


def test_by_workload_the_pods_of_all_nodes_are_counted_together(
    dumped: Callable[..., Inventory],
) -> None:
    second, address = "i-00000000000000002", "10.0.3.12"
    things = (
        file_system(),
        mount_target(),
        eni(SERVER_ENI, SERVER),
        machine_eni(),
        machine_eni("eni-00000000000000002", address, instance_id=second),
        instance(tags={"eks:cluster-name": "prod"}),
        instance(second, tags={"eks:cluster-name": "prod"}),
    )
    there = kube.pod("web-1", node="ip-10-0-3-12.x", address=address)
    inventory = dumped({1: kube.dump(*DUMP["items"], there)}, *things)
    rows = [own_row(T + 3 * HOUR, T + 3 * HOUR + 60, client=address)]
    inventory.record(batch(rows, key="b.log"))
    by_client = inventory.answers.who(FS)["mounts"]
    assert [mount["used_by"] for mount in by_client] == [[WEB], [WEB]]
    (group,) = inventory.answers.who(FS, by="workload")["mounts"]
    assert (group["clients"], group["used_by"]) == (2, [WEB | {"pods": 2}])


def test_a_client_that_nobody_can_name_has_null(dumped: Callable[..., Inventory]) -> None:
    """Its address is in the dump, but that it is the node nothing says."""
    assert used_by(dumped({1: DUMP}, *USUAL[:-2], eni(CLIENT_ENI, CLIENT))) is None
