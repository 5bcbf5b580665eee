"""What calls rest on: the budget, endpoints, and what is said of an error."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    PaginationError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from inventory.aws import Aws, Meter, Patience, call_name, has_no_name
from inventory.aws.faults import translated
from inventory.aws.sessions import refuse_open_endpoints
from inventory.errors import AwsError, AwsFault, ConfigError

KEY = ("111122223333", "eu-central-1", "ec2.describe-vpcs")


def test_calls_are_spelled_as_the_cli_does() -> None:
    assert call_name("ec2", "describe_vpcs") == call_name("ec2", "DescribeVpcs") == KEY[2]


def test_every_request_counts_and_is_taken_once() -> None:
    meter = Meter()
    meter.count(KEY)
    meter.count(KEY)
    meter.count(KEY, throttled=True)
    (use,) = meter.take().values()
    assert (use.calls, use.throttled) == (2, 1)
    assert meter.take() == {}


def test_the_budget_of_a_day_counts_what_was_used_before_and_not_who_we_are() -> None:
    meter = Meter(limit=3, used=1)
    for _ in range(5):
        meter.count(("", "", "sts.get-caller-identity"))
    meter.check(KEY)
    meter.count(KEY)
    meter.count(KEY)
    with pytest.raises(AwsError, match="max_calls_per_day") as caught:
        meter.check(KEY)
    assert caught.value.fault is AwsFault.BUDGET
    meter.check(("", "", "sts.get-caller-identity"))


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:4566", "http://aws.example.com", "http://127.0.0.1.example.com"]
)
def test_signed_requests_go_to_no_open_endpoint(url: str) -> None:
    with pytest.raises(ConfigError, match="without TLS"):
        refuse_open_endpoints({"AWS_ENDPOINT_URL_EC2": url})


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1", "http://127.0.0.1:4566", "http://localhost:1", "http://[::1]:1"]
)
def test_a_closed_one_or_one_on_this_machine_is_fine(url: str) -> None:
    refuse_open_endpoints({"AWS_ENDPOINT_URL": url, "OTHER": "http://10.0.0.1"})


def client_error(code: str, status: int = 400, operation: str = "DescribeVpcs") -> ClientError:
    metadata = {"HTTPStatusCode": status}
    return ClientError(
        {"Error": {"Code": code, "Message": "secret-token"}, "ResponseMetadata": metadata},  # type: ignore[typeddict-item]
        operation,
    )


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (client_error("UnauthorizedOperation"), AwsFault.DENIED),
        (client_error("AccessDeniedException"), AwsFault.DENIED),
        (client_error("RequestLimitExceeded", 503), AwsFault.THROTTLED),
        (client_error("ThrottlingException"), AwsFault.THROTTLED),
        (client_error("ExpiredToken"), AwsFault.EXPIRED),
        (client_error("SignatureDoesNotMatch", 403), AwsFault.EXPIRED),
        (client_error("AuthFailure", 401), AwsFault.DISABLED),
        (client_error("InternalError", 500), AwsFault.UNREACHABLE),
        (client_error("503", 503), AwsFault.UNREACHABLE),
        (client_error("FileSystemNotFound", 404), AwsFault.REFUSED),
        (NoCredentialsError(), AwsFault.EXPIRED),
        (PaginationError(message="x"), AwsFault.CORRUPT),
        (ResponseParserError("x"), AwsFault.CORRUPT),
        (ConnectionClosedError(endpoint_url="https://x"), AwsFault.UNREACHABLE),
        (ReadTimeoutError(endpoint_url="https://x"), AwsFault.UNREACHABLE),
        (EndpointConnectionError(endpoint_url="https://x"), AwsFault.NO_ENDPOINT),
    ],
)
def test_every_error_has_its_fault_and_tells_no_secret(error: Exception, fault: AwsFault) -> None:
    told = translated(error, "ec2.describe-vpcs", "111122223333")
    assert told.fault is fault
    assert "secret-token" not in f"{told} {told.hint}"


@pytest.mark.parametrize("number", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_a_name_that_is_not_there_is_told_from_no_answer(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "no")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    aws = Aws(patience=Patience(attempts=1), sleep=lambda _: None)
    with pytest.raises(AwsError) as caught:
        aws.caller(None, "eu-north-1").ask("bedrock-agentcore-control", "list_agent_runtimes")
    assert caught.value.fault is AwsFault.NO_ENDPOINT
    assert has_no_name(caught.value) is (number == socket.EAI_NONAME)


def test_a_role_that_cannot_be_assumed_is_told_as_that() -> None:
    told = translated(client_error("AccessDenied", 403, "AssumeRole"), "ec2.describe-vpcs", "")
    assert "sts.assume-role" in str(told)


def test_a_bug_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ParamValidationError):
        translated(ParamValidationError(report="x"), "ec2.describe-vpcs", "")


def test_a_region_is_asked_for_only_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert Aws().region() == ""
    with pytest.raises(ConfigError, match="no region"):
        Aws().region(needed=True)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert Aws().region(needed=True) == "eu-west-3"


def test_services_and_partitions_are_told_by_botocores_own_lists() -> None:
    aws = Aws()
    assert aws.offered("ec2", "eu-central-1") is True
    assert aws.offered("ec2", "eu-nowhere-9") is False
    assert aws.offered("s3files", "eu-central-1") is None
    assert [aws.partition(r) for r in ("eu-central-1", "cn-north-1", "us-gov-west-1")] == [
        "aws",
        "aws-cn",
        "aws-us-gov",
    ]
    assert aws.knows("ec2", "DescribeNetworkInterfaces", "Filters")
    assert not aws.knows("ec2", "DescribeNetworkInterfaces", "Nonsense")
    assert not aws.knows("nonsense", "DescribeNothing")


def test_a_configuration_that_is_garbled_is_told_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_text("[default\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    with pytest.raises(ConfigError, match=re.escape(str(file))):
        Aws()
