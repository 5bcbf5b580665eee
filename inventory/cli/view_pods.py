"""The pods behind nodes, below the table that names the nodes: in it they would make its columns too narrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from inventory.cli.blocks import Line, counted

_SHOWN = 10
"""Controllers named of one row of the table; JSON has them all."""


class _Use(NamedTuple):
    controller: str
    claim: str
    kind: str


def pod_lines(rows: Iterable[tuple[str, Sequence[Mapping[str, Any]]]]) -> Iterator[Line]:
    """Of each row, given by its label and its mounts, whose pods use what is mounted; nothing of rows without any."""
    for label, mounts in rows:
        pods: Counter[_Use] = Counter()
        for use in (use for mount in mounts for use in mount.get("used_by") or ()):
            controller = use["controller"]
            name = f"{use['namespace']}/{controller['name']}"
            pods[_Use(name, use["claim"] or "", str(controller["kind"]).lower())] += use["pods"]
        if not pods:
            continue
        yield Line("")
        yield Line(f"{label} is used by pods, as Kubernetes tells (inferred):", "bold")
        for use in sorted(pods)[:_SHOWN]:
            claim = f" (claim {use.claim})" if use.claim else ""
            yield Line(f"  {use.controller}{claim}, {use.kind}, {counted(pods[use], 'pod')}")
        if len(pods) > _SHOWN:
            yield Line(f"  and {len(pods) - _SHOWN} more")
