"""Who one is, and becoming somebody else."""

from __future__ import annotations

import time

from tests.fakeaws.calls import Call, Result, answers

DEFAULT_LIFETIME = 3600


@answers("sts.get-caller-identity")
def identity(call: Call) -> Result:
    return {"UserId": call.key.id, "Account": call.account, "Arn": call.key.arn}


@answers("sts.assume-role")
def assume_role(call: Call) -> Result:
    role = call.cloud.role_of(call.get("RoleArn"))
    allowed = (
        role is not None
        and (not role.external_id or call.get("ExternalId") == role.external_id)
        and (not role.callers or call.account in role.callers)
    )
    if role is None or not allowed:
        said = f"User: {call.key.arn} is not authorized to perform: sts:AssumeRole on resource: {call.get('RoleArn')}"
        raise call.refusal("denied", said)
    lifetime = call.get("DurationSeconds", DEFAULT_LIFETIME)
    key = call.cloud.session_key(role, call.get("RoleSessionName"), call.region, lifetime)
    return {
        "Credentials": {
            "AccessKeyId": key.id,
            "SecretAccessKey": key.secret,
            "SessionToken": key.token,
            # The client compares it with the machine's clock, which need not be the cloud's.
            "Expiration": time.time() + lifetime,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"AROAEXAMPLE:{call.get('RoleSessionName')}",
            "Arn": key.arn,
        },
    }
