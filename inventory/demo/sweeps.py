"""The story as recorded AWS answers: one folder for each sweep, in the shape that the AWS CLI prints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inventory.demo import kubernetes, story
from inventory.demo.story import ACCOUNT, BEGIN, END, REGION, Client, FileSystem
from inventory.model import DAY, instant

Json = dict[str, Any]
Answers = dict[str, Json]


def write(folder: Path) -> int:
    """Write the snapshots below ``folder``; how many sweeps they are."""
    moments = range(BEGIN, END, story.SWEEP_EVERY)
    for moment in moments:
        place = folder / f"{instant(moment):%Y%m%dT%H%M%SZ}" / ACCOUNT / REGION
        place.mkdir(parents=True)
        for call, answer in _answers(moment).items():
            (place / f"{call}.json").write_text(json.dumps(answer), encoding="utf-8")
    return len(moments)


_NONE: Answers = {
    "ec2.describe-vpc-peering-connections": {"VpcPeeringConnections": []},
    "ec2.describe-transit-gateway-vpc-attachments": {"TransitGatewayVpcAttachments": []},
    "ecs.describe-container-instances": {"containerInstances": [], "failures": []},
    "fsx.describe-file-systems": {"FileSystems": []},
    "s3files.list-file-systems": {"fileSystems": []},
    "s3files.list-mount-targets": {"mountTargets": []},
}
"""What was asked for and is not there: an empty list says so, a missing file would not."""


def _answers(moment: int) -> Answers:
    there = [
        client
        for client in story.CLIENTS
        if client.interface and client.begin <= moment < client.end
    ]
    tasks = [
        client
        for client in story.CLIENTS
        if client.kind == "task" and client.begin <= moment < client.end + 3600
    ]
    asked: Answers = {
        "ec2.describe-network-interfaces": {
            "NetworkInterfaces": [*_server_interfaces(), *map(_interface, there)]
        },
        "ec2.describe-instances": {
            "Reservations": [{"Instances": [_instance(c) for c in there if c.instance]}]
        },
        "ec2.describe-flow-logs": {"FlowLogs": [_flow_log()]},
        "ec2.describe-subnets": {
            "Subnets": [_subnet(name, number) for number, name in enumerate("ab", 1)]
        },
        "ec2.describe-vpcs": {
            "Vpcs": [{"VpcId": story.VPC, "OwnerId": ACCOUNT, "CidrBlock": "10.20.0.0/16"}]
        },
        "efs.describe-file-systems": {
            "FileSystems": [_file_system(each) for each in story.FILE_SYSTEMS]
        },
        "efs.describe-mount-targets": {"MountTargets": list(_mount_targets())},
        "efs.describe-access-points": {
            "AccessPoints": [_access_point(each) for each in story.FILE_SYSTEMS]
        },
        "lambda.list-functions": {"Functions": [_function(*each) for each in story.FUNCTIONS]},
        "ecs.list-clusters": {"clusterArns": [story.CLUSTER]},
        "ecs.describe-tasks": {
            "tasks": [_task(client, moment) for client in tasks],
            "failures": [],
        },
        "ecs.describe-task-definitions": {"taskDefinitions": [_task_definition()]},
        f"k8s.{story.KUBERNETES}": kubernetes.dump(),
    }
    return asked | _NONE


def _iso(moment: int) -> str:
    return instant(moment).isoformat()


def _tags(**tags: str) -> list[Json]:
    return [{"Key": key.replace("_", ":"), "Value": value} for key, value in tags.items()]


# -- EFS ---------------------------------------------------------------------------------------------------------------------------------


def _file_system(each: FileSystem) -> Json:
    return {
        "OwnerId": ACCOUNT,
        "FileSystemId": each.id,
        "FileSystemArn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{each.id}",
        "CreationTime": _iso(BEGIN - 400 * DAY),
        "LifeCycleState": "available",
        "Name": each.name,
        "NumberOfMountTargets": len(each.addresses),
        "SizeInBytes": {"Value": each.size},
        "Tags": _tags(Name=each.name, team=each.team),
    }


def _targets() -> Iterator[tuple[FileSystem, str, str, str, str]]:
    """File system, subnet, mount target id, interface id, address."""
    for each in story.FILE_SYSTEMS:
        for subnet, number in each.addresses:
            name = f"{each.name}-{subnet}"
            address = f"10.20.{1 if subnet == 'a' else 2}.{number}"
            yield each, subnet, story.made_id("fsmt", name), story.made_id("eni", name), address


def _mount_targets() -> Iterator[Json]:
    for each, subnet, target, interface, address in _targets():
        yield {
            "OwnerId": ACCOUNT,
            "MountTargetId": target,
            "FileSystemId": each.id,
            "SubnetId": story.SUBNETS[subnet],
            "LifeCycleState": "available",
            "IpAddress": address,
            "NetworkInterfaceId": interface,
            "AvailabilityZoneId": f"euc1-az{1 if subnet == 'a' else 2}",
            "AvailabilityZoneName": f"{REGION}{subnet}",
            "VpcId": story.VPC,
        }


def _access_point(each: FileSystem) -> Json:
    return {
        "AccessPointId": each.access_point,
        "AccessPointArn": _access_point_arn(each.access_point),
        "FileSystemId": each.id,
        "Name": f"{each.name}-app",
        "OwnerId": ACCOUNT,
        "LifeCycleState": "available",
        "Tags": [],
    }


def _access_point_arn(access_point: str) -> str:
    return f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/{access_point}"


# -- EC2 ---------------------------------------------------------------------------------------------------------------------------------


def _addressed(interface: str, subnet: str, address: str, group: str) -> Json:
    return {
        "NetworkInterfaceId": interface,
        "OwnerId": ACCOUNT,
        "VpcId": story.VPC,
        "SubnetId": story.SUBNETS[subnet],
        "AvailabilityZone": f"{REGION}{subnet}",
        "Status": "in-use",
        "PrivateIpAddress": address,
        "PrivateIpAddresses": [{"Primary": True, "PrivateIpAddress": address}],
        "Ipv6Addresses": [],
        "Groups": [{"GroupId": story.GROUPS[group], "GroupName": group}],
        "TagSet": [],
    }


def _server_interfaces() -> Iterator[Json]:
    for each, subnet, target, interface, address in _targets():
        yield _addressed(interface, subnet, address, "efs") | {
            "Description": f"EFS mount target for {each.id} ({target})",
            "InterfaceType": "efs",
            "RequesterManaged": True,
            "RequesterId": ACCOUNT,
            "Attachment": {
                "AttachmentId": story.made_id("ela-attach", target),
                "InstanceOwnerId": "amazon-aws",
                "DeviceIndex": 1,
            },
        }


def _interface(client: Client) -> Json:
    base = _addressed(client.interface, client.subnet, client.address, client.group)
    attachment: Json = {
        "AttachmentId": story.made_id("eni-attach", client.name),
        "AttachTime": _iso(client.begin),
    }
    if client.instance:
        attachment |= {"InstanceId": client.instance, "InstanceOwnerId": ACCOUNT, "DeviceIndex": 0}
        return base | {
            "Description": "",
            "InterfaceType": "interface",
            "RequesterManaged": False,
            "Attachment": attachment,
        }
    if client.kind == "task":
        attachment |= {"InstanceOwnerId": "501673713797", "DeviceIndex": 1}
        description = f"arn:aws:ecs:{REGION}:{ACCOUNT}:attachment/{_attachment(client)}"
        return base | {
            "Description": description,
            "InterfaceType": "interface",
            "RequesterManaged": True,
            "RequesterId": "578734482556",
            "Attachment": attachment,
        }
    digest = client.task_arn or story.made_id("x", client.name)[2:]
    uuid = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-8a47-{digest[:12]}"
    return base | {
        "Description": f"AWS Lambda VPC ENI-{client.name}-{uuid}",
        "InterfaceType": "lambda",
        "RequesterManaged": False,
        "Attachment": {
            "AttachmentId": story.made_id("ela-attach", client.name),
            "InstanceOwnerId": "amazon-aws",
            "DeviceIndex": 1,
        },
    }


def _instance(client: Client) -> Json:
    tags = _tags(Name=client.name, team="shop" if client.name.startswith("web") else "platform")
    if client.name.startswith("web"):
        tags += _tags(aws_autoscaling_groupName="web-fleet")
    if client.kind == "node":
        tags.append({"Key": "eks:cluster-name", "Value": story.KUBERNETES})
    return {
        "InstanceId": client.instance,
        "VpcId": story.VPC,
        "State": {"Name": "running"},
        "LaunchTime": _iso(client.begin),
        "PrivateIpAddress": client.address,
        "NetworkInterfaces": [
            {"NetworkInterfaceId": client.interface, "PrivateIpAddress": client.address}
        ],
        "Tags": tags,
    }


def _flow_log() -> Json:
    return {
        "FlowLogId": story.made_id("fl", "shop"),
        "ResourceId": story.VPC,
        "TrafficType": "ALL",
        "LogDestinationType": "s3",
        "LogDestination": "arn:aws:s3:::foundry-flow-logs",
        "MaxAggregationInterval": story.AGGREGATION,
        "FlowLogStatus": "ACTIVE",
        "DeliverLogsStatus": "SUCCESS",
        "CreationTime": _iso(BEGIN - 30 * DAY),
    }


def _subnet(name: str, number: int) -> Json:
    return {
        "SubnetId": story.SUBNETS[name],
        "VpcId": story.VPC,
        "OwnerId": ACCOUNT,
        "CidrBlock": f"10.20.{number}.0/24",
    }


# -- Lambda and ECS ----------------------------------------------------------------------------------------------------------------------


def _function(name: str, subnet: str, group: str, file_system: str) -> Json:
    mounts = [each.access_point for each in story.FILE_SYSTEMS if each.name == file_system]
    return {
        "FunctionName": name,
        "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        "Version": "$LATEST",
        "LastModified": "2026-09-01T08:00:00.000+0000",
        "VpcConfig": {
            "VpcId": story.VPC,
            "SubnetIds": [story.SUBNETS[subnet]],
            "SecurityGroupIds": [story.GROUPS[group]],
        },
        "FileSystemConfigs": [
            {"Arn": _access_point_arn(each), "LocalMountPath": "/mnt/data"} for each in mounts
        ],
    }


def _attachment(client: Client) -> str:
    """Of its network interface, which is not the task's own id."""
    digest = hashlib.sha256(f"attachment/{client.name}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def _task_definition_arn() -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/checkout:7"


def _task(client: Client, moment: int) -> Json:
    stopped = moment >= client.end
    times = {"stoppingAt": _iso(client.end - 60), "stoppedAt": _iso(client.end)} if stopped else {}
    return times | {
        "taskArn": client.task_arn,
        "clusterArn": story.CLUSTER,
        "group": "service:checkout",
        "startedBy": "ecs-svc/1234567890123456789",
        "taskDefinitionArn": _task_definition_arn(),
        "launchType": "FARGATE",
        "lastStatus": "STOPPED" if stopped else "RUNNING",
        "createdAt": _iso(client.begin),
        "connectivityAt": _iso(client.begin + 60),
        "startedAt": _iso(client.begin + 90),
        "attachments": [
            {
                "id": _attachment(client),
                "type": "ElasticNetworkInterface",
                "status": "DELETED" if stopped else "ATTACHED",
                "details": [
                    {"name": "subnetId", "value": story.SUBNETS[client.subnet]},
                    {"name": "networkInterfaceId", "value": client.interface},
                    {"name": "privateIPv4Address", "value": client.address},
                ],
            }
        ],
        "tags": [],
    }


def _task_definition() -> Json:
    media = story.FILE_SYSTEMS[0]
    return {
        "taskDefinitionArn": _task_definition_arn(),
        "family": "checkout",
        "revision": 7,
        "networkMode": "awsvpc",
        "volumes": [
            {
                "name": "media",
                "efsVolumeConfiguration": {"fileSystemId": media.id, "rootDirectory": "/"},
            }
        ],
    }
