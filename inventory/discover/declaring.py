"""Reducing what declares mounts to what is kept of it: which file system or access point, and whether it can mount by itself.

Everything is read by name, as in :mod:`inventory.discover.reduce`. What names no EFS file system stands for nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from inventory.discover import fields
from inventory.discover.fields import FieldError, Raw
from inventory.model import (
    AgentRuntime,
    BatchDefinition,
    BuildProject,
    EcsService,
    FileSystemPolicy,
    MainframeEnvironment,
    StudioDomain,
    StudioProfile,
    StudioSpace,
    TaskSchedule,
    TimedTask,
    TransferAccess,
    TransferLocation,
    TransferTask,
    TransferUser,
)

Mounts = tuple[tuple[str, str], ...]

_FILE_SYSTEM = re.compile(r"fs-[0-9a-f]{8,40}")
_ACCESS_POINT = re.compile(r"fsap-[0-9a-f]{8,40}")


def _mounts(found: Iterable[tuple[str, str]]) -> Mounts:
    return tuple(sorted({pair for pair in found if any(pair)}))


def _named(*texts: str) -> tuple[str, str]:
    """The file system and the access point that some texts (ids, ARNs, DNS names, paths) name."""
    system = next((m[0] for text in texts if (m := _FILE_SYSTEM.search(text))), "")
    point = next((m[0] for text in texts if (m := _ACCESS_POINT.search(text))), "")
    return system, point


# -- ECS ---------------------------------------------------------------------------------------------------------------------------------


def ecs_service(raw: Raw) -> EcsService:
    """With the definitions of every deployment and task set: an older one may still start tasks."""
    rows = [raw, *fields.rows(raw, "deployments"), *fields.rows(raw, "taskSets")]
    return EcsService(
        fields.required(raw, "serviceArn"),
        fields.text(raw, "serviceName"),
        fields.text(raw, "clusterArn"),
        fields.text(raw, "status"),
        fields.number(raw, "desiredCount"),
        fields.text(raw, "schedulingStrategy") == "DAEMON",
        fields.distinct(fields.text(row, "taskDefinition") for row in rows),
    )


def task_schedule(raw: Raw) -> TaskSchedule | None:
    """One target of a rule, with its rule's ARN, name and state beside it; ``None`` when it starts no task."""
    key = f"{fields.required(raw, 'RuleArn')}/{fields.required(raw, 'Id')}"
    definition = _definition(raw)
    if not definition:
        return None
    return TaskSchedule(
        key,
        fields.text(raw, "RuleName"),
        fields.text(raw, "RuleState").startswith("ENABLED"),
        definition,
    )


def timed_task(raw: Raw) -> TimedTask | None:
    """A schedule; ``None`` when it starts no task."""
    arn = fields.required(raw, "Arn")
    definition = _definition(fields.child(raw, "Target"))
    if not definition:
        return None
    return TimedTask(
        arn,
        fields.text(raw, "Name"),
        fields.text(raw, "State") == "ENABLED",
        definition,
    )


def _definition(target: Raw) -> str:
    return fields.text(fields.child(target, "EcsParameters"), "TaskDefinitionArn")


# -- Batch, CodeBuild --------------------------------------------------------------------------------------------------------------------


def batch_definition(raw: Raw) -> BatchDefinition | None:
    """Volumes of a container, of the tasks of ECS, and of each node of a job with several."""
    arn = fields.required(raw, "jobDefinitionArn")
    found = _mounts(
        _volume(volume) for part in _containers(raw) for volume in fields.rows(part, "volumes")
    )
    if not found:
        return None
    return BatchDefinition(
        arn,
        fields.text(raw, "jobDefinitionName"),
        found,
        fields.text(raw, "status") in ("ACTIVE", ""),
    )


def _containers(raw: Raw) -> Iterator[Raw]:
    yield fields.child(raw, "containerProperties")
    yield from fields.rows(fields.child(raw, "ecsProperties"), "taskProperties")
    for node in fields.rows(fields.child(raw, "nodeProperties"), "nodeRangeProperties"):
        yield fields.child(node, "container")
        yield from fields.rows(fields.child(node, "ecsProperties"), "taskProperties")


def _volume(volume: Raw) -> tuple[str, str]:
    efs = fields.child(volume, "efsVolumeConfiguration")
    point = fields.text(fields.child(efs, "authorizationConfig"), "accessPointId")
    return fields.text(efs, "fileSystemId"), point


def build_project(raw: Raw) -> BuildProject | None:
    """By the DNS names of the file systems that it mounts."""
    arn = fields.required(raw, "arn")
    found = _mounts(
        _named(fields.text(row, "location")) for row in fields.rows(raw, "fileSystemLocations")
    )
    if not found:
        return None
    return BuildProject(arn, fields.text(raw, "name"), found)


# -- SageMaker ---------------------------------------------------------------------------------------------------------------------------


def studio_domain(raw: Raw) -> StudioDomain | None:
    """Its home file system, and those that everybody or every space gets."""
    arn = fields.required(raw, "DomainArn")
    settings = (fields.child(raw, "DefaultUserSettings"), fields.child(raw, "DefaultSpaceSettings"))
    found = _mounts(
        [
            (fields.text(raw, "HomeEfsFileSystemId"), ""),
            *(pair for one in settings for pair in _custom(one, "CustomFileSystemConfigs")),
        ]
    )
    if not found:
        return None
    return StudioDomain(arn, fields.text(raw, "DomainName"), found)


