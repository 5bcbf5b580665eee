"""What of a bucket is listed, in every layout, and when; and that a listing is whole or an error."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import pytest

from inventory.config import AccountSettings, DiscoverSettings, Settings
from inventory.errors import AwsError, AwsFault, InventoryError, SourceError
from inventory.model import DAY, HOUR, BatchState, FlowLog
from tests.s3 import front
from tests.s3.conftest import NOW, REGION, Reader, Shelf
from tests.s3.front import Play
from tests.s3.made import ACCOUNT, FLOW_LOG, archived, hive, members, plain, text

OTHER = "210987654321"
SLOT = NOW - 1200 - NOW % 300


def keys(reader: Reader, **more: object) -> list[str]:
    refs = reader.listed(**more)[1].refs  # type: ignore[arg-type] # keys of the section
    return [ref.key.removeprefix(f"{reader.shelf.bucket}/") for ref in refs]


@pytest.mark.parametrize("hourly", [False, True])
@pytest.mark.parametrize("before", ["", "a/b/c/"])
@pytest.mark.parametrize("layout", [plain, hive])
def test_what_aws_delivers_is_found(
    reader: Reader, layout: Callable[..., str], before: str, *, hourly: bool
) -> None:
    wanted = [
        layout(at, before=before, hourly=hourly, account=account, region=region)
        for at in (SLOT - DAY, SLOT)
        for account in (ACCOUNT, OTHER)
        for region in (REGION, "us-gov-west-1")
    ]
    reader.shelf.fill(dict.fromkeys(wanted, b"1"))
    refs = reader.listed(since="1d")[1].refs
    assert {ref.key for ref in refs} == {f"{reader.shelf.bucket}/{key}" for key in wanted}
    assert [ref.slot for ref in refs] == sorted(ref.slot or (0, 0) for ref in refs)
    assert {(ref.account, ref.region) for ref in refs} == {
        (account, region) for account in (ACCOUNT, OTHER) for region in (REGION, "us-gov-west-1")
    }
    assert refs[-1].slot == (SLOT, SLOT + 300)
    assert refs[-1].flow_log_id == FLOW_LOG
    assert refs[0].version == "1-c4ca4238a0b923820dcc509a6f75849b"
    own = [key for key in wanted if ACCOUNT in key.split("_")[0] and "gov" in key]
    assert keys(reader, accounts=[ACCOUNT], regions=["us-gov-west-1"], since="1d") == own


def test_the_organisations_id_may_stand_before_the_account(reader: Reader) -> None:
    key = plain(SLOT).replace("AWSLogs/", "AWSLogs/o-abc123def4/")
    reader.shelf.put(key, b"1")
    assert keys(reader) == [key]


def test_layouts_stand_side_by_side_and_one_may_be_chosen(reader: Reader) -> None:
    found = {
        "plain": plain(SLOT),
        "hive": hive(SLOT, service="service"),
        "time": archived(SLOT),
    }
    reader.shelf.fill(dict.fromkeys(found.values(), b"1"))
    assert sorted(keys(reader)) == sorted(found.values())
    for layout, key in found.items():
        assert keys(reader, layout=layout) == [key]
    assert sorted(keys(reader, layout="flat")) == sorted(found.values())
    assert keys(reader, prefix="archive/") == [found["time"]]
    assert keys(reader, prefix="arch") == [found["time"]]
    inside = plain(SLOT).partition("2026/")[0]
    assert keys(reader, prefix=inside, layout="plain") == [found["plain"]]


def test_what_is_no_flow_log_is_not_listed(reader: Reader) -> None:
    reader.shelf.fill(
        {
            plain(SLOT): b"1",
            plain(SLOT).rpartition("/")[0] + "/": b"",
            plain(SLOT).rpartition("/")[0] + "/empty": b"",
            f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/09/22/a.json.gz": b"1",
            f"AWSLogs/{ACCOUNT}/elasticloadbalancing/{REGION}/2026/09/22/b.log.gz": b"1",
            f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=elb/aws-region={REGION}/year=2026/c": b"1",
            "notes.txt": b"1",
            plain(SLOT).rpartition("/")[2]: b"1",
        }
    )
    assert keys(reader) == [plain(SLOT).rpartition("/")[2], plain(SLOT)]
    assert reader.shelf.front.count("LIST", "CloudTrail") == 0


def test_an_object_of_an_archive_has_the_time_of_its_folder(reader: Reader) -> None:
    reader.shelf.put(archived(SLOT), b"1")
    reader.shelf.put("archive/2026/09/loose", b"1")
    (ref,) = reader.listed()[1].refs
    hour = SLOT - SLOT % HOUR
    assert ref.slot == (hour - 3 * HOUR, hour + HOUR + 900)


# -- when


def test_today_every_time_yesterday_hourly_the_rest_daily(reader: Reader) -> None:
    days = [plain(SLOT - n * DAY) for n in range(4)]
    reader.shelf.fill(dict.fromkeys(days, b"1"))
    assert sorted(keys(reader)) == sorted(days)
    assert keys(reader) == [days[0]]
    reader.now += HOUR
    assert sorted(keys(reader)) == sorted(days[:2])
    reader.now += HOUR - 1
    assert keys(reader) == [days[0]]
    reader.now = NOW + DAY + HOUR
    assert sorted(keys(reader)) == sorted(days)


def test_yesterday_is_listed_until_it_is_settled(reader: Reader) -> None:
    midnight = (NOW // DAY + 1) * DAY
    reader.shelf.put(plain(midnight - 300), b"1")
    reader.now = midnight - 60
    reader.listed()
    late = plain(midnight - 300, mark="ffff")
    reader.shelf.put(late, b"2")
    for reader.now in (midnight + 60, midnight + 1500):
        assert late in keys(reader)
    reader.now = midnight + 1500 + HOUR + 900
    assert late in keys(reader)
    reader.now += 60
    assert keys(reader) == []


def test_late_siblings_of_an_old_slot_are_found(reader: Reader) -> None:
    first, late = plain(SLOT - 5 * DAY), plain(SLOT - 5 * DAY, mark="00000000")
    reader.shelf.put(first, text(SLOT - 5 * DAY))
    assert list(reader.read()) == [first]
    reader.shelf.put(late, text(SLOT - 5 * DAY + 1))
    assert list(reader.read()) == []
    reader.now += DAY
    assert list(reader.read()) == [late]


def test_a_day_with_failures_is_listed_hourly(reader: Reader) -> None:
    key = plain(SLOT - 5 * DAY)
    reader.shelf.put(key, b"rubbish")
    assert reader.read()[key].state is BatchState.FAILED
    assert keys(reader) == []
    reader.now += HOUR
    assert keys(reader) == [key]


def test_a_new_account_is_looked_back_into_at_once(reader: Reader) -> None:
    reader.shelf.put(plain(SLOT - 5 * DAY), b"1")
    reader.listed()
    new = plain(SLOT - 5 * DAY, account=OTHER)
    reader.shelf.put(new, b"1")
    assert new in keys(reader)


def test_the_look_back_and_a_chosen_range(reader: Reader) -> None:
    days = {n: plain(SLOT - n * DAY) for n in (0, 1, 5, 13, 20)}
    reader.shelf.fill(dict.fromkeys(days.values(), b"1"))
    assert sorted(keys(reader, since=None)) == sorted(days[n] for n in (0, 1, 5, 13))
    since, until = SLOT - 20 * DAY, SLOT - 20 * DAY + 1
    listing = reader.listed(since, until)[1]
    assert [ref.key for ref in listing.refs] == [f"{reader.shelf.bucket}/{days[20]}"]
    assert listing.settled == until
    assert not listing.whole
    reader.ledger.seen.clear()
    assert sorted(keys(reader, since="30d")) == sorted(days.values())


def test_a_chosen_range_leaves_the_rest_of_its_days_to_the_look_back(reader: Reader) -> None:
    inside, beside = plain(SLOT - 4 * DAY), plain(SLOT - 4 * DAY + 5 * HOUR)
    reader.shelf.fill(dict.fromkeys((inside, beside), b"1"))
    listing = reader.listed(SLOT - 4 * DAY, SLOT - 4 * DAY + 1)[1]
    assert [ref.key for ref in listing.refs] == [f"{reader.shelf.bucket}/{inside}"]
    assert sorted(keys(reader)) == sorted((inside, beside))


def test_a_record_that_ends_after_midnight_is_in_the_range_of_its_start(reader: Reader) -> None:
    midnight = NOW // DAY * DAY
    key = plain(midnight)
    reader.shelf.put(key, b"1")
    listing = reader.listed(midnight - 2 * HOUR, midnight)[1]
    assert [ref.key for ref in listing.refs] == [f"{reader.shelf.bucket}/{key}"]


def test_settled_is_the_listing_less_the_interval_and_a_quarter_of_an_hour(reader: Reader) -> None:
    reader.shelf.put(plain(SLOT), b"1")
    assert reader.listed()[1].settled == NOW - 600 - 900
    reader.ledger.flow_logs = [FlowLog(FLOW_LOG, max_aggregation_interval=60)]
    assert reader.listed()[1].settled == NOW - 60 - 900
    reader.shelf.put(plain(SLOT, flow_log="fl-0fffffff"), b"1")
    assert reader.listed()[1].settled == NOW - 600 - 900
    reader.shelf.put(archived(SLOT), b"1")
    assert reader.listed()[1].settled == NOW - 600 - 900 - 900


# -- whole, or an error


def test_many_pages_are_one_listing(reader: Reader) -> None:
    made = {plain(SLOT, mark=f"{n:08x}"): b"1" for n in range(1100)}
    reader.shelf.fill(made)
    assert sorted(keys(reader)) == sorted(made)


GARBLED: dict[str, Play] = {
    "a token that comes again": front.instead(
        b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>again</NextContinuationToken></ListBucketResult>"
    ),
    "more without a token": front.changed(
        lambda body: body.replace(b"<IsTruncated>false", b"<IsTruncated>true")
    ),
    "another count": front.changed(
        lambda body: re.sub(rb"<KeyCount>\d+<", b"<KeyCount>977<", body)
    ),
    "half the XML": front.changed(lambda body: body[: len(body) // 2]),
    "a proxy's page": front.instead(b"<html><body>Please log in</body></html>"),
    "a cut connection": front.cut,
}
REFUSED: dict[str, tuple[Play, AwsFault]] = {
    "throttled": (front.error(503, "SlowDown"), AwsFault.THROTTLED),
    "failed": (front.error(500, "InternalError"), AwsFault.UNREACHABLE),
    "denied": (front.error(403, "AccessDenied"), AwsFault.DENIED),
    "expired": (front.error(400, "ExpiredToken"), AwsFault.EXPIRED),
}
FAULTS = {name: (play, AwsFault.CORRUPT) for name, play in GARBLED.items()} | REFUSED

AS_500 = ("half the XML", "a cut connection")
"""What botocore takes for a failure of the server, and tries again itself."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("part", ["", "2026/09/22/"])
def test_a_listing_that_fails_anywhere_is_an_error(reader: Reader, fault: str, part: str) -> None:
    play, expected = FAULTS[fault]
    reader.shelf.put(plain(SLOT), b"1")
    reader.shelf.put(plain(SLOT - DAY), b"1")
    reader.shelf.front.answer("LIST", part, play, times=100)
    with pytest.raises(AwsError) as caught:
        reader.listed()
    assert caught.value.fault in {expected, *([AwsFault.UNREACHABLE] if fault in AS_500 else [])}
    assert reader.shelf.bucket in str(caught.value)
    assert not reader.ledger.seen


