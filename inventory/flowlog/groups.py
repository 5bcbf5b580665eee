"""Groups of records become sightings, records become captures: unions that no order of records changes.

Memory is bounded, for input that hardly any network makes. Past :data:`GROUPS` groups (a place in a slot) of known servers, a place keeps
one run an hour instead of five minutes; past twice that one a day, without what the record says of the recording interface; past
three times that the client's address goes too. Longer runs say more than was seen, never less: a contact with a known server is never
dropped. Past :data:`STRAY_GROUPS` groups of strays, further ones lose their client (not the server: a later sweep still finds that
*somebody* was there), past twice that all but the day. Captures past :data:`STRETCHES` are dropped where they are evidence of looking,
and make the batch :attr:`Groups.crowded` where they are holes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from inventory.flowlog import record
from inventory.flowlog.record import Key, Malformed
from inventory.model import (
    CAPTURE_JOIN,
    DAY,
    HOUR,
    RUN_GAP,
    SLOT,
    Capture,
    CaptureKind,
    Known,
    Sighting,
)

STRAY_GROUPS = 20_000
GROUPS = 40_000
STRETCHES = 50_000
_PLACES = 20_000
_MOST = 2**63 - 1  # what the databases' integers hold

UNJOINED = 48
"""Records of a slot that are kept before they are joined: joining many at once is cheaper than one by one."""

Run = tuple[int, int, int, int, int, int, int, int, int]
"""First start, last end, requests, responses, packets in, bytes in, packets out, bytes out, longest record."""

Identity = tuple[str, str, str, str, str, str, str, str, str, str, bool]
"""The texts of a :class:`~inventory.model.Sighting` in its order, and ``stray``."""


class Place:
    """Who talked to whom, as one interface recorded it; its runs by five-minute slot."""

    __slots__ = ("identity", "slots", "stray")

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.stray = identity[-1]
        self.slots: dict[int, list[Run]] = {}
        """Runs in any order, not yet joined; at most :data:`UNJOINED` and a few."""


def joined(runs: Iterable[Run], gap: int) -> list[Run]:
    """Runs that lie at most ``gap`` seconds apart as one, in order of time."""
    found: list[Run] = []
    for run in sorted(runs):
        if found and run[0] - found[-1][1] <= gap:
            one = found[-1]
            found[-1] = (
                one[0],
                max(one[1], run[1]),
                one[2] + run[2],
                one[3] + run[3],
                one[4] + run[4],
                one[5] + run[5],
                one[6] + run[6],
                one[7] + run[7],
                max(one[8], run[8]),
            )
        else:
            found.append(run)
    return found


@lru_cache(maxsize=20_000)
def identity(key: Key, request: bool, servers: frozenset[str]) -> Identity:  # noqa: FBT001 - cached by position
    """Who talked to whom, by one record. The same ones come back in file after file. Raises :class:`~.record.Malformed`."""
    source, target = record.address(key.srcaddr), record.address(key.dstaddr)
    client, server = (source, target) if request else (target, source)
    seen_as = record.address(key.pkt_srcaddr), record.address(key.pkt_dstaddr)
    true_client = seen_as[0] if request else seen_as[1]
    action = record.text(key.action)
    if action not in {"ACCEPT", "REJECT", ""}:
        msg = "action is neither ACCEPT nor REJECT"
        raise Malformed(msg)
    return (
        record.text(key.interface_id),
        record.text(key.vpc_id),
        client,
        server,
        action,
        "" if true_client == client else true_client,
        record.text(key.instance_id),
        record.text(key.task_arn),
        record.text(key.next_hop),
        record.text(key.az_id),
        server not in servers and not (request and not server),
    )


class Groups:
    """All groups of one batch."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._places: dict[Identity, Place] = {}
        self._size = 0
        self._strays = 0
        self.requests: dict[Key, Place] = {}
        self.responses: dict[Key, Place] = {}
        self._seen: dict[str, list[tuple[int, int, int]]] = {}
        self._seen_size = 0
        self._skipped: set[tuple[str, int, int]] = set()
        self.crowded = False
        """Holes were too many to keep them all: the batch cannot count as whole."""

    # -- who and whom

    def place(self, key: Key, *, request: bool | None) -> Place:
        """The place of a record; ``request`` is ``None`` when both ports are 2049. Raises :class:`~.record.Malformed`."""
        servers = self._known.servers
        if request is None:
            source, target = record.address(key.srcaddr), record.address(key.dstaddr)
            request = target in servers or source not in servers
        named = identity(key, request, servers)
        place = self._places.get(named) or Place(named)
        cache = self.requests if request else self.responses
        if len(cache) >= _PLACES:
            cache.clear()
        cache[key] = place
        return place

    def usual(self, values: tuple[bytes, ...], *, request: bool) -> Place | None:
        """The place of a TCP record whose status is OK; ``None`` when it is not one, or not in form."""
        key = Key._make(values)
        if key.protocol != b"6" or key.status != b"OK":
            return None
        try:
            return self.place(key, request=request)
        except Malformed:
            return None

    # -- when and how much

    def add(
        self, place: Place, start: int, end: int, packets: int, size: int, *, request: bool
    ) -> None:
        """One record."""
        counts = (1, 0, packets, size, 0, 0) if request else (0, 1, 0, 0, packets, size)
        self.add_run(place, (start, end, *counts, end - start))

    def add_run(self, place: Place, run: Run) -> None:
        """A run of records that began in one slot."""
        slot = run[0] - run[0] % SLOT
        place = self._places.get(place.identity, place)
        runs = place.slots.get(slot)
        if runs is not None:
            runs.append(run)
            if len(runs) > UNJOINED:
                runs[:] = joined(runs, RUN_GAP)
        elif self._strays < STRAY_GROUPS if place.stray else self._size < GROUPS:
            self._open(place, slot, run)
        else:
            self._add_coarse(place.identity, run)

    def _open(self, place: Place, slot: int, run: Run) -> None:
        self._places[place.identity] = place
        place.slots[slot] = [run]
        if place.stray:
            self._strays += 1
        else:
            self._size += 1

    def _add_coarse(self, named: Identity, run: Run) -> None:
        """Too many groups: give up detail in the order that the module promises."""
        interface, _, client, server, action, true_client, *_, stray = named
        step = DAY
        if stray:
            if self._strays < 2 * STRAY_GROUPS:
                named, step = (interface, "", "", server, action, "", "", "", "", "", True), HOUR
            else:
                named = ("", "", "", "", action, "", "", "", "", "", True)
        elif self._size < 2 * GROUPS:
            step = HOUR
        elif self._size < 3 * GROUPS:
            named = (interface, "", client, server, action, true_client, "", "", "", "", False)
        else:
            named = ("", "", "", server, action, "", "", "", "", "", False)
        place = self._places.get(named) or Place(named)
        # negative, so that hours and days stay apart from the five minutes and from each other
        slot = -(run[0] - run[0] % step) - step // HOUR
        runs = place.slots.get(slot)
        if runs is None:
            self._open(place, slot, run)
        else:
            runs[:] = joined([*runs, run], 2 * step)

    # -- looking

    def seen(self, interface: str, start: int, end: int, longest: int | None = None) -> None:
        """The interface was captured, by one record or by several of which the ``longest`` took so many seconds."""
        if not interface or interface in self._known.boring:
            return
        stretches = self._seen.get(interface)
        if stretches is None:
            if self._seen_size >= STRETCHES:
                return
            stretches = self._seen[interface] = []
        if self._seen_size >= STRETCHES:
            self._compress()
            if self._seen_size >= STRETCHES:
                return
        stretches.append((start, end, end - start if longest is None else longest))
        self._seen_size += 1

    def _compress(self) -> None:
        self._seen = {interface: _joined(stretches) for interface, stretches in self._seen.items()}
        self._seen_size = sum(map(len, self._seen.values()))

    def skipped(self, interface: str, start: int, end: int) -> None:
        """Capturing skipped: a hole; of everything, when the format does not tell whose."""
        if interface in self._known.boring:
            return
        if len(self._skipped) >= STRETCHES:
            self.crowded = True
            return
        self._skipped.add((interface, start, end))

    # -- the result

    def sightings(self) -> list[Sighting]:
        """Sorted, so that the same records give the same list in whatever order they came."""
        found = []
        for place in self._places.values():
            interface, vpc, client, server, action, true, instance, task, hop, az, stray = (
                place.identity
            )
            for runs in place.slots.values():
                for first, last, asked, answered, *load, _ in joined(runs, RUN_GAP):
                    packets_in, bytes_in, packets_out, bytes_out = (
                        load if max(load) <= _MOST else [min(count, _MOST) for count in load]
                    )
                    found.append(
                        Sighting(
                            interface, vpc, client, server, action, true, instance, task, hop, az,
                            first, last, asked, answered, packets_in, bytes_in, packets_out, bytes_out, stray,
                        )
                    )  # fmt: skip
        found.sort()
        return found

    def captures(self) -> list[Capture]:
        """Sorted; what was seen joined into stretches, each hole for itself."""
        boring = self._known.boring
        for place in self._places.values():
            interface = place.identity[0]
            if interface and interface not in boring:
                stretches = self._seen.setdefault(interface, [])
                stretches += [
                    (run[0], run[1], run[8]) for runs in place.slots.values() for run in runs
                ]
        found = [
            Capture(interface, CaptureKind.SEEN, *stretch)
            for interface, stretches in self._seen.items()
            for stretch in _joined(stretches)
        ]
        found += [
            Capture(interface, CaptureKind.SKIPPED, start, end, end - start)
            for interface, start, end in self._skipped
        ]
        found.sort()
        return found


def _joined(stretches: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Stretches at most :data:`CAPTURE_JOIN` apart as one, with the longest record of any."""
    found: list[tuple[int, int, int]] = []
    for start, end, longest in sorted(stretches):
        if found and start - found[-1][1] <= CAPTURE_JOIN:
            before = found[-1]
            found[-1] = before[0], max(before[1], end), max(before[2], longest)
        else:
            found.append((start, end, longest))
    return found
