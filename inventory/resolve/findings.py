"""What a rule answers, and what a rule is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory.model import NetworkInterface, OwnerKind

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of an interface."""

    finding: str
    """The fine label: ``nat_gateway``, ``rds``, ``user_unattached``; ``rules.TRANSIT`` names those that only pass traffic on."""
    kind: OwnerKind
    id: str = ""
    """What the interface itself names: instance, task attachment, NAT gateway, hinted function name; ``""`` when it names nothing."""
    name: str | None = None
    """For people, where there is more to say than the id."""
    lasting: bool = True
    """True for what cannot change while the interface lives; an instance's attachment can."""


Rule = Callable[[NetworkInterface, "Topology", int], Finding | None]
"""``rule(interface, topology, moment)``: an answer, or ``None`` to let the next rule look."""
