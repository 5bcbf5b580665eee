"""What is done again and again, when it is due, and what becomes of it when it fails.

A duty is tried when its time has come, by the monotonic clock, so that nobody who puts the wall clock holds it up. It holds the lock of
what it works on: what another process holds is skipped, and looked at again a moment later. Under the lock it looks up in the database
whether somebody else has just done it. One that fails waits longer each time, with jitter, and holds up no other.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from enum import StrEnum

from inventory.daemon.memory import give_back
from inventory.errors import InventoryError, LockedError, StoppedError, StoreError
from inventory.store import DutyRow, Store
from inventory.telemetry import bound

BACKOFF, LONGEST = 15.0, 300.0
"""Seconds that a duty waits after its first failure; doubled with each further one, up to the longest."""

SPREAD = 0.05
"""By how much of itself an interval is shortened at random, so that daemons and duties do not march in step."""

AHEAD = 60
"""Seconds by which another daemon's clock may be ahead of ours; what was done later than that was done before the clock was put back."""

_LOG = logging.getLogger(__name__)

WORKER = f"process {os.getpid()} on {socket.gethostname()}"


class Ending(StrEnum):
    """How one try of a duty ended."""

    DONE = "done"
    IDLE = "idle"
    """There was nothing to do."""
    OVER = "over"
    """Given up half-way, for the program stops; what was recorded stays."""
    ELSEWHERE = "elsewhere"
    """Another process does it, or has just done it."""
    FAILED = "failed"


Work = Callable[["Duty", Store], Ending]
"""Does it, holding its lock; raises ``InventoryError`` when it cannot be done."""


@dataclass
class Duty:
    """One of them, and how it stands."""

    name: str
    lock: str
    """What is held meanwhile; duties with one lock take turns. ``""``: what concerns this process alone."""
    every: float
    """Seconds from one beginning to the next."""
    work: Work
    freshens: bool = True
    """Whether answers grow old without it."""
    next_at: float = 0.0
    """Monotonic seconds."""
    failures: int = 0
    problem: str = ""
    elsewhere: str = ""
    """Who does it, when it is another process."""
    done_at: float | None = None
    """When it was last done, by whoever, in monotonic seconds."""
    begun_at: float | None = None
    """Since when it is being tried, in monotonic seconds."""
    heard_at: float = 0.0
    """When it last showed a sign of life while being tried."""
    mutex: threading.Lock = field(default_factory=threading.Lock, repr=False)


def hurry(duties: Iterable[Duty]) -> None:
    """Let all be tried at once: nobody knows how long it is since they were, for the clock was put or the machine slept."""
    for duty in duties:
        duty.next_at = 0.0


