"""A small interpreter of Logs Insights QL: what the documentation has of it and a query here may need; anything else is malformed.

Values are texts or numbers; a text that is a number counts as one where a number is wanted. A field that is not there is ``None``: no
comparison holds for it, and a row of results does not show it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Value = str | float | None
Row = dict[str, Value]
Expression = Callable[[Row], Value]
Condition = Callable[[Row], bool]
Step = Callable[[list[Row]], list[Row]]

MOST_ROWS = 100_000
UNLIMITED_ROWS = 10_000
LONGEST_QUERY = 10_000

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)(?![\w.])|(?P<span>\d+[smhd])\b|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'
    |`(?P<quoted>[^`]+)`|(?P<name>[@A-Za-z_][\w@.]*)|(?P<sign>!=|<=|>=|[-=<>+*/%^(),\[\]|]))""",
    re.VERBOSE,
)


class Malformed(Exception):  # noqa: N818 - AWS's word
    """The query is none."""


@dataclass
class Query:
    """A query that was read."""

    steps: list[Step] = field(default_factory=list)
    limit: int = UNLIMITED_ROWS
    stats: int = 0
    shown: list[str] = field(default_factory=list)

    def run(self, events: Iterable[Mapping[str, Any]]) -> tuple[list[list[dict[str, str]]], int]:
        """The rows of results, and how many events passed the filters."""
        rows: list[Row] = [
            {
                "@message": event["message"], "@timestamp": float(event["timestamp"]),
                "@logStream": event["logStreamName"], "@ingestionTime": float(event["ingestionTime"]),
            }
            for event in events
        ]  # fmt: skip
        matched = len(rows)
        for number, step in enumerate(self.steps):
            rows = step(rows)
            if number < len(self.steps) - 1 or not self.stats:
                matched = len(rows)
        shown = rows[: self.limit]
        return [_result(row, self.shown or list(row)) for row in shown], matched


def parsed(text: str) -> Query:
    """Raises :class:`Malformed`."""
    if len(text) > LONGEST_QUERY:
        raise Malformed(f"a query of {len(text)} characters")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    query = Query()
    for command in _commands("\n".join(lines)):
        _add(query, _Reader(command))
    if not query.steps:
        raise Malformed("no command")
    return query


def _commands(text: str) -> list[str]:
    """Cut at pipes that are in no text and no regular expression."""
    found, start, at, inside = [], 0, 0, ""
    while at < len(text):
        sign = text[at]
        if inside:
            if sign == "\\":
                at += 1
            elif sign == inside:
                inside = ""
        elif sign in "\"'`" or (
            sign == "/"
            and re.search(r"(like|@?\w+)\s*\Z", text[start:at])
            and _regex_here(text, start, at)
        ):
            inside = sign
        elif sign == "|":
            found.append(text[start:at])
            start = at + 1
        at += 1
    if inside:
        raise Malformed(f"no end of {inside}")
    return [*found, text[start:]]


def _regex_here(text: str, start: int, at: int) -> bool:
    before = text[start:at].rstrip()
    return before.endswith("like") or bool(re.fullmatch(r"\s*parse\s+[@\w]+", before))


# -- reading -----------------------------------------------------------------------------------------


