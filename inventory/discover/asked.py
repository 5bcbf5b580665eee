"""What a round of sweeps is for."""

from __future__ import annotations

from enum import StrEnum


class Asked(StrEnum):
    """What a round is for."""

    EVERYTHING = "everything"
    DUE = "due"
    UNEXPLAINED = "unexplained"
    """What may explain clients that nobody could name."""
