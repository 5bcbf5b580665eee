"""What a person means: a file system by id, ARN or Name tag; a client by id, ARN, interface, name or address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from inventory.errors import NotFoundError, UsageError
from inventory.model import (
    FileSystem,
    Function,
    Instance,
    MountTarget,
    NetworkInterface,
    Owner,
    OwnerKind,
    Place,
    Task,
    Version,
)
from inventory.resolve import owners
from inventory.resolve.topology import Topology
from inventory.store.mounts import FileSystemKey


def keys_of(version: Version[FileSystem], topology: Topology) -> set[FileSystemKey]:
    """The keys under which mounts of a file system are stored: by the account that its mount targets were seen in, usually its own."""
    targets = topology.mount_targets_of(version.value.file_system_id, region=version.region)
    places = {(target.account, target.region) for target in targets}
    return {
        FileSystemKey(*place, version.value.file_system_id)
        for place in places | {(version.account, version.region)}
    }


def _key_of(version: Version[FileSystem]) -> FileSystemKey:
    return FileSystemKey(version.account, version.region, version.value.file_system_id)


def file_systems(topology: Topology) -> list[Version[FileSystem]]:
    """Every file system that any sweep showed, its newest version, by account, region and id.

    One that only its mount targets tell of (deleted before its account was swept, or not listable) is among them, without a name.
    """
    newest: dict[FileSystemKey, Version[FileSystem]] = {}
    for version in topology.versions("file_system"):
        newest[_key_of(version)] = version
    told = {key.file_system_id for key in newest}
    for version in _nameless(topology, told):
        newest.setdefault(_key_of(version), version)
    return [newest[key] for key in sorted(newest)]


def _nameless(topology: Topology, told: set[str]) -> Iterable[Version[FileSystem]]:
    ids = topology.served_file_systems()
    for file_system_id in sorted(ids - told):
        places: dict[Place, list[Version[MountTarget]]] = defaultdict(list)
        for target in topology.mount_targets_of(file_system_id):
            places[target.account, target.region].append(target)
        yield from (_from_targets(targets) for targets in places.values())


def _from_targets(targets: Sequence[Version[MountTarget]]) -> Version[FileSystem]:
    """There from its first mount target to its last one, gone when all of them are."""
    newest = max(targets, key=lambda target: target.last_seen)
    befores = [target.not_before for target in targets if target.not_before is not None]
    afters = [target.not_after for target in targets if target.not_after is not None]
    return Version(
        FileSystem(newest.value.file_system_id, owner_id=newest.value.owner_id),
        newest.account,
        newest.region,
        min(target.first_seen for target in targets),
        newest.last_seen,
        min(befores) if len(befores) == len(targets) else None,
        max(afters) if len(afters) == len(targets) else None,
    )


def one_file_system(topology: Topology, text: str) -> Version[FileSystem]:
    """The file system that ``text`` names; an ambiguous text is a :class:`UsageError` that lists them all."""
    if not text.strip():
        msg = "the name of a file system is empty"
        raise UsageError(
            msg, hint="name it by its id, ARN or Name tag; 'efs-inventory list' shows them"
        )
    every = file_systems(topology)
    for matches in (
        [v for v in every if text in (v.value.file_system_id, v.value.arn)],
        [v for v in every if text == v.value.name],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            listed = ", ".join(
                f"{v.value.file_system_id} ({v.account} {v.region})" for v in matches
            )
            msg = f"{text!r} names {len(matches)} file systems: {listed}"
            raise UsageError(msg, hint="use the ARN")
    msg = f"no sweep and no flow log knows a file system {text!r}"
    raise NotFoundError(
        msg,
        hint="'efs-inventory list' shows the known ones; 'efs-inventory discover' looks for new ones",
    )


def known_owner(topology: Topology, text: str) -> Owner | None:
    """Somebody whom sweeps know but no flow log: an instance, interface, function or task, by id, ARN or Name tag."""
    for kind, owner_of in _KNOWN:
        for version in reversed(topology.versions(kind)):
            owner = owner_of(version, topology) if text in _names(version.value) else None
            if owner is not None:
                return owner
    return None


def _names(value: Instance | NetworkInterface | Function | Task) -> set[str]:
    tags = getattr(value, "tags", {})
    fields = ("instance_id", "network_interface_id", "function_arn", "function_name", "task_arn")
    found = {getattr(value, field, "") for field in fields} | {tags.get("Name", "")}
    return (found | {name.rpartition("/")[2] for name in found if "/" in name}) - {""}


def _instance(version: Version[Instance], topology: Topology) -> Owner | None:
    return owners.instance_owner(version.value.instance_id, version.last_seen, topology, None)


def _interface(version: Version[NetworkInterface], topology: Topology) -> Owner | None:
    found = owners.ownership(version.value.network_interface_id, version.last_seen, "", topology)
    return found.owners[0] if found is not None and len(found.owners) == 1 else None


def _function(version: Version[Function], _topology: Topology) -> Owner | None:
    value = version.value
    return Owner(
        OwnerKind.LAMBDA_FUNCTION,
        value.function_name,
        value.function_arn,
        value.function_name,
        version.account,
        version.region,
    )


def _task(version: Version[Task], topology: Topology) -> Owner | None:
    return owners.task_owner(version.value, topology)


_KNOWN: tuple[tuple[str, Callable[[Any, Topology], Owner | None]], ...] = (
    ("instance", _instance),
    ("function", _function),
    ("task", _task),
    ("network_interface", _interface),
)
