"""The repository of the one image that steps and model servers share."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.permissions.place import Place

__all__ = ["Images"]

_KEPT = 30
_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


class Images(Construct):
    """Tags never move, every push is scanned, and the newest thirty images stay."""

    def __init__(self, scope: Construct, name: str, *, place: Place, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self.repository = ecr.Repository(
            self,
            "Repository",
            repository_name=place.repository,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=key,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            lifecycle_rules=[ecr.LifecycleRule(description=f"the newest {_KEPT}", max_image_count=_KEPT)],
            removal_policy=RemovalPolicy.RETAIN if place.environment.keep_data else RemovalPolicy.DESTROY,
        )
        readers = [iam.AccountPrincipal(account) for account in place.environment.readers]
        if readers:
            self.repository.add_to_resource_policy(iam.PolicyStatement(principals=readers, actions=_PULL))
