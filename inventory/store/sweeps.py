"""Which sweeps are known: what discovery need not look at again."""

from __future__ import annotations

from sqlalchemy import Connection, select

from inventory.model import CallState
from inventory.store.tables import SWEEP, SWEEP_CALL


def known(conn: Connection) -> dict[tuple[str, str, str], dict[str, CallState]]:
    """By name, account and region: the state of each call that was looked at."""
    found: dict[tuple[str, str, str], dict[str, CallState]] = {}
    statement = select(
        SWEEP.c.name, SWEEP.c.account, SWEEP.c.region, SWEEP_CALL.c.call, SWEEP_CALL.c.state
    ).outerjoin(SWEEP_CALL, SWEEP_CALL.c.sweep_id == SWEEP.c.id)
    for name, account, region, call, state in conn.execute(statement):
        calls = found.setdefault((name, account, region), {})
        if call is not None:
            calls[call] = CallState(state)
    return found
