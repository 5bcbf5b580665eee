"""``explore``: the ad hoc question on example data, with and without sweeps at hand, without a database."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from inventory import cli
from inventory.demo import prepare


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    prepare(folder)
    return folder


@pytest.fixture
def place(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example, with the configuration in force."""
    copy = tmp_path / "copy"
    shutil.copytree(example, copy)
    monkeypatch.setenv("EFS_INVENTORY_CONFIG", str(copy / "efs-inventory.toml"))
    return copy


def asked(capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> dict[str, Any]:
    assert cli.run(["explore", *options, "--format", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_addresses_by_requests_with_their_owners(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys)
    counts = [row["requests"] for row in found["requests"]]
    assert counts == sorted(counts, reverse=True)
    rows = {row["address"]: row for row in found["requests"]}
    assert rows["10.20.1.11"]["requests"] == 2160
    assert [owner["name"] for owner in rows["10.20.1.11"]["owners"]] == [
        "ec2_instance i-01f28dd44b94d7c6e (web-1)"
    ]
    assert rows["10.20.2.51"]["owners"][0]["confidence"] == "candidates"
    assert rows["10.20.2.80"]["rejected"] == 8
    assert len(rows["10.20.1.14"]["owners"]) == 2, "an address that passed on has both"
    assert not (place / "demo.db").exists()


def test_without_sweeps_addresses_have_no_owner_and_it_says_why(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_sweeps = asked(capsys)
    shutil.rmtree(place / "snapshots")
    found = asked(capsys)
    told = [
        (row["address"], row["requests"])
        for answer in (with_sweeps, found)
        for row in answer["requests"]
    ]
    assert told[: len(told) // 2] == told[len(told) // 2 :]
    kinds = {owner["name"].split()[0] for row in found["requests"] for owner in row["owners"]}
    assert kinds <= {"ec2_instance", "ecs_task", "address"}, (
        "what records and [networks] say by themselves"
    )
    cli.run(["explore"])
    assert "efs-inventory discover" in capsys.readouterr().out


def test_the_database_names_owners_too(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["-q", "discover"]) == 0
    shutil.rmtree(place / "snapshots")
    rows = {row["address"]: row for row in asked(capsys)["requests"]}
    assert rows["10.20.1.11"]["owners"][0]["name"] == "ec2_instance i-01f28dd44b94d7c6e (web-1)"


def test_a_window_counts_what_touches_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "--since", "2026-11-06T03:00Z", "--until", "2026-11-06T04:00Z")
    assert "10.20.1.99" in {row["address"] for row in found["requests"]}
    assert all(row["last_seen"] >= "2026-11-06T03" for row in found["requests"])
    assert all(row["first_seen"] < "2026-11-06T04" for row in found["requests"])


def test_what_cannot_be_read_is_said_and_fails(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = min((place / "flow-logs").rglob("*.gz"))
    victim.write_bytes(victim.read_bytes()[:-20])
    found = asked(capsys, code=1)
    assert [problem.partition(":")[0] for problem in found["problems"]] == [
        str(victim.relative_to(place / "flow-logs"))
    ]


def test_many_clients_in_one_batch_keep_their_addresses(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole day in one batch, as a window of Athena is: 80 clients in each five minutes of it."""
    server = next(row["servers"][0] for row in asked(capsys)["requests"])
    shutil.rmtree(place / "flow-logs")
    (place / "flow-logs").mkdir()
    begin = 1_793_923_200  # 2026-11-06
    with (place / "flow-logs/day.log").open("w") as file:
        for start in range(begin, begin + 86_400, 300):
            file.writelines(
                f"2 111122223333 eni-0a1 10.77.0.{client} {server} 700 2049 6 9 900 {start} {start + 59} ACCEPT OK\n"
                for client in range(80)
            )
    rows = asked(capsys)["requests"]
    assert {(row["address"], row["requests"]) for row in rows} == {
        (f"10.77.0.{client}", 288) for client in range(80)
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--source", "nothing"], "no source is named"),
        (["--query"], "there is no query"),
        (["--since", "yesterday"], "--since"),
    ],
)
def test_wrong_usage(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    assert cli.run(["explore", *options]) == 2
    assert said in capsys.readouterr().err


def test_of_several_sources_one_must_be_named(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = '\n[[sources]]\nname = "others"\ntype = "files"\npath = "flow-logs/"\n'
    with (place / "efs-inventory.toml").open("a") as file:
        file.write(more)
    assert cli.run(["explore"]) == 2
    assert "flow-logs, others" in capsys.readouterr().err
