"""What reading one window of one log group takes, and what it leaves beside the facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from inventory.collect.cloudwatch.log_group import LogGroup
from inventory.errors import AwsError
from inventory.flowlog.format import LogFormat
from inventory.model import Folded, Known, Scan, Span


@dataclass(frozen=True, slots=True)
class Task:
    """One window of one log group, and what is known that decides what of it is read."""

    name: str
    """The batch's key."""
    group: LogGroup
    window: Span
    interfaces: tuple[str, ...]
    """Those of mount targets."""
    formats: tuple[LogFormat, ...]
    """At least one."""
    everybody: bool
    """Clients' records too (``vantage = "both"``)."""
    known: Known


@dataclass(slots=True)
class Reading:
    """What reading found beside the facts."""

    problems: list[str] = field(default_factory=list)
    """For people: why it is not all that there is."""
    scan: Scan = Scan()  # noqa: RUF009 - a value
    """What all tries together had AWS scan."""

    def again(self) -> Reading:
        """From the beginning; what was scanned stays scanned."""
        self.problems.clear()
        return self


class Method(Protocol):
    """How a window is read."""

    def read(self, task: Task, reading: Reading) -> Folded:
        """Everything of the window. Raises ``AwsError`` or ``SourceError`` when it is not to be had whole."""
        ...

    def mended(self, task: Task, error: AwsError) -> bool:
        """Whether the same may succeed now: something that was remembered was out of date."""
        ...
