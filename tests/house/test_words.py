"""Project files speak of the project: no machine's paths, no package registry's addresses."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKED_FROM = {"https://pypi.org/simple", "https://files.pythonhosted.org"}

UNWANTED = {
    "the address of a package registry": re.compile(
        r"(?i)\b(pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org)\b"
    ),
    "a path of somebody's machine": re.compile(
        r"(?<![\w.}$*])/(work|root|Users|home/(?!ec2-user))/\w"
    ),
    "a path out of the repository": re.compile(r"\.\./shared\b"),
}
ALLOWED = {
    ("uv.lock", "the address of a package registry"),
    ("tests/house/test_words.py", "the address of a package registry"),
    (".ci/run", "a path out of the repository"),
}


def project_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_holds_unwanted_words() -> None:
    found = []
    for path in project_files():
        name = path.relative_to(ROOT).as_posix()
        lines = path.read_bytes().decode("utf-8", errors="replace").splitlines()
        for what, pattern in UNWANTED.items():
            if (name, what) not in ALLOWED:
                found += [
                    f"{name}:{number}: {what}: {line.strip()[:80]}"
                    for number, line in enumerate(lines, 1)
                    if pattern.search(line)
                ]
    assert found == []


def test_everything_is_locked_from_the_public_index() -> None:
    addresses = re.findall(r'https?://[^"\s]+', (ROOT / "uv.lock").read_text())
    odd = {text for text in addresses if not text.startswith(tuple(LOCKED_FROM))}
    assert odd == set()
    assert "file:" not in (ROOT / "uv.lock").read_text()
