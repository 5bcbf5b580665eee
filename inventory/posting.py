"""Requests to other people's servers: a webhook, a CMDB. Bounded, tried again, and never sent where they must not go.

Names are resolved here and the address that was looked at is the one that is asked, so a name cannot answer twice differently. Redirects
are never followed. Loopback, private, link-local and all other addresses that are not public are refused unless the configuration allows
them: whoever can choose a URL must not reach the metadata service or a database behind the firewall with it (server-side request forgery).
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from inventory.errors import InventoryError, StoppedError

TRIES = 5
"""How often a request is sent that fails for a reason that passes."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the second try; each further pause is twice as long. What ``Retry-After`` asks for counts up to the longest."""

TIMEOUT = 30.0
"""Seconds to connect, and between two parts of an answer."""

MOST_SECONDS = 120.0
"""From the beginning of a request to the end of its answer: who sends a byte now and then is not waited for any longer."""

POLL = 0.1
"""Seconds between two looks whether the program stops."""

CUT_SECONDS = 1.0
"""To wait for a request whose connection was cut: it ends at once, but for one that has none yet."""

_CONNECTED = ("connect_tcp.complete", "start_tls.complete")
"""How httpcore's names of steps end that give a connection, by whatever proxy."""

MOST_BYTES = 16 * 1024 * 1024
"""Of an answer; more is a failure."""

_PASSES = {408, 425, 429, 500, 502, 503, 504}

# Its own line for each request would show the URL, which may hold a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)


