"""Why AWS did not answer: botocore's exceptions to :class:`~inventory.errors.AwsError`, for people.

No message holds a header, a parameter or a credential.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PaginationError,
    ParamValidationError,
    PartialCredentialsError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError

from inventory.errors import AwsError, AwsFault

_DENIED = ("AccessDenied", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError")
_THROTTLED = (
    "Throttl",
    "RequestLimitExceeded",
    "TooManyRequests",
    "RequestThrottled",
    "SlowDown",
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
)
_EXPIRED = (
    "ExpiredToken",
    "RequestExpired",
    "InvalidSignature",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
)
_DISABLED = (
    "AuthFailure",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "OptInRequired",
    "SubscriptionRequired",
)


def call_name(service: str, operation: str) -> str:
    """How the AWS CLI spells a call: ``ec2.describe-network-interfaces``."""
    return f"{service}.{xform_name(operation, '-').replace('_', '-')}"


@contextmanager
def translating(call: str, account: str) -> Iterator[None]:
    """Let what botocore raises come out as ``AwsError``."""
    try:
        yield
    except (BotoCoreError, ClientError, HTTPClientError, ResponseParserError) as error:
        raise translated(error, call, account) from error


def translated(error: Exception, call: str, account: str) -> AwsError:
    """What went wrong, for people. Never holds a header, a parameter or a credential."""
    if isinstance(error, ClientError):
        return _refused(error, call, account)
    if isinstance(error, NoCredentialsError | CredentialRetrievalError | PartialCredentialsError):
        return no_credentials()
    if isinstance(error, PaginationError):
        return corrupt(call, "the same page token twice")
    if isinstance(error, ResponseParserError | ResponseStreamingError):
        return corrupt(call, "an answer that was cut or garbled")
    if isinstance(error, ParamValidationError):
        raise error  # a bug of ours keeps its traceback
    nowhere = isinstance(error, EndpointConnectionError)
    return AwsError(
        AwsFault.NO_ENDPOINT if nowhere else AwsFault.UNREACHABLE,
        f"{call}: AWS cannot be reached ({type(error).__name__})",
        hint="check the network, the region and AWS_ENDPOINT_URL",
    )


def has_no_name(error: AwsError) -> bool:
    """Whether a name server said that an endpoint's name is not there: nothing is offered under it. No answer is no such word."""
    found = error.__cause__
    if isinstance(found, EndpointConnectionError):
        found = found.kwargs.get("error")
    while found is not None and not isinstance(found, socket.gaierror):
        found = found.__cause__
    return found is not None and found.errno in _NO_NAME


_NO_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def is_throttling(code: str) -> bool:
    """Whether an error code says "too many calls"."""
    return code.startswith(_THROTTLED)


def code_of(parsed: object) -> str:
    """The error code of a parsed answer; ``""`` when it is none."""
    error = parsed.get("Error") if isinstance(parsed, Mapping) else None
    return str(error.get("Code", "")) if isinstance(error, Mapping) else ""


def _refused(error: ClientError, call: str, account: str) -> AwsError:
    code = code_of(error.response)
    operation = call_name("", error.operation_name).lstrip(".")
    asked = call if operation == call.rpartition(".")[2] else f"{call} (sts.{operation})"
    for fault, codes, told, hint in _FAULTS:
        if code.startswith(codes):
            where = f" in account {account}" if account else ""
            return AwsError(fault, f"{asked}: {told}{where} ({code})", hint=hint, code=code)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if not code or code.isdigit() or status >= 500:  # noqa: PLR2004 - HTTP's own line between client's and server's fault
        return AwsError(
            AwsFault.UNREACHABLE,
            f"{asked}: AWS failed ({code or status})",
            hint="it is tried again with the next sweep",
            code=code,
        )
    return AwsError(AwsFault.REFUSED, f"{asked}: AWS refused it ({code})", code=code)


_FAULTS = (
    (
        AwsFault.DENIED,
        _DENIED,
        "not allowed",
        "allow it in the policy of the role or user that is used there",
    ),
    (AwsFault.THROTTLED, _THROTTLED, "throttled, and again after every retry", "it is tried again"),
    (
        AwsFault.EXPIRED,
        _EXPIRED,
        "the credentials have expired, or this machine's clock is wrong",
        "renew the credentials; compare the clock",
    ),
    (
        AwsFault.DISABLED,
        _DISABLED,
        "the region is not enabled, or the credentials are not valid there",
        "take the region out of the configuration, or enable it",
    ),
)


def corrupt(call: str, what: str) -> AwsError:
    """An answer that is none of AWS's."""
    return AwsError(
        AwsFault.CORRUPT,
        f"{call}: AWS, or something on the way, sent {what}",
        hint="it is tried again; if it stays, look for a proxy that answers in AWS's name",
    )


def no_credentials(profile: str = "") -> AwsError:
    """Nobody to ask as."""
    where = f" for the profile {profile!r}" if profile else ""
    return AwsError(
        AwsFault.EXPIRED,
        f"there are no AWS credentials{where}",
        hint="give an instance profile, a profile, or AWS_ACCESS_KEY_ID and its relatives",
    )
