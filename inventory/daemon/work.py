"""What each duty does: steps of the pipeline, and when a step that raised nothing has failed all the same."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory import notify, steps
from inventory.answers import Answers
from inventory.collect.choosing import begin, opened
from inventory.collect.needs import Needs
from inventory.collect.report import Report
from inventory.daemon.duties import SPREAD, Duty, Ending
from inventory.discover import sweeping
from inventory.discover.asked import Asked
from inventory.errors import LockedError, StandstillError
from inventory.export import feed
from inventory.model import BatchState, iso
from inventory.telemetry import bound

if TYPE_CHECKING:
    from inventory.config import Settings, SourceSettings
    from inventory.store import Store

EVERY = {"files": 60, "s3": 300, "athena": 3600}
"""By type, the seconds from one reading of a source to the next, unless its section says ``every``."""

EVERY_METHOD = {"streams": 600, "insights": 3600}
"""The same for the methods of a source in CloudWatch."""

LOOK = 60
"""Seconds between two looks at which live sweeps are due, or what nobody could name."""

LOOK_BACK = 900
"""Seconds between two askings of histories."""

COMPACT = 3600
"""Seconds between two joinings of old facts."""

TELL = 300
"""Seconds between two looks at what happened, for the webhook."""

FORGET = 3600
"""Seconds between two looks whether anything is too old: a day's worth is forgotten at once."""

_LOG = logging.getLogger(__name__)


def every(section: SourceSettings) -> int:
    """Seconds from one reading of a source to the next."""
    if section.every is not None:
        return section.every
    return EVERY.get(section.type) or EVERY_METHOD[getattr(section, "method", "streams")]


