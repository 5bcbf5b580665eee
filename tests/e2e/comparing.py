"""Compares answers with the truth of a made-up account; each difference is one line that names the
file system, the client, what was expected and what came.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from tests.world.truth import CONFIDENCES, MOUNTS, ExpectedClient, ExpectedFileSystem, Truth

Json = dict[str, Any]
Key = tuple[str, ...]


def seconds(text: str | None) -> int | None:
    """Epoch seconds of a time in an answer."""
    if text is None:
        return None
    assert text.endswith("Z"), f"{text!r} is not UTC with Z"
    return int(datetime.fromisoformat(text).timestamp())


def who_differences(truth: Truth, file_system: str, answer: Json) -> Iterator[str]:
    """Everything in which ``who`` over the whole world is not the truth."""
    got = {_key(entry): entry for entry in answer["mounts"]}
    expected = {_name(client, got): client for client in truth.of(file_system)}
    if len(got) < len(answer["mounts"]):
        yield f"{file_system}: listed twice: {sorted(map(_key, answer['mounts']))}"
    for key in got:
        if truth.forbidden & set(key[1:]):
            yield f"{file_system}: {key} can be nobody's client"
    yield from _named_differences(truth, file_system, got, expected)
    for entry in answer["possible"]:
        if not entry.get("client") or _key(entry) not in truth.tolerated:
            yield f"{file_system}: possible, though the format tells servers: {entry}"


def _named_differences(
    truth: Truth, file_system: str, got: dict[Key, Json], expected: dict[Key, ExpectedClient]
) -> Iterator[str]:
    # Sets of candidates: right where the truth allows them, if the right client is among them.
    vague = {key: set(key[1:]) for key in got.keys() - expected.keys() if len(key) > 2}
    for key, client in expected.items():
        if key in truth.tolerated:
            continue  # listed as an unknown, perhaps once more where its address leads
        if key in got:
            yield from _client_differences(client, got[key])
        elif not (client.or_candidates and any(client.ids[0] in s for s in vague.values())):
            yield f"{client.label}: missing ({client.situation})"
    allowed = {c.ids[0] for c in expected.values() if c.or_candidates}
    for key in got.keys() - expected.keys() - truth.tolerated:
        if not vague.get(key, set()) & allowed:
            yield f"{file_system}: {key} is invented: {_shown(got[key])}"


def count_differences(truth: Truth, file_system: str, answer: Json) -> Iterator[str]:
    """Everything in which the counts of ``who`` over a part of the world are not the truth."""
    got = {_key(entry): entry for entry in answer["mounts"]}
    for client in truth.of(file_system):
        entry = got.get(_name(client, got))
        if entry is None:
            if not client.or_candidates:
                yield f"{client.label}: missing in the window"
        elif not client.aliases:
            yield from _counts(client, entry)


def list_differences(truth: Truth, answer: Json) -> Iterator[str]:
    """Everything in which ``list`` is not the truth."""
    got = {entry["id"]: entry for entry in answer["file_systems"]}
    expected = {fs.id: fs for fs in truth.file_systems}
    for ident in got.keys() - expected.keys():
        yield f"list: {ident} ({got[ident]['name']}) is no file system of EFS"
    for ident, fs in expected.items():
        if ident not in got:
            yield f"list: {fs.name} ({ident}) is missing"
            continue
        entry = got[ident]
        told = (entry["name"], entry["deleted_at"] is not None)
        if told != (fs.name, fs.deleted):
            yield f"list: {fs.name}: name, deleted: expected {(fs.name, fs.deleted)}, got {told}"
        if not fs.deleted and entry["clients_now"] != fs.clients_now:
            yield (
                f"list: {fs.name}: clients_now: expected {fs.clients_now}, "
                f"got {entry['clients_now']}"
            )
        if fs.last_seen is not None and seconds(entry["last_seen"]) != fs.last_seen:
            yield f"list: {fs.name}: last_seen: expected {fs.last_seen}, got {entry['last_seen']}"


def coverage_differences(fs: ExpectedFileSystem, answer: Json, aggregation: int) -> Iterator[str]:
    """Everything in which the coverage of a window inside the world is not the truth."""
    coverage = answer["coverage"]
    complete = fs.covered and not fs.gaps
    if coverage["complete"] != complete:
        yield f"{fs.name}: coverage complete: expected {complete}, got {coverage}"
    if not fs.covered:
        if coverage["ratio"] != 0:
            yield f"{fs.name}: no flow log records it, but coverage is {coverage['ratio']}"
        return
    got = _joined(
        (seconds(gap["start"]) or 0, seconds(gap["end"]) or 0) for gap in coverage["gaps"]
    )
    near = len(got) == len(fs.gaps) and all(
        abs(a - b) <= aggregation
        for found, meant in zip(got, fs.gaps, strict=True)
        for a, b in zip(found, meant, strict=True)
    )
    if not near:
        yield f"{fs.name}: gaps: expected {list(fs.gaps)}, got {coverage['gaps']}"


def _joined(gaps: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Holes a second or two apart are one: a record ends just before the next one begins."""
    joined: list[tuple[int, int]] = []
    for start, end in gaps:
        if joined and start - joined[-1][1] <= 5:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _key(entry: Json) -> Key:
    """Kind and id; of candidates the kind and all their ids."""
    client = entry["client"]
    if client is not None:
        return (client["kind"], client["id"])
    candidates = entry["candidates"]
    return (
        "/".join(sorted({c["kind"] for c in candidates})),
        *sorted(c["id"] for c in candidates),
    )


