"""Hands a written world to a reader piece by piece: late, out of order, or not at all."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.world.world import Paths


@dataclass(frozen=True)
class Portion:
    """Sweeps and objects of a world that arrive together."""

    sweeps: tuple[Path, ...]
    objects: tuple[Path, ...]


def portions(paths: Paths, count: int, rng: random.Random) -> list[Portion]:
    """Everything in ``count`` portions at random; nothing is left out."""
    sweeps: list[list[Path]] = [[] for _ in range(count)]
    objects: list[list[Path]] = [[] for _ in range(count)]
    for sweep in paths.sweeps:
        rng.choice(sweeps).append(sweep)
    for item in paths.objects:
        rng.choice(objects).append(item)
    return [Portion(tuple(s), tuple(o)) for s, o in zip(sweeps, objects, strict=True)]


def logs_then_sweeps(paths: Paths) -> list[Portion]:
    """Every log before any knowledge."""
    return [Portion((), paths.objects), Portion(paths.sweeps, ())]


def newest_first(paths: Paths, count: int) -> list[Portion]:
    """Back-fill: the last part of the world first."""

    def parts(items: Sequence[Path]) -> Iterable[tuple[Path, ...]]:
        size = -(-len(items) // count)
        return (tuple(items[n * size : (n + 1) * size]) for n in reversed(range(count)))

    return [Portion(s, o) for s, o in zip(parts(paths.sweeps), parts(paths.objects), strict=True)]


def prepare(root: Path) -> Paths:
    """An empty place with the folders that a configuration names."""
    for name in ("snapshots", "logs"):
        (root / name).mkdir(parents=True)
    return Paths(root, root / "snapshots", root / "logs", (), (), ())


def deliver(portion: Portion, source: Paths, place: Paths) -> None:
    """Copies a portion of ``source`` to the same relative paths under ``place``, times kept."""
    for sweep in portion.sweeps:
        shutil.copytree(sweep, place.snapshots / sweep.name)
    for item in portion.objects:
        target = place.logs / item.relative_to(source.logs)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(item, target)
