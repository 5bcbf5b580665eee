"""What CloudWatch said of file systems: stretches of periods that were answered alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CLIENT_CONNECTIONS = "ClientConnections"
"""How many clients are connected, told every minute: over a longer period the sum of its minutes."""

DATA_READ = "DataReadIOBytes"
DATA_WRITE = "DataWriteIOBytes"
METADATA = "MetadataIOBytes"

IO_METRICS = (DATA_READ, DATA_WRITE, METADATA)

METRICS = (CLIENT_CONNECTIONS, *IO_METRICS)


class Meaning(StrEnum):
    """What is known of a stretch. A period of which nothing came is none of these: a missing datapoint is no zero."""

    ASKED = "asked"
    """It was asked, and everything that there is came: it need not be asked again."""
    ZERO = "zero"
    """Each of its periods was answered with zero."""
    ABOVE = "above"
    """Each of its periods was answered with more than zero."""


@dataclass(frozen=True, slots=True, order=True)
class MetricRun:
    """Periods of one metric of one file system that follow each other without a gap and mean the same."""

    file_system_id: str
    metric: str
    period: int
    """Seconds of each of its periods."""
    meaning: Meaning
    start: int
    end: int
    """Exclusive; a whole number of periods after ``start``."""
    largest: int = 0
    """The largest sum of any of its periods; 0 unless ``above``."""
