"""AWS answers to values of the model: the only place that reads AWS answers, for recorded and live sweeps alike.

What is read here by name is the whole allow-list; everything else of an answer (environments, user data, policies) ends here. Every reducer
raises :class:`~inventory.discover.fields.FieldError` for an entry that it cannot read.
"""

from __future__ import annotations

from collections.abc import Iterable

from inventory.discover import fields
from inventory.discover.fields import Raw
from inventory.model import (
    AccessPoint,
    ContainerInstance,
    EksCluster,
    FileSystem,
    FileSystemSize,
    FlowLog,
    Function,
    Instance,
    MountTarget,
    NetworkInterface,
    OtherServer,
    Replication,
    RouteTable,
    Subnet,
    Task,
    TaskAttachment,
    TaskDefinition,
    Vpc,
    VpcLink,
)


def network_interface(raw: Raw) -> NetworkInterface:
    """``Description``, ``Attachment`` and most else may be absent; ``Attachment`` may hold nothing but ``Status`` (shared VPC)."""
    attachment = fields.child(raw, "Attachment")
    return NetworkInterface(
        network_interface_id=fields.required(raw, "NetworkInterfaceId"),
        vpc_id=fields.text(raw, "VpcId"),
        subnet_id=fields.text(raw, "SubnetId"),
        owner_id=fields.text(raw, "OwnerId"),
        description=fields.text(raw, "Description"),
        interface_type=fields.text(raw, "InterfaceType"),
        requester_id=fields.text(raw, "RequesterId"),
        requester_managed=fields.flag(raw, "RequesterManaged"),
        status=fields.text(raw, "Status"),
        addresses=_interface_addresses(raw),
        prefixes=fields.distinct(
            [fields.cidr(row, "Ipv4Prefix") for row in fields.rows(raw, "Ipv4Prefixes")]
            + [fields.cidr(row, "Ipv6Prefix") for row in fields.rows(raw, "Ipv6Prefixes")]
        ),
        groups=fields.distinct(fields.text(row, "GroupId") for row in fields.rows(raw, "Groups")),
        attachment_id=fields.text(attachment, "AttachmentId"),
        attach_time=fields.moment(attachment, "AttachTime"),
        instance_id=fields.text(attachment, "InstanceId"),
        instance_owner_id=fields.text(attachment, "InstanceOwnerId"),
        device_index=fields.number(attachment, "DeviceIndex"),
        availability_zone=fields.text(raw, "AvailabilityZone"),
        tags=fields.tags(raw, "TagSet" if raw.get("TagSet") is not None else "Tags"),
    )


ADDRESS_FIELDS = (
    "PrivateIpAddress",
    "PrivateIpAddresses",
    "Ipv6Addresses",
    "Ipv4Prefixes",
    "Ipv6Prefixes",
)


def _interface_addresses(raw: Raw) -> tuple[str, ...]:
    primary = fields.address(raw, "PrivateIpAddress")
    others: list[str] = []
    for row in fields.rows(raw, "PrivateIpAddresses"):
        others.append(fields.address(row, "PrivateIpAddress"))
        if not primary and fields.flag(row, "Primary"):
            primary = others[-1]
    six = fields.distinct(
        fields.address(row, "Ipv6Address") for row in fields.rows(raw, "Ipv6Addresses")
    )
    if not primary and not any(others) and six:
        primary = six[0]
    return fields.addresses(primary, [*others, *six])


def instances(raw: Raw) -> Iterable[Raw]:
    """Instances of one reservation."""
    return fields.rows(raw, "Instances")


def instance(raw: Raw) -> Instance:
    """Terminated ones have neither interfaces nor addresses."""
    attached = sorted(fields.rows(raw, "NetworkInterfaces"), key=_device_index)
    primary = fields.address(raw, "PrivateIpAddress")
    others = [address for row in attached for address in _interface_addresses(row)]
    return Instance(
        instance_id=fields.required(raw, "InstanceId"),
        vpc_id=fields.text(raw, "VpcId"),
        state=fields.text(fields.child(raw, "State"), "Name"),
        launch_time=fields.moment(raw, "LaunchTime"),
        interfaces=tuple(fields.required(row, "NetworkInterfaceId") for row in attached),
        addresses=fields.addresses(primary, others),
        tags=fields.tags(raw, "Tags"),
    )


