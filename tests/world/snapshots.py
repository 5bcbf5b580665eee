"""The account at one moment as the AWS CLI prints it, and sweeps of it as dated folders."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.world.plan import (
    ACCOUNT,
    HOUR,
    REGION,
    SECRET,
    Account,
    Instance,
    Interface,
    Task,
)

Answer = dict[str, Any]


@dataclass(frozen=True)
class FlowLogConfig:
    """A flow log as DescribeFlowLogs shows it; it exists as long as the world."""

    id: str
    resource_id: str
    log_format: str
    aggregation: int
    log_group: str = ""
    """Where it delivers to; ``""``: to a bucket."""


def moment_text(moment: int, *, fraction: str = "") -> str:
    """As the AWS CLI prints times."""
    return datetime.fromtimestamp(moment, UTC).strftime(f"%Y-%m-%dT%H:%M:%S{fraction}+00:00")


def folder_name(moment: int) -> str:
    """Name of the dated folder of one sweep."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")


def answers(account: Account, moment: int, flow_logs: Sequence[FlowLogConfig]) -> dict[str, Answer]:
    """What every call would answer at a moment, by the CLI's name of the call."""
    return _static(account, flow_logs) | _moving(account, moment)


def write_sweeps(
    folder: Path, account: Account, moments: Sequence[int], flow_logs: Sequence[FlowLogConfig]
) -> list[Path]:
    """One dated folder for each moment; returns them, oldest first."""
    static = {
        call: json.dumps(answer, indent=1) for call, answer in _static(account, flow_logs).items()
    }
    written = []
    for moment in moments:
        sweep = folder / folder_name(moment)
        place = sweep / ACCOUNT / REGION
        place.mkdir(parents=True)
        for call, text in static.items():
            (place / f"{call}.json").write_text(text)
        for call, answer in _moving(account, moment).items():
            (place / f"{call}.json").write_text(json.dumps(answer))
        written.append(sweep)
    return written


def _static(account: Account, flow_logs: Sequence[FlowLogConfig]) -> dict[str, Answer]:
    """Answers that are the same all the time."""
    return {
        "ec2.describe-flow-logs": {"FlowLogs": [_flow_log(account, f) for f in flow_logs]},
        "ec2.describe-security-groups": {"SecurityGroups": _security_groups(account)},
        "ec2.describe-security-group-rules": {"SecurityGroupRules": _rules(account)},
        "ec2.describe-subnets": {"Subnets": _subnets(account)},
        "ec2.describe-vpcs": {"Vpcs": _vpcs(account)},
        "ec2.describe-vpc-peering-connections": {"VpcPeeringConnections": _peerings(account)},
        "ec2.describe-transit-gateway-attachments": {
            "TransitGatewayAttachments": [_transit(account, v.id) for v in account.transit_vpcs]
        },
        "ec2.describe-transit-gateway-vpc-attachments": {
            "TransitGatewayVpcAttachments": [
                {
                    "TransitGatewayAttachmentId": vpc.id.replace("vpc-", "tgw-attach-"),
                    "TransitGatewayId": account.transit_gateway,
                    "VpcId": vpc.id,
                    "VpcOwnerId": ACCOUNT,
                    "State": "available",
                    "SubnetIds": [s.id for s in account.subnets if s.vpc.id == vpc.id][:1],
                    "Tags": [],
                }
                for vpc in account.transit_vpcs
            ]
        },
        "lambda.list-functions": {"Functions": _functions(account)},
        "ecs.list-clusters": {"clusterArns": account.clusters},
        "ecs.describe-container-instances": {
            "containerInstances": [
                {
                    "containerInstanceArn": arn,
                    "ec2InstanceId": instance_id,
                    "status": "ACTIVE",
                    "agentConnected": True,
                }
                for arn, _, instance_id in account.container_instances
            ],
            "failures": [],
        },
        "ecs.describe-task-definitions": {"taskDefinitions": _task_definitions(account)},
        "fsx.describe-file-systems": {"FileSystems": _fsx(account)},
    }


