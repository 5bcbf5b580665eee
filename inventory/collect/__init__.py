"""Where flow logs are: sources, and how one is read.

A source names what it holds in units (*batches*), each of which is read as a whole and recorded in one transaction. What is read next is
what a source lists minus what the ledger says is done; a source keeps no position of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from inventory.model import Batch, BatchRef, Known


@dataclass(frozen=True, slots=True)
class Listing:
    """What a source holds."""

    refs: list[BatchRef]
    """Oldest first, whether read before or not."""
    whole: bool = True
    """Whether this is everything; else only what was looked at this time: what is missing need not be gone."""
    settled: int | None = None
    """Up to when (epoch seconds, exclusive) nothing more is to be expected, once all of ``refs`` is read: as far as answers may speak.

    ``None``: up to the newest record.
    """
    looked: Mapping[str, int] = field(default_factory=dict)
    """By part of the source (a day's folder), when it was looked at this time; kept for the next run's :class:`~.needs.Needs`."""


class Source(Protocol):
    """A place that flow logs are read from; :mod:`inventory.collect.files` is the plainest one.

    Threads may call :meth:`read` at the same time. Constructors do no I/O.
    """

    @property
    def name(self) -> str:
        """The name that the configuration gives it; ledger rows carry it."""
        ...

    @property
    def kind(self) -> str:
        """``files``, ``s3``, ``cloudwatch`` or ``athena``."""
        ...

    def listing(self, since: int | None, until: int | None) -> Listing:
        """What it holds now.

        ``since`` and ``until`` (epoch seconds, half-open) choose whole batches by the time that their name or window tells, never records;
        a batch that tells no time is always listed. Raises :class:`~inventory.errors.InventoryError` when it cannot be listed: a listing
        is never shorter than it says.
        """
        ...

    def read(self, ref: BatchRef, known: Known) -> Batch:
        """One batch, read and folded, in bounded memory.

        Never raises for what it finds: the state is ``partial`` (what came before the fault counts), ``failed`` or ``foreign`` (nothing
        of a flow log), and ``problem`` says for people what is wrong (also
        that reading needs a package that is not installed).
        """
        ...
