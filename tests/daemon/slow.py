"""The program with a source whose batches take as long as a test wants: ``slow.py CONFIG``; the rest by environment.

Each reading of a batch is written to the file ``SLOW_TOLD``, with the number of the process. ``SLOW_SECONDS`` is how long one takes,
``SLOW_BATCHES`` how many there are. ``SLOW_GRACE`` and ``SLOW_PATIENCE`` shorten what the program waits for.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from inventory import cli, daemon
from inventory.collect import Listing, choosing
from inventory.model import Batch, BatchRef, BatchState, Folded, Known, Outcome, Tally

TOLD = Path(os.environ["SLOW_TOLD"])


class Slow:
    """Batches of one record each."""

    kind = "files"

    def __init__(self, name: str) -> None:
        self.name = name

    def listing(self, since: int | None, until: int | None) -> Listing:  # noqa: ARG002 - the protocol's
        return Listing(
            [
                BatchRef(f"{self.name}/{number:03}", "1", 100)
                for number in range(int(os.environ.get("SLOW_BATCHES", "1")))
            ]
        )

    def read(self, ref: BatchRef, known: Known) -> Batch:  # noqa: ARG002 - the protocol's
        with TOLD.open("a") as told:
            told.write(f"{os.getpid()} {ref.key}\n")
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        folded = Folded([], [], Tally({Outcome.NODATA: 1}), 1_762_179_600, 1_762_179_600, "")
        return Batch(ref, BatchState.DONE, folded, "", digest=ref.key)


if __name__ == "__main__":
    choosing.SOURCES["files"] = lambda section, _: Slow(section.name)  # type: ignore[index]
    daemon.GRACE = float(os.environ.get("SLOW_GRACE", "9"))
    setattr(daemon, "PATIENCE", float(os.environ.get("SLOW_PATIENCE", "60")))  # noqa: B010 - imported there
    sys.exit(cli.run(["--config", sys.argv[1], "run"]))
