"""What an object in any state is read as, and what faults on the way cost."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from inventory.errors import AwsError, AwsFault
from inventory.flowlog.fields import DEFAULT
from inventory.flowlog.inflate import PIECE
from inventory.model import HOUR, Batch, BatchState, Outcome
from tests.s3 import front
from tests.s3.conftest import NOW, Reader
from tests.s3.front import Play, Reply, Request
from tests.s3.made import ACCOUNT, archived, envelope, hive, members, name, plain, text
from tests.unit.flowlog.lines import KNOWN, line

SLOT = NOW - 1200 - NOW % 300
KEY = plain(SLOT)


def only(reader: Reader, **keys: object) -> Batch:
    """The one batch that is read."""
    (batch,) = reader.read(**keys).values()  # type: ignore[arg-type] # keys of the section
    return batch


def put(reader: Reader, data: bytes, key: str = KEY) -> None:
    reader.shelf.put(key, data)


def parquet(rows: list[str]) -> bytes:
    numbers = {"version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end"}
    columns = zip(*(row.split() for row in rows), strict=True)
    table = {
        field.replace("-", "_"): [int(v) if field in numbers else v for v in values]
        for field, values in zip(DEFAULT, columns, strict=True)
    }
    file = io.BytesIO()
    pl.DataFrame(table).write_parquet(file, compression="gzip")
    return file.getvalue()


def test_text_and_parquet_side_by_side(reader: Reader) -> None:
    rows = [line(start=SLOT, end=SLOT + 50), line(start=SLOT, end=SLOT + 50, dstport=443)]
    put(reader, text(SLOT, *rows))
    put(reader, parquet(rows), plain(SLOT, suffix="log.parquet"))
    put(reader, text(SLOT, line(list(reversed(DEFAULT)))), hive(SLOT))
    found = reader.read()
    assert len(found) == 3
    for key, batch in found.items():
        assert (batch.state, batch.problem) == (BatchState.DONE, ""), key
        assert len(batch.digest) == 32
        assert batch.ref.key == f"{reader.shelf.bucket}/{key}"
    counts = [
        found[KEY].folded.tally.counts,
        found[plain(SLOT, suffix="log.parquet")].folded.tally.counts,
    ]
    assert counts == [{Outcome.REQUEST: 1, Outcome.OTHER_PORT: 1}] * 2
    first, second = (
        found[key].folded.sightings for key in (KEY, plain(SLOT, suffix="log.parquet"))
    )
    assert first == second


def test_a_parquet_object_leaves_no_file_behind(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    put(reader, parquet([line(start=SLOT, end=SLOT + 50)]))
    assert only(reader).state is BatchState.DONE
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_parquet_is_said(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    put(reader, parquet([line(start=SLOT, end=SLOT + 50)]))
    batch = only(reader)
    assert batch.state is BatchState.FAILED
    assert "cannot be kept" in batch.problem


def test_the_bytes_are_those_of_the_version_that_was_listed(reader: Reader) -> None:
    put(reader, text(SLOT))
    reader.shelf.front.answer(
        "GET", "", front.after(lambda: put(reader, text(SLOT, line(packets=7))))
    )
    batch = only(reader)
    assert batch.state is BatchState.FAILED
    assert "changed since it was listed" in batch.problem
    assert not batch.folded.sightings
    again = only(reader)
    assert again.state is BatchState.DONE
    assert again.ref.version != batch.ref.version
    asked = [one.headers["if-match"] for one in reader.shelf.front.asked if one.call == "GET"]
    assert asked == [f'"{one.ref.version.partition("-")[2]}"' for one in (batch, again)]
    assert reader.read() == {}


def test_an_object_that_vanished_before_it_was_read_is_gone(reader: Reader) -> None:
    put(reader, text(SLOT))
    reader.shelf.front.answer("GET", "", front.after(lambda: reader.shelf.delete(KEY)))
    batch = only(reader)
    assert batch.state is BatchState.GONE
    assert batch.ref.slot == (SLOT, SLOT + 300)


@pytest.mark.parametrize(
    ("storage", "readable"),
    [("GLACIER", False), ("DEEP_ARCHIVE", False), ("GLACIER_IR", True), ("STANDARD_IA", True)],
)
def test_what_must_be_restored_first_is_not_asked_for(
    reader: Reader, storage: str, *, readable: bool
) -> None:
    reader.shelf.put(KEY, text(SLOT), storage=storage)
    batch = only(reader)
    assert (batch.state is BatchState.DONE) is readable
    assert ("restored" in batch.problem) is not readable
    assert (reader.read() == {}) is readable
    assert reader.shelf.front.count("GET") == readable


def test_an_archived_object_that_was_restored_is_read(reader: Reader) -> None:
    reader.shelf.put(KEY, text(SLOT))
    status = (
        b"<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>false"
        b"</IsRestoreInProgress><RestoreExpiryDate>2026-10-22T00:00:00Z</RestoreExpiryDate></RestoreStatus>"
    )
    plain_class = b"<StorageClass>STANDARD</StorageClass>"
    restored = front.changed(lambda body: body.replace(plain_class, status))
    reader.shelf.front.answer("LIST", "/22/", restored)
    assert only(reader).state is BatchState.DONE
    told = [one.headers.get("x-amz-optional-object-attributes") for one in reader.shelf.front.asked]
    assert "RestoreStatus" in told


# -- faults

TRANSIENT: dict[str, Play] = {
    "a cut body": front.cut,
    "a shorter body": front.changed(lambda body: body[:-1]),
    "a damaged body": front.damaged,
    "throttled": front.error(503, "SlowDown"),
    "failed": front.error(500, "InternalError"),
}
LASTING: dict[str, tuple[Play, str]] = {
    "denied": (
        front.error(403, "AccessDenied", "Access Denied"),
        "s3:GetObject on arn:aws:s3:::",
    ),
    "denied by the key": (
        front.error(
            403,
            "AccessDenied",
            "User: arn:aws:sts::1:role is not authorized to perform: kms:Decrypt on resource: arn",
        ),
        "allow kms:Decrypt on the key",
    ),
    "a disabled key": (front.error(400, "KMS.DisabledException"), "allow kms:Decrypt"),
    "archived": (front.error(403, "InvalidObjectState"), "restored"),
}


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_fault_that_passes_costs_nothing(reader: Reader, fault: str) -> None:
    put(reader, text(SLOT, *[line(start=SLOT, end=SLOT + 9, packets=n + 1) for n in range(500)]))
    reader.attempts = 2
    reader.shelf.front.answer("GET", "", TRANSIENT[fault])
    batch = only(reader)
    assert (batch.state, batch.problem) == (BatchState.DONE, "")
    assert batch.folded.tally.counts == {Outcome.REQUEST: 500}


@pytest.mark.parametrize("fault", [*TRANSIENT, *LASTING])
def test_a_fault_that_stays_fails_the_batch_and_no_line_of_it_counts(
    reader: Reader, fault: str
) -> None:
    put(reader, text(SLOT, *[line(start=SLOT, end=SLOT + 9, packets=n + 1) for n in range(500)]))
    play, said = LASTING[fault] if fault in LASTING else (TRANSIENT[fault], "")
    reader.shelf.front.answer("GET", "", play, times=9)
    batch = only(reader)
    assert batch.state is BatchState.FAILED
    assert said in batch.problem
    assert batch.problem
    assert not batch.folded.sightings
    assert batch.digest == ""
    reader.shelf.front.rules.clear()
    assert only(reader).state is BatchState.DONE


def test_what_looks_foreign_because_it_was_damaged_on_the_way_is_read_again(
    reader: Reader,
) -> None:
    """An archive's names promise nothing, so what looks foreign would be no hole, for ever."""
    noise = random.Random(7).randbytes(PIECE).hex()  # more than is looked at of what is foreign

    def at_its_head(request: Request, ask: Callable[[], Reply]) -> Reply:
        reply = front.damaged(request, ask)
        reply.body = b"\x00" + reply.body[1:]
        return reply

    put(reader, members(envelope([noise, line(start=SLOT, end=SLOT + 50)])), archived(SLOT))
    reader.shelf.front.answer("GET", "", at_its_head)
    batch = only(reader)
    assert (batch.state, batch.problem) == (BatchState.DONE, "")
    assert batch.folded.tally.counts[Outcome.REQUEST] == 1


