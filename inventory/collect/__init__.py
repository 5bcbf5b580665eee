"""Where flow logs are: sources, and how one is read.

A source names what it holds in units (*batches*), each of which is read as a whole and recorded in one transaction. What is read next is
what a source lists minus what the ledger says is done; a source keeps no position of its own.
"""

from __future__ import annotations

from typing import Protocol

from inventory.model import Batch, BatchRef, Known


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

    def batches(self, since: int | None, until: int | None) -> list[BatchRef]:
        """Everything that it holds now, oldest first, whether read before or not.

        ``since`` and ``until`` (epoch seconds, half-open) choose whole batches by the time that their name or window tells, never records;
        a batch that tells no time is always listed. Raises :class:`~inventory.errors.SourceError` when it cannot be listed: a listing is
        whole or it is an error, never a shorter one.
        """
        ...

    def read(self, ref: BatchRef, known: Known) -> Batch:
        """One batch, read and folded, in bounded memory.

        Never raises for what it finds: the state is ``partial`` (what came before the fault counts), ``failed`` or ``foreign`` (nothing
        of a flow log), and ``problem`` says for people what is wrong (also
        that reading needs a package that is not installed).
        """
        ...
