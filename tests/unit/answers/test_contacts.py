"""How well a client is known, from hours that know it better and worse."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from inventory.answers.contacts import Contact, contacts
from inventory.answers.presences import Asked, Sight
from inventory.model import Attribution, Confidence, Method, MountHour, Owner, OwnerKind, Span
from inventory.store.mounts import MountRow

T = 1_700_000_000
HOUR = 3600
NOBODY = Attribution((), Confidence.UNKNOWN, Method.NONE, interface_id="eni-1")


def known(
    owner: str,
    confidence: Confidence = Confidence.EXACT,
    method: Method = Method.INTERFACE,
    kind: OwnerKind = OwnerKind.EC2_INSTANCE,
) -> Attribution:
    return Attribution((Owner(kind, owner),), confidence, method, interface_id="eni-1")


def hour(number: int, who: Attribution, **changes: Any) -> MountRow:
    start = T + number * HOUR
    values: dict[str, Any] = {
        "mount_target_id": "fsmt-1",
        "file_system_ids": ("fs-1",),
        "account": "1",
        "region": "r",
        "client": "10.0.3.30",
        "attribution": who,
        "hour": start,
        "first_seen": start,
        "last_seen": start + HOUR - 10,
        "requests_ok": 60,
        "responses_ok": 60,
        "rejected": 0,
        "packets_in": 9000,
        "bytes_in": 900_000,
        "packets_out": 9000,
        "bytes_out": 900_000,
        "at_mount_target": True,
        "accepted": True,
        "last_busy": start + HOUR - 10,
        "batch_id": number,
    }
    return MountRow(MountHour(**(values | changes)), possible=False, server="10.0.1.5")


def nothing(span: Span, addresses: Collection[str]) -> bool | None:
    return False


def of(*rows: MountRow) -> list[Contact]:
    end = T + 10 * HOUR
    sight = Sight([(T - HOUR, end)], 600, 1500, None)
    asked = Asked((T - HOUR, end), end, {"fsmt-1": sight}, lambda row: None, nothing)  # noqa: ARG005
    return contacts(rows, rows, asked)


def said(found: list[Contact]) -> set[tuple[str, str, str]]:
    return {(c.owners[0].id if c.owners else "", c.confidence.value, c.method.value) for c in found}


def test_a_client_is_known_as_well_as_in_the_hour_that_is_its_evidence() -> None:
    better, worse = known("i-1"), known("i-1", Confidence.INFERRED, Method.ADDRESS_LEASE)
    (found,) = of(hour(0, better), hour(1, worse))
    assert (found.confidence, found.method, found.evidence) == ("exact", "interface", 0)
    assert said(of(hour(0, worse), hour(1, worse))) == {("i-1", "inferred", "address_lease")}


def test_an_interface_named_once_lends_its_name() -> None:
    found = of(hour(0, known("i-1")), hour(1, NOBODY))
    assert said(found) == {("i-1", "exact", "interface")}


@pytest.mark.parametrize(
    "named",
    [
        (known("i-1"), known("i-2")),
        (known("i-1"), known("i-2", Confidence.INFERRED)),
        (known("f-1", kind=OwnerKind.LAMBDA_FUNCTION),),
        (known("i-1", Confidence.INFERRED),),
    ],
    ids=["changed hands", "may have changed hands", "shared", "not certain"],
)
def test_an_interface_of_several_lends_no_name(named: tuple[Attribution, ...]) -> None:
    found = of(*(hour(number, who) for number, who in enumerate(named)), hour(5, NOBODY))
    assert ("", "unknown", "none") in said(found)


def test_another_name_for_an_address_that_goes_on_is_no_beginning() -> None:
    """Who was named first may have connected, and it may have been the same client."""
    one, other = of(hour(0, known("i-1")), hour(1, known("i-2")))
    assert (one.owners[0].id, one.plain_nfs) == ("i-2", None)
    assert (other.owners[0].id, other.plain_nfs) == ("i-1", True)


def test_an_address_that_was_silent_between_begins_anew() -> None:
    one, other = of(hour(0, known("i-1")), hour(5, known("i-2")))
    assert (one.plain_nfs, other.plain_nfs) == (True, True)