def _moving(account: Account, moment: int) -> dict[str, Answer]:
    """Answers that change with time."""
    there = [i for i in account.interfaces if i.exists(moment)]
    tasks = [_task(t, moment) for t in account.tasks if _listed(t, moment)]
    return {
        "ec2.describe-network-interfaces": {
            "NetworkInterfaces": [_interface(i, moment) for i in there]
        },
        "ec2.describe-instances": {"Reservations": _reservations(account, moment)},
        "efs.describe-file-systems": {"FileSystems": _file_systems(account, moment)},
        "efs.describe-mount-targets": {"MountTargets": _mount_targets(account, moment)},
        "efs.describe-access-points": {"AccessPoints": _access_points(account)},
        "ecs.describe-tasks": {"tasks": tasks, "failures": []},
    }


# -- ec2 -----------------------------------------------------------------------------------------


def _tags(tags: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags]


def _server_groups(account: Account) -> dict[str, str]:
    """The security groups of mount targets, each with its VPC."""
    return {
        group: target.interface.subnet.vpc.id
        for target in account.mount_targets
        for group in target.interface.groups
    }


def _security_groups(account: Account) -> list[Answer]:
    return [
        {
            "GroupId": group,
            "GroupName": f"name of {group}",
            "VpcId": vpc_id,
            "OwnerId": ACCOUNT,
            "Description": "mount targets",
            "IpPermissions": [],
            "IpPermissionsEgress": [],
            "Tags": [],
        }
        for group, vpc_id in sorted(_server_groups(account).items())
    ]


def _rules(account: Account) -> list[Answer]:
    """Of each group the rule that lets NFS in, and the one that lets everything out."""
    found = []
    for group in sorted(_server_groups(account)):
        about = {"GroupId": group, "GroupOwnerId": ACCOUNT, "Tags": []}
        number = group.removeprefix("sg-")[:-1]
        found += [
            about
            | {
                "SecurityGroupRuleId": f"sgr-{number}1",
                "IsEgress": False,
                "IpProtocol": "tcp",
                "FromPort": 2049,
                "ToPort": 2049,
                "CidrIpv4": "10.0.0.0/8",
                "Description": "NFS",
            },
            about
            | {
                "SecurityGroupRuleId": f"sgr-{number}2",
                "IsEgress": True,
                "IpProtocol": "-1",
                "FromPort": -1,
                "ToPort": -1,
                "CidrIpv4": "0.0.0.0/0",
            },
        ]
    return found


def _mac(interface: Interface) -> str:
    digits = f"{zlib.crc32(interface.id.encode()):08x}"
    return "0a:5e:" + ":".join(digits[n : n + 2] for n in range(0, 8, 2))


def _interface(interface: Interface, moment: int) -> Answer:
    answer: Answer = {
        "AvailabilityZone": REGION + interface.subnet.zone,
        "Description": interface.description,
        "Groups": [{"GroupId": g, "GroupName": f"name of {g}"} for g in interface.groups],
        "InterfaceType": interface.interface_type,
        "Ipv6Addresses": [{"Ipv6Address": interface.ipv6}] if interface.ipv6 else [],
        "MacAddress": _mac(interface),
        "NetworkInterfaceId": interface.id,
        "OwnerId": ACCOUNT,
        "PrivateIpAddress": interface.addresses[0],
        "PrivateIpAddresses": [
            {"Primary": number == 0, "PrivateIpAddress": address}
            for number, address in enumerate(interface.addresses)
        ],
        "RequesterManaged": interface.requester_managed,
        "SourceDestCheck": True,
        "Status": "available",
        "SubnetId": interface.subnet.id,
        "TagSet": _tags(interface.tags),
        "VpcId": interface.subnet.vpc.id,
    }
    if interface.prefixes:
        answer["Ipv4Prefixes"] = [{"Ipv4Prefix": prefix} for prefix in interface.prefixes]
    if interface.requester_id:
        answer["RequesterId"] = interface.requester_id
    attachment = interface.attached(moment)
    if attachment is not None:
        digits = f"{zlib.crc32(f'{interface.id}{attachment.since}'.encode()):017x}"
        answer["Status"] = "in-use"
        answer["Attachment"] = {
            "AttachmentId": ("ela" if attachment.hyperplane else "eni") + f"-attach-{digits}",
            "DeleteOnTermination": not attachment.hyperplane,
            "DeviceIndex": attachment.device_index,
            "InstanceOwnerId": attachment.owner,
            "Status": "attached",
        }
        # AttachTime is absent on Hyperplane attachments, InstanceId on those of services.
        if not attachment.hyperplane:
            answer["Attachment"]["AttachTime"] = moment_text(attachment.since)
        if attachment.instance_id:
            answer["Attachment"]["InstanceId"] = attachment.instance_id
    return answer