def _device_index(raw: Raw) -> tuple[int, str]:
    index = fields.number(fields.child(raw, "Attachment"), "DeviceIndex")
    return (0 if index is None else index, fields.text(raw, "NetworkInterfaceId"))


def flow_log(raw: Raw) -> FlowLog:
    """A flow log's configuration and today's delivery status."""
    return FlowLog(
        flow_log_id=fields.required(raw, "FlowLogId"),
        resource_id=fields.text(raw, "ResourceId"),
        traffic_type=fields.text(raw, "TrafficType"),
        log_format=fields.text(raw, "LogFormat"),
        log_destination_type=fields.text(raw, "LogDestinationType"),
        log_destination=fields.text(raw, "LogDestination"),
        log_group_name=fields.text(raw, "LogGroupName"),
        max_aggregation_interval=fields.number(raw, "MaxAggregationInterval"),
        flow_log_status=fields.text(raw, "FlowLogStatus"),
        deliver_logs_status=fields.text(raw, "DeliverLogsStatus"),
        deliver_logs_error_message=fields.text(raw, "DeliverLogsErrorMessage"),
        creation_time=fields.moment(raw, "CreationTime"),
    )


def vpc(raw: Raw) -> Vpc:
    """With every CIDR, IPv6 too."""
    return Vpc(fields.required(raw, "VpcId"), fields.text(raw, "OwnerId"), _cidrs(raw))


def subnet(raw: Raw) -> Subnet:
    """With every CIDR, IPv6 too."""
    return Subnet(
        fields.required(raw, "SubnetId"),
        fields.text(raw, "VpcId"),
        fields.text(raw, "OwnerId"),
        _cidrs(raw),
    )


def _cidrs(raw: Raw) -> tuple[str, ...]:
    found = [fields.cidr(raw, "CidrBlock")]
    for key, block in (
        ("CidrBlockAssociationSet", "CidrBlock"),
        ("Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock"),
    ):
        for row in fields.rows(raw, key):
            state = fields.text(fields.child(row, f"{block}State"), "State")
            if state in ("", "associated", "associating", "disassociating"):
                found.append(fields.cidr(row, block))
    return fields.distinct(found)


def peering(raw: Raw) -> VpcLink | None:
    """``None`` for one that carries nothing: pending, rejected, expired, deleted."""
    link_id = fields.required(raw, "VpcPeeringConnectionId")
    ends = [fields.child(raw, key) for key in ("RequesterVpcInfo", "AccepterVpcInfo")]
    vpc_ids = fields.distinct(fields.text(end, "VpcId") for end in ends)
    state = fields.text(fields.child(raw, "Status"), "Code")
    return VpcLink(link_id, link_id, vpc_ids) if state in ("", "active") else None


def transit_attachment(raw: Raw) -> VpcLink | None:
    """``None`` for one that carries nothing."""
    hub, vpc_id = fields.required(raw, "TransitGatewayId"), fields.required(raw, "VpcId")
    state = fields.text(raw, "State")
    return (
        VpcLink(f"{hub}/{vpc_id}", hub, (vpc_id,))
        if state in ("", "available", "modifying")
        else None
    )


def file_system(raw: Raw) -> FileSystem:
    """Named by its Name, else by its Name tag."""
    found = fields.tags(raw, "Tags")
    return FileSystem(
        file_system_id=fields.required(raw, "FileSystemId"),
        arn=fields.text(raw, "FileSystemArn"),
        name=fields.text(raw, "Name") or found.get("Name", ""),
        owner_id=fields.text(raw, "OwnerId"),
        creation_time=fields.moment(raw, "CreationTime"),
        life_cycle_state=fields.text(raw, "LifeCycleState"),
        number_of_mount_targets=fields.number(raw, "NumberOfMountTargets"),
        tags=found,
    )


