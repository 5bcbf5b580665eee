"""What the state holds is what real boto3 reads, whatever the protocol and the size of pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.model import Shape

from inventory.aws import Aws
from tests.fakeaws import models
from tests.fakeaws.made_up import settle, source
from tests.fakeaws.serving import Served
from tests.fakeaws.writing import moment
from tests.world.plan import ACCOUNT, REGION
from tests.world.world import World

Raw = Any
"""A dict, list or plain value in the shape of the CLI's JSON."""

WORLD = World()
MIDDLE = WORLD.start + 10 * 3600

LISTINGS = [
    ("ec2", "DescribeNetworkInterfaces", "NetworkInterfaces"),
    ("ec2", "DescribeInstances", "Reservations"),
    ("ec2", "DescribeVpcs", "Vpcs"),
    ("ec2", "DescribeSubnets", "Subnets"),
    ("ec2", "DescribeFlowLogs", "FlowLogs"),
    ("ec2", "DescribeSecurityGroups", "SecurityGroups"),
    ("ec2", "DescribeSecurityGroupRules", "SecurityGroupRules"),
    ("ec2", "DescribeVpcPeeringConnections", "VpcPeeringConnections"),
    ("ec2", "DescribeTransitGatewayVpcAttachments", "TransitGatewayVpcAttachments"),
    ("efs", "DescribeFileSystems", "FileSystems"),
    ("efs", "DescribeAccessPoints", "AccessPoints"),
    ("lambda", "ListFunctions", "Functions"),
    ("ecs", "ListClusters", "clusterArns"),
    ("fsx", "DescribeFileSystems", "FileSystems"),
]


@pytest.fixture
def world_aws(fake_aws: Served) -> Served:
    fake_aws.cloud.now = lambda: MIDDLE
    settle(fake_aws.cloud, WORLD)
    return fake_aws


def held(call: str) -> Raw:
    return source(WORLD, WORLD.flow_logs("both"))(MIDDLE)[call]


def as_read(given: Raw, shape: Shape) -> Raw:
    """A raw value as boto3 gives it: times are datetimes."""
    if shape.type_name == "structure":
        members = models.members(shape)
        return {name: as_read(value, members[name]) for name, value in given.items()}
    if shape.type_name == "list":
        return [as_read(item, shape.member) for item in given]  # type: ignore[attr-defined]
    return moment(given).astimezone(UTC) if shape.type_name == "timestamp" else given


def utc(given: Raw) -> Raw:
    """botocore gives times in the machine's zone."""
    if isinstance(given, dict):
        return {key: utc(value) for key, value in given.items()}
    if isinstance(given, list):
        return [utc(item) for item in given]
    return given.astimezone(UTC) if isinstance(given, datetime) else given