@pytest.mark.parametrize("fault", GARBLED)
def test_a_listing_that_was_garbled_once_is_made_again(reader: Reader, fault: str) -> None:
    made = [plain(SLOT), plain(SLOT - DAY)]
    reader.shelf.fill(dict.fromkeys(made, b"1"))
    reader.attempts = 2
    reader.shelf.front.answer("LIST", "2026/09/22/", GARBLED[fault], 2 if "again" in fault else 1)
    assert sorted(keys(reader)) == sorted(made)


def test_a_bucket_that_is_not_there(shelf: Shelf) -> None:
    shelf.bucket, reader = "nobodys-bucket", Reader(shelf)
    with pytest.raises(SourceError, match="nobodys-bucket") as caught:
        reader.source().listing(None, None)
    assert "bucket" in caught.value.hint


def test_nothing_below_the_prefix_is_an_error_that_says_what_is_there(reader: Reader) -> None:
    with pytest.raises(SourceError, match="nothing below"):
        reader.listed()
    with pytest.raises(SourceError, match="nothing below"):
        reader.listed(layout="flat")
    reader.shelf.put("AWSLogs/123456789012/CloudTrail/eu-west-1/2026/09/22/a.json.gz", b"1")
    with pytest.raises(SourceError, match="CloudTrail"):
        reader.listed()
    reader.shelf.put(plain(SLOT), b"1")
    with pytest.raises(SourceError, match="'hive'"):
        reader.listed(layout="hive")
    with pytest.raises(SourceError, match="accounts"):
        reader.listed(accounts=[OTHER])


