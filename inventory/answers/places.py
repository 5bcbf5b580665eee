"""Where clients are that no sweep looked at: accounts and VPCs that only flow logs, or sweeps of other accounts, tell of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from inventory.answers.asking import Desk
from inventory.answers.shapes import Json, rounded
from inventory.model import Attribution, Confidence, OwnerKind, Span
from inventory.store import asking, ledger
from inventory.store.ledger import Pair, Place
from inventory.store.mounts import MountRow


def is_unresolved(attribution: Attribution) -> bool:
    """Whether a client could not be named, or not as one."""
    return (
        attribution.confidence not in (Confidence.EXACT, Confidence.INFERRED)
        or attribution.owners[0].kind is OwnerKind.UNKNOWN
    )


class Census:
    """Who was seen at file systems, whether each could be named, and in which account that no sweep was made in."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._swept = {account for account, _ in asking.sweep_counts(desk.conn)}
        self._pairs: set[Pair] = set()
        self._unresolved: set[Pair] = set()
        self._elsewhere: dict[Place, set[Pair]] = defaultdict(set)

    def add(self, row: MountRow) -> None:
        """Count a client's contact."""
        pair = (row.server, row.mount.client)
        self._pairs.add(pair)
        attribution = row.mount.attribution
        if is_unresolved(attribution):
            self._unresolved.add(pair)
        for account in self._accounts(attribution) - self._swept:
            self._elsewhere[Place(account, "")].add(pair)

    def _accounts(self, attribution: Attribution) -> set[str]:
        """By the interface's owner, as another account's sweep shows it."""
        shown = self._desk.knowledge.topology.interface_versions(attribution.interface_id)
        named = {version.value.owner_id for version in shown}
        return {*named, *(owner.account or "" for owner in attribution.owners)} - {""}

    def unknown(self, window: Span) -> list[Json]:
        """Places that no sweep knows, the worst first: by the share of their clients that could not be named."""
        topology = self._desk.knowledge.topology
        kinds = ("vpc", "subnet", "network_interface", "mount_target", "instance")
        vpcs = {version.value.vpc_id for kind in kinds for version in topology.versions(kind)}
        seen = ledger.strange_places(
            self._desk.conn, window, vpcs, self._swept, topology.server_interfaces()
        )
        for place, pairs in seen.items():
            self._elsewhere[place] |= pairs & self._pairs
        found = [self._place(place, pairs) for place, pairs in self._elsewhere.items() if pairs]
        return sorted(
            found,
            key=lambda one: (
                -one["share"],
                -one["clients"],
                one["account"] or "",
                one["vpc"] or "",
            ),
        )

    def _place(self, place: Place, pairs: set[Pair]) -> Json:
        clients = {client for _, client in pairs}
        unresolved = {client for _, client in pairs & self._unresolved}
        return {
            "account": place.account or None,
            "vpc": place.vpc_id or None,
            "clients": len(clients),
            "unresolved": len(unresolved),
            "share": rounded(len(unresolved) / len(clients)),
        }


def problems(unknown: Sequence[Json], most: int) -> list[str]:
    """A line for each of the worst."""
    lines = []
    for one in unknown[:most]:
        account = f"account {one['account']}" if one["account"] else ""
        name = f"VPC {one['vpc']}{f' ({account})' if account else ''}" if one["vpc"] else account
        clients = f"{one['clients']} client{'' if one['clients'] == 1 else 's'}"
        lines.append(
            f"{name} is known to no sweep: {one['unresolved']} of {clients} there could not be named for certain"
        )
    if len(unknown) > most:
        lines.append(f"and {len(unknown) - most} more accounts and VPCs that no sweep knows")
    return lines
