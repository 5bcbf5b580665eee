"""An organization: its management account, units and accounts, as AWS Organizations tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Unit:
    """An organizational unit below a root or another unit."""

    id: str
    name: str
    parent: str


@dataclass(frozen=True)
class Member:
    """An account below a root or a unit."""

    id: str
    name: str
    parent: str
    status: str = "ACTIVE"


@dataclass
class Organization:
    """``delegated`` accounts may ask, as the management account may."""

    management: str
    root: str = "r-root1"
    units: list[Unit] = field(default_factory=list)
    accounts: list[Member] = field(default_factory=list)
    delegated: set[str] = field(default_factory=set)
    id: str = "o-exampleorg1"

    def may_ask(self, account: str) -> bool:
        return account == self.management or account in self.delegated

    def is_member(self, account: str) -> bool:
        return any(member.id == account for member in self.accounts)

    def is_parent(self, parent: str) -> bool:
        return parent == self.root or any(unit.id == parent for unit in self.units)

    def roots(self) -> list[Mapping[str, Any]]:
        arn = f"arn:aws:organizations::{self.management}:root/{self.id}/{self.root}"
        return [{"Id": self.root, "Arn": arn, "Name": "Root", "PolicyTypes": []}]

    def units_of(self, parent: str) -> list[Mapping[str, Any]]:
        lead = f"arn:aws:organizations::{self.management}:ou/{self.id}"
        return [
            {"Id": unit.id, "Arn": f"{lead}/{unit.id}", "Name": unit.name}
            for unit in self.units
            if unit.parent == parent
        ]

    def accounts_of(self, parent: str | None) -> list[Mapping[str, Any]]:
        """Those directly below a parent; ``None``: all."""
        lead = f"arn:aws:organizations::{self.management}:account/{self.id}"
        return [
            {
                "Id": member.id,
                "Arn": f"{lead}/{member.id}",
                "Email": f"{member.name}@example.org",
                "Name": member.name,
                "Status": member.status,
                "State": member.status,
                "JoinedMethod": "CREATED",
                "JoinedTimestamp": "2024-02-29T12:00:00Z",
            }
            for member in self.accounts
            if parent in (None, member.parent)
        ]