def _reservations(account: Account, moment: int) -> list[Answer]:
    """Terminated instances stay describable for about an hour, without interfaces."""
    return [
        {"OwnerId": ACCOUNT, "ReservationId": i.id.replace("i-", "r-"), "Instances": [
            _instance(account, i, moment)
        ]}
        for i in account.instances
        if i.since <= moment and (i.until is None or moment < i.until + HOUR)
    ]  # fmt: skip


def _instance(account: Account, instance: Instance, moment: int) -> Answer:
    running = instance.until is None or moment < instance.until
    attached = [
        interface
        for interface in account.interfaces
        if interface.own_machine
        and interface.exists(moment)
        and (attachment := interface.attached(moment)) is not None
        and attachment.instance_id == instance.id
    ]
    answer: Answer = {
        "InstanceId": instance.id,
        "ImageId": "ami-0123456789abcdef0",
        "InstanceType": "m7i.large",
        "LaunchTime": moment_text(instance.since),
        "State": {"Code": 16, "Name": "running"} if running else {"Code": 48, "Name": "terminated"},
        "KeyName": SECRET,
        "Tags": _tags(instance.tags),
        "NetworkInterfaces": [
            {
                "NetworkInterfaceId": i.id,
                "PrivateIpAddress": i.addresses[0],
                "PrivateIpAddresses": [
                    {"Primary": n == 0, "PrivateIpAddress": a} for n, a in enumerate(i.addresses)
                ],
                "Ipv6Addresses": [{"Ipv6Address": i.ipv6}] if i.ipv6 else [],
                "SubnetId": i.subnet.id,
                "VpcId": i.subnet.vpc.id,
            }
            for i in attached
        ],
    }
    if running:
        answer |= {"VpcId": instance.subnet.vpc.id, "SubnetId": instance.subnet.id}
        primary = next((i for i in attached if i.attachments[0].device_index == 0), None)
        if primary:
            answer["PrivateIpAddress"] = primary.addresses[0]
    return answer


def _flow_log(account: Account, flow_log: FlowLogConfig) -> Answer:
    return {
        "CreationTime": moment_text(account.start - 60 * 24 * HOUR, fraction=".123000"),
        "DeliverLogsStatus": "SUCCESS",
        **_destination(flow_log),
        "FlowLogId": flow_log.id,
        "FlowLogStatus": "ACTIVE",
        "LogFormat": flow_log.log_format,
        "MaxAggregationInterval": flow_log.aggregation,
        "ResourceId": flow_log.resource_id,
        "Tags": [],
        "TrafficType": "ALL",
    }


def _destination(flow_log: FlowLogConfig) -> Answer:
    if flow_log.log_group:
        return {
            "LogDestination": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{flow_log.log_group}",
            "LogDestinationType": "cloud-watch-logs",
            "LogGroupName": flow_log.log_group,
        }
    return {
        "DestinationOptions": {
            "FileFormat": "plain-text",
            "HiveCompatiblePartitions": False,
            "PerHourPartition": False,
        },
        "LogDestination": "arn:aws:s3:::made-up-flow-logs",
        "LogDestinationType": "s3",
    }


def _subnets(account: Account) -> list[Answer]:
    return [
        {
            "SubnetId": s.id,
            "VpcId": s.vpc.id,
            "OwnerId": ACCOUNT,
            "CidrBlock": s.cidr,
            "Ipv6CidrBlockAssociationSet": [],
            "AvailabilityZone": REGION + s.zone,
            "AvailabilityZoneId": f"euc1-az{'ab'.index(s.zone) + 1}",
            "State": "available",
            "Tags": [],
        }
        for s in account.subnets
    ]


