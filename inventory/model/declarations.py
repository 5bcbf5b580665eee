"""What AWS services hold that names a file system, or a task definition that may: where a mount is declared without anybody mounting yet.

The fields are the allow-list, as in :mod:`inventory.model.knowledge`: no environment, no command, no policy's text is kept.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EcsService:
    """An ECS service, and every definition that its deployments may start tasks by."""

    service_arn: str
    name: str = ""
    cluster_arn: str = ""
    status: str = ""
    desired_count: int | None = None
    daemon: bool = False
    """One task on each instance, whatever the count."""
    task_definition_arns: tuple[str, ...] = ()
    """Sorted."""


@dataclass(frozen=True, slots=True)
class TaskSchedule:
    """A rule of EventBridge that starts tasks by a definition."""

    schedule_id: str
    """The rule's ARN, ``/`` and the target's id."""
    name: str = ""
    enabled: bool = False
    task_definition_arn: str = ""
    """Without a revision it is the newest one."""


@dataclass(frozen=True, slots=True)
class TimedTask(TaskSchedule):
    """A schedule of EventBridge Scheduler that starts tasks by a definition; its id is its ARN."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """Something that names EFS file systems or their access points."""

    declaration_id: str
    """Its ARN, or what stands for it inside the account and region."""
    name: str = ""
    mounts: tuple[tuple[str, str], ...] = ()
    """``(file system id, access point id)``, either may be ``""``; sorted."""
    live: bool = True
    """It can mount without anybody changing anything."""


@dataclass(frozen=True, slots=True)
class BatchDefinition(Declaration):
    """A job definition of AWS Batch; jobs of EKS name claims instead, which dumps tell of."""


@dataclass(frozen=True, slots=True)
class BuildProject(Declaration):
    """A CodeBuild project."""


@dataclass(frozen=True, slots=True)
class StudioDomain(Declaration):
    """A domain of SageMaker Studio."""


@dataclass(frozen=True, slots=True)
class StudioProfile(Declaration):
    """A user profile of a SageMaker domain."""


@dataclass(frozen=True, slots=True)
class StudioSpace(Declaration):
    """A space of a SageMaker domain."""


@dataclass(frozen=True, slots=True)
class TransferLocation(Declaration):
    """A DataSync location."""


@dataclass(frozen=True, slots=True)
class TransferUser(Declaration):
    """A user of a Transfer Family server with EFS behind it."""


@dataclass(frozen=True, slots=True)
class TransferAccess(Declaration):
    """A directory group's access to a Transfer Family server with EFS behind it."""


@dataclass(frozen=True, slots=True)
class MainframeEnvironment(Declaration):
    """An environment of AWS Mainframe Modernization."""


@dataclass(frozen=True, slots=True)
class AgentRuntime(Declaration):
    """A runtime of Bedrock AgentCore."""


@dataclass(frozen=True, slots=True)
class TransferTask:
    """A DataSync task between two locations."""

    task_arn: str
    name: str = ""
    location_arns: tuple[str, ...] = ()
    """Source and destination, sorted."""
    scheduled: bool = False
    running: bool = False


@dataclass(frozen=True, slots=True)
class FileSystemPolicy:
    """Whom a file system's policy lets in from elsewhere."""

    file_system_id: str
    accounts: tuple[str, ...] = ()
    """Other accounts that it names, sorted."""
    anybody: bool = False
    """It lets in whoever is on the network, or a whole organization: whom, it does not say."""


DECLARED: dict[str, tuple[type[object], str]] = {
    "ecs_service": (EcsService, "service_arn"),
    "task_schedule": (TaskSchedule, "schedule_id"),
    "timed_task": (TimedTask, "schedule_id"),
    "batch_definition": (BatchDefinition, "declaration_id"),
    "build_project": (BuildProject, "declaration_id"),
    "studio_domain": (StudioDomain, "declaration_id"),
    "studio_profile": (StudioProfile, "declaration_id"),
    "studio_space": (StudioSpace, "declaration_id"),
    "transfer_location": (TransferLocation, "declaration_id"),
    "transfer_task": (TransferTask, "task_arn"),
    "transfer_user": (TransferUser, "declaration_id"),
    "transfer_access": (TransferAccess, "declaration_id"),
    "mainframe_environment": (MainframeEnvironment, "declaration_id"),
    "agent_runtime": (AgentRuntime, "declaration_id"),
    "file_system_policy": (FileSystemPolicy, "file_system_id"),
}
"""The kinds of knowledge that are read when somebody asks what names a file system; no client is named by them."""
