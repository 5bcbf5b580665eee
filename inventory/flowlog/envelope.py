"""Flow log records wrapped in JSON: CloudWatch subscription envelopes, answers of FilterLogEvents, Firehose ``{"message": …}`` lines.

Documents may stand on lines of their own, or follow each other without anything between, as Firehose writes them.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from inventory.flowlog.fold import Folder

MAX_DOCUMENT = 16 * 2**20
"""Characters of the longest document: a subscription delivers at most 1 MB compressed."""

_STREAM = re.compile(r"eni-[0-9a-f]+")
_NEARLY_THE_END = (
    8  # a literal or an escape that the end of the text cuts is reported where it begins
)


class Unwrapping:
    """Takes a text of JSON documents in chunks and gives each log event in them to a :class:`~.fold.Folder`."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._json = json.JSONDecoder()
        self._text = ""
        self._wanted = 0
        self.recognised = False
        """Whether any document was one that can hold log events."""
        self.problem = ""
        """For people: why reading stopped early."""

    def feed(self, chunk: bytes) -> None:
        """The next bytes."""
        if not self.problem:
            self._text += self._decoder.decode(chunk)
            # a document that was incomplete is tried again only when there is much more of it: never more than twice the work
            if len(self._text) >= self._wanted:
                self._documents(end=False)

    def finish(self) -> None:
        """There is no more."""
        if not self.problem:
            self._text += self._decoder.decode(b"", final=True)
            self._documents(end=True)
        self._text = ""

    def _documents(self, *, end: bool) -> None:
        text, position = self._text, 0
        while True:
            while position < len(text) and text[position] in " \t\r\n,":
                position += 1
            if position >= len(text):
                break
            try:
                document, position = self._json.raw_decode(text, position)
            except (ValueError, RecursionError) as error:
                if not end and _incomplete(error, len(text)):
                    break
                if end and _incomplete(error, len(text)):
                    self.problem = "cut: the last JSON document ends early"
                newline = text.find("\n", position)
                stop = len(text) if newline < 0 else newline
                self._folder.refuse(
                    "no JSON document",
                    text[position : min(stop, position + 200)].encode("utf-8", "replace"),
                )
                position = stop
            else:
                self._document(document)
        self._text = text[position:]
        self._wanted = 2 * len(self._text)
        if len(self._text) > MAX_DOCUMENT:
            self.problem = f"a JSON document of more than {MAX_DOCUMENT // 2**20} MiB"
            self._text = ""

    def _document(self, document: Any) -> None:  # noqa: ANN401 - JSON
        for one in document if isinstance(document, list) else [document]:
            if not isinstance(one, dict):
                continue
            if isinstance(one.get("message"), str):
                self._events([one], "")
            elif one.get("messageType") == "CONTROL_MESSAGE":
                self.recognised = True
            else:
                events = one.get("logEvents", one.get("events"))
                if isinstance(events, list):
                    stream = _STREAM.match(str(one.get("logStream", "")))
                    self._events(events, stream.group() if stream else "")

    def _events(self, events: list[Any], interface: str) -> None:
        self.recognised = True
        for event in events:
            message = event.get("message") if isinstance(event, dict) else None
            if not isinstance(message, str):
                self._folder.refuse(
                    "a log event without message", str(event)[:200].encode("utf-8", "replace")
                )
                continue
            own = _STREAM.match(str(event.get("logStreamName", "")))
            stamp = event.get("timestamp")
            seconds = stamp // 1000 if isinstance(stamp, int) else None
            self._folder.event(
                message.encode("utf-8", "replace"), seconds, own.group() if own else interface
            )


def _incomplete(error: Exception, size: int) -> bool:
    """Whether the document may only lack its end."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or size - error.pos < _NEARLY_THE_END