def _vpcs(account: Account) -> list[Answer]:
    return [
        {
            "VpcId": v.id,
            "OwnerId": ACCOUNT,
            "CidrBlock": v.cidr,
            "CidrBlockAssociationSet": [
                {"CidrBlock": v.cidr, "CidrBlockState": {"State": "associated"}}
            ],
            "State": "available",
            "IsDefault": False,
            "Tags": _tags([("Name", v.name)]),
        }
        for v in account.vpcs
    ]


def _peerings(account: Account) -> list[Answer]:
    def side(vpc_id: str, cidr: str) -> Answer:
        return {"VpcId": vpc_id, "OwnerId": ACCOUNT, "CidrBlock": cidr, "Region": REGION}

    return [
        {
            "VpcPeeringConnectionId": peering,
            "Status": {"Code": "active", "Message": "Active"},
            "RequesterVpcInfo": side(one.id, one.cidr),
            "AccepterVpcInfo": side(two.id, two.cidr),
            "Tags": [],
        }
        for peering, one, two in account.peerings
    ]


def _transit(account: Account, vpc_id: str) -> Answer:
    return {
        "TransitGatewayAttachmentId": vpc_id.replace("vpc-", "tgw-attach-"),
        "TransitGatewayId": account.transit_gateway,
        "TransitGatewayOwnerId": ACCOUNT,
        "ResourceOwnerId": ACCOUNT,
        "ResourceType": "vpc",
        "ResourceId": vpc_id,
        "State": "available",
        "Tags": [],
    }


# -- lambda, ecs ---------------------------------------------------------------------------------


def _functions(account: Account) -> list[Answer]:
    return [
        {
            "FunctionName": f.name,
            "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{f.name}",
            "Version": "$LATEST",
            "Runtime": "python3.13",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/{f.name}",
            "LastModified": "2026-09-01T07:00:00.000+0000",
            "Environment": {"Variables": {"TOKEN": SECRET}},
            "VpcConfig": {
                "SubnetIds": [subnet.id for subnet in f.subnets],
                "SecurityGroupIds": list(f.groups),
                "VpcId": f.subnets[0].vpc.id,
            },
            "FileSystemConfigs": [
                {"Arn": point.arn, "LocalMountPath": "/mnt/data"} for point in f.access_points
            ],
        }
        for f in account.functions
    ]


def _task_definitions(account: Account) -> list[Answer]:
    return [
        {
            "taskDefinitionArn": d.arn,
            "family": d.family,
            "revision": 3,
            "status": "ACTIVE",
            "networkMode": d.network_mode,
            "containerDefinitions": [
                {"name": "main", "environment": [{"name": "TOKEN", "value": SECRET}]}
            ],
            "volumes": [
                {"name": "data", "efsVolumeConfiguration": {"fileSystemId": d.file_system_id}}
            ],
        }
        for d in account.task_definitions
    ]


def _listed(task: Task, moment: int) -> bool:
    """ECS shows stopped tasks for at least an hour."""
    return task.created <= moment and (task.stopped is None or moment < task.stopped + HOUR)


