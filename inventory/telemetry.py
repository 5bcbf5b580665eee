"""Logging for the command line: one line a record, to stderr, with nothing in it that a terminal would obey."""

from __future__ import annotations

import logging
import sys
import unicodedata
from functools import lru_cache
from typing import TextIO

_CHATTY = ("botocore", "boto3", "urllib3", "s3transfer")
"""Never below INFO: botocore's debug lines hold session tokens."""


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


class OneLine(logging.Formatter):
    """``level: message``, on one line whatever the message holds; a traceback follows as lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line = f"{record.levelname.lower()}: {printable(record.getMessage())}"
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            line = "\n".join([line, *(f"  {printable(each)}" for each in trace)])
        return line


_NOISY = ("alembic",)
"""Of interest below ``-vv`` only from WARNING on: they tell their own steps at INFO."""

_TOLD_ELSEWHERE = ("botocore.credentials",)
"""Of interest with ``-vv`` only: they warn with a traceback of what then comes back as an error that we tell."""


def configure(verbosity: int, stream: TextIO | None = None) -> None:
    """Set up logging: ``verbosity`` -1 errors, 0 warnings, 1 information, 2 and more everything. Calling again replaces it."""
    level = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}.get(
        max(-1, verbosity), logging.DEBUG
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(OneLine())
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
