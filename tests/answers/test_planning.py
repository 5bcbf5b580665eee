"""``check-delete --plan`` over stored facts, on both databases: who is let in, what to take away, who would hear, who was heard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from inventory.answers import Asked
from inventory.config import DiscoverSettings, Settings
from inventory.model import DAY, KINDS, iso
from inventory.store import Store
from tests.answers.conftest import Filled, Inventory, batch, own_row, upgraded
from tests.answers.test_deleting import swept
from tests.builders import (
    FS,
    INSTANCE,
    REGION,
    SERVER,
    SERVER_ENI,
    TARGET,
    VPC,
    T,
    eni,
    file_system,
    flow_log,
    instance,
    machine_eni,
    mount_target,
    nfs_rule,
    security_group,
)

HOUR = 3600
END = T + 40 * DAY
CUT = T + 20 * DAY
SYSTEM = file_system(creation_time=T - DAY, number_of_mount_targets=1)
CLIENTS = (machine_eni(), instance())
OTHER_FS = "fs-0fedcba9876543210"


def server(*groups: str) -> Any:  # noqa: ANN401 - an interface
    return eni(
        SERVER_ENI,
        SERVER,
        description=f"EFS mount target for {FS} ({TARGET})",
        interface_type="efs",
        groups=groups or ("sg-nfs",),
    )


OPEN = (SYSTEM, mount_target(), server(), *CLIENTS, security_group(), nfs_rule(), flow_log())


def without(*gone: object) -> tuple[Any, ...]:
    return tuple(one for one in OPEN if one not in gone)


Built = Callable[..., Inventory]


@pytest.fixture
def built(database_url: str, filled: Filled) -> Iterator[Built]:
    """``built(things, later)``: forty days; ``later`` is what there is from the middle on, by default the same."""
    filled("upgraded", upgraded)
    with Store.open(database_url, write=True) as store:

        def build(
            things: Iterable[Any] = OPEN,
            later: Iterable[Any] | None = None,
            *,
            whole: Iterable[str] = KINDS,
            seen: Iterable[tuple[int, int]] = ((T, END - 1),),
        ) -> Inventory:
            inventory = Inventory(store, Settings(discover=DiscoverSettings(mode="snapshots")))
            then = tuple(things if later is None else later)
            for moment in (T - DAY, T, CUT, CUT + HOUR, END - 60):
                made = swept(moment, *(things if moment <= CUT else then))
                inventory.learn(replace(made, whole=frozenset(whole)))
            inventory.record(batch([], seen, key="nobody.log"))
            return inventory

        yield build


def plan(inventory: Inventory, **asked: Any) -> dict[str, Any]:
    return inventory.answers.plan(FS, Asked(**({"until": END, "length": 15 * DAY} | asked)))


REVOKE = f"aws ec2 revoke-security-group-ingress --region {REGION} --group-id sg-nfs --security-group-rule-ids sgr-1"
AUTHORIZE = (
    f"aws ec2 authorize-security-group-ingress --region {REGION} --group-id sg-nfs --ip-permissions "
    '\'[{"IpProtocol":"tcp","FromPort":2049,"ToPort":2049,"IpRanges":[{"CidrIp":"10.0.0.0/16"}]}]\''
)


# -- before ----------------------------------------------------------------------------------------


def test_a_group_of_its_own_loses_its_rule(built: Built) -> None:
    told = plan(built())
    assert (told["stage"], told["verdict"], told["way"]) == ("begin", "QUIET", "rules")
    assert told["take_away"] == [REVOKE]
    assert told["put_back"] == [AUTHORIZE]
    assert told["hangs"] == []
    assert told["refused"] == []
    (target,) = told["mount_targets"]
    assert (target["id"], target["network_interface"]) == (TARGET, SERVER_ENI)
    assert target["open"] is True
    assert target["heard_by"] == ["fl-1"]
    assert target["rules"][0]["source"] == "10.0.0.0/16"
    assert target["groups"] == [{"id": "sg-nfs", "name": "nfs", "looked_at": iso(END - 60)}]
    assert told["listen"]["days"] == 7
    assert told["listen"]["go_on_from"] == iso(END + 7 * DAY)
    assert told["order"][-1]["what"].startswith("delete the file system")


def test_a_rule_of_another_port_is_no_way_in(built: Built) -> None:
    """Where no rule lets NFS in, there is nothing to take away."""
    told = plan(built(without(nfs_rule())))
    (target,) = told["mount_targets"]
    assert (target["open"], target["closed_by"]) == (False, None)
    assert (told["stage"], told["take_away"], told["put_back"]) == ("listening", [], [])
    assert told["listen"]["go_on_from"] is None, "nobody knows since when"


@pytest.mark.parametrize("more", ["shared", "wide"])
def test_what_would_cut_more_is_done_by_an_empty_group(built: Built, more: str) -> None:
    rule = {
        "shared": nfs_rule(),
        "wide": nfs_rule(protocol="-1", from_port=None, to_port=None),
    }[more]
    client = machine_eni(groups=("sg-nfs", "sg-web") if more == "shared" else ("sg-web",))
    told = plan(built((*without(nfs_rule(), *CLIENTS), rule, client, instance())))
    assert told["way"] == "groups"
    create, modify = told["take_away"]
    assert create.startswith("EMPTY=$(aws ec2 create-security-group ")
    assert f"--vpc-id {VPC}" in create
    assert modify == (
        f"aws efs modify-mount-target-security-groups --region {REGION} --mount-target-id {TARGET} "
        '--security-groups "$EMPTY"'
    )
    back, tidy = told["put_back"]
    assert back.endswith(f"--mount-target-id {TARGET} --security-groups sg-nfs")
    assert tidy == f'aws ec2 delete-security-group --region {REGION} --group-id "$EMPTY"'
    (target,) = told["mount_targets"]
    if more == "shared":
        (other,) = target["shared_with"]
        assert other["groups"] == ["sg-nfs"]
        assert [one["id"] for one in other["owners"]] == [INSTANCE]
        assert "other interfaces share" in told["why_this_way"]
    else:
        assert target["shared_with"] == []
        assert "more than NFS" in told["why_this_way"]


def test_mount_targets_of_one_file_system_may_share_a_group(built: Built) -> None:
    second = mount_target("fsmt-2", "10.0.2.10", network_interface_id="eni-second")
    here = eni("eni-second", "10.0.2.10", groups=("sg-nfs",), description="EFS mount target")
    told = plan(built((*without(SYSTEM), file_system(creation_time=T - DAY), second, here)))
    assert told["way"] in ("rules", None)
    assert all(one["shared_with"] == [] for one in told["mount_targets"])


def test_the_mount_target_of_another_file_system_is_named(built: Built) -> None:
    second = mount_target(
        "fsmt-2", "10.0.2.10", network_interface_id="eni-second", file_system_id=OTHER_FS
    )
    here = eni("eni-second", "10.0.2.10", groups=("sg-nfs",), description="EFS mount target")
    told = plan(built((*OPEN, second, here)))
    (other,) = told["mount_targets"][0]["shared_with"]
    assert other["file_system"] == OTHER_FS
    assert told["way"] == "groups"


def test_who_hangs_is_named_before_anything(built: Built) -> None:
    inventory = built()
    inventory.record(batch([own_row(END - 700, END - 10)], key="mount.log"))
    told = plan(inventory)
    assert (told["verdict"], told["stage"]) == ("IN_USE", "begin")
    (client,) = told["hangs"]
    assert client["client"]["id"] == INSTANCE
    assert "will hang" in client["consequence"]
    keys = list(told)
    assert keys.index("hangs") < keys.index("take_away")


def test_the_longest_silence_tells_how_long_to_listen(built: Built) -> None:
    inventory = built()
    inventory.record(batch([own_row(T + 6 * DAY, T + 6 * DAY + 600)], key="mount.log"))
    told = plan(inventory)
    assert told["listen"]["longest_silence_days"] == 6.0
    assert told["listen"]["days"] == 13
    assert told["listen"]["go_on_from"] == iso(END + 13 * DAY)


# -- what keeps from a plan ------------------------------------------------------------------------


DEAF: list[tuple[dict[str, Any] | None, str]] = [
    ({"traffic_type": "ACCEPT"}, "records no rejections"),
    ({"traffic_type": ""}, "records no rejections"),
    ({"resource_id": "vpc-other"}, "no sweep shows a flow log"),
    ({"deliver_logs_status": "FAILED"}, "does not deliver"),
    ({"deliver_logs_error_message": "Access error"}, "does not deliver"),
    (None, "no sweep shows a flow log"),
]


def test_where_nobody_would_hear_nothing_is_taken_away(built: Built) -> None:
    """Each as the newest sweeps show it."""
    inventory = built()
    for number, (given, why) in enumerate(DEAF):
        logs = [] if given is None else [flow_log(**given)]
        inventory.learn(swept(END - 50 + number, *without(flow_log()), *logs))
        told = plan(inventory)
        assert told["stage"] == "refused", given
        assert [one["mount_target"] for one in told["refused"]] == [TARGET]
        assert why in told["refused"][0]["why"]
        assert told["take_away"] == told["put_back"] == []


def test_a_flow_log_of_rejections_is_enough(built: Built) -> None:
    """It covers nothing, and hears what matters here."""
    rejections = flow_log(traffic_type="REJECT", resource_id=SERVER_ENI)
    told = plan(built((*without(flow_log()), rejections)))
    assert told["stage"] == "begin"
    assert told["verdict"] == "UNKNOWN"


def test_a_flow_log_that_showed_nothing_lately_is_not_proven(built: Built) -> None:
    inventory = built(seen=[(T, T + DAY)])
    other = batch([], [(T, END - 1)], key="other.log", interface="eni-other")
    inventory.record(other)
    told = plan(inventory)
    assert told["stage"] == "refused"
    assert "not proven delivering" in told["refused"][0]["why"]


def test_records_that_may_be_of_a_flow_log_of_accepted_traffic_prove_nothing(built: Built) -> None:
    """Which of the two flow logs a record without name is from, nobody knows."""
    told = plan(built((*OPEN, flow_log("fl-2", traffic_type="ACCEPT"))))
    assert told["stage"] == "refused"


def test_output_that_names_its_flow_log_proves_it(built: Built) -> None:
    inventory = built((*OPEN, flow_log("fl-2", traffic_type="ACCEPT")))
    inventory.record(batch([], [(END - HOUR, END - 1)], key="fl-1.log", flow_log_id="fl-1"))
    assert plan(inventory)["stage"] == "begin"


@pytest.mark.parametrize(
    ("things", "whole", "unknown"),
    [
        (without(security_group()), KINDS, "no sweep looked at sg-nfs"),
        (OPEN[:2] + OPEN[3:], KINDS, "no sweep shows the security groups"),
        (
            without(nfs_rule()),
            KINDS.keys() - {"security_group_rule"},
            "no sweep listed the rules of sg-nfs",
        ),
    ],
)
def test_what_is_not_known_is_told_and_not_guessed(
    built: Built, things: Iterable[Any], whole: Iterable[str], unknown: str
) -> None:
    told = plan(built(things, whole=whole))
    (target,) = told["mount_targets"]
    assert any(unknown in one for one in target["unknown"])
    assert told["stage"] == "unknown"
    assert told["take_away"] == []


def test_a_new_group_whose_rules_were_denied_is_not_closed(built: Built) -> None:
    """Rules were listed before; those of the new group never were, and it may let in everybody."""
    inventory = built()
    new = (*without(server(), security_group(), nfs_rule()), server("sg-new"))
    denied = swept(END - 30, *new, security_group("sg-new"))
    inventory.learn(replace(denied, whole=frozenset(KINDS) - {"security_group_rule"}))
    told = plan(inventory)
    assert told["mount_targets"][0]["open"] is None
    assert "rules of sg-new" in told["mount_targets"][0]["unknown"][0]
    assert told["stage"] == "unknown"


def test_a_group_that_no_sweep_looked_at_keeps_an_open_door_from_a_plan(built: Built) -> None:
    """One of two groups is known: taking its rule away would leave the other one."""
    things = (*without(server()), server("sg-nfs", "sg-secret"))
    told = plan(built(things))
    assert told["mount_targets"][0]["open"] is True
    assert told["stage"] == "unknown"
    assert told["take_away"] == []


def test_without_a_mount_target_there_is_nothing_to_cut(built: Built) -> None:
    bare = file_system(creation_time=T - DAY, number_of_mount_targets=0)
    told = plan(built((bare, *CLIENTS)))
    assert (told["stage"], told["mount_targets"], told["refused"]) == ("nothing_to_cut", [], [])


# -- afterwards ------------------------------------------------------------------------------------


def rejected(first: int, seconds: int = 60) -> Any:  # noqa: ANN401 - a sighting
    return own_row(first, first + seconds, action="REJECT", responses=0, packets_out=0, bytes_out=0)


def test_a_rule_that_went_is_listened_to(built: Built) -> None:
    told = plan(built(OPEN, without(nfs_rule())))
    assert told["stage"] == "go_on", "it is closed for twenty days"
    (target,) = told["mount_targets"]
    assert target["open"] is False
    assert (target["open_until"], target["closed_by"]) == (iso(CUT), iso(CUT + HOUR))
    assert told["take_away"] == []
    assert told["put_back"] == [AUTHORIZE]
    assert told["listen"]["go_on_from"] == iso(CUT + HOUR + 7 * DAY)
    assert told["listen"]["deaf"] == []


def test_too_little_quiet_is_waited_for(built: Built) -> None:
    inventory = built(OPEN, without(nfs_rule()), seen=[(T, CUT + 3 * DAY)])
    told = plan(inventory, until=CUT + 3 * DAY)
    assert told["stage"] == "listening"
    assert told["listen"]["go_on_from"] == iso(CUT + HOUR + 7 * DAY)


def test_a_hole_is_no_quiet(built: Built) -> None:
    hole = (CUT + 5 * DAY, CUT + 6 * DAY)
    inventory = built(OPEN, without(nfs_rule()), seen=[(T, hole[0]), (hole[1], END - 1)])
    told = plan(inventory)
    assert told["stage"] == "listening"
    (deaf,) = told["listen"]["deaf"]
    assert deaf["start"] <= iso(hole[0] + 1)
    assert deaf["end"] >= iso(hole[1] - 1)


def test_screams_are_heard(built: Built) -> None:
    inventory = built(OPEN, without(nfs_rule()))
    inventory.record(
        batch([rejected(CUT - 9 * HOUR)], key="before.log"),
        batch([rejected(CUT + 5 * DAY)], key="after.log"),
    )
    told = plan(inventory)
    assert told["stage"] == "heard"
    (scream,) = told["screams"]
    assert scream["client"]["id"] == INSTANCE
    assert scream["state"] == "rejected"
    assert scream["first_seen"] == iso(CUT + 5 * DAY), "what was rejected before is no scream"
    days = told["listen"]["days"]
    assert days > 7, "who came then was silent as long before"
    assert told["listen"]["go_on_from"] == iso(CUT + (5 + days) * DAY + 60)
    assert told["put_back"] == [AUTHORIZE]
    answer = inventory.answers.check_delete(FS, Asked(until=END, length=15 * DAY)).answer
    assert answer["verdict"] == "REFERENCED"
    assert "CLIENT_REJECTED" in {one["code"] for one in answer["reasons"]}


def test_whoever_is_mounted_still_and_turned_away_beside_screams_too(built: Built) -> None:
    inventory = built(OPEN, without(nfs_rule()))
    inventory.record(
        batch([own_row(END - 700, END - 10), rejected(END - 500)], key="both.log"),
    )
    told = plan(inventory)
    assert (told["verdict"], told["stage"]) == ("IN_USE", "heard")
    assert told["screams"][0]["rejected_flows"] == 1


def test_whoever_is_still_there_by_an_open_connection_is_waited_for(built: Built) -> None:
    """A closed door does not cut it, so it does not scream: that is no quiet."""
    inventory = built(OPEN, without(nfs_rule()))
    renewals = [own_row(at, at + 590) for at in range(T + HOUR, END, DAY)]
    inventory.record(batch(renewals, key="tracked.log"))
    told = plan(inventory)
    assert (told["verdict"], told["screams"], told["stage"]) == ("IN_USE", [], "listening")
    assert told["listen"]["go_on_from"] == iso(renewals[-1].last_seen + 7 * DAY)


def test_an_empty_group_closes_and_the_old_groups_come_back(built: Built) -> None:
    empty = security_group("sg-empty", name="efs-scream-test")
    things = (*without(server()), server("sg-empty"), empty)
    told = plan(built(OPEN, things))
    (target,) = told["mount_targets"]
    assert (target["open"], target["closed_by"]) == (False, iso(CUT + HOUR))
    assert told["put_back"] == [
        f"aws efs modify-mount-target-security-groups --region {REGION} --mount-target-id {TARGET} --security-groups sg-nfs"
    ]


def test_a_rule_that_came_back_opens_again(built: Built) -> None:
    inventory = built(OPEN, without(nfs_rule()))
    inventory.learn(swept(END - 30, *without(nfs_rule()), nfs_rule("sgr-2")))
    told = plan(inventory)
    assert told["mount_targets"][0]["open"] is True
    assert told["stage"] == "begin"
    assert "sgr-2" in told["take_away"][0]
