"""One client during one run, as facts show it, and what is said of who it was."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.model import Attribution, Method, Vantage
from inventory.resolve.owners import Ownership

LATE = 60
"""AWS: a record's start and end may be up to 60 seconds after its packets were sent or received; never before."""


@dataclass(frozen=True, slots=True)
class ClientEnd:
    """Everything that facts say of one client during one run. Texts that are not known are ``""``."""

    vantage: Vantage
    vpc_id: str
    """The mount target's VPC."""
    recorder_vpc_id: str
    """The VPC of whoever recorded it."""
    interface_id: str
    """The recorder, when the client's own interface recorded."""
    address: str
    first_seen: int
    last_seen: int
    instance_id: str
    task_arn: str
    next_hop: str
    file_system_id: str
    server_interface_id: str
    own_interfaces: tuple[str, ...]
    """Client-side recorders seen with this same address and the same mount target at overlapping times."""

    @property
    def is_home(self) -> bool:
        """Whether it is known to have been recorded in the mount target's VPC: two VPCs may have the same addresses."""
        return bool(self.vpc_id) and self.recorder_vpc_id == self.vpc_id


@dataclass(frozen=True, slots=True)
class Part:
    """Who the client was, all the time or, where its address passed on inside the run, for a part of it."""

    attribution: Attribution
    since: int | None = None
    """When the part begins; ``None``: with the run."""
    until: int | None = None
    """When the part ends; ``None``: with the run."""


def attributed(found: Ownership, method: Method, interface_id: str) -> Attribution:
    """What stood behind an interface, and how that was found."""
    return Attribution(found.owners, found.confidence, method, interface_id, found.access_points)
