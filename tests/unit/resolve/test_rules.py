"""What an interface is: every rule, its near misses, and its precedence."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.model import NetworkInterface, OtherServer, OwnerKind
from inventory.resolve import rules
from inventory.resolve.findings import Finding
from inventory.resolve.rules import classify
from tests.builders import (
    ACCOUNT,
    CLIENT_ENI,
    FS,
    INSTANCE,
    SERVER_ENI,
    TARGET,
    UUID,
    T,
    eni,
    instance,
    lambda_eni,
    machine_eni,
    mount_target,
    seen,
    task_eni,
    topology,
)


def found(interface: NetworkInterface, *versions: Any) -> Finding:
    return classify(interface, topology(*versions), T)


def described(text: str, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "requester_managed": True,
        "attachment_id": "ela-attach-1",
        "instance_owner_id": "amazon-aws",
    }
    return found(eni(description=text, **(values | changes)))


MSK = "arn:aws:kafka:r:1:cluster/c/u"
NOTEBOOK = (
    "[Do not delete] Network Interface created to access resources in your VPC "
    "for SageMaker Notebook Instance"
)

SERVICES = [
    ("Interface for NAT Gateway nat-03362ee41477cbc96", "nat_gateway", "gateway", "nat-03362ee41477cbc96"),
    ("Network Interface for Transit Gateway Attachment tgw-attach-063138e0", "transit_gateway", "gateway", "tgw-attach-063138e0"),
    ("ELB net/inner/3a85ce44e6caa0af", "elb_network", "gateway", "inner"),
    ("ELB gwy/test-glb/3a85ce44e6caa0af", "elb_gateway", "gateway", "test-glb"),
    ("ClientVPN Endpoint resource", "client_vpn", "gateway", ""),
    ("ELB app/front/3a85ce44e6caa0af", "elb_application", "aws_service", "front"),
    ("ELB old-one", "elb_classic", "aws_service", "old-one"),
    ("VPC Endpoint Interface vpce-0929ee4b892d1ad5d", "vpc_endpoint", "aws_service", "vpce-0929ee4b892d1ad5d"),
    ("RDSNetworkInterface", "rds", "aws_service", ""),
    ("Network interface for DBProxy proxy-1", "rds_proxy", "aws_service", "proxy-1"),
    ("RedshiftNetworkInterface", "redshift", "aws_service", ""),
    ("ElastiCache test-1", "elasticache", "aws_service", "test-1"),
    ("ElastiCache+test-1", "elasticache", "aws_service", "test-1"),
    ("DAX", "dax", "aws_service", ""),
    (f"DO NOT DELETE - Amazon MSK network interface for cluster {MSK}.", "msk", "aws_service", MSK),
    ("ES logs", "opensearch", "aws_service", "logs"),
    ("Amazon MQ network interface for broker b-1234-ab", "mq", "aws_service", "b-1234-ab"),
    ("DMSNetworkInterface", "dms", "aws_service", ""),
    ("CloudHSM Managed Interface", "cloudhsm", "aws_service", ""),
    ("CloudHsm ENI", "cloudhsm", "aws_service", ""),
    ("AWS created network interface for directory d-90677cc91c", "directory_service", "aws_service", "d-90677cc91c"),
    ("Amazon Kinesis Firehose - 1:stream:2.", "firehose", "aws_service", "1:stream:2."),
    ("Route 53 Resolver: rslvr-in-0a:rni-0b", "route53_resolver", "aws_service", "rslvr-in-0a"),
    ("AWS CodeStar Connections", "codestar_connections", "aws_service", ""),
    ("Instance Connect Endpoint (id: eice-0a1)", "ec2_instance_connect", "aws_service", "eice-0a1"),
    ("ENI managed by APIGateway", "api_gateway", "aws_service", ""),
    ("Attached to Glue using role: arn:aws:iam::1:role/g", "glue", "aws_service", "arn:aws:iam::1:role/g"),
    ("Created By Amazon Workspaces for AWS Account ID 111122223333", "workspaces", "aws_service", ""),
    ("AWS ElasticMapReduce", "emr", "aws_service", ""),
    ("Amazon EKS prod", "eks_control_plane", "aws_service", "prod"),
    ("[DO NOT DELETE] ENI managed by SageMaker for Studio Domain(d-abc1) - 0f", "sagemaker_studio", "sagemaker", "d-abc1"),
    (f"{NOTEBOOK} nb", "sagemaker_notebook", "sagemaker", "nb"),
    ("datasync task-01", "datasync", "datasync", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "label", "kind", "owner_id"), SERVICES)
def test_services_are_told_by_their_description(
    text: str, label: str, kind: str, owner_id: str
) -> None:
    finding = described(text)
    assert (finding.finding, finding.kind.value, finding.id) == (label, kind, owner_id)


@pytest.mark.parametrize("text", [text for text, *_ in SERVICES])
def test_patterns_are_anchored(text: str) -> None:
    assert found(eni(description=f"copy of {text}", status="in-use")).finding == "unknown"


def test_every_rule_has_an_example() -> None:
    """A rule that no example reaches would be dead; these are reached by signals other than text."""
    by_other_signals = {
        "mount_target", "other_server", "ecs_task", "lambda_function", "eks_branch", "instance", "sagemaker",
        "codebuild", "agentcore", "network_firewall", "gateway_load_balancer_endpoint", "comprehend",
        "global_accelerator", "quicksight", "iot_rules", "evs", "eks_control_plane", "service_unknown", "unattached",
        "datasync",
    }  # fmt: skip
    names = {rule.__name__ for rule in rules.RULES}
    assert names - {label for _, label, *_ in SERVICES} <= by_other_signals


@pytest.mark.parametrize(
    ("interface_type", "label"),
    [
        ("nat_gateway", "nat_gateway"),
        ("natGateway", "nat_gateway"),
        ("transit_gateway", "transit_gateway"),
        ("network_load_balancer", "elb_network"),
        ("gateway_load_balancer", "elb_gateway"),
        ("gateway_load_balancer_endpoint", "gateway_load_balancer_endpoint"),
        ("vpc_endpoint", "vpc_endpoint"),
        ("api_gateway_managed", "api_gateway"),
        ("ec2_instance_connect_endpoint", "ec2_instance_connect"),
        ("global_accelerator_managed", "global_accelerator"),
        ("quicksight", "quicksight"),
        ("iot_rules_managed", "iot_rules"),
        ("aws_codestar_connections_managed", "codestar_connections"),
        ("evs", "evs"),
        ("lambda", "lambda"),
        ("a_type_of_next_year", "service_unknown"),
    ],
)
def test_interface_types_speak_without_a_description(interface_type: str, label: str) -> None:
    assert described("", interface_type=interface_type).finding == label


@pytest.mark.parametrize(
    ("requester", "label"),
    [
        ("AROAEXAMPLE:AWSCodeBuild-1b2c", "codebuild"),
        ("AROAEXAMPLE:Comprehend", "comprehend"),
        ("AROAEXAMPLE:x-WorkSpaceCreation", "workspaces"),
        ("amazon-rds", "rds"),
    ],
)
def test_some_services_are_told_by_who_asked(requester: str, label: str) -> None:
    assert described("", requester_id=requester).finding == label


def test_agentcore_and_firewalls_are_told_by_tags() -> None:
    assert (
        described("", tags={"AmazonBedrockAgentCoreManaged": "true"}).kind
        is OwnerKind.BEDROCK_AGENTCORE
    )
    wall = described(
        "VPC Endpoint Interface vpce-0a",
        interface_type="gateway_load_balancer_endpoint",
        tags={
            "AWSNetworkFirewallManaged": "true",
            "Firewall": "arn:aws:network-firewall:r:1:firewall/wall",
        },
    )
    assert (wall.finding, wall.kind, wall.id) == ("network_firewall", OwnerKind.GATEWAY, "wall")
    domain = described(
        "", tags={"ManagedByAmazonSageMakerResource": "arn:aws-cn:sagemaker:r:1:domain/d-1"}
    )
    assert (domain.kind, domain.id) == (OwnerKind.SAGEMAKER, "d-1")


def test_an_eks_control_plane_needs_more_than_its_phrase() -> None:
    mine = eni(description="Amazon EKS notes", instance_owner_id=ACCOUNT)
    assert found(mine).finding == "unknown"


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso-b"])
def test_a_tasks_attachment_in_every_partition(partition: str) -> None:
    text = f"arn:{partition}:ecs:some-region-1:{ACCOUNT}:attachment/{UUID}"
    assert found(task_eni(description=text)) == Finding("ecs_task", OwnerKind.ECS_TASK, UUID)


def test_a_task_on_our_own_instance_is_still_the_task() -> None:
    both = task_eni(instance_id=INSTANCE, instance_owner_id=ACCOUNT)
    assert found(both, seen(instance())).kind is OwnerKind.ECS_TASK


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"AWS Lambda VPC ENI-test-python-{UUID}", "test-python"),
        ("AWS Lambda VPC ENI-f-90148274-2033-c4d1-0000-000000000000", "f"),
        (f"AWS Lambda VPC ENI: {UUID}", ""),
        ("AWS Lambda VPC", ""),
        ("arn:aws:lambda:r:1:function:x", ""),
    ],
)
def test_lambda_in_all_its_descriptions(text: str, hint: str) -> None:
    finding = found(eni(description=text, status="available"))
    assert (finding.finding, finding.id) == ("lambda", hint)


def test_a_branch_interface_is_a_pod_on_its_trunks_node() -> None:
    trunk = machine_eni("eni-trunk", "10.0.3.90", description="aws-k8s-trunk-eni", device_index=1)
    branch = eni(
        description="aws-k8s-branch-eni", tags={"vpcresources.k8s.aws/trunk-eni-id": "eni-trunk"}
    )
    assert found(branch, seen(trunk)) == Finding(
        "eks_branch_eni", OwnerKind.EKS_POD, "eni-trunk", INSTANCE
    )
    assert found(branch).name is None
    assert found(eni(description="aws-k8s-branch-eni")).kind is OwnerKind.EKS_POD


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {"node.k8s.amazonaws.com/instance_id": INSTANCE}},
        {"tags": {"cluster.k8s.amazonaws.com/name": "prod"}},
        {"tags": {"kubernetes.io/cluster/prod": "owned"}},
        {"description": f"aws-K8S-{INSTANCE}"},
        {"description": "aws-k8s-trunk-eni"},
    ],
)
def test_nodes_are_told_by_the_marks_of_any_of_their_interfaces(changes: dict[str, Any]) -> None:
    other = machine_eni("eni-other", "10.0.3.90", device_index=1, **changes)
    assert found(machine_eni(**changes)).kind is OwnerKind.EKS_NODE
    assert found(machine_eni(), seen(other)).kind is OwnerKind.EKS_NODE


@pytest.mark.parametrize(
    "tag", ["eks:cluster-name", "aws:eks:cluster-name", "kubernetes.io/cluster/prod"]
)
def test_nodes_are_told_by_tags_of_the_instance(tag: str) -> None:
    assert found(machine_eni(), seen(instance(tags={tag: "prod"}))).kind is OwnerKind.EKS_NODE


def test_an_instance_of_ours_whatever_its_description_says() -> None:
    assert found(machine_eni(description="RDSNetworkInterface")).kind is OwnerKind.EC2_INSTANCE
    assert found(machine_eni(description="AWS ElasticMapReduce")).kind is OwnerKind.EC2_INSTANCE
    other = machine_eni(instance_owner_id="444455556666")
    assert found(other).finding == "service_unknown"
    assert found(other, seen(instance(), account="444455556666")).kind is OwnerKind.EC2_INSTANCE


def test_mount_targets_are_told_by_description_or_by_the_efs_api() -> None:
    by_text = eni(
        SERVER_ENI, description=f"EFS mount target for {FS} ({TARGET})", interface_type="interface"
    )
    assert found(by_text) == Finding(
        "efs_mount_target", OwnerKind.AWS_SERVICE, FS, f"EFS mount target {TARGET}"
    )
    assert found(eni(SERVER_ENI), seen(mount_target())).id == FS


def test_other_nfs_servers_are_told_by_their_own_lists() -> None:
    fsx = OtherServer("fs-9", "fsx", interface_ids=(CLIENT_ENI,))
    assert found(eni(), seen(fsx)).finding == "fsx_server"


@pytest.mark.parametrize("text", ["ES node1", "ELB test", "DAX", "RDSNetworkInterface"])
def test_a_persons_own_words_make_no_service(text: str) -> None:
    assert found(eni(description=text, status="available")).finding == "user_unattached"


def test_what_no_rule_knows_keeps_its_own_words() -> None:
    finding = described("Something of next year")
    assert (finding.finding, finding.name) == ("service_unknown", "Something of next year")
    assert described("", requester_id="578734482556").name == "578734482556"


@pytest.mark.parametrize("status", ["available", "pending"])
def test_an_interface_attached_to_nothing_is_unattached(status: str) -> None:
    assert found(eni(status=status)).finding == "user_unattached"


def test_a_participants_interface_shows_its_owner_next_to_nothing() -> None:
    """The owner of a shared VPC sees only ``Attachment={Status}``."""
    assert (
        found(
            lambda_eni(description="AWS Lambda VPC", attachment_id="", instance_owner_id="")
        ).finding
        == "lambda"
    )
    assert found(eni(interface_type="a_type_of_next_year")).finding == "unknown"
