"""Who clients were, as it is stored: each attribution once, by its canonical text, so that mount hours need only name it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from sqlalchemy import Connection, bindparam, insert, or_, select

from inventory.model import Attribution, Confidence, Method, Owner, OwnerKind, Workload
from inventory.store.statements import chunks
from inventory.store.tables import CLIENT

Told = dict[int, Attribution]
"""Attributions by id, as far as they were read."""

MOST_TOLD = 16_384
"""Attributions that are kept so; about 3 KB each."""


def ids(conn: Connection, attributions: Iterable[Attribution]) -> dict[str, int]:
    """The ids of attributions by :func:`digest`, new ones inserted."""
    bodies = {_digest(body): body for body in map(_body, attributions)}
    found = _known_ids(conn, bodies)
    new = [
        {"digest": digest, "body": body}
        for digest, body in sorted(bodies.items())
        if digest not in found
    ]
    if new:
        conn.execute(insert(CLIENT), new)
        found |= _known_ids(conn, {row["digest"]: row["body"] for row in new})
    return found


def _known_ids(conn: Connection, bodies: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(sorted(bodies)):
        wanted = select(CLIENT.c.digest, CLIENT.c.id).where(CLIENT.c.digest.in_(some))
        found.update((row.digest, row.id) for row in conn.execute(wanted))
    return found


def _body(attribution: Attribution) -> str:
    """Canonical JSON of an attribution: equal ones give the same text, whatever the order in which their tags came."""
    owners = [
        {
            "kind": owner.kind.value,
            "id": owner.id,
            "arn": owner.arn,
            "name": owner.name,
            "account": owner.account,
            "region": owner.region,
            "tags": dict(owner.tags),
            "workload": None
            if owner.workload is None
            else {"kind": owner.workload.kind, "id": owner.workload.id, "arn": owner.workload.arn},
        }
        for owner in attribution.owners
    ]
    return json.dumps(
        {
            "owners": owners,
            "confidence": attribution.confidence.value,
            "method": attribution.method.value,
            "interface_id": attribution.interface_id,
            "access_points": list(attribution.access_points),
            "principals": list(attribution.principals),
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def digest(attribution: Attribution) -> str:
    """What an attribution is found by."""
    return _digest(_body(attribution))


def _digest(body: str) -> str:
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=4_096)
def _attribution(body: str) -> Attribution:
    found = json.loads(body)
    owners = tuple(
        Owner(
            kind=OwnerKind(owner["kind"]),
            id=owner["id"],
            arn=owner["arn"],
            name=owner["name"],
            account=owner["account"],
            region=owner["region"],
            tags=owner["tags"],
            workload=None if owner["workload"] is None else Workload(**owner["workload"]),
        )
        for owner in found["owners"]
    )
    return Attribution(
        owners=owners,
        confidence=Confidence(found["confidence"]),
        method=Method(found["method"]),
        interface_id=found["interface_id"],
        access_points=tuple(found["access_points"]),
        principals=tuple(found.get("principals", ())),
    )


def like(conn: Connection, texts: Sequence[str]) -> dict[int, Attribution]:
    """The stored attributions whose JSON holds one of ``texts`` as a value; a superset for the caller to look through."""
    needles = [CLIENT.c.body.contains(json.dumps(text), autoescape=True) for text in texts]
    found = conn.execute(
        select(CLIENT.c.id, CLIENT.c.body).where(or_(*needles)).order_by(CLIENT.c.id)
    )
    return {client_id: _attribution(body) for client_id, body in found}


def unsettled(conn: Connection) -> dict[int, Attribution]:
    """The stored attributions that name nobody for certain: unknown ones and candidates."""
    marks = [
        CLIENT.c.body.contains(f'"confidence":"{confidence.value}"', autoescape=True)
        for confidence in (Confidence.CANDIDATES, Confidence.UNKNOWN)
    ]
    found = conn.execute(select(CLIENT.c.id, CLIENT.c.body).where(or_(*marks)))
    read = {client_id: _attribution(body) for client_id, body in found}
    return {
        client_id: attribution
        for client_id, attribution in read.items()
        if attribution.confidence in (Confidence.CANDIDATES, Confidence.UNKNOWN)
    }


def read(conn: Connection, wanted: Iterable[int], told: Told) -> None:
    """Read the attributions of some ids into ``told``, those that are not there already."""
    if len(told) > MOST_TOLD:
        told.clear()
    for some in chunks(sorted(set(wanted) - told.keys())):
        found = conn.execute(_OF_IDS, {"ids": some})
        told |= {client_id: _attribution(body) for client_id, body in found}


_OF_IDS = select(CLIENT.c.id, CLIENT.c.body).where(
    CLIENT.c.id.in_(bindparam("ids", expanding=True))
)
