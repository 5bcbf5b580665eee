"""Typed values and the text they are stored as: JSON in one spelling, so that equal values have equal digests.

A field at its default is left out. A field that a later version of the program adds therefore changes no digest of what was stored before.
The text is plain ASCII whatever AWS or a file name holds: no database refuses it, and what comes back is what went in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from hashlib import blake2b
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

V = TypeVar("V")

DIGEST_BYTES = 16

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def to_json(value: object) -> str:
    """``value``, one of our frozen dataclasses, as canonical JSON."""
    return _encode(_plain(value))


def from_json(kind: type[V], body: str) -> V:
    """The value of class ``kind`` that :func:`to_json` wrote; tuples are tuples again, fields nobody knows any more are dropped."""
    value: V = _decoder(cast("Hashable", kind))(json.loads(body))
    return value


def digest(body: str) -> str:
    """What stands for ``body`` in keys and comparisons."""
    return blake2b(body.encode(), digest_size=DIGEST_BYTES).hexdigest()


def storable(text: str) -> str:
    """``text`` as both databases can hold it: PostgreSQL has no NUL, neither takes halves of surrogate pairs; both become escapes.

    Plain text is returned as it is. Two texts stay different ones, unless one spells the escape of the other.
    """
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


@lru_cache(maxsize=64)
def _shape(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    """Name and default of every field; a default of its own kind of nothing for those that are always written."""
    shape = []
    for one in fields(kind):
        default = one.default
        if default is MISSING and one.default_factory is not MISSING:
            default = one.default_factory()
        shape.append((one.name, default))
    return tuple(shape)


def _plain(value: object) -> object:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        found = ((name, getattr(value, name), default) for name, default in _shape(type(value)))
        return {
            name: _plain(item)
            for name, item, default in found
            if default is MISSING or item != default
        }
    message = f"no way to store a {type(value).__name__}"
    raise TypeError(message)


@lru_cache(maxsize=256)
def _decoder(kind: Hashable) -> Callable[[Any], Any]:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        inner = _decoder(next(one for one in get_args(kind) if one is not NoneType))
        return lambda raw: None if raw is None else inner(raw)
    if origin is tuple:
        return _tuple_decoder(get_args(kind))
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        decoders = {one.name: _decoder(hints[one.name]) for one in fields(kind)}
        return lambda raw: kind(
            **{name: decoders[name](item) for name, item in raw.items() if name in decoders}
        )
    if isinstance(kind, type) and issubclass(kind, str) and kind is not str:
        return kind
    return _same


def _tuple_decoder(parts: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(parts) == 2 and parts[1] is Ellipsis:  # noqa: PLR2004 - tuple[T, ...] has two arguments
        inner = _decoder(parts[0])
        return tuple if inner is _same else lambda raw: tuple(inner(item) for item in raw)
    decoders = tuple(_decoder(part) for part in parts)
    return lambda raw: tuple(decode(item) for decode, item in zip(decoders, raw, strict=True))


def _same(raw: object) -> object:
    return raw
