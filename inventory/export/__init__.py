"""The inventory as records for other systems (a CMDB): what is exported, whatever the file format.

Every record begins with ``schema_version, record_type, key, exported_at``. Keys are stable: they hold account and region and change neither
with names nor with time. File systems come by account, region and id, each followed by the clients that no earlier one had and by its
mounts, ordered by key: the same inventory gives the same export but for ``exported_at``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

SCHEMA_VERSION = 1

Record = dict[str, Any]

_MOUNTS = {"active", "idle", "ended", "unknown"}


class Asked(Protocol):
    """What exporting asks of :class:`inventory.answers.Answers`."""

    def list(self) -> Mapping[str, Any]:
        """Every file system."""

    def who(
        self, file_system: str, since: int | None = None, until: int | None = None
    ) -> Mapping[str, Any]:
        """Its clients in a window."""


def records(answers: Asked, *, exported_at: str) -> Iterator[Record]:
    """Every file system, client and mount, over all the time that is kept; one file system at a time is in memory.

    ``coverage`` of a file system is that of its whole life, as far back as it can have had mount targets. A mount whose ``is_mount`` is
    false is a contact and no relation: rejected, attempted, a probe, or ``possible`` (the format does not tell the server).
    """
    listed = sorted(answers.list()["file_systems"], key=file_system_key)
    told: set[str] = set()
    for entry in listed:
        answer = answers.who(entry["arn"] or entry["id"], 0, None)
        key = file_system_key(entry)
        yield (
            _record("file_system", key, exported_at)
            | dict(entry)
            | {"as_of": answer["as_of"], "coverage": answer["coverage"]}
        )
        clients: dict[str, Mapping[str, Any]] = {}
        mounts: dict[str, Record] = {}
        for possible in (False, True):
            for mount in answer["possible" if possible else "mounts"]:
                owners = [mount["client"]] if mount["client"] else mount["candidates"]
                clients |= {client_key(each): each for each in owners}
                found = _mount(mount, key, possible=possible, exported_at=exported_at)
                mounts[found["key"]] = found
        for client in sorted(clients.keys() - told):
            yield _record("client", client, exported_at) | dict(clients[client])
        told |= clients.keys()
        for mount_key in sorted(mounts):
            yield mounts[mount_key]


def file_system_key(file_system: Mapping[str, Any]) -> str:
    """``file_system/<account>/<region>/<id>``; ``-`` for what is not known."""
    return "/".join(
        (
            "file_system",
            file_system["account"] or "-",
            file_system["region"] or "-",
            file_system["id"],
        )
    )


def client_key(client: Mapping[str, Any]) -> str:
    """``client/<kind>/<account>/<region>/<id>``; ``-`` for what is not known."""
    return "/".join(
        ("client", client["kind"], client["account"] or "-", client["region"] or "-", client["id"])
    )


def _record(kind: str, key: str, exported_at: str) -> Record:
    return {
        "schema_version": SCHEMA_VERSION,
        "record_type": kind,
        "key": key,
        "exported_at": exported_at,
    }


def _mount(
    mount: Mapping[str, Any], file_system: str, *, possible: bool, exported_at: str
) -> Record:
    client = client_key(mount["client"]) if mount["client"] else None
    candidates = sorted(client_key(each) for each in mount["candidates"])
    key = " ".join(
        ("possible" if possible else "mount", file_system, client or "+".join(candidates))
    )
    rest = {name: value for name, value in mount.items() if name not in {"client", "candidates"}}
    return (
        _record("mount", key, exported_at)
        | {
            "file_system": file_system,
            "client": client,
            "candidates": candidates,
            "is_mount": mount["state"] in _MOUNTS and not possible,
            "possible": possible,
        }
        | rest
    )
