"""Everything known at once, ready to be asked: loaded when it changed, not for each batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from inventory.model import KINDS, Known
from inventory.resolve.topology import Topology
from inventory.store.knowledge import Scope, knowledge_version, moments_by_scope, read_versions


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What all recorded sweeps say together."""

    version: int
    """Equal numbers, equal knowledge."""
    topology: Topology
    known: Known
    """The part that reading needs."""
    whole: dict[Scope, tuple[int, ...]]

    def whole_sweeps(self, kind: str, account: str, region: str) -> Sequence[int]:
        """When a kind was completely seen in an account and region; ascending."""
        return self.whole.get(Scope(kind, account, region), ())


def whole_scopes(conn: Connection) -> set[Scope]:
    """Where, of each kind, any sweep was whole: only there an empty list means "none"."""
    found = moments_by_scope(conn, sorted(KINDS))
    return {scope for scope, said in found.items() if said.whole}


def load(conn: Connection) -> Knowledge:
    """All knowledge, from one moment of the database."""
    whole = {
        scope: said.whole
        for scope, said in moments_by_scope(conn, sorted(KINDS)).items()
        if said.whole
    }
    pairs: dict[str, set[tuple[str, str]]] = {kind: set() for kind in KINDS}
    for scope in whole:
        pairs[scope.kind].add((scope.account, scope.region))
    topology = Topology(read_versions(conn), whole=pairs)
    return Knowledge(
        knowledge_version(conn), topology, _known(topology, pairs["mount_target"]), whole
    )


def _known(topology: Topology, listed: set[tuple[str, str]]) -> Known:
    boring = {
        version.value.network_interface_id
        for version in topology.versions("network_interface")
        # Where mount targets could never be listed, any interface may yet turn out to be one's.
        if (version.account, version.region) in listed
        and topology.mount_target_of_interface(version.value.network_interface_id) is None
        and topology.other_server_of_interface(version.value.network_interface_id) is None
    }
    return Known(topology.server_addresses(), frozenset(boring))
