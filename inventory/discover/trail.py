"""CloudTrail events to values: what LookupEvents prints, reduced to an allow-list like every other answer.

Two kinds come of them: connections of NFS clients (``NewClientConnection``), and what was done to network interfaces. An event of a call
that failed stands for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from inventory.discover import fields
from inventory.discover.fields import FieldError, Raw
from inventory.model import SLOT, ClientConnection, InterfaceChange, InterfaceEvent

CALL = "cloudtrail.lookup-events"

Happening = ClientConnection | InterfaceEvent


def happenings(raw: Raw) -> Iterator[Happening]:
    """What one entry of ``Events`` stands for; nothing for an event of another name, or of a call that failed.

    Raises :class:`~inventory.discover.fields.FieldError` for an event that cannot be read.
    """
    event = _event(raw)
    read = _READ.get((fields.text(event, "eventSource"), fields.text(event, "eventName")))
    if read is not None and not fields.text(event, "errorCode"):
        yield from read(event)


def folded(values: Iterable[Any]) -> list[Any]:
    """Of connections that differ only in their moment the first and the last of each five minutes: some clients reconnect all day.

    What lies between two that are kept is between them in time too.
    """
    others: list[Any] = []
    firsts: dict[tuple[object, ...], ClientConnection] = {}
    lasts: dict[tuple[object, ...], ClientConnection] = {}
    for value in values:
        if not isinstance(value, ClientConnection):
            others.append(value)
            continue
        alike = (
            value.time // SLOT,
            value.file_system_id,
            value.file_system_arn,
            value.access_point_ids,
            value.principal_arn,
            value.from_instance,
            value.client_address,
            value.permissions,
        )
        firsts[alike] = min(value, firsts.get(alike, value), key=_told_order)
        lasts[alike] = max(value, lasts.get(alike, value), key=_told_order)
    kept = {one.event_id: one for one in (*firsts.values(), *lasts.values())}
    return [*others, *kept.values()]


def _told_order(connection: ClientConnection) -> tuple[int, str]:
    return connection.time, connection.event_id


def _event(raw: Raw) -> Raw:
    """The event itself: a text of JSON inside the entry."""
    text = fields.required(raw, "CloudTrailEvent")
    try:
        return fields.mapping(json.loads(text), "CloudTrailEvent")
    except RecursionError as error:
        raise FieldError("CloudTrailEvent is nested too deeply") from error
    except FieldError:
        raise
    except ValueError as error:
        raise FieldError("CloudTrailEvent is not JSON") from error


def _time(event: Raw) -> int:
    moment = fields.moment(event, "eventTime")
    if moment is None:
        raise FieldError("eventTime is missing")
    return moment


# -- connections -------------------------------------------------------------------------------------------------------------------------


def _connection(event: Raw) -> Iterator[Happening]:
    systems: list[str] = []
    points: list[str] = []
    for resource in fields.rows(event, "resources"):
        arn = fields.text(resource, "ARN")
        kind = fields.text(resource, "type")
        if kind == "AWS::EFS::FileSystem":
            systems.append(arn)
        elif kind == "AWS::EFS::AccessPoint":
            points.append(arn.rpartition("/")[2])
    if len(systems) != 1:
        raise FieldError("resources names no file system, or several")
    details = fields.child(event, "serviceEventDetails")
    address = fields.address(details, "sourceIpAddress")
    if not address:
        raise FieldError("sourceIpAddress is missing")
    granted = fields.child(details, "permissions")
    identity = fields.child(event, "userIdentity")
    session = fields.child(identity, "sessionContext")
    attributes = fields.child(session, "attributes")
    yield ClientConnection(
        event_id=fields.required(event, "eventID"),
        time=_time(event),
        file_system_id=systems[0].rpartition("/")[2],
        file_system_arn=systems[0],
        access_point_ids=fields.distinct(points),
        principal_arn=fields.text(identity, "arn"),
        from_instance=bool(
            fields.text(session, "ec2RoleDelivery") or fields.text(attributes, "ec2RoleDelivery")
        ),
        client_address=address,
        permissions=fields.distinct(name for name in _PERMISSIONS if fields.flag(granted, name)),
    )


_PERMISSIONS = ("ClientMount", "ClientRootAccess", "ClientWrite")


# -- interfaces --------------------------------------------------------------------------------------------------------------------------


def _created(event: Raw) -> Iterator[Happening]:
    made = fields.child(fields.child(event, "responseElements"), "networkInterface")
    yield _interface(event, made, InterfaceChange.CREATED)


def _attached(event: Raw) -> Iterator[Happening]:
    asked = fields.child(event, "requestParameters")
    interface_id = fields.required(asked, "networkInterfaceId")
    yield InterfaceEvent(
        key=_key(event, interface_id),
        time=_time(event),
        what=InterfaceChange.ATTACHED,
        network_interface_id=interface_id,
        attachment_id=fields.text(fields.child(event, "responseElements"), "attachmentId"),
        instance_id=fields.required(asked, "instanceId"),
        device_index=fields.number(asked, "deviceIndex"),
    )


def _detached(event: Raw) -> Iterator[Happening]:
    """The request names the attachment, not the interface."""
    attachment_id = fields.required(fields.child(event, "requestParameters"), "attachmentId")
    yield InterfaceEvent(
        key=_key(event, attachment_id),
        time=_time(event),
        what=InterfaceChange.DETACHED,
        attachment_id=attachment_id,
    )


def _deleted(event: Raw) -> Iterator[Happening]:
    interface_id = fields.required(fields.child(event, "requestParameters"), "networkInterfaceId")
    yield InterfaceEvent(
        key=_key(event, interface_id),
        time=_time(event),
        what=InterfaceChange.DELETED,
        network_interface_id=interface_id,
    )


def _run(event: Raw) -> Iterator[Happening]:
    """Every interface of every instance; one that was there before is only attached."""
    answer = fields.child(event, "responseElements")
    asked = fields.child(event, "requestParameters")
    instances = _set(answer, "instancesSet")
    if not instances:
        raise FieldError("instancesSet names no instance")
    brought = {fields.text(row, "networkInterfaceId") for row in _set(asked, "networkInterfaceSet")}
    for instance in instances:
        for row in _set(instance, "networkInterfaceSet"):
            there = fields.text(row, "networkInterfaceId") in brought
            what = InterfaceChange.ATTACHED if there else InterfaceChange.CREATED
            yield _interface(event, row, what, fields.required(instance, "instanceId"))


def _terminated(event: Raw) -> Iterator[Happening]:
    """Whoever is terminated already may be terminated again, as AWS lets it; that says nothing new."""
    for row in _set(fields.child(event, "responseElements"), "instancesSet"):
        instance_id = fields.required(row, "instanceId")
        if fields.text(fields.child(row, "previousState"), "name") == "terminated":
            continue
        yield InterfaceEvent(
            key=_key(event, instance_id),
            time=_time(event),
            what=InterfaceChange.TERMINATED,
            instance_id=instance_id,
        )


def _interface(
    event: Raw, raw: Raw, what: InterfaceChange, instance_id: str = ""
) -> InterfaceEvent:
    interface_id = fields.required(raw, "networkInterfaceId")
    attachment = fields.child(raw, "attachment")
    dies = attachment.get("deleteOnTermination") is not None
    return InterfaceEvent(
        key=_key(event, interface_id),
        time=_time(event),
        what=what,
        network_interface_id=interface_id,
        vpc_id=fields.text(raw, "vpcId"),
        subnet_id=fields.text(raw, "subnetId"),
        owner_id=fields.text(raw, "ownerId"),
        description=fields.text(raw, "description"),
        interface_type=fields.text(raw, "interfaceType"),
        requester_id=fields.text(raw, "requesterId"),
        requester_managed=fields.flag(raw, "requesterManaged"),
        addresses=_addresses(raw),
        groups=fields.distinct(fields.text(row, "groupId") for row in _set(raw, "groupSet")),
        attachment_id=fields.text(attachment, "attachmentId"),
        instance_id=instance_id,
        device_index=fields.number(attachment, "deviceIndex"),
        delete_on_termination=fields.flag(attachment, "deleteOnTermination") if dies else None,
        tags={fields.required(row, "key"): fields.text(row, "value") for row in _tags(raw)},
    )


def _tags(raw: Raw) -> list[Raw]:
    return sorted(_set(raw, "tagSet"), key=lambda row: fields.text(row, "key"))


def _addresses(raw: Raw) -> tuple[str, ...]:
    four = [fields.address(row, "privateIpAddress") for row in _set(raw, "privateIpAddressesSet")]
    six = [fields.address(row, "ipv6Address") for row in _set(raw, "ipv6AddressesSet")]
    primary = fields.address(raw, "privateIpAddress")
    if not primary and not any(four):
        primary = min((address for address in six if address), default="")
    return fields.addresses(primary, [*four, *six])


def _set(raw: Raw, key: str) -> list[Raw]:
    """EC2's lists: an object that holds the list, by one of two names."""
    held = fields.child(raw, key)
    return [*fields.rows(held, "items"), *fields.rows(held, "item")]


def _key(event: Raw, about: str) -> str:
    return f"{fields.required(event, 'eventID')}/{about}"


_EC2, _EFS = "ec2.amazonaws.com", "elasticfilesystem.amazonaws.com"

_READ: dict[tuple[str, str], Callable[[Raw], Iterator[Happening]]] = {
    (_EFS, "NewClientConnection"): _connection,
    (_EFS, "UpdateClientConnection"): _connection,
    (_EC2, "CreateNetworkInterface"): _created,
    (_EC2, "AttachNetworkInterface"): _attached,
    (_EC2, "DetachNetworkInterface"): _detached,
    (_EC2, "DeleteNetworkInterface"): _deleted,
    (_EC2, "RunInstances"): _run,
    (_EC2, "TerminateInstances"): _terminated,
}
