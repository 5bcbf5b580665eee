"""Every error that an operator may meet: what happened, to which thing, what to do next.

Anything else that escapes is a bug and keeps its traceback. ``exit_code`` is part of the public face.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class InventoryError(Exception):
    """Something a person can mend. ``str(error)`` names the thing; ``hint`` names the next step."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def told(self) -> str:
        """In one line, with what to do next."""
        return f"{self} ({self.hint})" if self.hint else str(self)


class UsageError(InventoryError):
    """Wrong arguments: an unreadable time, an ambiguous name, an empty window."""

    exit_code = 2


class ConfigError(InventoryError):
    """The configuration is missing, unreadable or wrong; names every wrong key at once."""

    exit_code = 2


class NotFoundError(InventoryError):
    """Known to no sweep and to no sighting."""

    exit_code = 3


class StoreError(InventoryError):
    """The database is unreachable, full, read-only, locked by another or not a database."""


class SchemaError(StoreError):
    """The database's schema is older (``db upgrade``) or newer (upgrade the program) than this program."""


class LockedError(StoreError):
    """Another process holds the lock; the message names the holder."""


class SourceError(InventoryError):
    """A source of flow logs cannot be read at all: a missing folder, a denied bucket."""


class SnapshotError(InventoryError):
    """The snapshots folder cannot be read at all."""


class StandstillError(InventoryError):
    """Something was tried, and nothing of it could be done; the message is the first reason."""


class StoppedError(InventoryError):
    """Given up because the program was asked to stop; nothing is lost, it is done the next time."""


class ListenError(InventoryError):
    """The address of the listener cannot be had, or its token is no good."""


class AwsFault(StrEnum):
    """Why AWS did not answer. None of them says that there is nothing."""

    DENIED = "denied"
    THROTTLED = "throttled"
    EXPIRED = "expired"
    """No credentials, credentials that are not valid any more, or a clock that is wrong."""
    DISABLED = "disabled"
    """The region is not enabled for the account."""
    UNREACHABLE = "unreachable"
    NO_ENDPOINT = "no_endpoint"
    """Nobody is where the service should be: it is not offered there, or there is no way to it."""
    CORRUPT = "corrupt"
    """An answer came that is not what AWS answers: cut, another's, without what must be there."""
    REFUSED = "refused"
    """AWS's own error of another kind; ``code`` names it."""
    BUDGET = "budget"
    """Not asked: the calls of the day are used up."""


class AwsError(InventoryError):
    """AWS did not answer a call: what is asked for is not known, which is never the same as "none"."""

    def __init__(self, fault: AwsFault, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.fault = fault
        self.code = code
        """AWS's error code, where it gave one."""


class MissingExtraError(InventoryError):
    """An optional dependency is not installed; the hint is the pip command."""

    exit_code = 2

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra '{extra}'", hint=f"pip install 'efs-mount-inventory[{extra}]'"
        )