def file_system_size(raw: Raw) -> FileSystemSize | None:
    """``None`` where AWS does not tell (or not so that it can be read): nothing else depends on it."""
    try:
        told = fields.child(raw, "SizeInBytes")
        total = fields.number(told, "Value")
        infrequent, archive = (
            fields.number(told, key) or 0 for key in ("ValueInIA", "ValueInArchive")
        )
        standard = fields.number(told, "ValueInStandard")
        one_zone = bool(fields.text(raw, "AvailabilityZoneId"))
    except fields.FieldError:
        return None
    if total is None:
        return None
    if standard is None:
        standard = max(0, total - infrequent - archive)
    return FileSystemSize(
        fields.required(raw, "FileSystemId"), standard, infrequent, archive, one_zone
    )


def mount_target(raw: Raw) -> MountTarget:
    """``IpAddress`` is absent on IPv6-only ones."""
    return MountTarget(
        mount_target_id=fields.required(raw, "MountTargetId"),
        file_system_id=fields.required(raw, "FileSystemId"),
        vpc_id=fields.text(raw, "VpcId"),
        subnet_id=fields.text(raw, "SubnetId"),
        owner_id=fields.text(raw, "OwnerId"),
        network_interface_id=fields.text(raw, "NetworkInterfaceId"),
        addresses=fields.addresses(
            fields.address(raw, "IpAddress"), [fields.address(raw, "Ipv6Address")]
        ),
        life_cycle_state=fields.text(raw, "LifeCycleState"),
        availability_zone_id=fields.text(raw, "AvailabilityZoneId"),
    )


def access_point(raw: Raw) -> AccessPoint:
    """An access point, whatever its state."""
    return AccessPoint(
        fields.required(raw, "AccessPointId"),
        fields.required(raw, "FileSystemId"),
        fields.text(raw, "AccessPointArn"),
        fields.text(raw, "Name"),
    )


def function(raw: Raw) -> Function:
    """With ``FunctionVersion=ALL`` even ``$LATEST`` bears its version in the ARN; it is cut off."""
    network = fields.child(raw, "VpcConfig")
    mounts = fields.rows(raw, "FileSystemConfigs")
    return Function(
        function_arn=fields.required(raw, "FunctionArn").removesuffix(":$LATEST"),
        function_name=fields.required(raw, "FunctionName"),
        version=fields.text(raw, "Version") or "$LATEST",
        vpc_id=fields.text(network, "VpcId"),
        subnet_ids=fields.distinct(fields.texts(network, "SubnetIds")),
        security_group_ids=fields.distinct(fields.texts(network, "SecurityGroupIds")),
        access_point_arns=fields.distinct(fields.text(row, "Arn") for row in mounts),
        last_modified=fields.moment(raw, "LastModified"),
    )


_INTERFACE_ATTACHMENTS = ("ElasticNetworkInterface", "eni")
"""By DescribeTasks, and by EventBridge."""

_ATTACHMENT_ADDRESSES = ("privateIPv4Address", "privateIPv6Address", "ipv6Address")


def task(raw: Raw) -> Task:
    """A stopped task still names the interface it had."""
    return Task(
        task_arn=fields.required(raw, "taskArn"),
        cluster_arn=fields.text(raw, "clusterArn"),
        group=fields.text(raw, "group"),
        task_definition_arn=fields.text(raw, "taskDefinitionArn"),
        launch_type=fields.text(raw, "launchType"),
        last_status=fields.text(raw, "lastStatus"),
        started_by=fields.text(raw, "startedBy"),
        container_instance_arn=fields.text(raw, "containerInstanceArn"),
        created_at=fields.moment(raw, "createdAt"),
        connectivity_at=fields.moment(raw, "connectivityAt"),
        started_at=fields.moment(raw, "startedAt"),
        stopping_at=fields.moment(raw, "stoppingAt"),
        execution_stopped_at=fields.moment(raw, "executionStoppedAt"),
        stopped_at=fields.moment(raw, "stoppedAt"),
        attachments=tuple(
            _attachment(row, raw)
            for row in fields.rows(raw, "attachments")
            if fields.text(row, "type") in _INTERFACE_ATTACHMENTS
        ),
        tags=fields.tags(raw, "tags"),
    )


