"""``efs-inventory run``: everything that ``collect`` does, again and again, for months.

    signals ─> main loop ─> clockwork ─> roster.turn(duty) ─> inventory.steps
                  └─ every few seconds: is the scheduler alive, has the clock been put, systemd's watchdog

Nothing here is needed for correctness: each step may be repeated, killed at any point, or taken by two at a time. What is due is asked of
our own tables, so another daemon of the same database goes on where this one ends.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from inventory import __version__
from inventory.collect.choosing import chosen
from inventory.daemon import health as looking
from inventory.daemon.clockwork import Clockwork
from inventory.daemon.duties import BACKOFF, LONGEST, Duty, Ending, Roster, hurry
from inventory.daemon.health import Health
from inventory.daemon.listener import SHORTEST_TOKEN, Listener
from inventory.daemon.signals import Signals
from inventory.daemon.systemd import notify
from inventory.daemon.telling import MeteredStore, Telling
from inventory.daemon.work import Bench
from inventory.errors import ListenError, LockedError
from inventory.notify import secret_of
from inventory.pipeline import PATIENCE
from inventory.store import Store, TransientError
from inventory.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from inventory.config import Settings

GRACE = 9.0
"""Seconds that what is at hand may take to end when the program is asked to stop; then it is left, and nothing of it is kept."""

LOOK = 5.0
"""Seconds between two looks after the scheduler."""

NAME = "run"
"""What holds an SQLite database while the daemon runs."""

_LOG = logging.getLogger(__name__)


def run(settings: Settings, *, wall: Callable[[], float] = time.time) -> None:
    """Run until SIGTERM or SIGINT. Raises ``ConfigError``, ``ListenError`` and ``StoreError`` for what only a person can mend.

    When something is still in work after :data:`GRACE` seconds, the process ends here and now, without unwinding: it holds nothing that the
    database does not give back by itself.
    """
    sections = chosen(settings, ())
    if settings.notify.webhook_url is not None:
        secret_of(settings.notify)
    with Signals() as signals, ExitStack() as stack:
        metrics = Metrics(__version__)
        bench = Bench(
            settings,
            clock=lambda: int(wall()),
            monotonic=time.monotonic,
            is_over=signals.is_set,
            sleep=signals.sleep,
            report=lambda _: Telling(metrics=metrics),
            posted=metrics.posted,
        )
        duties = bench.duties(sections)
        health = Health(settings, duties, bench.clock, time.monotonic)
        metrics.state = health.state
        _listen(settings, health, metrics, stack)
        store = _opened(settings, signals, health, stack)
        if store is None:
            return
        store.metrics = metrics
        roster = Roster(store, bench.clock, time.monotonic, signals.is_set, _told_to(metrics))
        duties.append(Duty("look", "", looking.LOOK, health.look))
        _LOG.info("%s: %s", store.name, ", ".join(duty.name for duty in duties))
        _keep(roster, duties, health, signals, wall)
        _let_end(duties)
        roster.close()


def _keep(
    roster: Roster,
    duties: Sequence[Duty],
    health: Health,
    signals: Signals,
    wall: Callable[[], float],
) -> None:
    """Until somebody asks to stop: let duties be done, and look after it."""
    clockwork = health.clockwork = Clockwork(
        {duty.name: (duty.every, partial(roster.turn, duty)) for duty in duties},
        wall=wall,
        monotonic=time.monotonic,
    )
    clockwork.start()
    notify("READY=1")
    while not signals.wait(LOOK):
        if clockwork.watch():
            hurry(duties)
        _look_after(health)
    _LOG.info("%s: stopping", signals.name)
    notify("STOPPING=1")
    clockwork.stop()


def _look_after(health: Health) -> None:
    """Tell systemd that all is well, or do not: then it starts the daemon anew."""
    health.watched()
    ills = health.ills()
    for ill in ills:
        _LOG.error("%s; systemd's watchdog is not told any more that all is well", ill)
    lacks = health.lacks()
    status = f"STATUS={lacks[0] if lacks else 'all is done in time'}"
    notify(status, *([] if ills else ["WATCHDOG=1"]))


def _told_to(metrics: Metrics) -> Callable[[Duty, Ending, float], None]:
    return lambda duty, ending, seconds: metrics.tried(duty.name, ending.value, seconds)


def _listen(settings: Settings, health: Health, metrics: Metrics, stack: ExitStack) -> None:
    """Health and metrics, from the beginning on: also while the database is waited for."""
    serve, token = settings.serve, None
    if serve.token_file is not None:
        try:
            token = serve.token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            message = f"[serve] token_file {serve.token_file} cannot be read: {why}"
            raise ListenError(message, hint="check its path and owner") from None
        if len(token.encode()) < SHORTEST_TOKEN:
            message = f"[serve] token_file {serve.token_file} holds fewer than {SHORTEST_TOKEN} characters"
            raise ListenError(message, hint="openssl rand -hex 32 makes one")
    listener = Listener(serve.bind, health.paths(metrics), token)
    stack.callback(listener.close)
    health.watched()
    _LOG.info("health and metrics at %s", listener.start())


def _opened(
    settings: Settings, signals: Signals, health: Health, stack: ExitStack
) -> MeteredStore | None:
    """The database, waited for while it is away, and on SQLite held alone; ``None`` when the program was asked to stop meanwhile."""
    wait = BACKOFF
    while True:
        try:
            store = stack.enter_context(MeteredStore.opened(settings, write=True))
            health.waiting_for = ""
            return store if _held(store, signals, stack) else None
        except TransientError as error:
            health.waiting_for = str(error)
            _LOG.error("%s; tried again in %.0f s", error.told, wait)
            end = time.monotonic() + wait
            while time.monotonic() < end:
                if signals.wait(min(LOOK, wait)):
                    return None
                _look_after(health)
            wait = min(LONGEST, 2 * wait)


def _held(store: Store, signals: Signals, stack: ExitStack) -> bool:
    """Hold the database; ``False`` when the program was asked to stop while waiting for whoever has it."""
    end = time.monotonic() + PATIENCE
    while not signals.is_set():
        try:
            stack.enter_context(store.alone(NAME, 1.0))
        except LockedError:
            if time.monotonic() >= end:
                raise
        else:
            return True
    return False


def _let_end(duties: Sequence[Duty]) -> None:
    """Wait for what is at hand; end the process when it does not end."""
    end = time.monotonic() + GRACE
    while late := [duty.name for duty in duties if duty.begun_at is not None]:
        if time.monotonic() >= end:
            _LOG.warning("left unfinished, to be done the next time: %s", ", ".join(late))
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        time.sleep(0.05)
