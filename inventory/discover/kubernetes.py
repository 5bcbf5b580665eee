"""Dumps of Kubernetes clusters (``kubectl get pv,pvc,pods -A -o json``) to who uses which EFS file system on which node.

Pods that mount through the EFS CSI driver, or as NFS volumes, send from their node's address, so no flow log ever shows them. What is read
here by name is the whole allow-list: no environment variable, annotation or image is looked at. A dump is believed as a whole or not at
all: half of one would make the pods that it lacks look gone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from inventory.discover import controllers, fields
from inventory.discover.fields import FieldError, Raw
from inventory.model import ClusterUse, PodMount, canonical_address

_CALL = "k8s."

_CLUSTER = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")

_DRIVER = "efs.csi.aws.com"

_HANDLE = re.compile(r"(fs-[0-9a-f]{8,40})(?::[^:]*(?::(fsap-[0-9a-f]{8,40})?)?)?")
"""``fs-…[:path[:fsap-…]]``, as the driver reads it. ``s3files:fs-…`` is a bucket, and no EFS."""

_ACCESS_POINT_OPTION = re.compile(r"accesspoint=(fsap-[0-9a-f]{8,40})", re.IGNORECASE)
"""How access points were named before handles could."""

_NFS_SERVER = re.compile(
    r"(?:[a-z0-9-]+\.)?(fs-[0-9a-f]{8,40})\.efs\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?", re.IGNORECASE
)

_OVER = ("Succeeded", "Failed")
"""Phases of pods that have let go of their volumes."""

_TOGETHER = "record pv, pvc and pods together, as somebody who may list all three"

_UNCLAIMED = ("Released", "Failed")
"""Phases of volumes that still name a claim which is gone."""

Claim = tuple[str, str]
"""Namespace and name of a persistent volume claim."""


def call_of(cluster: str) -> str:
    """The call that a cluster's dump counts as."""
    return _CALL + cluster


def cluster_of(call: str) -> str:
    """The cluster whose dump a call is; ``""`` for one to AWS, and for what is no cluster's name."""
    name = call.removeprefix(_CALL) if call.startswith(_CALL) else ""
    return name if _CLUSTER.fullmatch(name) else ""


def cluster_uses(cluster: str, answer: object) -> list[ClusterUse]:
    """What a dump shows, by node: first what no pod uses, then the nodes on which pods use EFS.

    Raises ``FieldError`` for a dump that cannot be read to its end, that is cut, or that cannot be all there is.
    """
    raw = fields.mapping(answer, "the dump")
    if fields.text(fields.child(raw, "metadata"), "continue"):
        raise FieldError("it is cut: there is a metadata.continue")
    seen = _Objects()
    for position, row in enumerate(fields.entries(raw, "items")):
        try:
            one = fields.mapping(row, "the entry")
            read = _READERS.get(fields.required(one, "kind"))
            if read is not None:
                read(one, seen)
        except FieldError as error:
            raise FieldError(f"items[{position}]: {error}") from error
    seen.check()
    return [_unused(cluster, seen), *_nodes(cluster, seen)]


# -- what the objects say ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Volume:
    """A volume; without file system when it is none of EFS."""

    name: str = ""
    file_system_id: str = ""
    access_point_id: str = ""


@dataclass(frozen=True, slots=True)
class _Pod:
    """A pod that is on a node and not over."""

    namespace: str
    controller: tuple[str, str]
    """Kind and name."""
    node: str
    addresses: tuple[str, ...]
    claims: tuple[str, ...]
    """Names, in its namespace."""
    inline: tuple[_Volume, ...]
    """Of EFS, that it names itself."""


@dataclass(slots=True)
class _Objects:
    """Everything of a dump that matters."""

    volumes: dict[str, _Volume] = field(default_factory=dict)
    bound: dict[Claim, str] = field(default_factory=dict)
    """The volume of a claim, by the claim itself; ``""`` while it has none."""
    reserved: dict[Claim, str] = field(default_factory=dict)
    """The volume of a claim, by the volume."""
    pods: list[_Pod] = field(default_factory=list)
    shows_pods: bool = False
    """Whether any pod was listed, one that is over or on no node too."""

    def volume(self, claim: Claim) -> _Volume | None:
        """What a claim stands for; ``None`` when nothing tells."""
        return self.volumes.get(self.bound.get(claim, self.reserved.get(claim, "")))

    def check(self) -> None:
        """Raises ``FieldError`` when pods were not listed, or volumes were not: pods have claims, and no claim a volume.

        Every cluster has pods (CoreDNS waits as one even where there is no node). ``kubectl`` prints what it may list and leaves out the
        rest, so a dump without any is what somebody records who may not list them.
        """
        if not self.shows_pods:
            raise FieldError(f"it shows no pod: {_TOGETHER}")
        if not self.volumes and any(pod.claims for pod in self.pods):
            raise FieldError(f"it shows pods with claims and no persistent volume: {_TOGETHER}")


def _volume(raw: Raw, seen: _Objects) -> None:
    name, spec = fields.required(_metadata(raw), "name"), fields.child(raw, "spec")
    csi = fields.child(spec, "csi")
    found = _Volume()
    if fields.text(csi, "driver") == _DRIVER:
        options = fields.texts(spec, "mountOptions")
        found = _by_handle(fields.text(csi, "volumeHandle"), options)
    elif server := fields.text(fields.child(spec, "nfs"), "server"):
        found = _by_server(server)
    seen.volumes[name] = replace(found, name=name)
    claim = fields.child(spec, "claimRef")
    if claim and fields.text(fields.child(raw, "status"), "phase") not in _UNCLAIMED:
        seen.reserved[fields.text(claim, "namespace"), fields.required(claim, "name")] = name