def _task(task: Task, moment: int) -> Answer:
    stopping, stopped = (
        t if t is not None and t <= moment else None for t in (task.stopping, task.stopped)
    )
    secrets = [{"name": "TOKEN", "value": SECRET}]
    status = "RUNNING" if task.started <= moment else "PROVISIONING"
    status = "STOPPED" if stopped else "DEPROVISIONING" if stopping else status
    answer: Answer = {
        "attachments": [],
        "clusterArn": task.arn.replace(":task/", ":cluster/").rpartition("/")[0],
        "containers": [{"name": "main", "lastStatus": status, "image": "made/up:1"}],
        "createdAt": moment_text(task.created, fraction=".250000"),
        "desiredStatus": "STOPPED" if stopping else "RUNNING",
        "group": f"service:{task.service}",
        "lastStatus": status,
        "launchType": task.launch_type,
        "overrides": {"containerOverrides": [{"name": "main", "environment": secrets}]},
        "startedBy": f"ecs-svc/{zlib.crc32(task.service.encode()):019d}",
        "taskArn": task.arn,
        "taskDefinitionArn": task.definition.arn,
        "tags": [{"key": "team", "value": "build"}],
        "version": 4,
    }
    if task.container_instance_arn:
        answer["containerInstanceArn"] = task.container_instance_arn
    interface = task.interface
    if interface is not None and interface.since <= moment:
        answer["attachments"] = [
            {
                "id": task.attachment_id,
                "type": "ElasticNetworkInterface",
                "status": "DELETED" if stopped else "ATTACHED",
                "details": [
                    {"name": "subnetId", "value": interface.subnet.id},
                    {"name": "networkInterfaceId", "value": interface.id},
                    {"name": "macAddress", "value": _mac(interface)},
                    {"name": "privateIPv4Address", "value": interface.addresses[0]},
                ],
            }
        ]
        answer["connectivity"] = "CONNECTED"
        answer["connectivityAt"] = moment_text(task.created + 14, fraction=".500000")
    for name, at in (
        ("startedAt", task.started if task.started <= moment else None),
        ("stoppingAt", stopping),
        ("executionStoppedAt", stopping),
        ("stoppedAt", stopped),
    ):
        if at is not None:
            answer[name] = moment_text(at, fraction=".750000")
    return answer


# -- efs, fsx ------------------------------------------------------------------------------------


def _file_systems(account: Account, moment: int) -> list[Answer]:
    return [
        {
            "OwnerId": ACCOUNT,
            "CreationToken": f.name,
            "FileSystemId": f.id,
            "FileSystemArn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{f.id}",
            "CreationTime": moment_text(f.created),
            "LifeCycleState": "available",
            "Name": f.name,
            "NumberOfMountTargets": sum(
                t.interface.exists(moment) for t in account.targets_of(f.name)
            ),
            "SizeInBytes": {"Value": 6144, "ValueInIA": 0, "ValueInStandard": 6144},
            "PerformanceMode": "generalPurpose",
            "Encrypted": True,
            "ThroughputMode": "elastic",
            "Tags": _tags([("Name", f.name), ("owner", "team blue")]),
        }
        for f in account.file_systems
        if f.created <= moment and (f.deleted is None or moment < f.deleted)
    ]


def _mount_targets(account: Account, moment: int) -> list[Answer]:
    answers = []
    for target in account.mount_targets:
        interface = target.interface
        if interface.exists(moment):
            answer = {
                "OwnerId": ACCOUNT,
                "MountTargetId": target.id,
                "FileSystemId": target.file_system.id,
                "SubnetId": interface.subnet.id,
                "LifeCycleState": "available",
                "IpAddress": interface.addresses[0],
                "NetworkInterfaceId": interface.id,
                "AvailabilityZoneId": f"euc1-az{'ab'.index(interface.subnet.zone) + 1}",
                "AvailabilityZoneName": REGION + interface.subnet.zone,
                "VpcId": interface.subnet.vpc.id,
            }
            answers.append(answer | ({"Ipv6Address": interface.ipv6} if interface.ipv6 else {}))
    return answers


def _access_points(account: Account) -> list[Answer]:
    return [
        {
            "AccessPointId": p.id,
            "AccessPointArn": p.arn,
            "FileSystemId": p.file_system.id,
            "Name": "data",
            "Tags": _tags([("Name", "data")]),
            "OwnerId": ACCOUNT,
            "LifeCycleState": "available",
        }
        for p in account.access_points
    ]


def _fsx(account: Account) -> list[Answer]:
    return [
        {
            "FileSystemId": fsx_id,
            "FileSystemType": "OPENZFS",
            "OwnerId": ACCOUNT,
            "Lifecycle": "AVAILABLE",
            "VpcId": interface.subnet.vpc.id,
            "SubnetIds": [interface.subnet.id],
            "NetworkInterfaceIds": [interface.id],
            "DNSName": f"{fsx_id}.fsx.{REGION}.amazonaws.com",
            "ResourceARN": f"arn:aws:fsx:{REGION}:{ACCOUNT}:file-system/{fsx_id}",
            "OpenZFSConfiguration": {"EndpointIpAddress": interface.addresses[0]},
        }
        for fsx_id, interface in account.fsx
    ]
