"""Events after a cursor, each with its own: what ``changes`` shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from inventory.export.feed import sequence
from inventory.store import feed

if TYPE_CHECKING:
    from inventory.store import Store

PORTION = 1_000
"""Events at a time: what bounds the memory."""


class Happened(NamedTuple):
    """Events, oldest first, and the cursor after them."""

    cursor: str
    events: Iterator[dict[str, Any]]


@contextmanager
def since(store: Store, cursor: str) -> Iterator[Happened]:
    """What happened after a cursor, from one moment of the database. Raises ``UsageError`` for a wrong one."""
    with store.reading() as conn:
        position = feed.position(conn)
        after = sequence(cursor, position)

        def events(last: int) -> Iterator[dict[str, Any]]:
            while some := feed.events(conn, last, PORTION):
                last = some[-1].sequence
                for one in some:
                    yield {"cursor": position.cursor(one.sequence)} | json.loads(one.body)

        yield Happened(position.cursor(), events(after))