def test_credentials_that_expired_are_no_fault_of_the_object(reader: Reader) -> None:
    put(reader, text(SLOT))
    reader.shelf.front.answer("GET", "", front.error(400, "ExpiredToken"), times=9)
    with pytest.raises(AwsError) as caught:
        reader.read()
    assert caught.value.fault is AwsFault.EXPIRED


def test_a_corrupt_object_is_not_asked_for_again_in_a_run(reader: Reader) -> None:
    put(reader, text(SLOT)[:-4])
    batch = only(reader)
    assert batch.state is BatchState.PARTIAL
    assert reader.shelf.front.count("GET") == 1


def test_what_is_no_flow_log_fails_under_aws_name_and_is_foreign_under_another(
    reader: Reader,
) -> None:
    put(reader, b"<html>")
    put(reader, b"<html>", KEY.rpartition("/")[0] + "/index.html")
    found = reader.read()
    assert found[KEY].state is BatchState.FAILED
    assert found[KEY.rpartition("/")[0] + "/index.html"].state is BatchState.FOREIGN


def test_the_same_bytes_under_another_key_have_one_digest(reader: Reader) -> None:
    put(reader, text(SLOT))
    put(reader, text(SLOT), plain(SLOT, before="copy/"))
    first, second = reader.read().values()
    assert first.digest == second.digest != ""


