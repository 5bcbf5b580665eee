"""Each fault as real botocore sees it, and as the program does: the traps stay pinned.

For the JSON services botocore takes a cut, empty or foreign body for an answer without members. So a
listing that was cut looks like one that is empty, unless somebody looks for the key.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    PaginationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from inventory.aws import Aws, Meter, Patience
from inventory.errors import AwsError, AwsFault
from tests.fakeaws.faults import FAULTS, HARMLESS, NEED_PAGES, silence, slow_body
from tests.fakeaws.serving import Served
from tests.world.plan import ACCOUNT, REGION

INTERFACES = [{"NetworkInterfaceId": f"eni-{n:017x}", "Description": ""} for n in range(7)]
SYSTEMS = [{"FileSystemId": f"fs-{n:017x}", "CreationToken": "", "Tags": []} for n in range(7)]
CLUSTERS = [f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{n}" for n in range(7)]


class Listing(NamedTuple):
    """One listing of each protocol, three pages long."""

    service: str
    method: str
    key: str
    rows: list[Any]

    @property
    def call(self) -> str:
        return f"{self.service}.{self.method.replace('_', '-')}"

    def paginated(self, timeout: float = 30) -> Any:  # noqa: ANN401 - botocore's page iterator
        once = Config(retries={"total_max_attempts": 1}, read_timeout=timeout)
        client: Any = boto3.client(self.service, config=once)  # type: ignore[call-overload]
        return client.get_paginator(self.method).paginate()


EC2 = Listing("ec2", "describe_network_interfaces", "NetworkInterfaces", INTERFACES)
EFS = Listing("efs", "describe_file_systems", "FileSystems", SYSTEMS)
ECS = Listing("ecs", "list_clusters", "clusterArns", CLUSTERS)
ALL = (EC2, EFS, ECS)


@pytest.fixture
def three_pages(fake_aws: Served) -> Served:
    fake_aws.cloud.page_size = 3
    for listing in ALL:
        fake_aws.cloud.place(ACCOUNT, REGION).put(listing.call, listing.rows)
    return fake_aws


def refused(code: str, status: int) -> Callable[[Listing], str]:
    def seen(listing: Listing) -> str:
        with pytest.raises(ClientError) as caught:
            list(listing.paginated())
        answer = caught.value.response
        assert answer["Error"]["Code"] == code
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
        return "refused"

    return seen


def raises(kind: type[Exception], timeout: float = 30) -> Callable[[Listing], str]:
    def seen(listing: Listing) -> str:
        with pytest.raises(kind):
            list(listing.paginated(timeout))
        return "raised"

    return seen


def reads(*sizes: int | None) -> Callable[[Listing], str]:
    """The sizes of the pages; ``None`` for one without the list."""

    def seen(listing: Listing) -> str:
        pages = islice(listing.paginated(), 12)
        assert [len(p[listing.key]) if listing.key in p else None for p in pages] == [*sizes]
        return "read"

    return seen


ODD = raises(ResponseParserError)
SEEN: dict[str, tuple[Callable[[Listing], str], ...]] = {
    "throttle": (
        refused("RequestLimitExceeded", 503),
        refused("ThrottlingException", 429),
        refused("ThrottlingException", 400),
    ),
    "five_hundred": (
        refused("InternalError", 500),
        refused("InternalServerError", 500),
        refused("ServerException", 500),
    ),
    "five_oh_three": (
        refused("Unavailable", 503),
        refused("ServiceUnavailableException", 503),
        refused("ServiceUnavailableException", 503),
    ),
    "balancer": (refused("503", 503),) * 3,
    "reset": (raises(ConnectionClosedError),) * 3,
    "silence": (raises(ReadTimeoutError, timeout=0.2),) * 3,
    # The trap: an answer, and the end of the listing.
    "cut_body": (ODD, reads(3, None), reads(3, None)),
    "cut_json": (ODD, reads(3, None), reads(3, None)),
    "html": (reads(3, None), reads(3, None), reads(3, None)),
    "empty_200": (ODD, reads(3, None), reads(3, None)),
    "slow_body": (reads(3, 3, 1),) * 3,
    # The trap: the page is missing in the middle.
    "missing_key": (reads(3, None, 1),) * 3,
    "denied": (
        refused("UnauthorizedOperation", 403),
        refused("AccessDeniedException", 403),
        refused("AccessDeniedException", 400),
    ),
    "expired_token": (
        refused("RequestExpired", 400),
        refused("ExpiredTokenException", 403),
        refused("ExpiredTokenException", 400),
    ),
    "unknown_key": (
        refused("AuthFailure", 401),
        refused("UnrecognizedClientException", 403),
        refused("UnrecognizedClientException", 400),
    ),
    "skewed": (
        refused("RequestExpired", 400),
        refused("InvalidSignatureException", 403),
        refused("InvalidSignatureException", 400),
    ),
    "repeated_token": (raises(PaginationError),) * 3,
    # The trap: without end.
    "circle": (reads(3, *[3] * 11),) * 3,
    "empty_page": (reads(3, 0, 3, 1),) * 3,
    # Nobody can see this.
    "dropped_page": (reads(3, 0, 1),) * 3,
}


def test_the_table_names_every_fault() -> None:
    assert SEEN.keys() == FAULTS.keys()
    assert FAULTS.keys() > NEED_PAGES | HARMLESS


@pytest.mark.parametrize("listing", ALL, ids=lambda listing: listing.service)
@pytest.mark.parametrize("fault", SEEN)
def test_botocore_sees(three_pages: Served, fault: str, listing: Listing) -> None:
    three_pages.cloud.faults.at(listing.call, fault, nth=2)
    assert SEEN[fault][ALL.index(listing)](listing)


def ids(rows: list[Any]) -> list[str]:
    keys = {"NetworkInterfaceId", "FileSystemId"}
    return [r if isinstance(r, str) else r[min(keys & r.keys())] for r in rows]


# -- the program ---------------------------------------------------------------------------------

TOLD = {
    "throttle": AwsFault.THROTTLED,
    "five_hundred": AwsFault.UNREACHABLE,
    "five_oh_three": AwsFault.UNREACHABLE,
    "balancer": AwsFault.UNREACHABLE,
    "reset": AwsFault.UNREACHABLE,
    "silence": AwsFault.UNREACHABLE,
    "cut_body": AwsFault.CORRUPT,
    "cut_json": AwsFault.CORRUPT,
    "html": AwsFault.CORRUPT,
    "empty_200": AwsFault.CORRUPT,
    "missing_key": AwsFault.CORRUPT,
    "denied": AwsFault.DENIED,
    "expired_token": AwsFault.EXPIRED,
    "unknown_key": AwsFault.DISABLED,
    "skewed": AwsFault.EXPIRED,
    "repeated_token": AwsFault.CORRUPT,
    "circle": AwsFault.CORRUPT,
}
"""What the program calls it when it stays. Of a dropped page nothing can tell."""


def asking(listing: Listing, read: float = 30) -> Callable[[], list[Any]]:
    """The listing as the program asks for it, without retries by botocore."""
    patience = Patience(read=read, attempts=1, pause=0)
    caller = Aws(patience=patience, sleep=lambda _: None).caller(None, REGION, ACCOUNT)
    return lambda: caller.listed(listing.service, listing.method, listing.key)


def told(ask: Callable[[], list[Any]]) -> AwsFault | int:
    """What the program says instead of a list, or the length of the list."""
    try:
        return len(ask())
    except AwsError as error:
        return error.fault


def test_the_program_knows_every_fault_that_can_be_known() -> None:
    assert TOLD.keys() == FAULTS.keys() - HARMLESS - {"dropped_page"}


@pytest.mark.parametrize("listing", ALL, ids=lambda listing: listing.service)
def test_a_fault_that_stays_is_never_a_list(three_pages: Served, listing: Listing) -> None:
    ask, faults = asking(listing), three_pages.cloud.faults
    cases = [(fault, nth) for fault in TOLD if fault != "silence" for nth in (1, 2, 3)]
    found = {}
    for fault, nth in cases:
        faults.clear()
        faults.always(listing.call, fault, nth=nth)
        found[fault, nth] = told(ask)
    assert found == {(fault, nth): TOLD[fault] for fault, nth in cases}


def test_silence_is_no_list(three_pages: Served) -> None:
    three_pages.cloud.faults.always(ECS.call, silence(1), nth=2)
    assert told(asking(ECS, read=0.2)) is TOLD["silence"]


@pytest.mark.parametrize("listing", ALL, ids=lambda listing: listing.service)
def test_what_passes_or_is_begun_again_is_whole(three_pages: Served, listing: Listing) -> None:
    ask, cloud = asking(listing), three_pages.cloud
    requests = {
        "slow_body": 3,
        "empty_page": 4,
        **dict.fromkeys(["cut_body", "cut_json", "html", "empty_200"], 2 + 3),
        "missing_key": 2 + 3,
    }
    for fault, number in requests.items():
        cloud.forget()
        cloud.faults.at(listing.call, slow_body(0.05) if fault == "slow_body" else fault, nth=2)
        assert ids(ask()) == ids(listing.rows), fault
        assert cloud.counts()[listing.call] == number, fault
        cloud.faults.clear()


def test_the_meter_counts_every_request_that_came(three_pages: Served) -> None:
    cloud, meter = three_pages.cloud, Meter()
    made = Aws(meter=meter, patience=Patience(attempts=3, pause=0), sleep=lambda _: None)
    caller = made.caller(None, REGION, ACCOUNT)
    for fault in ("throttle", "five_hundred", "reset", "cut_json"):
        cloud.forget()
        cloud.faults.at(ECS.call, fault, nth=2)
        assert ids(caller.listed(ECS.service, ECS.method, ECS.key)) == CLUSTERS
        cloud.faults.clear()
        (use,) = meter.take().values()
        assert use.calls == cloud.counts()[ECS.call], fault
        assert use.throttled == (fault == "throttle")


# -- when ----------------------------------------------------------------------------------------


def outcomes(number: int, **client: Any) -> str:
    """``.`` for each call that went well, ``x`` for one that did not."""
    ecs = boto3.client("ecs", config=Config(retries={"total_max_attempts": 1}), **client)
    found = ""
    for _ in range(number):
        try:
            ecs.list_clusters()
        except ClientError:
            found += "x"
        else:
            found += "."
    return found


def test_a_fault_strikes_when_and_where_it_was_told(fake_aws: Served) -> None:
    faults = fake_aws.cloud.faults
    faults.at("ecs.list-clusters", "denied", nth=2, times=2)
    assert outcomes(5) == ".xx.."
    faults.clear()
    faults.always("ecs.*", "denied", region="eu-west-1")
    assert outcomes(2) == ".."
    assert outcomes(2, region_name="eu-west-1") == "xx"
    faults.clear()
    faults.always("*", "denied", account="444455556666", nth=2)
    assert outcomes(2) == ".."
    stranger = fake_aws.cloud.key("444455556666")
    keys = {"aws_access_key_id": stranger.id, "aws_secret_access_key": stranger.secret}
    assert outcomes(3, **keys) == ".xx"


def test_faults_of_pages_pass_by_what_has_none(three_pages: Served) -> None:
    rule = three_pages.cloud.faults.at("*", "circle", nth=2)
    assert boto3.client("sts").get_caller_identity()["Account"] == ACCOUNT
    assert rule.seen == 0
    assert reads(3, *[3] * 11)(ECS)
    assert rule.seen == 12


def test_the_log_tells_what_came_in_order(three_pages: Served) -> None:
    cloud = three_pages.cloud
    cloud.now = lambda: 1_800_000_000.0
    cloud.faults.at("efs.*", "five_hundred")
    with pytest.raises(ClientError):
        list(EFS.paginated())
    list(ECS.paginated())
    came = [(a.account, a.region, a.call, a.fault, a.moment) for a in cloud.log]
    assert came == [
        (ACCOUNT, REGION, "efs.describe-file-systems", "five_hundred", 1_800_000_000.0),
        *[(ACCOUNT, REGION, "ecs.list-clusters", "", 1_800_000_000.0)] * 3,
    ]
    assert [sorted(a.parameters) for a in cloud.log] == [[], [], ["nextToken"], ["nextToken"]]
    assert cloud.counts() == {"efs.describe-file-systems": 1, "ecs.list-clusters": 3}
    cloud.forget()
    assert not cloud.log
