"""What AWS says of the churn: answers as the CLI prints them, at the pace of the configuration, every third of them failing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from inventory.discover import calls
from inventory.model import CallState, Sweep
from tests.churn.plan import (
    ACCOUNT,
    CIDRS,
    CLUSTER,
    FILE_SYSTEMS,
    FUNCTIONS,
    HOUR,
    PROGRAMS,
    REGION,
    SERVER_SUBNET,
    START,
    SUBNET,
    VPC,
    Churn,
    Definition,
    Instance,
    MountTarget,
    Task,
)

Answer = dict[str, Any]

PACE: dict[tuple[str, ...], int] = {
    ("ec2.describe-network-interfaces",): 300,
    ("ec2.describe-instances",): 900,
    ("ecs.list-clusters", "ecs.describe-tasks", "ecs.describe-task-definitions"): 1200,
    (
        "efs.describe-file-systems",
        "efs.describe-mount-targets",
        "efs.describe-access-points",
        "ec2.describe-subnets",
        "ec2.describe-vpcs",
    ): HOUR,
    ("lambda.list-functions",): HOUR,
}
"""Seconds between two sweeps of what is asked for together, as the configuration has them by default."""

TICK = min(PACE.values())


def sweeps(churn: Churn) -> Iterator[Sweep]:
    """From an hour before the first task to an hour after the last one.

    Of the sweeps of each group every third fails, in turn: denied, only half of the pages, never asked.
    """
    rng = random.Random(f"sweeps {churn.seed}")
    made = Counter({group: rng.randint(0, 2) for group in PACE})
    for moment in range(START - HOUR, churn.end + HOUR + 1, TICK):
        answers: dict[str, calls.Answer] = {}
        for group, pace in PACE.items():
            if (moment - START) % pace:
                continue
            made[group] += 1
            fault = _FAULTS[made[group] // 3 % 3] if made[group] % 3 == 2 else ""
            # An account that was never seen whole has no inventory to speak of: the first sweep succeeds.
            fault = "" if moment < START else fault
            for call in group:
                if fault != "never asked":
                    answers[call] = _answered(call, churn, moment, fault, rng)
        yield calls.sweep(f"sweep-{moment}", moment, ACCOUNT, REGION, answers)


_FAULTS = ("half of the pages", "denied", "never asked")


def _answered(call: str, churn: Churn, moment: int, fault: str, rng: random.Random) -> calls.Answer:
    if fault == "denied":
        return calls.Answer(CallState.BROKEN, problem="AccessDenied")
    key, rows = calls.CALLS[call].key, _ROWS[call](churn, moment)
    answer: Answer = {key: rows}
    if fault:
        answer = {key: rng.sample(rows, len(rows) // 2), "NextToken": "eyJ2IjoiMiJ9"}
    return calls.read_answer(call, answer)


def _text(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.250000+00:00")


# -- ec2 -----------------------------------------------------------------------------------------


def _interface(
    interface_id: str, addresses: list[str], subnet: str, attachment: Answer, **more: Any
) -> Answer:
    return {
        "NetworkInterfaceId": interface_id,
        "VpcId": VPC,
        "SubnetId": subnet,
        "OwnerId": ACCOUNT,
        "AvailabilityZone": f"{REGION}a",
        "InterfaceType": "interface",
        "RequesterManaged": False,
        "Status": "in-use",
        "PrivateIpAddress": addresses[0],
        "PrivateIpAddresses": [
            {"Primary": not number, "PrivateIpAddress": address}
            for number, address in enumerate(addresses)
        ],
        "Attachment": {"Status": "attached", **attachment},
        **more,
    }


def _of_task(task: Task, moment: int) -> Answer:
    attachment = {
        "AttachmentId": f"eni-attach-{task.interface[4:]}",
        "DeviceIndex": 1,
        "InstanceOwnerId": "501673713797",
        "AttachTime": _text(task.attached),
    }
    return _interface(
        task.interface,
        [task.address],
        SUBNET,
        attachment if moment >= task.attached else {},
        Description=f"arn:aws:ecs:{REGION}:{ACCOUNT}:attachment/{task.attachment}",
        RequesterManaged=True,
        RequesterId="578734482556",
    )


def _addresses(churn: Churn, instance: Instance, moment: int) -> list[str]:
    held = [
        one.address
        for one in churn.floating
        for holder, since, until in one.turns
        if holder == instance and since <= moment < until
    ]
    return [instance.address, *held]


def _of_instance(churn: Churn, instance: Instance, moment: int) -> Answer:
    attachment = {
        "AttachmentId": f"eni-attach-{instance.interface[4:]}",
        "DeviceIndex": 0,
        "InstanceId": instance.id,
        "InstanceOwnerId": ACCOUNT,
        "AttachTime": _text(START - 50 * HOUR),
    }
    return _interface(
        instance.interface,
        _addresses(churn, instance, moment),
        SUBNET,
        attachment,
        Description="",
    )


def _of_target(target: MountTarget) -> Answer:
    attachment = {
        "AttachmentId": f"ela-attach-{target.interface[4:]}",
        "DeviceIndex": 1,
        "InstanceOwnerId": "amazon-aws",
    }
    return _interface(
        target.interface,
        [target.address],
        SERVER_SUBNET,
        attachment,
        Description=f"EFS mount target for {target.file_system.id} ({target.id})",
        InterfaceType="efs",
        RequesterManaged=True,
    )


def _network_interfaces(churn: Churn, moment: int) -> list[Answer]:
    shared = [
        _interface(
            one.interface,
            [one.address],
            SUBNET,
            {"AttachmentId": f"ela-attach-{one.interface[4:]}", "InstanceOwnerId": "amazon-aws"},
            Description=f"AWS Lambda VPC ENI-made-for-{ACCOUNT[:8]}-1317-457a-ba3c-b57775ac6a04",
            InterfaceType="lambda",
            Groups=[{"GroupId": one.group, "GroupName": "functions"}],
        )
        for one in churn.shared
    ]
    return [
        *(
            _of_task(task, moment)
            for task in churn.tasks
            if task.interface_made <= moment < task.interface_gone
        ),
        *(_of_instance(churn, instance, moment) for instance in churn.instances),
        *shared,
        *(_of_target(target) for target in _targets_at(churn, moment)),
    ]


def _instances(churn: Churn, moment: int) -> list[Answer]:
    return [
        {
            "OwnerId": ACCOUNT,
            "Instances": [
                {
                    "InstanceId": instance.id,
                    "LaunchTime": _text(START - 50 * HOUR),
                    "State": {"Code": 16, "Name": "running"},
                    "VpcId": VPC,
                    "SubnetId": SUBNET,
                    "PrivateIpAddress": instance.address,
                    "Tags": [{"Key": "Name", "Value": f"machine {instance.id[-1]}"}],
                    "NetworkInterfaces": [_of_instance(churn, instance, moment)],
                }
            ],
        }
        for instance in churn.instances
    ]


# -- ecs -----------------------------------------------------------------------------------------


def _tasks(churn: Churn, moment: int) -> list[Answer]:
    """ECS shows stopped tasks for an hour."""
    return [
        _task(task, moment) for task in churn.tasks if task.created <= moment < task.stopped + HOUR
    ]


def _task(task: Task, moment: int) -> Answer:
    stages = (
        ("STOPPED", task.stopped),
        ("DEPROVISIONING", task.execution_stopped),
        ("DEACTIVATING", task.stopping),
        ("RUNNING", task.started),
        ("PENDING", task.connected),
    )
    status = next((s for s, at in stages if at is not None and at <= moment), "PROVISIONING")
    answer: Answer = {
        "taskArn": task.arn,
        "clusterArn": CLUSTER,
        "group": task.group,
        "taskDefinitionArn": task.definition.arn,
        "launchType": "FARGATE",
        "lastStatus": status,
        "desiredStatus": "STOPPED" if moment >= task.stopping else "RUNNING",
        "attachments": [],
        "tags": [{"key": "team", "value": "blue"}],
    }
    times = {
        "createdAt": task.created,
        "connectivityAt": task.connected,
        "startedAt": task.started,
        "stoppingAt": task.stopping,
        "executionStoppedAt": task.execution_stopped,
        "stoppedAt": task.stopped,
    }
    answer |= {name: _text(at) for name, at in times.items() if at is not None and at <= moment}
    if moment >= task.interface_made:
        details = {
            "subnetId": SUBNET,
            "networkInterfaceId": task.interface,
            "privateIPv4Address": task.address,
        }
        answer["attachments"] = [
            {
                "id": task.attachment,
                "type": "ElasticNetworkInterface",
                "status": "DELETED" if moment >= task.interface_gone else "ATTACHED",
                "details": [{"name": name, "value": value} for name, value in details.items()],
            }
        ]
    return answer


def _definitions(_churn: Churn, _moment: int) -> list[Answer]:
    every = [d for p in PROGRAMS for d in (p.definition, p.later) if d is not None]
    return [
        {
            "taskDefinitionArn": definition.arn,
            "family": definition.name.split(":")[0],
            "networkMode": "awsvpc",
            "volumes": [{"name": "scratch"}, *_volumes(definition)],
        }
        for definition in every
    ]


def _volumes(definition: Definition) -> list[Answer]:
    return [
        {
            "name": fs.name,
            "efsVolumeConfiguration": {
                "fileSystemId": fs.id,
                "authorizationConfig": {"accessPointId": fs.access_point}
                if definition.access_points
                else {},
            },
        }
        for fs in definition.file_systems
    ]


# -- efs, lambda, places -------------------------------------------------------------------------


def _targets_at(churn: Churn, moment: int) -> list[MountTarget]:
    return [
        target
        for target in churn.mount_targets
        if target.since <= moment and (target.until is None or moment < target.until)
    ]


def _file_systems(churn: Churn, moment: int) -> list[Answer]:
    served = [target.file_system for target in _targets_at(churn, moment)]
    return [
        {
            "FileSystemId": fs.id,
            "FileSystemArn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{fs.id}",
            "OwnerId": ACCOUNT,
            "CreationTime": _text(START - 2000 * HOUR),
            "LifeCycleState": "available",
            "Name": fs.name,
            "NumberOfMountTargets": served.count(fs),
        }
        for fs in FILE_SYSTEMS
    ]


def _mount_targets(churn: Churn, moment: int) -> list[Answer]:
    return [
        {
            "MountTargetId": target.id,
            "FileSystemId": target.file_system.id,
            "VpcId": VPC,
            "SubnetId": SERVER_SUBNET,
            "OwnerId": ACCOUNT,
            "NetworkInterfaceId": target.interface,
            "IpAddress": target.address,
            "LifeCycleState": "available",
        }
        for target in _targets_at(churn, moment)
    ]


def _access_points(_churn: Churn, _moment: int) -> list[Answer]:
    return [
        {
            "AccessPointId": fs.access_point,
            "AccessPointArn": fs.access_point_arn,
            "FileSystemId": fs.id,
        }
        for fs in FILE_SYSTEMS
    ]


def _functions(_churn: Churn, _moment: int) -> list[Answer]:
    return [
        {
            "FunctionName": function.name,
            "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}",
            "Version": "$LATEST",
            "LastModified": "2026-09-01T07:00:00.000+0000",
            "VpcConfig": {
                "VpcId": VPC,
                "SubnetIds": [SUBNET],
                "SecurityGroupIds": [function.group],
            },
            "FileSystemConfigs": [
                {"Arn": fs.access_point_arn, "LocalMountPath": "/mnt/data"}
                for fs in function.file_systems
            ],
        }
        for function in FUNCTIONS
    ]


def _subnets(_churn: Churn, _moment: int) -> list[Answer]:
    return [
        {"SubnetId": subnet, "VpcId": VPC, "OwnerId": ACCOUNT, "CidrBlock": CIDRS[subnet]}
        for subnet in (SUBNET, SERVER_SUBNET)
    ]


def _vpcs(_churn: Churn, _moment: int) -> list[Answer]:
    return [{"VpcId": VPC, "OwnerId": ACCOUNT, "CidrBlock": CIDRS[VPC]}]


_ROWS: dict[str, Callable[[Churn, int], list[Any]]] = {
    "ec2.describe-network-interfaces": _network_interfaces,
    "ec2.describe-instances": _instances,
    "ec2.describe-subnets": _subnets,
    "ec2.describe-vpcs": _vpcs,
    "ecs.list-clusters": lambda _churn, _moment: [CLUSTER],
    "ecs.describe-tasks": _tasks,
    "ecs.describe-task-definitions": _definitions,
    "efs.describe-file-systems": _file_systems,
    "efs.describe-mount-targets": _mount_targets,
    "efs.describe-access-points": _access_points,
    "lambda.list-functions": _functions,
}
