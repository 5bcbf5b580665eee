"""What a pod of a Kubernetes dump belongs to: the controller that outlives it, as far as names and two labels tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from inventory.discover import fields
from inventory.discover.fields import Raw

_HASH_LABELS = {"pod-template-hash": "Deployment", "rollouts-pod-template-hash": "Rollout"}
"""The label that ends the name of a replica set, and who made the set."""

_HASHED = re.compile(r"(.+)-[bcdfghjklmnpqrstvwxz2456789]{5,10}")
"""How the name of a Deployment's replica set looks: Kubernetes hashes have no vowels."""

_SCHEDULED = re.compile(r"(.+)-([0-9]{8}|[0-9]{10})")
"""A CronJob names its jobs after the minute (before Kubernetes 1.21: the second) that they were due at."""

_MINUTES = range(26_000_000, 60_000_000)
"""From 2019 to 2084. A date such as 20261101 is none of them."""


def outliving(metadata: Raw, pod: str) -> tuple[str, str]:
    """Kind and name of what outlives a pod, by its metadata; a pod without controller stands for itself.

    Raises ``FieldError`` for an owner that cannot be read.
    """
    owners = fields.rows(metadata, "ownerReferences")
    owner = next((row for row in owners if fields.flag(row, "controller")), None)
    if owner is None:
        return "Pod", pod
    kind, name = fields.required(owner, "kind"), fields.required(owner, "name")
    above = _ABOVE.get(kind)
    return (above(name, metadata) if above else None) or (kind, name)


def _of_replica_set(name: str, metadata: Raw) -> tuple[str, str] | None:
    """By the hash that its pods are labelled with; in a dump that was reduced by its labels, the name must do."""
    labels = fields.child(metadata, "labels")
    for label, kind in _HASH_LABELS.items():
        suffix = f"-{fields.text(labels, label)}"
        if len(suffix) > 1 and name.endswith(suffix) and name != suffix:
            return kind, name.removesuffix(suffix)
    match = _HASHED.fullmatch(name) if metadata.get("labels") is None else None
    return ("Deployment", match[1]) if match else None


def _of_job(name: str, _metadata: Raw) -> tuple[str, str] | None:
    match = _SCHEDULED.fullmatch(name)
    if match is None or (len(match[2]) == len("28372610") and int(match[2]) not in _MINUTES):
        return None
    return "CronJob", match[1]


_ABOVE: Mapping[str, Callable[[str, Raw], tuple[str, str] | None]] = {
    "ReplicaSet": _of_replica_set,
    "Job": _of_job,
}
