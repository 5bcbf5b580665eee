"""Who the client was: every rung, and what each may claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from inventory.model import (
    Attribution,
    Confidence,
    Method,
    OwnerKind,
    Subnet,
    TaskAttachment,
    Vantage,
    Vpc,
    Workload,
)
from inventory.resolve.attribute import attribute
from inventory.resolve.networks import Networks
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    FS,
    INSTANCE,
    REGION,
    SUBNET,
    UUID,
    VPC,
    T,
    definition,
    end,
    eni,
    instance,
    lambda_eni,
    machine_eni,
    mount_target,
    peering,
    seen,
    task,
    task_eni,
    topology,
)

TOKYO = Networks({"192.168.0.0/16": "on-premises Tokyo"})
BLOCK = seen(Vpc(VPC, ACCOUNT, ("10.0.0.0/16",)))
CLOSED = {"vpc_link": {(ACCOUNT, REGION)}}


def who(
    *versions: Any,
    at: int = 100,
    until: int | None = None,
    whole: Mapping[str, set[tuple[str, str]]] | None = None,
    **changes: Any,
) -> tuple[Attribution, ...]:
    parts = attribute(end(at, until, **changes), topology(*versions, whole=whole), TOKYO)
    return tuple(part.attribution for part in parts)


def one(*versions: Any, **changes: Any) -> Attribution:
    (found,) = who(*versions, **changes)
    return found


def own(*versions: Any, **changes: Any) -> Attribution:
    """As the client's own interface recorded it."""
    return one(*versions, **({"vantage": Vantage.CLIENT, "interface_id": CLIENT_ENI} | changes))


def said(found: Attribution) -> tuple[list[str], str, str]:
    return ([owner.id for owner in found.owners], found.confidence.value, found.method.value)


# -- record --------------------------------------------------------------------------------------


def test_a_record_that_names_its_task_needs_no_sweep() -> None:
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/ci/0123abcd"
    found = own(task_arn=arn, instance_id=INSTANCE)
    assert said(found) == (["0123abcd"], "exact", "record")
    assert found.owners[0].account == ACCOUNT
    assert found.owners[0].workload == Workload("ecs_task", "0123abcd", arn)


def test_a_record_that_names_its_instance() -> None:
    found = own(instance_id=INSTANCE)
    assert said(found) == ([INSTANCE], "exact", "record")
    assert found.owners[0].arn is None  # nobody knows the account
    known = own(
        seen(machine_eni(device_index=1, attach_time=T + 5000), 5000, 6000), instance_id="i-before"
    )
    assert said(known) == (["i-before"], "exact", "record")


def test_a_records_instance_does_not_hide_the_task_on_it() -> None:
    on_our_host = seen(task_eni(instance_id=INSTANCE, instance_owner_id=ACCOUNT))
    found = own(on_our_host, seen(task()), seen(instance()), instance_id=INSTANCE)
    assert said(found) == (["task-1"], "exact", "record")


def test_the_mount_targets_row_says_nothing_of_the_clients_instance() -> None:
    assert said(one(seen(machine_eni()), instance_id="i-server")) == (
        [INSTANCE],
        "exact",
        "address_lease",
    )


# -- interface -----------------------------------------------------------------------------------


def test_the_clients_own_interface_names_it() -> None:
    found = own(seen(machine_eni()), seen(instance(tags={"Name": "web 1", "team": "blue"})))
    assert said(found) == ([INSTANCE], "exact", "interface")
    owner = found.owners[0]
    assert (owner.name, owner.account, owner.region, dict(owner.tags)["team"]) == (
        "web 1",
        ACCOUNT,
        REGION,
        "blue",
    )
    assert owner.arn == f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{INSTANCE}"
    assert owner.workload == Workload("ec2_instance", INSTANCE, owner.arn)


def test_an_interface_seen_only_much_later_is_still_the_same() -> None:
    assert said(own(seen(machine_eni(attach_time=None), 5000, 6000, after=4000)))[1] == "exact"
    assert said(own(seen(task_eni(), 5000, 6000, after=4000), seen(task())))[:2] == (
        ["task-1"],
        "exact",
    )


