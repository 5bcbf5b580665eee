"""A database that is ready to use, on both kinds, and transactions in it that leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import URL, Connection, Engine

from inventory.store import engine
from tests.answers.conftest import Filled, upgraded


@pytest.fixture
def url(database_url: str, filled: Filled) -> URL:
    """An empty database with the newest schema."""
    filled("upgraded", upgraded)
    return engine.parse(database_url)


@pytest.fixture
def writer(url: URL) -> Iterator[Engine]:
    opened = engine.writer_engine(url)
    yield opened
    opened.dispose()


@pytest.fixture
def conn(writer: Engine) -> Iterator[Connection]:
    """An open transaction that is not kept."""
    with writer.connect() as connection, connection.begin():
        yield connection


@pytest.fixture
def fresh(writer: Engine) -> Callable[[], AbstractContextManager[Connection]]:
    """Transactions for one example each: nothing of one is seen by the next."""

    @contextmanager
    def begin() -> Iterator[Connection]:
        with writer.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            finally:
                transaction.rollback()

    return begin
