"""FSx: file systems."""

from __future__ import annotations

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError


@answers("fsx.describe-file-systems", Pages("FileSystems", most=50, unasked=50, capped=True))
def file_systems(call: Call) -> Result:
    wanted = call.get("FileSystemIds")
    rows = list(call.rows())
    if not wanted:
        return {"FileSystems": rows}
    missing = set(wanted) - {row["FileSystemId"] for row in rows}
    if missing:
        raise RefusalError("FileSystemNotFound", f"File system '{min(missing)}' does not exist.")
    return {"FileSystems": [row for row in rows if row["FileSystemId"] in wanted]}
