"""Coverage speaks of mount targets only as long as it is known which ones there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from inventory.model import DAY, CallState, Sweep, iso
from tests.answers.conftest import END, HOUR, USUAL, Inventory, batch, sweep
from tests.builders import ACCOUNT, FS, INSTANCE, REGION, T, file_system

Make = Callable[..., Inventory]
LAST = T + 7 * HOUR
"""The last whole sweep of the usual inventory."""
TARGETS = "efs.describe-mount-targets"
INTERFACES = "ec2.describe-network-interfaces"


def in_vain(moment: int, *calls: str) -> Sweep:
    """A sweep whose calls were refused."""
    states = dict.fromkeys(calls, CallState.BROKEN)
    told = dict.fromkeys(calls, "AccessDenied")
    return Sweep(f"vain-{moment}", moment, ACCOUNT, REGION, states, told, frozenset(), {})


def gaps(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(gap["start"], gap["end"], gap["reason"]) for gap in answer["coverage"]["gaps"]]


def unknown(start: int, end: int) -> tuple[str | None, str | None, str]:
    return (iso(start), iso(end), "mount_targets_unknown")


def seen_until(inventory: Inventory, end: int) -> None:
    inventory.record(batch([], [(T, end - 1)]))


@pytest.mark.parametrize("call", [TARGETS, INTERFACES])
def test_after_the_last_whole_listing_nobody_knows_once_it_was_tried_in_vain(
    make: Make, call: str
) -> None:
    inventory, as_of = make(), T + 30 * HOUR
    seen_until(inventory, as_of)
    assert inventory.answers.who(FS, T, as_of)["coverage"]["complete"]
    inventory.learn(in_vain(T + 20 * HOUR, call))
    answer = inventory.answers.who(FS, T, as_of)
    assert gaps(answer) == [unknown(LAST + 1, as_of)]
    assert not answer["coverage"]["complete"]
    assert inventory.answers.list()["file_systems"][0]["clients_now"] is None
    assert inventory.answers.who(FS, T, LAST)["coverage"]["complete"]  # the archive's own time
    inventory.learn(sweep(T + 31 * HOUR, *USUAL))
    assert inventory.answers.who(FS, T, as_of)["coverage"]["complete"]


def test_the_last_whole_listing_speaks_for_two_days(make: Make) -> None:
    inventory, limit = make(), LAST + 2 * DAY
    seen_until(inventory, limit)
    assert inventory.answers.who(FS, T, limit)["coverage"]["complete"]
    seen_until(inventory, limit + 1)
    assert gaps(inventory.answers.who(FS, T, limit + 1)) == [unknown(LAST + 1, limit + 1)]
    assert inventory.answers.who(FS, T, LAST)["coverage"]["complete"]


def test_a_whole_listing_of_interfaces_shows_mount_targets_too(make: Make) -> None:
    inventory, as_of = make(), T + 30 * HOUR
    seen_until(inventory, as_of)
    inventory.learn(in_vain(T + 20 * HOUR, TARGETS))
    inventory.learn(sweep(T + 25 * HOUR, *USUAL[2:], whole={"network_interface"}))
    assert inventory.answers.who(FS, T, as_of)["coverage"]["complete"]
    inventory.learn(in_vain(T + 26 * HOUR, TARGETS))
    assert gaps(inventory.answers.who(FS, T, as_of)) == [unknown(T + 25 * HOUR + 1, as_of)]


def test_mount_targets_of_which_no_listing_was_ever_whole_are_not_known_to_be_all(
    make: Make,
) -> None:
    inventory = make(whole={"file_system"})
    seen_until(inventory, END)
    assert gaps(inventory.answers.who(FS, T, END)) == [unknown(T, END)]


def test_between_two_whole_listings_it_was_looked_unless_it_was_tried_in_vain(make: Make) -> None:
    """A file system without mount targets: one made and deleted between them is not known to have been none."""
    inventory = make(file_system(creation_time=T - 100 * HOUR))
    inventory.record(batch([], [(T, END)]))
    assert inventory.answers.who(FS, T, END)["coverage"]["complete"]
    inventory.learn(in_vain(T + 2 * HOUR + 60, INTERFACES))
    assert inventory.answers.who(FS, T, END)["coverage"]["complete"]
    inventory.learn(in_vain(T + 2 * HOUR + 60, TARGETS), in_vain(T + 4 * HOUR + 60, TARGETS))
    answer = inventory.answers.who(FS, T, END)
    assert gaps(answer) == [
        unknown(T + 2 * HOUR + 1, T + 3 * HOUR),
        unknown(T + 4 * HOUR + 1, T + 5 * HOUR),
    ]
    within = inventory.answers.who(FS, T + 2 * HOUR + 600, T + 2 * HOUR + 900)
    assert within["coverage"]["ratio"] == 0.0


# -- of a client -----------------------------------------------------------------------------------


def test_a_client_may_mount_file_systems_that_nobody_could_list(make: Make) -> None:
    inventory = make(*USUAL[2:], whole={"network_interface", "instance"})
    seen_until(inventory, END)
    answer = inventory.answers.mounts(INSTANCE, T, END)
    assert (answer["mounts"], gaps(answer)) == ([], [unknown(T, END)])


def test_a_client_may_mount_file_systems_that_came_since_they_were_listed(make: Make) -> None:
    inventory, as_of = make(), T + 30 * HOUR
    seen_until(inventory, as_of)
    assert inventory.answers.mounts(INSTANCE, T, as_of)["coverage"]["complete"]
    inventory.learn(in_vain(T + 20 * HOUR, "efs.describe-file-systems"))
    answer = inventory.answers.mounts(INSTANCE, T, as_of)
    assert gaps(answer) == [unknown(LAST + 1, as_of)]
    assert inventory.answers.mounts(INSTANCE, T, LAST)["coverage"]["complete"]
    assert inventory.answers.who(FS, T, as_of)["coverage"]["complete"]


def test_without_records_a_client_that_sweeps_know_is_not_known_to_mount_nothing(
    make: Make,
) -> None:
    inventory = make(*USUAL[2:])
    coverage = inventory.answers.mounts(INSTANCE, T, END)["coverage"]
    assert (coverage["complete"], coverage["ratio"]) == (False, 0.0)
