"""Conclusions: who that was, and what of it is a mount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class OwnerKind(StrEnum):
    """What a client is. ``gateway``: somebody unknown behind it. ``address``: no interface of ours. The last four are never clients."""

    EC2_INSTANCE = "ec2_instance"
    LAMBDA_FUNCTION = "lambda_function"
    ECS_TASK = "ecs_task"
    EKS_NODE = "eks_node"
    EKS_POD = "eks_pod"
    SAGEMAKER = "sagemaker"
    CODEBUILD_PROJECT = "codebuild_project"
    DATASYNC = "datasync"
    BEDROCK_AGENTCORE = "bedrock_agentcore"
    AWS_SERVICE = "aws_service"
    GATEWAY = "gateway"
    ADDRESS = "address"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How sure an attribution is: proven, the only one it can be, one of several, or nobody we can name."""

    EXACT = "exact"
    INFERRED = "inferred"
    CANDIDATES = "candidates"
    UNKNOWN = "unknown"


class Method(StrEnum):
    """The first rung that gave an interface or instance."""

    RECORD = "record"
    INTERFACE = "interface"
    NEXT_HOP = "next_hop"
    ADDRESS_LEASE = "address_lease"
    CIDR = "cidr"
    CLOUDTRAIL = "cloudtrail"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Workload:
    """What outlives a client: ECS service or task family, Lambda function, Auto Scaling group, EKS cluster; else the client itself."""

    kind: str
    id: str
    arn: str | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who stood behind an interface or address."""

    kind: OwnerKind
    id: str
    """Instance id, function name, task id, node's instance id, address, or the interface's id when only that is known."""
    arn: str | None = None
    name: str | None = None
    account: str | None = None
    region: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    workload: Workload | None = None

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes two owners the same one, whatever their names and tags."""
        return (self.kind.value, self.id, self.account or "", self.region or "")


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who a client was, and how we know. One owner, or two and more when ``confidence`` is ``candidates``."""

    owners: tuple[Owner, ...]
    """Sorted by identity."""
    confidence: Confidence
    method: Method
    interface_id: str = ""
    access_points: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    """ARNs of the IAM principals that CloudTrail saw connect from there, then; sorted."""
    identity: tuple[tuple[str, str, str, str], ...] = field(init=False, compare=False, repr=False)
    """The identities of the owners: equal ones speak of the same client, or of the same set of candidates."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", tuple(owner.identity for owner in self.owners))


class Vantage(StrEnum):
    """Who recorded a sighting: the mount target's own interface, the client's own, or a third one on the way (a shadow)."""

    MOUNT_TARGET = "mount_target"
    CLIENT = "client"
    SHADOW = "shadow"


class MountHour(NamedTuple):
    """A run of contact between one attributed client and one mount target inside one hour: derived, a pure function of facts and knowledge.

    Counts come from one witness for each slot. ``*_ok`` count accepted records.
    """

    mount_target_id: str
    """``""`` when the format does not tell the server: then ``file_systems`` are the possible ones."""
    file_system_ids: tuple[str, ...]
    """One; or the candidates, sorted."""
    account: str
    """Of the mount target; with region and file system id the key of the file system."""
    region: str
    client: str
    """The client's address (``true_client``), or ``""``."""
    attribution: Attribution
    hour: int
    first_seen: int
    last_seen: int
    requests_ok: int
    responses_ok: int
    rejected: int
    packets_in: int
    bytes_in: int
    packets_out: int
    bytes_out: int
    at_mount_target: bool
    """The counts are the mount target's own rows throughout."""
    accepted: bool
    """Proved by who recorded it: an accepted request at the mount target, or accepted requests and responses at the client."""
    last_busy: int | None
    """End of the last slot above the idle rate; ``None`` when all of it is idle."""
    batch_id: int
    """A batch that shows it: the evidence."""


class MountState(StrEnum):
    """Only the first four are mounts."""

    ACTIVE = "active"
    IDLE = "idle"
    ENDED = "ended"
    UNKNOWN = "unknown"
    PROBE = "probe"
    ATTEMPTED = "attempted"
    REJECTED = "rejected"
