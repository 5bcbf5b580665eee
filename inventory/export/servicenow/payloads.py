"""What belongs in one request: a file system, its clients, and the whole chain of each to region and account.

A dependent item is identified through what it is hosted on, so the chain is in every payload, whether the instance has it or not. Only what
is exact or inferred is told: a client of which nobody is sure is no item, and candidates make no relation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from inventory.export.records import Group, Record
from inventory.export.servicenow import items
from inventory.export.servicenow.items import Ci, Item, Terms

MOST_ITEMS = 500
"""Items of one payload, as ServiceNow recommends."""

HOSTED_ON = "Hosted on::Hosts"
"""The parent is what is hosted."""

Payload = dict[str, Any]


class Removal(NamedTuple):
    """A relation that ended."""

    client: Ci
    file_system: Ci

    def told(self, terms: Terms) -> dict[str, Any]:
        """As it is written where nothing is pushed."""
        return {
            "remove": {
                "type": terms.relation_type,
                "parent": _place(self.client),
                "child": _place(self.file_system),
            }
        }


def _place(one: Ci) -> dict[str, str]:
    return {"className": one.class_name, "object_id": one.object_id}


@dataclass(slots=True)
class _Building:
    """A payload that grows."""

    terms: Terms
    file_system: Ci
    items: dict[str, Item] = field(default_factory=dict)
    relations: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._add(self._with_chain(self.file_system))

    def takes(self, client: Ci) -> bool:
        """Whether there is room for a client and what it is hosted on."""
        new = {one.internal_id for one, _ in self._with_chain(client)} - self.items.keys()
        return len(self.items) + len(new) <= MOST_ITEMS

    def add(self, client: Ci) -> None:
        self._add(self._with_chain(client))
        source = {"source_name": self.terms.data_source, "source_feed": "efs-mounts"}
        self.relations.append(
            _relation(client, self.file_system, self.terms.relation_type)
            | {"sys_rel_source_info": source}
        )

    def _with_chain(self, one: Ci) -> list[tuple[Ci, Ci | None]]:
        """An item and what it hangs on, up to the account, each with its host."""
        root = items.account(one.account)
        place = items.datacenter(one.account, one.region, self.terms)
        return [(root, None), (place, root), (one, place)]

    def _add(self, chain: Iterable[tuple[Ci, Ci | None]]) -> None:
        for one, host in chain:
            if one.internal_id in self.items:
                continue
            self.items[one.internal_id] = one.item(self.terms)
            if host is not None:
                self.relations.append(_relation(one, host, HOSTED_ON))

    @property
    def payload(self) -> Payload:
        return {"items": list(self.items.values()), "relations": self.relations}


def _relation(parent: Ci, child: Ci, kind: str) -> dict[str, Any]:
    return {"parent_id": parent.internal_id, "child_id": child.internal_id, "type": kind}


def payloads(group: Group, terms: Terms) -> Iterator[Payload]:
    """The payloads of one file system; none when it is gone or nobody knows where it is."""
    if group.file_system is None:
        return
    file_system = items.file_system(group.file_system)
    if file_system is None:
        return
    building = _Building(terms, file_system)
    for _, client in sorted(_related(group, terms).items()):
        if not building.takes(client):
            yield building.payload
            building = _Building(terms, file_system)
        building.add(client)
    yield building.payload


def _related(group: Group, terms: Terms) -> dict[str, Ci]:
    """Who uses the file system, each once: the tasks of a service are one item."""
    found: dict[str, Ci] = {}
    for mount in group.mounts.values():
        if not mount["relation"]:
            continue
        one = items.client(group.clients[mount["client"]], mount["last_seen"], terms)
        if one is not None:
            before = found.get(one.internal_id)
            found[one.internal_id] = one if before is None else one.later(before)
    return found


def removals(
    group: Group, file_system: Record, ended: Iterable[tuple[Record, Record]], terms: Terms
) -> list[Removal]:
    """Relations that were told and that nothing tells any more. ``ended``: mounts that are gone, with their clients."""
    there = _related(group, terms)
    place = items.file_system(file_system)
    found: dict[str, Removal] = {}
    for mount, client in ended:
        one = items.client(client, mount["last_seen"], terms) if mount["relation"] else None
        if place is not None and one is not None and one.internal_id not in there:
            found[one.internal_id] = Removal(one, place)
    return [found[key] for key in sorted(found)]
