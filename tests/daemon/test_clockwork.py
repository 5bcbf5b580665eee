"""Whatever the clock or the scheduler does: calls go on within a minute, and none is made up for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from inventory.daemon.clockwork import STUCK, Clockwork, Steady

NOW = datetime(2026, 11, 3, 14, 20, tzinfo=UTC)


class Counted:
    """A call that can be waited for."""

    def __init__(self) -> None:
        self.number = 0
        self._more = threading.Condition()

    def __call__(self) -> None:
        with self._more:
            self.number += 1
            self._more.notify_all()

    def more(self, seconds: float = 10) -> bool:
        """Whether it is called once more within some seconds."""
        with self._more:
            before = self.number
            return self._more.wait_for(lambda: self.number > before, seconds)


@contextmanager
def running(
    call: Callable[[], None], monotonic: Callable[[], float] = time.monotonic
) -> Iterator[Clockwork]:
    clockwork = Clockwork({"call": (0.05, call)}, wall=time.time, monotonic=monotonic)
    clockwork.start()
    try:
        yield clockwork
    finally:
        clockwork.stop()


@pytest.mark.parametrize("hours", [-24, -1, 1, 24, 24 * 3650])
def test_calls_go_on_when_the_clock_is_put(hours: int) -> None:
    call = Counted()
    with time_machine.travel(NOW, tick=True) as travelled, running(call) as clockwork:
        assert call.more()
        assert clockwork.watch() == ""
        travelled.shift(timedelta(hours=hours))
        assert "the clock went " in clockwork.watch()
        before, start = call.number, time.monotonic()
        assert call.more()
        seconds = time.monotonic() - start
        assert call.number - before < 10 + 40 * seconds  # the missed ones are not made up for
        assert clockwork.watch() == ""


def test_without_a_watch_the_scheduler_sleeps_when_the_clock_is_put_back() -> None:
    """Why there is one."""
    call = Counted()
    with time_machine.travel(NOW, tick=True) as travelled, running(call):
        assert call.more()
        travelled.shift(timedelta(hours=-1))
        call.more(0.3)
        assert not call.more(0.5)


def test_a_dead_scheduler_is_begun_anew() -> None:
    call = Counted()
    with running(call) as clockwork:
        assert call.more()
        scheduler = clockwork._scheduler
        assert scheduler is not None
        scheduler._jobstores["default"].get_next_run_time = None  # raises where nobody catches it
        hook, threading.excepthook = threading.excepthook, lambda _: None
        try:
            scheduler.wakeup()
            scheduler._thread.join(10)
        finally:
            threading.excepthook = hook
        assert not scheduler._thread.is_alive()
        assert clockwork.watch() == "the scheduler was dead"
        assert call.more()
        assert clockwork.begun == 2


def test_a_stuck_scheduler_is_left_behind() -> None:
    call, stuck, now = Counted(), threading.Event(), [0.0]
    with running(call, monotonic=lambda: now[0] + time.monotonic()) as clockwork:
        assert call.more()
        scheduler = clockwork._scheduler
        assert scheduler is not None
        scheduler._process_jobs = lambda: stuck.wait(30)
        scheduler.wakeup()
        while call.more(0.3):
            pass
        clockwork._drift -= STUCK + 1  # time goes by, the wall clock with it
        now[0] += STUCK + 1
        assert "stuck" in clockwork.watch()
        assert call.more()
        stuck.set()


def test_the_trigger_counts_nothing_that_was_missed() -> None:
    trigger = Steady(60)
    assert trigger.get_next_fire_time(None, NOW) == NOW
    assert trigger.get_next_fire_time(NOW, NOW) == NOW + timedelta(seconds=60)
    late = NOW + timedelta(days=3650)
    assert trigger.get_next_fire_time(NOW, late) == late + timedelta(seconds=60)
