"""``[clients] probes`` and ``maintenance``: who the operator says is no user of a file system."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from inventory.model import Owner
from inventory.verdict import Label

if TYPE_CHECKING:
    from inventory.config import ClientsSettings


class Labelled(NamedTuple):
    """A label, and the entry of the configuration that gives it."""

    label: Label
    by: str


class Labels:
    """Tells who is labelled. Somebody of whom only a part is (one of several candidates, one of several addresses) is not."""

    def __init__(self, clients: ClientsSettings) -> None:
        self._entries = [
            *((Label.PROBE, entry) for entry in clients.probes),
            *((Label.MAINTENANCE, entry) for entry in clients.maintenance),
        ]

    def of(
        self, owners: Sequence[Owner], addresses: Sequence[str], interfaces: Sequence[str] = ()
    ) -> Labelled | None:
        """The first label that fits a client, by all that it may be."""
        for label, entry in self._entries:
            if _fits(entry, owners, addresses, interfaces):
                return Labelled(label, f"[clients] {_KEYS[label]}: {entry}")
        return None

    @property
    def entries(self) -> dict[str, list[str]]:
        """What the configuration says, by key."""
        return {
            key: [entry for of, entry in self._entries if of is label]
            for label, key in _KEYS.items()
        }


_KEYS = {Label.PROBE: "probes", Label.MAINTENANCE: "maintenance"}


def _fits(
    entry: str, owners: Sequence[Owner], addresses: Sequence[str], interfaces: Sequence[str]
) -> bool:
    if entry.startswith("tag:"):
        key, _, value = entry.removeprefix("tag:").partition("=")
        return bool(owners) and all(owner.tags.get(key) == value for owner in owners)
    try:
        network = ipaddress.ip_network(entry)
    except ValueError:
        named = bool(owners) and all(entry in _names(owner) for owner in owners)
        return named or list(interfaces) == [entry]
    return bool(addresses) and all(_inside(address, network) for address in addresses)


def _names(owner: Owner) -> set[str]:
    workload = owner.workload
    found = {owner.id, owner.arn, *((workload.id, workload.arn) if workload else ())}
    return {name for name in found if name}


def _inside(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.version == network.version and parsed in network
