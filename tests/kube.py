"""Objects of a Kubernetes dump with defaults, so that a test says only what it is about."""

from __future__ import annotations

from typing import Any

from tests.builders import CLIENT, FS

Json = dict[str, Any]

NODE = "ip-10-0-3-11.eu-central-1.compute.internal"
AP = "fsap-0123456789abcdef0"


def dump(*items: Json, **more: Any) -> Json:
    """What ``kubectl get pv,pvc,pods -A -o json`` prints."""
    return {"apiVersion": "v1", "kind": "List", "items": list(items), "metadata": {}} | more


def volume(name: str = "pv-1", handle: str = FS, *, claim: str = "data", **spec: Any) -> Json:
    reference = {"namespace": "shop", "name": claim} if claim else None
    csi = {"driver": "efs.csi.aws.com", "volumeHandle": handle}
    return {
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {"claimRef": reference, "csi": csi} | spec,
        "status": {"phase": "Bound" if claim else "Available"},
    }


def claim(name: str = "data", bound: str = "pv-1", namespace: str = "shop") -> Json:
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"volumeName": bound} if bound else {},
    }


def owner(kind: str, name: str) -> Json:
    return {"kind": kind, "name": name, "controller": True}


def pod(name: str = "web-0", *volumes: Json, **changes: Any) -> Json:
    """Of the StatefulSet ``web``; by default it uses the claim ``data``."""
    node, phase = changes.pop("node", NODE), changes.pop("phase", "Running")
    address = changes.pop("address", CLIENT)
    controller = changes.pop("controller", owner("StatefulSet", "web"))
    return {
        "kind": "Pod",
        "metadata": {
            "namespace": changes.pop("namespace", "shop"),
            "name": name,
            "ownerReferences": [controller] if controller else [],
        }
        | changes,
        "spec": {"nodeName": node, "volumes": list(volumes or [of_claim()])},
        "status": {"phase": phase, "hostIP": address},
    }


def of_claim(name: str = "data") -> Json:
    return {"name": "v", "persistentVolumeClaim": {"claimName": name}}


def dns() -> Json:
    """A pod such as every cluster has; it uses nothing of EFS."""
    return pod("dns", {"name": "tmp", "emptyDir": {}}, controller=owner("ReplicaSet", "coredns"))