def test_denied_says_what_to_allow_and_a_wrong_owner_is_refused(reader: Reader) -> None:
    reader.shelf.put(plain(SLOT), b"1")
    reader.listed(bucket_owner=OTHER)
    assert {one.headers.get("x-amz-expected-bucket-owner") for one in reader.shelf.front.asked} == {
        OTHER
    }
    for call in ("HEAD", "LIST"):
        reader.shelf.front.answer(call, "", front.error(403, "AccessDenied"), times=9)
    with pytest.raises(AwsError) as caught:
        reader.listed(bucket_owner=OTHER)
    assert "s3:ListBucket" in caught.value.hint
    assert "bucket_owner" in caught.value.hint


def test_a_bucket_with_too_much_to_look_into(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.collect.roots.MOST_FOLDERS", 20)
    reader.shelf.fill({f"app/{n}/x": b"1" for n in range(30)})
    with pytest.raises(InventoryError, match="more than 20 folders") as caught:
        reader.listed()
    assert "prefix" in caught.value.hint


# -- regions


def test_a_bucket_elsewhere_is_read_there_and_its_price_is_said_once(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    there = Shelf(shelf.front, f"{shelf.bucket}-far", "ap-southeast-2")
    there.put(plain(SLOT), text(SLOT))
    reader = Reader(there)
    with caplog.at_level(logging.WARNING):
        assert reader.read()[plain(SLOT)].state is BatchState.DONE
        reader.listed()
    said = [record.getMessage() for record in caplog.records if "charges" in record.getMessage()]
    assert len(said) == 1
    assert "ap-southeast-2" in said[0]
    assert "eu-west-1" in said[0]
    scopes = {
        one.headers["authorization"].split("/")[2]
        for one in shelf.front.asked
        if one.call != "HEAD"
    }
    assert scopes == {"ap-southeast-2"}


def test_it_is_asked_as_the_account_that_the_source_names(reader: Reader) -> None:
    reader.shelf.put(plain(SLOT), b"1")
    reader.settings = Settings(
        discover=DiscoverSettings(
            accounts=(
                AccountSettings(
                    id=OTHER, regions=(REGION,), role_arn=f"arn:aws:iam::{OTHER}:role/reader"
                ),
            )
        )
    )
    assert keys(reader, account=OTHER) == [plain(SLOT)]
    listed = [one for one in reader.shelf.front.asked if one.call == "LIST"]
    assert all("x-amz-security-token" in one.headers for one in listed)
    assert reader.shelf.front.count("POST") == 1


def test_a_redirect_is_followed(reader: Reader) -> None:
    reader.shelf.put(plain(SLOT), b"1")
    reader.shelf.front.answer("HEAD", "", front.error(403, "AccessDenied"))
    moved = front.error(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-central-1"})
    reader.shelf.front.answer("LIST", "", moved)
    assert keys(reader) == [plain(SLOT)]


def test_several_gzip_members_of_an_archive_are_listed_as_one(reader: Reader) -> None:
    reader.shelf.put(archived(SLOT), members("{}", "{}"))
    assert keys(reader) == [archived(SLOT)]
