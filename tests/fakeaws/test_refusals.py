"""What AWS refuses, the fake refuses, with AWS's own codes."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.fakeaws.asking import ask, code
from tests.fakeaws.serving import Served
from tests.world.plan import ACCOUNT, REGION

OTHER = "444455556666"
ENI, ENI_2 = "eni-0aaaaaaaaaaaaaaaa", "eni-0bbbbbbbbbbbbbbbb"
FS, FSAP, FSMT = "fs-0aaaaaaaaaaaaaaaa", "fsap-0aaaaaaaaaaaaaaaa", "fsmt-0aaaaaaaaaaaaaaaa"
UNKNOWN_FS = "fs-0ffffffffffffffff"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/ci"
TASK = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/ci/1"

ROWS: dict[str, list[Any]] = {
    "ec2.describe-network-interfaces": [
        {"NetworkInterfaceId": ENI},
        {"NetworkInterfaceId": ENI_2},
    ],
    "ec2.describe-instances": [
        {"ReservationId": "r-1", "Instances": [{"InstanceId": "i-0aaaaaaaaaaaaaaaa"}]}
    ],
    "efs.describe-file-systems": [{"FileSystemId": FS}],
    "efs.describe-access-points": [{"AccessPointId": FSAP, "FileSystemId": FS}],
    "efs.describe-mount-targets": [{"MountTargetId": FSMT, "FileSystemId": FS}],
    "ecs.list-clusters": [CLUSTER],
    "ecs.describe-tasks": [{"taskArn": TASK, "desiredStatus": "RUNNING"}],
}


@pytest.fixture
def some(fake_aws: Served) -> Served:
    for call, rows in ROWS.items():
        fake_aws.cloud.place(ACCOUNT, REGION).put(call, rows)
    return fake_aws


def values(number: int) -> list[dict[str, Any]]:
    return [{"Name": "private-ip-address", "Values": ["10.0.0.1"] * number}]


ENIS, INSTANCES = "describe_network_interfaces", "describe_instances"
UNKNOWN_ENI = "eni-0ffffffffffffffff"

REFUSED: list[tuple[str, str, dict[str, Any], tuple[int, str]]] = [
    ("ec2", ENIS, {"MaxResults": 4}, (400, "InvalidParameterValue")),
    ("ec2", ENIS, {"MaxResults": 1001}, (400, "InvalidParameterValue")),
    ("ec2", INSTANCES, {"MaxResults": 4}, (400, "InvalidParameterValue")),
    ("ec2", "describe_route_tables", {"MaxResults": 101}, (400, "InvalidParameterValue")),
    (
        "ec2",
        ENIS,
        {"MaxResults": 5, "NetworkInterfaceIds": [ENI]},
        (400, "InvalidParameterCombination"),
    ),
    (
        "ec2",
        ENIS,
        {"NetworkInterfaceIds": [ENI, UNKNOWN_ENI]},
        (400, "InvalidNetworkInterfaceID.NotFound"),
    ),
    (
        "ec2",
        INSTANCES,
        {"InstanceIds": ["i-0ffffffffffffffff"]},
        (400, "InvalidInstanceID.NotFound"),
    ),
    ("ec2", ENIS, {"Filters": values(201)}, (400, "FilterLimitExceeded")),
    (
        "ec2",
        ENIS,
        {"Filters": [{"Name": "nonsense", "Values": ["x"]}]},
        (400, "InvalidParameterValue"),
    ),
    ("ec2", ENIS, {"NextToken": "nonsense"}, (400, "InvalidNextToken")),
    ("ec2", ENIS, {"DryRun": True}, (412, "DryRunOperation")),
    ("efs", "describe_mount_targets", {}, (400, "BadRequest")),
    (
        "efs",
        "describe_mount_targets",
        {"FileSystemId": FS, "MountTargetId": FSMT},
        (400, "BadRequest"),
    ),
    (
        "efs",
        "describe_mount_targets",
        {"FileSystemId": UNKNOWN_FS},
        (404, "FileSystemNotFound"),
    ),
    (
        "efs",
        "describe_mount_targets",
        {"AccessPointId": FSAP.replace("a", "f")},
        (400, "BadRequest"),
    ),
    (
        "efs",
        "describe_mount_targets",
        {"AccessPointId": "fsap-0ffffffffffffffff"},
        (404, "AccessPointNotFound"),
    ),
    (
        "efs",
        "describe_mount_targets",
        {"MountTargetId": "fsmt-0ffffffffffffffff"},
        (404, "MountTargetNotFound"),
    ),
    ("efs", "describe_mount_targets", {"FileSystemId": "fs-xyz"}, (400, "BadRequest")),
    ("efs", "describe_file_systems", {"FileSystemId": UNKNOWN_FS}, (404, "FileSystemNotFound")),
    ("efs", "describe_file_systems", {"Marker": "x" * 129}, (400, "BadRequest")),
    (
        "efs",
        "describe_access_points",
        {"FileSystemId": FS, "AccessPointId": FSAP},
        (400, "BadRequest"),
    ),
    ("efs", "describe_replication_configurations", {}, (404, "ReplicationNotFound")),
    (
        "efs",
        "describe_replication_configurations",
        {"FileSystemId": FS},
        (404, "ReplicationNotFound"),
    ),
    (
        "efs",
        "describe_replication_configurations",
        {"FileSystemId": UNKNOWN_FS},
        (404, "FileSystemNotFound"),
    ),
    ("lambda", "list_functions", {"MaxItems": 0}, (400, "InvalidParameterValueException")),
    (
        "lambda",
        "list_functions",
        {"FunctionVersion": "NEWEST"},
        (400, "InvalidParameterValueException"),
    ),
    ("lambda", "list_functions", {"Marker": "eA=="}, (400, "InvalidParameterValueException")),
    ("ecs", "list_tasks", {"cluster": "none"}, (400, "ClusterNotFoundException")),
    ("ecs", "list_tasks", {}, (400, "ClusterNotFoundException")),
    (
        "ecs",
        "list_tasks",
        {"cluster": "ci", "desiredStatus": "DEAD"},
        (400, "InvalidParameterException"),
    ),
    ("ecs", "list_clusters", {"maxResults": 101}, (400, "InvalidParameterException")),
    (
        "ecs",
        "describe_tasks",
        {"cluster": "ci", "tasks": ["1"] * 101},
        (400, "InvalidParameterException"),
    ),
    ("ecs", "describe_tasks", {"cluster": "ci"}, (400, "InvalidParameterException")),
    (
        "ecs",
        "describe_container_instances",
        {"cluster": "ci", "containerInstances": []},
        (400, "InvalidParameterException"),
    ),
    ("ecs", "describe_task_definition", {"taskDefinition": "x:1"}, (400, "ClientException")),
    ("eks", "describe_cluster", {"name": "none"}, (404, "ResourceNotFoundException")),
    ("eks", "list_clusters", {"maxResults": 101}, (400, "InvalidParameterException")),
    (
        "fsx",
        "describe_file_systems",
        {"FileSystemIds": [UNKNOWN_FS]},
        (400, "FileSystemNotFound"),
    ),
    (
        "s3files",
        "list_mount_targets",
        {"fileSystemId": UNKNOWN_FS},
        (404, "ResourceNotFoundException"),
    ),
    ("s3files", "list_file_systems", {"maxResults": 101}, (400, "ValidationException")),
    ("account", "list_regions", {"MaxResults": 51}, (400, "ValidationException")),
    ("account", "list_regions", {"AccountId": OTHER}, (403, "AccessDeniedException")),
    ("organizations", "list_roots", {}, (400, "AWSOrganizationsNotInUseException")),
    ("cloudtrail", "lookup_events", {"MaxResults": 51}, (400, "InvalidMaxResultsException")),
    ("cloudtrail", "lookup_events", {"NextToken": "x"}, (400, "InvalidNextTokenException")),
    (
        "cloudtrail",
        "lookup_events",
        {"StartTime": 2_000_000_000, "EndTime": 1_000_000_000},
        (400, "InvalidTimeRangeException"),
    ),
    (
        "cloudtrail",
        "lookup_events",
        {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x"}] * 2},
        (400, "InvalidLookupAttributesException"),
    ),
    (
        "sts",
        "assume_role",
        {"RoleArn": f"arn:aws:iam::{OTHER}:role/none", "RoleSessionName": "x-x"},
        (403, "AccessDenied"),
    ),
    (
        "sts",
        "assume_role",
        {
            "RoleArn": f"arn:aws:iam::{OTHER}:role/none",
            "RoleSessionName": "x-x",
            "DurationSeconds": 899,
        },
        (400, "ValidationError"),
    ),
]


@pytest.mark.parametrize(("service", "method", "parameters", "wanted"), REFUSED)
def test_it_refuses(
    some: Served, service: str, method: str, parameters: dict[str, Any], wanted: tuple[int, str]
) -> None:
    assert code(service, method, **parameters) == wanted


def test_what_is_just_allowed_is_answered(some: Served) -> None:
    assert ask("ec2", ENIS, MaxResults=5)["NetworkInterfaces"]
    assert ask("ec2", ENIS, MaxResults=1000)["NetworkInterfaces"]
    assert ask("ec2", ENIS, Filters=values(200))["NetworkInterfaces"] == []
    assert ask("ec2", ENIS, NetworkInterfaceIds=[ENI_2])["NetworkInterfaces"] == [
        {"NetworkInterfaceId": ENI_2}
    ]
    arn = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{FS}"
    assert ask("efs", "describe_mount_targets", FileSystemId=arn)["MountTargets"]
    assert ask("efs", "describe_mount_targets", AccessPointId=FSAP)["MountTargets"]
    assert ask("lambda", "list_functions", MaxItems=10_000)["Functions"] == []
    tasks = ask("ecs", "describe_tasks", cluster=CLUSTER, tasks=["1", "2"])
    assert [task["taskArn"] for task in tasks["tasks"]] == [TASK]
    assert tasks["failures"] == [{"arn": "2", "reason": "MISSING"}]


def test_an_unknown_member_is_refused(some: Served) -> None:
    """botocore would not even send one; so it is put in on the way."""

    def meddle(params: dict[str, Any], **_: object) -> None:
        params["body"]["IncludeTheMoon"] = "true"

    client = boto3.client("ec2")
    client.meta.events.register("before-call.ec2", meddle)
    with pytest.raises(ClientError, match=r"UnknownParameter.*IncludeTheMoon"):
        client.describe_vpcs()
