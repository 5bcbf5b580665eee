"""What one run did, and whom it tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from inventory.errors import InventoryError
from inventory.model import Batch, BatchState, CallState, Sweep, Tally


class Progress(Protocol):
    """Who is told how far reading is."""

    def start(self, total_batches: int, total_bytes: int) -> None:
        """A source has so much that is new, in bytes as stored."""

    def advance(self, size: int, batch: str) -> None:
        """One batch, of ``size`` bytes as stored, is recorded."""


@dataclass(slots=True)
class Report:
    """What one run did, and what went wrong in it; ``problems`` name each thing and are empty when all is well."""

    sweeps: int = 0
    batches: dict[BatchState, int] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    problems: list[str] = field(default_factory=list)

    def learnt(self, sweep: Sweep) -> None:
        """One more sweep is recorded."""
        self.sweeps += 1
        broken = sorted(call for call, state in sweep.calls.items() if state is CallState.BROKEN)
        where = f"sweep {sweep.name} {sweep.account} {sweep.region}"
        self.problems += [f"{where}: {sweep.problems[call]}" for call in broken]

    def recorded(self, source: str, batch: Batch) -> None:
        """One more batch is recorded."""
        self.batches[batch.state] = self.batches.get(batch.state, 0) + 1
        self.tally.merge(batch.folded.tally)
        if batch.state in (BatchState.FAILED, BatchState.PARTIAL):
            self.problems.append(f"source {source}: {batch.ref.key}: {batch.problem}")

    def failed(self, error: InventoryError, of: str = "") -> None:
        """Something could not be done, but the rest was; ``of`` says whose it is, if the error does not itself."""
        text = str(error) if str(error).startswith(of) else f"{of}{error}"
        self.problems.append(f"{text} ({error.hint})" if error.hint else text)
