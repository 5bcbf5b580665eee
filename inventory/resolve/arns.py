"""Reading and writing ARNs, in every partition."""

from __future__ import annotations

from typing import NamedTuple


class Arn(NamedTuple):
    """The parts of an ARN; all empty for a text that is none."""

    partition: str = ""
    service: str = ""
    region: str = ""
    account: str = ""
    resource: str = ""

    @property
    def name(self) -> str:
        """The last part of the resource: ``task/cluster/id`` gives ``id``."""
        return self.resource.rsplit("/", 1)[-1]


def parse(text: str) -> Arn:
    """The parts of ``arn:partition:service:region:account:resource``."""
    parts = text.split(":", 5)
    return Arn(*parts[1:]) if len(parts) == 6 and parts[0] == "arn" else Arn()  # noqa: PLR2004  # an ARN has six parts


def session_of(principal_arn: str) -> str:
    """The session name of an assumed role, ``""`` for any other principal."""
    what, _, name = parse(principal_arn).resource.partition("/")
    _, _, session = name.partition("/")
    return session if what == "assumed-role" else ""


def function_arn(name: str, account: str, region: str) -> str:
    """The ARN of a Lambda function."""
    return f"arn:{partition_of(region)}:lambda:{region}:{account}:function:{name}"


def partition_of(region: str) -> str:
    """The partition that a region's name tells."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def instance_arn(instance_id: str, account: str, region: str) -> str | None:
    """``None`` unless account and region are known."""
    return (
        f"arn:{partition_of(region)}:ec2:{region}:{account}:instance/{instance_id}"
        if account and region
        else None
    )


def file_system_arn(file_system_id: str, account: str, region: str) -> str:
    """The ARN of an EFS file system."""
    place = f"{region}:{account}:file-system/{file_system_id}"
    return f"arn:{partition_of(region)}:elasticfilesystem:{place}"


def attachment_arn(task_arn: str, attachment_id: str) -> str:
    """What ECS writes as description on a task's interface."""
    task = parse(task_arn)
    return f"arn:{task.partition}:ecs:{task.region}:{task.account}:attachment/{attachment_id}"


def service_arn(task_arn: str, cluster_arn: str, service: str) -> str:
    """The ARN of the ECS service that runs a task."""
    task, cluster = parse(task_arn), parse(cluster_arn).name
    return f"arn:{task.partition}:ecs:{task.region}:{task.account}:service/{cluster}/{service}"
