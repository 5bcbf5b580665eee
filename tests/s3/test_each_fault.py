"""Whatever goes wrong with whichever request: no object is done with wrong rows, and nothing is lost once it works again."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from inventory.errors import InventoryError
from inventory.model import DAY, HOUR, Batch, BatchState, Folded
from tests.conftest import Programme
from tests.s3 import front
from tests.s3.conftest import NOW, Reader
from tests.s3.front import Play, Reply, Request
from tests.s3.made import archived, envelope, hive, members, plain, text
from tests.unit.flowlog.lines import line

SLOT = NOW - 1200 - NOW % 300

Body = Callable[[bytes], bytes]


def _twice(body: bytes) -> bytes:
    """A page whose entries come twice, with the count that goes with it."""
    found = re.findall(rb"<Contents>.*?</Contents>", body, re.DOTALL)
    if not found:
        return body
    both = body.replace(found[-1], found[-1] + b"".join(found))
    return re.sub(rb"<KeyCount>\\d+<", b"<KeyCount>%d<" % (2 * len(found)), both)


def _slow(_: Request, ask: Callable[[], Reply]) -> Reply:
    time.sleep(0.2)
    return ask()


def _reset(_: Request, ask: Callable[[], Reply]) -> Reply:
    """The connection ends before a byte of the body."""
    reply = ask()
    reply.cut = 0
    return reply


ANY: Mapping[str, Play] = {
    "throttled": front.error(503, "SlowDown"),
    "limit exceeded": front.error(400, "RequestLimitExceeded"),
    "500": front.error(500, "InternalError"),
    "503": front.error(503, "ServiceUnavailable"),
    "timeout": front.error(400, "RequestTimeout"),
    "reset": _reset,
    "cut": front.cut,
    "HTML": front.instead(b"<html><body>Please log in</body></html>"),
    "empty": front.instead(b""),
    "expired": front.error(400, "ExpiredToken"),
    "skewed": front.error(403, "RequestTimeTooSkewed"),
    "denied": front.error(403, "AccessDenied"),
    "slow": _slow,
}
LIST: Mapping[str, Play] = {
    "another count": front.changed(
        lambda body: re.sub(rb"<KeyCount>\d+<", b"<KeyCount>977<", body)
    ),
    "a token that comes again": front.instead(
        b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>again</NextContinuationToken></ListBucketResult>"
    ),
    "more without a token": front.changed(
        lambda body: body.replace(b"<IsTruncated>false", b"<IsTruncated>true")
    ),
    "entries twice": front.changed(_twice),
    "not there": front.error(404, "NoSuchBucket"),
}
GET: Mapping[str, Play] = {
    "a shorter body": front.changed(lambda body: body[:-1]),
    "a damaged body": front.damaged,
    "another version": front.error(412, "PreconditionFailed"),
    "not there": front.error(404, "NoSuchKey"),
    "archived": front.error(403, "InvalidObjectState"),
    "a key that is disabled": front.error(400, "KMS.DisabledException"),
}


@dataclass
class Nth:
    """The plain answer, but for the n-th request."""

    play: Play
    nth: int
    seen: int = 0

    def __call__(self, request: Request, ask: Callable[[], Reply]) -> Reply:
        self.seen += 1
        return self.play(request, ask) if self.seen == self.nth else ask()


def filled(reader: Reader) -> None:
    """Three days in two layouts, an archive's object, so much that a day takes two pages."""
    slots = [SLOT - 300 * n for n in range(4)] + [SLOT - DAY, SLOT - 2 * DAY]
    for number, slot in enumerate(slots):
        row = line(start=slot, end=slot + 58, srcaddr=f"10.2.0.{number}")
        reader.shelf.put(plain(slot), text(slot, row))
        row = line(start=slot, end=slot + 58, srcaddr=f"10.2.1.{number}")
        reader.shelf.put(hive(slot), text(slot, row))
    rows = [line(start=SLOT, end=SLOT + 58, srcaddr=f"10.2.2.{n}") for n in range(3)]
    reader.shelf.put(archived(SLOT), members(envelope(rows)))


def facts(folded: Folded) -> tuple[object, ...]:
    return folded.sightings, folded.captures, {k: n for k, n in folded.tally.counts.items() if n}


def anew(reader: Reader) -> tuple[dict[str, Batch], str]:
    """What a first run reads, and why it found nothing to read."""
    reader.ledger.batches, reader.ledger.seen, reader.now = {}, {}, NOW
    return again(reader)


def again(reader: Reader) -> tuple[dict[str, Batch], str]:
    try:
        return reader.read(), ""
    except InventoryError as error:
        return reader.got, str(error)


def cases(requests: Mapping[str, int]) -> list[tuple[str, str, Play, int]]:
    """Which call, the fault, how it is played, and the how manieth request meets it."""
    faults = {"LIST": {**ANY, **LIST}, "GET": {**ANY, **GET}}
    return [
        (call, name, play, nth)
        for call, number in requests.items()
        for (name, play), nth in itertools.product(faults[call].items(), range(1, number + 1))
    ]


def test_each_request_with_each_fault(reader: Reader, programme: Programme) -> None:
    filled(reader)
    truth, problem = anew(reader)
    assert not problem
    assert sum(len(batch.folded.sightings) for batch in truth.values()) == 15
    requests = {call: reader.shelf.front.count(call) for call in ("LIST", "GET")}
    every = cases(requests)
    assert len(every) > 300
    struck = 0
    for call, name, play, nth in programme.cases("requests to a bucket with faults", every, 24):
        where = f"{name} at {call} {nth}"
        rule = Nth(play, nth)
        reader.shelf.front.answer(call, "", rule, times=10_000)
        reader.shelf.front.asked.clear()
        first, problem = anew(reader)
        struck += rule.seen >= nth
        assert len(reader.shelf.front.asked) < 2 * sum(requests.values()), where
        for key, batch in first.items():
            if batch.state is BatchState.DONE:
                assert facts(batch.folded) == facts(truth[key].folded), where
            else:
                assert batch.state in (BatchState.FAILED, BatchState.GONE), where
                assert batch.problem, where
                assert facts(batch.folded) == ([], [], {}), where
        if not problem:  # what was listed is what there is; nothing was passed over without a word
            assert first.keys() == truth.keys(), where
        reader.shelf.front.rules.clear()
        reader.now += DAY + HOUR  # an older day is listed once a day, one with failures hourly
        second, problem = again(reader)
        assert not problem, where
        mended = first | second
        assert {key: facts(batch.folded) for key, batch in mended.items()} == {
            key: facts(batch.folded) for key, batch in truth.items()
        }, where
    assert struck > 16
