"""S3 Files: file systems over buckets, and their mount targets."""

from __future__ import annotations

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError


def _pages(key: str) -> Pages:
    return Pages(key, "nextToken", size="maxResults", most=100, unasked=100)


@answers("s3files.list-file-systems", _pages("fileSystems"))
def file_systems(call: Call) -> Result:
    bucket = call.get("bucket")
    return {"fileSystems": [r for r in call.rows() if bucket in (None, r.get("bucket"))]}


@answers("s3files.list-mount-targets", _pages("mountTargets"))
def mount_targets(call: Call) -> Result:
    """Of one file system, or of all."""
    if call.get("accessPointId"):
        raise NotImplementedError("mount targets by access point")
    given = call.get("fileSystemId")
    if given is None:
        return {"mountTargets": list(call.rows())}
    wanted = given.rpartition("/")[2]
    if wanted not in {row["fileSystemId"] for row in call.rows("s3files.list-file-systems")}:
        said = f"File system {given} does not exist"
        raise RefusalError(
            "ResourceNotFoundException", said, 404, {"errorCode": "ResourceNotFound"}
        )
    return {"mountTargets": [row for row in call.rows() if row["fileSystemId"] == wanted]}
