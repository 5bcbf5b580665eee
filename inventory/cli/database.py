"""``db``: the schema, and copying everything to another database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from inventory.cli.face import Face

if TYPE_CHECKING:
    from inventory.store import SchemaStatus


@click.group()
def db() -> None:
    """Bring the database up to date, show its version, copy it."""


@db.command()
@click.pass_obj
def upgrade(face: Face) -> None:
    """Bring the database's schema to this program's version."""
    with face.store(write=True) as store:
        store.upgrade()
        click.echo(_words(store.current()))


@db.command()
@click.pass_obj
def current(face: Face) -> None:
    """Show the version of the database's schema, and whether this program can use it."""
    with face.store() as store:
        click.echo(_words(store.current()))


@db.command()
@click.argument("url")
@click.pass_obj
def copy(face: Face, url: str) -> None:
    """Copy everything to another, empty database, such as postgresql://user@host/name.

    A relative path, as in sqlite:///other.db, counts from the folder of the configuration.
    """
    target = face.database_url(url)
    with face.store() as store:
        copied = store.copy(target)
    for table, rows in copied.items():
        click.echo(f"{table}: {rows:,} rows")


def _words(status: SchemaStatus) -> str:
    """What a schema's state means for this program."""
    meaning = {
        "empty": "nothing is there yet; `efs-inventory db upgrade` makes it",
        "older": f"older than this program's {status.head}; `efs-inventory db upgrade` brings it up to date",
        "current": "up to date",
        "newer": f"newer than this program's {status.head}: upgrade the program",
    }
    return f"schema {status.revision or 'none'}: {meaning[status.state]}"
