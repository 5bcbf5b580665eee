"""CloudTrail events as LookupEvents prints them, made up: of the shape of recorded ones, with more in them than anybody may keep."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from inventory.model import iso
from tests.builders import ACCOUNT, CLIENT, CLIENT_ENI, FS, REGION, SUBNET, VPC, T

SECRET = "planted-9b3e"
EFS, EC2 = "elasticfilesystem.amazonaws.com", "ec2.amazonaws.com"


def event(name: str, source: str, at: int, **content: Any) -> dict[str, Any]:
    """One entry of ``Events``, ``at`` seconds past ``T``."""
    event_id = f"{name}-{at}"
    inner = {
        "eventVersion": "1.09",
        "eventID": event_id,
        "eventTime": iso(T + at),
        "eventSource": source,
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": SECRET,
        "userAgent": SECRET,
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "AssumedRole", "accessKeyId": SECRET},
    }
    return {
        "EventId": event_id,
        "EventName": name,
        "EventSource": source,
        "EventTime": iso(T + at),
        "Username": SECRET,
        "Resources": [{"ResourceType": "AWS::EC2::NetworkInterface", "ResourceName": SECRET}],
        "CloudTrailEvent": json.dumps(inner | content),
    }


def new_client_connection(
    at: int = 100,
    session: str = "writer",
    *,
    address: str = CLIENT,
    from_instance: bool = False,
    access_points: Iterable[str] = ("fsap-9",),
    **content: Any,
) -> dict[str, Any]:
    """A client that was authorised by IAM: an event of the service, without request and response."""
    arn = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}"
    named = [("FileSystem", f"{arn}:file-system/{FS}")]
    named += [("AccessPoint", f"{arn}:access-point/{point}") for point in access_points]
    context = {"sessionIssuer": {"arn": SECRET}, "attributes": {"creationDate": SECRET}}
    values: dict[str, Any] = {
        "eventType": "AwsServiceEvent",
        "readOnly": True,
        "requestParameters": None,
        "responseElements": None,
        "userIdentity": {
            "type": "AssumedRole",
            "accessKeyId": SECRET,
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/role/{session}",
            "sessionContext": context | ({"ec2RoleDelivery": "2.0"} if from_instance else {}),
        },
        "resources": [
            {"accountId": ACCOUNT, "type": f"AWS::EFS::{kind}", "ARN": name} for kind, name in named
        ],
        "serviceEventDetails": {
            "permissions": {"ClientMount": True, "ClientWrite": True, "ClientRootAccess": False},
            "sourceIpAddress": address,
        },
    }
    return event("NewClientConnection", EFS, at, **(values | content))


def interface(interface_id: str, address: str, **changes: Any) -> dict[str, Any]:
    """An interface as EC2's own answers show it inside of an event."""
    values: dict[str, Any] = {
        "networkInterfaceId": interface_id,
        "subnetId": SUBNET,
        "vpcId": VPC,
        "ownerId": ACCOUNT,
        "macAddress": SECRET,
        "privateDnsName": SECRET,
        "privateIpAddress": address,
        "privateIpAddressesSet": {"item": [{"privateIpAddress": address, "primary": True}]},
        "groupSet": {"items": [{"groupId": "sg-1", "groupName": SECRET}]},
        "tagSet": {},
    }
    return values | changes


def create_network_interface(
    at: int, interface_id: str = CLIENT_ENI, address: str = CLIENT, **changes: Any
) -> dict[str, Any]:
    made = interface(interface_id, address, status="pending", **changes)
    return event("CreateNetworkInterface", EC2, at, responseElements={"networkInterface": made})


def delete_network_interface(at: int, interface_id: str = CLIENT_ENI) -> dict[str, Any]:
    asked = {"networkInterfaceId": interface_id}
    return event(
        "DeleteNetworkInterface",
        EC2,
        at,
        requestParameters=asked,
        responseElements={"_return": True},
    )


def run_instances(at: int, instances: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """``instances``: by instance id its interfaces with their address, the first one first."""
    items = [
        {
            "instanceId": instance_id,
            "keyName": SECRET,
            "networkInterfaceSet": {
                "items": [
                    interface(
                        interface_id,
                        address,
                        attachment={
                            "attachmentId": f"eni-attach-{interface_id}",
                            "deviceIndex": index,
                            "deleteOnTermination": True,
                        },
                    )
                    for index, (interface_id, address) in enumerate(interfaces.items())
                ]
            },
        }
        for instance_id, interfaces in instances.items()
    ]
    return event(
        "RunInstances",
        EC2,
        at,
        requestParameters={"userData": SECRET},
        responseElements={"instancesSet": {"items": items}},
    )


def terminate_instances(at: int, *instance_ids: str) -> dict[str, Any]:
    items = [{"instanceId": one, "currentState": {"code": 32}} for one in instance_ids]
    return event("TerminateInstances", EC2, at, responseElements={"instancesSet": {"items": items}})
