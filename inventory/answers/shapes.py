"""The shapes of answers that other programs rely on: values to JSON-ready dictionaries, every key always there, absent values null."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from inventory.model import FileSystem, Owner, Span, Version, iso
from inventory.timeline import Coverage, Interval

Json = dict[str, Any]
"""An answer or a part of one, ready for ``json.dumps``; times are ISO 8601 text with ``Z``."""


def client(owner: Owner, tag_keys: Sequence[str]) -> Json:
    """A client; ``contact`` is the value of the first of ``tag_keys`` that it is tagged with."""
    workload = owner.workload
    return {
        "kind": owner.kind.value,
        "id": owner.id,
        "arn": owner.arn,
        "name": owner.name,
        "account": owner.account or None,
        "region": owner.region or None,
        "tags": dict(sorted(owner.tags.items())),
        "workload": {
            "kind": workload.kind if workload else owner.kind.value,
            "id": workload.id if workload else owner.id,
            "arn": workload.arn if workload else owner.arn,
        },
        "contact": contact(owner.tags, tag_keys),
    }


def contact(tags: Mapping[str, str], tag_keys: Sequence[str]) -> str | None:
    """Whom to ask about something, by its tags."""
    return next((tags[key] for key in tag_keys if tags.get(key)), None)


def file_system(version: Version[FileSystem]) -> Json:
    """A file system; ``deleted_at`` is the sweep that first missed it, when a second one did too."""
    value = version.value
    return {
        "id": value.file_system_id,
        "arn": value.arn or None,
        "name": value.name or None,
        "account": version.account or value.owner_id or None,
        "region": version.region or None,
        "deleted_at": iso(version.not_after),
    }


def window(span: Span) -> Json:
    """A half-open window."""
    return {"since": iso(span[0]), "until": iso(span[1])}


def rounded(share: float) -> float:
    """Six digits, never up: what is not complete never reads as 1."""
    return math.floor(share * 1_000_000) / 1_000_000


def coverage(found: Coverage) -> Json:
    """Coverage in shares of the asked time, and every gap with its reason."""
    return {
        "complete": found.complete,
        "ratio": rounded(found.ratio),
        "bridged_ratio": rounded(found.bridged_ratio),
        "blind_seconds": found.blind_seconds,
        "visible_since": iso(found.visible_since),
        "gaps": [
            {
                "start": iso(gap.start),
                "end": iso(gap.end),
                "reason": gap.reason.value,
                "bridged_by": gap.bridged_by,
            }
            for gap in found.gaps
        ],
    }


def interval(found: Interval, mount_target_id: str) -> Json:
    """One unbroken presence at one mount target."""
    return {
        "start": iso(found.start),
        "end": iso(found.end),
        "mount_target": mount_target_id,
        "ended_reason": found.ended_reason.value if found.ended_reason else None,
        "open_start": found.open_start,
        "open_end": found.open_end,
    }
