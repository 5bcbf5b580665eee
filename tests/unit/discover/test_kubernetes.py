"""Dumps of Kubernetes clusters: who uses which EFS file system on which node, and which dumps are believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.discover.calls import read_answer, sweep
from inventory.discover.kubernetes import cluster_of
from inventory.model import CallState, ClusterUse, PodMount
from tests import kube
from tests.builders import ACCOUNT, CLIENT, FS, REGION
from tests.kube import AP, NODE, claim, dns, dump, of_claim, owner, pod, volume

CALL = "k8s.prod"
SECRET = "planted-secret"


def uses(*items: Any) -> list[ClusterUse]:
    answer = read_answer(CALL, dump(*items))
    assert (answer.state, answer.problem) == (CallState.WHOLE, "")
    return answer.items


def only(*items: Any) -> PodMount:
    """The one thing that pods use of EFS."""
    _unused, node = uses(*items)
    (mount,) = node.mounts
    found: PodMount = mount
    return found


def controller(name: str, kind: str = "ReplicaSet", **metadata: Any) -> tuple[str, str]:
    mount = only(volume(), claim(), pod(controller=owner(kind, name), **metadata))
    return mount.controller_kind, mount.controller_name


# -- the whole of it -------------------------------------------------------------------------------


def test_pods_of_one_controller_are_counted_by_node() -> None:
    other = "ip-10-0-3-12.eu-central-1.compute.internal"
    found = uses(
        volume(),
        claim(),
        pod("web-0"),
        pod("web-1"),
        pod("web-2", node=other, address="10.0.3.12"),
        dns(),
    )
    mount = PodMount(FS, "", "shop", "StatefulSet", "web", "data", "pv-1", 2)
    one = PodMount(FS, "", "shop", "StatefulSet", "web", "data", "pv-1", 1)
    assert found == [
        ClusterUse("prod/", "prod"),
        ClusterUse(f"prod/{NODE}", "prod", NODE, (CLIENT,), (mount,)),
        ClusterUse(f"prod/{other}", "prod", other, ("10.0.3.12",), (one,)),
    ]


def test_a_claimed_volume_that_no_pod_uses_is_kept_without_a_node() -> None:
    (unused,) = uses(volume(), claim(), volume("pv-2", claim=""), dns())
    assert unused == ClusterUse(
        "prod/", "prod", mounts=(PodMount(FS, namespace="shop", claim="data", volume="pv-1"),)
    )


def test_a_cluster_without_efs_is_whole_and_says_so() -> None:
    assert uses(dns()) == [ClusterUse("prod/", "prod")]


@pytest.mark.parametrize("items", [(), (volume(), claim()), (volume(),), (claim(),)])
def test_a_dump_without_pods_was_made_by_somebody_who_may_not_list_them(items: tuple[Any]) -> None:
    answer = read_answer(CALL, dump(*items))
    assert (answer.state, answer.items) == (CallState.BROKEN, [])
    assert "it shows no pod" in answer.problem


@pytest.mark.parametrize("phase", ["Succeeded", "Pending"])
def test_a_pod_that_is_over_or_waits_shows_that_pods_were_listed(phase: str) -> None:
    assert uses(pod(phase=phase, node=None)) == [ClusterUse("prod/", "prod")]


def test_a_pod_with_a_claim_twice_counts_once() -> None:
    assert only(volume(), claim(), pod("web-0", of_claim(), of_claim())).pods == 1


@pytest.mark.parametrize(
    "gone",
    [
        {"phase": "Succeeded"},
        {"phase": "Failed"},
        {"phase": "Pending", "node": None},
        {"phase": "Running", "node": ""},
    ],
)
def test_a_pod_that_is_over_or_nowhere_uses_nothing(gone: dict[str, Any]) -> None:
    (unused,) = uses(volume(), claim(), pod(**gone))
    assert [mount.claim for mount in unused.mounts] == ["data"]


def test_a_pod_that_is_starting_on_a_node_mounts_already() -> None:
    assert only(volume(), claim(), pod(phase="Pending")).pods == 1


# -- volumes ---------------------------------------------------------------------------------------

HANDLES = [
    (FS, (FS, "")),
    ("fs-12345678", ("fs-12345678", "")),
    (f"{FS}:", (FS, "")),
    (f"{FS}::", (FS, "")),
    (f"{FS}::{AP}", (FS, AP)),
    (f"{FS}:/path/to/data", (FS, "")),
    (f"{FS}:path:{AP}", (FS, AP)),
    (f"{FS}:/path:{AP}", (FS, AP)),
]


@pytest.mark.parametrize(("handle", "told"), HANDLES)
def test_what_a_volume_handle_tells(handle: str, told: tuple[str, str]) -> None:
    mount = only(volume(handle=handle), claim(), pod())
    assert (mount.file_system_id, mount.access_point_id) == told


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "s3files:fs-0123456789abcdef0",
        f"s3files:{FS}::{AP}",
        "vol-0123456789abcdef0",
        f"{FS}:/a:/b:{AP}",
        f"{FS}::sub",
        f"x{FS}",
        f"{FS}\n",
    ],
)
def test_a_handle_that_is_none_of_efs_names_no_file_system(handle: str) -> None:
    assert uses(volume(handle=handle), claim(), pod()) == [ClusterUse("prod/", "prod")]


def test_volumes_of_other_drivers_are_none_of_ours() -> None:
    ebs = volume(csi={"driver": "ebs.csi.aws.com", "volumeHandle": FS})
    assert uses(ebs, claim(), pod()) == [ClusterUse("prod/", "prod")]


def test_an_access_point_may_stand_in_the_mount_options() -> None:
    options = ["tls", f"accesspoint={AP}"]
    assert only(volume(mountOptions=options), claim(), pod()).access_point_id == AP
    both = volume(handle=f"{FS}::fsap-11111111", mountOptions=options)
    assert only(both, claim(), pod()).access_point_id == "fsap-11111111"


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (f"{FS}.efs.eu-central-1.amazonaws.com", FS),
        (f"eu-central-1a.{FS}.efs.eu-central-1.amazonaws.com", FS),
        (f"{FS.upper()}.EFS.eu-central-1.amazonaws.com", FS),
        (f"{FS}.efs.cn-north-1.amazonaws.com.cn", FS),
        ("10.0.0.1", None),
        (f"{FS}.efs.example.org", None),
    ],
)
def test_nfs_volumes_name_the_file_system_by_their_server(server: str, told: str | None) -> None:
    nfs = {"server": server, "path": "/"}
    by_volume = uses(volume(csi=None, nfs=nfs), claim(), pod())
    by_pod = uses(pod("web-0", {"name": "v", "nfs": nfs}))
    for found, claimed in ((by_volume, "data"), (by_pod, "")):
        named = [(m.file_system_id, m.claim) for use in found for m in use.mounts]
        assert named == ([(told, claimed)] if told else [])


def test_the_claim_of_a_generic_ephemeral_volume_is_named_after_pod_and_volume() -> None:
    scratch = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}
    made = claim("web-0-scratch", "pv-9")
    mount = only(volume("pv-9", claim="web-0-scratch"), made, pod("web-0", scratch))
    assert (mount.claim, mount.volume) == ("web-0-scratch", "pv-9")


def test_an_inline_csi_volume_tells_no_file_system() -> None:
    inline = {"name": "v", "csi": {"driver": "efs.csi.aws.com", "volumeAttributes": {"x": FS}}}
    assert uses(volume(claim=""), pod("web-0", inline)) == [ClusterUse("prod/", "prod")]


def test_a_claim_is_found_by_itself_or_by_its_volume() -> None:
    assert only(volume(claim=""), claim(), pod()).volume == "pv-1"
    assert only(volume(), pod()).volume == "pv-1"
    moved = only(volume(), volume("pv-2", f"{FS}::{AP}", claim=""), claim(bound="pv-2"), pod())
    assert moved.volume == "pv-2"


@pytest.mark.parametrize("phase", ["Released", "Failed"])
def test_a_volume_whose_claim_is_gone_is_not_claimed(phase: str) -> None:
    released = volume() | {"status": {"phase": phase}}
    assert uses(released, pod()) == [ClusterUse("prod/", "prod")]


def test_claims_of_the_same_name_in_other_namespaces_are_others() -> None:
    assert only(volume(), claim(), pod(), pod("x", namespace="other")).namespace == "shop"


# -- nodes -----------------------------------------------------------------------------------------


def test_a_nodes_addresses_are_all_that_its_pods_say() -> None:
    two = pod("web-1")
    two["status"] = {"phase": "Running", "hostIPs": [{"ip": CLIENT}, {"ip": "FD00::1"}]}
    assert uses(volume(), claim(), pod(), two)[1].addresses == (CLIENT, "fd00::1")


@pytest.mark.parametrize(
    ("node", "addresses"),
    [
        ("ip-10-0-1-5.ec2.internal", ("10.0.1.5",)),
        ("ip-10-0-1-5", ("10.0.1.5",)),
        ("i-0123456789abcdef0.eu-central-1.compute.internal", ()),
        ("ip-10-0-1-500.ec2.internal", ()),
        ("worker-1", ()),
    ],
)
def test_a_nodes_name_may_stand_for_its_address(node: str, addresses: tuple[str, ...]) -> None:
    assert uses(volume(), claim(), pod(node=node, address=None))[1].addresses == addresses


# -- controllers -----------------------------------------------------------------------------------


def test_a_replica_set_stands_for_its_deployment() -> None:
    labels = {"pod-template-hash": "6d4cf56db6", "app": "web"}
    assert controller("web-6d4cf56db6", labels=labels) == ("Deployment", "web")
    assert controller("web-6d4cf56db6", labels={"app": "web"}) == ("ReplicaSet", "web-6d4cf56db6")
    assert controller("web-other", labels=labels) == ("ReplicaSet", "web-other")
    rollout = {"rollouts-pod-template-hash": "6d4cf56db6"}
    assert controller("web-6d4cf56db6", labels=rollout) == ("Rollout", "web")


def test_in_a_reduced_dump_the_name_must_do() -> None:
    assert controller("web-6d4cf56db6") == ("Deployment", "web")
    assert controller("web-frontend") == ("ReplicaSet", "web-frontend")
    assert controller("web-6d4cf56db6", labels={}) == ("ReplicaSet", "web-6d4cf56db6")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("backup-29372610", ("CronJob", "backup")),
        ("backup-1780000000", ("CronJob", "backup")),
        ("backup-20261101", ("Job", "backup-20261101")),
        ("import-x7k2p", ("Job", "import-x7k2p")),
    ],
)
def test_a_job_stands_for_its_cron_job_where_its_name_tells(
    name: str, told: tuple[str, str]
) -> None:
    assert controller(name, "Job") == told


def test_a_pod_without_controller_stands_for_itself() -> None:
    mount = only(volume(), claim(), pod("lonely", controller=None))
    assert (mount.controller_kind, mount.controller_name) == ("Pod", "lonely")
    adopted = {"kind": "Thing", "name": "t", "controller": False}
    assert only(volume(), claim(), pod("p", controller=adopted)).controller_kind == "Pod"


# -- what is believed ------------------------------------------------------------------------------

BROKEN: list[tuple[Any, str]] = [
    (None, "the dump is null, not an object"),
    ([], "the dump is a list, not an object"),
    ({}, "items is missing"),
    ({"kind": "Status", "message": "forbidden"}, "items is missing"),
    ({"items": {}}, "items is an object, not a list"),
    ({"items": [5]}, "items[0]: the entry is a number, not an object"),
    (dump({"metadata": {}}), "items[0]: kind is missing"),
    (dump(volume(), {"kind": "Pod", "metadata": {}}), "items[1]: name is missing"),
    (dump(pod() | {"spec": []}), "items[0]: spec is a list, not an object"),
    (dump(pod(address="10.0.0.900")), "items[0]: hostIP is no address"),
    (dump(pod("p", {"name": "v", "persistentVolumeClaim": "data"})), "items[0]: persistentVolumeClaim is a text, not an object"),
    (dump(pod("p", {"ephemeral": {}})), "items[0]: name is missing"),
    (dump(volume(csi={"driver": 1})), "items[0]: driver is a number, not a text"),
    (dump(volume(), metadata={"continue": "x"}), "it is cut: there is a metadata.continue"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "problem"), BROKEN)
def test_a_dump_that_cannot_be_read_to_its_end_says_nothing(answer: object, problem: str) -> None:
    found = read_answer(CALL, answer)
    assert (found.state, found.items, found.problem) == (CallState.BROKEN, [], problem)


def test_pods_with_claims_and_no_volume_at_all_are_no_dump() -> None:
    found = read_answer(CALL, dump(claim(), pod()))
    assert found.state is CallState.BROKEN
    assert "record pv, pvc and pods together" in found.problem
    assert read_answer(CALL, dump(claim(), pod(phase="Succeeded"))).state is CallState.WHOLE


def test_a_claim_that_was_made_while_the_dump_was_taken_breaks_nothing() -> None:
    late = pod("late-0", of_claim("new"))
    assert only(volume(), claim(), pod(), late).claim == "data"


def test_other_objects_are_passed_over() -> None:
    node = {"kind": "Node", "metadata": 5}
    assert uses(node, dns()) == [ClusterUse("prod/", "prod")]


def test_whose_dump_a_call_is() -> None:
    assert cluster_of("k8s.prod") == "prod"
    assert cluster_of("k8s.blue.example.org") == "blue.example.org"
    for other in ("k8s.", "k8s", "ec2.describe-vpcs", "k8s./etc", "k8s.a b", "k8s.-x"):
        assert cluster_of(other) == ""


def test_a_sweep_has_the_dumps_of_several_clusters_and_no_kind_whole_by_them() -> None:
    answers = {call: read_answer(call, dump(dns())) for call in ("k8s.a", "k8s.b")}
    answers["k8s.c"] = read_answer("k8s.c", None)
    made = sweep("s", 1, ACCOUNT, REGION, answers, asked=())
    assert [use.cluster for use in made.items["cluster_use"]] == ["a", "b"]
    assert made.calls == {
        "k8s.a": CallState.WHOLE,
        "k8s.b": CallState.WHOLE,
        "k8s.c": CallState.BROKEN,
    }
    assert (made.whole, set(made.problems)) == (frozenset(), {"k8s.c"})


# -- secrets and hostile input -----------------------------------------------------------------------

EXAMPLE = [
    volume(handle=f"{FS}:/p:{AP}", mountOptions=["tls"]),
    claim(),
    pod(controller=owner("ReplicaSet", "web-6d4cf56db6"), labels={"pod-template-hash": "6d4cf56db6"}),
    pod("nfs-0", {"name": "v", "nfs": {"server": f"{FS}.efs.eu-central-1.amazonaws.com"}}),
    pod("web-1", {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}),
]  # fmt: skip


def planted(raw: object) -> Iterator[Any]:
    """With the secret beside every field, one object at a time."""
    if isinstance(raw, dict):
        yield raw | {"unheard": SECRET, SECRET: SECRET, "annotations": {"a": SECRET}, "env": SECRET}
        for key, inner in raw.items():
            for changed in planted(inner):
                yield raw | {key: changed}
    elif isinstance(raw, list):
        for position, inner in enumerate(raw):
            for changed in planted(inner):
                yield [*raw[:position], changed, *raw[position + 1 :]]


def test_a_secret_in_any_other_field_never_gets_through() -> None:
    plain = read_answer(CALL, dump(*EXAMPLE))
    count = 0
    for changed in planted(dump(*EXAMPLE)):
        assert read_answer(CALL, changed) == plain
        count += 1
    assert (plain.state, len(plain.items)) == (CallState.WHOLE, 2)
    assert count > 20


def places(raw: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(raw, dict | list):
        for key, inner in raw.items() if isinstance(raw, dict) else enumerate(raw):
            yield from places(inner, (*path, key))


PLACES = list(places(dump(*EXAMPLE)))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(PLACES), ANYTHING)
def test_whatever_stands_in_a_dump_it_is_whole_or_broken(
    path: tuple[Any, ...], put: object
) -> None:
    answer = json.loads(json.dumps(dump(*EXAMPLE)))
    inner = answer
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = put
    found = read_answer(CALL, answer)
    assert (found.state is CallState.BROKEN) == bool(found.problem)
    assert (found.state is CallState.BROKEN) == (not found.items)
    keys = [use.use_id for use in found.items]
    assert len(keys) == len(set(keys))


@given(st.permutations(EXAMPLE))
def test_the_order_of_objects_does_not_matter(shuffled: list[Any]) -> None:
    assert read_answer(CALL, kube.dump(*shuffled)) == read_answer(CALL, kube.dump(*EXAMPLE))


@given(st.text())
def test_any_handle_is_read_or_passed_over(handle: str) -> None:
    found = read_answer(CALL, dump(volume(handle=handle), claim(), pod()))
    assert found.state is CallState.WHOLE
