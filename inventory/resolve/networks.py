"""Addresses and the networks they lie in: named networks of the configuration, and which of many CIDRs holds an address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class PrefixMap(Generic[T]):
    """Values by CIDR; finds every CIDR that holds an address, the longest prefix first, without walking through all of them."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        """Raises ``ValueError`` for a text that is no CIDR; host bits are ignored, as AWS does."""
        self._values: dict[tuple[int, int, int], list[T]] = {}
        lengths: dict[int, set[int]] = {4: set(), 6: set()}
        for cidr, value in entries:
            network = ipaddress.ip_network(cidr, strict=False)
            first = int(network.network_address)
            self._values.setdefault((network.version, network.prefixlen, first), []).append(value)
            lengths[network.version].add(network.prefixlen)
        self._lengths = {version: sorted(found, reverse=True) for version, found in lengths.items()}

    def __bool__(self) -> bool:
        return bool(self._values)

    def holding(self, address: str) -> list[T]:
        """Values of all CIDRs that hold this address, longest prefix first; none for a text that is no address."""
        if not self._values:
            return []
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return []
        found: list[T] = []
        for length in self._lengths[parsed.version]:
            rest = parsed.max_prefixlen - length
            found += self._values.get((parsed.version, length, int(parsed) >> rest << rest), ())
        return found


class Networks:
    """The ``[networks]`` of the configuration: CIDR to name; the longest prefix wins."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        """Raises ``ValueError`` for a key that is no CIDR."""
        self.names = dict(names or {})
        self._by_prefix: PrefixMap[str] = PrefixMap(self.names.items())

    def name(self, address: str) -> str | None:
        """``None`` outside every named network."""
        return next(iter(self._by_prefix.holding(address)), None)
