"""The shell of the how-to on deleting, run with a program that gives each exit code: only 0 goes on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/how-to/delete-safely.md").read_text(encoding="utf-8")
CODES = [0, 1, 2, 3, 10, 11, 12, 130]


def shell(*, before: str = "", language: str = "sh") -> list[str]:
    return [
        block
        for block in re.findall(rf"(?ms)^```{language}\n(.*?)^```", PAGE)
        if not before or before in block
    ]


def run(script: str, folder: Path, *, collect: int = 0, check: int = 0) -> int:
    """With a program that answers ``collect`` and ``check-delete`` so."""
    program = folder / "efs-inventory"
    program.write_text(
        f'#!/bin/sh\ncase "$1" in collect) exit {collect} ;; check-delete) exit {check} ;; esac\n'
    )
    program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "FILE_SYSTEM": "fs-1",
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        },
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode


def scripts() -> list[str]:
    workflow = re.search(r"(?m)^  run: (.+)$", PAGE)
    terraform = re.search(r'(?m)^    command = "(.+)"$', PAGE)
    gitlab = re.findall(r"(?m)^    - (efs-inventory .+)$", PAGE)
    assert workflow
    assert terraform
    assert len(gitlab) == 2
    return [
        *shell(before="case $?"),
        *shell(before="--verify"),
        workflow[1],
        terraform[1],
        " && ".join(gitlab),
    ]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("code", CODES)
def test_a_pipeline_goes_on_only_when_it_is_quiet(tmp_path: Path, number: int, code: int) -> None:
    script = scripts()[number]
    assert (run(script, tmp_path, check=code) == 0) is (code == 0)


@pytest.mark.parametrize("number", range(5))
def test_a_pipeline_stops_when_nothing_could_be_read(tmp_path: Path, number: int) -> None:
    assert run(scripts()[number], tmp_path, collect=1) != 0


def test_every_snippet_is_tried() -> None:
    assert len(scripts()) == 5
    assert len(shell()) == 3, "and one that only shows how to leave a certificate"
