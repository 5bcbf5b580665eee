"""What people install works: the wheel alone, in a clean environment, outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
CONFIGURATION = """\
[database]
url = "sqlite:///fleet.db"
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Its output; a failure shows what the program said."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("EFS_")}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (
        f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    )
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def migrate(python: Path, folder: Path) -> None:
    """A database made, upgraded and named current by the installed program, outside the checkout."""
    (folder / "efs-inventory.toml").write_text(CONFIGURATION)
    where = run(python, "-c", "import inventory; print(inventory.__file__)", cwd=folder)
    assert ROOT not in Path(where.strip()).parents
    run(python, "-m", "inventory", "db", "upgrade", cwd=folder)
    assert (folder / "fleet.db").stat().st_size
    run(python, "-m", "inventory", "db", "upgrade", cwd=folder)
    assert run(python.with_name("efs-inventory"), "db", "current", cwd=folder).strip()


def test_the_wheel_carries_what_it_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"inventory/__main__.py", "inventory/_migrations/env.py"} <= names
    assert any(name.startswith("inventory/_migrations/versions/0001") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"inventory"}
    assert not [name for name in names if "__pycache__" in name]


def test_the_wheel_migrates(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own that borrows only the dependencies of this one."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    run(UV, "pip", "install", "--offline", "--no-deps", "--python", python, wheel, cwd=tmp_path)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    migrate(python, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_wheel_installs_without_extras(wheel: Path, tmp_path: Path) -> None:
    """With its declared dependencies alone, from the package index."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    run(UV, "pip", "install", "--python", python, wheel, cwd=tmp_path)
    migrate(python, tmp_path)
    run(python, "-m", "inventory", "demo", cwd=tmp_path)
