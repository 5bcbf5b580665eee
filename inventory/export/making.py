"""How very many records are made: without looking through all of them for cycles, again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 100_000
"""Objects that are new since the last look for cycles before there is another one; Python's own number is 700."""


@contextmanager
def many() -> Iterator[None]:
    """Inside of the block Python looks for cycles seldom, and at nothing that was there before: records are in none.

    A third of an export's time went there. Of the whole process, so it is for a command, not for a library or a daemon.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(MANY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