class PostingError(InventoryError):
    """A server was not reached, or refused what was sent. ``status`` is what it answered, ``None`` when it did not."""

    def __init__(self, message: str, *, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    body: bytes


Resolver = Callable[[str, int], list[str]]
"""From host and port to addresses."""


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order. Raises ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address is anybody's on the internet; IPv4 inside of IPv6 is looked at as what it is."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inside = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inside is not None:
            return is_public(str(inside))
        if found not in _UNICAST:
            return False
    return found.is_global and not found.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is given to anybody (IANA); outside of it lie, too, translators of a site and what was given up."""


@dataclass
class Poster:
    """Sends to one server. Close it, or use it as a context."""

    what: str
    """How messages call the server; its URL may hold a secret."""
    allow_private: bool
    sleep: Callable[[float], None]
    resolve: Resolver = resolved
    auth: tuple[str, str] | None = None
    secret_url: bool = False
    """Whether nothing of the URL may be told."""
    is_over: Callable[[], bool] = lambda: False
    """Asked all the while; when it says so, what is at hand is given up with ``StoppedError``."""
    _client: httpx.Client = field(init=False, repr=False)
    _socket: socket.socket | None = field(init=False, default=None, repr=False)
    """Of the connection that was made last; requests are sent one after the other."""

    def __post_init__(self) -> None:
        # A proxy of the environment would connect in our place, to whatever the name means there.
        self._client = httpx.Client(
            auth=self.auth,
            timeout=TIMEOUT,
            follow_redirects=False,
            trust_env=self.allow_private,
            verify=ssl.create_default_context(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The answer to a request, which is sent up to :data:`TRIES` times. Raises :class:`PostingError`, also for any status but 2xx."""
        for pause in _pauses():
            reply, asked = self._tried(
                method, url, content, dict(headers or {}), last=pause is None
            )
            if reply is not None:
                return reply
            self.sleep(min(max(pause or 0.0, asked), LONGEST_PAUSE))
        raise AssertionError  # the last try returns or raises

    def _tried(
        self, method: str, url: str, content: bytes, headers: dict[str, str], *, last: bool
    ) -> tuple[Reply | None, float]:
        """The answer, or ``None`` with the seconds that the server asks to wait, when it is worth another try."""
        try:
            status, body, asked = self._in_time(method, url, content, headers)
        except httpx.LocalProtocolError:  # its text shows the header: a secret
            raise PostingError(
                f"{self.what} cannot be asked: what is to be sent holds characters that no header may",
                hint="look for line ends and blanks in the files of tokens",
            ) from None
        except (httpx.RequestError, OSError, UnicodeError) as error:
            if last:
                told = self._hiding(url, str(error)) or type(error).__name__
                raise PostingError(
                    f"{self.what} cannot be reached: {told}", hint=f"tried {TRIES} times"
                ) from (None if self.secret_url else error)
            return None, 0.0
        if 200 <= status < 300:  # noqa: PLR2004 - success
            return Reply(status, body), 0.0
        if status in _PASSES and not last:
            return None, asked
        raise self._refusal(status, body, url)

    def _refusal(self, status: int, body: bytes, url: str) -> PostingError:
        if 300 <= status < 400:  # noqa: PLR2004 - redirects
            return PostingError(
                f"{self.what} answered {status}: redirects are not followed",
                hint="configure the address that it leads to",
                status=status,
            )
        said = " ".join(body[:_LOOKED_AT].decode("utf-8", "replace").split())
        told = self._hiding(url, said)[:_TOLD]
        return PostingError(f"{self.what} answered {status}: {told or 'nothing'}", status=status)

    def _hiding(self, url: str, said: str) -> str:
        """What may be told of what a server said; errors of its protocol hold its words, too."""
        return _without(url, said) if self.secret_url else said

    def _in_time(
        self, method: str, url: str, content: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, float]:
        """As :meth:`_sent`, in a thread that is left behind when the program stops or :data:`MOST_SECONDS` are over.

        Its connection is cut then, so it ends by itself: closed under its eyes, it could go on with whatever is opened in that place.
        """
        sent: Future[tuple[int, bytes, float]] = Future()

        def send() -> None:
            try:
                sent.set_result(self._sent(method, url, content, headers))
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                sent.set_exception(error)

        threading.Thread(target=send, name=f"ask {self.what}", daemon=True).start()
        end = time.monotonic() + MOST_SECONDS
        while not wait([sent], POLL).done:
            over = self.is_over()
            if not over and time.monotonic() < end:
                continue
            self._cut()
            wait([sent], CUT_SECONDS)
            if over:
                raise StoppedError("the program was asked to stop", hint="the same is sent again")
            raise httpx.ReadTimeout(f"no whole answer within {MOST_SECONDS:.0f} s")
        return sent.result()

    def _cut(self) -> None:
        """Nothing more comes from the server, nor goes there; whoever waits for it wakes up."""
        if self._socket is not None:
            with suppress(OSError):  # it is closed already
                self._socket.shutdown(socket.SHUT_RDWR)

    def _watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Told by httpcore of every step of a request."""
        if event.endswith(_CONNECTED):
            self._socket = info["return_value"].get_extra_info("socket")

    def _sent(
        self, method: str, url: str, content: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, float]:
        target, extensions = url, dict[str, Any](trace=self._watch)
        if not self.allow_private:
            target, named, host = self._pinned(url)
            extensions |= named
            headers = {**headers, "Host": host}
        with self._client.stream(
            method, target, content=content, headers=headers, extensions=extensions
        ) as answer:
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise PostingError(f"{self.what} answered with more than {MOST_BYTES:,} bytes")
            after = answer.headers.get("Retry-After", "")
            return answer.status_code, bytes(body), float(after) if after.isdecimal() else 0.0

    def _pinned(self, url: str) -> tuple[str, dict[str, str], str]:
        """The URL with a public address in place of the name, with which TLS is still asked for; and the name for ``Host``."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = self.resolve(host, port)
        wrong = [address for address in addresses if not is_public(address)]
        if wrong or not addresses:
            raise PostingError(
                f"{self.what} is at {wrong[0] if wrong else 'no address'}, which is not public",
                hint="set allow_private = true if it is meant to be",
            )
        address = addresses[0]
        place = f"[{address}]" if ":" in address else address
        user, at, name = parts.netloc.rpartition("@")
        pinned = parts._replace(netloc=f"{user}{at}{place}:{port}").geturl()
        return pinned, {"sni_hostname": host}, name


_LOOKED_AT, _TOLD = 4_096, 200
"""Bytes of a refusal that are looked at, and characters of it that are told."""

_LEAST_SECRET = 6
"""Characters of a part of a URL that may be a secret; shorter ones are words that anybody uses."""


def _without(url: str, said: str) -> str:
    """What a server said, without what it repeats of the URL: many tell the path that they do not know, and it may be a secret."""
    parts = urlsplit(url)
    whole = [url, parts.path, parts.query, parts.username or "", parts.password or ""]
    inside = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    pieces = {piece for one in (*whole, *inside) for piece in (one, unquote(one))}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= _LEAST_SECRET:
            said = said.replace(piece, "***")
    return said


def _pauses() -> Iterator[float | None]:
    """Seconds to wait after each try; ``None`` after the last."""
    for number in range(TRIES - 1):
        yield FIRST_PAUSE * 2**number
    yield None
