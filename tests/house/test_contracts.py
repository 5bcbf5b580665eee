"""The house keeps its order: layers and homes hold, and nothing escapes them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("utils", "import re", "A module imports only from the lines below its own"),
        ("resolve", "from inventory import store", "A module imports only from the lines below"),
        ("timeline", "import time", "The core does no I/O, reads no clock and does not log"),
        ("timeline", "import boto3", "boto3 lives in aws, collect and discover"),
        ("pipeline", "import sqlalchemy.orm", "SQLAlchemy and Alembic live in store"),
    ],
)
def test_a_broken_contract_is_found(tmp_path: Path, module: str, line: str, broken: str) -> None:
    """The contracts bite: each line, put where it must not stand, fails the check."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    package = tmp_path / "inventory"
    package.mkdir()
    for name in ("__init__", "store", module):
        (package / f"{name}.py").write_text(f"{line}\n" if name == module else "")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    kept_or_broken = [text for text in done.stdout.splitlines() if text.endswith("BROKEN")]
    assert any(text.startswith(broken) for text in kept_or_broken), done.stdout


def test_every_third_party_package_has_a_home() -> None:
    """A new dependency gets a contract before its first import."""
    homed = {
        package
        for contract in CONTRACTS
        if contract["type"] == "forbidden"
        for package in contract["forbidden_modules"]
    }
    graph = grimp.build_graph("inventory", include_external_packages=True, cache_dir=None)
    external = {name for name in graph.modules if graph.is_module_squashed(name)}
    assert external - homed - sys.stdlib_module_names == set()
