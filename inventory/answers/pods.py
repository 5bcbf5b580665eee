"""``used_by``: the pods behind a node that mounts, as far as a dump of its Kubernetes cluster tells."""

from __future__ import annotations

from collections.abc import Iterable

from inventory.answers.asking import Desk
from inventory.answers.contacts import Contact
from inventory.answers.shapes import Json
from inventory.model import Confidence, OwnerKind, Span
from inventory.resolve.clusters import Node, PodUse, pods_behind


def used_by(desk: Desk, contact: Contact, file_system_id: str, window: Span) -> list[Json] | None:
    """Who used the file system through a node, by controller and claim; ``None`` when nobody did or nobody knows, never empty.

    Pods have no time of their own here: they are those of the dumps that were taken while the node was seen, else of the last one before.
    """
    if len(contact.owners) != 1 or contact.owners[0].kind is not OwnerKind.EKS_NODE:
        return None
    owner = contact.owners[0]
    workload = owner.workload
    cluster = workload.id if workload and workload.kind == "eks_cluster" else ""
    found = pods_behind(
        Node(owner.id, cluster, contact.interfaces),
        file_system_id,
        (contact.first_seen, contact.last_seen),
        desk.dumps(owner.account or "", owner.region or "", window),
        desk.knowledge.topology,
    )
    return [_shape(use) for use in found] or None


def _shape(use: PodUse) -> Json:
    return {
        "cluster": use.cluster,
        "namespace": use.namespace,
        "controller": {"kind": use.controller_kind, "name": use.controller_name},
        "claim": use.claim or None,
        "pods": use.pods,
        "confidence": Confidence.INFERRED.value,
    }


def together(lists: Iterable[list[Json] | None]) -> list[Json] | None:
    """What several nodes are used by: pods of the same controller and claim are counted together."""
    found: dict[tuple[str, ...], Json] = {}
    for uses in lists:
        for use in uses or ():
            key = _key(use)
            pods = use["pods"] + (found[key]["pods"] if key in found else 0)
            found[key] = {**use, "pods": pods}
    return [found[key] for key in sorted(found)] or None


def _key(use: Json) -> tuple[str, ...]:
    controller = use["controller"]
    return (
        use["cluster"],
        use["namespace"],
        controller["kind"],
        controller["name"],
        use["claim"] or "",
    )
