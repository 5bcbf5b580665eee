"""Talking to AWS: the only sessions, and the one way to make a call.

Every call of the program goes through :class:`Caller`, so that each is counted, inside the day's budget, and *checked*: botocore turns a
cut or foreign answer of a JSON service into ``{}`` without an error, so a key that must be there and is not makes the call fail. A failure
is an :class:`~inventory.errors.AwsError` with its :class:`~inventory.errors.AwsFault`; it is never an empty list.

``AWS_ENDPOINT_URL`` and its relatives are honoured, as botocore does; an endpoint without TLS is refused unless it is on this machine.
"""

from inventory.aws.calling import Answer, Caller
from inventory.aws.faults import call_name, corrupt, has_no_name
from inventory.aws.metering import CallKey, Meter, Use
from inventory.aws.sessions import Aws, Patience, WayIn

__all__ = [
    "Answer",
    "Aws",
    "CallKey",
    "Caller",
    "Meter",
    "Patience",
    "Use",
    "WayIn",
    "call_name",
    "corrupt",
    "has_no_name",
]
