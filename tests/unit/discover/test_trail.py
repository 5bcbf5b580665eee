"""CloudTrail events to values: what is kept, what stands for nothing, what is refused; from files as from AWS."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.discover import snapshots, trail
from inventory.discover.calls import CALLS, read_answer, sweep
from inventory.model import CallState, InterfaceChange
from tests import events
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    FS,
    INSTANCE,
    REGION,
    SUBNET,
    VPC,
    T,
)


def read(*rows: Any) -> list[Any]:
    answer = read_answer(trail.CALL, {"Events": list(rows)})
    assert answer.state is CallState.WHOLE, answer.problem
    return answer.items


def broken(row: dict[str, Any]) -> str:
    """The problem of an answer with this entry; the good entry beside it is kept."""
    good = events.delete_network_interface(5, "eni-good")
    answer = read_answer(trail.CALL, {"Events": [row, good]})
    assert answer.state is CallState.BROKEN
    assert [value.network_interface_id for value in answer.items] == ["eni-good"]
    return answer.problem


def test_a_connection_names_who_from_where_to_what() -> None:
    (found,) = read(events.new_client_connection(7, "i-0abc", from_instance=True))
    assert dataclasses.asdict(found) == {
        "event_id": "NewClientConnection-7",
        "time": T + 7,
        "file_system_id": FS,
        "file_system_arn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{FS}",
        "access_point_ids": ("fsap-9",),
        "principal_arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/role/i-0abc",
        "from_instance": True,
        "client_address": CLIENT,
        "permissions": ("ClientMount", "ClientWrite"),
    }


def test_an_interface_that_was_made() -> None:
    row = events.create_network_interface(
        3,
        description="d",
        interfaceType="lambda",
        requesterId="r",
        requesterManaged=True,
        ipv6AddressesSet={"items": [{"ipv6Address": "2A05:D014:0::73"}]},
        tagSet={"items": [{"key": "k", "value": "v"}]},
    )
    (found,) = read(row)
    assert found.key == f"CreateNetworkInterface-3/{CLIENT_ENI}"
    assert (found.what, found.time) == (InterfaceChange.CREATED, T + 3)
    assert (found.vpc_id, found.subnet_id, found.owner_id) == (VPC, SUBNET, ACCOUNT)
    assert found.addresses == (CLIENT, "2a05:d014::73")
    assert (found.description, found.interface_type, found.requester_id) == ("d", "lambda", "r")
    assert (found.requester_managed, found.groups, found.tags) == (True, ("sg-1",), {"k": "v"})


def test_instances_that_were_run_tell_of_every_interface() -> None:
    first, second, third = read(
        events.run_instances(
            3, {"i-1": {"eni-1": "10.0.0.1", "eni-2": "10.0.0.2"}, "i-2": {"eni-3": "10.0.0.3"}}
        )
    )
    assert [one.what for one in (first, second, third)] == [InterfaceChange.CREATED] * 3
    assert (second.network_interface_id, second.instance_id, second.device_index) == (
        "eni-2",
        "i-1",
        1,
    )
    assert (third.attachment_id, third.delete_on_termination) == ("eni-attach-eni-3", True)


def test_an_interface_that_an_instance_was_run_with_was_there_before() -> None:
    row = events.run_instances(3, {"i-1": {"eni-1": "10.0.0.1"}})
    inner = json.loads(row["CloudTrailEvent"])
    inner["requestParameters"] = {
        "networkInterfaceSet": {"items": [{"networkInterfaceId": "eni-1", "deviceIndex": 0}]}
    }
    (found,) = read(row | {"CloudTrailEvent": json.dumps(inner)})
    assert found.what is InterfaceChange.ATTACHED


def test_attached_detached_deleted_terminated() -> None:
    attach = events.event(
        "AttachNetworkInterface",
        events.EC2,
        1,
        requestParameters={"networkInterfaceId": "eni-1", "instanceId": "i-1", "deviceIndex": 1},
        responseElements={"attachmentId": "eni-attach-1"},
    )
    detach = events.event(
        "DetachNetworkInterface",
        events.EC2,
        2,
        requestParameters={"attachmentId": "eni-attach-1", "force": False},
    )
    delete = events.delete_network_interface(3, "eni-1")
    end = events.terminate_instances(4, "i-1", "i-2")
    found = read(attach, detach, delete, end)
    assert [
        (one.what.value, one.network_interface_id, one.attachment_id, one.instance_id)
        for one in found
    ] == [
        ("attached", "eni-1", "eni-attach-1", "i-1"),
        ("detached", "", "eni-attach-1", ""),
        ("deleted", "eni-1", "", ""),
        ("terminated", "", "", "i-1"),
        ("terminated", "", "", "i-2"),
    ]


@pytest.mark.parametrize(
    "row",
    [
        events.event("DescribeVpcs", events.EC2, 1),
        events.event("NewClientConnection", "elsewhere.amazonaws.com", 1),
        events.event("CreateNetworkInterface", events.EC2, 1, errorCode="Client.DryRunOperation"),
        events.event("DeleteNetworkInterface", events.EC2, 1, errorCode="Client.X"),
        events.new_client_connection(errorCode="AccessDenied"),
    ],
)
def test_other_events_and_calls_that_failed_stand_for_nothing(row: dict[str, Any]) -> None:
    assert read(row) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"EventId": "x"}, "CloudTrailEvent is missing"),
        ({"CloudTrailEvent": "{"}, "CloudTrailEvent is not JSON"),
        ({"CloudTrailEvent": "[]"}, "not an object"),
        ({"CloudTrailEvent": "[" * 100_000}, "nested too deeply"),
        (events.new_client_connection(eventTime="20You 19-10-23"), "no ISO 8601 time"),
        (events.new_client_connection(eventTime=None), "eventTime is missing"),
        (events.new_client_connection(eventID=""), "eventID is missing"),
        (events.new_client_connection(resources=[]), "names no file system"),
        (events.new_client_connection(serviceEventDetails=None), "sourceIpAddress is missing"),
        (
            events.event("CreateNetworkInterface", events.EC2, 1, responseElements=None),
            "networkInterfaceId is missing",
        ),
        (
            events.event("RunInstances", events.EC2, 1, responseElements={"omitted": True}),
            "names no instance",
        ),
    ],
)
def test_an_event_that_cannot_be_read_breaks_the_answer(row: dict[str, Any], said: str) -> None:
    assert said in broken(row)


def test_nothing_else_of_an_event_is_kept() -> None:
    every = read(
        events.new_client_connection(),
        events.create_network_interface(1),
        events.run_instances(2, {"i-1": {"eni-1": "10.0.0.1"}}),
        events.delete_network_interface(3),
        events.terminate_instances(4, "i-1"),
    )
    assert len(every) == 5
    assert events.SECRET not in repr(every)


def test_of_a_client_that_reconnects_all_the_time_the_first_and_last_of_five_minutes_stay() -> None:
    rows = [events.new_client_connection(at) for at in range(0, 900, 10)]
    kept = sorted(one.time - T for one in read(*reversed(rows)))
    assert kept == [0, 290, 300, 590, 600, 890]
    assert len(read(*rows, events.new_client_connection(5, "another"))) == 7


def test_an_instance_that_was_terminated_before_is_not_terminated_again() -> None:
    event = events.terminate_instances(100, INSTANCE)
    said = json.loads(event["CloudTrailEvent"])
    assert len(read(event)) == 1
    for row in said["responseElements"]["instancesSet"]["items"]:
        row["previousState"] = {"code": 48, "name": "terminated"}
    assert read(event | {"CloudTrailEvent": json.dumps(said)}) == []


def test_an_answer_that_is_cut_is_broken() -> None:
    answer = read_answer(
        trail.CALL, {"Events": [events.new_client_connection()], "NextToken": "more"}
    )
    assert (answer.state, len(answer.items)) == (CallState.BROKEN, 1)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
ROWS = [
    events.new_client_connection(),
    events.create_network_interface(1),
    events.run_instances(2, {"i-1": {"eni-1": "10.0.0.1"}}),
    events.terminate_instances(4, "i-1"),
]


@given(st.sampled_from(ROWS), st.data())
def test_no_event_whatever_escapes_as_a_traceback(row: dict[str, Any], data: st.DataObject) -> None:
    inner = json.loads(row["CloudTrailEvent"])
    inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(_JSON)
    changed = row | {"CloudTrailEvent": json.dumps(inner)}
    answer = read_answer(trail.CALL, {"Events": [changed, data.draw(_JSON)]})
    assert (answer.state is CallState.BROKEN) == bool(answer.problem)


# -- sweeps ----------------------------------------------------------------------------------------


def test_events_make_no_kind_whole_and_their_absence_is_no_gap() -> None:
    answers = {trail.CALL: read_answer(trail.CALL, {"Events": [events.new_client_connection()]})}
    found = sweep("s", T, ACCOUNT, REGION, answers)
    assert found.whole == frozenset()
    assert found.calls[trail.CALL] is CallState.WHOLE
    assert trail.CALL not in sweep("s", T, ACCOUNT, REGION, {}).calls
    assert set(sweep("s", T, ACCOUNT, REGION, {}).calls) == set(CALLS) - {trail.CALL}


def test_one_file_gives_both_kinds(tmp_path: Path) -> None:
    folder = tmp_path / "20261123T221500Z" / ACCOUNT / REGION
    folder.mkdir(parents=True)
    rows = [events.new_client_connection(), events.create_network_interface(1)]
    (folder / f"{trail.CALL}.json").write_text(json.dumps({"Events": rows}))
    found = snapshots.read(snapshots.sweeps(tmp_path)[0])
    assert {kind: len(values) for kind, values in found.items.items()} == {
        "client_connection": 1,
        "interface_event": 1,
    }
    assert found.problems == {}