def read(service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
    """Everything of a listing, through botocore's own paginator."""
    client: Any = boto3.client(service)  # type: ignore[call-overload]
    paginator = client.get_paginator(xform_name(operation))
    return [utc(row) for page in paginator.paginate(**parameters) for row in page[key]]


def expected(service: str, operation: str, key: str, rows: Raw) -> Raw:
    shape = models.service(service).operation_model(operation).output_shape
    return as_read(rows, models.members(shape)[key])


@pytest.mark.parametrize("page_size", [None, 1, 3])
@pytest.mark.parametrize(("service", "operation", "key"), LISTINGS)
def test_every_listing_reads_back_what_is_held(
    world_aws: Served, service: str, operation: str, key: str, page_size: int | None
) -> None:
    world_aws.cloud.page_size = page_size
    call = models.call_name(service, operation)
    rows = held(call)
    assert rows, f"the world has nothing for {call}"
    assert read(service, operation, key) == expected(service, operation, key, rows)
    pages = 1 if page_size is None else -(-len(rows) // page_size)
    assert world_aws.cloud.counts()[call] == pages


@pytest.mark.parametrize(("service", "operation", "key"), LISTINGS)
def test_an_empty_listing_is_a_list(
    fake_aws: Served, service: str, operation: str, key: str
) -> None:
    client: Any = boto3.client(service)  # type: ignore[call-overload]
    answer = getattr(client, xform_name(operation))()
    assert answer[key] == []


def test_mount_targets_are_asked_for_by_file_system(world_aws: Served) -> None:
    rows = held("efs.describe-mount-targets")
    found = [
        target
        for system in held("efs.describe-file-systems")
        for target in read(
            "efs", "DescribeMountTargets", "MountTargets", FileSystemId=system["FileSystemId"]
        )
    ]
    by_id = {row["MountTargetId"]: row for row in found}
    assert len(found) == len(rows)
    assert by_id == {row["MountTargetId"]: row for row in rows}


def test_tasks_are_listed_by_status_and_described_by_cluster(world_aws: Served) -> None:
    rows = held("ecs.describe-tasks")
    ecs = boto3.client("ecs")
    arns: list[str] = []
    for status in ("RUNNING", "STOPPED"):
        arns += read("ecs", "ListTasks", "taskArns", cluster="ci", desiredStatus=status)
    answer = ecs.describe_tasks(cluster="ci", tasks=arns, include=["TAGS"])
    assert answer["failures"] == []
    assert {row["desiredStatus"] for row in rows} == {"RUNNING", "STOPPED"}
    found = {row["taskArn"]: utc(row) for row in answer["tasks"]}
    wanted = expected("ecs", "DescribeTasks", "tasks", rows)
    assert found == {row["taskArn"]: row for row in wanted}


def test_task_definitions_and_container_instances_are_read_back(world_aws: Served) -> None:
    ecs = boto3.client("ecs")
    for row in held("ecs.describe-task-definitions"):
        for name in (row["taskDefinitionArn"], row["family"], f"{row['family']}:3"):
            assert ecs.describe_task_definition(taskDefinition=name)["taskDefinition"] == row
    arns = read("ecs", "ListContainerInstances", "containerInstanceArns", cluster="ci")
    answer = ecs.describe_container_instances(cluster="ci", containerInstances=arns)
    found = [{k: v for k, v in row.items() if k != "tags"} for row in answer["containerInstances"]]
    assert found == held("ecs.describe-container-instances")


PUT: list[tuple[str, str, str, dict[str, Any], list[Any]]] = [
    (
        "ec2",
        "DescribeRouteTables",
        "RouteTables",
        {},
        [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Routes": [{"GatewayId": "local"}]}],
    ),
    (
        "efs",
        "DescribeReplicationConfigurations",
        "Replications",
        {},
        [
            {
                "SourceFileSystemId": "fs-0aaaaaaaaaaaaaaaa",
                "SourceFileSystemRegion": REGION,
                "SourceFileSystemArn": "arn",
                "OriginalSourceFileSystemArn": "arn",
                "CreationTime": 1_790_000_000,
                "Destinations": [
                    {"FileSystemId": "fs-0b", "Region": "eu-west-1", "Status": "ENABLED"}
                ],
            }
        ],
    ),
    ("eks", "ListClusters", "clusters", {}, ["a", "b", "c"]),
    (
        "s3files",
        "ListFileSystems",
        "fileSystems",
        {},
        [
            {
                "fileSystemId": f"fs-0000000000000000{n}",
                "fileSystemArn": "arn",
                "bucket": "arn:aws:s3:::b",
                "creationTime": 1_790_000_000,
                "status": "available",
                "roleArn": "arn",
                "ownerId": ACCOUNT,
            }
            for n in range(5)
        ],
    ),
    (
        "s3files",
        "ListMountTargets",
        "mountTargets",
        {},
        [
            {
                "mountTargetId": f"fsmt-0000000000000000{n}",
                "fileSystemId": "fs-00000000000000001",
                "networkInterfaceId": f"eni-{n}",
                "ipv4Address": f"10.0.0.{n}",
                "subnetId": "subnet-1",
                "vpcId": "vpc-1",
                "ownerId": ACCOUNT,
                "status": "available",
            }
            for n in range(5)
        ],
    ),
    (
        "lambda",
        "ListFunctions",
        "Functions",
        {"FunctionVersion": "ALL"},
        [{"FunctionName": f"f{n}", "Version": v} for n in range(40) for v in ("$LATEST", "1")],
    ),
]


@pytest.mark.parametrize("page_size", [None, 2])
@pytest.mark.parametrize(("service", "operation", "key", "parameters", "rows"), PUT)
def test_what_was_put_is_read_back(
    fake_aws: Served,
    service: str,
    operation: str,
    key: str,
    parameters: dict[str, Any],
    rows: list[Any],
    page_size: int | None,
) -> None:
    fake_aws.cloud.page_size = page_size
    fake_aws.cloud.place(ACCOUNT, REGION).put(models.call_name(service, operation), rows)
    wanted = expected(service, operation, key, rows)
    assert read(service, operation, key, **parameters) == wanted


def test_functions_are_fifty_a_page_and_only_the_latest(fake_aws: Served) -> None:
    rows = [
        {"FunctionName": f"f{n}", "Version": version}
        for n in range(60)
        for version in ("$LATEST", "1")
    ]
    fake_aws.cloud.place(ACCOUNT, REGION).put("lambda.list-functions", rows)
    client = boto3.client("lambda")
    first = client.list_functions(MaxItems=10_000)
    assert len(first["Functions"]) == 50
    second = client.list_functions(Marker=first["NextMarker"])
    assert len(second["Functions"]) == 10
    assert {f["Version"] for f in first["Functions"] + second["Functions"]} == {"$LATEST"}


def test_a_cluster_of_eks_is_described(fake_aws: Served) -> None:
    row = {"name": "blue", "status": "ACTIVE", "createdAt": 1_790_000_000}
    fake_aws.cloud.place(ACCOUNT, REGION).put("eks.describe-cluster", [row])
    eks = boto3.client("eks")
    assert eks.list_clusters()["clusters"] == ["blue"]
    found = eks.describe_cluster(name="blue")["cluster"]
    assert (found["status"], found["createdAt"].timestamp()) == ("ACTIVE", 1_790_000_000)


def test_replications_are_found_from_both_ends(fake_aws: Served) -> None:
    place = fake_aws.cloud.place(ACCOUNT, REGION)
    (_, _, _, _, rows) = PUT[1]
    ids = ["fs-0aaaaaaaaaaaaaaaa", "fs-0bbbbbbbbbbbbbbbb"]
    end = {"Status": "ENABLED", "FileSystemId": ids[1], "Region": REGION}
    place.put("efs.describe-file-systems", [{"FileSystemId": one} for one in ids])
    place.put("efs.describe-replication-configurations", [rows[0] | {"Destinations": [end]}])
    efs = boto3.client("efs")
    for one in ids:
        (found,) = efs.describe_replication_configurations(FileSystemId=one)["Replications"]
        assert found["Destinations"] == [end]


def test_tasks_may_be_listed_by_what_they_belong_to(world_aws: Served) -> None:
    rows = [r for r in held("ecs.describe-tasks") if r["desiredStatus"] == "RUNNING"]
    ecs = boto3.client("ecs")
    for row in rows:
        family = row["taskDefinitionArn"].rpartition("/")[2].partition(":")[0]
        for given in (
            {"family": family},
            {"serviceName": row["group"].removeprefix("service:")},
            {"startedBy": row["startedBy"]},
            {"launchType": row["launchType"]},
        ):
            found = ecs.list_tasks(cluster="ci", **given)["taskArns"]
            assert row["taskArn"] in found
    alone = ecs.list_tasks(cluster="ci", launchType="EC2")["taskArns"]
    assert set(alone) == {r["taskArn"] for r in rows if r["launchType"] == "EC2"}
    assert len(alone) < len(rows)


def test_the_answers_follow_the_clock(world_aws: Served) -> None:
    def ids() -> set[str]:
        return {
            row["NetworkInterfaceId"]
            for row in read("ec2", "DescribeNetworkInterfaces", "NetworkInterfaces")
        }

    for hour in (0, 10, 25):
        now = WORLD.start + hour * 3600
        world_aws.cloud.now = lambda now=now: now  # type: ignore[misc]
        assert ids() == {i.id for i in WORLD.account.interfaces if i.exists(now)}


def test_places_do_not_share(world_aws: Served) -> None:
    other = boto3.client("ec2", region_name="eu-west-1")
    assert other.describe_vpcs()["Vpcs"] == []
    stranger = world_aws.cloud.key("444455556666")
    theirs = boto3.client(
        "ec2", aws_access_key_id=stranger.id, aws_secret_access_key=stranger.secret
    )
    assert theirs.describe_vpcs()["Vpcs"] == []
    asked = {(a.account, a.region) for a in world_aws.cloud.log}
    assert asked == {(ACCOUNT, "eu-west-1"), ("444455556666", REGION)}


def test_the_programs_own_caller_reads_the_same(world_aws: Served) -> None:
    caller = Aws().caller(None, REGION)
    rows = caller.listed(
        "ec2",
        "describe_network_interfaces",
        "NetworkInterfaces",
        PaginationConfig={"PageSize": 5},
    )
    wanted = held("ec2.describe-network-interfaces")
    assert [r["NetworkInterfaceId"] for r in rows] == [r["NetworkInterfaceId"] for r in wanted]
    assert caller.identity() == ACCOUNT
