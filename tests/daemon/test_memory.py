"""What is free is given back to the system."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from typing import NoReturn

import pytest

from inventory.daemon import memory
from tests.daemon.soaked import held

MIB = 1 << 20


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    memory._trim.cache_clear()
    yield
    memory._trim.cache_clear()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is asked")
def test_what_lies_free_between_what_is_in_use_is_given_back() -> None:
    pieces = [b"x" * 100_000 for _ in range(640)]
    kept = pieces[:: len(pieces) // 8]
    full = held()["rss"]
    del pieces
    memory.give_back()
    assert full - held()["rss"] > 30 * MIB
    assert all(set(piece) == {ord("x")} for piece in kept)


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> NoReturn:
        raise OSError

    monkeypatch.setattr(ctypes, "CDLL", refused)
    memory.give_back()
    memory._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    memory.give_back()
