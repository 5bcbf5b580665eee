"""``demo``: the whole job, on a terminal and piped, and the truth of what it shows."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from inventory.demo import flows, prepare, story, sweeps

ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EFS_INVENTORY_")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def program(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inventory", *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a demo that was kept, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    done = program("demo", "--keep", str(folder / "here"), cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "here", done.stdout


def answer(kept: tuple[Path, str], *arguments: str) -> dict[str, Any]:
    done = program(
        "--config", str(kept[0] / "efs-inventory.toml"), *arguments, "--format", "json", cwd=kept[0]
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_it_shows(kept: tuple[Path, str]) -> None:
    shown = kept[1]
    commands = [
        "list",
        "who shop-media",
        "who payroll",
        "who nightly-reports",
        "who legacy-wiki",
        "who ml-scratch",
        "status",
    ]
    assert re.findall(r"(?m)^\$ efs-inventory (.+)$", shown) == commands
    assert "\x1b" not in shown
    by_command = dict(zip(commands, re.split(r"(?m)^\$ efs-inventory .+$", shown)[1:], strict=True))
    assert re.search(r"web-fleet +auto ?scaling group +4 +active", by_command["who shop-media"])
    assert re.search(r"checkout +ecs service +2 +active", by_command["who shop-media"])
    assert re.search(
        r"thumbnails +lambda function +1 +active .*exact", by_command["who shop-media"]
    )
    assert "image-checker" not in shown
    assert re.search(r"shop-eks +eks cluster +2 +active", by_command["who shop-media"])
    assert (
        "  catalog/search-index (claim media), deployment, 2 pods" in by_command["who shop-media"]
    )
    assert "one of: payroll-export, payslip-mailer" in by_command["who payroll"]
    assert "10.8.3.7 (on-premises Tokyo)" in by_command["who payroll"]
    assert re.search(
        r"\(old-batch\) .* rejected", by_command["who payroll"].partition("No mounts")[2]
    )
    assert re.search(r"\(reports-01\) .* idle", by_command["who nightly-reports"])
    assert "coverage  complete" in by_command["who legacy-wiki"]
    assert "Nobody mounted it in this window." in by_command["who legacy-wiki"]
    assert re.search(r"\(scanner\) .* probe", by_command["who legacy-wiki"])
    assert "Nobody seen, but blind for 20 min: 2026-11-03 14:20Z" in by_command["who ml-scratch"]
    assert "Nobody mounted" not in by_command["who ml-scratch"]


def test_the_address_that_was_passed_on_is_told_apart(kept: tuple[Path, str]) -> None:
    found = answer(kept, "who", "shop-media", "--since", "2026-11-02")["mounts"]
    at_address = {
        mount["client"]["workload"]["id"]: mount
        for mount in found
        if mount["addresses"] == ["10.20.1.14"]
    }
    assert set(at_address) == {"web-fleet", "checkout"}
    assert at_address["web-fleet"]["last_seen"] < at_address["checkout"]["first_seen"]
    assert {
        mount["client"]["name"] for mount in found if mount["client"]["kind"] == "ec2_instance"
    } == {"web-1", "web-2", "web-3", "web-4"}
    assert all(mount["confidence"] == "exact" for mount in found)


def test_kept_it_can_be_asked_more(kept: tuple[Path, str]) -> None:
    assert f"--config {kept[0]}/efs-inventory.toml who" in kept[1]
    assert len(answer(kept, "list")["file_systems"]) == len(story.FILE_SYSTEMS)
    again = program("--config", str(kept[0] / "efs-inventory.toml"), "collect", cwd=kept[0])
    assert (again.returncode, again.stdout, again.stderr) == (
        0,
        "0 new sweeps\nbatches: no new files\n",
        "",
    )


def test_the_export_is_the_same_each_time(kept: tuple[Path, str]) -> None:
    def export() -> list[dict[str, Any]]:
        done = program(
            "--config",
            str(kept[0] / "efs-inventory.toml"),
            "export",
            "--format",
            "ndjson",
            cwd=kept[0],
        )
        assert done.returncode == 0
        return [json.loads(line) | {"exported_at": ""} for line in done.stdout.splitlines()]

    first = export()
    assert first == export()
    keys = [record["key"] for record in first]
    assert len(keys) == len(set(keys))
    assert {record["record_type"] for record in first} == {"file_system", "client", "mount"}


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").touch()
    done = program("demo", "--keep", "mine", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "error: --keep: mine is not empty"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["precious"]


def test_it_leaves_nothing_and_needs_nothing(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (tmp_path / "efs-inventory.toml").write_text("broken")
    configured = {
        "EFS_INVENTORY_CONFIG": "nowhere.toml",
        "EFS_INVENTORY_DATABASE_URL": f"sqlite:///{tmp_path}/precious.db",
    }
    begin = time.monotonic()
    done = program("demo", cwd=tmp_path, TMPDIR=str(temporary), **configured)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - begin < 30
    assert list(temporary.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"tmp", "efs-inventory.toml"}


def on_terminal(*arguments: str, width: int, cwd: Path, **more: str) -> tuple[int, str]:
    """Run the program on a terminal of its own; its exit code and everything it wrote there."""
    parent, child = pty.openpty()
    env = environment(COLUMNS=str(width), TERM="xterm-256color", **more)
    if "NO_COLOR" not in more:
        env.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "inventory", *arguments],
        cwd=cwd,
        env=env,
        stdin=child,
        stdout=child,
        stderr=child,
    ) as process:
        os.close(child)
        written = bytearray()
        while True:
            try:
                piece = os.read(parent, 65_536)
            except OSError:  # the last process that had the terminal is gone
                break
            if not piece:
                break
            written += piece
    os.close(parent)
    return process.returncode, written.decode()


def test_on_a_terminal_it_is_in_colour_with_a_progress_bar(tmp_path: Path) -> None:
    code, written = on_terminal("demo", width=110, cwd=tmp_path)
    assert code == 0
    assert "\x1b[1;32mactive" in written
    assert "\x1b[33m" in written
    assert "180/180 batches" in written
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    tables = plain[plain.index("$ efs-inventory list") :]
    assert max(len(line.rstrip()) for line in tables.splitlines()) <= 110


@pytest.mark.parametrize("width", [60, 80, 200])
def test_tables_fit_the_terminal(width: int, kept: tuple[Path, str]) -> None:
    for arguments in (["list"], ["who", "payroll"], ["status"]):
        code, written = on_terminal(
            "--config",
            str(kept[0] / "efs-inventory.toml"),
            *arguments,
            width=width,
            cwd=kept[0],
            NO_COLOR="1",
        )
        assert code == 0
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
        assert max(len(line.rstrip()) for line in plain.splitlines()) <= width
        if arguments == ["list"]:
            assert len(re.findall(r"100 %|99.8 %", plain)) == len(story.FILE_SYSTEMS), "cut"
        if arguments == ["who", "payroll"] and width > 60:
            assert "candidates" in plain, "how it is known is never left out"
            assert "inferred" in plain


def test_prose_fits_the_terminal(tmp_path: Path) -> None:
    done = program("demo", cwd=tmp_path, COLUMNS="60")
    prose = done.stdout.partition("who shop-media\n")[2].partition("\n\n")[0].splitlines()
    assert prose[0].startswith("A busy one.")
    assert 40 < max(map(len, prose)) <= 60


def test_nothing_to_read_shows_no_bar(kept: tuple[Path, str]) -> None:
    code, written = on_terminal(
        "--config", str(kept[0] / "efs-inventory.toml"), "collect", width=100, cwd=kept[0]
    )
    assert (code, written) == (0, "0 new sweeps\r\nbatches: no new files\r\n")


def test_the_readme_shows_what_the_demo_prints(kept: tuple[Path, str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sample = readme.partition("$ efs-inventory who shop-media\n")[2].partition("\n## ")[0]
    lines = [line.removeprefix("    ") for line in sample.rstrip().splitlines()]
    assert len(lines) == 13
    assert "\n".join(lines) in kept[1]


def test_the_questions_of_the_start_page_have_answers(kept: tuple[Path, str]) -> None:
    page = (ROOT / "docs/start.md").read_text(encoding="utf-8")
    asked = page.partition("## Ask")[2].partition("How to read")[0]
    commands = re.findall(r"(?m)^    efs-inventory (.+?)(?: +#.*)?$", asked)
    assert len(commands) == 5
    for command in commands:
        done = program(
            "--config", str(kept[0] / "efs-inventory.toml"), *command.split(), cwd=kept[0]
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "fs-055fcca65887fa524" in done.stdout or command == "status"


def test_an_attachment_has_an_id_of_its_own(kept: tuple[Path, str]) -> None:
    answers = sorted(kept[0].glob("snapshots/*/*/*/ecs.describe-tasks.json"))
    tasks = [task for path in answers for task in json.loads(path.read_text())["tasks"]]
    assert tasks
    for task in tasks:
        for attachment in task["attachments"]:
            assert attachment["id"].replace("-", "") not in task["taskArn"]


def test_the_example_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        flows.write(tmp_path / name / "flow-logs")
        sweeps.write(tmp_path / name / "snapshots")
    files = [
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    ]
    assert files[0] == files[1]
    assert len(files[0]) > 500


def test_the_environment_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFS_INVENTORY_DATABASE_URL", "postgresql://precious/db")
    assert prepare(tmp_path).database.url == f"sqlite:///{tmp_path}/demo.db"
