"""Where a test may kill the process: before the N-th statement, commit or copy. Does nothing unless the environment asks for it.

``EFS_INVENTORY_FAILPOINT=statement:17`` kills the process, as ``kill -9`` does, before the 17th SQL statement that it writes with.
Without the variable no event is listened to, so nothing is paid for it.
"""

from __future__ import annotations

import os
import signal

from sqlalchemy import Engine, event

VARIABLE = "EFS_INVENTORY_FAILPOINT"

_counts: dict[str, int] = {}


def _wanted() -> tuple[str, int] | None:
    name, _, number = os.environ.get(VARIABLE, "").partition(":")
    return (name, int(number)) if number.isdecimal() else None


_WANTED = _wanted()


def failpoint(name: str) -> None:
    """Die here if this is the occasion that the environment named; otherwise count it."""
    if _WANTED is None:
        return
    _counts[name] = _counts.get(name, 0) + 1
    if (name, _counts[name]) == _WANTED:
        os.kill(os.getpid(), signal.SIGKILL)


def passed() -> dict[str, int]:
    """How often each point was passed, so that a test knows how many there are; empty when none is asked for."""
    return dict(_counts)


def arm(engine: Engine) -> None:
    """Let ``failpoint`` see each statement and commit of ``engine``."""
    if _WANTED is None:
        return

    @event.listens_for(engine, "before_cursor_execute")
    def _statement(*_: object) -> None:
        failpoint("statement")

    @event.listens_for(engine, "commit")
    def _commit(*_: object) -> None:
        failpoint("commit")
