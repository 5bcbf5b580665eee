"""What AWS checks of parameters before it does anything: the limits in the service's model.

botocore itself checks types and lower limits before it sends; upper limits, enumerations and patterns
only AWS does.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.model import Shape

from tests.fakeaws import models
from tests.fakeaws.refusals import refusal


def check(service: str, given: Mapping[str, Any], shape: Shape | None) -> None:
    """Raises ``RefusalError``, worded as the service words it, at the first thing wrong."""
    style = models.style(models.service(service))
    for reason, problem in _structure(given, shape, ""):
        raise refusal(reason, service, style, problem)


Problems = Iterator[tuple[str, str]]


def _structure(given: Mapping[str, Any], shape: Shape | None, where: str) -> Problems:
    for name in getattr(shape, "required_members", ()):
        if name not in given:
            yield "missing", f"The request must contain the parameter {where}{name}"
    for name, member in models.members(shape).items():
        if name in given:
            yield from _value(given[name], member, f"{where}{name}")


def _value(given: Any, shape: Shape, where: str) -> Problems:  # noqa: ANN401 - as the shape says
    if shape.type_name == "structure":
        yield from _structure(given, shape, f"{where}.")
    elif shape.type_name == "list":
        yield from _limits(len(given), shape, f"the number of {where}")
        for item in given:
            yield from _value(item, shape.member, where)  # type: ignore[attr-defined]
    elif shape.type_name == "string":
        yield from _limits(len(given), shape, f"the length of {where}")
        yield from _text(given, shape, where)
    elif shape.type_name in {"integer", "long", "float", "double"}:
        yield from _limits(given, shape, where)


def _limits(size: float, shape: Shape, what: str) -> Problems:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        yield "invalid", f"{what} is {size}: expected from {least} to {most}"


def _text(given: str, shape: Shape, where: str) -> Problems:
    allowed: Sequence[str] | None = shape.metadata.get("enum")
    if allowed and given not in allowed:
        yield "invalid", f"{where} {given!r} is none of {', '.join(allowed)}"
    pattern = _pattern(shape.metadata.get("pattern"))
    if pattern and not pattern.search(given):
        yield "invalid", f"{where} {given!r} does not match {pattern.pattern}"


@functools.cache
def _pattern(pattern: str | None) -> re.Pattern[str] | None:
    """A model's pattern holds for the whole text; ``None`` where Python cannot read it."""
    if not pattern:
        return None
    try:
        return re.compile(rf"\A(?:{pattern})\Z")
    except re.error:
        return None