# -- archives


def test_an_archive_with_other_groups_mixed_in(reader: Reader) -> None:
    rows = [line(start=SLOT + n, end=SLOT + n + 50) for n in range(3)]
    data = members(
        envelope(rows[:2]),
        envelope(["START RequestId: 1 Version: $LATEST", "END RequestId: 1"], "/aws/lambda/f"),
        '{"messageType":"CONTROL_MESSAGE","logEvents":[]}',
    )
    put(reader, data + gzip.compress(envelope(rows[2:]).encode()), archived(SLOT))
    batch = only(reader)
    assert (batch.state, batch.problem) == (BatchState.DONE, "")
    assert batch.folded.tally.counts[Outcome.REQUEST] == 3
    assert batch.folded.tally.records == 5


def test_an_archive_of_other_groups_only_is_no_hole(reader: Reader) -> None:
    put(reader, members(envelope(["hello"], "/aws/lambda/f")), archived(SLOT))
    assert only(reader).state is BatchState.DONE


def test_an_archive_that_is_cut_is_a_hole_around_its_folder(reader: Reader) -> None:
    rows = [line(start=SLOT, end=SLOT + 50)]
    put(reader, members(envelope(rows), envelope(rows))[:-30], archived(SLOT))
    batch = only(reader)
    assert batch.state is BatchState.PARTIAL
    assert batch.folded.tally.counts[Outcome.REQUEST] >= 1
    assert batch.ref.slot is not None
    assert batch.ref.slot[0] < SLOT - HOUR < SLOT + 60 < batch.ref.slot[1]


def test_lines_without_times_do_not_take_the_time_of_an_archives_folder(reader: Reader) -> None:
    fields = ["interface-id", "srcaddr", "dstaddr", "srcport", "dstport"]
    put(reader, text(SLOT, line(fields)), archived(SLOT))
    batch = only(reader, format=" ".join(f"${{{field}}}" for field in fields))
    assert Outcome.REQUEST not in batch.folded.tally.counts


def test_reading_needs_no_listing_before(reader: Reader) -> None:
    put(reader, text(SLOT))
    (ref,) = reader.listed()[1].refs
    assert reader.source().read(ref, KNOWN).state is BatchState.DONE
    assert ref.account == ACCOUNT
    assert name(SLOT) in ref.key