class _Reader:
    """The tokens of one command, and the expressions in it."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def peek(self) -> tuple[str, str]:
        """Kind and text of the next token; ``("", "")`` at the end."""
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            if self.text[self.at :].strip():
                raise Malformed(f"unexpected {self.text[self.at :].strip()[:30]!r}")
            return "", ""
        kind = str(found.lastgroup)
        return kind, found[kind]

    def take(self) -> tuple[str, str]:
        token = self.peek()
        found = _TOKEN.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return token

    def sees(self, *words: str) -> bool:
        """Takes the next token if it is one of some words or signs."""
        kind, text = self.peek()
        if kind in {"name", "sign"} and text in words:
            self.take()
            return True
        return False

    def must(self, word: str) -> None:
        if not self.sees(word):
            raise Malformed(f"{word!r} expected before {self.text[self.at :].strip()[:30]!r}")

    def name(self) -> str:
        kind, text = self.take()
        if kind not in {"name", "quoted"}:
            raise Malformed(f"a field expected, not {text!r}")
        return text

    def regex(self) -> re.Pattern[str]:
        found = re.compile(r"\s*/((?:[^/\\]|\\.)*)/").match(self.text, self.at)
        if found is None:
            raise Malformed("a regular expression expected")
        self.at = found.end()
        try:
            return re.compile(found[1].replace("(?<", "(?P<"))
        except re.error as error:
            raise Malformed(str(error)) from error

    def text_literal(self) -> str:
        kind, text = self.take()
        if kind not in {"double", "single"}:
            raise Malformed(f"a text expected, not {text!r}")
        return re.sub(r"\\(.)", r"\1", text)

    def end(self) -> None:
        if self.peek()[0]:
            raise Malformed(f"unexpected {self.peek()[1]!r}")

    # conditions

    def condition(self) -> Condition:
        one = self._both()
        while self.sees("or"):
            one = _either(one, self._both())
        return one

    def _both(self) -> Condition:
        one = self._test()
        while self.sees("and"):
            one = _and(one, self._test())
        return one

    def _test(self) -> Condition:
        if self.sees("not"):
            inner = self._test()
            return lambda row: not inner(row)
        begun = self.at
        if self.sees("("):
            try:
                inner = self.condition()
                self.must(")")
            except Malformed:
                self.at = begun
            else:
                if self.peek()[1] not in {
                    "=",
                    "!=",
                    "<",
                    "<=",
                    ">",
                    ">=",
                    "in",
                    "like",
                    "+",
                    "-",
                    "*",
                    "/",
                    "%",
                }:
                    return inner
                self.at = begun
        return self._comparison(self.expression())

    def _comparison(self, one: Expression) -> Condition:
        negative = self.sees("not")
        if self.sees("in"):
            wanted = self._list()
            return lambda row: any(_equal(one(row), value) for value in wanted) != negative
        if self.sees("like"):
            return self._like(one, negative=negative)
        for sign, test in _COMPARISONS.items():
            if not negative and self.sees(sign):
                return _compared(one, self.expression(), test)
        raise Malformed(f"no condition before {self.text[self.at :].strip()[:30]!r}")

    def _list(self) -> list[Value]:
        self.must("[")
        found: list[Value] = []
        while True:
            kind, text = self.peek()
            found.append(float(self.take()[1]) if kind == "number" else self.text_literal())
            del text
            if not self.sees(","):
                break
        self.must("]")
        return found

    def _like(self, one: Expression, *, negative: bool) -> Condition:
        if self.text[self.at :].lstrip().startswith("/"):
            pattern = self.regex()
            return lambda row: bool(pattern.search(_text(one(row)))) != negative
        part = self.text_literal()
        return lambda row: (part in _text(one(row))) != negative

    # expressions

    def expression(self) -> Expression:
        one = self._product()
        while self.peek()[1] in {"+", "-"} and self.peek()[0] == "sign":
            one = _arithmetic(self.take()[1], one, self._product())
        return one

    def _product(self) -> Expression:
        one = self._single()
        while self.peek()[1] in {"*", "/", "%", "^"} and self.peek()[0] == "sign":
            one = _arithmetic(self.take()[1], one, self._single())
        return one

    def _single(self) -> Expression:
        kind, text = self.peek()
        if kind == "number":
            self.take()
            number = float(text)
            return lambda _: number
        if kind in {"double", "single"}:
            literal = self.text_literal()
            return lambda _: literal
        if self.sees("("):
            inner = self.expression()
            self.must(")")
            return inner
        name = self.name()
        if kind == "name" and self.sees("("):
            return self._function(name)
        return lambda row: row.get(name)

    def _function(self, name: str) -> Expression:
        if name == "bin":
            kind, text = self.take()
            if kind != "span":
                raise Malformed("bin() takes a span such as 5m")
            self.must(")")
            width = (
                int(text[:-1]) * {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[text[-1]]
            )
            return lambda row: _binned(row, width)
        if name not in _FUNCTIONS:
            raise Malformed(f"no function {name}")
        fewest, most, function = _FUNCTIONS[name]
        arguments = self.arguments()
        if not fewest <= len(arguments) <= most:
            raise Malformed(f"{name}() takes {fewest} to {most} arguments")
        return lambda row: function(*(one(row) for one in arguments))

    def arguments(self) -> list[Expression]:
        found: list[Expression] = []
        if not self.sees(")"):
            found.append(self.expression())
            while self.sees(","):
                found.append(self.expression())
            self.must(")")
        return found


def _binned(row: Row, width: int) -> Value:
    stamp = _number(row.get("@timestamp"))
    return None if stamp is None else stamp - stamp % width


# -- commands ----------------------------------------------------------------------------------------


def _add(query: Query, reader: _Reader) -> None:
    command = reader.name()
    if command not in _COMMANDS:
        raise Malformed(f"no command {command!r}")
    _COMMANDS[command](query, reader)
    reader.end()


def _filter(query: Query, reader: _Reader) -> None:
    condition = reader.condition()
    query.steps.append(lambda rows: [row for row in rows if condition(row)])


def _fields(query: Query, reader: _Reader) -> None:
    added: list[tuple[str, Expression]] = []
    while True:
        begun = reader.at
        expression = reader.expression()
        shown = reader.text[begun : reader.at].strip()
        alias = reader.name() if reader.sees("as") else shown
        added.append((alias, expression))
        if not reader.sees(","):
            break
    query.steps.append(lambda rows: [row | {name: one(row) for name, one in added} for row in rows])


def _parse(query: Query, reader: _Reader) -> None:
    source = reader.name()
    if reader.text[reader.at :].lstrip().startswith("/"):
        pattern = reader.regex()
        if not pattern.groupindex:
            raise Malformed("a regular expression without named groups")
        names = list(pattern.groupindex)
        groups: list[str | int] = [*names]
    else:
        glob = reader.text_literal()
        reader.must("as")
        names = [reader.name()]
        while reader.sees(","):
            names.append(reader.name())
        if glob.count("*") != len(names):
            raise Malformed(f"{glob.count('*')} wildcards and {len(names)} names")
        pieces = [re.escape(piece) for piece in glob.split("*")]
        last = "(.*)" if glob.endswith("*") else "(.*?)"
        pattern = re.compile("(.*?)".join(pieces[:-1]) + last + pieces[-1], re.DOTALL)
        groups = [*range(1, len(names) + 1)]

    def step(rows: list[Row]) -> list[Row]:
        done = []
        for row in rows:
            found = pattern.search(_text(row.get(source)))
            done.append(
                row | dict(zip(names, map(found.group, groups), strict=True)) if found else row
            )
        return done

    query.steps.append(step)


def _stats(query: Query, reader: _Reader) -> None:
    query.stats += 1
    if query.stats > 2:
        raise Malformed("more than two stats commands")
    aggregates: list[tuple[str, Callable[[Sequence[Row]], Value]]] = []
    while True:
        aggregates.append(_aggregate(reader))
        if not reader.sees(","):
            break
    keys: list[tuple[str, Expression]] = []
    if reader.sees("by"):
        while True:
            begun = reader.at
            expression = reader.expression()
            shown = reader.text[begun : reader.at].strip()
            keys.append((reader.name() if reader.sees("as") else shown, expression))
            if not reader.sees(","):
                break

    def step(rows: list[Row]) -> list[Row]:
        groups: dict[tuple[Value, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(one(row) for _, one in keys), []).append(row)
        names = [name for name, _ in keys]
        return [
            dict(zip(names, values, strict=True)) | {name: one(some) for name, one in aggregates}
            for values, some in groups.items()
        ]

    query.steps.append(step)
    query.shown = [name for name, _ in [*keys, *aggregates]]


def _aggregate(reader: _Reader) -> tuple[str, Callable[[Sequence[Row]], Value]]:
    begun = reader.at
    name = reader.name()
    if name not in _AGGREGATES:
        raise Malformed(f"no aggregate {name!r}")
    reader.must("(")
    if name == "count" and reader.sees("*"):
        reader.must(")")
        function: Callable[[Sequence[Row]], Value] = lambda rows: float(len(rows))  # noqa: E731
    else:
        arguments = reader.arguments()
        if len(arguments) != 1:
            raise Malformed(f"{name}() takes one argument")
        function = _over(_AGGREGATES[name], arguments[0])
    shown = reader.text[begun : reader.at].strip()
    return (reader.name() if reader.sees("as") else shown), function


def _over(
    aggregate: Callable[[list[float]], Value], argument: Expression
) -> Callable[[Sequence[Row]], Value]:
    def run(rows: Sequence[Row]) -> Value:
        numbers = [n for n in (_number(argument(row)) for row in rows) if n is not None]
        return aggregate(numbers) if numbers else None

    return run


def _sort(query: Query, reader: _Reader) -> None:
    key = reader.expression()
    down = reader.sees("desc") or not (reader.sees("asc") or True)
    query.steps.append(lambda rows: sorted(rows, key=lambda row: _ordered(key(row)), reverse=down))


def _limit(query: Query, reader: _Reader) -> None:
    kind, text = reader.take()
    if kind != "number" or not text.isdigit() or not 1 <= int(text) <= MOST_ROWS:
        raise Malformed(f"limit {text}")
    query.limit = int(text)


_COMMANDS: Mapping[str, Callable[[Query, _Reader], None]] = {
    "fields": _fields, "filter": _filter, "parse": _parse, "stats": _stats, "sort": _sort, "limit": _limit,
}  # fmt: skip


# -- values ------------------------------------------------------------------------------------------


def _number(value: Value) -> float | None:
    if isinstance(value, str):
        try:
            return float(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else None
        except ValueError:
            return None
    return value


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return str(int(value)) if value == int(value) else repr(value)


def _equal(one: Value, other: Value) -> bool:
    if one is None or other is None:
        return False
    first, second = _number(one), _number(other)
    return (
        first == second if first is not None and second is not None else _text(one) == _text(other)
    )


def _ordered(value: Value) -> tuple[int, float, str]:
    number = _number(value)
    return (0, number, "") if number is not None else (1, 0.0, _text(value))


def _compared(one: Expression, other: Expression, test: Callable[[Any, Any], bool]) -> Condition:
    def holds(row: Row) -> bool:
        first, second = one(row), other(row)
        if first is None or second is None:
            return False
        numbers = _number(first), _number(second)
        return test(*numbers) if None not in numbers else test(_text(first), _text(second))

    return holds


def _either(one: Condition, other: Condition) -> Condition:
    return lambda row: one(row) or other(row)


def _and(one: Condition, other: Condition) -> Condition:
    return lambda row: one(row) and other(row)


def _arithmetic(sign: str, one: Expression, other: Expression) -> Expression:
    work = _ARITHMETIC[sign]

    def run(row: Row) -> Value:
        first, second = _number(one(row)), _number(other(row))
        if first is None or second is None or (sign in "/%" and not second):
            return None
        return work(first, second)

    return run


def _contains(text: Value, part: Value) -> Value:
    return None if text is None else float(_text(part) in _text(text))


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


def _extreme(choose: Callable[..., float]) -> Callable[..., Value]:
    def run(*values: Value) -> Value:
        numbers = [n for n in map(_number, values) if n is not None]
        return choose(numbers) if numbers else None

    return run


def _rounded(work: Callable[[float], float]) -> Callable[..., Value]:
    def run(value: Value) -> Value:
        number = _number(value)
        return None if number is None else float(work(number))

    return run


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b, "<": lambda a, b: a < b, ">": lambda a, b: a > b,
}  # fmt: skip

_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: a / b, "%": lambda a, b: a % b, "^": lambda a, b: a**b,
}  # fmt: skip

_FUNCTIONS: Mapping[str, tuple[int, int, Callable[..., Value]]] = {
    "strcontains": (2, 2, _contains),
    "concat": (1, 99, lambda *texts: "".join(map(_text, texts))),
    "coalesce": (1, 99, _coalesce),
    "floor": (1, 1, _rounded(math.floor)),
    "ceil": (1, 1, _rounded(math.ceil)),
    "abs": (1, 1, _rounded(abs)),
    "greatest": (1, 99, _extreme(max)),
    "least": (1, 99, _extreme(min)),
    "toMillis": (1, 1, _number),
}

_AGGREGATES: Mapping[str, Callable[[list[float]], Value]] = {
    "min": min, "max": max, "sum": sum, "count": lambda numbers: float(len(numbers)),
    "avg": lambda numbers: sum(numbers) / len(numbers),
}  # fmt: skip


def _result(row: Row, shown: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"field": name, "value": _text(value)}
        for name in shown
        if (value := row.get(name)) is not None
    ]