def test_a_moved_interface_is_inferred_between_two_sweeps() -> None:
    moved = [
        seen(
            machine_eni(instance_id="i-old", device_index=1, attach_time=T - 9), 0, 50, before=200
        ),
        seen(
            machine_eni(instance_id="i-new", device_index=1, attach_time=T + 150),
            200,
            300,
            after=50,
        ),
    ]
    assert said(own(*moved, at=20)) == (["i-old"], "exact", "interface")
    assert said(own(*moved, at=100)) == (["i-old"], "inferred", "interface")
    assert said(own(*moved, at=160)) == (["i-new"], "exact", "interface")


def test_two_possible_instances_are_candidates() -> None:
    moved = [
        seen(machine_eni(instance_id="i-old", device_index=1, attach_time=None), 0, 50, before=200),
        seen(
            machine_eni(instance_id="i-new", device_index=1, attach_time=None), 200, 300, after=50
        ),
    ]
    assert said(own(*moved, at=100)) == (["i-new", "i-old"], "candidates", "interface")


def test_an_edited_description_does_not_hide_a_task() -> None:
    edited = [
        seen(task_eni(), 0, 50, before=200),
        seen(task_eni(description="renamed by somebody"), 90, 200, after=50),
    ]
    assert said(own(*edited, seen(task())))[0] == ["task-1"]


def test_an_attached_instance_is_not_hidden_by_what_the_interface_was_called_before() -> None:
    named = [
        seen(
            eni(description="ELB x", attachment_id="eni-attach-9", instance_owner_id="amazon-elb"),
            0,
            50,
            before=90,
        ),
        seen(machine_eni(attach_time=T + 80, device_index=1), 90, 200, after=50),
    ]
    assert said(own(*named))[0] == [INSTANCE]


def test_an_interface_no_sweep_named_is_known_by_its_id() -> None:
    assert said(own()) == ([CLIENT_ENI], "unknown", "interface")
    somebody = seen(machine_eni("eni-x", CLIENT))
    assert said(own(somebody)) == (
        [INSTANCE],
        "exact",
        "address_lease",
    )  # the recorder was on the way


@pytest.mark.parametrize("home", ["", "vpc-0b"])
def test_who_holds_the_address_in_the_mount_targets_vpc_says_nothing_of_another_vpcs_recorder(
    home: str,
) -> None:
    """Two VPCs may have the same addresses, and a recorder that no sweep named may be the client in the other one."""
    somebody = seen(machine_eni("eni-x", CLIENT))
    assert said(own(somebody, recorder_vpc_id=home)) == ([CLIENT_ENI], "unknown", "interface")
    nameless = own(somebody, recorder_vpc_id=home, interface_id="")
    assert said(nameless) == ([INSTANCE], "inferred", "address_lease")
    assert said(own(somebody, interface_id="")) == ([INSTANCE], "exact", "address_lease")


def test_own_rows_of_an_interface_in_nobody_knows_which_vpc_are_inferred() -> None:
    somewhere = seen(machine_eni(vpc_id=""))
    assert said(one(somewhere, own_interfaces=(CLIENT_ENI,))) == (
        [INSTANCE],
        "inferred",
        "interface",
    )


def test_an_interface_of_nobody_we_can_name() -> None:
    found = own(seen(eni(status="available")))
    assert said(found) == ([CLIENT_ENI], "unknown", "interface")
    assert found.owners[0].kind is OwnerKind.UNKNOWN


# -- next hop ------------------------------------------------------------------------------------


def test_next_hop_counts_only_when_it_held_the_address() -> None:
    client = seen(machine_eni(vpc_id="vpc-0c"))
    transit = seen(eni("eni-t", "10.0.99.91", interface_type="transit_gateway"))
    assert said(one(client, transit, next_hop=CLIENT_ENI)) == ([INSTANCE], "exact", "next_hop")
    passed_on = one(client, transit, seen(peering(VPC, "vpc-0c")), next_hop="eni-t")
    assert said(passed_on) == ([INSTANCE], "inferred", "address_lease")
    later = seen(machine_eni(attach_time=None), 5000, 6000, after=4000)
    assert one(later, BLOCK, next_hop=CLIENT_ENI).method is Method.NONE


# -- leases --------------------------------------------------------------------------------------


