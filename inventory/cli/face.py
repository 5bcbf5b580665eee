"""What the options before the command decided, and the doors to settings, store and answers.

Everything heavy is imported when a command asks for it, so that ``--help`` waits for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.cli.times import Times, span_asked
from inventory.errors import UsageError

if TYPE_CHECKING:
    from inventory.answers import Answers
    from inventory.config import Settings
    from inventory.store import Store


def wall_clock() -> int:
    """Epoch seconds, now."""
    return int(time.time())


@dataclass
class Face:
    """One call of the program."""

    config: Path | None = None
    zone: tzinfo = UTC
    verbosity: int = 0
    clock: Callable[[], int] = field(default=wall_clock)

    @cached_property
    def settings(self) -> Settings:
        """The configuration. Raises ``ConfigError``."""
        from inventory.config import find, load

        return load(find(self.config))

    def database_url(self, text: str) -> str:
        """A database named on the command line, as the configuration reads one. Raises ``UsageError``."""
        from inventory.config import database_place, find

        folder = find(self.config).resolve().parent
        try:
            return database_place(text, folder)
        except ValueError as error:
            raise UsageError(f"URL: {error}") from error

    @contextmanager
    def store(self, *, write: bool = False) -> Iterator[Store]:
        """The configured database as it is, closed in the end: no schema is brought up to date. Raises ``StoreError``."""
        url = self.settings.database.url
        from inventory.store import Store

        with Store.open(url, write=write) as store:
            yield store

    @contextmanager
    def recorder(self) -> Iterator[Store]:
        """The configured database, to write down what is told; brought up to date, but never made: an empty one would answer "nothing"."""
        settings = self.settings
        from inventory.store import Store

        with self.store():
            pass
        with Store.opened(settings, write=True) as store:
            yield store

    @contextmanager
    def answers(self) -> Iterator[Answers]:
        """The questions, over the configured database."""
        settings = self.settings
        from inventory.answers import Answers

        with self.store() as store:
            yield Answers(store, settings)

    def span(
        self, since: str | None, until: str | None, as_of: str | None = None
    ) -> tuple[int | None, int | None]:
        """``--since`` and ``--until`` in epoch seconds; spans back count from ``as_of`` where there is one."""
        now = int(datetime.fromisoformat(as_of).timestamp()) if as_of else self.clock()
        return span_asked(since, until, now=now, zone=self.zone)

    def times(self, as_of: str | None = None) -> Times:
        """How moments are shown."""
        return Times(self.zone, as_of)
