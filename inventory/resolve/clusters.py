"""Who stood behind an EKS node: the pods that dumps of Kubernetes clusters show on it.

Pods that mount through their node never appear in flow logs, so what a dump shows at its own moment is all there is to go by: it is always
inferred. Pure, like all of ``resolve``.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inventory.model import ClusterUse, Span
from inventory.resolve.topology import Topology

_NODE_BY_ID = re.compile(r"(i-[0-9a-f]{8,17})(?:\..*)?")
"""A node named after its instance; others have the name of an address."""


class Shown(NamedTuple):
    """What was seen of a node at every dump of its cluster from the first moment to the last."""

    use: ClusterUse
    first: int
    last: int


class Dumps:
    """What the dumps of the clusters of one account and region show."""

    def __init__(self, moments: Mapping[str, Sequence[int]], shown: Iterable[Shown]) -> None:
        """``moments``: by cluster, when a whole dump of it was taken, ascending; ``shown`` in any order."""
        self._moments = moments
        self._by_name: dict[tuple[str, str], list[Shown]] = defaultdict(list)
        for one in shown:
            named = _NODE_BY_ID.fullmatch(one.use.node)
            for name in (named[1],) if named else one.use.addresses:
                self._by_name[one.use.cluster, name].append(one)

    @property
    def clusters(self) -> tuple[str, ...]:
        """Those that were dumped at any time, sorted."""
        return tuple(sorted(self._moments))

    def nearest(self, cluster: str, span: Span) -> Sequence[int]:
        """The moments of the dumps inside a span, both ends included; without any the last one before it, if there is one."""
        moments = self._moments.get(cluster, ())
        first, end = bisect_left(moments, span[0]), bisect_right(moments, span[1])
        return moments[first:end] if first < end else moments[max(first - 1, 0) : first]

    def named(self, cluster: str, name: str) -> Sequence[Shown]:
        """What was seen of nodes by an instance id, or by an address where their name holds no instance id."""
        return self._by_name.get((cluster, name), ())


@dataclass(frozen=True, slots=True)
class Node:
    """A client that is an EKS node."""

    instance_id: str
    cluster: str = ""
    """By its tags; ``""`` when they name none."""
    interfaces: tuple[str, ...] = ()
    """Those it was seen with."""


@dataclass(frozen=True, slots=True, order=True)
class PodUse:
    """Pods of one controller that use a file system by one claim."""

    cluster: str
    namespace: str
    controller_kind: str
    controller_name: str
    claim: str
    pods: int
    """The most at any one dump."""


def pods_behind(
    node: Node, file_system_id: str, span: Span, dumps: Dumps, topology: Topology
) -> tuple[PodUse, ...]:
    """Which pods on a node used a file system, by the dumps nearest to ``span``; sorted. Empty: nobody, or nobody knows.

    A node whose tags name its cluster is looked for in that cluster's dumps alone. Else it must be found in those of one cluster only, for
    clusters in different VPCs may have nodes with the same address.
    """
    found: dict[str, tuple[PodUse, ...]] = {}
    for cluster in (node.cluster,) if node.cluster else dumps.clusters:
        moments = dumps.nearest(cluster, span)
        uses = list(_uses(node, cluster, moments, dumps, topology))
        if uses:
            found[cluster] = _counted(cluster, file_system_id, uses)
    return next(iter(found.values())) if len(found) == 1 else ()


def _uses(
    node: Node, cluster: str, moments: Sequence[int], dumps: Dumps, topology: Topology
) -> Iterator[ClusterUse]:
    """What dumps of a cluster show of a node, one for each of some moments at which it used any EFS."""
    attached = topology.interfaces_of_instance(node.instance_id)
    interfaces = sorted({*node.interfaces, *(v.value.network_interface_id for v in attached)})
    for shown in dumps.named(cluster, node.instance_id):
        for _moment in _within(moments, shown):
            yield shown.use
    for interface in interfaces:
        versions = topology.interface_versions(interface)
        for address in sorted({a for v in versions for a in v.value.addresses}):
            for shown in dumps.named(cluster, address):
                for moment in _within(moments, shown):
                    if _held(interface, address, moment, topology):
                        yield shown.use


def _within(moments: Sequence[int], shown: Shown) -> Sequence[int]:
    return moments[bisect_left(moments, shown.first) : bisect_right(moments, shown.last)]


def _held(interface: str, address: str, moment: int, topology: Topology) -> bool:
    """Whether the address was the interface's at the moment, and not another's: a new node may have the address of one that is gone."""
    return interface in topology.holders(topology.vpc_of(interface), address, moment).best


def _counted(cluster: str, file_system_id: str, uses: Iterable[ClusterUse]) -> tuple[PodUse, ...]:
    """By controller and claim. One that uses several volumes without a claim counts its pods once."""
    most: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for mount in (mount for use in uses for mount in use.mounts):
        if mount.file_system_id == file_system_id:
            key = (mount.namespace, mount.controller_kind, mount.controller_name, mount.claim)
            most[key] = max(most[key], mount.pods)
    return tuple(sorted(PodUse(cluster, *key, pods) for key, pods in most.items()))
