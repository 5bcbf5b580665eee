"""What happens to whom when a file system is deleted, in which order to take things away, and what no check can see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inventory.answers.declared import Declared
from inventory.answers.shapes import Json
from inventory.model import FileSystem, MountTarget, OwnerKind, Version
from inventory.verdict import Standing

_HANGS = "a hard mount on {who} will hang, and with it every process that touches it, until {who} is restarted"
_BY_KIND = {
    OwnerKind.LAMBDA_FUNCTION.value: "invocations of {who} will fail: Lambda mounts before it calls the handler",
    OwnerKind.ECS_TASK.value: "tasks of {workload} will hang, and new ones will not start while their definition names it",
    OwnerKind.EKS_NODE.value: "pods on {who} will hang, and new ones that claim it will not start",
    OwnerKind.EKS_POD.value: "pod {who} will hang, and will not start again",
    OwnerKind.SAGEMAKER.value: "{who} will hang, and its apps will not start",
    OwnerKind.CODEBUILD_PROJECT.value: "builds of {who} will fail",
    OwnerKind.DATASYNC.value: "transfers of {who} will fail",
    OwnerKind.GATEWAY.value: "somebody unknown behind {who} will hang",
    OwnerKind.ADDRESS.value: "whoever has address {who} will hang: ask the network's owner",
}

UNSEEN = (
    "a mount that is cut off (security group, route) and whose client does not try",
    "use without traffic on port 2049 in a recorded VPC: replication, AWS Backup, DataSync before its task runs",
    "an entry in an fstab, an AMI, a launch template or user data of a machine that is not running",
    "tasks that a rule of another event bus than the default one starts, or another program",
    "code and pipelines that create their own mounts: Terraform, CloudFormation, scripts",
    "a mount target that was made and deleted between two sweeps, or before the first one",
    "what anybody expects to find again in the data: only its owner knows",
)
"""What the check does not see, in every answer."""


def consequence(entry: Json) -> str:
    """What deleting does to one client, by its entry in an answer."""
    client = entry["client"]
    if client is None:
        names = ", ".join(one["id"] for one in entry["candidates"])
        return f"one of {names} will hang or fail: nobody knows which"
    saying = _BY_KIND.get(client["kind"], _HANGS)
    return saying.format(who=client["id"], workload=client["workload"]["id"])


def order(
    version: Version[FileSystem],
    targets: Sequence[Version[MountTarget]],
    references: Sequence[Declared],
    clients: Sequence[str],
) -> list[Json]:
    """The steps of a removal that breaks nobody by surprise, each with what it is done to."""
    return [
        {"step": number, "what": what, "which": list(which)}
        for number, (what, which) in enumerate(_steps(version, targets, references, clients), 1)
    ]


def _steps(
    version: Version[FileSystem],
    targets: Sequence[Version[MountTarget]],
    references: Sequence[Declared],
    clients: Sequence[str],
) -> Iterator[tuple[str, list[str]]]:
    if clients:
        yield "unmount it at every client", sorted(clients)
    standing = [
        f"{one.kind} {one.id}"
        for one in references
        if one.standing in (Standing.LIVE, Standing.DORMANT) and one.kind != "replication"
    ]
    if standing:
        yield "take it out of what declares it", standing
    copies = [one.id for one in references if one.kind == "replication"]
    if copies:
        yield "delete its replication: AWS deletes neither end before", copies
    yield "back up what may be needed again: recovery points outlive the file system", []
    if targets:
        there = [f"{one.value.mount_target_id} ({one.value.subnet_id})" for one in targets]
        yield "delete its mount targets: this breaks every mount that is left, at once", there
    points = [one.id for one in references if one.kind == "access_point"]
    if points:
        yield "delete its access points", points
    yield "delete the file system: there is no way back", [version.value.file_system_id]
