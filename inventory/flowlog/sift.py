"""The hot loop: usual records of places that are known already go straight to their place."""

from __future__ import annotations

from typing import NamedTuple

from inventory.flowlog import record, scan
from inventory.flowlog.groups import UNJOINED, Groups
from inventory.flowlog.record import Columns
from inventory.model import SLOT, Span

_TIME = 10  # digits of a time in seconds, from 2001 to 2286
_COUNT = 10  # more packets or bytes than these digits hold are judged the slower way
_PORT = 5


class Sifted(NamedTuple):
    """How many lines had the port between other values, how the usual ones ended, and the others."""

    lines: int
    requests: int
    responses: int
    strays: int
    unusual: list[bytes]


def sift(  # noqa: C901, PLR0912, PLR0915 - one long loop, for a call costs as much as most of its steps
    block: bytes, columns: Columns, groups: Groups, window: Span | None
) -> Sifted:
    """Enter the usual records among the lines that have the port between other values.

    What it enters, judging the line alone would enter likewise, only slower; the rest is returned for that.
    """
    width, srcport, dstport = columns.width, columns.srcport, columns.dstport
    key_of, numbers_of, find, port = columns.key, columns.numbers, scan.find, scan.PORT
    requests, responses = groups.requests.get, groups.responses.get
    begin, stop = window or (record.OLDEST, record.NEWEST + 1)
    oldest, newest = max(record.OLDEST, begin), min(record.NEWEST, stop - 1)
    unusual: list[bytes] = []
    lines = asked = answered = strays = position = 0
    while (hit := find(block, scan.BETWEEN, position)) >= 0:
        start = block.rfind(b"\n", position, hit) + 1 or position
        end = block.find(b"\n", hit)
        position = end + 1
        lines += 1
        line = block[start:end]
        values = line.split()
        place, request, other = None, False, b""
        if len(values) == width:
            values.append(b"-")
            source, target = values[srcport], values[dstport]
            if target == port:
                key, request, other = key_of(values), True, source
                place = requests(key) or (
                    groups.usual(key, request=True) if source != port else None
                )
            elif source == port:
                key, other = key_of(values), target
                place = responses(key) or groups.usual(key, request=False)
        if place is None:
            unusual.append(line)
            continue
        began, ended, packets, size = numbers_of(values)
        if (
            not (other + began + ended + packets + size).isdigit()
            or not len(began) == len(ended) == _TIME
            or len(packets) > _COUNT
            or len(size) > _COUNT
            or len(other) > _PORT
            or (len(other) == _PORT and other > b"65535")
            or other == port
        ):
            unusual.append(line)
            continue
        first, last = int(began), int(ended)
        if (
            not oldest <= first <= newest
            or not first <= last <= first + record.LONGEST
            or last > record.NEWEST
        ):
            unusual.append(line)
            continue
        if request:
            run = (first, last, 1, 0, int(packets), int(size), 0, 0, last - first)
        else:
            run = (first, last, 0, 1, 0, 0, int(packets), int(size), last - first)
        runs = place.slots.get(first - first % SLOT)
        if runs is None or len(runs) > UNJOINED:
            groups.add_run(place, run)
        else:
            runs.append(run)
        if place.stray:
            strays += 1
        elif request:
            asked += 1
        else:
            answered += 1
    return Sifted(lines, asked, answered, strays, unusual)
