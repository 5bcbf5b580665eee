"""``check-delete --plan`` over answers given beforehand: who hangs comes first, commands stay as they are, and no plan is no success."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from inventory.answers import Asked
from inventory.cli.blocks import Command, show
from tests.faces.fakes import NOW, FakeAnswers, ask, asked, mount, plan_answer

DAY = 86_400
LONG = "aws ec2 " + "x" * 300


def planned(*options: str, **changes: Any) -> str:
    return ask(["check-delete", "fs-0123", "--plan", *options], plan=plan_answer(**changes)).stdout


@pytest.mark.parametrize(
    ("stage", "verdict", "code"),
    [
        ("begin", "QUIET", 0),
        ("begin", "IN_USE", 10),
        ("heard", "REFERENCED", 11),
        ("listening", "UNKNOWN", 12),
        ("go_on", "QUIET", 0),
        ("nothing_to_cut", "QUIET", 0),
        ("refused", "QUIET", 12),
        ("refused", "IN_USE", 12),
        ("unknown", "QUIET", 12),
    ],
)
@pytest.mark.parametrize("form", ["table", "json", "markdown"])
def test_the_exit_code_is_the_verdict_unless_there_is_no_plan(
    stage: str, verdict: str, code: int, form: str
) -> None:
    answer = plan_answer(stage, verdict)
    result = ask(["check-delete", "fs-0123", "--plan", "--format", form], plan=answer)
    assert result.exit_code == code


def test_the_window_is_that_of_the_verdict() -> None:
    answers = FakeAnswers(plan=plan_answer())
    asked(["check-delete", "fs-0123", "--plan", "--days", "30"], answers)
    assert answers.asked == [("fs-0123", Asked(until=NOW, length=30 * DAY))]


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_who_hangs_comes_before_every_command(form: str) -> None:
    text = planned("--format", form)
    first = text.index("aws ec2")
    assert text.index("will hang") < text.index("Take away") < first < text.index("Put back")
    assert text.index("Who hangs") < text.index("fsmt-0aaa") < first


def test_everybody_who_hangs_is_listed() -> None:
    one = plan_answer()["hangs"][0]
    everybody = [one | {"consequence": f"machine {number} will hang"} for number in range(45)]
    text = planned(hangs=everybody)
    assert all(f"machine {number} will hang" in text for number in range(45))


def test_a_command_is_one_line_as_it_is() -> None:
    assert LONG in planned(take_away=[LONG]).splitlines()
    assert LONG in planned("--format", "markdown", take_away=[LONG]).splitlines()


def test_a_command_is_not_wrapped_on_a_terminal_either() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    show([Command(LONG)], screen)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert shown == LONG + "\n"


def test_commands_of_a_ticket_stand_in_a_fence() -> None:
    text = planned("--format", "markdown", take_away=["aws a", "aws b"], put_back=[])
    assert "```sh\naws a\naws b\n```\n" in text


def test_what_others_wrote_is_no_markup() -> None:
    target = plan_answer()["mount_targets"][0]
    rule = target["rules"][0] | {"description": "[x](http://e.example) ``` <b>"}
    text = planned("--format", "markdown", mount_targets=[target | {"rules": [rule]}])
    assert "[x](" not in text.replace("\\[x\\]", "")
    assert text.count("```") == 4


def test_a_refusal_names_the_mount_target_and_gives_nothing_to_take_away() -> None:
    refused = [{"mount_target": "fsmt-0aaa", "why": "no sweep shows a flow log"}]
    text = planned(stage="refused", refused=refused, take_away=[], put_back=[])
    assert text.startswith("no plan: nobody would hear")
    assert "fsmt-0aaa: no sweep shows a flow log" in text
    assert "Take away" not in text


def test_what_is_not_known_is_told() -> None:
    target = plan_answer()["mount_targets"][0] | {"open": None, "unknown": ["no sweep looked"]}
    text = planned(stage="unknown", mount_targets=[target], take_away=[], put_back=[])
    assert "not known" in text
    assert "no sweep looked" in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "TCP port 2049 from 10.0.0.0/16"),
        ({"from_port": 2000, "to_port": 3000}, "TCP ports 2000 to 3000"),
        ({"from_port": None, "to_port": None}, "every TCP port"),
        ({"protocol": "-1"}, "every protocol and port"),
        ({"source": None}, "from ?"),
    ],
)
def test_rules_are_told_in_words(changes: dict[str, Any], told: str) -> None:
    target = plan_answer()["mount_targets"][0]
    rule = target["rules"][0] | changes
    assert told in planned(mount_targets=[target | {"rules": [rule]}])


def test_who_shares_is_listed_by_owner() -> None:
    target = plan_answer()["mount_targets"][0]
    web = {"kind": "ec2_instance", "id": "i-1", "name": "web", "account": "1"}
    shared = [
        {"network_interface": "eni-1", "groups": ["sg-1"], "owners": [web], "file_system": None},
        {"network_interface": "eni-2", "groups": ["sg-1"], "owners": [web], "file_system": None},
        {"network_interface": "eni-3", "groups": ["sg-1"], "owners": [], "file_system": "fs-9"},
        {"network_interface": "eni-4", "groups": ["sg-1"], "owners": [], "file_system": None},
    ]
    text = planned(mount_targets=[target | {"shared_with": shared}])
    assert "ec2 instance i-1 (web): eni-1 (sg-1), eni-2 (sg-1)" in text
    assert "mount target of fs-9: eni-3 (sg-1)" in text
    assert "nobody knows whose: eni-4 (sg-1)" in text


def test_screams_and_deaf_stretches_are_shown() -> None:
    scream = mount(state="rejected", rejected_flows=12)
    listen = plan_answer()["listen"] | {
        "closed_by": "2026-11-01T00:00:00Z",
        "deaf": [{"start": "2026-11-03T14:20:00Z", "end": "2026-11-03T15:20:00Z"}],
        "longest_silence_days": None,
    }
    target = plan_answer()["mount_targets"][0]
    closed = target | {"open": False, "rules": [], "closed_by": "2026-11-01T00:00:00Z"}
    text = planned(
        stage="heard", screams=[scream], listen=listen, take_away=[], mount_targets=[closed]
    )
    assert text.startswith("somebody was turned away and wants it")
    assert "Who was turned away since" in text
    assert "nobody listened in 2026-11-03 14:20Z" in text
    assert "nobody was ever seen" in text
    assert "closed since 2026-11-01 00:00Z" in text


def test_json_is_the_answer() -> None:
    assert json.loads(planned("--format", "json")) == plan_answer()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--plan"],
        ["--plan", "--all"],
        ["fs-1", "--plan", "--certificate", "x"],
        ["fs-1", "--plan", "--format", "csv"],
        ["fs-1", "--plan", "--format", "ndjson"],
        ["--plan", "--verify", "pyproject.toml"],
    ],
)
def test_a_plan_stands_by_itself(arguments: list[str]) -> None:
    assert ask(["check-delete", *arguments], plan=plan_answer()).exit_code == 2
