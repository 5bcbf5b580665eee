"""A week at a fictional company, as AWS would have recorded it: who mounted what, and what was missed.

The Foundry keeps a web shop in one account and one VPC. Everything is computed from the tables below, the same on every machine and day:

- ``shop-media`` is busy: web servers of an Auto Scaling group (one is replaced on Wednesday), Fargate tasks of a service (redeployed
  on Thursday; a new task gets the address that the old web server had), a Lambda function behind a shared interface, and pods of a
  Kubernetes cluster, of which flow logs show only the nodes.
- ``nightly-reports`` is mounted all the time and hardly used.
- ``payroll`` is used from two Lambda functions that share one interface, and from on-premises; an old batch server is turned away.
- ``legacy-wiki`` has nobody, and was watched all the time; only a scanner came by.
- ``ml-scratch`` has nobody either, but capturing skipped 20 minutes on Tuesday.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from inventory.model import DAY, HOUR

ACCOUNT = "111122223333"
REGION = "eu-central-1"
BEGIN = 1_793_577_600
"""Monday, 2 November 2026, 00:00 UTC."""
END = BEGIN + 7 * DAY + 12 * HOUR
AGGREGATION = 600
SWEEP_EVERY = 3 * HOUR


def day(number: int, hour: int, minute: int = 0) -> int:
    """A moment of the story: day 0 is Monday."""
    return BEGIN + number * DAY + hour * HOUR + minute * 60


def made_id(prefix: str, name: str) -> str:
    """An id as AWS makes them, always the same for the same name."""
    return f"{prefix}-0{hashlib.sha256(f'{prefix}/{name}'.encode()).hexdigest()[:16]}"


VPC = made_id("vpc", "shop")
SUBNETS = {name: made_id("subnet", name) for name in ("a", "b")}
KUBERNETES = "shop-eks"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/shop"
GROUPS = {name: made_id("sg", name) for name in ("web", "thumbnails", "payroll", "efs", "ops")}


@dataclass(frozen=True)
class FileSystem:
    """A file system and its mount targets, one for each subnet named, with the last number of its address."""

    name: str
    addresses: tuple[tuple[str, int], ...]
    team: str
    size: int

    @property
    def id(self) -> str:
        """Of the file system."""
        return made_id("fs", self.name)

    @property
    def access_point(self) -> str:
        """The one access point it has."""
        return made_id("fsap", self.name)


FILE_SYSTEMS = (
    FileSystem("shop-media", (("a", 200), ("b", 200)), "shop", 812_000_000_000),
    FileSystem("nightly-reports", (("a", 201),), "finance", 4_100_000_000),
    FileSystem("payroll", (("b", 202),), "people", 61_000_000_000),
    FileSystem("legacy-wiki", (("a", 203),), "platform", 9_800_000_000),
    FileSystem("ml-scratch", (("b", 204),), "research", 2_300_000_000_000),
)


@dataclass(frozen=True)
class Client:
    """Something that speaks to a file system; ``pattern`` is one of :data:`PATTERNS`."""

    name: str
    kind: str
    """instance, node (of the Kubernetes cluster), task, lambda or outside."""
    subnet: str
    address: str
    file_system: str
    pattern: str
    group: str = "web"
    begin: int = BEGIN - 30 * DAY
    end: int = END + DAY
    first: int = BEGIN
    """When it first speaks in the story; an interface is there before its first packet."""

    @property
    def interface(self) -> str:
        """Its network interface; ``""`` when it has none here."""
        return "" if self.kind == "outside" else made_id("eni", self.name)

    @property
    def instance(self) -> str:
        """Its instance id; ``""`` unless it is an instance or node."""
        return made_id("i", self.name) if self.kind in {"instance", "node"} else ""

    @property
    def task_arn(self) -> str:
        """Its task's ARN; ``""`` unless it is a task."""
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:32]
        return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/shop/{digest}" if self.kind == "task" else ""


_REPLACED, _REDEPLOYED = day(2, 9, 40), day(3, 10)

