"""The two transactions that change anything: sweeps come in, batches come in. What is derived is rebuilt in the same one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from inventory.model import Batch, Sweep
from inventory.resolve.networks import Networks
from inventory.store import changes, facts, mounts, strays, views
from inventory.store.knowledge import knowledge_version, record_sweeps
from inventory.store.loading import Knowledge, load, whole_scopes
from inventory.store.statements import upsert
from inventory.store.tables import META
from inventory.store.versions import read_versions

DERIVATION = 1
"""Grows when the rules of derivation change: a program that knows better rebuilds what an older one derived."""

_DERIVED_BY = "derived_by"


def learn(conn: Connection, sweeps: Iterable[Sweep], networks: Networks) -> Knowledge:
    """Add sweeps, and derive anew what they may name differently: strays at servers we did not know, and mounts of that time.

    What holds for all time is compared with what was known before, and concerns everything that it can name.
    """
    given = list(sweeps)
    compared = bool(given) and mounts.any_facts(conn)
    before = read_versions(conn) if compared else {}
    whole = whole_scopes(conn) if compared else set()
    span = record_sweeps(conn, given)
    knowledge = load(conn)
    units = strays.flip_strays(conn, knowledge.known.servers)
    changed = changes.touched(before, knowledge.topology) if compared else changes.Touched()
    first_whole = compared and whole_scopes(conn) != whole
    if _derived_otherwise(conn, networks) or changed.everything or first_whole:
        units |= mounts.units_between(conn, None)
    elif compared:
        units |= mounts.units_naming(conn, changed)
        units |= mounts.units_between(conn, span) if span is not None else set()
    mounts.rebuild(conn, units, knowledge.topology, networks)
    return knowledge


def record(
    conn: Connection,
    source: str,
    kind: str,
    batches: Sequence[Batch],
    knowledge: Knowledge,
    networks: Networks,
) -> Knowledge:
    """Add batches of one source, replacing what earlier versions of them said, and derive anew what they touch.

    Returns the knowledge that was used: newer than what was handed in when somebody else learnt in between.
    """
    touched = facts.record_batches(conn, facts.source_id(conn, source, kind), batches)
    if knowledge_version(conn) != knowledge.version:
        knowledge = load(conn)
        touched |= strays.flip_strays(conn, knowledge.known.servers)
    mounts.rebuild(conn, touched, knowledge.topology, networks)
    return knowledge


def tidy(conn: Connection, knowledge: Knowledge) -> None:
    """Give up what was only kept in case that a later sweep explains it, a week after every source has read on."""
    topology = knowledge.topology
    read_up_to = [frontier.last for frontier in views.frontiers(conn).values()]
    if read_up_to and topology.versions("network_interface"):
        strays.prune(conn, min(read_up_to), topology.server_interfaces() | {""})


def _derived_otherwise(conn: Connection, networks: Networks) -> bool:
    """Whether the mounts were derived by other rules or with other names of networks; remembers the present ones."""
    said = json.dumps([DERIVATION, sorted(networks.names.items())])
    mark = int.from_bytes(hashlib.blake2b(said.encode(), digest_size=6).digest(), "big")
    before = conn.execute(
        select(META.c.value).where(META.c.name == _DERIVED_BY)
    ).scalar_one_or_none()
    if before == mark:
        return False
    statement = upsert(conn, META).values(name=_DERIVED_BY, value=mark)
    conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": mark}))
    return True
