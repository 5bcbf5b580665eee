"""One row of each call that looks for references, as AWS gives it, with a secret where nobody may keep anything."""

from __future__ import annotations

from typing import Any

ARN = "arn:aws:{}:eu-central-1:111122223333:{}"
SYSTEM = "fs-0123456789abcdef0"
POINT = "fsap-0123456789abcdef0"
POINT_ARN = ARN.format("elasticfilesystem", f"access-point/{POINT}")
DEFINITION = ARN.format("ecs", "task-definition/nightly:4")


def examples(secret: str) -> dict[str, Any]:
    hidden = [{"name": "PASSWORD", "value": secret}]
    volume = {
        "name": "data",
        "efsVolumeConfiguration": {
            "fileSystemId": SYSTEM,
            "rootDirectory": secret,
            "authorizationConfig": {"accessPointId": POINT, "iam": "ENABLED"},
        },
    }
    return {
        "ecs.describe-services": {
            "serviceArn": ARN.format("ecs", "service/ci/web"),
            "serviceName": "web",
            "clusterArn": ARN.format("ecs", "cluster/ci"),
            "status": "ACTIVE",
            "desiredCount": 2,
            "schedulingStrategy": "REPLICA",
            "taskDefinition": DEFINITION,
            "deployments": [{"id": "d-1", "taskDefinition": DEFINITION[:-1] + "3"}],
            "events": [{"message": secret}],
        },
        "events.list-targets-by-rule": {
            "Id": "1",
            "Arn": ARN.format("ecs", "cluster/ci"),
            "Input": secret,
            "EcsParameters": {"TaskDefinitionArn": DEFINITION, "TaskCount": 1},
            "RuleArn": ARN.format("events", "rule/nightly"),
            "RuleName": "nightly",
            "RuleState": "ENABLED",
        },
        "scheduler.get-schedules": {
            "Arn": ARN.format("scheduler", "schedule/default/nightly"),
            "Name": "nightly",
            "GroupName": "default",
            "State": "ENABLED",
            "Target": {
                "Arn": ARN.format("ecs", "cluster/ci"),
                "Input": secret,
                "EcsParameters": {"TaskDefinitionArn": DEFINITION},
            },
        },
        "batch.describe-job-definitions": {
            "jobDefinitionArn": ARN.format("batch", "job-definition/render:7"),
            "jobDefinitionName": "render",
            "status": "ACTIVE",
            "containerProperties": {"volumes": [volume], "environment": hidden},
        },
        "codebuild.batch-get-projects": {
            "name": "site",
            "arn": ARN.format("codebuild", "project/site"),
            "environment": {"environmentVariables": hidden},
            "fileSystemLocations": [
                {
                    "type": "EFS",
                    "location": f"{SYSTEM}.efs.eu-central-1.amazonaws.com:/cache",
                    "mountOptions": secret,
                }
            ],
        },
        "sagemaker.describe-domains": {
            "DomainArn": ARN.format("sagemaker", "domain/d-1"),
            "DomainId": "d-1",
            "DomainName": "research",
            "HomeEfsFileSystemId": SYSTEM,
            "DefaultUserSettings": {"ExecutionRole": secret},
        },
        "sagemaker.describe-user-profiles": {
            "DomainId": "d-1",
            "UserProfileArn": ARN.format("sagemaker", "user-profile/d-1/ada"),
            "UserProfileName": "ada",
            "UserSettings": {
                "ExecutionRole": secret,
                "CustomFileSystemConfigs": [{"EFSFileSystemConfig": {"FileSystemId": SYSTEM}}],
            },
        },
        "sagemaker.describe-spaces": {
            "DomainId": "d-1",
            "SpaceArn": ARN.format("sagemaker", "space/d-1/lab"),
            "SpaceName": "lab",
            "SpaceSettings": {"CustomFileSystems": [{"EFSFileSystem": {"FileSystemId": SYSTEM}}]},
            "Url": secret,
        },
        "datasync.describe-locations-efs": {
            "LocationArn": ARN.format("datasync", "location/loc-0123456789abcdef0"),
            "LocationUri": f"efs://eu-central-1.{SYSTEM}/sub/",
            "AccessPointArn": POINT_ARN,
            "FileSystemAccessRoleArn": secret,
        },
        "datasync.describe-tasks": {
            "TaskArn": ARN.format("datasync", "task/task-0123456789abcdef0"),
            "Name": "copy",
            "Status": "AVAILABLE",
            "SourceLocationArn": ARN.format("datasync", "location/loc-0123456789abcdef0"),
            "DestinationLocationArn": ARN.format("datasync", "location/loc-0123456789abcdef1"),
            "Schedule": {"ScheduleExpression": "rate(1 day)", "Status": "ENABLED"},
            "Includes": [{"FilterType": "SIMPLE_PATTERN", "Value": secret}],
        },
        "transfer.describe-users": {
            "ServerId": "s-0123456789abcdef0",
            "User": {
                "Arn": ARN.format("transfer", "user/s-1/ada"),
                "UserName": "ada",
                "HomeDirectoryMappings": [{"Entry": "/", "Target": f"/{SYSTEM}/ada"}],
                "SshPublicKeys": [{"SshPublicKeyBody": secret}],
            },
        },
        "transfer.describe-accesses": {
            "ServerId": "s-0123456789abcdef0",
            "Access": {"ExternalId": "S-1-5-21-1", "HomeDirectory": f"/{SYSTEM}/g", "Policy": secret},
        },
        "m2.get-environments": {
            "environmentId": "e-1",
            "environmentArn": ARN.format("m2", "env/e-1"),
            "name": "host",
            "storageConfigurations": [{"efs": {"fileSystemId": SYSTEM, "mountPoint": secret}}],
        },
        "bedrock-agentcore-control.get-agent-runtimes": {
            "agentRuntimeId": "helper-0123456789",
            "agentRuntimeArn": ARN.format("bedrock-agentcore", "runtime/r-1"),
            "agentRuntimeName": "helper",
            "environmentVariables": {"PASSWORD": secret},
            "filesystemConfigurations": [
                {"efsAccessPoint": {"accessPointArn": POINT_ARN, "mountPath": secret}}
            ],
        },
        "efs.describe-file-system-policies": {
            "FileSystemId": SYSTEM,
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": secret},
                {"Effect": "Deny", "Principal": {"AWS": "444455556666"}},
            ],
        },
    }  # fmt: skip