CLIENTS = (
    Client("web-1", "instance", "a", "10.20.1.11", "shop-media", "busy"),
    Client("web-2", "instance", "b", "10.20.2.12", "shop-media", "busy"),
    Client("web-3", "instance", "a", "10.20.1.14", "shop-media", "busy", end=_REPLACED),
    Client(
        "web-4",
        "instance",
        "a",
        "10.20.1.15",
        "shop-media",
        "busy",
        begin=_REPLACED + 300,
        first=_REPLACED + 600,
    ),
    Client("checkout-1", "task", "b", "10.20.2.31", "shop-media", "steady", end=_REDEPLOYED),
    Client(
        "checkout-2",
        "task",
        "a",
        "10.20.1.14",
        "shop-media",
        "steady",
        begin=_REDEPLOYED - 420,
        first=_REDEPLOYED - 300,
    ),
    Client("node-1", "node", "a", "10.20.1.41", "shop-media", "steady"),
    Client("node-2", "node", "b", "10.20.2.42", "shop-media", "office"),
    Client("thumbnails", "lambda", "a", "10.20.1.50", "shop-media", "office", "thumbnails"),
    Client("reports-01", "instance", "a", "10.20.1.70", "nightly-reports", "idle", "ops"),
    Client("payroll", "lambda", "b", "10.20.2.51", "payroll", "nightly", "payroll"),
    Client("tokyo", "outside", "b", "10.8.3.7", "payroll", "office"),
    Client("old-batch", "instance", "b", "10.20.2.80", "payroll", "rejected", "ops"),
    Client("scanner", "instance", "a", "10.20.1.99", "legacy-wiki", "probe", "ops"),
)

FUNCTIONS = (
    # Two functions share the interface of `thumbnails`; only one of them declares a mount, so it is known which.
    ("thumbnails", "a", "thumbnails", "shop-media"),
    ("image-checker", "a", "thumbnails", ""),
    # Two share that of `payroll` and both declare it: which of them it was cannot be told.
    ("payroll-export", "b", "payroll", "payroll"),
    ("payslip-mailer", "b", "payroll", "payroll"),
)

PODS = (
    ("catalog", "search-index", "Deployment", "node-1", "media"),
    ("catalog", "search-index", "Deployment", "node-2", "media"),
    ("photos", "resize-queue", "StatefulSet", "node-1", "originals"),
)
"""Namespace, controller and its kind, node, and the claim, by which each pod uses ``shop-media``."""

SKIPPED = ("ml-scratch", day(1, 14, 20), day(1, 14, 40))
"""Where and when capturing skipped records."""


@dataclass(frozen=True)
class Contact:
    """What passes between a client and a mount target in one aggregation interval."""

    packets: int
    size: int
    """Bytes of requests; responses carry a third more."""
    seconds: int = AGGREGATION
    accepted: bool = True


def _hour(slot: int) -> int:
    return slot % DAY // HOUR


def _varied(slot: int, about: int) -> int:
    """Something near ``about``, always the same for the same slot."""
    return about * (70 + slot // AGGREGATION * 37 % 61) // 100


def contact(pattern: str, slot: int) -> Contact | None:
    """What a client of this pattern does in the interval that begins at ``slot``; ``None`` for nothing."""
    working = 7 <= _hour(slot) < 19  # noqa: PLR2004 - office hours
    match pattern:
        case "busy":
            packets = _varied(slot, 9000 if working else 1500)
            return Contact(packets, packets * 780)
        case "steady":
            packets = _varied(slot, 1200)
            return Contact(packets, packets * 420)
        case "office" if working:
            packets = _varied(slot, 700)
            return Contact(packets, packets * 510)
        case "nightly" if _hour(slot) == 2:  # noqa: PLR2004 - the hour of the nightly job
            packets = _varied(slot, 4000)
            return Contact(packets, packets * 890)
        case "idle":
            return Contact(20, 2400)
        case "rejected" if slot % DAY == 6 * HOUR:
            return Contact(4, 240, seconds=9, accepted=False)
        case "probe" if slot == day(4, 3, 10):
            return Contact(3, 172, seconds=2)
    return None
