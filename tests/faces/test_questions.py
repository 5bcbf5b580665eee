"""``list``, ``who``, ``mounts`` and ``status`` over answers given beforehand: what a person reads, what a program gets."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from inventory.cli.view_mounts import human_bytes, percent
from inventory.errors import NotFoundError, UsageError
from tests.faces.fakes import (
    BLIND,
    NOW,
    FakeAnswers,
    ask,
    asked,
    client,
    coverage,
    file_system,
    gap,
    listed,
    mount,
    status_answer,
    used_by,
    who_answer,
)

DAY = 86_400


def who_text(*mounts: dict[str, Any], by: str = "", **changes: object) -> str:
    arguments = ["who", "shop-media", *(["--by", by] if by else [])]
    result = ask(arguments, who=who_answer(*mounts, **changes))
    assert result.exit_code == 0
    return result.stdout


# -- who -------------------------------------------------------------------------------------------


def test_the_head_says_what_was_looked_at() -> None:
    lines = who_text(mount()).splitlines()
    assert lines[0] == "fs-0123 (shop-media), 111122223333, eu-central-1"
    assert lines[1] == "window    2026-11-02 11:59Z to 2026-11-09 11:59Z, as of 2026-11-09 11:59Z"
    assert lines[2] == "coverage  complete"


def test_tables_are_by_workload() -> None:
    second = mount(
        client=client(id="i-0bbb", name="web-2"),
        state="ended",
        last_seen="2026-11-04T09:40:00Z",
        confidence="inferred",
    )
    text = who_text(mount(), second)
    row = next(line for line in text.splitlines() if line.startswith("web-fleet"))
    assert row.split()[:5] == ["web-fleet", "autoscaling", "group", "2", "active"]
    assert "2026-11-09 11:54Z (5 min ago)" in row
    assert "2,468" in row
    assert "2.5 MB" in row
    assert "interface, inferred" in row, "of several the least sure"


def test_by_client_and_by_contact() -> None:
    second = mount(client=client(id="i-0bbb", arn=None, name=None, contact=None))
    by_client = who_text(mount(), second, by="client")
    assert "i-0aaa (web-1)" in by_client
    assert "i-0bbb " in by_client
    assert "web-fleet" not in by_client
    by_contact = who_text(mount(), second, by="contact")
    assert "no contact known" in by_contact
    assert "\nshop " in by_contact


def test_nobody_only_when_all_was_seen() -> None:
    assert "Nobody mounted it in this window." in who_text()


def test_nobody_seen_is_not_nobody() -> None:
    text = who_text(coverage=BLIND)
    assert "Nobody seen, but blind for 14 min: 2026-11-03 14:20Z to 14:34Z" not in text
    assert (
        "Nobody seen, but blind for 14 min: 2026-11-03 14:20Z to 2026-11-03 14:34Z (skipdata)"
        in text
    )
    assert "Nobody mounted" not in text
    assert "coverage  99.8 %, blind for 14 min" in text


def test_possible_clients_keep_nobody_from_being_said() -> None:
    text = who_text(possible=[mount(state="unknown")])
    assert "Nobody mounted" not in text
    assert "Nobody seen for certain" in text
    assert "Possible clients" in text


def test_what_is_no_mount_is_said_to_be_none() -> None:
    text = who_text(mount(state="rejected"), mount(client=client(id="i-0scan"), state="probe"))
    assert "Nobody mounted it in this window." in text
    below = text.partition("No mounts, but seen on port 2049:")[2]
    assert "rejected: turned away by a security group" in below
    assert "probe: too small a contact" in below
    assert "attempted:" not in below


def test_a_rejected_member_of_a_workload_is_not_hidden() -> None:
    text = who_text(mount(), mount(client=client(id="i-0bbb"), state="rejected"))
    above, _, below = text.partition("No mounts, but seen")
    assert "i-0bbb" not in above
    assert "i-0bbb" in below


def test_candidates_are_all_named() -> None:
    names = ["payroll-export", "payslip-mailer"]
    candidates = [
        client(
            kind="lambda_function",
            id=name,
            name=name,
            workload={"kind": "lambda_function", "id": name, "arn": None},
        )
        for name in names
    ]
    text = who_text(
        mount(client=None, candidates=candidates, confidence="candidates", method="interface")
    )
    assert "one of: payroll-export, payslip-mailer" in text
    assert "One of these 2 shared 10.20.1.11" in text
    assert "  payslip-mailer (lambda function)" in text


def test_many_gaps_are_cut_short() -> None:
    gaps = [
        gap(f"2026-11-03T{hour:02}:00:00Z", f"2026-11-03T{hour:02}:10:00Z", "no_records")
        for hour in range(8)
    ]
    text = who_text(coverage=coverage(*gaps, blind_seconds=4800, ratio=0.99))
    assert "(no records)" in text
    assert "and 3 more" in text


def test_a_bridged_hole_is_no_blindness() -> None:
    bridged = coverage(
        gap("2026-11-03T14:20:00Z", "2026-11-03T14:34:00Z", bridged_by="ClientConnections")
    )
    text = who_text(coverage=bridged | {"complete": True, "bridged_ratio": 0.0014})
    assert "coverage  complete (0.1 % of it by CloudWatch metrics)" in text
    assert "Nobody mounted it in this window." in text


def test_a_deleted_file_system_says_when() -> None:
    assert "deleted 2026-11-05 06:00Z" in who_text(
        file_system=file_system(deleted_at="2026-11-05T06:00:00Z")
    )


def test_before_anything_was_read() -> None:
    nothing = coverage(
        gap("2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z", "no_records"),
        blind_seconds=7 * DAY,
        ratio=0.0,
    ) | {"visible_since": None}
    text = who_text(as_of=None, coverage=nothing)
    assert "nothing has been read yet" in text
    assert "coverage  0.0 %, blind for 7 d" in text


def test_tz_shifts_tables_only() -> None:
    answer = who_answer(mount())
    table = ask(["--tz", "Asia/Tokyo", "who", "x"], who=answer).stdout
    assert "2026-11-09 20:54+09:00" in table
    assert (
        json.loads(ask(["--tz", "Asia/Tokyo", "who", "x", "--format", "json"], who=answer).stdout)
        == answer
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], (None, None)),
        (["--since", "2026-11-03"], (1_793_664_000, None)),
        (["--since", "last-week"], (1_793_577_600, 1_794_182_400)),
        (["--since", "7d"], (NOW - 10 - 7 * DAY, None)),  # ten seconds before: as_of, not the clock
        (["--until", "36h"], (None, NOW - 10 - 129_600)),
    ],
)
def test_what_the_window_options_ask(
    options: list[str], expected: tuple[int | None, int | None]
) -> None:
    answers = FakeAnswers(who=who_answer())
    assert asked(["who", "fs-0123", *options], answers).exit_code == 0
    assert answers.asked == [("fs-0123", *expected, "client")]


def test_json_is_by_client_unless_asked() -> None:
    answers = FakeAnswers(who=who_answer())
    for options in ([], ["--by", "workload"], ["--by", "contact"]):
        asked(["who", "x", "--format", "json", *options], answers)
    assert [one[3] for one in answers.asked] == ["client", "workload", "contact"]


def test_the_pods_behind_a_node_are_json_in_csv_and_never_an_empty_list() -> None:
    answer = who_answer(mount(used_by=[used_by()]), mount())
    rows = list(
        csv.DictReader(io.StringIO(ask(["who", "x", "--format", "csv"], who=answer).stdout))
    )
    assert [json.loads(row["used_by"] or "null") for row in rows] == [[used_by()], None]
    shown = json.loads(ask(["who", "x", "--format", "json"], who=answer).stdout)
    assert [one["used_by"] for one in shown["mounts"]] == [[used_by()], None]


def test_csv_and_ndjson_are_one_mount_a_line() -> None:
    answer = who_answer(
        mount(), possible=[mount(client=None, confidence="unknown", state="unknown")]
    )
    rows = list(
        csv.DictReader(io.StringIO(ask(["who", "x", "--format", "csv"], who=answer).stdout))
    )
    assert [row["possible"] for row in rows] == ["false", "true"]
    assert rows[0]["client.id"] == "i-0aaa"
    assert rows[0]["client.workload.id"] == "web-fleet"
    assert rows[0]["last_seen"] == "2026-11-09T11:54:50Z"
    assert rows[0]["file_system.id"] == "fs-0123"
    assert rows[0]["evidence.batch"] == "2026/11/02/12.log.gz"
    assert rows[1]["client.id"] == ""
    lines = [
        json.loads(line)
        for line in ask(["who", "x", "--format", "ndjson"], who=answer).stdout.splitlines()
    ]
    assert [line["possible"] for line in lines] == [False, True]
    assert lines[0]["client"] == client()


# -- list ------------------------------------------------------------------------------------------


def test_list() -> None:
    entries = [
        listed(),
        listed(id="fs-0456", name=None, clients_now=None, last_seen=None, coverage_ratio=0.99999),
        listed(
            id="fs-0789",
            name="old",
            clients_now=0,
            idle_since="2026-11-03T00:00:00Z",
            deleted_at="2026-11-05T06:00:00Z",
        ),
    ]
    lines = ask(
        ["list"], list={"as_of": "2026-11-09T11:59:50Z", "file_systems": entries}
    ).stdout.splitlines()
    assert lines[0] == "as of 2026-11-09 11:59Z"
    assert lines[1].split("  ")[0] == "FILE SYSTEM"
    assert (
        " ".join(lines[2].split())
        == "fs-0123 shop-media 3 2026-11-09 11:54Z (5 min ago) - 100 % 111122223333 eu-central-1"
    )
    assert " ".join(lines[3].split()) == "fs-0456 ? - - 99.9 % 111122223333 eu-central-1"
    assert "old (deleted 2026-11-05 06:00Z)" in lines[4]
    assert lines[5].startswith("? : not enough was seen")


def test_an_empty_list_says_what_to_do() -> None:
    text = ask(["list"], list={"as_of": None, "file_systems": []}).stdout
    assert "efs-inventory collect" in text
    assert "efs-inventory discover" in text


# -- mounts ----------------------------------------------------------------------------------------


def test_mounts() -> None:
    answer = who_answer(
        mount(file_system=file_system()),
        mount(file_system=file_system(id="fs-0999", name=None), state="attempted"),
    )
    answer["client"] = client()
    del answer["file_system"]
    text = ask(["mounts", "web-1"], mounts=answer).stdout
    assert text.startswith("i-0aaa (web-1), ec2 instance\n")
    assert "fs-0123 (shop-media)" in text
    assert "fs-0999" in text.partition("No mounts, but seen")[2]
    rows = list(
        csv.DictReader(
            io.StringIO(ask(["mounts", "web-1", "--format", "csv"], mounts=answer).stdout)
        )
    )
    assert [row["file_system.id"] for row in rows] == ["fs-0123", "fs-0999"]


def test_a_client_without_mounts() -> None:
    answer = who_answer(client=client())
    assert "It mounted nothing in this window." in ask(["mounts", "x"], mounts=answer).stdout
    assert (
        "Nothing seen, but blind for 14 min"
        in ask(["mounts", "x"], mounts=answer | {"coverage": BLIND}).stdout
    )


# -- status ----------------------------------------------------------------------------------------


def test_a_healthy_status() -> None:
    text = ask(["status"], status=status_answer()).stdout
    assert text.startswith("all is well")
    assert "200 request, 100 response" in text
    assert "1 whole" in text


def test_the_worst_comes_first() -> None:
    source = status_answer()["sources"][0] | {
        "unread": [
            {"batch": "a.gz", "state": "partial", "problem": "cut after 12 lines", "slot": None}
        ],
        "unread_count": 7,
        "foreign": [{"batch": "readme.txt", "problem": "no line has the form of a record"}],
        "malformed": ["2 x y z"],
        "formats": [
            {
                "format": "${dstport}",
                "missing": [
                    {"field": "action", "consequence": "rejected requests look like mounts"}
                ],
            }
        ],
    }
    sweep = status_answer()["sweeps"][0] | {
        "calls": [
            {
                "call": "lambda.list-functions",
                "state": "broken",
                "problem": "AccessDenied",
                "asked_at": "2026-11-09T09:00:00Z",
                "whole_at": None,
            },
            {
                "call": "ecs.list-clusters",
                "state": "missing",
                "problem": None,
                "asked_at": None,
                "whole_at": None,
            },
        ]
    }
    answer = status_answer(
        problems=["account 1 x: lambda.list-functions is broken (AccessDenied)", "second"],
        sources=[source],
        sweeps=[sweep],
        coverage={
            "window_seconds": 604_800,
            "file_systems": 2,
            "complete": 1,
            "ratio": 0.9,
            "blind": [
                {
                    "file_system": file_system(),
                    "ratio": 0.8,
                    "blind_seconds": 840,
                    "reasons": ["no_records"],
                }
            ],
        },
        unresolved_clients={
            "count": 9,
            "by_confidence": {"unknown": 9},
            "examples": [
                {
                    "address": "10.1.1.1",
                    "interface": None,
                    "confidence": "unknown",
                    "file_system": "fs-0123",
                }
            ],
        },
        other_servers=[
            {
                "type": "fsx",
                "id": "fs-fsx",
                "arn": None,
                "vpc": "vpc-1",
                "addresses": ["10.2.2.2"],
                "clients": 4,
                "last_seen": None,
            }
        ],
        strays=[
            {
                "address": "10.3.3.3",
                "vpc": None,
                "clients": 2,
                "requests": 5,
                "responses": 5,
                "last_seen": "2026-11-09T00:00:00Z",
                "type": "own",
            }
        ],
        unknown_places=[
            {"account": "444455556666", "vpc": None, "clients": 4, "unresolved": 3, "share": 0.75}
        ],
        calls_used={
            "day": "2026-11-09",
            "limit": 50_000,
            "total": 1_234,
            "throttled": 3,
            "by_call": {"ec2.describe-network-interfaces": 1_234},
        },
    )
    text = ask(["status"], status=answer).stdout
    assert (
        text.splitlines()[0]
        == "problem: account 1 x: lambda.list-functions is broken (AccessDenied)"
    )
    for expected in (
        "a.gz is partial: cut after 12 lines",
        "and 6 more",
        "readme.txt is no flow log",
        "malformed: 2 x y z",
        "without action: rejected requests look like mounts",
        "1 broken, 1 not recorded",
        "not recorded, so not known: ecs.list-clusters",
        "lambda.list-functions is broken: AccessDenied",
        "1 of 2 file systems were watched all of the last 7 d",
        "fs-0123 (shop-media): blind for 14 min: no records",
        "10.1.1.1 of fs-0123: unknown",
        "and 8 more",
        "fsx fs-fsx (10.2.2.2): 4 clients",
        "10.3.3.3 in an unknown VPC: 2 clients",
        "Calls to AWS on 2026-11-09: 1,234 of 50,000, 3 of them throttled",
        "1,234 ec2.describe-network-interfaces",
    ):
        assert expected in text
    rows = list(
        csv.DictReader(io.StringIO(ask(["status", "--format", "csv"], status=answer).stdout))
    )
    told = ["problem", "problem", "source", "sweep", "call", "call", "unknown", "blind"]
    assert [row["about"] for row in rows] == told
    assert rows[5]["detail"] == "never asked"
    assert (rows[6]["name"], rows[6]["detail"]) == (
        "444455556666",
        "3 of 4 clients not named for certain",
    )
    assert json.loads(ask(["status", "--format", "json"], status=answer).stdout) == answer


# -- errors ----------------------------------------------------------------------------------------


def test_an_unknown_file_system_is_exit_3() -> None:
    result = ask(
        ["who", "fs-0nope"], who=NotFoundError("no sweep knows 'fs-0nope'", hint="try list")
    )
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "error: no sweep knows 'fs-0nope'\nhint: try list\n"


def test_an_ambiguous_name_is_exit_2() -> None:
    result = ask(["who", "x"], who=UsageError("'x' names 2 file systems: a, b"))
    assert (result.exit_code, result.stderr) == (2, "error: 'x' names 2 file systems: a, b\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["who", "x", "--since", "yesterday"], "error: --since: cannot read 'yesterday' as a time"),
        (["who", "x", "--until", "32d33"], "error: --until: cannot read '32d33' as a time"),
        (["who", "x", "--since", "2026-11-03", "--until", "2026-11-03"], "the window is empty"),
        (["who", "x", "--since", "last-week", "--until", "2026-11-03"], "without --until"),
        (["--tz", "Mars/X", "list"], "error: --tz: no time zone 'Mars/X'"),
        (["-v", "-q", "list"], "contradict"),
        (["who"], "Missing argument 'FS'"),
        (["who", "x", "--by", "team"], "'team' is not one of"),
        (["list", "--format", "xml"], "'xml' is not one of"),
        (["lsit"], "No such command 'lsit'"),
        (
            ["export", "--format", "xlsx"],
            "'xlsx' is not one of 'ndjson', 'csv', 'parquet', 'servicenow'",
        ),
    ],
)
def test_wrong_usage_is_exit_2_and_names_the_value(arguments: list[str], message: str) -> None:
    result = ask(arguments, who=who_answer(), list={"as_of": None, "file_systems": []})
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        ask(["list"])


# -- figures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (12_345_678_901, "12.3 GB"),
        (10**18, "1000.0 PB"),
    ],
)
def test_bytes_for_people(count: int | None, shown: str) -> None:
    assert human_bytes(count) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(None, "?"), (1.0, "100 %"), (0.999999, "99.9 %"), (0.5, "50.0 %"), (0.0, "0.0 %")],
)
def test_percent_is_never_rounded_up(ratio: float | None, shown: str) -> None:
    assert percent(ratio) == shown
