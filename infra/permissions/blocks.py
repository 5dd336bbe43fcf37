"""What several roles may do, as blocks of grants."""

from __future__ import annotations

from infra.permissions.grant import Grant, Reason
from infra.permissions.place import Place, Purpose, Role

__all__ = [
    "encrypts_volumes",
    "joins_network",
    "lists",
    "passes",
    "publishes",
    "pulls_image",
    "reads",
    "reads_packages",
    "removes_models",
    "sees_endpoints",
    "uses_data_key",
    "watches_rollouts",
    "writes",
    "writes_logs",
]

OBJECTS = Reason("Keys carry execution ids and digests; only what stands before them can be named.")
NAMES_SUBNETS = {"sagemaker:VpcSubnets": "false"}
"""For the operator Null. Whatever runs code runs in subnets that are named; its role can join those alone that have no way
out."""
NAMES_KEY = {"sagemaker:OutputKmsKey": "false"}
"""For the operator Null. What a job makes is encrypted under a key that is named. Not so its volumes: instances with storage
of their own, which encrypts itself, refuse a key for them."""
LISTING = Reason("SageMaker restricts no List call to resources; what it shows are names.")
DIGESTS = Reason("Names end in the digest of the model and its settings, known only when it is deployed.")
VERSIONS = Reason("Versions of the group are numbered as they are registered.")
NO_RESOURCES = Reason("AWS has no resource for this action; every policy has to say '*'.")


def pulls_image(place: Place) -> tuple[Grant, ...]:
    return (
        Grant(actions=("ecr:GetAuthorizationToken",), resources=("*",), wide=NO_RESOURCES),
        Grant(
            actions=("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            resources=(place.arn("ecr", f"repository/{place.repository}"),),
        ),
    )


def writes_logs(place: Place, *groups: str) -> tuple[Grant, ...]:
    """Log streams of groups below /aws/sagemaker/."""
    return (
        Grant(
            actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            resources=tuple(place.arn("logs", f"log-group:/aws/sagemaker/{group}:*") for group in groups),
            wide=Reason("SageMaker names the streams after jobs and hosts that do not exist yet."),
        ),
    )


def publishes(*namespaces: str) -> tuple[Grant, ...]:
    return (
        Grant(
            actions=("cloudwatch:PutMetricData",),
            resources=("*",),
            conditions={"StringEquals": {"cloudwatch:namespace": tuple(f"/aws/sagemaker/{name}" for name in namespaces)}},
            wide=NO_RESOURCES,
        ),
    )


def joins_network(place: Place) -> tuple[Grant, ...]:
    """Network interfaces of a job or a model server in the environment's VPC."""
    interfaces = place.arn("ec2", "network-interface/*")
    return (
        Grant(
            actions=("ec2:CreateNetworkInterface",),
            resources=(place.arn("ec2", "subnet/*"), place.arn("ec2", "security-group/*")),
            conditions={"StringEquals": {"aws:ResourceTag/sagelens:project": place.settings.project}},
            wide=Reason("The tag tells this network's subnets and groups from those of a default VPC, which lead out."),
        ),
        Grant(
            actions=("ec2:CreateNetworkInterface",),
            resources=(interfaces,),
            wide=Reason("SageMaker makes and names the interfaces while the job runs."),
        ),
        Grant(
            actions=(
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ),
            resources=(interfaces,),
            wide=Reason("SageMaker makes and names the interfaces while the job runs."),
        ),
        Grant(
            actions=(
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ),
            resources=("*",),
            wide=NO_RESOURCES,
        ),
    )


def encrypts_volumes(place: Place) -> tuple[Grant, ...]:
    return (
        Grant(
            actions=("kms:CreateGrant",),
            resources=(place.keys[Purpose.VOLUMES],),
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    )


def uses_data_key(place: Place, *, writes: bool) -> tuple[Grant, ...]:
    actions = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey") if writes else ("kms:Decrypt",)
    return (Grant(actions=actions, resources=(place.keys[Purpose.DATA],)),)


def reads(place: Place, *keys: str) -> tuple[Grant, ...]:
    return (Grant(actions=("s3:GetObject",), resources=tuple(place.objects(f"{key}/*") for key in keys), wide=OBJECTS),)


def writes(place: Place, *keys: str) -> tuple[Grant, ...]:
    return (Grant(actions=("s3:PutObject",), resources=tuple(place.objects(f"{key}/*") for key in keys), wide=OBJECTS),)


def lists(place: Place) -> tuple[Grant, ...]:
    """Also needed to be told 404 in place of 403 for an object that is not there."""
    return (Grant(actions=("s3:ListBucket",), resources=(f"arn:aws:s3:::{place.bucket}",)),)


def passes(place: Place, *roles: Role) -> tuple[Grant, ...]:
    return (
        Grant(
            actions=("iam:PassRole",),
            resources=tuple(place.role_arn(role) for role in roles),
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
    )


def reads_packages(place: Place, *, lists: bool = True) -> tuple[Grant, ...]:
    packages = (place.sagemaker(f"model-package/{place.settings.model_package_group}/*"),)
    described = Grant(actions=("sagemaker:DescribeModelPackage",), resources=packages, wide=VERSIONS)
    return (described, *((Grant(actions=("sagemaker:ListModelPackages",), resources=("*",), wide=LISTING),) if lists else ()))


def watches_rollouts(place: Place) -> tuple[Grant, ...]:
    """Alarms of a deployment, made and removed with it, and what CloudWatch tells meanwhile."""
    own = place.arn("cloudwatch", f"alarm:{place.settings.endpoint}-*")
    return (
        Grant(actions=("cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"), resources=(own,), wide=DIGESTS),
        Grant(
            actions=("cloudwatch:DescribeAlarmHistory",),
            resources=(place.arn("cloudwatch", "alarm:*"),),
            wide=Reason("A deployment may be guarded by alarms of any name, and tells why one rang."),
        ),
        Grant(
            actions=("cloudwatch:DescribeAlarms",),
            resources=("*",),
            wide=Reason("CloudWatch shows composite alarms only to those who may describe all alarms."),
        ),
        Grant(actions=("cloudwatch:GetMetricStatistics",), resources=("*",), wide=NO_RESOURCES),
    )


def changes_configs(place: Place) -> tuple[Grant, ...]:
    """Configs of the endpoint, which requests for the endpoint itself name, too."""
    return (
        Grant(
            actions=(
                "sagemaker:AddTags",
                "sagemaker:CreateEndpoint",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:DeleteEndpointConfig",
                "sagemaker:DescribeEndpointConfig",
                "sagemaker:UpdateEndpoint",
            ),
            resources=(place.sagemaker(f"endpoint-config/{place.settings.endpoint}-*"),),
            wide=DIGESTS,
        ),
    )


def sees_endpoints() -> tuple[Grant, ...]:
    return (Grant(actions=("sagemaker:ListEndpointConfigs", "sagemaker:ListEndpoints"), resources=("*",), wide=LISTING),)


def removes_models(place: Place) -> tuple[Grant, ...]:
    """Those that no kept version needs any more."""
    models = (place.sagemaker(f"model/{place.settings.endpoint}-*"),)
    return (Grant(actions=("sagemaker:DeleteModel",), resources=models, wide=DIGESTS),)
