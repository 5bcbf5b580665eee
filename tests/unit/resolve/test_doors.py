"""Who is let in at a mount target: groups, rules, who shares them, and when the last rule went."""

from __future__ import annotations

from typing import Any

from inventory.model import Version
from inventory.resolve.doors import Door, Doors, is_narrow
from tests.builders import (
    ACCOUNT,
    REGION,
    SERVER,
    SERVER_ENI,
    T,
    eni,
    machine_eni,
    mount_target,
    nfs_rule,
    security_group,
    seen,
    topology,
)

HERE_LISTED = {(ACCOUNT, REGION)}
LISTED = {"security_group_rule": HERE_LISTED, "network_interface": HERE_LISTED}
GROUP = seen(security_group())
RULE = seen(nfs_rule())
DAY, HOUR = 86_400, 3_600


def server(*groups: str) -> Any:  # noqa: ANN401 - an interface
    return eni(SERVER_ENI, SERVER, groups=groups or ("sg-nfs",))


HERE = seen(server())


def door(*versions: Version[Any], unlisted: str = "", rules_at: int = T + 10_000) -> Door:
    target = seen(mount_target())
    listed = {kind: places for kind, places in LISTED.items() if kind != unlisted}
    made = topology(target, *versions, whole=listed)
    at = {"security_group_rule": rules_at, "network_interface": T}
    return Doors(made, lambda kind, *place: [at[kind]] if place in listed.get(kind, ()) else []).of(
        target
    )


def test_a_rule_that_is_there_opens() -> None:
    found = door(HERE, GROUP, RULE)
    assert found.is_open is True
    assert [rule.value.rule_id for rule in found.rules] == ["sgr-1"]
    assert (found.open_until, found.closed_by) == (T + 10_000, None)
    assert (found.unknown, found.sharing) == ((), ())


def test_no_rule_closes_where_rules_were_listed() -> None:
    found = door(HERE, GROUP)
    assert found.is_open is False
    assert (found.open_until, found.closed_by) == (None, None)


def test_nothing_is_known_without_groups_without_looking_and_without_a_list() -> None:
    for found, said in (
        (door(GROUP, RULE), "no sweep shows the security groups"),
        (door(HERE, RULE), "no sweep looked at sg-nfs"),
        (door(HERE, GROUP, unlisted="security_group_rule"), "listed the rules of sg-nfs"),
        (door(HERE, GROUP, RULE, unlisted="network_interface"), "that may share sg-nfs"),
        (door(HERE, seen(security_group(), before=11_000), RULE), "no sweep looked at sg-nfs"),
    ):
        assert len(found.unknown) == 1
        assert said in found.unknown[0]
    assert door(HERE, GROUP, unlisted="security_group_rule").is_open is None


def test_rules_that_were_not_listed_since_prove_nothing_closed() -> None:
    """The groups were looked at later, and the rules denied: somebody may be let in by now."""
    found = door(HERE, GROUP, rules_at=T + 10_000 - 2 * HOUR - 1)
    assert found.is_open is None
    (said,) = found.unknown
    assert "rules of sg-nfs" in said
    new = door(HERE, seen(security_group(), T + 9_000, 10_000), rules_at=T + 8_000)
    assert new.is_open is None, "the group came after the rules were listed"
    assert door(HERE, GROUP, rules_at=T + 10_000 - 2 * HOUR).is_open is False


def test_a_rule_that_went_closes() -> None:
    gone = seen(nfs_rule(), 0, 5_000, before=6_000)
    found = door(HERE, GROUP, gone)
    assert found.is_open is False
    assert (found.open_until, found.closed_by) == (T + 5_000, T + 6_000)
    assert found.taken_away == (gone,)
    assert found.groups_before == ("sg-nfs",)


def test_of_two_rules_the_last_one_closes() -> None:
    first = seen(nfs_rule("sgr-1"), 0, 5_000, before=6_000)
    last = seen(nfs_rule("sgr-2"), 0, 7_000, before=8_000)
    found = door(HERE, GROUP, first, last)
    assert (found.open_until, found.closed_by) == (T + 7_000, T + 8_000)
    assert found.taken_away == (first, last)


def test_a_rule_of_long_ago_was_not_taken_away_for_this() -> None:
    here = seen(server(), 0, 3 * DAY)
    group = seen(security_group(), 0, 3 * DAY)
    last = seen(nfs_rule("sgr-2"), 0, 2 * DAY, before=2 * DAY + 60)
    for until in (5_000, 2 * DAY - 9 * HOUR):  # the latter: one that was replaced by a narrower one
        old = seen(nfs_rule("sgr-1"), 0, until, before=until + 1000)
        assert door(here, group, old, last).taken_away == (last,)


def test_an_empty_group_instead_closes() -> None:
    before = seen(server(), 0, 5_000, before=5_300)
    now = seen(server("sg-empty"), 5_300, 10_000, after=5_000)
    empty = seen(security_group("sg-empty"), 6_000)
    found = door(before, now, GROUP, empty, RULE)
    assert found.is_open is False
    assert (found.open_until, found.closed_by) == (T + 5_000, T + 5_300)
    assert found.groups_before == ("sg-nfs",)
    assert found.taken_away == (), "the rule is there still"


def test_a_rule_that_was_there_before_the_group_was_is_no_opening() -> None:
    gone = seen(nfs_rule(), 0, 1_000, before=2_000)
    here = seen(server(), 3_000, 10_000, after=2_500)
    found = door(here, GROUP, gone)
    assert (found.is_open, found.open_until) == (False, None)


def test_who_has_a_group_is_found_in_every_account_while_it_is_there() -> None:
    shares = seen(machine_eni("eni-a", "10.0.9.1", groups=("sg-web", "sg-nfs")), account="9")
    left = seen(machine_eni("eni-b", "10.0.9.2", groups=("sg-nfs",)), before=9_000)
    other = seen(machine_eni("eni-c", "10.0.9.3", groups=("sg-web",)))
    assert door(HERE, GROUP, RULE, shares, left, other).sharing == (shares,)


def test_what_is_narrow() -> None:
    assert is_narrow(nfs_rule())
    for wide in (
        nfs_rule(protocol="-1", from_port=None, to_port=None),
        nfs_rule(from_port=2000),
        nfs_rule(to_port=2050),
        nfs_rule(from_port=None, to_port=None),
    ):
        assert not is_narrow(wide)
