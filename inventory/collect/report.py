"""What one run did, and whom it tells while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from inventory.errors import InventoryError
from inventory.model import Batch, BatchState, CallState, Sweep, Tally

FEW = 3
"""Calls that are told one by one though they have one problem."""


class Progress(Protocol):
    """Who is told how far reading is."""

    def start(self, total_batches: int, total_bytes: int) -> None:
        """A source has so much that is new, in bytes as stored."""

    def advance(self, size: int, batch: str) -> None:
        """One batch, of ``size`` bytes as stored, is recorded."""


class Alike:
    """Problems of batches. What many say alike (no credentials, one call denied) is told of the first of them, with how many more."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[int, str, int]] = {}

    def add(self, problems: list[str], whose: str, batch: Batch) -> None:
        """Tell of one more batch: a new line of ``problems``, or another number at the end of one."""
        place, key, more = self._told.get(
            (whose, batch.problem), (len(problems), batch.ref.key, -1)
        )
        more += 1
        self._told[whose, batch.problem] = place, key, more
        text = f"{whose}{key}: {batch.problem}" + (f" (and {more:,} more)" if more else "")
        problems[place : place + 1] = [text]


@dataclass(slots=True)
class Report:
    """What one run did, and what went wrong in it; ``problems`` name each thing and are empty when all is well."""

    sweeps: int = 0
    batches: dict[BatchState, int] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    scanned: int = 0
    """Bytes that AWS scanned for it."""
    problems: list[str] = field(default_factory=list)
    _alike: Alike = field(default_factory=Alike, repr=False)

    def learnt(self, sweep: Sweep) -> None:
        """One more sweep is recorded. What several calls say alike, as of an account that nobody can get into, is told once."""
        self.sweeps += CallState.WHOLE in sweep.calls.values()
        told: dict[str, list[str]] = {}
        for call, state in sorted(sweep.calls.items()):
            if state is CallState.BROKEN:
                told.setdefault(sweep.problems[call], []).append(call)
        where = f"sweep {sweep.name} {sweep.account} {sweep.region}"
        for problem, calls in told.items():
            if len(calls) > FEW:
                self.problems.append(f"{where}: {len(calls)} calls: {problem}")
                continue
            for call in calls:
                said = call in problem.partition(": ")[0]
                self.problems.append(f"{where}: {'' if said else f'{call}: '}{problem}")

    def recorded(self, source: str, batch: Batch) -> None:
        """One more batch is recorded."""
        self.batches[batch.state] = self.batches.get(batch.state, 0) + 1
        self.tally.merge(batch.folded.tally)
        self.scanned += batch.scan.bytes
        if batch.state in (BatchState.FAILED, BatchState.PARTIAL):
            self._alike.add(self.problems, f"source {source}: ", batch)

    def forgot(self, rows: Mapping[str, int]) -> None:
        """So many rows of tables were deleted, for they were too old."""

    def failed(self, error: InventoryError, of: str = "") -> None:
        """Something could not be done, but the rest was; ``of`` says whose it is, if the error does not itself."""
        text = str(error) if str(error).startswith(of) else f"{of}{error}"
        self.problems.append(f"{text} ({error.hint})" if error.hint else text)
