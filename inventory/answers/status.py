"""``status``: how well the inventory sees, worst things first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from inventory.answers import shapes
from inventory.answers.asking import DEFAULT_WINDOW, Desk
from inventory.answers.shapes import Json
from inventory.flowlog.format import missing
from inventory.model import CallState, Confidence, OtherServer, OwnerKind, Version, iso
from inventory.store import ledger, views

FEW = 5
"""How many examples of each trouble are shown; the counts are of all."""


def status(desk: Desk) -> Json:
    """The answer of ``status``. ``problems`` are sentences for people, the worst first."""
    sources = [_source(desk, row) for row in ledger.sources(desk.conn)]
    sweeps = _sweeps(desk)
    coverage = _coverage(desk)
    unresolved = _unresolved(desk)
    others = _other_servers(desk)
    return {
        "as_of": iso(desk.as_of()),
        "problems": _problems(sources, sweeps, coverage, unresolved),
        "sources": sources,
        "coverage": coverage,
        "sweeps": sweeps,
        "unresolved_clients": unresolved,
        "other_servers": others,
        "strays": _strays(desk),
        "calls_used": {},
    }


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
    }


def _format(text: str) -> Json:
    """A format and what it cannot tell."""
    return {
        "format": text,
        "missing": [{"field": loss.field, "consequence": loss.loss} for loss in missing(text)],
    }


# -- sweeps ------------------------------------------------------------------------------------------------------------------------------


def _sweeps(desk: Desk) -> list[Json]:
    """The newest sweep of each account and region, and every call that did not answer whole in it."""
    return [
        {
            "account": sweep.account,
            "region": sweep.region,
            "sweeps": sweep.number,
            "first": iso(sweep.first),
            "last": iso(sweep.last),
            "calls": [
                {"call": call, "state": state.value, "problem": problem or None}
                for call, state, problem in sweep.calls
            ],
        }
        for sweep in ledger.newest_sweeps(desk.conn)
    ]


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


def _unresolved(desk: Desk) -> Json:
    """Clients of the last week that could not be named, or not certainly."""
    counts: dict[str, int] = defaultdict(int)
    examples: list[Json] = []
    for version in desk.file_systems:
        window = desk.last_week(desk.observer.as_of(version))
        for row in desk.rows(version, window):
            attribution = row.mount.attribution
            if (
                attribution.confidence in (Confidence.EXACT, Confidence.INFERRED)
                and attribution.owners[0].kind is not OwnerKind.UNKNOWN
            ):
                continue
            one = {
                "address": row.mount.client or None,
                "interface": attribution.interface_id or None,
                "confidence": attribution.confidence.value,
                "file_system": version.value.file_system_id,
            }
            if one not in examples:
                counts[attribution.confidence.value] += 1
                examples.append(one)
    return {
        "count": sum(counts.values()),
        "by_confidence": dict(sorted(counts.items())),
        "examples": examples[:FEW],
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


def _problems(
    sources: Sequence[Json], sweeps: Sequence[Json], coverage: Json, unresolved: Json
) -> list[str]:
    return [
        *_sweep_problems(sweeps),
        *_source_problems(sources),
        *_coverage_problems(coverage),
        *(
            [f"{_counted(unresolved['count'], 'client')} could not be named for certain"]
            if unresolved["count"]
            else []
        ),
    ]


def _sweep_problems(sweeps: Sequence[Json]) -> list[str]:
    if not sweeps:
        return ["no sweep was recorded: nobody can be named, and no file system is known"]
    return [
        f"account {sweep['account']} {sweep['region']}: {call['call']} is {_CALL_WORDS[call['state']]}"
        + (f" ({call['problem']})" if call["problem"] else "")
        for sweep in sweeps
        for call in sweep["calls"]
        if call["state"] == CallState.BROKEN.value
    ]


_CALL_WORDS = {
    CallState.BROKEN.value: "broken",
    CallState.MISSING.value: "missing",
    CallState.WHOLE.value: "whole",
}


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


def _counted(number: int, noun: str, several: str = "") -> str:
    return f"{number} {noun if number == 1 else several or noun + 's'}"
