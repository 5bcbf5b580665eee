"""When things are done: APScheduler, and a watch over it.

The scheduler only wakes duties every few seconds; what is due they know themselves, by the monotonic clock and by our own tables. So it
does not matter when it misses, repeats or merges a call. It goes by the wall clock, though: put back by an hour it would do nothing for an
hour, and put forward it would count every call that it missed one by one. So the trigger here counts none, and :meth:`Clockwork.watch`
begins anew, with a new scheduler, when the clock was put or the old one is dead or stuck.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

TICK = 10.0
"""Seconds between two looks at what is due."""

STEP = 30.0
"""Seconds by which wall clock and monotonic clock may drift apart between two looks; more is somebody who put the clock, or a suspend."""

PULSE = 5.0
STUCK = 60.0
"""Seconds without a pulse after which the scheduler is taken for stuck."""

_LOG = logging.getLogger(__name__)


class Steady(BaseTrigger):  # type: ignore[misc]  # APScheduler carries no types
    """Every so many seconds; what was missed is not made up for."""

    def __init__(self, seconds: float) -> None:
        self.interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """One interval after the previous time, or after now when that is over: so no call is ever missed twice."""
        if previous is None:
            return now
        following: datetime = previous + self.interval
        return following if following > now else now + self.interval


class Clockwork:
    """Calls each of ``calls`` every :data:`TICK` seconds or as often as it wants, each never twice at a time, in threads of their own."""

    def __init__(
        self,
        calls: Mapping[str, tuple[float, Callable[[], None]]],
        *,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """``calls``: by name, the seconds between two of them, and what to call."""
        self._calls = calls
        self._wall, self._monotonic = wall, monotonic
        self._scheduler: BackgroundScheduler | None = None
        self._drift = wall() - monotonic()
        self._pulse = monotonic()
        self.begun = 0
        """How many schedulers there were."""

    def start(self) -> None:
        """Begin; the first calls are made at once."""
        self._pulse = self._monotonic()
        scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={
                "default": ThreadPoolExecutor(max(1, len(self._calls))),
                "pulse": ThreadPoolExecutor(1),
            },
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        now = datetime.fromtimestamp(self._wall(), UTC)
        for name, (seconds, call) in self._calls.items():
            scheduler.add_job(
                call, Steady(min(TICK, seconds)), id=name, name=name, next_run_time=now
            )
        scheduler.add_job(
            self._beat, Steady(PULSE), id="pulse", executor="pulse", next_run_time=now
        )
        scheduler.start()
        self._scheduler = scheduler
        self.begun += 1

    def watch(self) -> str:
        """Look after the scheduler; what was amiss, in words, and is mended by now. ``""``: nothing."""
        drift = self._wall() - self._monotonic()
        stepped, self._drift = drift - self._drift, drift
        if abs(stepped) > STEP:
            told = f"the clock went {'forward' if stepped > 0 else 'back'} by {abs(stepped):.0f} s"
        elif self._scheduler is not None and not self._scheduler._thread.is_alive():  # noqa: SLF001 - `running` stays true of a dead one
            told = "the scheduler was dead"
        elif self._monotonic() - self._pulse > STUCK:
            told = f"the scheduler was stuck for {self._monotonic() - self._pulse:.0f} s"
        else:
            return ""
        _LOG.warning("%s: begun anew", told)
        self._leave()
        self.start()
        return told

    def stop(self) -> None:
        """Begin no more calls; those that go on are not waited for."""
        self._leave()

    def _beat(self) -> None:
        self._pulse = self._monotonic()

    def _leave(self) -> None:
        """Tell the scheduler to end, in a thread that may hang with it."""
        old, self._scheduler = self._scheduler, None
        if old is not None:
            threading.Thread(
                target=_shut_down, args=(old,), name="leave-scheduler", daemon=True
            ).start()


def _shut_down(scheduler: BackgroundScheduler) -> None:
    try:
        scheduler.shutdown(wait=False)
    except Exception:  # noqa: BLE001 - a dead or half-dead scheduler; it is left behind either way
        _LOG.debug("a scheduler that was left behind did not end well", exc_info=True)
