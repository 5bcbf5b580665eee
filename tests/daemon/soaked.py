"""A daemon's process whose time is told to it: every duty is tried at each moment on standard input, and what the process holds is told."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inventory.config import parse
from inventory.daemon.duties import Duty, Ending, Roster
from inventory.daemon.work import Bench
from inventory.store import Store

PAGE = os.sysconf("SC_PAGE_SIZE")


def held() -> dict[str, int]:
    """Resident bytes, open file descriptors and threads of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "rss": pages * PAGE,
        "descriptors": len(list(Path("/proc/self/fd").iterdir())) - 1,
        "threads": threading.active_count(),
    }


def main() -> None:
    """As ``inventory.daemon`` does it, on threads of a pool, but for the scheduler: its clock could not be hurried."""
    case = json.loads(sys.stdin.readline())
    settings = parse(case["document"], folder=Path(case["folder"]), environ={})
    now = [0]
    endings: list[tuple[str, str]] = []

    def heard(duty: Duty, ending: Ending, _: float) -> None:
        endings.append((duty.name, ending.value))

    with (
        Store.opened(settings, write=True) as store,
        store.alone("run", 60),
        ThreadPoolExecutor(4) as pool,
    ):
        bench = Bench(settings, lambda: now[0], lambda: now[0], lambda: False, lambda _: None)
        duties = bench.duties(settings.sources)
        roster = Roster(store, bench.clock, bench.monotonic, lambda: False, heard, random.Random(1))
        for line in sys.stdin:
            now[0] = int(line)
            list(pool.map(roster.turn, duties))
            told = held() | {"endings": endings, "failing": [d.name for d in duties if d.failures]}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            endings.clear()
        roster.close()


if __name__ == "__main__":
    main()
