"""The rules, in the order in which they apply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inventory.model import DAY, HOUR, MountState, Span, iso
from inventory.verdict.connections import Connections, all_through
from inventory.verdict.facts import (
    Blind,
    Check,
    Facts,
    Label,
    Reference,
    Rules,
    Standing,
    Trust,
    Use,
)
from inventory.verdict.reasons import Code, Judgement, Reason, Severity, Verdict
from inventory.verdict.rhythm import TIMES, Rhythm, rhythms

_MOUNTED = frozenset({MountState.ACTIVE, MountState.IDLE, MountState.ENDED, MountState.UNKNOWN})
_CONTACTS = {
    MountState.REJECTED: (Code.CLIENT_REJECTED, "wanted to mount it and was rejected"),
    MountState.ATTEMPTED: (Code.CLIENT_ATTEMPTED, "asked it and no accepted answer was seen"),
    MountState.PROBE: (Code.CLIENT_PROBED, "made a contact too small to be a mount"),
}
_ORDER = list(Verdict)
_SEVERITIES = list(Severity)


def judge(facts: Facts, rules: Rules) -> Judgement:
    """The verdict, and every reason of every class. The same for the same facts, in whatever order they come."""
    silences = rhythms(facts.history, facts.window[0])
    missed = [each for each in silences if _too_short(facts, TIMES * each.silence)]
    slowest = max(missed, key=lambda each: (each.until, each.silence, each.workload), default=None)
    found = [
        *_in_use(facts),
        *_referenced(facts),
        *_unknown(facts, rules, slowest),
    ]
    blocking = [reason.verdict for reason in found if reason.severity is Severity.BLOCKING]
    verdict = min(blocking, key=_ORDER.index, default=Verdict.QUIET)
    if verdict is Verdict.QUIET:
        found.append(_quiet(facts))
    if facts.deleted_at is not None:
        message = f"it was deleted by {iso(facts.deleted_at)}"
        found.append(Reason(Code.ALREADY_DELETED, Severity.INFO, message))
    return Judgement(
        verdict,
        tuple(sorted(found, key=lambda reason: _rank(reason, verdict))),
        max((use.last_seen for use in facts.uses if _counts(use)), default=_newest(facts)),
        max((each.silence for each in silences), default=None),
        None
        if verdict is Verdict.IN_USE
        else max(slowest.until if slowest else 0, _long_enough_at(facts, rules) or 0) or None,
    )


def _rank(reason: Reason, verdict: Verdict) -> tuple[int, int, int, str]:
    own = 0 if reason.verdict is verdict else 1
    codes = list(Code)
    return (
        own,
        _ORDER.index(reason.verdict),
        _SEVERITIES.index(reason.severity),
        f"{codes.index(reason.code):02} {reason.message}",
    )


def _newest(facts: Facts) -> int | None:
    """The newest use before the window."""
    return max((end for spans in facts.history.uses.values() for _, end in spans), default=None)


# -- in use ------------------------------------------------------------------------------------------------------------------------------


def _counts(use: Use) -> bool:
    """Whether it is a mount, of somebody who counts. Who is hidden (a gateway, an unresolved client) does."""
    return use.state in _MOUNTED and use.label is None


def _in_use(facts: Facts) -> Iterator[Reason]:
    for use in facts.uses:
        if not _counts(use):
            continue
        if use.first_seen >= facts.window[1]:
            code, when = Code.MOUNTED_AFTER_WINDOW, "mounted it after the window"
        elif use.state in (MountState.ACTIVE, MountState.IDLE):
            code, when = Code.MOUNTED_NOW, "has it mounted"
        else:
            code, when = Code.MOUNTED_IN_WINDOW, "mounted it in the window"
        message = f"{use.client} {when}, last seen {iso(use.last_seen)}"
        yield Reason(code, Severity.BLOCKING, message, use.evidence)
    if facts.connections:
        yield _hidden(facts.connections)
    if all_through(facts.untouched, facts.window) and any(map(_counts, facts.uses)):
        yield _unused(facts)


def _hidden(told: Sequence[Connections]) -> Reason:
    """One reason for all of it: what is not known is who, not how often."""
    newest = max(told, key=lambda one: (one.end, one.start))
    message = (
        f"somebody whom flow logs do not show was connected, last between {iso(newest.start)} and {iso(newest.end)}, "
        "by CloudWatch's ClientConnections: a client of a mount target whose flow log is missing, perhaps"
    )
    evidence: dict[str, object] = {
        "start": min(one.start for one in told),
        "end": newest.end,
        "last_start": newest.start,
        "most": max(one.most for one in told),
        "stretches": len(told),
        "seconds": sum(one.end - one.start for one in told),
    }
    return Reason(Code.CONNECTIONS_WITHOUT_CLIENT, Severity.BLOCKING, message, evidence)


def _unused(facts: Facts) -> Reason:
    """It is mounted, so it is in use; but there is somebody to be asked why."""
    length = facts.window[1] - facts.window[0]
    evidence: dict[str, object] = {"seconds": length}
    if facts.untouched is not None:
        evidence |= {"since": facts.untouched.since, "until": facts.untouched.until}
    message = f"it is mounted, and nothing was read or written for the {_span(length)} of the window: ask who mounts it"
    return Reason(Code.MOUNTED_WITHOUT_IO, Severity.BLOCKING, message, evidence)


# -- referenced --------------------------------------------------------------------------------------------------------------------------


def _referenced(facts: Facts) -> Iterator[Reason]:
    yield from (_declared(reference) for reference in facts.references if _says(reference))
    for use in facts.uses:
        if _counts(use):
            continue
        if use.label is Label.MAINTENANCE:
            code, what = Code.MAINTENANCE_CLIENT, "is labelled maintenance, and was there"
        elif use.label is Label.PROBE:
            code, what = Code.CLIENT_PROBED, "is labelled a probe, and was there"
        else:
            code, what = _CONTACTS[use.state]
        by = f" ({use.labelled_by})" if use.labelled_by else ""
        message = f"{use.client} {what}{by}, last seen {iso(use.last_seen)}"
        yield Reason(code, Severity.BLOCKING, message, use.evidence)


def _says(reference: Reference) -> bool:
    return reference.standing is not Standing.CONTEXT


def _declared(reference: Reference) -> Reason:
    name = f"{reference.kind.replace('_', ' ')} {reference.id}"
    seen = "seen" if reference.seen else "never seen"
    if reference.standing is Standing.LIVE:
        message = f"{name} points at it ({reference.why}), and was {seen} in the window"
        return Reason(Code.LIVE_REFERENCE, Severity.BLOCKING, message, reference.evidence)
    if reference.standing is Standing.VANISHED:
        message = f"{name} pointed at it in the window, and does not any more ({reference.why})"
        return Reason(Code.VANISHED_REFERENCE, Severity.WARNING, message, reference.evidence)
    message = f"{name} points at it, and nothing runs by it ({reference.why})"
    return Reason(Code.DORMANT_REFERENCE, Severity.WARNING, message, reference.evidence)


# -- unknown -----------------------------------------------------------------------------------------------------------------------------


def _unknown(facts: Facts, rules: Rules, rhythm: Rhythm | None) -> Iterator[Reason]:
    if facts.as_of is None:
        message = "no flow log was read, so nobody looked"
        yield Reason(Code.NOTHING_READ, Severity.BLOCKING, message)
    yield from _blind(facts.blind, rules)
    for use in facts.possible:
        message = f"{use.client} was on port 2049 of this file system or of another one"
        yield Reason(Code.POSSIBLE_CLIENT, Severity.BLOCKING, message, use.evidence)
    yield from _bridged(facts.bridged)
    yield from _unbelieved(facts)
    yield from _late(facts, rules)
    yield from _short(facts, rules, rhythm)
    yield from _unchecked(facts, rules)


def merged(blind: Sequence[Blind]) -> list[Blind]:
    """Stretches that touch are one, whatever the reasons: a mount can live wholly inside both together."""
    found: list[Blind] = []
    for one in sorted(blind, key=lambda each: (each.start, each.end)):
        if found and one.start <= found[-1].end:
            last = found[-1]
            reasons = dict.fromkeys([*last.reason.split(", "), *one.reason.split(", ")])
            found[-1] = Blind(last.start, max(last.end, one.end), ", ".join(reasons))
        elif one.start < one.end:
            found.append(one)
    return found


def _blind(blind: Sequence[Blind], rules: Rules) -> Iterator[Reason]:
    for one in merged(blind):
        evidence = {"start": one.start, "end": one.end, "reason": one.reason}
        stretch = f"{iso(one.start)} to {iso(one.end)}"
        hides = f"a mount that lived wholly inside {stretch} would not show"
        why = one.reason.replace("_", " ")
        if one.end - one.start <= rules.accept_blind:
            message = f"{hides} ({why}); accepted by --accept-blind"
            yield Reason(Code.BLIND_ACCEPTED, Severity.WARNING, message, evidence)
        else:
            yield Reason(Code.BLIND, Severity.BLOCKING, f"{hides} ({why})", evidence)


def _bridged(bridged: Sequence[Span]) -> Iterator[Reason]:
    """It counts connections: one that was never made is not among them."""
    if not bridged:
        return
    length = sum(end - start for start, end in bridged)
    message = (
        f"{_span(length)} that no flow log shows were bridged: nobody was connected by CloudWatch's ClientConnections; "
        "somebody who was rejected, or who came and went within a minute, would not show"
    )
    evidence: dict[str, object] = {
        "start": min(start for start, _ in bridged),
        "end": max(end for _, end in bridged),
        "seconds": length,
        "stretches": len(bridged),
    }
    yield Reason(Code.BRIDGED, Severity.WARNING, message, evidence)


def _unbelieved(facts: Facts) -> Iterator[Reason]:
    """Why a metric that could have bridged a hole did not."""
    witness = facts.witness
    if witness is None or witness.trust is Trust.PROVEN:
        return
    if witness.trust is Trust.CONTRADICTED:
        message = (
            "CloudWatch's ClientConnections was 0 in this account and region while flow logs showed a mount: "
            "it is not believed, and bridges nothing"
        )
        yield Reason(Code.METRIC_CONTRADICTED, Severity.WARNING, message, witness.evidence)
    elif witness.needed:
        message = (
            "CloudWatch's ClientConnections was 0 while nobody looked, but was never seen above 0 where flow logs showed a mount "
            "in this account and region: it bridges nothing before it has proved itself"
        )
        yield Reason(Code.METRIC_UNPROVEN, Severity.INFO, message)


def _late(facts: Facts, rules: Rules) -> Iterator[Reason]:
    if facts.as_of is not None and facts.asked_until - facts.as_of > rules.max_lag:
        message = (
            f"flow logs are read up to {iso(facts.as_of)} only, {_span(facts.asked_until - facts.as_of)} before "
            f"{iso(facts.asked_until)}: who came since would not show"
        )
        evidence = {"as_of": facts.as_of, "asked_until": facts.asked_until}
        yield Reason(Code.AS_OF_BEHIND, Severity.BLOCKING, message, evidence)
    listed = facts.listed_at
    if listed is None or facts.asked_until - listed > rules.listing_max_age:
        last = f"last at {iso(listed)}" if listed is not None else "never"
        message = (
            f"its mount targets were listed whole {last}: nobody looked at one that was made since"
        )
        yield Reason(
            Code.MOUNT_TARGETS_NOT_LISTED, Severity.BLOCKING, message, {"listed_at": listed}
        )


def _too_short(facts: Facts, needed: int) -> bool:
    return facts.window[1] - facts.window[0] < needed


def _short(facts: Facts, rules: Rules, rhythm: Rhythm | None) -> Iterator[Reason]:
    length = facts.window[1] - facts.window[0]
    if not facts.asked and _too_short(facts, rules.min_window):
        message = (
            f"it was looked at for {_span(length)} only, less than min_window ({_span(rules.min_window)}): "
            f"that is reached on {iso(facts.window[0] + rules.min_window)}, or name a window by --days"
        )
        lengths = {"seconds": length, "wanted": rules.min_window}
        yield Reason(Code.WINDOW_TOO_SHORT, Severity.BLOCKING, message, lengths)
    if rhythm is not None:
        whose = rhythm.workload or "it"
        message = (
            f"{whose} has been silent for {_span(rhythm.silence)} and come back, or may have: a window of less than "
            f"{_span(TIMES * rhythm.silence)} may miss it; QUIET can be had from {iso(rhythm.until)}"
        )
        evidence: dict[str, object] = {
            "workload": rhythm.workload or None,
            "silence_seconds": rhythm.silence,
            "last_seen": rhythm.last,
            "quiet_from": rhythm.until,
        }
        yield Reason(Code.WINDOW_SHORTER_THAN_RHYTHM, Severity.BLOCKING, message, evidence)


def _long_enough_at(facts: Facts, rules: Rules) -> int | None:
    if facts.asked or not _too_short(facts, rules.min_window):
        return None
    return facts.window[0] + rules.min_window


def _unchecked(facts: Facts, rules: Rules) -> Iterator[Reason]:
    limit = facts.window[1] - rules.reference_max_age
    for check in facts.checks:
        if check.failed or check.whole_at is None:
            yield _failed(check)
        elif check.whole_at < limit:
            yield _failed(check) if check.problem else _old(check, rules)
    for place in facts.unreached:
        message = f"{place}: clients there can reach it, and no sweep looks there for references"
        yield Reason(Code.REFERENCE_PLACE_UNKNOWN, Severity.BLOCKING, message)
    for one in facts.unplaced:
        message = f"{one.kind.replace('_', ' ')} {one.id} may point at it: {one.why}"
        yield Reason(Code.REFERENCE_UNPLACED, Severity.BLOCKING, message, one.evidence)


def _failed(check: Check) -> Reason:
    last = f"whole last at {iso(check.whole_at)}" if check.whole_at is not None else "never whole"
    problem = f" ({check.problem})" if check.problem else ""
    message = f"{_where(check)}: {check.call} did not answer{problem}, {last}: references to it may be there"
    return Reason(Code.REFERENCE_CHECK_FAILED, Severity.BLOCKING, message, _check_evidence(check))


def _old(check: Check, rules: Rules) -> Reason:
    message = (
        f"{_where(check)}: {check.call} last answered whole at {iso(check.whole_at)}, which is older than "
        f"reference_max_age ({_span(rules.reference_max_age)})"
    )
    return Reason(Code.REFERENCE_CHECK_OLD, Severity.BLOCKING, message, _check_evidence(check))


def _where(check: Check) -> str:
    return f"{check.reference} in account {check.account} {check.region}"


def _check_evidence(check: Check) -> dict[str, object]:
    return {
        "reference": check.reference,
        "call": check.call,
        "account": check.account,
        "region": check.region,
        "whole_at": check.whole_at,
        "problem": check.problem or None,
    }


# -- quiet -------------------------------------------------------------------------------------------------------------------------------


def _quiet(facts: Facts) -> Reason:
    message = f"no evidence of use since {iso(facts.window[0])}; not a guarantee"
    return Reason(Code.NO_EVIDENCE_OF_USE, Severity.INFO, message, {"since": facts.window[0]})


def _span(seconds: int) -> str:
    """``30 d``, ``5 h``, ``12 min``; never rounded up."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
