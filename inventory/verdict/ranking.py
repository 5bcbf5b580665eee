"""Which file systems to look at first: those that may go, then those that nobody uses though they are mounted, then the rest."""

from __future__ import annotations

from collections.abc import Collection

MOUNTED_WITHOUT_IO = "MOUNTED_WITHOUT_IO"
"""The reason of what is mounted and was neither read nor written in the window: the most frequent thing to ask an owner about."""

_RANKS = ("QUIET", MOUNTED_WITHOUT_IO, "REFERENCED", "UNKNOWN", "IN_USE")


def rank(verdict: str, codes: Collection[str]) -> int:
    """Where a file system stands by its verdict and the codes of all its reasons; the smaller the earlier."""
    idle = verdict == "IN_USE" and MOUNTED_WITHOUT_IO in codes
    return _RANKS.index(MOUNTED_WITHOUT_IO if idle else verdict)
