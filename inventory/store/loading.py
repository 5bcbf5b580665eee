"""Everything known at once, ready to be asked: loaded when it changed, not for each batch.

A sweep changes little of it. Whoever learns keeps what was known before, and only what the sweep spoke of is read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from inventory.model import KINDS, Known, Place, Version
from inventory.resolve.topology import Topology
from inventory.store import asked, clusters
from inventory.store.knowledge import Scope, knowledge_version
from inventory.store.versions import Shelf, read_shelf, read_shelves

KEPT_READY = sorted(set(KINDS) - {clusters.KIND})
"""Kinds that name clients. Dumps of Kubernetes clusters are large and read when a question needs them."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What all recorded sweeps say together."""

    version: int
    """Equal numbers, equal knowledge."""
    topology: Topology
    known: Known
    """The part that reading needs."""
    shelves: Mapping[Scope, Shelf]
    """What it was made of."""

    def whole_sweeps(self, kind: str, account: str, region: str) -> Sequence[int]:
        """When a kind was completely seen in an account and region; ascending."""
        shelf = self.shelves.get(Scope(kind, account, region))
        return shelf.said.whole if shelf else ()

    def whole(self) -> set[Scope]:
        """Where, of each kind, any sweep was whole: only there an empty list means "none"."""
        return {scope for scope, shelf in self.shelves.items() if shelf.said.whole}


def load(conn: Connection) -> Knowledge:
    """All knowledge, from one moment of the database."""
    return _made_of(conn, read_shelves(conn, KEPT_READY))


def load_since(conn: Connection, before: Knowledge, spoken: Mapping[Scope, int]) -> Knowledge:
    """All knowledge, from how it was ``before`` and what sweeps spoke of since then: by scope, the earliest moment."""
    new = {
        scope: read_shelf(conn, scope, before.shelves.get(scope), since)
        for scope, since in spoken.items()
        if scope.kind in KEPT_READY
    }
    if not new:
        topology = before.topology.with_asked(asked.connections(conn))
        return replace(before, version=knowledge_version(conn), topology=topology)
    return _made_of(conn, {**before.shelves, **new})


def _made_of(conn: Connection, shelves: Mapping[Scope, Shelf]) -> Knowledge:
    version, told = knowledge_version(conn), asked.connections(conn)
    pairs: dict[str, set[tuple[str, str]]] = {kind: set() for kind in KINDS}
    versions: dict[str, list[Version[Any]]] = {kind: [] for kind in KINDS}
    for scope in sorted(shelves):
        if shelves[scope].said.whole:
            pairs[scope.kind].add((scope.account, scope.region))
        versions[scope.kind].extend(shelves[scope].every())
    topology = Topology(versions, whole=pairs, swept=_swept(shelves), asked=told)
    return Knowledge(version, topology, _known(topology, pairs["mount_target"]), shelves)


def _swept(shelves: Mapping[Scope, Shelf]) -> dict[Place, tuple[int, ...]]:
    return {
        (scope.account, scope.region): shelf.said.whole
        for scope, shelf in shelves.items()
        if scope.kind == "network_interface"
    }


def _known(topology: Topology, listed: set[tuple[str, str]]) -> Known:
    shown = {
        version.value.network_interface_id
        for version in topology.versions("network_interface")
        # Where mount targets could never be listed, any interface may yet turn out to be one's.
        if (version.account, version.region) in listed
    }
    return Known(topology.server_addresses(), frozenset(shown - topology.server_interfaces()))
