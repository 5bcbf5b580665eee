"""Which calls are due when: each kind at its pace, failures again soon, far places seldom, the unexplained at once."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from inventory.config import DiscoverSettings, EverySettings
from inventory.discover import live, pace
from inventory.discover.calls import CALLS
from inventory.discover.references import unnamed
from tests.builders import T

EVERY = EverySettings()
INTERFACES = "ec2.describe-network-interfaces"
TASKS = frozenset(pace.GROUPS["tasks"])


class Known(NamedTuple):
    """When a call was last made and last whole."""

    asked_at: int
    whole_at: int | None


def whole(moment: int) -> dict[str, Known]:
    return {call: Known(moment, moment) for call in pace.ALL}


def due(times: dict[str, Known], seconds: int, *, near: bool = True) -> frozenset[str]:
    return pace.due(times, EVERY, T + seconds, near=near)


def test_every_call_of_a_sweep_has_a_pace_and_a_fetcher() -> None:
    files_only = {"cloudtrail.lookup-events"}
    assert set(live.FETCHERS) == set(CALLS) - files_only
    assert set(live.FETCHERS) == pace.ALL
    assert set(pace.GROUPS) == set(EverySettings.model_fields)


def test_what_was_never_asked_is_due() -> None:
    assert due({}, 0) == pace.ALL
    assert due({}, 0, near=False) == pace.ALL


@pytest.mark.parametrize(
    ("seconds", "groups"),
    [
        (1, ()),
        (5 * 60, ("interfaces",)),
        (15 * 60, ("interfaces", "instances")),
        (20 * 60, ("interfaces", "instances", "tasks")),
        (
            3600,
            (
                "interfaces",
                "instances",
                "tasks",
                "file_systems",
                "functions",
                "flow_logs",
                "metrics",
            ),
        ),
        (86_400, tuple(pace.GROUPS)),
    ],
)
def test_each_kind_has_its_own_pace(seconds: int, groups: tuple[str, ...]) -> None:
    assert due(whole(T), seconds) == {call for group in groups for call in pace.GROUPS[group]}


def test_a_call_that_failed_is_made_again_soon_but_not_at_once() -> None:
    times = whole(T) | {"lambda.list-functions": Known(T + 3600, T)}
    assert "lambda.list-functions" not in due(times, 3660)
    assert "lambda.list-functions" in due(times, 3600 + pace.RETRY)


def test_one_reference_that_is_denied_does_not_bring_back_all_others() -> None:
    """They are hundreds of requests, and would use up the day's."""
    fresh = due(whole(T + 3600), 3600 + pace.RETRY)
    times = whole(T + 3600) | {"m2.get-environments": Known(T + 3600, None)}
    assert due(times, 3600 + pace.RETRY) - fresh == {"m2.get-environments"}


def test_security_groups_that_are_denied_bring_back_only_themselves() -> None:
    fresh = due(whole(T + 3600), 3600 + pace.RETRY)
    denied = {call: Known(T + 3600, None) for call in pace.ALONE}
    assert due(whole(T + 3600) | denied, 3600 + pace.RETRY) - fresh == pace.ALONE
    failed = {"ec2.describe-vpcs": Known(T + 3600, None)}
    assert due(whole(T + 3600) | failed, 3600 + pace.RETRY) >= set(pace.GROUPS["flow_logs"])


@pytest.mark.parametrize(
    "late", ["ecs.describe-services", "scheduler.get-schedules", "ecs.describe-task-definitions"]
)
def test_what_starts_tasks_is_asked_together_with_what_it_starts(late: str) -> None:
    """A service that is gone shows only beside a whole list of clusters; a definition is read for whom it is asked."""
    times = whole(T + 86_390) | {late: Known(T, None)}
    assert due(times, 86_400) >= {
        "ecs.list-clusters",
        "ecs.describe-services",
        "events.list-targets-by-rule",
        "scheduler.get-schedules",
        "ecs.describe-task-definitions",
    }


def test_whoever_is_started_every_five_minutes_is_not_started_to_the_second() -> None:
    assert INTERFACES in due(whole(T), 298)


def test_places_that_cannot_reach_a_mount_target_are_looked_at_seldom_but_for_file_systems() -> (
    None
):
    assert due(whole(T), 3600, near=False) == set(pace.GROUPS["file_systems"])
    assert due(whole(T), 86_400, near=False) == pace.ALL


def test_a_service_out_of_reach_does_not_make_its_group_due_for_ever() -> None:
    times = {call: known for call, known in whole(T).items() if call not in live.OPTIONAL}
    assert due(times, 60) == frozenset()


def test_a_client_that_nobody_knows_brings_forward_what_was_not_asked_since() -> None:
    times = whole(T) | {INTERFACES: Known(T + 1200, T + 1200)}
    assert pace.forward(times, T + 600, T + 1300) == pace.FORWARD - {INTERFACES}
    assert pace.forward(times, T + 600, T + 1300) >= TASKS


def test_what_was_asked_since_the_client_came_could_not_name_it_either() -> None:
    assert pace.forward(whole(T), T - 1, T + 600) == frozenset()


def test_nothing_is_asked_twice_within_a_minute() -> None:
    assert pace.forward(whole(T), T, T + 59) == frozenset()
    assert pace.forward(whole(T), T, T + 60) == pace.FORWARD


def test_what_looks_for_references_that_nobody_named_is_never_asked() -> None:
    unwanted = unnamed(("lambda", "sagemaker"))
    assert {"datasync.describe-tasks", "ecs.describe-services"} <= unwanted
    assert (
        not {"sagemaker.describe-spaces", "ecs.describe-tasks", "eks.describe-clusters"} & unwanted
    )
    asked = pace.due({}, EVERY, T, near=True, unwanted=unwanted)
    assert asked == pace.ALL - unwanted
    known = {call: Known(T, T) for call in asked}
    again = pace.due(known, EVERY, T + 60, near=True, unwanted=unwanted)
    assert again == frozenset(), "what is never asked is never overdue"


def test_all_references_are_asked_for_unless_some_are_named() -> None:
    assert unnamed(DiscoverSettings().references) & pace.ALL == set()
