"""Find the few lines that matter: a search over megabytes, so that only candidate lines are ever split into fields.

A *candidate* can hold port 2049 as a field of its own, or the words NODATA or SKIPDATA. Everything here works on blocks of whole lines,
each ended by a newline, in which white space is nothing but spaces (:func:`plain_spaces`).
"""

from __future__ import annotations

from collections.abc import Iterator

import stringzilla as sz  # type: ignore[import-not-found] # carries no types that are found

PORT = b"2049"
BETWEEN = b" 2049 "
find = sz.find
MAX_LINE = 65_536
"""Bytes of the longest line that is looked at; a longer one is malformed, and nothing of it is kept."""

_ODD = (b"\t", b"\r", b"\x0b", b"\x0c")
_SPACES = bytes.maketrans(b"\t\r\x0b\x0c", b"    ")
_HEADER_MARKS = (b"dstport", b"interface", b"tgw", b"resource")


def plain_spaces(chunk: bytes) -> bytes:
    """The chunk with every white space but the newline as a space; itself in the usual case that there is no other."""
    return chunk.translate(_SPACES) if any(odd in chunk for odd in _ODD) else chunk


def too_long(block: bytes) -> tuple[int, int] | None:
    """Where the first line of more than :data:`MAX_LINE` bytes begins and ends (at its newline)."""
    start, size = 0, len(block)
    while size - start > MAX_LINE:
        newline = block.rfind(b"\n", start, start + MAX_LINE + 1)
        if newline < 0:
            end = block.find(b"\n", start)
            return start, size if end < 0 else end
        start = newline + 1
    return None


def uniform(block: bytes, lines: int) -> bool:
    """Whether every line begins with the first line's first field, a number: then none is blank, a comment or a header.

    One search instead of six, for nearly every file: ``version`` or ``account-id`` come first.
    """
    space = block.find(b" ", 0, 32)
    if space < 1 or not block[:space].isdigit():
        return False
    return int(sz.count(block, b"\n" + block[: space + 1])) + 1 == lines


def may_hold_headers(block: bytes) -> bool:
    """Whether any line may be a header."""
    return any(sz.find(block, mark) >= 0 for mark in _HEADER_MARKS)


def may_hold_blanks(block: bytes) -> bool:
    """Whether any line may be blank, indented or a comment."""
    return block[:1] in (b"\n", b" ", b"#") or any(
        sz.find(block, mark) >= 0 for mark in (b"\n\n", b"\n ", b"\n#")
    )


def is_blank(line: bytes) -> bool:
    """Whether the line is no record at all: blank, or a comment."""
    text = line.lstrip()
    return not text or text.startswith(b"#")


def may_be_header(line: bytes) -> bool:
    """Whether it is worth asking if this line is a header."""
    return any(mark in line for mark in _HEADER_MARKS)


def count_lines(block: bytes) -> int:
    """The number of newlines."""
    return int(sz.count(block, b"\n"))


def count_port(block: bytes) -> int:
    """Roughly the number of lines with the port: enough to choose a way."""
    return int(sz.count(block, BETWEEN))


def has_port(line: bytes, *, first: bool, last: bool) -> bool:
    """Whether the port is a field of its own; at the line's edges only where the format has a port there."""
    return (
        BETWEEN in line
        or (first and line.startswith(b"2049 "))
        or (last and line.endswith(b" 2049"))
        or (first and last and line == PORT)
    )


def has_status(line: bytes) -> bool:
    """Whether the line may be a NODATA or SKIPDATA record."""
    return b"DATA" in line and (b"NODATA" in line or b"SKIPDATA" in line)


def lines_with(block: bytes, token: bytes) -> Iterator[bytes]:
    """Each line, without its newline, that holds ``token``; ``token`` may begin or end with the newline that bounds a line."""
    size, before, after = len(block), token[:1] == b"\n", token[-1:] == b"\n"
    position = 0
    while position < size:
        hit = find(block, token, position)
        if hit < 0:
            return
        start = hit + 1 if before else block.rfind(b"\n", position, hit) + 1 or position
        end = hit + len(token) - 1 if after else block.find(b"\n", start)
        yield block[start:end]
        # the newline that ends this line may begin the next one
        position = end if before else end + 1


def candidates(block: bytes, *, first: bool, last: bool, between: bool) -> Iterator[bytes]:
    """Each candidate line once; ``between``: also those that have the port between other values."""
    if between:
        yield from lines_with(block, BETWEEN)
    if first:
        yield from (line for line in lines_with(b"\n" + block, b"\n2049 ") if BETWEEN not in line)
    if last:
        found = lines_with(block, b" 2049\n")
        yield from (line for line in found if not has_port(line, first=first, last=False))
    if first and last:
        yield from (line for line in lines_with(b"\n" + block, b"\n2049\n") if line == PORT)
    for line in lines_with(block, b"DATA"):
        if has_status(line) and not has_port(line, first=first, last=last):
            yield line
