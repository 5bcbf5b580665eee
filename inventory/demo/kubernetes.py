"""The story's Kubernetes cluster, as ``kubectl get pv,pvc,pods -A -o json`` prints it, in few fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inventory.demo import story

Json = dict[str, Any]

_HASH = "6d4cf56db6"


def dump() -> Json:
    """Volumes, claims and pods; the same all week."""
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [*_claimed(), *(_pod(number, *each) for number, each in enumerate(story.PODS))],
    }


def _claimed() -> Iterator[Json]:
    media = story.FILE_SYSTEMS[0]
    for namespace, claim in sorted({(pod[0], pod[4]) for pod in story.PODS}):
        volume = f"{namespace}-{claim}"
        handle = f"{media.id}::{media.access_point}"
        yield {
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "claimRef": {"namespace": namespace, "name": claim},
                "csi": {"driver": "efs.csi.aws.com", "volumeHandle": handle},
            },
            "status": {"phase": "Bound"},
        }
        yield {
            "kind": "PersistentVolumeClaim",
            "metadata": {"namespace": namespace, "name": claim},
            "spec": {"volumeName": volume},
        }


def _pod(number: int, namespace: str, name: str, kind: str, node: str, claim: str) -> Json:
    address = next(client.address for client in story.CLIENTS if client.name == node)
    of_deployment = kind == "Deployment"
    owner = {
        "kind": "ReplicaSet" if of_deployment else kind,
        "name": f"{name}-{_HASH}" if of_deployment else name,
        "controller": True,
    }
    return {
        "kind": "Pod",
        "metadata": {
            "namespace": namespace,
            "name": f"{owner['name']}-{number}",
            "labels": {"pod-template-hash": _HASH} if of_deployment else {"app": name},
            "ownerReferences": [owner],
        },
        "spec": {
            "nodeName": f"ip-{address.replace('.', '-')}.{story.REGION}.compute.internal",
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        },
        "status": {"phase": "Running", "hostIP": address},
    }