def test_a_proven_lease_in_the_own_vpc_is_exact() -> None:
    assert said(one(seen(machine_eni()))) == ([INSTANCE], "exact", "address_lease")
    assert one(seen(machine_eni())).interface_id == CLIENT_ENI


def test_a_possible_lease_is_inferred() -> None:
    assert said(one(seen(machine_eni(), 0, 50, before=200))) == (
        [INSTANCE],
        "inferred",
        "address_lease",
    )


def test_several_possible_leases_are_candidates_unless_its_own_interface_spoke() -> None:
    two = [
        seen(machine_eni("eni-a", instance_id="i-a"), 0, 50, before=200),
        seen(machine_eni("eni-b", instance_id="i-b", attach_time=None), 200, 300, after=50),
    ]
    assert said(one(*two)) == (["i-a", "i-b"], "candidates", "address_lease")
    assert said(one(*two, own_interfaces=("eni-b",))) == (["i-b"], "exact", "interface")
    assert said(one(*two, own_interfaces=("eni-a", "eni-b")))[1] == "candidates"


def test_an_address_that_passes_on_inside_a_run_has_two_owners() -> None:
    two = [
        seen(machine_eni("eni-a", instance_id="i-a"), 0, 110, before=200),
        seen(machine_eni("eni-b", instance_id="i-b", attach_time=T + 150), 200, 300, after=110),
    ]
    found = who(*two, at=100, until=210)
    assert [said(each) for each in found] == [
        (["i-a"], "exact", "address_lease"),
        (["i-b"], "exact", "address_lease"),
    ]
    assert len(who(*two, at=100, until=140)) == 1
    late = who(
        *two, at=100, until=160
    )  # an end may be a minute late, and then all of it is the first one's
    assert [said(each) for each in late] == [
        (["i-a"], "exact", "address_lease"),
        (["i-a", "i-b"], "candidates", "address_lease"),
    ]


def test_the_only_possible_holder_that_is_proven_at_the_end_is_exact() -> None:
    assert (
        said(one(seen(machine_eni(attach_time=None), 130, 300, after=50), at=100, until=140))[1]
        == "exact"
    )


def test_the_short_lived_client_that_no_sweep_saw_is_one_client_from_both_sides() -> None:
    """Its own rows and the mount target's must not make two clients of it."""
    assert said(one(BLOCK, own_interfaces=("eni-gone",))) == (["eni-gone"], "unknown", "interface")
    elsewhere = seen(machine_eni("eni-twin", vpc_id="vpc-0b"))
    assert said(one(BLOCK, elsewhere, own_interfaces=("eni-twin",)))[0] == [CLIENT]


def test_the_same_address_in_another_vpc_is_not_the_client() -> None:
    twin = seen(machine_eni("eni-twin", vpc_id="vpc-0b", instance_id="i-twin"))
    assert said(one(seen(machine_eni()), twin))[0] == [INSTANCE]
    assert said(one(BLOCK, twin))[:2] == ([CLIENT], "unknown")


def test_a_client_in_a_peered_vpc_is_inferred_and_several_are_candidates() -> None:
    peer = seen(machine_eni(vpc_id="vpc-0c"))
    link = seen(peering(VPC, "vpc-0c"))
    assert said(one(peer, link)) == ([INSTANCE], "inferred", "address_lease")
    second = seen(machine_eni("eni-d", vpc_id="vpc-0d", instance_id="i-d"))
    both = one(peer, link, second, seen(peering(VPC, "vpc-0d", link_id="pcx-2")))
    assert said(both) == ([INSTANCE, "i-d"], "candidates", "address_lease")
    assert said(one(peer, BLOCK, whole=CLOSED)) == ([CLIENT], "unknown", "none")
    assert said(one(peer)) == ([INSTANCE], "inferred", "address_lease")  # links unknown


def test_secondary_addresses_prefixes_and_ipv6_name_their_instance() -> None:
    wide = seen(
        machine_eni(CLIENT_ENI, "10.0.3.80", CLIENT, "2a05::73", prefixes=("10.0.9.16/28",))
    )
    for address in (CLIENT, "2a05::73", "10.0.9.20"):
        assert said(one(wide, address=address)) == ([INSTANCE], "exact", "address_lease")


# -- networks ------------------------------------------------------------------------------------


