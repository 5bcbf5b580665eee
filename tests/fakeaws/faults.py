"""What may go wrong on purpose, in one table, and when.

::

    cloud.faults.at("ec2.describe-network-interfaces", "cut_json", nth=2)
    cloud.faults.always("ec2.describe-instances", "denied", account="111122223333")
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from tests.fakeaws.paging import Pages, read_token, token
from tests.fakeaws.writing import Reply

if TYPE_CHECKING:
    from tests.fakeaws.calls import Call, Handler, Result


@dataclass(frozen=True)
class Sending:
    """What goes over the wire: as a rule all of a reply at once."""

    reply: Reply
    sent: int | None = None
    """How many bytes of the body are really sent before the connection ends; ``None``: all."""
    delay: float = 0
    """Seconds before the first byte."""
    drip: float = 0
    """Seconds over which the body is spread."""
    reset: bool = False
    """The connection is reset instead."""


@dataclass(frozen=True)
class Fault:
    """One way to fail. One of the three members says how."""

    name: str
    reason: str = ""
    """Refused, for one of the reasons of ``REASONS``."""
    result: Callable[[Call, Handler], Result] | None = None
    """Another result than the handler's."""
    garble: Callable[[Reply], Sending] | None = None
    """Other bytes than the result's."""
    lasting: bool = False
    """Makes sense only for every request from its first on, unless a number is given."""


# -- other results -------------------------------------------------------------------------------


def _tokens(handler: Handler) -> set[str]:
    return {handler.pages.next, handler.pages.token} if handler.pages else set()


def _missing_key(call: Call, handler: Handler) -> Result:
    """Only the token is left."""
    found, kept = handler(call), _tokens(handler)
    return {key: value for key, value in found.items() if key in kept}


def _paged(call: Call, handler: Handler) -> Pages:
    assert handler.pages, f"{call.name} has no pages"
    return handler.pages


def _repeated_token(call: Call, handler: Handler) -> Result:
    """The token that was asked with comes again."""
    pages = _paged(call, handler)
    asked = call.get(pages.token) or token(0, "again")
    return handler(call) | {pages.next: asked}


def _circle(call: Call, handler: Handler) -> Result:
    """Two tokens in turn, for ever."""
    pages = _paged(call, handler)
    one, two = token(0, "one"), token(0, "two")
    return handler(call) | {pages.next: two if call.get(pages.token) == one else one}


def _empty_page(call: Call, handler: Handler) -> Result:
    """Nothing yet, and a token: AWS may do this, and nothing is lost by it."""
    pages = _paged(call, handler)
    found = handler(call)
    begun = call.get(pages.token)
    again = token(read_token(begun) if begun else 0, "empty")
    return found | {pages.key: found[pages.key][:0], pages.next: again}


def _dropped_page(call: Call, handler: Handler) -> Result:
    """The entries of a page are lost, and nothing tells."""
    pages = _paged(call, handler)
    found = handler(call)
    return found | {pages.key: found[pages.key][:0]}


# -- other bytes ---------------------------------------------------------------------------------

_PORTAL = (
    b"<html><head><title>Guest network</title></head>"
    b"<body><p>Please accept the terms of use.</p></body></html>"
)
_BALANCER = b"<html><body><b>Http/1.1 Service Unavailable</b></body></html>"


def _cut_body(reply: Reply) -> Sending:
    return Sending(reply, sent=len(reply.body) // 2)


def _cut_json(reply: Reply) -> Sending:
    return Sending(replace(reply, body=reply.body[: len(reply.body) // 2]))


def _html(_: Reply) -> Sending:
    return Sending(Reply(200, _PORTAL, "text/html"))


def _empty(reply: Reply) -> Sending:
    return Sending(replace(reply, body=b""))


def _balancer(_: Reply) -> Sending:
    return Sending(Reply(503, _BALANCER, "text/html"))


def _reset(reply: Reply) -> Sending:
    return Sending(reply, reset=True)


def slow_body(seconds: float) -> Fault:
    """The whole answer, spread over so many seconds."""
    return Fault("slow_body", garble=lambda reply: Sending(reply, drip=seconds))


def silence(seconds: float) -> Fault:
    """Not a byte for so many seconds, then the connection is reset."""
    return Fault("silence", garble=lambda reply: Sending(reply, delay=seconds, reset=True))


_ALL = (
    Fault("throttle", reason="throttled"),
    Fault("five_hundred", reason="failed"),
    Fault("five_oh_three", reason="unavailable"),
    Fault("balancer", garble=_balancer),
    Fault("reset", garble=_reset),
    silence(2),
    Fault("cut_body", garble=_cut_body),
    Fault("cut_json", garble=_cut_json),
    Fault("html", garble=_html),
    Fault("empty_200", garble=_empty),
    slow_body(0.3),
    Fault("missing_key", result=_missing_key),
    Fault("denied", reason="denied"),
    Fault("expired_token", reason="expired"),
    Fault("unknown_key", reason="unknown_key"),
    Fault("skewed", reason="skewed"),
    Fault("repeated_token", result=_repeated_token, lasting=True),
    Fault("circle", result=_circle, lasting=True),
    Fault("empty_page", result=_empty_page),
    Fault("dropped_page", result=_dropped_page),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}
"""Every fault by name, for tests that go through all."""

NEED_PAGES = frozenset({"repeated_token", "circle", "empty_page", "dropped_page"})
"""Faults of listings in pages; no other request meets them, or counts for them."""

HARMLESS = frozenset({"slow_body", "empty_page"})
"""After these the client has the whole answer, without asking again for what it had."""


# -- when ----------------------------------------------------------------------------------------


@dataclass
class Rule:
    """A fault at some of the requests that it matches."""

    call: str
    fault: Fault
    nth: int
    times: int | None
    account: str | None
    region: str | None
    seen: int = 0

    def matches(self, call: str, account: str, region: str, *, paged: bool) -> bool:
        return (
            (paged or self.fault.name not in NEED_PAGES)
            and fnmatchcase(call, self.call)
            and self.account in (None, account)
            and self.region in (None, region)
        )

    def strikes(self) -> bool:
        """Counts a matching request, and says whether it is one of those that fail."""
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)


@dataclass
class Faults:
    """The faults of one cloud."""

    rules: list[Rule] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def at(
        self,
        call: str,
        fault: str | Fault,
        *,
        nth: int = 1,
        times: int | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> Rule:
        """Fails the ``nth`` matching request and the next ones, ``times`` in all.

        ``call`` may hold ``*``. ``times`` is 1 unless given, and without end for a fault that lasts.
        """
        kind = FAULTS[fault] if isinstance(fault, str) else fault
        if times is None and not kind.lasting:
            times = 1
        return self._add(Rule(call, kind, nth, times, account, region))

    def always(self, call: str, fault: str | Fault, **where: Any) -> Rule:
        """Fails every matching request from the first (or ``nth``) on."""
        kind = FAULTS[fault] if isinstance(fault, str) else fault
        given = {"nth": 1, "account": None, "region": None} | where
        return self._add(Rule(call, kind, times=None, **given))

    def _add(self, rule: Rule) -> Rule:
        with self._lock:
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self.rules.clear()

    def strike(self, call: str, account: str, region: str, *, paged: bool) -> Fault | None:
        """Counts a request, and gives what is to go wrong with it: the first rule's that strikes."""
        with self._lock:
            matching = [r for r in self.rules if r.matches(call, account, region, paged=paged)]
            striking = [rule for rule in matching if rule.strikes()]
        return striking[0].fault if striking else None
