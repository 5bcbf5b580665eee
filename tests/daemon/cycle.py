"""A full cycle of the daemon in a child process that dies where it is told to.

From an empty database: its making, a live sweep, reading files and a bucket; days later another sweep, more to read, joining what is old.
Points to die at, each counted by itself: statements and commits (:mod:`inventory.store.failpoints`), ``call`` (before a request to AWS is
sent, and when its answer is there), ``file`` (before a file is opened, renamed or removed, or a folder is listed).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

from inventory.aws import Aws
from inventory.config import Settings, parse
from inventory.daemon.duties import Duty, Ending, Roster
from inventory.daemon.work import Bench
from inventory.store import Store, failpoints

STEPS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.listdir", "os.scandir"})
"""Python's own words for what is done to files (PEP 578)."""

ARMED = False

Heard = Callable[[Duty, Ending, float], None]


def died_at_calls() -> None:
    """Let each request to AWS be two points."""
    send = URLLib3Session.send

    def sent(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        failpoints.failpoint("call")
        answer = send(session, request)
        failpoints.failpoint("call")
        return answer

    mock.patch.object(URLLib3Session, "send", sent).start()


def died_at_files(folder: Path) -> None:
    """Let each step with a file below ``folder`` be a point."""
    below = f"{folder}{os.sep}"

    def step(event: str, arguments: tuple[Any, ...]) -> None:
        if ARMED and event in STEPS and str(arguments[0]).startswith(below):
            failpoints.failpoint("file")

    sys.addaudithook(step)


@contextmanager
def unarmed() -> Iterator[None]:
    """What the harness does itself is no point."""
    global ARMED  # noqa: PLW0603 - an audit hook is told nothing and cannot be taken away
    ARMED = False
    yield
    ARMED = True


def cycle(document: dict[str, Any], folder: Path, moments: list[int]) -> list[str]:
    """Every duty once at each moment, from where the last try ended; what failed, for people."""
    failed: list[str] = []

    def heard(duty: Duty, ending: Ending, _: float) -> None:
        if ending is Ending.FAILED:
            failed.append(f"{duty.name}: {duty.problem}")

    with unarmed():
        settings = parse(document, folder=folder, environ={})
        reached = folder.parent / f"{folder.name}.moment"
        begun = int(reached.read_text()) if reached.exists() else moments[0]
    with Store.opened(settings, write=True) as store, store.alone("run", 60):
        for moment in moments:
            if moment < begun:
                continue
            with unarmed():
                reached.write_text(str(moment))
            each_duty(settings, store, moment, heard)
    return failed


def each_duty(settings: Settings, store: Store, moment: int, heard: Heard) -> None:
    """Every duty of a configuration once, as if it were this moment."""
    bench = Bench(settings, lambda: moment, time.monotonic, lambda: False, lambda _: None)
    roster = Roster(store, bench.clock, time.monotonic, lambda: False, heard)
    for duty in bench.duties(settings.sources):
        roster.turn(duty)
    roster.close()


def main() -> None:
    """One child for each case on standard input, so that imports are paid once; a line of JSON for each."""
    died_at_calls()
    for service, call in (("ec2", "DescribeVpcs"), ("s3", "GetObject"), ("efs", "DescribeTags")):
        Aws().knows(service, call)
    for line in sys.stdin:
        case = json.loads(line)
        child = os.fork()
        if child == 0:
            failpoints._WANTED = tuple(case["at"])
            folder = Path(case["folder"])
            died_at_files(folder)
            failed = cycle(case["document"], folder, case["moments"])
            with unarmed():
                (folder.parent / f"{folder.name}.told").write_text(
                    json.dumps({"passed": failpoints.passed(), "failed": failed})
                )
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps({"code": code}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
