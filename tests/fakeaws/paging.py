"""How a listing is cut into pages: by which parameters, how large, and what a token is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pages:
    """A listing's paging, in the words of its operation."""

    key: str
    """The list in the answer."""
    token: str = "NextToken"
    """The parameter that continues."""
    more: str = ""
    """Where the answer holds it; ``""`` when it is called the same."""
    size: str = "MaxResults"
    least: int = 1
    most: int = 1000
    unasked: int | None = None
    """Entries of a page when no size is asked for; ``None``: all."""
    capped: bool = False
    """A size above ``most`` is lowered, not refused."""

    @property
    def next(self) -> str:
        return self.more or self.token

    def wrong_size(self, parameters: Mapping[str, Any]) -> str:
        """What is wrong with the size that is asked for; ``""`` if nothing."""
        size = parameters.get(self.size)
        if size is None or (self.least <= size and (size <= self.most or self.capped)):
            return ""
        return f"{self.size} is {size}: expected from {self.least} to {self.most}"

    def page(
        self, whole: Mapping[str, Any], parameters: Mapping[str, Any], limit: int | None
    ) -> dict[str, Any]:
        """The page that is asked for, of at most ``limit`` entries. Raises ``ValueError`` for a token that none gave."""
        entries = whole[self.key]
        begin = read_token(parameters[self.token]) if self.token in parameters else 0
        sizes = [parameters.get(self.size, self.unasked), limit, self.most if self.capped else None]
        end = min([begin + size for size in sizes if size is not None], default=len(entries))
        page = {**whole, self.key: entries[begin:end]}
        return page | ({self.next: token(end)} if end < len(entries) else {})


def token(offset: int, salt: str = "") -> str:
    """A token that continues at an entry; tokens with another salt differ and mean the same."""
    return base64.b64encode(f"after:{offset}:{salt}".encode()).decode()


def read_token(given: str) -> int:
    """Where a token continues. Raises ``ValueError``."""
    try:
        word, offset, _ = base64.b64decode(given, validate=True).decode().split(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(given) from error
    if word != "after":
        raise ValueError(given)
    return int(offset)
