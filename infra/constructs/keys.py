"""A key for each purpose, rotated every year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.permissions.place import Place, Purpose

__all__ = ["Keys"]

_USE = ["kms:Decrypt", "kms:GenerateDataKey*"]
_DESCRIPTIONS = {
    Purpose.DATA: "Objects: data, artifacts, models",
    Purpose.VOLUMES: "Volumes of jobs and endpoints",
    Purpose.IMAGES: "Container images",
    Purpose.LOGS: "Logs, trail, topics and queues",
}


class Keys(Construct):
    """Policies allow the account's IAM, and the services that use a key without a role of ours."""

    def __init__(self, scope: Construct, name: str, *, place: Place) -> None:
        super().__init__(scope, name)
        environment = place.environment
        self.by_purpose: Mapping[Purpose, kms.Key] = {
            purpose: kms.Key(
                self,
                str(purpose).capitalize(),
                alias=place.alias(purpose),
                description=f"{_DESCRIPTIONS[purpose]} of {place.prefix}",
                enable_key_rotation=True,
                rotation_period=Duration.days(365),
                pending_window=Duration.days(30),
                removal_policy=RemovalPolicy.RETAIN if environment.keep_data else RemovalPolicy.DESTROY,
            )
            for purpose in Purpose
        }
        self._let_logs_in(place)
        self._let_notices_in(place)
        if environment.readers:
            self._let_readers_in(place)

    def _let_logs_in(self, place: Place) -> None:
        region = place.environment.region
        self._allow(
            Purpose.LOGS,
            principals=[iam.ServicePrincipal(f"logs.{region}.amazonaws.com")],
            actions=["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": place.arn("logs", "*")}},
        )
        trail = place.arn("cloudtrail", f"trail/{place.prefix}")
        self._allow(
            Purpose.LOGS,
            principals=[iam.ServicePrincipal("cloudtrail.amazonaws.com")],
            actions=["kms:DescribeKey", "kms:GenerateDataKey*"],
            conditions={"StringEquals": {"aws:SourceArn": trail}},
        )

    def _let_notices_in(self, place: Place) -> None:
        """Alarms and events go to topics and queues that this key encrypts."""
        self._allow(
            Purpose.LOGS,
            principals=[iam.ServicePrincipal(f"{name}.amazonaws.com") for name in ("cloudwatch", "events")],
            actions=_USE,
            conditions={"StringEquals": {"aws:SourceAccount": place.environment.account}},
        )

    def _let_readers_in(self, place: Place) -> None:
        """Objects only: images are decrypted by ECR, under a grant of its own."""
        readers = [iam.AccountPrincipal(account) for account in place.environment.readers]
        self._allow(Purpose.DATA, principals=readers, actions=["kms:Decrypt", "kms:DescribeKey"], conditions={})

    def _allow(
        self, purpose: Purpose, *, principals: Sequence[iam.PrincipalBase], actions: list[str], conditions: dict[str, object]
    ) -> None:
        statement = iam.PolicyStatement(principals=list(principals), actions=actions, resources=["*"], conditions=conditions)
        self.by_purpose[purpose].add_to_resource_policy(statement)
