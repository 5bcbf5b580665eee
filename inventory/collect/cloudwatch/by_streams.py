"""``method = "streams"``: the records of a window, one by one, by FilterLogEvents."""

from __future__ import annotations

from collections.abc import Iterator

from inventory.aws import Caller
from inventory.collect.cloudwatch.reading import Reading, Task
from inventory.collect.cloudwatch.streams import Event, Pace, Streams, interface_of
from inventory.collect.needs import Needs
from inventory.errors import AwsError
from inventory.flowlog.choice import Choice
from inventory.flowlog.fold import Folder
from inventory.flowlog.format import AUTO, DEFAULT_FORMAT
from inventory.flowlog.record import Malformed
from inventory.model import Folded


class ByStreams:
    """Reads windows by their events. Shared by threads."""

    def __init__(self, caller: Caller, needs: Needs) -> None:
        self._streams = Streams(caller, Pace(needs.sleep))

    def read(self, task: Task, reading: Reading) -> Folded:
        """See :class:`~.reading.Method`."""
        choice = Choice(task.formats) if len(task.formats) > 1 else None
        only = task.formats[0].text if choice is None else AUTO
        stated = (
            AUTO if only == DEFAULT_FORMAT.text else only
        )  # then what is not in it is not read as if it were
        folder = Folder(stated, task.known, slot=None, window=task.window)
        doubtful = 0
        for event in self._events(task):
            message = str(event["message"]).encode("utf-8", "replace")
            if choice is not None:
                try:
                    columns = choice.of(message)
                except Malformed as reason:
                    folder.refuse(str(reason), message)
                    doubtful += 1
                    continue
                if columns is None:
                    folder.refuse("in none of the formats that deliver to this log group", message)
                    continue
                folder.read_as(columns)
            stamp = event.get("timestamp")
            seconds = stamp // 1000 if isinstance(stamp, int) else None
            folder.event(message, seconds, interface_of(str(event.get("logStreamName", ""))))
        if doubtful:
            reading.problems.append(
                f"{doubtful:,} records read differently in two formats that deliver here (give the source the `format` that counts)"
            )
        if folder.crowded:
            reading.problems.append("more SKIPDATA records than can be kept")
        return folder.finish()

    def mended(self, task: Task, error: AwsError) -> bool:
        """See :class:`~.reading.Method`: a log stream that was deleted is not asked for again."""
        if error.code != "ResourceNotFoundException":
            return False
        self._streams.forget(task.group.name)
        return True

    def _events(self, task: Task) -> Iterator[Event]:
        if task.everybody:
            return self._streams.matching(task.group, task.window)
        names = self._streams.names(task.group, task.interfaces)
        return self._streams.events(task.group, task.window, names)
