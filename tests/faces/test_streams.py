"""Standard streams as a shell may leave them: full, closed, read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GIVEN = """
import sys
from inventory import cli
from inventory.cli import questions
from inventory.cli.face import Face
from tests.faces.fakes import FakeFace, FakeAnswers, client, file_system, listed, mount, who_answer
many = [listed(id=f"fs-{number:05}", arn=None) for number in range(5_000)]
answers = FakeAnswers(
    list={"as_of": None, "file_systems": many},
    who=who_answer(mount(), file_system=file_system(id="fs-0")) ,
)
Face.answers = FakeFace(answers).answers
sys.exit(cli.run(sys.argv[1:]))
"""


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``run`` is the program over answers given beforehand."""
    (cwd / "program.py").write_text(GIVEN)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EFS_INVENTORY_")}
    return subprocess.run(
        ["bash", "-c", f'run() {{ "{sys.executable}" program.py "$@"; }}\n{line}'],
        cwd=cwd,
        env=kept | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


COMMANDS = ["list", "list --format json", "list --format csv", "export --format ndjson", "--help"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_line(command: str, tmp_path: Path) -> None:
    done = shell(f"run {command} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        "error: cannot write standard output: No space left on device\n",
    )


@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_a_closed_output_is_one_line(command: str, tmp_path: Path) -> None:
    done = shell(f"run {command} >&-", tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        "error: cannot write standard output: it is closed\n",
    )


def test_a_closed_error_output_is_no_reason_to_fail(tmp_path: Path) -> None:
    done = shell("run list 2>&-", tmp_path)
    assert done.returncode == 0
    assert "fs-04999" in done.stdout
    assert shell("run list --since x 2>&-", tmp_path).returncode == 2
    assert shell("run list <&- >&- 2>&-", tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("command", "reader"),
    [*((command, "true") for command in COMMANDS), ("list", "head -n 3 >/dev/null")],
)
def test_a_reader_that_is_gone_is_141(command: str, reader: str, tmp_path: Path) -> None:
    done = shell(f'(sleep 0.1; run {command}; echo "code $?" >&2) | {reader}', tmp_path)
    assert done.stderr == "code 141\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
@pytest.mark.parametrize("command", COMMANDS)
def test_it_makes_no_difference_that_nothing_is_buffered(command: str, tmp_path: Path) -> None:
    assert shell(f"PYTHONUNBUFFERED=1 run {command} > /dev/full", tmp_path).returncode == 1
    assert shell(f"PYTHONUNBUFFERED= run {command} > /dev/full", tmp_path).returncode == 1


def test_other_failures_of_the_system_keep_their_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        GIVEN.replace("sys.exit(", "Face.answers = lambda _: open('/nowhere/x')\nsys.exit(")
    )
    done = subprocess.run(
        [sys.executable, "broken.py", "list"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" in done.stderr
    assert "standard output" not in done.stderr


def test_a_closed_stream_lends_its_number_to_no_file(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom inventory.cli.streams import standard_streams\n"
        "with standard_streams():\n"
        "    number = os.open('file', os.O_WRONLY | os.O_CREAT)\n"
        "    open('number', 'w').write(str(number))\n"
    )
    (tmp_path / "opens.py").write_text(code)
    shell(f'PYTHONPATH="{ROOT}" "{sys.executable}" opens.py >&- 2>&- <&-', tmp_path)
    assert int((tmp_path / "number").read_text()) > 2
