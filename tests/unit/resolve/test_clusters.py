"""Whose pods stood behind a node: the right dump, the right node, the right file system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from inventory.model import ClusterUse, PodMount, Span
from inventory.resolve.clusters import Dumps, Node, PodUse, Shown, pods_behind
from tests.builders import CLIENT, CLIENT_ENI, FS, INSTANCE, T, machine_eni, seen, topology

HOUR = 3600
NAMED = "ip-10-0-3-11.eu-central-1.compute.internal"
USUAL = topology(seen(machine_eni(), 0, 10 * HOUR))


def mount(name: str = "web", pods: int = 1, **changes: Any) -> PodMount:
    values: dict[str, Any] = {
        "file_system_id": FS,
        "namespace": "shop",
        "controller_kind": "Deployment",
        "controller_name": name,
        "claim": "data",
        "pods": pods,
    }
    return PodMount(**(values | changes))


def shown(
    *mounts: PodMount,
    at: Span = (0, 0),
    cluster: str = "prod",
    node: str = NAMED,
    addresses: tuple[str, ...] = (CLIENT,),
) -> Shown:
    """Seen at every dump of a span, in hours past ``T``."""
    use = ClusterUse(f"{cluster}/{node}", cluster, node, addresses, mounts or (mount(),))
    return Shown(use, T + at[0] * HOUR, T + at[1] * HOUR)


def behind(
    *found: Shown,
    dumped: Mapping[str, tuple[int, ...]] | None = None,
    span: Span = (2, 4),
    node: Node | None = None,
    **changes: Any,
) -> list[tuple[str, int]]:
    """Controllers and how many pods each had; moments in hours past ``T``."""
    moments = {
        cluster: tuple(T + hour * HOUR for hour in hours)
        for cluster, hours in (dumped or {"prod": (0,)}).items()
    }
    told = pods_behind(
        node or Node(INSTANCE, "prod", (CLIENT_ENI,)),
        changes.pop("file_system_id", FS),
        (T + span[0] * HOUR, T + span[1] * HOUR),
        Dumps(moments, found),
        changes.pop("known", USUAL),
    )
    return [(use.controller_name, use.pods) for use in told]


# -- which dump ------------------------------------------------------------------------------------


def test_the_last_dump_before_a_mount_tells_of_it() -> None:
    assert behind(shown(at=(0, 1)), dumped={"prod": (0, 1)}) == [("web", 1)]
    assert behind(shown(at=(0, 0)), dumped={"prod": (0, 1)}) == []


def test_dumps_during_a_mount_tell_of_it_and_no_earlier_one() -> None:
    every = {"prod": (0, 2, 3, 4)}
    found = [
        shown(mount("before"), at=(0, 0)),
        shown(mount("first"), at=(2, 2)),
        shown(mount("last"), at=(4, 4)),
    ]
    assert behind(*found, dumped=every) == [("first", 1), ("last", 1)]


def test_a_dump_after_a_mount_tells_nothing() -> None:
    assert behind(shown(at=(5, 5)), dumped={"prod": (5,)}) == []


def test_without_a_dump_nobody_knows() -> None:
    assert pods_behind(Node(INSTANCE), FS, (T, T), Dumps({}, ()), USUAL) == ()


def test_the_most_pods_at_any_one_dump_are_counted() -> None:
    found = [shown(mount(pods=2), at=(2, 2)), shown(mount(pods=5), at=(3, 3))]
    assert behind(*found, dumped={"prod": (2, 3)}) == [("web", 5)]


# -- which node ------------------------------------------------------------------------------------


def test_a_node_named_after_its_instance_is_known_by_that_alone() -> None:
    for name in (INSTANCE, f"{INSTANCE}.eu-central-1.compute.internal"):
        assert behind(shown(node=name, addresses=())) == [("web", 1)]
    assert behind(shown(node="i-0000000000000beef")) == []


def test_another_nodes_pods_are_not_this_ones() -> None:
    assert behind(shown(addresses=("10.0.3.99",))) == []


def test_a_new_node_with_the_address_of_an_old_one_has_not_its_pods() -> None:
    """The dump was taken before the instance was there: its address was another's then."""
    young = topology(seen(machine_eni(attach_time=T + HOUR), HOUR, 10 * HOUR))
    assert behind(shown(at=(0, 0)), known=young) == []
    assert behind(shown(at=(0, 2)), dumped={"prod": (0, 2)}, known=young) == [("web", 1)]


def test_an_address_that_somebody_else_had_for_certain_is_not_a_maybe() -> None:
    other = machine_eni("eni-00000000000000001", CLIENT, instance_id="i-00000000000000001")
    both = topology(
        seen(machine_eni(attach_time=None), 3 * HOUR, 9 * HOUR, after=-HOUR),
        seen(other, 0, HOUR, before=2 * HOUR),
    )
    assert behind(shown(at=(0, 0)), known=both) == []


def test_any_interface_of_the_instance_will_do() -> None:
    two = topology(
        seen(machine_eni(), 0, 10 * HOUR),
        seen(machine_eni("eni-2", "10.0.3.50", device_index=1), 0, 10 * HOUR),
    )
    by_second = Node(INSTANCE, "prod", ("eni-2",))
    assert behind(shown(), node=by_second, known=two) == [("web", 1)]


# -- which cluster and file system -------------------------------------------------------------------


def test_a_cluster_named_by_tags_is_the_only_one_looked_at() -> None:
    two = {"prod": (0,), "test": (0,)}
    assert behind(shown(cluster="test"), dumped=two) == []
    assert behind(shown(), shown(mount("x"), cluster="test"), dumped=two) == [("web", 1)]


@pytest.mark.parametrize("both", [True, False])
def test_without_tags_a_node_must_be_found_in_one_cluster_only(both: bool) -> None:
    found = [shown(), *([shown(mount("x"), cluster="test")] if both else [])]
    nameless = Node(INSTANCE, "", (CLIENT_ENI,))
    told = behind(*found, dumped={"prod": (0,), "test": (0,)}, node=nameless)
    assert told == ([] if both else [("web", 1)])


def test_only_the_file_system_asked_about_counts() -> None:
    other = mount("other", file_system_id="fs-00000000000000002")
    assert behind(shown(mount(), other)) == [("web", 1)]
    assert behind(shown(other)) == []


def test_controllers_are_sorted_and_each_claim_named_once() -> None:
    twice = [mount("b", 1, volume="pv-1"), mount("b", 2, volume="pv-2"), mount("a", claim="z")]
    told = pods_behind(
        Node(INSTANCE, "prod", (CLIENT_ENI,)), FS, (T, T), Dumps({"prod": (T,)}, [shown(*twice)]), USUAL
    )  # fmt: skip
    assert told == (
        PodUse("prod", "shop", "Deployment", "a", "z", 1),
        PodUse("prod", "shop", "Deployment", "b", "data", 2),
    )