@dataclass
class Roster:
    """Tries duties; :meth:`turn` may be called by any thread, as often as it likes."""

    store: Store
    clock: Callable[[], int]
    monotonic: Callable[[], float]
    is_over: Callable[[], bool]
    heard: Callable[[Duty, Ending, float], None] = lambda *_: None
    """Told of each ending, and after how many seconds."""
    chance: random.Random = field(default_factory=random.Random)
    _stores: dict[str, Store] = field(default_factory=dict)

    def turn(self, duty: Duty) -> None:
        """Try a duty if it is due, nobody is at it, and the program goes on. Never raises."""
        if self.is_over() or self.monotonic() < duty.next_at:
            return
        if not duty.mutex.acquire(blocking=False):
            return
        try:
            began = self.monotonic()
            duty.begun_at = duty.heard_at = began
            if (
                self.is_over()
            ):  # asked once more, now that whoever stops the program sees that this is begun
                return
            with bound(duty=duty.name):
                ending = self._try(duty, began)
                self.heard(duty, ending, self.monotonic() - began)
        finally:
            duty.begun_at = None
            duty.mutex.release()

    def _try(self, duty: Duty, began: float) -> Ending:
        moment = self.clock()
        store = self._stores.get(duty.name) or self._stores.setdefault(
            duty.name, self.store.sibling()
        )
        try:
            return self._tried(duty, store, moment, began)
        finally:
            store.rest()
            give_back()

    def _tried(self, duty: Duty, store: Store, moment: int, began: float) -> Ending:
        try:
            store.recheck()
            with store.lock(duty.lock, 0) if duty.lock else nullcontext():
                if self._is_done_elsewhere(duty, store, moment):
                    return Ending.ELSEWHERE
                ending = duty.work(duty, store)
                if ending is Ending.DONE or (ending is Ending.IDLE and not duty.failures):
                    self._done(duty, store, moment, began)
        except StoppedError:
            ending = Ending.OVER
        except LockedError as error:
            return self._skipped(duty, store, moment, error)
        except InventoryError as error:
            return self._failed(duty, store, moment, error.told)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other duties go on, and so does this one
            _LOG.exception("%s failed; this is a bug, please report it", duty.name)
            return self._failed(duty, store, moment, f"{type(error).__name__}; the log tells where")
        duty.next_at = began + duty.every * (1 - SPREAD * self.chance.random())
        return ending

    def _is_done_elsewhere(self, duty: Duty, store: Store, moment: int) -> bool:
        """Whether another process has done it so lately that it is not due yet; then it is due when that one's time is over."""
        row = store.duties().get(duty.name) if duty.lock else None
        if row is None or row.done_at is None or row.worker == WORKER:
            return False
        left = row.done_at + duty.every * (1 - 2 * SPREAD) - moment
        if left <= 0 or row.done_at > moment + AHEAD:
            return False
        self._follow(duty, row, moment)
        duty.next_at = self.monotonic() + left
        return True

    def _skipped(self, duty: Duty, store: Store, moment: int, error: LockedError) -> Ending:
        """Another holds the lock, maybe another duty of this process: it is looked at again at the next tick."""
        duty.elsewhere = "" if WORKER in str(error) else str(error)
        if duty.elsewhere:
            _LOG.debug("%s: %s", duty.name, error)
            with suppress(StoreError):
                row = store.duties().get(duty.name)
                if row is not None:
                    self._follow(duty, row, moment)
        return Ending.ELSEWHERE

    def _follow(self, duty: Duty, row: DutyRow, moment: int) -> None:
        """How it stands is what the other process wrote down."""
        duty.elsewhere = row.worker
        duty.failures, duty.problem = row.failures, row.problem
        if row.done_at is not None:
            duty.done_at = self.monotonic() - max(0, moment - row.done_at)

    def _done(self, duty: Duty, store: Store, moment: int, began: float) -> None:
        if duty.failures:
            _LOG.warning("%s: well again, after %d failures", duty.name, duty.failures)
        duty.failures, duty.problem, duty.elsewhere, duty.done_at = 0, "", "", began
        if duty.lock:
            store.note(DutyRow(duty.name, moment, moment, 0, "", WORKER))

    def _failed(self, duty: Duty, store: Store, moment: int, problem: str) -> Ending:
        duty.failures += 1
        wait = min(LONGEST, BACKOFF * 2 ** min(duty.failures - 1, 10))
        wait *= 0.5 + self.chance.random() / 2
        duty.next_at, duty.elsewhere = self.monotonic() + wait, ""
        if problem != duty.problem or duty.failures == 1:
            _LOG.error("%s: %s; tried again in %.0f s", duty.name, problem, wait)
        else:
            _LOG.info("%s: still: %s; tried again in %.0f s", duty.name, problem, wait)
        duty.problem = problem
        row = DutyRow(duty.name, moment, None, duty.failures, problem, WORKER)
        if duty.lock:
            with suppress(StoreError):  # maybe it is the database that failed
                store.note(row)
        return Ending.FAILED

    def close(self) -> None:
        """Close what is not in use."""
        for store in self._stores.values():
            store.close()
