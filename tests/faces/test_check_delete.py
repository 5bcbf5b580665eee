"""``check-delete`` over answers given beforehand: its exit code, what a person reads, what a program and a ticket get."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from inventory.answers import Asked
from inventory.cli.times import span_of
from inventory.config import Settings
from inventory.errors import NotFoundError, UsageError
from tests.faces.fakes import NOW, FakeAnswers, ask, asked, file_system, reason, verdict_answer

DAY = 86_400


def answered(*options: str, **changes: Any) -> str:
    answer = verdict_answer(**changes)
    result = ask(["check-delete", "shop-media", *options], check_delete=answer)
    return result.stdout


@pytest.mark.parametrize(
    ("verdict", "code"), [("QUIET", 0), ("IN_USE", 10), ("REFERENCED", 11), ("UNKNOWN", 12)]
)
@pytest.mark.parametrize("form", ["table", "json", "csv", "ndjson", "markdown"])
def test_the_exit_code_is_the_verdict(verdict: str, code: int, form: str) -> None:
    arguments = ["check-delete", "fs-0123", "--format", form]
    result = ask(arguments, check_delete=verdict_answer(verdict))
    assert result.exit_code == code
    assert verdict.replace("_", "") in result.stdout.replace("_", "").replace("\\", "")


def test_an_error_is_no_verdict() -> None:
    assert ask(["check-delete", "x"], check_delete=NotFoundError("no x")).exit_code == 3


def test_the_window_ends_now_unless_it_is_named() -> None:
    for options, expected in (
        ([], Asked(until=NOW)),
        (["--days", "30"], Asked(until=NOW, length=30 * DAY)),
        (["--until", "2026-11-02"], Asked(until=1_793_577_600)),
        (["--since", "2026-11-01"], Asked(since=1_793_491_200, until=NOW)),
        (["--accept-blind", "30m"], Asked(until=NOW, accept_blind=1800)),
    ):
        answers = FakeAnswers(check_delete=verdict_answer())
        asked(["check-delete", "fs-0123", *options], answers)
        assert answers.asked == [("fs-0123", expected)]


@pytest.mark.parametrize(
    ("as_of", "note"),
    [("2026-11-09T11:59:50Z", False), ("2026-11-02T12:00:00Z", True), (None, False)],
)
def test_what_was_recorded_is_asked_about_its_own_time(as_of: str | None, note: bool) -> None:
    recorded = Settings.model_validate({"discover": {"mode": "snapshots"}})
    answers = FakeAnswers(check_delete=verdict_answer(), as_of=as_of)
    result = asked(["check-delete", "fs-0123"], answers, recorded)
    assert answers.asked == [("fs-0123", Asked())]
    assert ("the verdict is of then" in result.stderr) is note


@pytest.mark.parametrize(
    "options",
    [
        ["--days", "30", "--since", "2026-11-01"],
        ["--days", "0"],
        ["--accept-blind", "soon"],
        ["--accept-blind", "-5m"],
    ],
)
def test_wrong_usage(options: list[str]) -> None:
    result = ask(["check-delete", "fs-0123", *options], check_delete=verdict_answer())
    assert result.exit_code == 2


def test_spans() -> None:
    assert span_of("2h", option="--accept-blind") == 7200
    with pytest.raises(UsageError, match="--accept-blind"):
        span_of("2", option="--accept-blind")


def test_a_person_reads_the_verdict_first() -> None:
    lines = answered().splitlines()
    assert lines[0] == "IN_USE: somebody mounts it"
    assert lines[1] == "fs-0123 (shop-media), 111122223333, eu-central-1"
    text = "\n".join(lines)
    for expected in (
        "MOUNTED_NOW",
        "no: by hand?",
        "writer",
        "fsmt-0aaa",
        "a hard mount on i-0aaa will hang",
        "1. unmount it at every client: i-0aaa",
        "what anybody expects to find again in the data",
        "probes: 10.9.0.0/24",
        "silent for up to 12.5 days",
    ):
        assert expected in text


def test_what_is_accepted_and_from_when_on_is_shown() -> None:
    text = answered(accepted_blind_seconds=1800, quiet_from="2027-01-09T00:00:00Z")
    assert "holes of at most 30 min accepted by --accept-blind" in text
    assert "QUIET can be had from 2027-01-09 00:00Z at the earliest" in text


def test_when_anything_was_read_is_told_as_far_as_it_is_known() -> None:
    none = {
        "last": None,
        "none_since": "2026-08-01T00:00:00Z",
        "answered_until": "2026-11-09T12:00:00Z",
    }
    some = {
        "last": "2026-11-03T14:00:00Z",
        "none_since": None,
        "answered_until": "2026-11-09T12:00:00Z",
    }
    text = answered(activity={"read": some, "write": none, "metadata": None})
    told = "activity  last read before 2026-11-03 14:00Z, no write since 2026-08-01 00:00Z"
    assert f"{told} (CloudWatch)" in text
    assert "activity" not in answered()


def test_a_long_list_is_cut_and_says_so() -> None:
    reasons = [reason(message=f"client {n}") for n in range(25)]
    text = answered(reasons=reasons)
    assert "client 19" in text
    assert "client 20" not in text
    assert "and 5 more; --format json shows them all" in text


def test_json_is_the_answer() -> None:
    assert json.loads(answered("--format", "json")) == verdict_answer()


def test_csv_has_a_row_for_each_reason() -> None:
    rows = list(csv.DictReader(io.StringIO(answered("--format", "csv"))))
    assert [(row["verdict"], row["code"]) for row in rows] == [("IN_USE", "MOUNTED_NOW")]


def test_markdown_is_text_and_nothing_that_others_wrote_is_markup() -> None:
    name = "</td>|[x](http://e.example)\n# boo"
    text = answered("--format", "markdown", file_system=file_system(name=name))
    assert text.startswith("## IN\\_USE: fs-0123 (\\<")
    assert "\n# boo" not in text
    assert "[x](" not in text.replace("\\[x\\]", "")


def test_a_certificate_is_written_whole(tmp_path: Path) -> None:
    target = tmp_path / "certificate.json"
    arguments = ["check-delete", "fs-0123", "--certificate", str(target)]
    result = ask(arguments, check_delete=verdict_answer("QUIET"))
    assert result.exit_code == 0
    assert json.loads(target.read_text()) == {"sha256": "5ha", "answer": {}}
    assert [path.name for path in tmp_path.iterdir()] == ["certificate.json"]
    nowhere = ["check-delete", "x", "--certificate", str(tmp_path / "no" / "c.json")]
    assert ask(nowhere, check_delete=verdict_answer("QUIET")).exit_code == 1


@pytest.mark.parametrize(("valid", "code"), [(True, 0), (False, 12)])
def test_verify_is_0_or_12(tmp_path: Path, valid: bool, code: int) -> None:
    file = tmp_path / "certificate.json"
    file.write_text("{}")
    answer = {
        "valid": valid,
        "verdict": "QUIET" if valid else "UNKNOWN",
        "problems": [] if valid else ["it was changed"],
        "file_system": {"id": "fs-0123"},
        "certificate": {"sha256": "5ha", "valid_until": "2026-11-10T11:59:50Z"},
    }
    answers = FakeAnswers(verify=answer)
    result = asked(["check-delete", "--verify", str(file)], answers)
    assert result.exit_code == code
    assert answers.asked == [(b"{}", NOW)]
    assert ("it was changed" in result.stdout) is not valid


def test_all_is_0_whatever_the_verdicts_are() -> None:
    line = file_system() | {
        "verdict": "UNKNOWN",
        "last_seen": None,
        "visible_since": None,
        "window": None,
        "asked_until": None,
        "quiet_from": "2027-01-09T00:00:00Z",
        "clients": 0,
        "reasons": ["WINDOW_TOO_SHORT"],
        "size": None,
        "monthly_cost_usd_about": None,
    }
    sized = line | {"size": {"bytes": 1_288_490_189}, "monthly_cost_usd_about": 1234.5}
    answer = {"as_of": None, "asked_until": None, "file_systems": [line, sized]}
    result = ask(["check-delete", "--all"], check_all=answer)
    assert result.exit_code == 0
    assert "WINDOW_TOO_SHORT" in result.stdout
    assert "1.2 GiB" in result.stdout
    assert "1,234.50" in result.stdout
    as_csv = ask(["check-delete", "--all", "--format", "csv"], check_all=answer)
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert [row["verdict"] for row in rows] == ["UNKNOWN"] * 2
    assert [row["size.bytes"] for row in rows] == ["", "1288490189"]


@pytest.mark.parametrize(
    "arguments",
    [[], ["fs-1", "--all"], ["--all", "--certificate", "x"], ["--all", "--format", "markdown"]],
)
def test_one_question_at_a_time(arguments: list[str]) -> None:
    answer: dict[str, Any] = {"as_of": None, "asked_until": None, "file_systems": []}
    result = ask(["check-delete", *arguments], check_all=answer, check_delete=verdict_answer())
    assert result.exit_code == 2
