"""From stored bytes to a batch: what objects have in common wherever they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from inventory.collect.names import Named
from inventory.flowlog import content
from inventory.flowlog.fold import Folder
from inventory.model import Batch, BatchRef, BatchState

_DIGEST = 16


class Digest:
    """BLAKE2b of stored bytes, taken while they go by."""

    def __init__(self) -> None:
        self._hashed = hashlib.blake2b(digest_size=_DIGEST)

    def of(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces as they are; each is counted when it is asked for."""
        for piece in pieces:
            self._hashed.update(piece)
            yield piece

    def told(self) -> str:
        """Of what went by so far."""
        return self._hashed.hexdigest()


def concluded(
    ref: BatchRef, name: Named, folder: Folder, found: tuple[BatchState, str], digest: str
) -> Batch:
    """The batch of an object whose content was given to ``folder``; ``found`` is its state, and for people why it is not ``done``.

    What is no flow log is ``failed`` when its name is one that AWS gives to flow logs, else ``foreign``.
    """
    state, problem = found
    if state is BatchState.FOREIGN:
        if not name.by_aws:
            return Batch(ref, state, content.nothing(), problem, digest)
        state = BatchState.FAILED
    folded = folder.finish(cut=state is not BatchState.DONE)
    return Batch(
        ref, state, content.nothing() if state is BatchState.FAILED else folded, problem, digest
    )


def unread(ref: BatchRef, problem: str, state: BatchState = BatchState.FAILED) -> Batch:
    """The batch of an object of which nothing was read."""
    return Batch(ref, state, content.nothing(), problem=problem)


def too_large(ref: BatchRef, size: int) -> Batch | None:
    """The batch of an object that is too large to be read; ``None`` when it is not."""
    if size <= content.MAX_OBJECT:
        return None
    return unread(ref, f"larger than {content.MAX_OBJECT:,} bytes")
