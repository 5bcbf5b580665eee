"""Recorded sweeps: ``PATH/<YYYYMMDDTHHMMSSZ>/<account>/<region>/<call>.json``, each dated folder one sweep.

``k8s.<cluster>.json`` beside them is the dump of a Kubernetes cluster. A missing file is "not known", an empty list is "none". Nothing here
decides what an answer means: :mod:`inventory.discover.calls` does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from inventory.discover.calls import CALLS, Answer, read_answer
from inventory.discover.calls import sweep as made_of
from inventory.discover.kubernetes import call_of, cluster_of
from inventory.errors import SnapshotError
from inventory.model import CallState, Sweep, epoch

MAX_BYTES = 1 << 30
"""A larger file is refused: 100,000 interfaces, the most that an account plausibly has, print to about 200 MB."""

_DATED = re.compile(r"\d{8}T\d{6}Z")
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True, order=True)
class SweepRef:
    """One account and region of one dated folder. Sorts by time, then account and region."""

    taken_at: int
    """Epoch seconds, UTC, by the folder's name."""
    account: str
    region: str
    name: str
    """The dated folder's name."""
    path: Path


@dataclass(frozen=True, slots=True)
class Listing:
    """What a snapshots folder holds."""

    sweeps: tuple[SweepRef, ...]
    notes: tuple[str, ...]
    """For people: what was passed over, and why."""


def sweeps(path: Path) -> list[SweepRef]:
    """All recorded sweeps, oldest first. Raises :class:`~inventory.errors.SnapshotError` when the folder cannot be read."""
    return list(listing(path).sweeps)


def listing(path: Path) -> Listing:
    """All recorded sweeps, oldest first, and what was passed over.

    Folders whose names begin with a dot or end in ``.tmp`` are still being written and are passed over in silence. Raises
    :class:`~inventory.errors.SnapshotError` when the folder is not there or cannot be listed.
    """
    found: list[SweepRef] = []
    notes: list[str] = []
    try:
        dated = sorted(_folders(path, notes))
    except OSError as error:
        what = (
            "is not there"
            if isinstance(error, FileNotFoundError)
            else f"cannot be read: {error.strerror}"
        )
        raise SnapshotError(
            f"snapshots folder {path} {what}",
            hint="set [discover] path to the folder that holds the dated folders",
        ) from error
    for folder in dated:
        taken_at = _date(folder.name)
        if taken_at is None:
            notes.append(f"{folder}: the name is no date like 20261123T221500Z; ignored")
            continue
        try:
            found += _places(folder, taken_at, notes)
        except OSError as error:
            notes.append(f"{folder}: cannot be read: {error.strerror}")
    return Listing(tuple(sorted(found)), tuple(notes))


def _places(folder: Path, taken_at: int, notes: list[str]) -> Iterator[SweepRef]:
    for account in sorted(_folders(folder, notes)):
        if not _ACCOUNT.fullmatch(account.name):
            notes.append(f"{account}: the name is no account id of 12 digits; ignored")
            continue
        for region in sorted(_folders(account, notes)):
            if _REGION.fullmatch(region.name):
                yield SweepRef(taken_at, account.name, region.name, folder.name, region)
            else:
                notes.append(f"{region}: the name is no region; ignored")


def _folders(path: Path, notes: list[str]) -> Iterator[Path]:
    for entry in path.iterdir():
        if entry.name.startswith(".") or entry.name.endswith(".tmp"):
            continue
        if entry.is_dir():
            yield entry
        else:
            notes.append(f"{entry}: not a folder; ignored")


def _date(name: str) -> int | None:
    if not _DATED.fullmatch(name):
        return None
    try:
        return epoch(datetime.strptime(name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC))
    except ValueError:
        return None


def read(ref: SweepRef) -> Sweep:
    """One sweep. Never raises for what a file holds: a file that cannot be read is a ``broken`` call, named in ``problems``.

    Where nothing but dumps of Kubernetes clusters was recorded, AWS was not asked, and its calls are not missing.
    """
    clusters = dumps(ref)
    answers = _answers(ref, [*CALLS, *clusters])
    only_dumps = bool(clusters) and answers.keys() <= set(clusters)
    return _sweep(ref, answers, () if only_dumps else CALLS)


def read_dumps(ref: SweepRef) -> Sweep:
    """What the dumps of Kubernetes clusters say, whatever other files there are: those are not looked at."""
    return _sweep(ref, _answers(ref, dumps(ref)), ())


def dumps(ref: SweepRef) -> tuple[str, ...]:
    """The dumps of Kubernetes clusters that were recorded, as calls, ``k8s.<cluster>``; sorted."""
    try:
        names = [file.stem for file in ref.path.glob(call_of("*.json"))]
    except OSError:
        return ()
    return tuple(sorted(name for name in names if cluster_of(name)))


def _sweep(ref: SweepRef, answers: dict[str, Answer], asked: Collection[str]) -> Sweep:
    return made_of(ref.name, ref.taken_at, ref.account, ref.region, answers, asked=asked)


def _answers(ref: SweepRef, calls: Collection[str]) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    for call in calls:
        file = ref.path / f"{call}.json"
        answer = _read_file(call, file)
        if answer is not None:
            if answer.problem:
                answer.problem = f"{file}: {answer.problem}"
            answers[call] = answer
    return answers


def _read_file(call: str, file: Path) -> Answer | None:
    """``None`` when there is no such file."""
    try:
        if file.stat().st_size > MAX_BYTES:
            return Answer(CallState.BROKEN, problem=f"larger than {MAX_BYTES >> 20} MiB")
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return Answer(CallState.BROKEN, problem=f"cannot be read: {error.strerror}")
    if not content.strip():
        return Answer(
            CallState.BROKEN, problem="is empty: record the call again, or remove the file"
        )
    try:
        answer = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Answer(CallState.BROKEN, problem="is not UTF-8 text")
    except RecursionError:
        return Answer(CallState.BROKEN, problem="is nested too deeply")
    except json.JSONDecodeError as error:
        return Answer(CallState.BROKEN, problem=f"is not JSON: {error.msg} in line {error.lineno}")
    except ValueError:
        return Answer(CallState.BROKEN, problem="holds a number that is too long")
    return read_answer(call, answer)
