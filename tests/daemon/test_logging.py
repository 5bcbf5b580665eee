"""What a source logs while it reads says which batch it was reading."""

from __future__ import annotations

import io
import json
import logging

from inventory.collect import Listing
from inventory.collect.reading import read_all
from inventory.model import Batch, BatchRef, BatchState, Folded, Known, Tally
from inventory.telemetry import JsonLine, bound


class Talks:
    """A source that logs as it reads."""

    name, kind = "talks", "files"

    def listing(self, since: int | None, until: int | None) -> Listing:  # noqa: ARG002 - the protocol's
        return Listing([])

    def read(self, ref: BatchRef, known: Known) -> Batch:  # noqa: ARG002 - the protocol's
        logging.getLogger("talks").warning("reading")
        return Batch(ref, BatchState.DONE, Folded([], [], Tally(), None, None, ""))


def test_source_and_batch_are_bound_in_every_thread() -> None:
    out, logger = io.StringIO(), logging.getLogger("talks")
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLine())
    logger.addHandler(handler)
    try:
        with bound(source="talks"):
            list(read_all(Talks(), [BatchRef(f"{n}.log", "1", 1) for n in range(6)], Known(), 3))
    finally:
        logger.removeHandler(handler)
    said = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {(line["source"], line["batch"]) for line in said} == {
        ("talks", f"{n}.log") for n in range(6)
    }
    assert {line["level"] for line in said} == {"warning"}
