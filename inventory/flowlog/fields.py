"""Every field that a VPC flow log can have: one table, versions 2 to 11.

The order is that of AWS's own table ("Available fields", VPC user guide, flow-log-records). A field that is not here is no error: AWS adds
some about twice a year, and what is not known is carried past.
"""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """A field by AWS's name, the record version that brought it, and what cannot be told without it (``""``: nothing we need)."""

    name: str
    version: int
    loss: str = ""


FIELDS: tuple[Field, ...] = (
    Field("version", 2),
    Field("account-id", 2),
    Field(
        "interface-id",
        2,
        "rows of mount targets, clients and gateways on the way are told apart by address only; no coverage",
    ),
    Field("srcaddr", 2, "clients cannot be told by address"),
    Field(
        "dstaddr",
        2,
        "the mount target, and so the file system, cannot be told: clients are only 'possible'",
    ),
    Field("srcport", 2, "answers of the server cannot be recognised: only requests count"),
    Field("dstport", 2, "requests to port 2049 cannot be recognised"),
    Field("protocol", 2, "everything on port 2049 is taken for TCP"),
    Field("packets", 2, "idle mounts, and probes by scanners, cannot be told from busy ones"),
    Field("bytes", 2, "idle mounts, and probes by scanners, cannot be told from busy ones"),
    Field(
        "start", 2, "times come from the CloudWatch event or the file's name: up to ten minutes off"
    ),
    Field(
        "end", 2, "times come from the CloudWatch event or the file's name: up to ten minutes off"
    ),
    Field("action", 2, "rejected traffic looks like accepted: mounts are only 'attempted'"),
    Field(
        "log-status",
        2,
        "NODATA and SKIPDATA cannot be told: an idle file system has no coverage, holes go unseen",
    ),
    Field(
        "vpc-id",
        3,
        "the same address in two VPCs is told apart by what is known of the interface only",
    ),
    Field("subnet-id", 3),
    Field("instance-id", 3, "an instance is found by its interface or address only"),
    Field("tcp-flags", 3),
    Field("type", 3),
    Field(
        "pkt-srcaddr",
        3,
        "clients behind NAT, pods and secondary addresses fall together on one address",
    ),
    Field(
        "pkt-dstaddr",
        3,
        "clients behind NAT, pods and secondary addresses fall together on one address",
    ),
    Field("region", 4),
    Field("az-id", 4),
    Field("sublocation-type", 4),
    Field("sublocation-id", 4),
    Field("pkt-src-aws-service", 5),
    Field("pkt-dst-aws-service", 5),
    Field("flow-direction", 5),
    Field("traffic-path", 5),
    Field("ecs-cluster-arn", 7),
    Field("ecs-cluster-name", 7),
    Field("ecs-container-instance-arn", 7),
    Field("ecs-container-instance-id", 7),
    Field("ecs-container-id", 7),
    Field("ecs-second-container-id", 7),
    Field("ecs-service-name", 7),
    Field("ecs-task-definition-arn", 7),
    Field("ecs-task-arn", 7, "an ECS task is found by its address and the times of sweeps only"),
    Field("ecs-task-id", 7),
    Field("reject-reason", 8),
    Field("resource-id", 9),
    Field("encryption-status", 10),
    Field("instance-tag", 11),
    Field("instance-tag-2", 11),
    Field("interface-tag", 11),
    Field("interface-tag-2", 11),
    Field("asg-tag", 11),
    Field("asg-tag-2", 11),
    Field("interface-type", 11),
    Field("next-hop-interface-id", 11, "rows of a mount target name the client by address only"),
    Field("next-hop-subnet-id", 11),
    Field("next-hop-az-id", 11),
    Field("next-hop-vpc-id", 11),
    Field("next-hop-interface-type", 11),
)

DEFAULT: tuple[str, ...] = tuple(field.name for field in FIELDS if field.version == 2)  # noqa: PLR2004 - the record version
"""The default format: version 2, fixed."""

TRANSIT_GATEWAY = frozenset({"resource-type", "tgw-id"})
"""Fields of transit gateway flow logs, another product that is delivered under the same prefix."""
