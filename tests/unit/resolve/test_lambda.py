"""A Lambda interface is shared: who may have mounted through it, as far as each function's declarations are known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Attribution, Confidence, Function, OwnerKind, Version, Workload
from inventory.resolve.attribute import attribute
from inventory.resolve.networks import Networks
from tests.builders import (
    ACCOUNT,
    CLIENT_ENI,
    REGION,
    T,
    access_point,
    end,
    function,
    lambda_eni,
    seen,
    topology,
)

ENI = seen(lambda_eni())
POINT = seen(access_point("fsap-1"))


def who(*versions: Any, at: int = 100, **changes: Any) -> Attribution:
    (part,) = attribute(end(at, **changes), topology(ENI, POINT, *versions), Networks())
    return part.attribution


def said(found: Attribution) -> tuple[list[str], str]:
    return ([owner.id for owner in found.owners], found.confidence.value)


def test_the_one_that_declares_the_mount_and_not_the_one_in_the_description() -> None:
    found = who(
        seen(function("hinted")), seen(function("writer", "fsap-1")), seen(function("cleaner"))
    )
    assert said(found) == (["writer"], "exact")
    assert found.access_points == ("fsap-1",)
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:writer"
    assert (found.owners[0].arn, found.owners[0].workload) == (
        arn,
        Workload("lambda_function", "writer", arn),
    )


def test_two_that_declare_it_are_candidates() -> None:
    assert said(who(seen(function("a", "fsap-1")), seen(function("b", "fsap-1")))) == (
        ["a", "b"],
        "candidates",
    )


def test_two_that_declare_different_file_systems_are_told_apart() -> None:
    known = [
        seen(access_point("fsap-2", "fs-2")),
        seen(function("a", "fsap-1")),
        seen(function("b", "fsap-2")),
    ]
    assert said(who(*known)) == (["a"], "exact")
    assert said(who(*known, file_system_id="fs-2")) == (["b"], "exact")
    assert said(who(*known, file_system_id=""))[1] == "candidates"


@pytest.mark.parametrize("versions", [(), (seen(function("hinted")),)])
def test_when_none_is_left_nobody_is_named(versions: tuple[Version[Function], ...]) -> None:
    found = who(*versions)
    assert said(found) == ([CLIENT_ENI], "unknown")
    assert found.owners[0].kind is OwnerKind.LAMBDA_FUNCTION
    assert found.owners[0].name is None


@pytest.mark.parametrize(
    "changes",
    [
        {"subnet_ids": ("subnet-other",)},
        {"security_group_ids": ("sg-1", "sg-2")},
        {"security_group_ids": ()},
    ],
)
def test_subnet_and_security_groups_must_be_the_interfaces(changes: dict[str, Any]) -> None:
    assert said(who(seen(function("writer", "fsap-1", **changes))))[1] == "unknown"


def test_versions_of_one_function_are_one_owner() -> None:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:writer"
    published = Function(
        f"{arn}:7",
        "writer",
        "7",
        "",
        function().subnet_ids,
        ("sg-1",),
        function("x", "fsap-1").access_point_arns,
    )
    assert said(who(seen(function("writer")), seen(published))) == (["writer"], "exact")


def test_an_access_point_of_s3_files_is_no_mount_of_efs() -> None:
    arn = f"arn:aws:s3files:{REGION}:{ACCOUNT}:file-system/fs-1/access-point/fsap-9"
    assert said(who(seen(function("x", access_point_arns=(arn,)))))[1] == "unknown"
    assert said(
        who(seen(function("x", access_point_arns=(arn,))), seen(function("writer", "fsap-1")))
    ) == (["writer"], "exact")


def test_an_access_point_that_nobody_can_place_rules_nobody_out() -> None:
    assert said(who(seen(function("x", "fsap-gone")))) == (["x"], "inferred")
    both = who(seen(function("x", "fsap-gone")), seen(function("writer", "fsap-1")))
    assert said(both) == (["writer", "x"], "candidates")


def test_a_deleted_access_point_still_tells_its_file_system() -> None:
    gone = seen(access_point("fsap-3", "fs-3"), 0, 10, before=50)
    assert said(who(gone, seen(function("x", "fsap-3")), file_system_id="fs-3")) == (["x"], "exact")


# -- in time -------------------------------------------------------------------------------------


def test_a_mount_that_was_taken_away_between_two_sweeps() -> None:
    before = seen(function("a", "fsap-1"), 0, 50, before=200)
    after = seen(function("a"), 200, 300, after=50)
    other = seen(function("b", "fsap-1"))
    assert said(who(before, after, other, at=20)) == (["a", "b"], "candidates")
    assert said(who(before, after, other, at=100)) == (["a", "b"], "candidates")
    assert said(who(before, after, other, at=250)) == (["b"], "exact")
    assert said(who(before, after, at=100)) == (["a"], "inferred")


def test_last_modified_dates_a_change() -> None:
    before = seen(function("a", "fsap-1"), 0, 50, before=200)
    after = seen(function("a", last_modified=T + 80), 200, 300, after=50)
    assert said(who(before, after, seen(function("b", "fsap-1")), at=100)) == (["b"], "exact")


def test_a_state_that_no_sweep_contradicts_is_only_inferred() -> None:
    """After the last sweep, or before the first one: what was seen nearest, and nobody saw a change."""
    mounts, rest = function("a", "fsap-1"), function("b")
    assert said(who(seen(mounts, 0, 50), seen(rest, 0, 50), at=100)) == (["a"], "inferred")
    assert said(who(seen(mounts, 200, 300), seen(rest, 200, 300), at=100)) == (["a"], "inferred")


def test_last_modified_proves_the_time_before_the_first_sweep() -> None:
    mounts, rest = function("a", "fsap-1", last_modified=T), function("b", last_modified=T)
    assert said(who(seen(mounts, 200, 300), seen(rest, 200, 300), at=100)) == (["a"], "exact")


def test_what_was_modified_later_is_not_known_to_have_left_it_alone() -> None:
    mounts, rest = function("a", "fsap-1", last_modified=T), function("b", last_modified=T + 150)
    assert said(who(seen(mounts, 200, 300), seen(rest, 200, 300), at=100)) == (
        ["a", "b"],
        "candidates",
    )


def test_a_function_that_came_later_and_never_declared_it_is_out() -> None:
    late = seen(function("b", last_modified=T + 150), 200, 300, after=50)
    assert said(who(seen(function("a", "fsap-1")), late, at=100)) == (["a"], "inferred")


def test_a_function_that_is_not_there_is_no_candidate() -> None:
    gone = seen(function("b", "fsap-1"), 0, 50, before=90)
    assert said(who(seen(function("a", "fsap-1")), gone, at=100)) == (["a"], "exact")


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.booleans(),
            st.integers(0, 2),
            st.integers(0, 3),
            st.none() | st.integers(-50, 350),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda row: row[0],
    ),
    st.integers(0, 300),
)
def test_whoever_is_known_to_declare_it_is_never_left_out(rows: list[Any], moment: int) -> None:
    versions = []
    declaring = set()
    for name, mounts, first, length, modified in rows:
        value = function(
            name,
            *(["fsap-1"] if mounts else []),
            last_modified=None if modified is None else T + modified,
        )
        version = seen(
            value, first * 100, (first + length) * 100, after=first * 100 - 100 if first else None
        )
        versions.append(version)
        if mounts and version.certain(T + moment):
            declaring.add(name)
    found = who(*versions, at=moment)
    assert declaring <= {owner.id for owner in found.owners}
    if found.confidence is Confidence.EXACT:
        assert {owner.id for owner in found.owners} == declaring or found.owners[0].id in "abc"
