"""The one way to make a call: checked for what must be in its answer, its listings whole or an error."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from inventory.aws.faults import call_name, corrupt, translating
from inventory.errors import AwsError, AwsFault

if TYPE_CHECKING:
    from botocore.session import Session

    from inventory.aws.sessions import Aws

Answer = Mapping[str, Any]
Result = TypeVar("Result")

LISTING_TRIES = 3
"""How often a listing is begun again that was cut, garbled or bore the same page token twice."""

_TOKENS = ("NextToken", "nextToken", "NextMarker", "NextContinuationToken")
"""What a page bears when another one follows. One that comes again goes round in a circle, for ever."""


class Caller:
    """Calls of one account and region. Methods may be called from several threads."""

    def __init__(self, aws: Aws, session: Session, account: str, region: str) -> None:
        self.aws = aws
        self.account = account
        """Twelve digits; ``""`` until somebody asked who the credentials belong to."""
        self.region = region
        self._session = session

    def ask(
        self, service: str, operation: str, *, need: Sequence[str] = (), **parameters: Any
    ) -> Answer:
        """One call's answer, which holds every key of ``need``.

        ``operation`` in Python's spelling, ``describe_vpcs``. Raises ``AwsError``; AWS's own errors that are none of transport or
        permission keep their code in :attr:`~inventory.errors.AwsError.code`.
        """
        call = call_name(service, operation)
        return self.whole(lambda: _checked(self._call(service, operation, parameters), need, call))

    def pages(
        self, service: str, operation: str, *, need: Sequence[str], **parameters: Any
    ) -> Iterator[Answer]:
        """Every page of a listing, each with every key of ``need``.

        A page that is cut, or a token that comes twice, raises ``AwsError`` (after the pages before it): who collects pages must not
        take what it has for everything. :meth:`listed` begins again by itself.
        """
        call = call_name(service, operation)
        with translating(call, self.account):
            paginator = self._client(service).get_paginator(operation)
            seen: set[str] = set()
            for page in paginator.paginate(**parameters):
                yield _checked(page, need, call)
                tokens = {str(page[key]) for key in _TOKENS if page.get(key)}
                if tokens & seen:
                    raise corrupt(call, "a page token that came before")
                seen |= tokens

    def listed(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        """Everything that a listing holds under ``key``, or ``AwsError``. A cut listing is begun again, never passed on."""

        def whole() -> list[Any]:
            found: list[Any] = []
            for page in self.pages(service, operation, need=(key,), **parameters):
                found.extend(page[key])
            if None in found:
                raise corrupt(call_name(service, operation), f"an entry of {key} that is nothing")
            return found

        return self.whole(whole)

    def content(
        self, service: str, operation: str, size: int, piece: int, **parameters: Any
    ) -> Generator[bytes]:
        """The ``size`` bytes of an answer that is a stream, in pieces of at most ``piece``.

        Raises ``AwsError``, after the pieces before it, when other than these bytes come: what was made of a cut stream counts for nothing.
        :meth:`whole` reads again.
        """
        call = call_name(service, operation)
        body = self.ask(service, operation, need=("Body",), **parameters)["Body"]
        came = 0
        try:
            while came <= size and (some := _next(body, piece, call)):
                came += len(some)
                yield some
        finally:
            body.close()
        if came != size:
            raise corrupt(call, f"{came:,} of {size:,} bytes" if came < size else "too many bytes")

    def identity(self) -> str:
        """The account that the credentials belong to. Raises ``AwsError`` when it is not the one that was configured."""
        found = str(self.ask("sts", "get_caller_identity", need=("Account",))["Account"])
        if self.account and found != self.account:
            raise AwsError(
                AwsFault.DENIED,
                f"the credentials for account {self.account} belong to account {found}",
                hint="check role_arn and profile of this account under [[discover.accounts]]",
            )
        self.account = found
        return found

    def whole(self, work: Callable[[], Result]) -> Result:
        """What the work gives; it is begun again when an answer was cut or garbled, :data:`LISTING_TRIES` times in all."""
        for tried in range(1, LISTING_TRIES):
            try:
                return work()
            except AwsError as error:
                if error.fault is not AwsFault.CORRUPT:
                    raise
                self.aws.sleep(self.aws.patience.pause * 2 ** (tried - 1))
        return work()

    def _call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Answer:
        with translating(call_name(service, operation), self.account):
            answer: Answer = getattr(self._client(service), operation)(**parameters)
            return answer

    def _client(self, service: str) -> Any:  # noqa: ANN401 - botocore's clients have no static type
        return self.aws.client(self._session, self.account, service, self.region)


def _next(body: Any, size: int, call: str) -> bytes:  # noqa: ANN401 - botocore's stream has no static type
    try:
        return bytes(body.read(size))
    except (BotoCoreError, HTTPError) as error:  # it stopped, broke off, or its checksum is wrong
        raise corrupt(call, f"a stream that broke off ({type(error).__name__})") from error


def _checked(page: Answer, need: Sequence[str], call: str) -> Answer:
    missing = [key for key in need if page.get(key) is None]
    if missing:
        raise corrupt(call, f"an answer without {', '.join(missing)}")
    return page
