"""How many requests a day of reading a bucket takes: one busy VPC, and a company of 80 accounts.

Nothing is sent: the source asks a bucket in memory, by a clock that runs through a day. What is counted is what
``docs/operate/cost.md`` states.
"""

from __future__ import annotations

import argparse
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from inventory.collect.needs import Needs
from inventory.collect.reading import is_new
from inventory.collect.s3 import S3Source
from inventory.config import S3Settings, Settings
from inventory.model import DAY, HOUR, SLOT, BatchState
from inventory.resolve.topology import Topology

if TYPE_CHECKING:
    from inventory.aws import Caller

PAGE = 1000
NIGHT = 20_700 * DAY
"""Midnight before the day that is counted; the day before it is there too."""

LIST_PRICE = 0.005 / 1000
GET_PRICE = 0.0004 / 1000
"""US dollars for a request, us-east-1, S3 Standard. HEAD costs as GET does."""

Result = TypeVar("Result")


class Place(NamedTuple):
    """A flow log: where it delivers, and how often."""

    account: str
    region: str
    step: int
    """Seconds from one object to the next. A folder of fewer than 1,000 takes one LIST, whatever is in it."""


@dataclass
class InMemory:
    """What :class:`~inventory.aws.Caller` does, for a bucket whose objects appear five minutes after their slot."""

    places: list[Place]
    now: int = NIGHT
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        made = (
            (key, slot)
            for place in self.places
            for slot in range(NIGHT - DAY, NIGHT + DAY, place.step)
            for key in (_key(place, slot),)
        )
        self._lock = threading.Lock()
        self._keys, self._slots = map(list, zip(*sorted(made), strict=True))

    def ask(self, _: str, operation: str, **__: Any) -> Mapping[str, Any]:
        """Any call but a listing."""
        self.calls[operation] += 1
        return {"BucketRegion": "us-east-1"}

    def pages(
        self,
        _: str,
        operation: str,
        *,
        Prefix: str,  # noqa: N803 - S3's word
        Delimiter: str = "",  # noqa: N803 - S3's word
        **__: Any,
    ) -> Iterator[Mapping[str, Any]]:
        """A listing, as one page that counts as many."""
        folders: list[str] = []
        objects: list[dict[str, Any]] = []
        position = bisect_left(self._keys, Prefix)
        while position < len(self._keys) and self._keys[position].startswith(Prefix):
            key = self._keys[position]
            end = key.find(Delimiter, len(Prefix)) if Delimiter else -1
            if end >= 0:
                folders.append(key[: end + 1])
                position = bisect_left(self._keys, key[: end + 1] + "\U0010ffff")
                continue
            if self._slots[position] + 2 * SLOT <= self.now:
                objects.append({"Key": key, "Size": 20_000, "ETag": '"e"'})
            position += 1
        count = len(folders) + len(objects)
        with self._lock:
            self.calls[operation] += max(1, -(-count // PAGE))
        yield {
            "IsTruncated": False,
            "KeyCount": count,
            "Contents": objects,
            "CommonPrefixes": [{"Prefix": folder} for folder in folders],
        }

    def whole(self, work: Callable[[], Result]) -> Result:
        """Nothing is ever cut."""
        return work()


def _key(place: Place, slot: int) -> str:
    at = datetime.fromtimestamp(slot, UTC)
    folder = f"AWSLogs/{place.account}/vpcflowlogs/{place.region}/{at:%Y/%m/%d}/"
    return (
        f"{folder}{place.account}_vpcflowlogs_{place.region}_fl-{1:017x}_{at:%Y%m%dT%H%MZ}_0.log.gz"
    )


@dataclass
class Remembered:
    """A ledger in memory."""

    batches: dict[str, tuple[str, BatchState]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    def topology(self) -> Topology:
        """Nothing is known."""
        return Topology({})

    def done(self, _: str) -> Mapping[str, tuple[str, BatchState]]:
        """What was read."""
        return self.batches

    def looked(self, _: str) -> Mapping[str, int]:
        """What was listed when."""
        return self.seen

    def scanned(self, _: str, __: int) -> int:
        """Nothing is."""
        return 0


@dataclass
class Counted(Needs):
    """Needs that lead to the bucket in memory."""

    bucket: InMemory = field(default_factory=lambda: InMemory([]))

    def region(self) -> str:
        """Nobody tells."""
        return ""

    def caller(self, account: str, region: str) -> Caller:  # noqa: ARG002 - whoever asks, from anywhere
        """The one bucket."""
        return cast("Caller", self.bucket)


def day(places: list[Place], every: int) -> Counter[str]:
    """Requests of a day, read every so many seconds, after a day of which everything was read."""
    bucket, ledger = InMemory(places), Remembered()
    section = S3Settings.model_validate({"name": "b", "type": "s3", "bucket": "b"})
    needs = Counted(Settings(), ledger, lambda: bucket.now, lambda _: None, bucket=bucket)
    read = 0
    for bucket.now in range(NIGHT, NIGHT + DAY, every):
        if bucket.now == NIGHT + every:
            bucket.calls.clear()  # the first run looked back; it is not of the day
            read = 0
        listing = S3Source(section, needs).listing(None, None)
        ledger.seen |= listing.looked
        new = [ref for ref in listing.refs if is_new(ref, ledger.batches)]
        ledger.batches |= {ref.key: (ref.version, BatchState.DONE) for ref in new}
        read += len(new) * places[0].step // SLOT
    return bucket.calls + Counter(get_object=read)


def company() -> list[Place]:
    """80 accounts in four regions, a flow log in each; an object an hour stands for the twelve that there are."""
    regions = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
    return [
        Place(f"{account:012}", region, HOUR)
        for account in range(100_000_000_001, 100_000_000_081)
        for region in regions
    ]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--whole", action="store_true", help="the company every 15 and 5 minutes, too"
    )
    chosen = parser.parse_args()
    vpc = [Place("123456789012", "eu-central-1", SLOT)]
    cases = [("one VPC", vpc, 300), ("80 accounts, 320 places", company(), HOUR)]
    if chosen.whole:
        cases += [("80 accounts, 320 places", company(), every) for every in (900, 300)]
    print(f"{'':26}{'every':>7}{'LIST':>9}{'GET':>9}{'HEAD':>6}{'US$ a day':>11}")
    for name, places, every in cases:
        calls = day(places, every)
        listed, read, asked = (
            calls[call] for call in ("list_objects_v2", "get_object", "head_bucket")
        )
        price = listed * LIST_PRICE + (read + asked) * GET_PRICE
        print(f"{name:26}{every // 60:>5} m{listed:>9,}{read:>9,}{asked:>6,}{price:>11.3f}")


if __name__ == "__main__":
    main()