def test_outside_every_vpc_it_is_an_address_with_the_networks_name() -> None:
    named = one(BLOCK, address="192.168.50.20", whole=CLOSED)
    assert said(named) == (["192.168.50.20"], "inferred", "cidr")
    assert (named.owners[0].kind, named.owners[0].name) == (OwnerKind.ADDRESS, "on-premises Tokyo")
    unnamed = one(BLOCK, address="172.16.0.1", whole=CLOSED)
    assert (unnamed.owners[0].kind, unnamed.owners[0].name, unnamed.method) == (
        OwnerKind.ADDRESS,
        None,
        Method.CIDR,
    )


def test_inside_a_vpc_without_a_lease_nobody_knows() -> None:
    found = one(BLOCK, whole=CLOSED)
    assert said(found) == ([CLIENT], "unknown", "none")
    assert found.owners[0].kind is OwnerKind.UNKNOWN
    peer = seen(Vpc("vpc-0c", ACCOUNT, ("10.30.0.0/16",)))
    away = one(BLOCK, peer, seen(peering(VPC, "vpc-0c")), address="10.30.0.9")
    assert away.owners[0].kind is OwnerKind.UNKNOWN


def test_without_cidrs_only_a_name_makes_it_an_address() -> None:
    assert one(address="172.16.0.1").owners[0].kind is OwnerKind.UNKNOWN
    assert one(address="192.168.0.9").owners[0].kind is OwnerKind.ADDRESS


def test_without_an_address_nothing_can_be_said() -> None:
    assert said(one(address="")) == (["unknown"], "unknown", "none")


def test_without_a_vpc_every_vpc_is_asked() -> None:
    assert said(one(seen(machine_eni()), vpc_id="")) == ([INSTANCE], "inferred", "address_lease")


# -- owners --------------------------------------------------------------------------------------


def test_a_task_with_its_service_or_family() -> None:
    fargate = seen(task_eni())
    found = one(fargate, seen(task(tags={"team": "blue"})))
    owner = found.owners[0]
    service = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/ci/runner"
    assert (owner.kind, owner.id, owner.name, dict(owner.tags)) == (
        OwnerKind.ECS_TASK,
        "task-1",
        "runner",
        {"team": "blue"},
    )
    assert owner.workload == Workload("ecs_service", "runner", service)
    alone = one(fargate, seen(task(group="family:nightly")), seen(definition(family="nightly")))
    assert alone.owners[0].workload == Workload("ecs_task_family", "nightly")
    bare = one(fargate, seen(task(group="")))
    assert bare.owners[0].workload == Workload("ecs_task_family", "runner")


def test_a_task_declares_its_access_points() -> None:
    volumes = ((FS, "fsap-1"), ("fs-other", "fsap-2"))
    found = one(seen(task_eni()), seen(task()), seen(definition(file_systems=volumes)))
    assert found.access_points == ("fsap-1",)


def test_a_task_that_no_sweep_named_goes_by_its_interface() -> None:
    """Never by its attachment's id, which looks like a task's."""
    found = one(seen(task_eni()))
    assert said(found) == ([CLIENT_ENI], "unknown", "address_lease")
    assert found.owners[0].kind is OwnerKind.ECS_TASK


def test_a_stopped_task_whose_interface_no_sweep_saw() -> None:
    stopped = task(stopped_at=T + 700, execution_stopped_at=T + 600, last_status="STOPPED")
    knowledge = [seen(stopped, 3600, 3600), seen(Subnet(SUBNET, VPC))]
    assert said(one(*knowledge)) == (["task-1"], "exact", "address_lease")
    assert said(one(*knowledge, at=650)) == (["task-1"], "inferred", "address_lease")
    assert said(own(*knowledge)) == (["task-1"], "exact", "interface")


def test_a_task_with_several_attachments_is_found_by_each() -> None:
    other = UUID.replace("c", "d")
    two = (
        TaskAttachment(other, "eni-1", SUBNET, ("10.0.3.1",)),
        TaskAttachment(UUID, "eni-2", SUBNET, ("10.0.3.2",)),
    )
    known = seen(task(attachments=two))
    assert said(own(known, interface_id="eni-2"))[0] == ["task-1"]


