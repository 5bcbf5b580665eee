"""What the pipeline does, told to the metrics as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from inventory.collect.report import Report
from inventory.model import Batch, CallState, Sweep
from inventory.store import CallKey, Counts, Store
from inventory.telemetry.metrics import Metrics


@dataclass(slots=True)
class Telling(Report):
    """A report that also counts."""

    metrics: Metrics | None = None

    def learnt(self, sweep: Sweep) -> None:
        """One more sweep is recorded."""
        Report.learnt(self, sweep)
        if self.metrics is not None and CallState.WHOLE in sweep.calls.values():
            self.metrics.sweep()

    def recorded(self, source: str, batch: Batch) -> None:
        """One more batch is recorded."""
        Report.recorded(self, source, batch)
        if self.metrics is not None:
            outcomes = {
                outcome.value: count for outcome, count in batch.folded.tally.counts.items()
            }
            self.metrics.batch(
                source, batch.state.value, outcomes, batch.ref.size, batch.scan.bytes
            )

    def forgot(self, rows: Mapping[str, int]) -> None:
        """Rows were deleted."""
        Report.forgot(self, rows)
        if self.metrics is not None:
            self.metrics.forgot(rows)


class MeteredStore(Store):
    """A store that counts the requests to AWS that are written down in it."""

    metrics: Metrics | None = None

    def sibling(self) -> Self:
        """As :meth:`Store.sibling`."""
        made = super().sibling()
        made.metrics = self.metrics
        return made

    def use(self, day: int, uses: Mapping[CallKey, Counts]) -> None:
        """As :meth:`Store.use`."""
        super().use(day, uses)
        if self.metrics is not None:
            for (_, _, call), use in uses.items():
                self.metrics.call(call, use.calls, use.throttled)
