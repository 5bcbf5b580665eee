"""Whether the daemon is alive, and whether it is fresh: ``/healthz``, ``/readyz``, ``/metrics``, and what systemd's watchdog is told by."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from inventory.answers import Answers
from inventory.daemon.clockwork import Clockwork
from inventory.daemon.duties import Duty, Ending
from inventory.daemon.listener import Answer, Path
from inventory.model import epoch
from inventory.store import Store, views
from inventory.telemetry.metrics import CONTENT_TYPE, DutyState, Metrics, State

if TYPE_CHECKING:
    from inventory.config import Settings

SILENT = 7200.0
"""Seconds without a sign of life after which a duty in work is taken for hung: longer than a query of AWS may run."""

UNWATCHED = 60.0
"""Seconds without a look of the main thread after which it is taken for hung."""

LATE = 600.0
"""Seconds that a duty may always be late before it is stale."""

OFTEN = 3
"""Failures in a row that are no bad luck any more."""

LOOK = 300
"""Seconds between two looks at what the inventory sees."""

INTERFACES = "ec2.describe-network-interfaces"


@dataclass
class Health:
    """How the daemon stands. Shared by threads."""

    settings: Settings
    duties: Sequence[Duty]
    clock: Callable[[], int]
    monotonic: Callable[[], float]
    clockwork: Clockwork | None = None
    waiting_for: str = ""
    """What it cannot begin without."""
    watched_at: float = 0.0
    _seen: State = field(default_factory=State)

    def watched(self) -> None:
        """The main thread looked after everything."""
        self.watched_at = self.monotonic()

    # -- alive ---------------------------------------------------------------------------------------------------------------------------

    def ills(self) -> list[str]:
        """Why the process should be started anew; none: it is alive."""
        now = self.monotonic()
        found = [
            f"{duty.name} shows no sign of life since {now - duty.heard_at:.0f} s"
            for duty in self.duties
            if duty.begun_at is not None and now - duty.heard_at > SILENT
        ]
        if now - self.watched_at > UNWATCHED:
            found.append(f"nobody looked after the scheduler for {now - self.watched_at:.0f} s")
        return found

    # -- fresh ---------------------------------------------------------------------------------------------------------------------------

    def lacks(self) -> list[str]:
        """Why answers may be stale; none: it is ready."""
        found = [self.waiting_for] if self.waiting_for else []
        for duty in self.duties:
            if not duty.lock or not duty.freshens:
                continue
            age = None if duty.done_at is None else self.monotonic() - duty.done_at
            why = f": {duty.problem}" if duty.problem else ""
            if duty.failures >= OFTEN:
                found.append(f"{duty.name} failed {duty.failures} times{why}")
            elif age is None:
                found.append(f"{duty.name} was not done yet{why}")
            elif age > duty.every + max(LATE, duty.every):
                found.append(f"{duty.name} was last done {age:.0f} s ago{why}")
        return found

    # -- seen ----------------------------------------------------------------------------------------------------------------------------

    def look(self, _duty: Duty, store: Store) -> Ending:
        """What the inventory sees; a duty of its own, for it reads much."""
        with store.reading() as conn:
            sources = {name: frontier.last for name, frontier in views.frontiers(conn).items()}
        sweeps = {
            (account, region): times.whole_at
            for (account, region, call), times in store.call_times().items()
            if call == INTERFACES and times.whole_at is not None
        }
        told = Answers(store, self.settings).status()
        coverage, as_of = told["coverage"], told["as_of"]
        self._seen = State(
            as_of=None if as_of is None else epoch(datetime.fromisoformat(as_of)),
            sources=sources,
            sweeps=sweeps,
            unresolved=told["unresolved_clients"]["by_confidence"],
            coverage=coverage["ratio"],
            file_systems=coverage["file_systems"],
            complete=coverage["complete"],
        )
        return Ending.DONE

    def state(self) -> State:
        """How everything stands now."""
        now = self.monotonic()
        return replace(
            self._seen,
            now=self.clock(),
            ready=not self.lacks(),
            schedulers=self.clockwork.begun if self.clockwork else 0,
            duties=tuple(
                DutyState(
                    duty.name,
                    duty.failures,
                    None if duty.done_at is None else now - duty.done_at,
                    bool(duty.elsewhere),
                )
                for duty in self.duties
            ),
        )

    # -- paths ---------------------------------------------------------------------------------------------------------------------------

    def paths(self, metrics: Metrics) -> dict[str, Path]:
        """What the listener answers."""
        return {
            "/healthz": Path(
                lambda trusted: _told("alive", self.ills(), trusted=trusted), open=True
            ),
            "/readyz": Path(
                lambda trusted: _told("ready", self.lacks(), trusted=trusted), open=True
            ),
            "/metrics": Path(lambda _: Answer(200, metrics.text(), CONTENT_TYPE), open=False),
        }


def _told(what: str, problems: Sequence[str], *, trusted: bool) -> Answer:
    """Yes or no; the reasons only to those who may see everything."""
    said: dict[str, object] = {what: not problems}
    if trusted:
        said["problems"] = list(problems)
    return Answer(503 if problems else 200, json.dumps(said).encode() + b"\n")
