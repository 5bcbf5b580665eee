"""Logging: one line a record, to stderr, with nothing in it that a terminal would obey.

The standard library's: SQLAlchemy, Alembic, boto3 and APScheduler log by it anyway, and what is bound to a record is one filter.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

_CHATTY = ("botocore", "boto3", "urllib3", "s3transfer", "httpcore")
"""Never below INFO: botocore's debug lines hold session tokens, httpcore's the cookies of an answer."""


@lru_cache(maxsize=4096)
def _escaped(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 - what two hexadecimal digits hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - what four hold


def printable(text: str) -> str:
    r"""Text that may come from anybody, safe for a terminal, a log and a plain-text file.

    Every character of a Unicode category C (control, bidirectional marks, surrogates, private, unassigned), every line and
    paragraph separator becomes ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN``. Tags and descriptions can be written by whoever may tag a
    resource (CVE-2021-25743). This is the only function that does this; whatever is shown goes through it.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(each)
        if (category := unicodedata.category(each))[0] == "C" or category in {"Zl", "Zp"}
        else each
        for each in text
    )


# -- what every record of some work carries ----------------------------------------------------------------------------------------------

_BOUND: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("bound", default=())


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Every record that this thread logs inside of the block carries these fields: the duty, the source, the batch."""
    token = _BOUND.set((*_BOUND.get(), *fields.items()))
    try:
        yield
    finally:
        _BOUND.reset(token)


_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Names and passwords in URLs.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,30}://)[^\s/@'\"]*:[^\s@'\"]*@"), r"\1***@"),
    # Headers, parameters and keys, as boto3, urllib3 and libpq write them.
    (
        re.compile(
            r"(?i)\b(authorization|x-amz-security-token|x-amz-signature|x-amz-credential|aws_secret_access_key|aws_session_token"
            r"|secret_?access_?key|session_?token|external_?id|password|token)(['\"]?\s*[:=]\s*(?:[bu](?=['\"]))?)"
            r"('[^']*'|\"[^\"]*\"|(?:Bearer\s+|Basic\s+)?[^\s,;&'\"}]+)"
        ),
        r"\1\2***",
    ),
    # Ids of access keys.
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b"), r"\1***"),
)


def without_secrets(text: str) -> str:
    """Text of whoever logs, without what looks like a password, a token or an access key: the last door, not the first."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class OneLine(logging.Formatter):
    """``level: message``, on one line whatever the message holds; a traceback follows as lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line = f"{record.levelname.lower()}: {printable(without_secrets(record.getMessage()))}"
        if record.exc_info:
            trace = without_secrets(self.formatException(record.exc_info)).splitlines()
            line = "\n".join([line, *(f"  {printable(each)}" for each in trace)])
        return line


class JsonLine(logging.Formatter):
    """One JSON object a line: time, level, logger, message, what is :func:`bound`, and the traceback of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record; ASCII, so that no character can do anything to whoever looks at it."""
        said: dict[str, Any] = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3]
            + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            **{name: without_secrets(value) for name, value in _BOUND.get()},
        }
        if record.exc_info:
            said["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(said)


_NOISY = ("alembic",)
"""Of interest below ``-vv`` only from WARNING on: they tell their own steps at INFO."""

_TOLD_ELSEWHERE = ("botocore.credentials", "apscheduler")
"""Of interest with ``-vv`` only: they warn with a traceback of what then comes back as an error that we tell, or of what is meant to be."""


def configure(verbosity: int, stream: TextIO | None = None, *, json_lines: bool = False) -> None:
    """Set up logging: ``verbosity`` -1 errors, 0 warnings, 1 information, 2 and more everything. Calling again replaces it."""
    level = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}.get(
        max(-1, verbosity), logging.DEBUG
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLine() if json_lines else OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
    for name in _NOISY:
        quiet = level > logging.DEBUG
        logging.getLogger(name).setLevel(max(level, logging.WARNING) if quiet else level)
    for name in _TOLD_ELSEWHERE:
        logging.getLogger(name).setLevel(logging.CRITICAL if level > logging.DEBUG else level)
