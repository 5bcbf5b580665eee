"""How long something was so: ranges with two bounds at each end, and what each kind of knowledge proves about an interface's life.

The bounds follow ``eni-owners`` practice: a sweep proves presence at its own moment only; AttachTime, LaunchTime and a task's own times
move the bounds nearer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from inventory.model import RUN_GAP, Instance, NetworkInterface, Task, Version


class Tenure(NamedTuple):
    """A time range with two bounds at each end, in epoch seconds.

    Certain from ``since`` to ``until``, both included (``None``: never certain); possible after ``after`` and before ``before``, both
    excluded (``None``: no bound known).
    """

    since: int | None
    until: int | None
    after: int | None
    before: int | None

    def certain(self, moment: int) -> bool:
        """Proven to be so at the moment."""
        return (
            self.since is not None and self.until is not None and self.since <= moment <= self.until
        )

    def possible(self, moment: int) -> bool:
        """Not known to be otherwise at the moment."""
        return self.touches(moment - 1, moment)

    def throughout(self, start: int, end: int) -> bool:
        """Proven to be so from ``start`` to ``end``, without a break."""
        return self.certain(start) and self.certain(end)

    def touches(self, start: int, end: int) -> bool:
        """Not known to be otherwise at some moment after ``start``, up to ``end``."""
        return (self.after is None or self.after < end) and (
            self.before is None or start + 1 < self.before
        )

    def proven(self, start: int, end: int) -> bool:
        """Proven to be so at some moment after ``start``, up to ``end``."""
        if self.since is None or self.until is None:
            return False
        return self.since <= end and start < self.until


def of_version(version: Version[Any]) -> Tenure:
    """What sweeps alone prove."""
    return Tenure(version.first_seen, version.last_seen, version.not_before, version.not_after)


def joined(tenures: Iterable[Tenure]) -> Tenure:
    """One unbroken tenure from several proofs of it, in any order.

    For things that cannot end and begin again (an interface, a mount target). A bound that another proof contradicts does not count: a
    sweep that lacked it while another account saw it, or a value that merely changed.
    """
    known = list(tenures)
    if len(known) == 1:
        return known[0]
    since = min((t.since for t in known if t.since is not None), default=None)
    until = max((t.until for t in known if t.until is not None), default=None)
    afters = [t.after for t in known if t.after is not None and (since is None or t.after < since)]
    befores = [
        t.before for t in known if t.before is not None and (until is None or t.before > until)
    ]
    return Tenure(since, until, max(afters, default=None), min(befores, default=None))


def agreeing(swept: Tenure | None, told: Iterable[Tenure]) -> list[Tenure]:
    """What events tell, without what sweeps contradict: nothing was there any more once a whole sweep had missed it."""
    found = []
    for one in told:
        end = swept.before if swept is not None else None
        if end is None or one.until is None or one.until < end:
            found.append(one)
        elif one.since is not None and one.since < end:
            found.append(one._replace(until=end - 1))
    return found


def nearness(version: Version[Any], moment: int) -> tuple[bool, int, int]:
    """Sort key: versions possible at the moment first, then by their distance from it, then the newer one."""
    distance = max(version.first_seen - moment, moment - version.last_seen, 0)
    return (not version.possible(moment), distance, -version.last_seen)


def life_by_interface(version: Version[NetworkInterface], launched: int | None) -> Iterable[Tenure]:
    """What one version of an interface proves of its life; ``launched`` is its instance's LaunchTime.

    It existed when it was attached. An instance's first interface (device index 0) comes with the instance and cannot be taken from it:
    before AttachTime nothing was sent from it. LaunchTime is the *last* start, so it proves presence, never absence.

    A listing may be read seconds after the moment that its sweep is dated by. What is made to be attached (by a service, or with its
    instance) is not certain before it was, whatever that moment says.
    """
    interface = version.value
    first = interface.device_index == 0 and bool(interface.instance_id)
    attached = interface.attach_time
    seen = of_version(version)
    yield _not_certain_before(seen, attached) if first or interface.requester_managed else seen
    if attached is not None and attached <= version.last_seen:
        yield Tenure(attached, version.last_seen, attached - 1 if first else None, None)
    elif first and launched is not None and launched <= version.last_seen:
        yield Tenure(launched, version.last_seen, None, None)


def life_by_task(version: Version[Task]) -> Tenure:
    """The life of a task's interface by the task's own times.

    Certain from connectivityAt (else startedAt, else the sweep that showed it) until its containers ended, or until it was last seen
    running; never before createdAt, for a listing may be younger than the moment of its sweep. Possible from createdAt until stoppedAt and
    the minute by which a record's times may be late.
    """
    task = version.value
    stopped = task.stopped_at is not None or task.last_status == "STOPPED"
    ends = (task.execution_stopped_at, task.stopping_at, task.stopped_at)
    ended = next((end for end in ends if end is not None), None)
    since = task.connectivity_at if task.connectivity_at is not None else task.started_at
    until = version.last_seen if ended is None and not stopped else ended
    before = version.not_after
    if stopped:
        before = None if task.stopped_at is None else task.stopped_at + RUN_GAP
    elif since is None or since > version.first_seen:
        since = version.first_seen
    after = None if task.created_at is None else task.created_at - 1
    if since is None or until is None:
        return Tenure(None, None, after, before)
    return _not_certain_before(Tenure(since, until, after, before), task.created_at)


def _not_certain_before(tenure: Tenure, begin: int | None) -> Tenure:
    """``tenure``, certain from ``begin`` at the earliest; not at all where nothing is left of that."""
    since, until = tenure.since, tenure.until
    if since is None or until is None:
        return tenure
    since = since if begin is None else max(since, begin)
    return (
        tenure._replace(since=since) if since <= until else tenure._replace(since=None, until=None)
    )


def life_by_instance(version: Version[Instance]) -> Tenure:
    """An instance shown with an interface proves the interface at those moments, no more."""
    return Tenure(version.first_seen, version.last_seen, None, None)


def runs_of_address(
    versions: list[Version[NetworkInterface]], address: str, life: Tenure
) -> list[Tenure]:
    """When one interface held an address that can come and go (secondary, IPv6, prefix), from its versions of one account, oldest first.

    Consecutive versions that hold it are one run; a version without it ends the run. One without any address says nothing of them (they
    could not be read): every interface has one.
    """
    runs: list[list[Tenure]] = []
    ends: list[int | None] = []
    holding = False
    for version in versions:
        if address in version.value.addresses or address in version.value.prefixes:
            if not holding:
                runs.append([])
                ends.append(None)
            runs[-1].append(of_version(version))
            holding = True
        elif holding and not version.value.addresses:
            runs[-1][-1] = runs[-1][-1]._replace(before=version.not_after)
        elif holding:
            ends[-1] = version.first_seen
            holding = False
    return [_clipped(joined(run), end, life) for run, end in zip(runs, ends, strict=True)]


def _clipped(run: Tenure, end: int | None, life: Tenure) -> Tenure:
    afters = [bound for bound in (run.after, life.after) if bound is not None]
    befores = [bound for bound in (run.before, end, life.before) if bound is not None]
    before = min(befores, default=None)
    until = run.until if before is None or run.until is None else min(run.until, before - 1)
    held = Tenure(run.since, until, max(afters, default=None), before)
    return _not_certain_before(held, life.since)