def _by_handle(handle: str, options: Iterable[str]) -> _Volume:
    match = _HANDLE.fullmatch(handle)
    if match is None:
        return _Volume()
    named = (option[1] for each in options if (option := _ACCESS_POINT_OPTION.fullmatch(each)))
    return _Volume("", match[1], match[2] or next(named, ""))


def _by_server(server: str) -> _Volume:
    match = _NFS_SERVER.fullmatch(server)
    return _Volume("", match[1].lower()) if match else _Volume()


def _claim(raw: Raw, seen: _Objects) -> None:
    metadata = _metadata(raw)
    claim = fields.text(metadata, "namespace"), fields.required(metadata, "name")
    seen.bound[claim] = fields.text(fields.child(raw, "spec"), "volumeName")


def _pod(raw: Raw, seen: _Objects) -> None:
    seen.shows_pods = True
    metadata, spec, status = _metadata(raw), fields.child(raw, "spec"), fields.child(raw, "status")
    name = fields.required(metadata, "name")
    node = fields.text(spec, "nodeName")
    listed = fields.rows(spec, "volumes")
    claims = fields.distinct(_claim_of(volume, name) for volume in listed)
    servers = (fields.text(fields.child(volume, "nfs"), "server") for volume in listed)
    found = _Pod(
        fields.text(metadata, "namespace"),
        controllers.outliving(metadata, name),
        node,
        _addresses(status, node),
        claims,
        tuple(volume for server in servers if (volume := _by_server(server)).file_system_id),
    )
    if node and fields.text(status, "phase") not in _OVER:
        seen.pods.append(found)


def _claim_of(volume: Raw, pod: str) -> str:
    """The claim that a pod's volume stands for; Kubernetes makes that of a generic ephemeral one, and names it after the pod."""
    if volume.get("ephemeral") is not None:
        return f"{pod}-{fields.required(volume, 'name')}"
    claim = fields.child(volume, "persistentVolumeClaim")
    return fields.required(claim, "claimName") if claim else ""


def _addresses(status: Raw, node: str) -> tuple[str, ...]:
    """A node's addresses, by what its pod says, else by a name such as ``ip-10-0-1-5.eu-central-1.compute.internal``."""
    told = [fields.address(row, "ip") for row in fields.rows(status, "hostIPs")]
    found = fields.distinct([fields.address(status, "hostIP"), *told])
    match = re.match(r"ip-([0-9]{1,3}(?:-[0-9]{1,3}){3})(?:\.|$)", node)
    if found or match is None:
        return found
    try:
        return (canonical_address(match[1].replace("-", ".")),)
    except ValueError:
        return ()


_READERS: Mapping[str, Callable[[Raw, _Objects], None]] = {
    "PersistentVolume": _volume,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
}


def _metadata(raw: Raw) -> Raw:
    return fields.child(raw, "metadata")


# -- who uses what -----------------------------------------------------------------------------------------------------------------------


def _nodes(cluster: str, seen: _Objects) -> Iterator[ClusterUse]:
    """Each node on which pods use EFS, by name."""
    counted: dict[str, dict[PodMount, int]] = defaultdict(lambda: defaultdict(int))
    addresses: dict[str, set[str]] = defaultdict(set)
    for pod in seen.pods:
        addresses[pod.node].update(pod.addresses)
        for mount in set(_mounts(pod, seen)):
            counted[pod.node][mount] += 1
    for node in sorted(counted):
        mounts = (replace(mount, pods=number) for mount, number in counted[node].items())
        yield _use(cluster, mounts, node, tuple(sorted(addresses[node])))


def _mounts(pod: _Pod, seen: _Objects) -> Iterator[PodMount]:
    """What a pod uses of EFS, not counted yet."""
    claimed = ((claim, seen.volume((pod.namespace, claim))) for claim in pod.claims)
    for claim, volume in (*claimed, *(("", volume) for volume in pod.inline)):
        if volume is not None and volume.file_system_id:
            yield PodMount(
                volume.file_system_id,
                volume.access_point_id,
                pod.namespace,
                *pod.controller,
                claim,
                volume.name,
            )


def _unused(cluster: str, seen: _Objects) -> ClusterUse:
    """The volumes of EFS that somebody claims and no pod uses."""
    used = {(pod.namespace, claim) for pod in seen.pods for claim in pod.claims}
    mounts = []
    for namespace, claim in {*seen.bound, *seen.reserved} - used:
        volume = seen.volume((namespace, claim))
        if volume is not None and volume.file_system_id:
            mount = PodMount(volume.file_system_id, volume.access_point_id, namespace)
            mounts.append(replace(mount, claim=claim, volume=volume.name))
    return _use(cluster, mounts)


def _use(
    cluster: str, mounts: Iterable[PodMount], node: str = "", addresses: tuple[str, ...] = ()
) -> ClusterUse:
    ordered = sorted(
        mounts,
        key=lambda m: (
            m.file_system_id,
            m.access_point_id,
            m.namespace,
            m.controller_kind,
            m.controller_name,
            m.claim,
            m.volume,
        ),
    )
    return ClusterUse(f"{cluster}/{node}", cluster, node, addresses, tuple(ordered))
