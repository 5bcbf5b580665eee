"""The webhook: events of the feed as signed POST requests, each at least once.

What was told is written down after the server took it. A process that dies in between tells it again, so whoever listens must take the same
``cursor`` twice. Verify a request before believing it: the signature is over the moment and the body (docs/how-to/webhook.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from inventory.errors import ConfigError, StoppedError
from inventory.posting import Poster, Resolver, resolved
from inventory.store import feed

if TYPE_CHECKING:
    from inventory.config.sections import NotifySettings
    from inventory.store import Store

LOCK = "webhook"
"""Held by a daemon while it tells, so that of several one does."""

MOST_EVENTS = 100
"""Of one request."""

SIGNATURE = "X-Efs-Inventory-Signature"
DELIVERY = "X-Efs-Inventory-Delivery"
"""The same for each try of the same events."""


def deliver(
    store: Store,
    settings: NotifySettings,
    *,
    clock: Callable[[], int],
    sleep: Callable[[float], None],
    resolve: Resolver = resolved,
    is_over: Callable[[], bool] = lambda: False,
    taken: Callable[[int], None] = lambda _: None,
) -> int:
    """Tell the webhook what it was not told yet; how many events. Nothing happens without a ``webhook_url``.

    The first time only a beginning is made: what happened before is not told. ``taken`` is told of the events of each request that was
    taken. Raises ``PostingError`` when the server does not take it; the same is told again next time. ``StoppedError`` when ``is_over``
    says so, ``ConfigError`` when there is no secret to sign with.
    """
    if settings.webhook_url is None:
        return 0
    secret = secret_of(settings)
    with store.reading() as conn:
        after, position = feed.told(conn), feed.position(conn)
    if after is None or after > position.sequence:
        store.write(lambda conn: feed.tell(conn, position.sequence))
        return 0
    count = 0
    poster = Poster(
        "the webhook",
        settings.allow_private,
        sleep,
        resolve,
        secret_url=True,
        is_over=is_over,
    )
    with poster:
        while not is_over():
            with store.reading() as conn:
                happened = feed.events(conn, after, MOST_EVENTS)
            if not happened:
                return count
            after = happened[-1].sequence
            wanted = [event for event in happened if event.event in settings.events]
            if wanted:
                body = _body(wanted, position)
                headers = {
                    "Content-Type": "application/json",
                    DELIVERY: position.cursor(wanted[-1].sequence),
                    SIGNATURE: signature(secret, clock(), body),
                }
                poster.send("POST", settings.webhook_url, content=body, headers=headers)
            told = after
            store.write(lambda conn, told=told: feed.tell(conn, told))  # type: ignore[misc]
            count += len(wanted)
            taken(len(wanted))
    raise StoppedError("the program was asked to stop", hint="the rest is told the next time")


def has_begun(store: Store) -> bool:
    """Whether a beginning was made: from then on everything is told."""
    with store.reading() as conn:
        return feed.told(conn) is not None


def signature(secret: bytes, moment: int, body: bytes) -> str:
    """``t=<epoch seconds>,v1=<hexadecimal HMAC-SHA256 of "t.body">``: a request of long ago cannot be sent again as a new one."""
    made = hmac.new(secret, b"%d." % moment + body, hashlib.sha256)
    return f"t={moment},v1={made.hexdigest()}"


def _body(events: Sequence[feed.Happened], position: feed.Position) -> bytes:
    told = [
        json.loads(event.body) | {"cursor": position.cursor(event.sequence)} for event in events
    ]
    document = {"schema_version": 1, "cursor": told[-1]["cursor"], "events": told}
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()


def secret_of(settings: NotifySettings) -> bytes:
    """What requests are signed with. Raises ``ConfigError`` when there is none, or one that is too short."""
    path = settings.secret_file
    if path is None:
        raise ConfigError(
            "[notify] webhook_url needs secret_file, to sign with",
            hint="name a file with a long random text in it: openssl rand -hex 32",
        )
    try:
        found = path.read_bytes().strip()
    except OSError as error:
        msg = f"[notify] secret_file: cannot read {path}: {error.strerror or error}"
        raise ConfigError(msg) from error
    if len(found) < _LEAST_SECRET:
        msg = f"[notify] secret_file: {path} holds less than {_LEAST_SECRET} characters"
        raise ConfigError(msg, hint="openssl rand -hex 32")
    return found


_LEAST_SECRET = 16
