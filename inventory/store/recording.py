"""The transactions that change anything: sweeps or batches come in, old facts are joined. What is derived is rebuilt in the same one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from inventory.model import Asked, Batch, Span, Sweep
from inventory.resolve.derive import Unit
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from inventory.resolve.witness import CARRIED, TOLERANCE
from inventory.store import asked, changes, facts, metrics, mounts, sizes, sources, strays, views
from inventory.store import compact as compacting
from inventory.store.kept import kept_since
from inventory.store.knowledge import knowledge_version, record_sweeps
from inventory.store.loading import Knowledge, load, load_since
from inventory.store.statements import upsert
from inventory.store.tables import META

DERIVATION = 3
"""Grows when the rules of derivation change: a program that knows better rebuilds what an older one derived."""

_DERIVED_BY = "derived_by"


def learn(
    conn: Connection,
    sweeps: Iterable[Sweep],
    networks: Networks,
    before: Knowledge | None = None,
    answered: Iterable[Asked] = (),
) -> Knowledge:
    """Add sweeps, and derive anew what they may name differently: strays at servers we did not know, and mounts of that time.

    What holds for all time is compared with what was known before, and concerns everything that it can name. ``before`` is knowledge that
    the caller still has: if it is the newest, what the sweeps do not speak of is not read again. ``answered`` is what histories were asked
    and told completely, with what they told among the sweeps. A sweep from before what is kept is left out: what it would be compared with
    may be gone.
    """
    since = kept_since(conn).knowledge
    given, told = [sweep for sweep in sweeps if sweep.taken_at >= since], list(answered)
    known = current(conn, before)
    asked.remember(conn, told)
    recorded = record_sweeps(conn, given)
    sizes.note(conn, given)
    metrics.record(conn, given)
    knowledge = load_since(conn, known, recorded.spoken)
    strays.came_late(conn, knowledge.known.servers - known.known.servers)
    units = strays.flip_strays(conn, knowledge.known.servers)
    if _derived_otherwise(conn, networks):
        units |= mounts.units_between(conn, None)
    elif (recorded.spoken or told) and mounts.any_facts(conn):
        units |= mounts.units_naming(conn, changes.heard(told, knowledge.topology))
        units |= mounts.units_naming(conn, changes.touched(known, knowledge))
        reach = _reach(recorded.span, knowledge.topology)
        if reach is not None:
            units |= mounts.units_between(conn, reach)
    mounts.rebuild(conn, units, knowledge.topology, networks)
    return knowledge


def _reach(span: Span | None, topology: Topology) -> Span | None:
    """Where attributions may change when knowledge of ``span`` did.

    Who held an address when a client connected also says whose that connection is later.
    """
    if span is None or not topology.versions("client_connection"):
        return span
    return span[0] - TOLERANCE, span[1] + CARRIED


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
    number = facts.source_id(conn, source, kind)
    touched = facts.record_batches(conn, number, batches)
    sources.add_scanned(conn, number, batches)
    newest = current(conn, knowledge)
    # Batches are read by what was known when reading began: what was learnt since may name servers of each of them.
    strange = {s.server for batch in batches for s in batch.folded.sightings if s.stray}
    if late := strange & newest.known.servers:
        touched |= strays.flip_strays(conn, late)
    mounts.rebuild(conn, touched, newest.topology, networks)
    return newest


def compact(
    conn: Connection, units: Sequence[Unit], before: int, known: Knowledge, networks: Networks
) -> int:
    """Join facts of ``units`` that ended before a moment, by the newest knowledge: somebody may have learnt since ``known``; rows gone."""
    topology = current(conn, known).topology
    return compacting.compact(
        conn, units=units, before=before, topology=topology, networks=networks
    )


def current(conn: Connection, known: Knowledge | None) -> Knowledge:
    """``known`` if it is the newest, else all knowledge read anew."""
    if known is not None and known.version == knowledge_version(conn):
        return known
    return load(conn)


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