def test_workloads_of_instances() -> None:
    group = {"aws:autoscaling:groupName": "web"}
    assert one(seen(machine_eni()), seen(instance(tags=group))).owners[0].workload == Workload(
        "auto_scaling_group", "web"
    )
    node = one(
        seen(machine_eni()), seen(instance(tags=group | {"eks:cluster-name": "prod"}))
    ).owners[0]
    cluster = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/prod"
    assert (node.kind, node.id, node.workload) == (
        OwnerKind.EKS_NODE,
        INSTANCE,
        Workload("eks_cluster", "prod", cluster),
    )


def test_a_terminated_instance_keeps_its_tags() -> None:
    alive = seen(instance(tags={"Name": "web"}), 0, 50, before=200)
    dead = seen(instance(state="terminated", vpc_id=""), 200, 300, after=50)
    assert one(seen(machine_eni(), 0, 50, before=200), alive, dead).owners[0].name == "web"


def test_a_pod_with_its_node_and_cluster() -> None:
    tags = {"vpcresources.k8s.aws/trunk-eni-id": "eni-trunk", "kubernetes.io/cluster/prod": "owned"}
    trunk = seen(
        machine_eni("eni-trunk", "10.0.3.90", description="aws-k8s-trunk-eni", device_index=1)
    )
    owner = one(seen(eni(description="aws-k8s-branch-eni", tags=tags)), trunk).owners[0]
    assert (owner.kind, owner.id, owner.name) == (
        OwnerKind.EKS_POD,
        CLIENT_ENI,
        f"pod on {INSTANCE}",
    )
    assert owner.workload is not None
    assert (owner.workload.kind, owner.workload.id) == ("eks_cluster", "prod")


@pytest.mark.parametrize(
    ("changes", "kind", "owner_id", "confidence"),
    [
        ({"description": "Interface for NAT Gateway nat-0a"}, "gateway", "nat-0a", "exact"),
        (
            {"description": "RDSNetworkInterface", "requester_managed": True},
            "aws_service",
            CLIENT_ENI,
            "exact",
        ),
        (
            {"description": "Next year's", "requester_managed": True},
            "aws_service",
            CLIENT_ENI,
            "exact",
        ),
        ({"requester_id": "A:AWSCodeBuild-1"}, "codebuild_project", CLIENT_ENI, "inferred"),
        ({"description": "datasync x"}, "datasync", CLIENT_ENI, "inferred"),
        (
            {"tags": {"AmazonBedrockAgentCoreManaged": "true"}},
            "bedrock_agentcore",
            CLIENT_ENI,
            "inferred",
        ),
        (
            {"description": "[DO NOT DELETE] ENI managed by SageMaker for Studio Domain(d-1) - x"},
            "sagemaker",
            "d-1",
            "exact",
        ),
    ],
)
def test_owners_of_every_other_kind(
    changes: dict[str, Any], kind: str, owner_id: str, confidence: str
) -> None:
    found = one(seen(eni(**changes)))
    assert (found.owners[0].kind.value, *said(found)[:2]) == (kind, [owner_id], confidence)
    assert found.owners[0].workload is not None


def test_the_owner_of_a_participants_interface_is_the_participant() -> None:
    shared = seen(eni(owner_id="444455556666", description="Interface for NAT Gateway nat-0a"))
    assert one(shared).owners[0].account == "444455556666"


def test_a_mount_target_is_no_client_of_its_own_kind() -> None:
    found = one(seen(mount_target(other := "fsmt-2", CLIENT)))
    assert found.owners[0].kind is OwnerKind.AWS_SERVICE
    assert other in (found.owners[0].name or "")


# -- the whole -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "versions", [(), (seen(machine_eni()),), (seen(lambda_eni()),), (seen(task_eni()),)]
)
@pytest.mark.parametrize("vantage", list(Vantage))
def test_candidates_are_two_or_more_sorted_and_all_else_is_one(
    versions: tuple[Any, ...], vantage: Vantage
) -> None:
    for found in who(*versions, vantage=vantage, interface_id=CLIENT_ENI):
        identities = [owner.identity for owner in found.owners]
        assert identities == sorted(set(identities))
        assert (len(identities) > 1) == (found.confidence is Confidence.CANDIDATES)
        assert all(owner.id and owner.workload is not None for owner in found.owners)
