"""EFS: file systems, and what belongs to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError

Row = Mapping[str, Any]

_OLD = Pages("FileSystems", "Marker", "NextMarker", "MaxItems", most=100, unasked=100, capped=True)
_OLD_TARGETS = Pages(
    "MountTargets", "Marker", "NextMarker", "MaxItems", most=100, unasked=100, capped=True
)


def _pages(key: str) -> Pages:
    return Pages(key, most=100, unasked=100, capped=True)


def _not_found(what: str, name: str) -> RefusalError:
    code = f"{what}NotFound"
    return RefusalError(code, f"{what} '{name}' does not exist.", 404, {"ErrorCode": code})


def _id(given: str | None) -> str | None:
    """Ids may be given as ARNs."""
    return given and given.rpartition("/")[2]


def _one(call: Call, listing: str, key: str, given: str, what: str) -> Row:
    for row in call.rows(listing):
        if row[key] == _id(given):
            found: Row = row
            return found
    raise _not_found(what, given)


def _file_system(call: Call, given: str) -> str:
    row = _one(call, "efs.describe-file-systems", "FileSystemId", given, "FileSystem")
    return str(row["FileSystemId"])


def _access_point(call: Call, given: str) -> Row:
    return _one(call, "efs.describe-access-points", "AccessPointId", given, "AccessPoint")


def _exclusive(call: Call, *names: str, needed: bool = False) -> None:
    given = [name for name in names if name in call.parameters]
    if len(given) > 1 or (needed and not given):
        which = "exactly one" if needed else "only one"
        raise call.refusal("invalid", f"Specify {which} of {', '.join(names)}.")


@answers("efs.describe-file-systems", _OLD)
def file_systems(call: Call) -> Result:
    _exclusive(call, "FileSystemId", "CreationToken")
    rows = list(call.rows())
    given, token = call.get("FileSystemId"), call.get("CreationToken")
    if given:
        wanted = _file_system(call, given)
        rows = [row for row in rows if row["FileSystemId"] == wanted]
    if token:
        rows = [row for row in rows if row.get("CreationToken") == token]
    return _marked(call, {"FileSystems": rows})


@answers("efs.describe-mount-targets", _OLD_TARGETS)
def mount_targets(call: Call) -> Result:
    _exclusive(call, "FileSystemId", "AccessPointId", "MountTargetId", needed=True)
    rows = call.rows()
    target, point = call.get("MountTargetId"), call.get("AccessPointId")
    if target:
        rows = [_one(call, call.name, "MountTargetId", target, "MountTarget")]
        return _marked(call, {"MountTargets": rows})
    system = _access_point(call, point)["FileSystemId"] if point else call.get("FileSystemId")
    wanted = _file_system(call, system)
    return _marked(call, {"MountTargets": [r for r in rows if r["FileSystemId"] == wanted]})


def _marked(call: Call, result: Result) -> Result:
    """The marker that was asked with comes back, as the manual says."""
    marker = call.get("Marker")
    return result | ({"Marker": marker} if marker else {})


@answers("efs.describe-access-points", _pages("AccessPoints"))
def access_points(call: Call) -> Result:
    _exclusive(call, "AccessPointId", "FileSystemId")
    point, system = call.get("AccessPointId"), call.get("FileSystemId")
    if point:
        return {"AccessPoints": [_access_point(call, point)]}
    if not system:
        return {"AccessPoints": list(call.rows())}
    wanted = _file_system(call, system)
    return {"AccessPoints": [row for row in call.rows() if row["FileSystemId"] == wanted]}


@answers("efs.describe-replication-configurations", _pages("Replications"))
def replications(call: Call) -> Result:
    rows = list(call.rows())
    system = call.get("FileSystemId")
    if system:
        wanted = _file_system(call, system)
        rows = [row for row in rows if wanted in _sides(row)]
    if not rows:
        raise _not_found("Replication", system or call.account)
    return {"Replications": rows}


def _sides(row: Row) -> list[str]:
    return [row["SourceFileSystemId"], *(end["FileSystemId"] for end in row["Destinations"])]


@answers("efs.describe-file-system-policy")
def policy(call: Call) -> Result:
    wanted = _file_system(call, call.get("FileSystemId"))
    for row in call.rows():
        if row["FileSystemId"] == wanted:
            return dict(row)
    raise _not_found("Policy", wanted)
