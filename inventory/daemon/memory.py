"""Memory that this process has free, and that others could use."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any


def give_back() -> None:
    """Return what C's allocator keeps for later (malloc_trim(3)); nothing where the C library is not glibc's.

    What is read of months is large for a moment and comes in pieces of all sizes: without this a daemon grows by a megabyte or two each
    day, though nothing holds them.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], Any] | None:
    try:
        found: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return found