def _name(client: ExpectedClient, got: Collection[Key]) -> Key:
    """By which of its right names an answer calls a client."""
    names: list[Key] = [(client.kind, *client.ids), *client.aliases]
    return next((name for name in names if name in got), names[0])


def _shown(entry: Json) -> str:
    keys = ("confidence", "method", "state", "addresses", "interfaces", "first_seen", "flows")
    return ", ".join(f"{key}={entry[key]}" for key in keys)


def _client_differences(client: ExpectedClient, entry: Json) -> Iterator[str]:
    if CONFIDENCES.index(entry["confidence"]) < CONFIDENCES.index(client.confidence):
        yield f"{client.label}: confidence {entry['confidence']}, expected {client.confidence}"
    if client.confidence == "candidates" and entry["confidence"] != "candidates":
        yield f"{client.label}: {entry['confidence']}, though nothing can tell them apart"
    if entry["state"] != client.state:
        yield (
            f"{client.label}: state {entry['state']}, expected {client.state} "
            f"({client.situation}); {_shown(entry)}"
        )
    yield from _counts(client, entry)
    for name in ("first_seen", "last_seen"):
        expected, got = getattr(client, name), seconds(entry[name])
        if got is None or abs(got - expected) > client.tolerance:
            yield f"{client.label}: {name} {entry[name]} ({got}), expected {expected}"
    yield from _interval_differences(client, entry)
    if entry["client"] is not None:
        if client.name and entry["client"]["name"] != client.name:
            yield f"{client.label}: name {entry['client']['name']!r}, expected {client.name!r}"
        workload = entry["client"]["workload"]
        if client.workload and client.workload not in workload["id"]:
            yield f"{client.label}: workload {workload}, expected {client.workload}"


def _counts(client: ExpectedClient, entry: Json) -> Iterator[str]:
    for name in ("flows", "packets", "bytes", "rejected_flows"):
        expected = getattr(client, name)
        if expected is not None and entry[name] != expected:
            yield (
                f"{client.label}: {name} {entry[name]}, expected {expected} ({client.situation})"
            )


def _interval_differences(client: ExpectedClient, entry: Json) -> Iterator[str]:
    if client.state not in MOUNTS:
        if entry["intervals"]:
            yield f"{client.label}: {client.state} is no mount, got {entry['intervals']}"
        return
    expected = [(i.mount_target_id, i.start, i.end) for i in client.intervals]
    got = sorted(
        ((i["mount_target"], seconds(i["start"]), seconds(i["end"])) for i in entry["intervals"]),
        key=lambda interval: (interval[1] or 0, interval[0]),
    )
    near = len(got) == len(expected) and all(
        a[0] == b[0]
        and abs((a[1] or 0) - b[1]) <= client.tolerance
        and abs((a[2] or 0) - b[2]) <= client.tolerance
        for a, b in zip(got, expected, strict=True)
    )
    if not near:
        yield f"{client.label}: intervals {got}, expected {expected}"