def _attachment(raw: Raw, parent: Raw) -> TaskAttachment:
    details = {fields.text(row, "name"): row for row in fields.rows(raw, "details")}
    attachment_id = fields.required(raw, "id")
    four, *six = (fields.address(details.get(name, {}), "value") for name in _ATTACHMENT_ADDRESSES)
    for container in fields.rows(parent, "containers"):
        for interface in fields.rows(container, "networkInterfaces"):
            if fields.text(interface, "attachmentId") == attachment_id:
                six.append(fields.address(interface, "ipv6Address"))
    return TaskAttachment(
        attachment_id,
        fields.text(details.get("networkInterfaceId", {}), "value"),
        fields.text(details.get("subnetId", {}), "value"),
        fields.addresses(four, six),
    )


def task_definition(raw: Raw) -> TaskDefinition:
    """Only its EFS volumes are kept."""
    return TaskDefinition(
        task_definition_arn=fields.required(raw, "taskDefinitionArn"),
        family=fields.text(raw, "family"),
        file_systems=tuple(sorted(set(_volumes(raw)))),
        network_mode=fields.text(raw, "networkMode"),
    )


def _volumes(raw: Raw) -> Iterable[tuple[str, str]]:
    for volume in fields.rows(raw, "volumes"):
        efs = fields.child(volume, "efsVolumeConfiguration")
        if efs:
            access_point_id = fields.text(fields.child(efs, "authorizationConfig"), "accessPointId")
            yield fields.required(efs, "fileSystemId"), access_point_id


def container_instance(raw: Raw) -> ContainerInstance:
    """The cluster is part of the ARN; old short ARNs do not name it."""
    arn = fields.required(raw, "containerInstanceArn")
    head, _, resource = arn.partition(":container-instance/")
    cluster = f"{head}:cluster/{resource.split('/')[0]}" if "/" in resource else ""
    return ContainerInstance(arn, fields.text(raw, "ec2InstanceId"), cluster)


def fsx_server(raw: Raw) -> OtherServer:
    """ONTAP serves NFS on its virtual machines' own addresses, which are on the same interfaces."""
    openzfs = fields.child(raw, "OpenZFSConfiguration")
    found = [fields.address(openzfs, key) for key in ("EndpointIpAddress", "EndpointIpv6Address")]
    return OtherServer(
        server_id=fields.required(raw, "FileSystemId"),
        service="fsx",
        arn=fields.text(raw, "ResourceARN"),
        vpc_id=fields.text(raw, "VpcId"),
        interface_ids=fields.distinct(fields.texts(raw, "NetworkInterfaceIds")),
        addresses=fields.distinct(found),
    )


def s3files_server(raw: Raw) -> OtherServer:
    """One mount target of S3 Files. Its file system ids look like those of EFS, so the mount target's own id is the key."""
    return OtherServer(
        server_id=fields.required(raw, "mountTargetId"),
        service="s3files",
        arn="",
        vpc_id=fields.text(raw, "vpcId"),
        interface_ids=fields.distinct([fields.text(raw, "networkInterfaceId")]),
        addresses=fields.distinct(
            fields.address(raw, key) for key in ("ipv4Address", "ipv6Address")
        ),
    )


def route_table(raw: Raw) -> RouteTable:
    """A route whose target is gone is a ``blackhole`` and leads nowhere."""
    hubs = (
        fields.text(row, key)
        for row in fields.rows(raw, "Routes")
        if fields.text(row, "State") != "blackhole"
        for key in ("VpcPeeringConnectionId", "TransitGatewayId")
    )
    return RouteTable(
        fields.required(raw, "RouteTableId"), fields.text(raw, "VpcId"), fields.distinct(hubs)
    )


def replication(raw: Raw) -> Replication:
    """One source file system with its destinations."""
    destinations = {
        (
            fields.text(row, "FileSystemId"),
            fields.text(row, "Region"),
            fields.text(row, "OwnerId"),
            fields.text(row, "Status"),
        )
        for row in fields.rows(raw, "Destinations")
    }
    return Replication(
        fields.required(raw, "SourceFileSystemId"),
        fields.text(raw, "SourceFileSystemArn"),
        fields.text(raw, "SourceFileSystemRegion"),
        tuple(sorted(destinations)),
    )


def eks_cluster(raw: Raw) -> EksCluster:
    """Its VPC is where its nodes are."""
    network = fields.child(raw, "resourcesVpcConfig")
    return EksCluster(
        fields.required(raw, "arn"),
        fields.required(raw, "name"),
        fields.text(network, "vpcId"),
        fields.text(raw, "status"),
    )
