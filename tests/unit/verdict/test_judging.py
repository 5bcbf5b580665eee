"""The rules of a verdict, one by one and in their order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inventory.model import DAY, HOUR, MountState, iso
from inventory.verdict import (
    CODES,
    Blind,
    Check,
    Code,
    Connections,
    Facts,
    History,
    Label,
    Reference,
    Rules,
    Severity,
    Standing,
    Trust,
    Untouched,
    Use,
    Verdict,
    Witness,
    judge,
)

END = 1_795_000_000
START = END - 30 * DAY
RULES = Rules()
HEALTHY = Facts(
    window=(START, END),
    asked_until=END,
    asked=True,
    as_of=END,
    checks=(Check("lambda", "lambda.list-functions", "111122223333", "eu-central-1", END - HOUR),),
    listed_at=END - HOUR,
)


def use(state: MountState = MountState.ENDED, **changes: Any) -> Use:
    values: dict[str, Any] = {"first_seen": END - 9 * DAY, "last_seen": END - 8 * DAY}
    return Use("i-1", "web", state, **(values | changes))


def reference(standing: Standing, **changes: Any) -> Reference:
    return Reference("lambda_function", "writer", standing, "$LATEST mounts it", **changes)


def verdict(rules: Rules = RULES, **changes: Any) -> Verdict:
    return judge(replace(HEALTHY, **changes), rules).verdict


def blocking(rules: Rules = RULES, **changes: Any) -> list[Code]:
    found = judge(replace(HEALTHY, **changes), rules)
    return [one.code for one in found.reasons if one.severity is Severity.BLOCKING]


def test_quiet_is_reached_and_is_no_guarantee() -> None:
    found = judge(HEALTHY, RULES)
    assert found.verdict is Verdict.QUIET
    (only,) = found.reasons
    assert only.message == f"no evidence of use since {iso(START)}; not a guarantee"


@pytest.mark.parametrize(
    "state", [MountState.ACTIVE, MountState.IDLE, MountState.ENDED, MountState.UNKNOWN]
)
def test_any_accepted_mount_is_use(state: MountState) -> None:
    assert verdict(uses=(use(state),)) is Verdict.IN_USE


def test_a_mount_after_the_window_is_use_whatever_its_end() -> None:
    late = use(MountState.ENDED, first_seen=END + HOUR, last_seen=END + 2 * HOUR)
    assert blocking(uses=(late,)) == [Code.MOUNTED_AFTER_WINDOW]
    assert judge(replace(HEALTHY, uses=(late,)), RULES).last_seen == END + 2 * HOUR


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (MountState.REJECTED, Code.CLIENT_REJECTED),
        (MountState.ATTEMPTED, Code.CLIENT_ATTEMPTED),
        (MountState.PROBE, Code.CLIENT_PROBED),
    ],
)
def test_who_only_wanted_to_is_evidence_too(state: MountState, code: Code) -> None:
    assert blocking(uses=(use(state),)) == [code]
    assert verdict(uses=(use(state),)) is Verdict.REFERENCED


@pytest.mark.parametrize("label", Label)
@pytest.mark.parametrize("state", MountState)
def test_who_is_labelled_no_user_does_not_make_it_used(label: Label, state: MountState) -> None:
    labelled = use(state, label=label, labelled_by="[clients] probes: 10.9.0.0/24")
    assert verdict(uses=(labelled,)) is Verdict.REFERENCED
    found = judge(replace(HEALTHY, uses=(labelled,)), RULES)
    assert "10.9.0.0/24" in found.reasons[0].message
    assert found.last_seen is None


def test_one_real_client_beside_a_labelled_one_is_use() -> None:
    assert verdict(uses=(use(label=Label.PROBE), use())) is Verdict.IN_USE


def test_what_is_live_is_a_reference_and_what_is_not_is_told() -> None:
    assert verdict(references=(reference(Standing.LIVE),)) is Verdict.REFERENCED
    told = judge(
        replace(HEALTHY, references=tuple(reference(standing) for standing in Standing)), RULES
    )
    assert [one.code for one in told.reasons] == [
        Code.LIVE_REFERENCE,
        Code.DORMANT_REFERENCE,
        Code.VANISHED_REFERENCE,
    ]
    quiet = judge(replace(HEALTHY, references=(reference(Standing.VANISHED),)), RULES)
    assert quiet.verdict is Verdict.QUIET
    assert Code.VANISHED_REFERENCE in [one.code for one in quiet.reasons]


def test_referenced_and_seen_is_told_from_referenced_and_never_seen() -> None:
    met = judge(replace(HEALTHY, references=(reference(Standing.LIVE, seen=True),)), RULES)
    assert "was seen in the window" in met.reasons[0].message
    never = judge(replace(HEALTHY, references=(reference(Standing.LIVE),)), RULES)
    assert "was never seen in the window" in never.reasons[0].message


UNKNOWNS: dict[Code, dict[str, Any]] = {
    Code.NOTHING_READ: {"as_of": None},
    Code.BLIND: {"blind": (Blind(END - DAY, END - DAY + 1, "skipdata"),)},
    Code.POSSIBLE_CLIENT: {"possible": (use(MountState.UNKNOWN),)},
    Code.AS_OF_BEHIND: {"asked_until": END + HOUR + 1, "listed_at": END},
    Code.MOUNT_TARGETS_NOT_LISTED: {"listed_at": END - 2 * HOUR - 1},
    Code.WINDOW_TOO_SHORT: {"asked": False},
    Code.WINDOW_SHORTER_THAN_RHYTHM: {
        "history": History(START - 90 * DAY, {"web": ((START - 50 * DAY, START - 50 * DAY),)})
    },
    Code.REFERENCE_CHECK_FAILED: {
        "checks": (Check("ecs", "ecs.describe-tasks", "1", "r", None, "AccessDenied"),)
    },
    Code.REFERENCE_CHECK_OLD: {
        "checks": (Check("ecs", "ecs.describe-tasks", "1", "r", END - DAY - 1),)
    },
    Code.REFERENCE_PLACE_UNKNOWN: {"unreached": ("VPC vpc-9",)},
    Code.REFERENCE_UNPLACED: {"unplaced": (reference(Standing.LIVE),)},
}


@pytest.mark.parametrize("code", UNKNOWNS)
def test_whatever_was_not_looked_at_keeps_from_quiet(code: Code) -> None:
    assert blocking(**UNKNOWNS[code]) == [code]
    assert verdict(**UNKNOWNS[code]) is Verdict.UNKNOWN


def test_every_class_of_unknown_is_tried() -> None:
    told = {
        Code.BLIND_ACCEPTED,
        Code.BRIDGED,
        Code.METRIC_UNPROVEN,
        Code.METRIC_CONTRADICTED,
    }
    assert set(UNKNOWNS) | told == {code for code, of in CODES.items() if of is Verdict.UNKNOWN}


@pytest.mark.parametrize("code", UNKNOWNS)
def test_positive_evidence_stands_whatever_is_missing(code: Code) -> None:
    """The first class that applies; the others are told as well."""
    missing = UNKNOWNS[code]
    assert verdict(**missing, uses=(use(),)) is Verdict.IN_USE
    assert verdict(**missing, references=(reference(Standing.LIVE),)) is Verdict.REFERENCED
    assert code in blocking(**missing, uses=(use(),), references=(reference(Standing.LIVE),))


def test_a_failed_check_is_named_with_what_it_said() -> None:
    denied = Check("lambda", "lambda.list-functions", "444455556666", "us-east-1", None, "denied")
    found = judge(replace(HEALTHY, checks=(denied,)), RULES)
    assert found.reasons[0].message == (
        "lambda in account 444455556666 us-east-1: lambda.list-functions did not answer (denied), never whole: "
        "references to it may be there"
    )


def test_of_recorded_answers_the_newest_counts_however_young_the_last_good_one_is() -> None:
    young = Check("lambda", "lambda.list-functions", "1", "r", END - 60, "missing", failed=True)
    assert blocking(checks=(young,)) == [Code.REFERENCE_CHECK_FAILED]


def test_a_live_failure_after_a_young_success_is_borne() -> None:
    assert verdict(checks=(Check("x", "x.y", "1", "r", END - HOUR, "throttled"),)) is Verdict.QUIET


def test_a_hole_is_accepted_only_as_a_whole() -> None:
    """Two stretches that touch are one hole, whatever the reasons; two apart are two."""
    rules = Rules(accept_blind=1800)
    middle = END - DAY
    touching = (
        Blind(middle - 1000, middle, "skipdata"),
        Blind(middle, middle + 1000, "no_records"),
    )
    apart = (Blind(middle - 1000, middle, "skipdata"), Blind(middle + 1, middle + 1000, "skipdata"))
    assert blocking(rules, blind=touching) == [Code.BLIND]
    assert verdict(rules, blind=apart) is Verdict.QUIET
    told = judge(replace(HEALTHY, blind=apart), rules)
    assert [one.code for one in told.reasons].count(Code.BLIND_ACCEPTED) == 2


def test_a_hole_says_what_it_can_hide() -> None:
    found = judge(replace(HEALTHY, blind=(Blind(END - 660, END, "skipdata"),)), RULES)
    stretch = f"{iso(END - 660)} to {iso(END)}"
    assert found.reasons[0].message == (
        f"a mount that lived wholly inside {stretch} would not show (skipdata)"
    )


def test_a_window_that_was_asked_for_may_be_shorter_than_min_window() -> None:
    assert verdict(asked=True) is Verdict.QUIET
    early = judge(replace(HEALTHY, asked=False), RULES)
    assert early.quiet_from == START + RULES.min_window
    long = (END - RULES.min_window, END)
    assert verdict(asked=False, window=long) is Verdict.QUIET


def test_the_order_of_facts_does_not_matter() -> None:
    uses = (use(), use(MountState.REJECTED), replace(use(), client="i-2"))
    checks = tuple(Check("x", f"x.{name}", "1", "r", None) for name in "abc")
    one = judge(replace(HEALTHY, uses=uses, checks=checks), RULES)
    other = judge(replace(HEALTHY, uses=uses[::-1], checks=checks[::-1]), RULES)
    assert one == other


# -- what a metric tells ---------------------------------------------------------------------------


def test_somebody_whom_nobody_saw_is_use() -> None:
    connected = (
        Connections(START + DAY, START + DAY + 60, 60, 2),
        Connections(START + 3 * DAY, START + 3 * DAY + HOUR, HOUR, 1),
    )
    told = judge(replace(HEALTHY, connections=connected), RULES)
    assert told.verdict is Verdict.IN_USE
    (reason,) = [one for one in told.reasons if one.severity is Severity.BLOCKING]
    assert reason.code is Code.CONNECTIONS_WITHOUT_CLIENT
    assert reason.evidence["start"] == START + DAY
    assert (reason.evidence["last_start"], reason.evidence["end"]) == (
        START + 3 * DAY,
        START + 3 * DAY + HOUR,
    )
    assert (reason.evidence["most"], reason.evidence["stretches"]) == (2, 2)


@pytest.mark.parametrize(
    ("since", "until", "is_told"),
    [
        (START, END, True),
        (START - DAY, END - 3 * HOUR, True),
        (START + 1, END, False),
        (START, END - 3 * HOUR - 1, False),
    ],
)
def test_mounted_and_not_read_or_written_all_the_while(
    since: int, until: int, *, is_told: bool
) -> None:
    idle = replace(HEALTHY, untouched=Untouched(since, until))
    told = judge(replace(idle, uses=(use(MountState.IDLE),)), RULES)
    assert told.verdict is Verdict.IN_USE
    assert (Code.MOUNTED_WITHOUT_IO in [one.code for one in told.reasons]) is is_told
    assert judge(idle, RULES).verdict is Verdict.QUIET, "not mounted, so nothing to tell"


def test_a_metric_that_is_not_believed_is_named_and_keeps_nothing_from_quiet() -> None:
    met = {"file_system_id": "fs-1", "start": 1, "end": 2}
    for witness, codes in (
        (Witness(Trust.CONTRADICTED, met), [Code.METRIC_CONTRADICTED]),
        (Witness(Trust.UNPROVEN, needed=True), [Code.METRIC_UNPROVEN]),
        (Witness(Trust.UNPROVEN), []),
        (Witness(Trust.PROVEN, met, needed=True), []),
    ):
        told = judge(replace(HEALTHY, witness=witness), RULES)
        assert told.verdict is Verdict.QUIET
        assert [one.code for one in told.reasons] == [Code.NO_EVIDENCE_OF_USE, *codes]


def test_what_was_bridged_is_told_with_what_it_can_hide() -> None:
    told = judge(replace(HEALTHY, bridged=((START, START + HOUR), (END - 60, END))), RULES)
    assert told.verdict is Verdict.QUIET
    (reason,) = [one for one in told.reasons if one.code is Code.BRIDGED]
    assert reason.severity is Severity.WARNING
    assert "rejected" in reason.message
    assert reason.evidence == {"start": START, "end": END, "seconds": 3660, "stretches": 2}
