"""Certificates of ``check-delete``: what a verdict rests on as canonical JSON, so that nobody can change it or use it too late."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from inventory import __version__
from inventory.answers.asking import Desk
from inventory.answers.shapes import Json
from inventory.errors import UsageError
from inventory.model import DAY, Place, Span, iso
from inventory.store import proof

KIND = "efs-mount-inventory/check-delete"
FORMAT = 1
VALID = DAY
"""Seconds after ``as_of`` for which a certificate may be acted on."""


def certificate(
    desk: Desk,
    answer: Json,
    window: Span,
    as_of: int | None,
    places: frozenset[Place],
    metric: Json | None,
) -> Json:
    """The certificate of an answer: the answer itself, and by name and digest what it rests on. ``sha256`` is over all the rest of it.

    ``metric``: how far ClientConnections is believed, and what it bridged.
    """
    valid_until = iso(window[1] if as_of is None else as_of + VALID)
    told = {name: value for name, value in answer.items() if name != "certificate"}
    content: Json = {
        "kind": KIND,
        "format": FORMAT,
        "program": __version__,
        "valid_until": valid_until,
        "answer": told,
        "rests_on": {
            "batches": [one._asdict() for one in proof.batches(desk.conn, window)],
            "sweeps": [
                one._asdict() | {"taken_at": iso(one.taken_at)}
                for one in proof.sweeps(desk.conn, places, window)
            ],
            "client_connections": metric,
            "knowledge_version": desk.knowledge.version,
        },
    }
    return content | {"sha256": digest(content)}


def canonical(content: Mapping[str, Any]) -> bytes:
    """One spelling: keys sorted, no blanks, ASCII."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical spelling without ``sha256`` itself."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    return hashlib.sha256(canonical(rest)).hexdigest()


def read(text: bytes) -> Json:
    """A certificate that is what it says. Raises ``UsageError`` for what is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "this is no certificate: it is not JSON", hint="name a file that --certificate wrote"
        ) from error
    if not isinstance(found, dict) or found.get("kind") != KIND or found.get("format") != FORMAT:
        raise no_certificate()
    answer = found.get("answer")
    if not isinstance(answer, dict) or not answer.keys() >= _QUESTION:
        raise no_certificate()
    if not isinstance(answer["file_system"], dict):
        raise no_certificate()
    return found


_QUESTION = {"file_system", "window", "asked_until", "accepted_blind_seconds"}
"""What an answer must tell so that its question can be asked again."""


def no_certificate() -> UsageError:
    """What to say of a file that has another shape."""
    return UsageError(
        "this is no certificate that this program reads",
        hint="name a file that --certificate of this version wrote",
    )


def doubts(found: Mapping[str, Any], now: int) -> list[str]:
    """Why a certificate does not stand by itself: changed, expired, or of another verdict."""
    told = []
    try:
        same = found.get("sha256") == digest(found)
    except ValueError:
        same = False
    if not same:
        told.append("it was changed: its SHA-256 is another one")
    valid_until = found.get("valid_until")
    if not isinstance(valid_until, str) or valid_until <= (iso(now) or ""):
        told.append(f"it expired at {valid_until}")
    answer = found.get("answer")
    verdict = answer.get("verdict") if isinstance(answer, dict) else None
    if verdict != "QUIET":
        told.append(f"its verdict is {verdict}")
    return told
