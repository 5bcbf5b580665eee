"""Gzip as flow logs come in it: several members, cut, corrupt, or a bomb. Bytes in, bytes out; memory stays small whatever comes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from isal import igzip_lib, isal_zlib

MAGIC = b"\x1f\x8b"
PIECE = 262_144
"""Bytes that are best given at once."""

BOMB_RATIO = 200
"""Flow logs shrink by a factor of 5 to 15; deflate itself can do 1,030."""

BOMB_GRACE = 8 * 2**20
"""Inflated bytes before the ratio is asked for: short texts may well repeat themselves."""

_FIRST_STEP = 4096  # small steps first: what an error swallows is at most one step
_LAST_STEP = 2**18
_HEADER = 10
_TRAILER = 8
_LONGEST_HEADER = 65_536
_FLAGS = {"crc": 2, "extra": 4, "name": 8, "comment": 16}


class InflateError(Exception):
    """The stored bytes are not whole: cut, corrupt, a bomb, or followed by something else. What came before was delivered."""


def inflate(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The content of all members in turn, in chunks of at most 1 MiB.

    Trailing zeros are legal. Raises :class:`InflateError`, after everything before the fault was delivered (but for the step in which it
    lies, 4 KiB to 1 MiB).
    """
    given = _Input(pieces)
    delivered = 0
    while given.more():
        if not given.starts_with(MAGIC):
            given.check_padding()
            return
        given.skip_header()
        member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
        checksum, size, step = 0, 0, _FIRST_STEP
        while not member.eof:
            chunk = _step(member, given, step)
            step = min(2 * step, _LAST_STEP)
            checksum, size = isal_zlib.crc32(chunk, checksum), size + len(chunk)
            delivered += len(chunk)
            if chunk:
                yield chunk
            if delivered > BOMB_GRACE and delivered > BOMB_RATIO * given.taken:
                msg = f"inflates to more than {BOMB_RATIO} times its size: a compression bomb"
                raise InflateError(msg)
        given.give_back(member.unused_data)
        if struct.unpack("<II", given.take(_TRAILER)) != (checksum, size & 0xFFFF_FFFF):
            msg = "corrupt: the checksum of the compressed data is wrong"
            raise InflateError(msg)


def _step(member: igzip_lib.IgzipDecompressor, given: _Input, step: int) -> bytes:
    """At most ``step`` bytes more of the member."""
    piece = b""
    if member.needs_input:
        piece = given.next()
        if not piece:
            msg = "cut: the compressed data ends early"
            raise InflateError(msg)
    try:
        return bytes(member.decompress(piece, step))
    except igzip_lib.IsalError:  # type: ignore[misc] # the stubs call it a variable
        msg = "corrupt: the compressed data cannot be inflated"
        raise InflateError(msg) from None


class _Input:
    """The stored bytes, with those given back."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""
        self.taken = 0
        """Bytes that came so far."""

    def _fetch(self) -> bool:
        for piece in self._pieces:
            if piece:
                self.taken += len(piece)
                self._held += piece
                return True
        return False

    def more(self) -> bool:
        return bool(self._held) or self._fetch()

    def starts_with(self, magic: bytes) -> bool:
        while len(self._held) < len(magic) and self._fetch():
            pass
        return self._held.startswith(magic) or (bool(self._held) and magic.startswith(self._held))

    def next(self) -> bytes:
        """Whatever is there, at least one byte unless it is the end."""
        if not self.more():
            return b""
        piece, self._held = self._held, b""
        return piece

    def give_back(self, data: bytes) -> None:
        self._held = data + self._held

    def take(self, size: int) -> bytes:
        while len(self._held) < size:
            if not self._fetch():
                msg = "cut: the compressed data ends early"
                raise InflateError(msg)
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    def skip_header(self) -> None:
        """RFC 1952, section 2.3."""
        head = self.take(_HEADER)
        if head[2] != 8:  # noqa: PLR2004 - deflate, the only method there is
            msg = "corrupt: not a compression that gzip has"
            raise InflateError(msg)
        flags = head[3]
        if flags & _FLAGS["extra"]:
            self.take(int.from_bytes(self.take(2), "little"))
        for flag in ("name", "comment"):
            if flags & _FLAGS[flag]:
                for _ in range(_LONGEST_HEADER):
                    if self.take(1) == b"\0":
                        break
        if flags & _FLAGS["crc"]:
            self.take(2)

    def check_padding(self) -> None:
        """Raises :class:`InflateError` unless nothing but zeros is left."""
        while self.more():
            piece = self.next()
            if piece.strip(b"\0"):
                msg = "followed by bytes that are no compressed data"
                raise InflateError(msg)
