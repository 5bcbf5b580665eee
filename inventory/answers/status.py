"""``status``: how well the inventory sees, worst things first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from inventory.answers import places, shapes, swept
from inventory.answers.asking import DEFAULT_WINDOW, Desk
from inventory.answers.shapes import Json
from inventory.flowlog.format import missing
from inventory.model import OtherServer, Version, iso
from inventory.store import duties, ledger, views

FEW = 5
"""How many examples of each trouble are shown; the counts are of all."""


def status(desk: Desk) -> Json:
    """The answer of ``status``. ``problems`` are sentences for people, the worst first."""
    sources = [_source(desk, row) for row in ledger.sources(desk.conn)]
    sweeps = swept.sweeps(desk)
    coverage = _coverage(desk)
    census = places.Census(desk)
    unresolved = _unresolved(desk, census)
    unknown = census.unknown(desk.last_week(desk.as_of()))
    used = swept.calls_used(desk)
    tried = _duties(desk)
    return {
        "as_of": iso(desk.as_of()),
        "kept_since": {
            name: iso(since) if since else None
            for name, since in desk.observer.kept._asdict().items()
        },
        "problems": [
            *_duty_problems(tried),
            *swept.problems(sweeps),
            *_source_problems(sources),
            *_coverage_problems(coverage),
            *places.problems(unknown, FEW),
            *_unresolved_problems(unresolved),
            *swept.used_up(used),
        ],
        "sources": sources,
        "coverage": coverage,
        "sweeps": sweeps,
        "unresolved_clients": unresolved,
        "unknown_places": unknown,
        "other_servers": _other_servers(desk),
        "strays": _strays(desk),
        "calls_used": used,
        "duties": tried,
    }


# -- the daemon --------------------------------------------------------------------------------------------------------------------------


def _duties(desk: Desk) -> list[Json]:
    """What daemons do again and again; nothing where none ever ran."""
    return [
        {
            "name": row.name,
            "tried_at": iso(row.tried_at),
            "done_at": iso(row.done_at),
            "failures": row.failures,
            "problem": row.problem or None,
            "worker": row.worker,
        }
        for row in duties.every(desk.conn).values()
    ]


def _duty_problems(tried: Sequence[Json]) -> list[str]:
    return [
        f"the daemon's {duty['name']} failed {_counted(duty['failures'], 'time')} since "
        f"{duty['done_at'] or 'it began'}: {duty['problem']}"
        for duty in tried
        if duty["failures"]
    ]


# -- sources -----------------------------------------------------------------------------------------------------------------------------


def _source(desk: Desk, row: ledger.SourceSummary) -> Json:
    frontier = views.frontiers(desk.conn).get(row.name)
    troubled = [batch for batch in views.unread(desk.conn) if batch.source == row.name]
    return {
        "name": row.name,
        "type": row.kind,
        "as_of": iso(frontier.last) if frontier else None,
        "visible_since": iso(frontier.first) if frontier else None,
        "batches": row.batches,
        "records": sum(row.tally.values()),
        "tally": row.tally,
        "unread": [
            {
                "batch": batch.key,
                "state": batch.state.value,
                "problem": batch.problem,
                "slot": shapes.window(batch.slot) if batch.slot else None,
            }
            for batch in troubled[:FEW]
        ],
        "unread_count": len(troubled),
        "foreign": [{"batch": key, "problem": problem} for key, problem in row.foreign[:FEW]],
        "malformed": list(row.bad[:FEW]),
        "formats": [_format(text) for text in row.formats],
        "fields": [
            {"field": name, "named": told.named, "dash": told.dash}
            for name, told in row.fields.items()
        ],
    }


def _format(text: str) -> Json:
    """A format and what it cannot tell."""
    return {
        "format": text,
        "missing": [{"field": loss.field, "consequence": loss.loss} for loss in missing(text)],
    }


# -- what is seen ------------------------------------------------------------------------------------------------------------------------


def _coverage(desk: Desk) -> Json:
    """Of the last week: how much of the time that file systems could be mounted in was looked at, and which are blind now."""
    ratios: list[float] = []
    blind: list[Json] = []
    for version in desk.file_systems:
        if version.not_after is not None:
            continue
        seeing = desk.observer.seeing(version, desk.last_week(desk.observer.as_of(version)))
        ratios.append(seeing.coverage.ratio)
        if not seeing.coverage.complete:
            gaps = seeing.coverage.gaps
            blind.append(
                {
                    "file_system": shapes.file_system(version),
                    "ratio": shapes.rounded(seeing.coverage.ratio),
                    "blind_seconds": seeing.coverage.blind_seconds,
                    "reasons": sorted({gap.reason.value for gap in gaps}),
                }
            )
    return {
        "window_seconds": DEFAULT_WINDOW,
        "file_systems": len(ratios),
        "complete": len(ratios) - len(blind),
        "ratio": shapes.rounded(sum(ratios) / len(ratios)) if ratios else None,
        "blind": blind,
    }


def _unresolved(desk: Desk, census: places.Census) -> Json:
    """Clients of the last week that could not be named, or not certainly; everybody is counted by ``census``."""
    found: dict[tuple[str, str, str, str], None] = {}
    for version in desk.file_systems:
        window = desk.last_week(desk.observer.as_of(version))
        for row in desk.rows(version, window):
            census.add(row)
            attribution = row.mount.attribution
            if places.is_unresolved(attribution):
                who = (row.mount.client, attribution.interface_id)
                found[*who, attribution.confidence.value, version.value.file_system_id] = None
    counts = Counter(confidence for _, _, confidence, _ in found)
    return {
        "count": len(found),
        "by_confidence": dict(sorted(counts.items())),
        "examples": [
            {
                "address": address or None,
                "interface": interface or None,
                "confidence": confidence,
                "file_system": file_system_id,
            }
            for address, interface, confidence, file_system_id in list(found)[:FEW]
        ],
    }


def _other_servers(desk: Desk) -> list[Json]:
    """Servers on port 2049 that are not EFS, and how many addresses were seen talking to them."""
    topology = desk.knowledge.topology
    newest: dict[str, Version[OtherServer]] = {
        v.value.server_id: v for v in topology.versions("other_server")
    }
    found: list[Json] = []
    for server_id, version in sorted(newest.items()):
        talk = ledger.talk(desk.conn, version.value.addresses)
        found.append(
            {
                "type": version.value.service,
                "id": server_id,
                "arn": version.value.arn or None,
                "vpc": version.value.vpc_id or None,
                "addresses": list(version.value.addresses),
                "clients": talk.clients,
                "last_seen": iso(talk.last_seen),
            }
        )
    return found


def _strays(desk: Desk) -> list[Json]:
    """Addresses that answered on port 2049 without being a server that we know: own NFS servers, or ports met by chance."""
    return [
        {
            "address": stray.address,
            "vpc": stray.vpc_id or None,
            "clients": stray.clients,
            "requests": stray.requests,
            "responses": stray.responses,
            "last_seen": iso(stray.last_seen),
            "type": "own" if stray.requests and stray.responses and stray.clients else "chance",
        }
        for stray in ledger.strays(desk.conn)
    ]


# -- the worst first ---------------------------------------------------------------------------------------------------------------------


def _source_problems(sources: Sequence[Json]) -> list[str]:
    found: list[str] = []
    if not sources:
        found.append("no flow log was read")
    for source in sources:
        if source["unread_count"]:
            first: dict[str, Any] = source["unread"][0]
            found.append(
                f"source {source['name']}: {_counted(source['unread_count'], 'batch', 'batches')} could not be read whole, "
                f"such as {first['batch']}: {first['problem']}"
            )
        malformed = source["tally"].get("malformed", 0)
        if malformed:
            found.append(f"source {source['name']}: {_counted(malformed, 'malformed line')}")
    return found


def _coverage_problems(coverage: Json) -> list[str]:
    blind = coverage["blind"]
    if not blind:
        return []
    names = ", ".join(one["file_system"]["id"] for one in blind[:FEW])
    more = f" and {len(blind) - FEW} more" if len(blind) > FEW else ""
    return [
        f"{len(blind)} of {_counted(coverage['file_systems'], 'file system')} not looked at for all of the last week: {names}{more}"
    ]


def _unresolved_problems(unresolved: Json) -> list[str]:
    if not unresolved["count"]:
        return []
    return [f"{_counted(unresolved['count'], 'client')} could not be named for certain"]


def _counted(number: int, noun: str, several: str = "") -> str:
    return f"{number} {noun if number == 1 else several or noun + 's'}"
