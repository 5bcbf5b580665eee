"""Rules for interfaces that AWS services make and name: gateways that pass traffic on, and services that cannot mount."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inventory.model import NetworkInterface, OwnerKind
from inventory.resolve.findings import Finding, Rule

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology

_GATEWAY = OwnerKind.GATEWAY


def described(
    finding: str,
    what: str,
    pattern: str = "",
    *types: str,
    requester: str = "",
    kind: OwnerKind = OwnerKind.AWS_SERVICE,
) -> Rule:
    """A rule by description, interface type or requester alone; group 1 of the pattern is the id, ``what`` its name for people."""
    description = re.compile(pattern, re.DOTALL) if pattern else None
    by_requester = re.compile(requester) if requester else None

    def rule(interface: NetworkInterface, _topology: Topology, _moment: int) -> Finding | None:
        told = description is not None and not _is_persons(interface)
        match = description.fullmatch(interface.description) if description and told else None
        by = by_requester.fullmatch(interface.requester_id) if by_requester else None
        if match is None and by is None and interface.interface_type not in types:
            return None
        found = (match[1] or "") if match and match.re.groups else ""
        return Finding(finding, kind, found, f"{what} {found}".rstrip())

    rule.__name__ = finding
    return rule


def _is_persons(interface: NetworkInterface) -> bool:
    """An interface that somebody made for an instance: its description is free text and proves nothing."""
    attached_to_nothing = interface.status in ("available", "pending")
    return not interface.requester_managed and (attached_to_nothing or bool(interface.instance_id))


SERVICES: tuple[Rule, ...] = (
    described(
        "nat_gateway",
        "NAT gateway",
        r"Interface for NAT Gateway (nat-[0-9a-f]+)",
        "nat_gateway",
        "natGateway",
        kind=_GATEWAY,
    ),
    described(
        "transit_gateway",
        "transit gateway attachment",
        r"Network Interface for Transit Gateway Attachment (tgw-attach-[0-9a-f]+)",
        "transit_gateway",
        kind=_GATEWAY,
    ),
    described(
        "gateway_load_balancer_endpoint",
        "Gateway Load Balancer endpoint",
        r"VPC Endpoint Interface (vpce-[0-9a-f]+) for Gateway Load Balancer",
        "gateway_load_balancer_endpoint",
        kind=_GATEWAY,
    ),
    described(
        "vpc_endpoint", "VPC endpoint", r"VPC Endpoint Interface (vpce-[0-9a-f]+)", "vpc_endpoint"
    ),
    described("elb_application", "Application Load Balancer", r"ELB app/([^/]+)/[0-9a-f]+"),
    described(
        "elb_network",
        "Network Load Balancer",
        r"ELB net/([^/]+)/[0-9a-f]+",
        "network_load_balancer",
        kind=_GATEWAY,
    ),
    described(
        "elb_gateway",
        "Gateway Load Balancer",
        r"ELB gwy/([^/]+)/[0-9a-f]+",
        "gateway_load_balancer",
        kind=_GATEWAY,
    ),
    described("elb_classic", "Classic Load Balancer", r"ELB ([^/]+)", "load_balancer"),
    described("client_vpn", "Client VPN endpoint", r"ClientVPN Endpoint resource.*", kind=_GATEWAY),
    described("rds_proxy", "RDS proxy", r"Network interface for DBProxy (.+)"),
    described("rds", "RDS", r"RDSNetworkInterface", requester=r"amazon-rds"),
    described("redshift", "Redshift", r"RedshiftNetworkInterface"),
    described("elasticache", "ElastiCache", r"ElastiCache[ +](.+)"),
    described("dax", "DynamoDB Accelerator", r"DAX(?: (.+))?"),
    described(
        "msk",
        "MSK",
        r"DO NOT DELETE - Amazon MSK network interface for cluster (arn:aws[\w-]*:kafka:[^ ]+?)\.?",
    ),
    described("opensearch", "OpenSearch", r"ES (\S+)"),
    described("mq", "Amazon MQ", r"Amazon MQ network interface for broker (b-[0-9a-f-]+).*"),
    described("dms", "DMS", r"DMSNetworkInterface"),
    described("cloudhsm", "CloudHSM", r"(?i:CloudHSM (?:Managed Interface|ENI).*)"),
    described(
        "directory_service",
        "Directory Service",
        r"AWS created network interface for directory (d-[0-9a-f]+)",
    ),
    described("firehose", "Firehose", r"Amazon Kinesis Firehose - (.+)"),
    described(
        "route53_resolver",
        "Route 53 Resolver",
        r"Route 53 Resolver: (rslvr-(?:in|out)-[0-9a-f]+)(?::rni-[0-9a-f]+)?",
    ),
    described(
        "codestar_connections",
        "CodeConnections",
        r"AWS CodeStar Connections",
        "aws_codestar_connections_managed",
    ),
    described(
        "ec2_instance_connect",
        "Instance Connect endpoint",
        r"(?:EC2 )?Instance Connect Endpoint \(id: (eice-[0-9a-f]+)\)",
        "ec2_instance_connect_endpoint",
    ),
    described("api_gateway", "API Gateway", r"ENI managed by APIGateway", "api_gateway_managed"),
    described("glue", "Glue", r"Attached to Glue using role: (arn:aws[\w-]*:iam::.+)"),
    described(
        "workspaces",
        "WorkSpaces",
        r"Created By Amazon Workspaces for AWS Account ID \d+",
        requester=r"[^:]+:.*WorkSpace-?Creation",
    ),
    described("comprehend", "Comprehend", requester=r"[^:]+:Comprehend"),
    described("global_accelerator", "Global Accelerator", "", "global_accelerator_managed"),
    described("quicksight", "QuickSight", "", "quicksight"),
    described("iot_rules", "IoT rules destination", "", "iot_rules_managed"),
    described("evs", "Elastic VMware Service", "", "evs"),
    described("emr", "EMR", r"AWS ElasticMapReduce.*"),
)
"""In this order: the more exact pattern of a family stands first (``ELB app/…`` before ``ELB …``)."""