@dataclass(frozen=True)
class Bench:
    """What the work of every duty needs."""

    settings: Settings
    clock: Callable[[], int]
    monotonic: Callable[[], float]
    is_over: Callable[[], bool]
    sleep: Callable[[float], None]
    """Sleeps; raises ``StoppedError`` when the program stops."""
    report: Callable[[Duty], Report] = lambda _: Report()
    """A report to fill in, for one try."""
    posted: Callable[[int], None] = lambda _: None
    """Told how many events the webhook took."""

    def duties(self, sections: Sequence[SourceSettings]) -> list[Duty]:
        """Everything that is done again and again, by configuration."""
        discover = self.settings.discover
        live = discover.mode == "aws"
        found = [
            Duty("sweep", steps.SWEEPS, LOOK if live else discover.every.interfaces, self.sweep())
        ]
        found += [
            Duty(
                f"source {section.name}",
                steps.source_lock(section.name),
                every(section),
                self.reading(section),
            )
            for section in sections
        ]
        found.append(Duty("compact", steps.COMPACTION, COMPACT, self.compact, freshens=False))
        found.append(Duty("forget", steps.FORGETTING, FORGET, self.forget(), freshens=False))
        if live:
            found.append(Duty("resolve", steps.SWEEPS, LOOK, self.resolve))
        if live and discover.cloudtrail.enabled:
            found.append(Duty("histories", steps.SWEEPS, LOOK_BACK, self.look_back))
        if self.settings.notify.webhook_url is not None:
            before = ["sweep", *(f"source {section.name}" for section in sections)]
            found.append(Duty("webhook", notify.LOCK, TELL, self.telling(before), freshens=False))
        return found

    def _listening(self, duty: Duty) -> Callable[[], bool]:
        """Whether the program stops; who asks is alive."""

        def is_over() -> bool:
            duty.heard_at = self.monotonic()
            return self.is_over()

        return is_over

    def _run(self, duty: Duty, store: Store) -> steps.Run:
        is_over = self._listening(duty)
        return steps.Run(store, self.settings, self.report(duty), self.clock, is_over)

    def _ending(self, report: Report) -> Ending:
        for problem in report.problems:
            _LOG.warning("%s", problem)
        return Ending.OVER if self.is_over() else Ending.DONE

    # -- knowledge -----------------------------------------------------------------------------------------------------------------------

    def sweep(self) -> Callable[[Duty, Store], Ending]:
        """Ask what is due, or read recorded sweeps that are new."""
        shortest = min(
            getattr(self.settings.discover.every, kind)
            for kind in type(self.settings.discover.every).model_fields
        )
        last: list[float] = []

        def work(duty: Duty, store: Store) -> Ending:
            now = self.clock()
            # Put back, the clock makes everything due that was asked "later", and due again: by it nobody can tell what is, for a while.
            ahead = sweeping.is_dated_ahead(self.settings, store, now)
            if ahead and last and self.monotonic() - last[0] < shortest:
                return Ending.IDLE
            if sweeping.is_quiet(self.settings, store, now=now, asked=Asked.DUE):
                return Ending.IDLE
            last[:] = [self.monotonic()]
            run = self._run(duty, store)
            steps.learn(run, Asked.DUE)
            return self._swept(run.report)

        return work

    def resolve(self, duty: Duty, store: Store) -> Ending:
        """Ask again what may explain clients that nobody could name."""
        if sweeping.is_quiet(self.settings, store, now=self.clock(), asked=Asked.UNEXPLAINED):
            # What failed here before is asked again by the sweep, which says so if it fails still.
            return Ending.DONE if duty.failures else Ending.IDLE
        run = self._run(duty, store)
        steps.learn(run, Asked.UNEXPLAINED)
        return self._swept(run.report)

    def look_back(self, duty: Duty, store: Store) -> Ending:
        """Ask CloudTrail about them."""
        run = self._run(duty, store)
        steps.look_back(run)
        return self._ending(run.report)

    def _swept(self, report: Report) -> Ending:
        if report.problems and not report.sweeps and not self.is_over():
            # Without the sweep's name, so that the same trouble is told in the same words each time.
            raise StandstillError(re.sub(r"^sweep \S+ ", "", report.problems[0]))
        return self._ending(report)

    # -- facts ---------------------------------------------------------------------------------------------------------------------------

    def reading(self, section: SourceSettings) -> Callable[[Duty, Store], Ending]:
        """Read what is new in one source."""

        def work(duty: Duty, store: Store) -> Ending:
            run = self._run(duty, store)
            needs = Needs(self.settings, store, self.clock, self.sleep)
            try:
                with closing(needs), bound(source=section.name):
                    start = begin(self.settings, section.name, None, self.clock())
                    listening = Listening(duty, self.monotonic)
                    steps.read(run, opened(section, needs), listening, start)
            finally:
                store.use(needs.day, needs.uses())
            self._refuse_standstill(section, run.report)
            return self._ending(run.report)

        return work

    def compact(self, duty: Duty, store: Store) -> Ending:
        """Join old facts."""
        run = self._run(duty, store)
        gone = steps.compact(run)
        if gone:
            _LOG.info("%d rows of old facts were joined with others", gone)
        return self._ending(run.report)

    def forget(self) -> Callable[[Duty, Store], Ending]:
        """Forget what is older than ``[retention]``; knowledge when its moment has moved on, for that is looked through as a whole."""
        done: list[int] = []

        def work(duty: Duty, store: Store) -> Ending:
            run = self._run(duty, store)
            gone = dict(steps.forget(run, Answers(store, self.settings).memories))
            since = store.kept()
            if since.knowledge not in done:
                gone |= steps.unlearn(run)
                if not self.is_over():
                    done[:] = [since.knowledge]
            if gone:
                rows = ", ".join(f"{number} of {table}" for table, number in sorted(gone.items()))
                kept = ", ".join(f"{name} since {iso(at)}" for name, at in since._asdict().items())
                _LOG.info("rows older than [retention] were deleted: %s; kept are %s", rows, kept)
            return self._ending(run.report)

        return work

    # -- the webhook ---------------------------------------------------------------------------------------------------------------------

    def telling(self, before: Sequence[str]) -> Callable[[Duty, Store], Ending]:
        """Bring the feed up to date and tell the webhook; the first time when the duties ``before`` were tried, or all of it were news."""
        last: list[float] = []

        def work(duty: Duty, store: Store) -> Ending:
            if not notify.has_begun(store) and not store.duties().keys() >= set(before):
                return Ending.IDLE
            is_over, began = self._listening(duty), self.monotonic()
            # A server that is away is asked again soon; what happened is not looked up anew for that.
            if not last or began - last[0] >= TELL * (1 - 2 * SPREAD):
                with suppress(LockedError):  # then somebody else brings it up to date
                    feed.refresh(store, self.settings, patience=0, is_over=is_over)
                    last[:] = [began]
            count = notify.deliver(
                store,
                self.settings.notify,
                clock=self.clock,
                sleep=self.sleep,
                is_over=is_over,
                taken=self.posted,
            )
            if count:
                _LOG.info("the webhook took %d events", count)
            return Ending.DONE

        return work

    def _refuse_standstill(self, section: SourceSettings, report: Report) -> None:
        """Who asks AWS for batches and gets none of them has a fault of the way there; a file that cannot be read is a hole of its own."""
        only_failures = report.batches.keys() == {BatchState.FAILED}
        if only_failures and section.type != "files" and not self.is_over():
            raise StandstillError(report.problems[0])


@dataclass
class Listening:
    """Progress, as signs of life of a duty."""

    duty: Duty
    monotonic: Callable[[], float]

    def start(self, total_batches: int, total_bytes: int) -> None:
        """There is so much to read."""
        self.duty.heard_at = self.monotonic()
        if total_batches:
            _LOG.info("%d batches to read, %d bytes", total_batches, total_bytes)

    def advance(self, size: int, batch: str) -> None:
        """One batch is recorded."""
        self.duty.heard_at = self.monotonic()
        _LOG.debug("%s is recorded, %d bytes", batch, size)
