"""The parser contract once more, as slow and plain as can be: what the fast ways are held against."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter, defaultdict

from inventory.flowlog.fields import DEFAULT
from inventory.model import Capture, CaptureKind, Known, Outcome, Sighting, Span

NONE = ("-", "None")


def reference(
    lines: list[str], known: Known, slot: Span | None = None, window: Span | None = None
) -> tuple[Counter[Outcome], list[Sighting], list[Capture]]:
    """Outcomes, sightings and captures of a text with spaces between values."""
    names: tuple[str, ...] = ()
    tally: Counter[Outcome] = Counter()
    records: dict[tuple, list[list[int]]] = defaultdict(list)
    seen: dict[str, list[list[int]]] = defaultdict(list)
    skipped: set[tuple[str, int, int]] = set()
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = tuple(word.replace("_", "-") for word in line.split())
        if all(re.fullmatch("[a-z][a-z0-9-]*", word) for word in found) and {
            "dstport",
            "interface-id",
            "tgw-id",
        } & set(found):
            names = found
            continue
        outcome = one(line, names, known, slot, window, records, seen, skipped)
        tally[outcome] += 1
    sightings = [
        Sighting._make((*key[:10], *run[:8], key[11]))
        for key, runs in records.items()
        for run in union(runs, 60)
    ]
    for key, runs in records.items():
        seen[key[0]] += [[run[0], run[1], run[8]] for run in runs]
    captures = [
        Capture(who, CaptureKind.SEEN, *stretch)
        for who, stretches in seen.items()
        if who and who not in known.boring
        for stretch in union(stretches, 240)
    ]
    captures += [
        Capture(who, CaptureKind.SKIPPED, start, end, end - start)
        for who, start, end in skipped
        if who and who not in known.boring
    ]
    return tally, sorted(sightings), sorted(captures)


def one(  # noqa: C901, PLR0911, PLR0912, PLR0915 - the contract in one piece
    line: str,
    names: tuple[str, ...],
    known: Known,
    slot: Span | None,
    window: Span | None,
    records: dict[tuple, list[list[int]]],
    seen: dict[str, list[list[int]]],
    skipped: set[tuple[str, int, int]],
) -> Outcome:
    """The outcome of one record, which is entered where it belongs."""
    words = line.split()
    port = "2049" in words[1:-1]
    for edge in (0, -1):
        port |= words[edge] == "2049" and bool(names) and names[edge] in ("srcport", "dstport")
    port |= " 2049 " in line
    if "tgw-id" in names:
        return Outcome.NOT_VPC_FLOW
    if not port and "NODATA" not in line and "SKIPDATA" not in line:
        return Outcome.OTHER_PORT
    if not names:
        if not (len(words) == 14 and words[0] == "2" and words[2].startswith("eni-")):
            return Outcome.MALFORMED
        names = DEFAULT
    if len(words) != len(names):
        words = re.sub(r"\s#.*", "", line).split()
    if len(words) != len(names):
        return Outcome.MALFORMED
    value = {name: "" if word in NONE else word for name, word in zip(names, words, strict=True)}

    def get(name: str) -> str:
        return value.get(name, "")

    status = get("log-status")
    ports: list[str] = []
    load: list[int] = []
    texts: list[str] = []
    who = client = server = true = ""
    request = False
    try:
        if status not in ("NODATA", "SKIPDATA"):
            ports = [get("srcport"), get("dstport")]
            if any(number(text, 5) > 65535 for text in ports if text):
                return Outcome.MALFORMED
            if "2049" not in ports:
                return Outcome.OTHER_PORT
            if get("protocol") and number(get("protocol"), 5) != 6:
                return Outcome.NOT_TCP
            load = [number(get(name) or "0", 15) for name in ("packets", "bytes")]
        times = [number(get(name), 19) for name in ("start", "end") if get(name)]
        if status in ("NODATA", "SKIPDATA"):
            who = plain(get("interface-id"))
        else:
            source, target = address(get("srcaddr")), address(get("dstaddr"))
            request = ports[1] == "2049"
            if ports[0] == ports[1]:
                request = target in known.servers or source not in known.servers
            client, server = (source, target) if request else (target, source)
            true = [address(get("pkt-srcaddr")), address(get("pkt-dstaddr"))][not request]
            texts = [plain(get(name)) for name in ("interface-id", "vpc-id", "action")]
            texts += [
                plain(get(name))
                for name in ("instance-id", "ecs-task-arn", "next-hop-interface-id", "az-id")
            ]
            if texts[2] not in ("ACCEPT", "REJECT", ""):
                return Outcome.MALFORMED
    except ValueError:
        return Outcome.MALFORMED
    times = [time // 1000 if time >= 2**31 else time for time in times]
    start, end = (times[0], times[-1]) if times else (0, 0)
    bad = bool(times) and not start <= end <= start + 3600
    if bad or start < 1420070400 or end >= 2**31:
        if slot is None:
            return Outcome.MALFORMED if bad else Outcome.NO_TIME
        start, end = slot[0], slot[0] + 299
    if window and not window[0] <= start < window[1]:
        return Outcome.OUT_OF_WINDOW
    if status == "SKIPDATA":
        skipped.add((who, start, end))
        return Outcome.SKIPDATA
    if status == "NODATA":
        seen[who].append([start, end, end - start])
        return Outcome.NODATA
    stray = server not in known.servers and not (request and not server)
    key = (*texts[:2], client, server, texts[2], "" if true == client else true, *texts[3:])
    run = [1, 0, *load, 0, 0] if request else [0, 1, 0, 0, *load]
    records[(*key, start // 300, stray)].append([start, end, *run, end - start])
    return Outcome.STRAY if stray else Outcome.REQUEST if request else Outcome.RESPONSE


def number(text: str, digits: int) -> int:
    if not re.fullmatch("[0-9]{1," + str(digits) + "}", text):
        raise ValueError(text)
    return int(text)


def address(text: str) -> str:
    if not text:
        return ""
    if "%" in text:
        raise ValueError(text)
    found = ipaddress.ip_address(text)
    return str(getattr(found, "ipv4_mapped", None) or found)


def plain(text: str) -> str:
    if not re.fullmatch("[!-~]{0,1024}", text):
        raise ValueError(text)
    return text


def union(runs: list[list[int]], gap: int) -> list[list[int]]:
    """First, last, sums, longest."""
    found: list[list[int]] = []
    for run in sorted(runs):
        if found and run[0] <= found[-1][1] + gap:
            last = found[-1]
            last[1] = max(last[1], run[1])
            last[-1] = max(last[-1], run[-1])
            last[2:-1] = [a + b for a, b in zip(last[2:-1], run[2:-1], strict=True)]
        else:
            found.append(list(run))
    return found
