"""Which configuration item stands for a file system or a client, and what identifies it there.

Classes and identifying values: ServiceNow's documentation of its AWS discovery patterns (``cmdb_ci_cloud_directory`` is where its own
pattern puts EFS file systems). What has no class of its own is a ``cmdb_ci_cmp_resource``, as backup vaults are there. Keys are ARNs and
ids, never addresses alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from inventory.export.records import Record
from inventory.model import OwnerKind
from inventory.resolve.arns import file_system_arn

ACCOUNT_CLASS = "cmdb_ci_cloud_service_account"
DATACENTER_CLASS = "cmdb_ci_aws_datacenter"
FILE_SYSTEM_CLASS = "cmdb_ci_cloud_directory"
INSTANCE_CLASS = "cmdb_ci_vm_instance"
FUNCTION_CLASS = "cmdb_ci_cloud_function"
SERVICE_CLASS = "cmdb_ci_cloud_ecs_service"
TASK_CLASS = "cmdb_ci_cloud_ecs_task"
RESOURCE_CLASS = "cmdb_ci_cmp_resource"

Item = dict[str, Any]


class Terms(NamedTuple):
    """How things are called at an instance."""

    data_source: str
    relation_type: str
    datacenter: str
    """``object_id`` of a region, of ``{account}`` and ``{region}``."""
    ephemeral: bool
    """Whether ECS tasks are items, and not only their services."""


@dataclass(frozen=True, slots=True)
class Ci:
    """A configuration item."""

    class_name: str
    object_id: str
    values: Mapping[str, str]
    account: str
    region: str
    native_key: str = ""
    """What it is called by us; ``""``: it is no item of ours, only what ours are hosted on."""
    feed: str = ""
    seen: str = ""
    """When it was last seen, ISO 8601; ``""``: not known."""

    @property
    def internal_id(self) -> str:
        """What relations of one payload call it by."""
        return f"{self.class_name}:{self.account}:{self.region}:{self.object_id}"

    def item(self, terms: Terms) -> Item:
        """As it stands in a payload."""
        made: Item = {
            "className": self.class_name,
            "internal_id": self.internal_id,
            "values": dict(self.values),
        }
        if self.native_key:
            source = {
                "source_name": terms.data_source,
                "source_native_key": self.native_key,
                "source_feed": self.feed,
            }
            if self.seen:
                # An older word than what the instance has is not taken there: sending twice is harmless.
                source["source_recency_timestamp"] = self.seen[:19].replace("T", " ")
            made["sys_object_source_info"] = source
        return made

    def later(self, other: Ci) -> Ci:
        """The one that was seen last, of two that are the same item."""
        return replace(self, seen=max(self.seen, other.seen))


def account(account_id: str) -> Ci:
    """An AWS account."""
    return Ci(
        ACCOUNT_CLASS, account_id, {"account_id": account_id, "name": account_id}, account_id, ""
    )


def datacenter(account_id: str, region: str, terms: Terms) -> Ci:
    """A region of an account."""
    name = terms.datacenter.replace("{account}", account_id).replace("{region}", region)
    return Ci(DATACENTER_CLASS, name, {"object_id": name, "name": region}, account_id, region)


def file_system(record: Record) -> Ci | None:
    """A file system; ``None`` when its account or region is not known, so that it would hang in the air.

    One that only its mount targets tell of has no ARN in the answers; it has the same one all the same.
    """
    if not record["account"] or not record["region"]:
        return None
    place = (record["account"], record["region"])
    arn = record["arn"] or file_system_arn(record["id"], *place)
    values = {
        "object_id": arn,
        "name": record["name"] or record["id"],
        "short_description": "AWS::Elastic File System::File System",
    }
    seen = record["as_of"] or ""
    return Ci(FILE_SYSTEM_CLASS, arn, values, *place, arn, "efs-file-systems", seen)


def client(record: Record, last_seen: str, terms: Terms) -> Ci | None:
    """Who stands for a client; ``None`` when nobody knows where it is."""
    _, kind, account_id, region, _ = record["key"].split("/", 4)
    if "-" in (account_id, region):
        return None
    named = _named(record, kind, terms)
    values = {"object_id": named.object_id, "name": named.name}
    if named.class_name == INSTANCE_CLASS:
        values["vm_inst_id"] = named.object_id
    if named.class_name == RESOURCE_CLASS:
        values["resource_type"] = named.kind
    return Ci(
        named.class_name,
        named.object_id,
        values,
        account_id,
        region,
        named.native_key,
        "efs-clients",
        last_seen,
    )


class _Named(NamedTuple):
    class_name: str
    object_id: str
    name: str
    native_key: str
    kind: str = ""


def _named(record: Record, kind: str, terms: Terms) -> _Named:
    workload, arn, key = record["workload"], record["arn"], record["key"]
    name = record["name"] or record["id"]
    if kind in {OwnerKind.EC2_INSTANCE, OwnerKind.EKS_NODE}:
        return _Named(INSTANCE_CLASS, record["id"], name, arn or key)
    if kind == OwnerKind.LAMBDA_FUNCTION and arn:
        return _Named(FUNCTION_CLASS, arn, name, arn)
    if kind == OwnerKind.ECS_TASK and terms.ephemeral and arn:
        return _Named(TASK_CLASS, arn, name, arn)
    if kind == OwnerKind.ECS_TASK and workload["kind"] == "ecs_service" and workload["arn"]:
        return _Named(SERVICE_CLASS, workload["arn"], workload["id"], workload["arn"])
    if kind == OwnerKind.ECS_TASK:
        # What outlives a task without a service is its family, which is no item of AWS: told apart by account and region.
        place = key.rpartition("/")[0].removeprefix(f"client/{kind}/")
        family = f"{workload['kind']}/{place}/{workload['id']}"
        return _Named(RESOURCE_CLASS, family, workload["id"], family, workload["kind"])
    return _Named(RESOURCE_CLASS, arn or key, name, arn or key, kind)
