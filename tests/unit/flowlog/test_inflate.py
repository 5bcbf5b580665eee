"""Gzip in every state in which files are found."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.flowlog.inflate import BOMB_GRACE, InflateError, inflate

TEXT = b"".join(b"line %d of some text\n" % number for number in range(20_000))


def run(data: bytes, size: int = 1000) -> tuple[bytes, str]:
    """What was delivered, and the fault."""
    found = []
    try:
        for chunk in inflate(data[at : at + size] for at in range(0, len(data), size)):
            assert 0 < len(chunk) <= 2**20
            found.append(chunk)
    except InflateError as error:
        return b"".join(found), str(error)
    return b"".join(found), ""


@given(st.lists(st.binary(max_size=50), max_size=4), st.integers(0, 20), st.integers(1, 40))
def test_members_follow_each_other_and_zeros_may_follow(
    parts: list[bytes], zeros: int, size: int
) -> None:
    data = b"".join(map(gzip.compress, parts)) + bytes(zeros)
    if parts:
        assert run(data, size) == (b"".join(parts), "")


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_names_and_comments_in_the_header_are_passed(size: int) -> None:
    body = zlib.compressobj(wbits=-15)
    deflated = body.compress(b"hello") + body.flush()
    head = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x03\x00abcname\x00remark\x00\x12\x34"
    trailer = zlib.crc32(b"hello").to_bytes(4, "little") + (5).to_bytes(4, "little")
    assert run(head + deflated + trailer, size) == (b"hello", "")


@pytest.mark.parametrize("left", [5, 11, 1000, -9, -4, -1])
def test_what_comes_before_a_cut_is_delivered(left: int) -> None:
    found, fault = run(gzip.compress(TEXT)[:left])
    assert fault.startswith("cut")
    assert TEXT.startswith(found)
    if left < 0:
        assert len(found) > len(TEXT) * 0.9


def test_a_wrong_checksum_is_told_after_everything() -> None:
    data = bytearray(gzip.compress(TEXT))
    data[-6] ^= 1
    assert run(bytes(data)) == (TEXT, "corrupt: the checksum of the compressed data is wrong")


def test_corrupt_data_is_told() -> None:
    data = bytearray(gzip.compress(TEXT))
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    found, fault = run(bytes(data))
    assert fault.startswith("corrupt")
    assert found[:10_000] == TEXT[:10_000]


def test_garbage_behind_the_end_is_told_after_everything() -> None:
    assert run(gzip.compress(TEXT) + b"\0\0garbage") == (
        TEXT,
        "followed by bytes that are no compressed data",
    )
    found, fault = run(gzip.compress(TEXT) + b"\x1f\x8b\x07garbage-that-is-long-enough")
    assert (found, fault.split(":")[0]) == (TEXT, "corrupt")


def test_a_bomb_is_stopped_at_once() -> None:
    found, fault = run(gzip.compress(bytes(200 * 2**20), 9), 262_144)
    assert "bomb" in fault
    assert len(found) <= BOMB_GRACE + 60 * 2**20


def test_short_texts_may_repeat_themselves() -> None:
    same = b"the same line again\n" * 300_000
    assert run(gzip.compress(same, 9)) == (same, "")


@given(st.binary(max_size=60), st.integers(1, 30))
def test_any_bytes_are_a_fault_at_most(data: bytes, size: int) -> None:
    run(b"\x1f\x8b\x08" + data, size)
