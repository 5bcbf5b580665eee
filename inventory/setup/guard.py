"""A service control policy that lets only named roles delete file systems and mount targets: EFS itself has no deletion protection.

SCPs give nobody a permission, and bind neither the management account nor service-linked roles
(https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html). In a session of a role ``aws:PrincipalArn`` is
the role's own ARN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from inventory.errors import UsageError

LONGEST = 5_120
"""Characters that an SCP may have, blanks and line ends among them (https://repost.aws/knowledge-center/organization-scp-size)."""

DELETING = ("elasticfilesystem:DeleteFileSystem", "elasticfilesystem:DeleteMountTarget")
"""What breaks every mount and cannot be undone."""

CUTTING_OFF = (
    "elasticfilesystem:DeleteAccessPoint",
    "elasticfilesystem:DeleteFileSystemPolicy",
    "elasticfilesystem:ModifyMountTargetSecurityGroups",
    "elasticfilesystem:PutFileSystemPolicy",
)
"""What keeps clients from mounting though everything is there. A scream test does some of it on purpose."""

_ROLE = re.compile(
    r"arn:aws(?:-[a-z]+)*:iam::(?P<account>\d{12}|\*):role/(?P<path>(?:[\x21-\x29\x2b-\x3e\x40-\x7e*?]*/)*)(?P<name>[\w+=,.@*?-]{1,64})",
    re.ASCII,
)
_SESSION = re.compile(r"arn:aws(?:-[a-z]+)*:sts::(\d{12}):assumed-role/([\w+=,.@-]+)/.*", re.ASCII)
_LEAST_NAMED = 3
"""Characters of a role's name that must be given: less is as good as everybody."""


def policy(roles: Sequence[str], *, strict: bool = False) -> str:
    """The policy as JSON; without a role it holds for everybody. Raises ``UsageError`` for what is no role's ARN, and for too many."""
    named = list(dict.fromkeys(roles))
    for role in named:
        _check(role)
    document = _document(named, DELETING + (CUTTING_OFF if strict else ()))
    for text in (json.dumps(document, indent=2), json.dumps(document, separators=(",", ":"))):
        if len(text) <= LONGEST:
            return text
    raise UsageError(
        f"with {len(named)} roles the policy is longer than the {LONGEST:,} characters that AWS takes",
        hint="give the roles one name in every account, and name that: arn:aws:iam::*:role/NAME",
    )


def _document(roles: Sequence[str], actions: Sequence[str]) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": "OnlyTheseRolesDeleteFileSystems",
        "Effect": "Deny",
        "Action": list(actions),
        "Resource": "*",
    }
    if roles:
        statement["Condition"] = {"ArnNotLike": {"aws:PrincipalArn": list(roles)}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _check(role: str) -> None:
    session = _SESSION.fullmatch(role)
    if session:
        raise UsageError(
            f"--role {role[:200]!r} is a session of a role",
            hint=f"name the role: arn:aws:iam::{session[1]}:role/{session[2]}",
        )
    found = _ROLE.fullmatch(role)
    if found is None:
        raise UsageError(
            f"--role {role[:200]!r} is no ARN of a role",
            hint="such as arn:aws:iam::123456789012:role/efs-remover, or arn:aws:iam::*:role/efs-remover for one in every account",
        )
    if len(found["name"].replace("*", "").replace("?", "")) < _LEAST_NAMED:
        raise UsageError(
            f"--role {role[:200]!r} is nearly every role, so nearly everybody could delete",
            hint="name the role",
        )


HOW_TO_ATTACH = """\
how to attach it, from the management account:
  aws organizations create-policy --type SERVICE_CONTROL_POLICY --name efs-guard --description "who may delete EFS file systems" --content file://guard.json
  aws organizations attach-policy --policy-id p-… --target-id ou-… (an organizational unit, an account, or the root)
it does not bind the management account itself, nor service-linked roles; it gives nobody a permission. Try it on one account first."""
"""For people, beside the policy."""
