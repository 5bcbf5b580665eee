"""The comparison itself: silent about the truth, and outspoken about every lie."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.comparing import coverage_differences, list_differences, who_differences
from tests.e2e.test_world_answers import iso
from tests.world.truth import ExpectedClient, Truth
from tests.world.world import World

Json = dict[str, Any]


@pytest.fixture(scope="module")
def truth() -> Truth:
    return World().truth()


def perfect(truth: Truth, file_system: str) -> Json:
    """What ``who`` should print."""
    return {"mounts": [entry(c) for c in truth.of(file_system)], "possible": []}


def entry(client: ExpectedClient) -> Json:
    people = [
        {
            "kind": client.kind,
            "id": ident,
            "name": client.name or None,
            "workload": {"kind": "any", "id": client.workload or ident, "arn": None},
        }
        for ident in client.ids
    ]
    return {
        "client": people[0] if len(people) == 1 else None,
        "candidates": people if len(people) > 1 else [],
        "confidence": client.confidence,
        "method": "interface",
        "interfaces": [],
        "addresses": [],
        "state": client.state,
        "first_seen": iso(client.first_seen),
        "last_seen": iso(client.last_seen),
        "intervals": [
            {"start": iso(i.start), "end": iso(i.end), "mount_target": i.mount_target_id}
            for i in client.intervals
        ],
        "flows": client.flows or 0,
        "packets": client.packets or 0,
        "bytes": client.bytes or 0,
        "rejected_flows": client.rejected_flows,
    }


def test_the_truth_has_no_differences(truth: Truth) -> None:
    for fs in truth.file_systems:
        assert list(who_differences(truth, fs.name, perfect(truth, fs.name))) == []


def wrong_id(answer: Json) -> None:
    answer["mounts"][0]["client"]["id"] = "i-00000000000000000"


def doubled_flows(answer: Json) -> None:
    answer["mounts"][0]["flows"] *= 2


def vague(answer: Json) -> None:
    people = [m["client"] for m in answer["mounts"][:2]]
    answer["mounts"][0] |= {"client": None, "candidates": people, "confidence": "candidates"}


def late(answer: Json) -> None:
    answer["mounts"][0]["first_seen"] = "2026-11-01T12:00:00Z"


LIES: list[tuple[str, Callable[[Json], object]]] = [
    ("missing", lambda answer: answer["mounts"].pop()),
    ("listed twice", lambda answer: answer["mounts"].append(answer["mounts"][0])),
    ("is invented", wrong_id),
    ("is invented", vague),
    ("flows", doubled_flows),
    ("first_seen", late),
    ("state", lambda answer: answer["mounts"][0].update(state="ended")),
    ("confidence", lambda answer: answer["mounts"][0].update(confidence="unknown")),
    ("intervals", lambda answer: answer["mounts"][0]["intervals"].clear()),
    ("possible", lambda answer: answer["possible"].append({})),
]


@pytest.mark.parametrize(("word", "lie"), LIES)
def test_every_lie_is_told(truth: Truth, word: str, lie: Callable[[Json], object]) -> None:
    answer = copy.deepcopy(perfect(truth, "twin"))
    lie(answer)
    found = list(who_differences(truth, "twin", answer))
    assert any(word in line for line in found), found


def test_vague_tasks_are_right_where_addresses_are_all_there_is() -> None:
    truth = World().truth(vantage="mount_target", log_format="default")
    answer = perfect(truth, "ci")
    tasks = [m for m in answer["mounts"] if m["state"] == "ended"]
    people = [task["client"] for task in tasks[:2]]
    tasks[0] |= {"client": None, "candidates": people, "confidence": "candidates"}
    answer["mounts"].remove(tasks[1])
    assert list(who_differences(truth, "ci", answer)) == []
    tasks[0]["candidates"] = [*tasks[0]["candidates"][1:], {**people[0], "id": "i-other"}]
    assert any("missing" in line for line in who_differences(truth, "ci", answer))


def test_a_list_that_invents_clients_or_file_systems_is_told(truth: Truth) -> None:
    systems = [
        {
            "id": fs.id,
            "name": fs.name,
            "clients_now": fs.clients_now,
            "deleted_at": iso(truth.end) if fs.deleted else None,
            "last_seen": None if fs.last_seen is None else iso(fs.last_seen),
        }
        for fs in truth.file_systems
    ]
    assert list(list_differences(truth, {"file_systems": systems})) == []
    uncovered = next(s for s in systems if s["name"] == "uncovered")
    uncovered["clients_now"] = 0
    systems.append({"id": "fs-fsx", "name": "fsx"})
    assert len(list(list_differences(truth, {"file_systems": systems}))) == 2


def test_coverage_that_hides_a_hole_is_told(truth: Truth) -> None:
    whole = {"coverage": {"complete": True, "ratio": 1, "gaps": []}}
    told = {fs.name for fs in truth.file_systems if list(coverage_differences(fs, whole, 600))}
    assert told == {"skip", "uncovered"}
