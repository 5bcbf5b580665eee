"""AWS answers to values: what is kept, what is refused, and that nothing else gets through."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.discover import datapoints, reduce, trail
from inventory.discover.calls import CALLS, WHOLE_BY, read_answer, sweep
from inventory.discover.fields import FieldError
from inventory.model import KINDS, CallState, TaskAttachment
from tests.unit.discover import declared_examples

SECRET = "planted-7c1d"

TAGS = [{"Key": "Name", "Value": "n"}]

EXAMPLES: dict[str, dict[str, Any]] = {
    "ec2.describe-network-interfaces": {
        "NetworkInterfaceId": "eni-1",
        "VpcId": "vpc-1",
        "SubnetId": "subnet-1",
        "OwnerId": "111122223333",
        "Description": "d",
        "InterfaceType": "interface",
        "RequesterId": "r",
        "RequesterManaged": True,
        "Status": "in-use",
        "PrivateIpAddress": "10.0.0.9",
        "PrivateIpAddresses": [
            {"PrivateIpAddress": "10.0.0.12", "Primary": False},
            {"PrivateIpAddress": "10.0.0.9", "Primary": True},
        ],
        "Ipv6Addresses": [{"Ipv6Address": "2A05:D014:0:0::73"}],
        "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.9.16/28"}],
        "Ipv6Prefixes": [{"Ipv6Prefix": "2a05:d014:1::/80"}],
        "Groups": [{"GroupId": "sg-2", "GroupName": SECRET}, {"GroupId": "sg-1"}],
        "Attachment": {
            "AttachmentId": "eni-attach-1",
            "AttachTime": "2026-11-23T10:00:00+00:00",
            "InstanceId": "i-1",
            "InstanceOwnerId": "111122223333",
            "DeviceIndex": 0,
            "Status": "attached",
        },
        "AvailabilityZone": "eu-central-1a",
        "TagSet": TAGS,
    },
    "ec2.describe-instances": {
        "Instances": [
            {
                "InstanceId": "i-1",
                "VpcId": "vpc-1",
                "State": {"Name": "running", "Code": 16},
                "LaunchTime": "2026-11-23T10:00:00Z",
                "NetworkInterfaces": [
                    {
                        "NetworkInterfaceId": "eni-2",
                        "Attachment": {"DeviceIndex": 1},
                        "PrivateIpAddress": "10.0.0.4",
                    },
                    {"NetworkInterfaceId": "eni-1", "Attachment": {"DeviceIndex": 0}},
                ],
                "PrivateIpAddress": "10.0.0.9",
                "Tags": TAGS,
                "UserData": SECRET,
            }
        ]
    },
    "ec2.describe-flow-logs": {
        "FlowLogId": "fl-1",
        "ResourceId": "vpc-1",
        "TrafficType": "ALL",
        "LogFormat": "${version}",
        "LogDestinationType": "s3",
        "LogDestination": "arn:aws:s3:::b",
        "LogGroupName": "g",
        "MaxAggregationInterval": 600,
        "FlowLogStatus": "ACTIVE",
        "DeliverLogsStatus": "FAILED",
        "DeliverLogsErrorMessage": "Access error",
        "CreationTime": 1_763_892_000.5,
    },
    "ec2.describe-subnets": {"SubnetId": "subnet-1", "VpcId": "vpc-1", "OwnerId": "1", "CidrBlock": "10.0.0.0/24"},
    "ec2.describe-vpcs": {
        "VpcId": "vpc-1",
        "OwnerId": "1",
        "CidrBlock": "10.0.0.0/16",
        "CidrBlockAssociationSet": [
            {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
            {"CidrBlock": "10.1.0.0/16", "CidrBlockState": {"State": "disassociated"}},
        ],
        "Ipv6CidrBlockAssociationSet": [
            {"Ipv6CidrBlock": "2a05:d014::/56", "Ipv6CidrBlockState": {"State": "associated"}}
        ],
    },
    "ec2.describe-vpc-peering-connections": {
        "VpcPeeringConnectionId": "pcx-1",
        "Status": {"Code": "active"},
        "RequesterVpcInfo": {"VpcId": "vpc-2"},
        "AccepterVpcInfo": {"VpcId": "vpc-1"},
    },
    "ec2.describe-transit-gateway-vpc-attachments": {"TransitGatewayId": "tgw-1", "VpcId": "vpc-1", "State": "available"},
    "ec2.describe-route-tables": {
        "RouteTableId": "rtb-1",
        "VpcId": "vpc-1",
        "Routes": [
            {"DestinationCidrBlock": "10.1.0.0/16", "VpcPeeringConnectionId": "pcx-1", "State": "active"},
            {"DestinationCidrBlock": "10.2.0.0/16", "TransitGatewayId": "tgw-1", "State": "active"},
            {"DestinationCidrBlock": "10.3.0.0/16", "VpcPeeringConnectionId": "pcx-2", "State": "blackhole"},
        ],
    },
    "ec2.describe-security-groups": {"GroupId": "sg-1", "GroupName": "nfs", "VpcId": "vpc-1", "OwnerId": "1", "Description": SECRET},
    "ec2.describe-security-group-rules": {
        "SecurityGroupRuleId": "sgr-1",
        "GroupId": "sg-1",
        "IsEgress": False,
        "IpProtocol": "tcp",
        "FromPort": 2049,
        "ToPort": 2049,
        "CidrIpv4": "10.0.0.0/8",
        "CidrIpv6": "2001:db8::/56",
        "PrefixListId": "pl-1",
        "ReferencedGroupInfo": {"GroupId": "sg-2", "UserId": "2", "VpcPeeringConnectionId": "pcx-1"},
        "Description": "NFS",
        "Tags": [{"Key": "team", "Value": "shop"}],
    },
    "efs.describe-replication-configurations": {
        "SourceFileSystemId": "fs-1",
        "SourceFileSystemArn": "arn:fs-1",
        "SourceFileSystemRegion": "r",
        "Destinations": [{"FileSystemId": "fs-2", "Region": "q", "OwnerId": "2", "Status": "ENABLED", "RoleArn": SECRET}],
    },
    "eks.describe-clusters": {
        "arn": "arn:aws:eks:r:1:cluster/c",
        "name": "c",
        "status": "ACTIVE",
        "resourcesVpcConfig": {"vpcId": "vpc-1"},
        "certificateAuthority": {"data": SECRET},
    },
    "efs.describe-file-systems": {
        "FileSystemId": "fs-1",
        "FileSystemArn": "arn:aws:elasticfilesystem:r:1:file-system/fs-1",
        "OwnerId": "1",
        "CreationTime": "2026-11-23T10:00:00Z",
        "LifeCycleState": "available",
        "SizeInBytes": {"Value": 6144},
        "NumberOfMountTargets": 1,
        "Tags": TAGS,
    },
    "efs.describe-mount-targets": {
        "MountTargetId": "fsmt-1",
        "FileSystemId": "fs-1",
        "VpcId": "vpc-1",
        "SubnetId": "subnet-1",
        "OwnerId": "1",
        "NetworkInterfaceId": "eni-1",
        "IpAddress": "10.0.0.1",
        "Ipv6Address": "2a05:d014::1",
        "LifeCycleState": "available",
        "AvailabilityZoneId": "euc1-az1",
    },
    "efs.describe-access-points": {
        "AccessPointId": "fsap-1",
        "FileSystemId": "fs-1",
        "AccessPointArn": "arn:ap",
        "Name": "data",
        "RootDirectory": {"Path": SECRET},
    },
    "lambda.list-functions": {
        "FunctionArn": "arn:aws:lambda:r:1:function:f:$LATEST",
        "FunctionName": "f",
        "Version": "$LATEST",
        "VpcConfig": {"SubnetIds": ["subnet-2", "subnet-1"], "SecurityGroupIds": ["sg-2", "sg-1"], "VpcId": "vpc-1"},
        "FileSystemConfigs": [{"Arn": "arn:ap", "LocalMountPath": SECRET}],
        "LastModified": "2016-11-26T13:36:29.225+0000",
        "Environment": {"Variables": {"TOKEN": SECRET}},
    },
    "ecs.describe-tasks": {
        "taskArn": "arn:aws:ecs:r:1:task/ci/t",
        "clusterArn": "arn:aws:ecs:r:1:cluster/ci",
        "group": "service:s",
        "taskDefinitionArn": "arn:td",
        "launchType": "FARGATE",
        "lastStatus": "STOPPED",
        "startedBy": "ecs-svc/1",
        "containerInstanceArn": "arn:ci",
        "createdAt": "2026-11-23T10:00:00.250+01:00",
        "connectivityAt": "2026-11-23T09:00:01",
        "startedAt": 1_763_892_000,
        "stoppingAt": 1_763_892_001,
        "executionStoppedAt": 1_763_892_002,
        "stoppedAt": 1_763_892_003.75,
        "attachments": [
            {
                "id": "a1",
                "type": "ElasticNetworkInterface",
                "details": [
                    {"name": "subnetId", "value": "subnet-1"},
                    {"name": "networkInterfaceId", "value": "eni-1"},
                    {"name": "privateIPv4Address", "value": "10.0.0.9"},
                    {"name": "privateDnsName", "value": SECRET},
                ],
            },
            {"id": "a2", "type": "ServiceConnect", "details": []},
        ],
        "containers": [{"networkInterfaces": [{"attachmentId": "a1", "ipv6Address": "2a05::9"}], "image": SECRET}],
        "tags": [{"key": "team", "value": "blue"}],
        "overrides": {"containerOverrides": [{"environment": [{"name": "T", "value": SECRET}]}]},
    },
    "ecs.describe-task-definitions": {
        "taskDefinitionArn": "arn:td",
        "family": "f",
        "networkMode": "awsvpc",
        "volumes": [
            {"efsVolumeConfiguration": {"fileSystemId": "fs-1", "authorizationConfig": {"accessPointId": "fsap-1"}}},
            {"name": "other", "host": {"sourcePath": SECRET}},
        ],
    },
    "ecs.describe-container-instances": {
        "containerInstanceArn": "arn:aws:ecs:r:1:container-instance/ci/x",
        "ec2InstanceId": "i-1",
    },
    "fsx.describe-file-systems": {
        "FileSystemId": "fs-9",
        "ResourceARN": "arn:fsx",
        "VpcId": "vpc-1",
        "NetworkInterfaceIds": ["eni-9"],
        "OpenZFSConfiguration": {"EndpointIpAddress": "10.0.0.60"},
        "OntapConfiguration": {"FsxAdminPassword": SECRET},
    },
    "s3files.list-mount-targets": {
        "mountTargetId": "fsmt-9",
        "fileSystemId": "fs-8",
        "vpcId": "vpc-1",
        "networkInterfaceId": "eni-8",
        "ipv4Address": "10.0.0.61",
    },
    **declared_examples.examples(SECRET),
}  # fmt: skip


def value(call: str, **changes: Any) -> Any:  # noqa: ANN401  # a value of any kind
    """What the example of a call becomes, changed at its top."""
    (found,) = read_answer(call, {CALLS[call].key: [EXAMPLES[call] | changes]}).items
    return found


def test_every_call_has_an_example_and_every_kind_a_call() -> None:
    no_values = {"ecs.list-clusters", "s3files.list-file-systems"}
    assert set(EXAMPLES) | no_values | {trail.CALL, datapoints.CALL} == set(CALLS)
    kinds = {kind for call in CALLS.values() for kind in (call.kind, *call.others)}
    by_cluster = {"cluster_use"}  # dumps of Kubernetes clusters, each a call of its own
    assert kinds - {""} | by_cluster == set(KINDS)
    never_whole = {"task_definition", "client_connection", "interface_event", *by_cluster}
    assert set(KINDS) - set(WHOLE_BY) == never_whole


@pytest.mark.parametrize("call", EXAMPLES)
def test_every_field_of_the_allow_list_is_filled(call: str) -> None:
    """An example names every field, so one that stays empty is read by a wrong name."""
    known_empty = {"s3files.list-mount-targets": {"arn"}}
    found = value(call)
    empty = {
        f.name for f in dataclasses.fields(found) if getattr(found, f.name) in ("", (), {}, None)
    }
    assert empty == known_empty.get(call, set())


def test_addresses_are_canonical_and_the_primary_comes_first() -> None:
    found = value("ec2.describe-network-interfaces")
    assert found.addresses == ("10.0.0.9", "10.0.0.12", "2a05:d014::73")
    assert found.prefixes == ("10.0.9.16/28", "2a05:d014:1::/80")
    assert found.groups == ("sg-1", "sg-2")
    six = value("ec2.describe-network-interfaces", PrivateIpAddress=None, PrivateIpAddresses=[])
    assert six.addresses == ("2a05:d014::73",)


def test_instances_name_their_interfaces_first_one_first() -> None:
    found = value("ec2.describe-instances")
    assert found.interfaces == ("eni-1", "eni-2")
    assert found.addresses == ("10.0.0.9", "10.0.0.4")


def test_functions_are_known_by_their_unversioned_arn() -> None:
    found = value("lambda.list-functions")
    assert found.function_arn == "arn:aws:lambda:r:1:function:f"
    assert (found.subnet_ids, found.security_group_ids) == (
        ("subnet-1", "subnet-2"),
        ("sg-1", "sg-2"),
    )
    assert (
        value("lambda.list-functions", FunctionArn="arn:x:7", Version="7").function_arn == "arn:x:7"
    )
    bare = value("lambda.list-functions", VpcConfig=None, FileSystemConfigs=None)
    assert (bare.subnet_ids, bare.access_point_arns) == ((), ())


def test_tasks_keep_their_interfaces_and_times() -> None:
    found = value("ecs.describe-tasks")
    assert found.attachments == (
        TaskAttachment("a1", "eni-1", "subnet-1", ("10.0.0.9", "2a05::9")),
    )
    ten = int(datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp())
    assert (found.created_at, found.connectivity_at) == (ten, ten + 1)  # no offset means UTC
    assert found.stopped_at == 1_763_892_003


def test_cidrs_that_are_gone_do_not_count() -> None:
    assert value("ec2.describe-vpcs").cidrs == ("10.0.0.0/16", "2a05:d014::/56")


@pytest.mark.parametrize("code", ["pending-acceptance", "deleted", "rejected", "expired", "failed"])
def test_a_peering_that_carries_nothing_is_no_link(code: str) -> None:
    answer = EXAMPLES["ec2.describe-vpc-peering-connections"] | {"Status": {"Code": code}}
    assert reduce.peering(answer) is None
    gone = EXAMPLES["ec2.describe-transit-gateway-vpc-attachments"] | {"State": "deleting"}
    assert reduce.transit_attachment(gone) is None


def test_both_spellings_of_a_time() -> None:
    moment = datetime(2026, 11, 23, 10, tzinfo=UTC)
    for spelling in (
        moment,
        "2026-11-23T10:00:00Z",
        "2026-11-23T11:00:00+01:00",
        moment.timestamp(),
        "2026-11-23T10:00:00",
    ):
        assert value("efs.describe-file-systems", CreationTime=spelling).creation_time == int(
            moment.timestamp()
        )


def test_text_that_no_database_takes_is_mended() -> None:
    assert value("efs.describe-file-systems", Name="a\0b\ud800c").name == "a\ufffdb?c"


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("ec2.describe-network-interfaces", {"NetworkInterfaceId": None}),
    ("ec2.describe-network-interfaces", {"NetworkInterfaceId": ""}),
    ("ec2.describe-network-interfaces", {"Description": 5}),
    ("ec2.describe-network-interfaces", {"PrivateIpAddress": "10.0.0.900"}),
    ("ec2.describe-network-interfaces", {"Attachment": "attached"}),
    ("ec2.describe-network-interfaces", {"RequesterManaged": "true"}),
    ("ec2.describe-network-interfaces", {"Ipv4Prefixes": [{"Ipv4Prefix": "10.0.0.0/99"}]}),
    ("ec2.describe-network-interfaces", {"TagSet": [{"Value": "x"}]}),
    ("ec2.describe-network-interfaces", {"Groups": "sg-1"}),
    ("ec2.describe-flow-logs", {"MaxAggregationInterval": "600"}),
    ("ec2.describe-flow-logs", {"MaxAggregationInterval": True}),
    ("ec2.describe-flow-logs", {"MaxAggregationInterval": 2**63}),
    ("ec2.describe-flow-logs", {"CreationTime": "yesterday"}),
    ("ec2.describe-flow-logs", {"CreationTime": float("nan")}),
    ("ec2.describe-flow-logs", {"CreationTime": 10**18}),
    ("ec2.describe-flow-logs", {"CreationTime": "0001-01-01T00:00:00+14:00"}),
    ("ec2.describe-flow-logs", {"CreationTime": True}),
    ("efs.describe-mount-targets", {"FileSystemId": None}),
    ("lambda.list-functions", {"FileSystemConfigs": {"Arn": "x"}}),
    ("ecs.describe-tasks", {"attachments": [{"type": "ElasticNetworkInterface"}]}),
]


@pytest.mark.parametrize(("call", "changes"), WRONG)
def test_an_entry_that_cannot_be_read_breaks_the_call_and_the_rest_is_kept(
    call: str, changes: dict[str, Any]
) -> None:
    good = EXAMPLES[call]
    answer = read_answer(call, {CALLS[call].key: [good | changes, good]})
    assert answer.state is CallState.BROKEN
    assert answer.problem.startswith(f"{CALLS[call].key}[0]: ")
    assert answer.items == [value(call)]


def test_an_interface_whose_addresses_are_blacked_out_still_has_an_owner() -> None:
    call = "ec2.describe-network-interfaces"
    answer = read_answer(
        call, {"NetworkInterfaces": [EXAMPLES[call] | {"PrivateIpAddress": "10.x.x.x"}]}
    )
    assert answer.state is CallState.BROKEN
    assert answer.problem == "NetworkInterfaces[0]: PrivateIpAddress is no address"
    assert [(item.instance_id, item.addresses) for item in answer.items] == [("i-1", ())]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "x",
        {},
        {"NetworkInterfaces": None},
        {"NetworkInterfaces": {}},
        {"NetworkInterfaces": 1},
    ],
)
def test_an_answer_that_is_none_is_broken_and_never_empty(answer: object) -> None:
    found = read_answer("ec2.describe-network-interfaces", answer)
    assert (found.state, found.items) == (CallState.BROKEN, [])
    assert found.problem


@pytest.mark.parametrize("key", ["NextToken", "nextToken", "NextMarker"])
def test_a_cut_answer_is_not_whole(key: str) -> None:
    answer = {"NetworkInterfaces": [EXAMPLES["ec2.describe-network-interfaces"]], key: "more"}
    found = read_answer("ec2.describe-network-interfaces", answer)
    assert (found.state, len(found.items)) == (CallState.BROKEN, 1)
    assert (
        read_answer("ec2.describe-network-interfaces", answer | {key: None}).state
        is CallState.WHOLE
    )


def test_a_task_that_ended_meanwhile_is_no_failure() -> None:
    gone = {"tasks": [], "failures": [{"arn": "x", "reason": "MISSING"}]}
    assert read_answer("ecs.describe-tasks", gone).state is CallState.WHOLE
    denied = {"tasks": [], "failures": [{"arn": "x", "reason": "ACCESS"}]}
    assert read_answer("ecs.describe-tasks", denied).state is CallState.BROKEN


def test_pages_that_overlap_count_once() -> None:
    row = EXAMPLES["ec2.describe-network-interfaces"]
    answer = read_answer("ec2.describe-network-interfaces", {"NetworkInterfaces": [row, row]})
    assert len(answer.items) == 1


# -- secrets -------------------------------------------------------------------------------------


def _planted(raw: object) -> Iterator[Any]:
    """The example with the secret beside every field, and in every field whose name means nothing to us, one at a time."""
    if isinstance(raw, dict):
        yield raw | {"Unheard": SECRET, SECRET: SECRET}
        for key, inner in raw.items():
            for changed in _planted(inner):
                yield raw | {key: changed}
    elif isinstance(raw, list):
        for position, inner in enumerate(raw):
            for changed in _planted(inner):
                yield [*raw[:position], changed, *raw[position + 1 :]]


@pytest.mark.parametrize("call", EXAMPLES)
def test_a_secret_in_any_other_field_never_gets_through(call: str) -> None:
    count = 0
    for planted in _planted(EXAMPLES[call]):
        answer = read_answer(call, {CALLS[call].key: [planted], "Unheard": SECRET})
        assert answer.state is CallState.WHOLE
        assert SECRET not in repr(answer)
        count += 1
    assert count


def test_a_problem_never_repeats_what_it_found() -> None:
    for call, changes in WRONG:
        secret = {
            key: SECRET if isinstance(inner, str) and key != "NetworkInterfaceId" else inner
            for key, inner in changes.items()
        }
        assert SECRET not in read_answer(call, {CALLS[call].key: [EXAMPLES[call] | secret]}).problem


# -- laws ----------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_no_answer_whatever_escapes_as_a_traceback(call: str, data: st.DataObject) -> None:
    row = EXAMPLES[call]
    if call == "ec2.describe-instances":
        row = row["Instances"][0]
    changed = row | {data.draw(st.sampled_from(sorted(row))): data.draw(_JSON)}
    wrapped = {"Instances": [changed]} if call == "ec2.describe-instances" else changed
    answer = read_answer(call, {CALLS[call].key: [wrapped, data.draw(_JSON)]})
    assert answer.state in (CallState.WHOLE, CallState.BROKEN)
    assert (answer.state is CallState.BROKEN) == bool(answer.problem)


@given(st.permutations(EXAMPLES["ec2.describe-network-interfaces"]["PrivateIpAddresses"]))
def test_the_order_of_secondary_addresses_is_no_change(shuffled: list[Any]) -> None:
    assert value("ec2.describe-network-interfaces", PrivateIpAddresses=shuffled) == value(
        "ec2.describe-network-interfaces"
    )


# -- sweeps --------------------------------------------------------------------------------------


def _sweep(*calls: str) -> frozenset[str]:
    answers = {call: read_answer(call, {CALLS[call].key: []}) for call in calls}
    return sweep("s", 1, "111122223333", "eu-central-1", answers).whole


def test_what_is_whole_follows_from_the_calls() -> None:
    assert _sweep(*CALLS) == set(WHOLE_BY)
    assert _sweep() == frozenset()
    assert _sweep("ecs.describe-tasks") == frozenset()
    assert _sweep("ecs.list-clusters", "ecs.describe-tasks") == {"task"}
    assert _sweep("ec2.describe-vpc-peering-connections") == frozenset()
    assert _sweep("fsx.describe-file-systems") == frozenset()


def test_reducers_refuse_what_lacks_its_key() -> None:
    for call in CALLS.values():
        if call.reduce is not None:
            with pytest.raises(FieldError, match="missing"):
                call.reduce({})


def test_a_route_that_leads_nowhere_is_no_way() -> None:
    assert value("ec2.describe-route-tables").hubs == ("pcx-1", "tgw-1")
