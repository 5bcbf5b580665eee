"""How AWS says no: an error, and its code in each service's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RefusalError(Exception):
    """An error answer."""

    code: str
    message: str = ""
    status: int = 400
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More members of the error, such as ``ErrorCode``."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


REASONS: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "denied": {
        "": (400, "AccessDeniedException"),
        "rest-json": (403, "AccessDeniedException"),
        "ec2": (403, "UnauthorizedOperation"),
        "sts": (403, "AccessDenied"),
        "s3": (403, "AccessDenied"),
    },
    "expired": {
        "": (400, "ExpiredTokenException"),
        "rest-json": (403, "ExpiredTokenException"),
        "ec2": (400, "RequestExpired"),
        "sts": (403, "ExpiredToken"),
        "s3": (400, "ExpiredToken"),
    },
    "unknown_key": {
        "": (400, "UnrecognizedClientException"),
        "rest-json": (403, "UnrecognizedClientException"),
        "ec2": (401, "AuthFailure"),
        "sts": (403, "InvalidClientTokenId"),
        "s3": (403, "InvalidAccessKeyId"),
    },
    "skewed": {
        "": (400, "InvalidSignatureException"),
        "rest-json": (403, "InvalidSignatureException"),
        "ec2": (400, "RequestExpired"),
        "sts": (403, "SignatureDoesNotMatch"),
        "s3": (403, "RequestTimeTooSkewed"),
    },
    "throttled": {
        "": (400, "ThrottlingException"),
        "rest-json": (429, "ThrottlingException"),
        "ec2": (503, "RequestLimitExceeded"),
        "lambda": (429, "TooManyRequestsException"),
        "account": (429, "TooManyRequestsException"),
        "organizations": (400, "TooManyRequestsException"),
        "athena": (400, "TooManyRequestsException"),
        "sts": (400, "Throttling"),
        "s3": (503, "SlowDown"),
    },
    "failed": {
        "": (500, "InternalServerException"),
        "ec2": (500, "InternalError"),
        "ecs": (500, "ServerException"),
        "eks": (500, "ServerException"),
        "lambda": (500, "ServiceException"),
        "efs": (500, "InternalServerError"),
        "fsx": (500, "InternalServerError"),
        "sts": (500, "InternalFailure"),
        "s3": (500, "InternalError"),
    },
    "unavailable": {
        "": (503, "ServiceUnavailableException"),
        "ec2": (503, "Unavailable"),
        "sts": (503, "ServiceUnavailable"),
        "s3": (503, "ServiceUnavailable"),
    },
    "invalid": {
        "": (400, "ValidationException"),
        "ec2": (400, "InvalidParameterValue"),
        "ecs": (400, "InvalidParameterException"),
        "eks": (400, "InvalidParameterException"),
        "efs": (400, "BadRequest"),
        "fsx": (400, "BadRequest"),
        "lambda": (400, "InvalidParameterValueException"),
        "logs": (400, "InvalidParameterException"),
        "athena": (400, "InvalidRequestException"),
        "glue": (400, "InvalidInputException"),
        "cloudwatch": (400, "ValidationError"),
        "organizations": (400, "InvalidInputException"),
        "sts": (400, "ValidationError"),
        "s3": (400, "InvalidArgument"),
    },
    "missing": {"ec2": (400, "MissingParameter")},
    "unknown_parameter": {"ec2": (400, "UnknownParameter")},
    "combination": {"ec2": (400, "InvalidParameterCombination")},
    "token": {
        "ec2": (400, "InvalidNextToken"),
        "cloudtrail": (400, "InvalidNextTokenException"),
    },
    "page_size": {"cloudtrail": (400, "InvalidMaxResultsException")},
}
"""By reason the status and code of a service, else of its protocol, else ``""``: what is not here is
what ``invalid`` is."""


def refusal(reason: str, service: str, style: str, message: str) -> RefusalError:
    """A refusal for one of :data:`REASONS`, as a service words it."""
    for words in (REASONS[reason], REASONS["invalid"]):
        for name in (service, style, ""):
            if name in words:
                status, code = words[name]
                extra = {"ErrorCode": code} if service == "efs" else {}
                return RefusalError(code, message, status, extra)
    raise AssertionError(reason)