def studio_profile(raw: Raw) -> StudioProfile | None:
    """What one person gets beyond the domain."""
    arn = fields.required(raw, "UserProfileArn")
    found = _mounts(_custom(fields.child(raw, "UserSettings"), "CustomFileSystemConfigs"))
    if not found:
        return None
    return StudioProfile(arn, fields.text(raw, "UserProfileName"), found)


def studio_space(raw: Raw) -> StudioSpace | None:
    """What one space gets beyond the domain."""
    arn = fields.required(raw, "SpaceArn")
    found = _mounts(_custom(fields.child(raw, "SpaceSettings"), "CustomFileSystems"))
    if not found:
        return None
    return StudioSpace(arn, fields.text(raw, "SpaceName"), found)


def _custom(settings: Raw, key: str) -> Iterator[tuple[str, str]]:
    for row in fields.rows(settings, key):
        for inside in ("EFSFileSystemConfig", "EFSFileSystem"):
            yield fields.text(fields.child(row, inside), "FileSystemId"), ""


# -- DataSync ----------------------------------------------------------------------------------------------------------------------------


def transfer_location(raw: Raw) -> TransferLocation:
    """Dormant by itself: a task makes it live."""
    return TransferLocation(
        fields.required(raw, "LocationArn"),
        fields.text(raw, "LocationUri"),
        _mounts([_named(fields.text(raw, "LocationUri"), fields.text(raw, "AccessPointArn"))]),
        live=False,
    )


def transfer_task(raw: Raw) -> TransferTask:
    """Scheduled unless its schedule is disabled."""
    schedule = fields.child(raw, "Schedule")
    return TransferTask(
        fields.required(raw, "TaskArn"),
        fields.text(raw, "Name"),
        fields.distinct(
            fields.text(raw, key) for key in ("SourceLocationArn", "DestinationLocationArn")
        ),
        bool(fields.text(schedule, "ScheduleExpression"))
        and fields.text(schedule, "Status") != "DISABLED",
        fields.text(raw, "Status") in ("RUNNING", "QUEUED"),
    )


# -- Transfer Family, Mainframe Modernization, AgentCore ---------------------------------------------------------------------------------


def transfer_user(raw: Raw) -> TransferUser | None:
    """A user, with the id of its server beside it."""
    user = fields.child(raw, "User")
    arn = fields.required(user, "Arn")
    found = _mounts(_homes(user))
    if not found:
        return None
    return TransferUser(arn, fields.text(user, "UserName"), found)


def transfer_access(raw: Raw) -> TransferAccess | None:
    """A group's access, with the id of its server beside it."""
    access = fields.child(raw, "Access")
    name = f"{fields.required(raw, 'ServerId')}/{fields.required(access, 'ExternalId')}"
    found = _mounts(_homes(access))
    if not found:
        return None
    return TransferAccess(name, name, found)


def _homes(raw: Raw) -> Iterator[tuple[str, str]]:
    """Paths begin with the file system: ``/fs-…/home``."""
    yield _named(fields.text(raw, "HomeDirectory"))
    for row in fields.rows(raw, "HomeDirectoryMappings"):
        yield _named(fields.text(row, "Target"))


def mainframe_environment(raw: Raw) -> MainframeEnvironment | None:
    """By its storage."""
    arn = fields.required(raw, "environmentArn")
    found = _mounts(
        (fields.text(fields.child(row, "efs"), "fileSystemId"), "")
        for row in fields.rows(raw, "storageConfigurations")
    )
    if not found:
        return None
    return MainframeEnvironment(arn, fields.text(raw, "name"), found)


def agent_runtime(raw: Raw) -> AgentRuntime | None:
    """By the access points that its sessions get."""
    arn = fields.required(raw, "agentRuntimeArn")
    found = _mounts(
        _named(
            fields.text(fields.child(row, "efsAccessPoint"), "accessPointArn"),
            fields.text(fields.child(row, "efsAccessPoint"), "fileSystemArn"),
        )
        for row in fields.rows(raw, "filesystemConfigurations")
    )
    if not found:
        return None
    return AgentRuntime(arn, fields.text(raw, "agentRuntimeName"), found)


# -- policies ----------------------------------------------------------------------------------------------------------------------------

_ACCOUNT = re.compile(r"\d{12}")


def file_system_policy(raw: Raw) -> FileSystemPolicy:
    """Of a policy only which accounts its statements let in. One that cannot be read is an error, for it hides whom."""
    file_system_id = fields.required(raw, "FileSystemId")
    allowing = [row for row in statements(raw) if fields.text(row, "Effect") == "Allow"]
    named = {text for row in allowing for text in _principals(row)}
    accounts = {found[0] for text in named if (found := _ACCOUNT.search(text))}
    return FileSystemPolicy(
        file_system_id,
        tuple(sorted(accounts)),
        anybody=any("NotPrincipal" in row for row in allowing) or "*" in named,
    )


def statements(raw: Raw) -> list[Raw]:
    """Those of a policy that stands there as text, as AWS gives it, or read already."""
    policy: Raw = raw
    if raw.get("Policy") is not None:
        try:
            policy = fields.mapping(json.loads(fields.text(raw, "Policy")), "Policy")
        except ValueError as error:
            raise FieldError("Policy is no JSON object") from error
    given = policy.get("Statement")
    if isinstance(given, Mapping):
        return [given]
    return [fields.mapping(row, "a statement") for row in fields.entries(policy, "Statement")]


def _principals(statement: Raw) -> Iterator[str]:
    """``"*"``, or under ``AWS`` one or several accounts, ARNs or ``"*"``."""
    given = statement.get("Principal")
    value = given.get("AWS") if isinstance(given, Mapping) else given
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str):
            yield text
