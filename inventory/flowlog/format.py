"""Log formats: which fields a line has, in which order, and what that format cannot tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from inventory.errors import ConfigError
from inventory.flowlog.fields import DEFAULT, FIELDS, TRANSIT_GATEWAY

AUTO = "auto"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_HEADER_MARKS = frozenset({"dstport", "interface-id"}) | TRANSIT_GATEWAY
_LONGEST_HEADER = 8192


class Loss(NamedTuple):
    """A field that a format lacks, and what it therefore cannot tell."""

    field: str
    loss: str


@dataclass(frozen=True)
class LogFormat:
    """The fields of a line in order, by AWS's hyphenated names; fields that are not known are legal and carried past.

    Raises :class:`~inventory.errors.ConfigError` when a field is there twice: nobody could say which column counts.
    """

    names: tuple[str, ...]
    comma: bool = False
    """Comma separated (with underscore names, as tools write it); else by runs of white space."""

    def __post_init__(self) -> None:
        """Refuse what cannot be read without doubt."""
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            msg = f"log format names {', '.join(twice)} twice"
            raise ConfigError(msg, hint="each field once, as in the flow log's own LogFormat")

    @classmethod
    def parse(cls, text: str) -> LogFormat | None:
        """The format that a configuration or ``DescribeFlowLogs`` states: ``None`` for ``auto``.

        Takes ``default``, or ``${…}`` names with white space between them; hyphens or underscores. Raises
        :class:`~inventory.errors.ConfigError` for anything else.
        """
        given = text.strip()
        if given == AUTO or not given:
            return None
        if given == "default":
            return DEFAULT_FORMAT
        names = re.findall(r"\$\{([^{}]*)\}", given)
        rest = re.sub(r"\$\{[^{}]*\}", " ", given).replace(",", " ").strip()
        named = [_hyphened(name) for name in names]
        if rest or not names or None in named:
            msg = f"log format {given[:200]!r} is not one"
            raise ConfigError(
                msg, hint="auto, default, or the flow log's LogFormat: ${version} ${account-id} …"
            )
        return cls(tuple(name for name in named if name))

    @classmethod
    def header(cls, line: bytes) -> LogFormat | None:
        """The format that a header line states; ``None`` when the line is no header.

        A header is a line of nothing but well-formed field names, ``dstport`` or ``interface-id`` (or those of a transit gateway) among
        them. Raises :class:`~inventory.errors.ConfigError` when it names a field twice.
        """
        if len(line) > _LONGEST_HEADER or not line.isascii():
            return None
        comma = b"," in line
        tokens = (
            [token.strip() for token in line.decode().split(",")]
            if comma
            else line.decode().split()
        )
        names = [_hyphened(token) for token in tokens]
        if None in names or not _HEADER_MARKS.intersection(name for name in names if name):
            return None
        return cls(tuple(name for name in names if name), comma)

    @property
    def text(self) -> str:
        """In ``${…}`` form."""
        return " ".join(f"${{{name}}}" for name in self.names)

    @property
    def is_transit_gateway(self) -> bool:
        """It is another product's: no VPC flow log."""
        return not TRANSIT_GATEWAY.isdisjoint(self.names)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def place(self, name: str) -> int:
        """Column of a field; the number of columns when the format lacks it."""
        return self._places.get(name, len(self.names))

    def has(self, name: str) -> bool:
        """Whether the field is in the format."""
        return name in self._places

    def missing(self) -> tuple[Loss, ...]:
        """What this format cannot tell, by the field that would mend it, in AWS's order."""
        return tuple(
            Loss(field.name, field.loss)
            for field in FIELDS
            if field.loss and field.name not in self._places
        )


DEFAULT_FORMAT = LogFormat(DEFAULT)


def missing(text: str) -> tuple[Loss, ...]:
    """What batches of this format cannot tell; ``text`` as :attr:`Folded.format` has it, several by newline: what any of them lacks."""
    found: dict[str, Loss] = {}
    for one in text.split("\n"):
        known = LogFormat.parse(one)
        found.update({loss.field: loss for loss in (known.missing() if known else ())})
    return tuple(found[field.name] for field in FIELDS if field.name in found)


def _hyphened(name: str) -> str | None:
    """AWS's spelling of a field name, ``None`` when it is not the form of one."""
    return name.replace("_", "-") if _NAME.fullmatch(name) else None
