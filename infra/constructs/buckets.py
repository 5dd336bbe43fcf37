"""Buckets: artifacts, arriving data, and what is logged about both."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.permissions.place import Place

__all__ = ["Buckets"]

_NO_REPLICA = NagPackSuppression(
    id="HIPAA.Security-S3BucketReplicationEnabled",
    reason="All of it can be made again from sources and code, and versions guard it; a replica is the owner's choice.",
)
_NO_KMS = NagPackSuppression(
    id="HIPAA.Security-S3DefaultEncryptionKMS",
    reason="S3 delivers server access logs only to buckets with SSE-S3, which this one has.",
)


class Buckets(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self._removal = RemovalPolicy.RETAIN if place.environment.keep_data else RemovalPolicy.DESTROY
        self.logs = s3.Bucket(
            self,
            "Logs",
            bucket_name=place.log_bucket,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[_expiring(365, 30)],
            removal_policy=RemovalPolicy.RETAIN,
        )
        NagSuppressions.add_resource_suppressions(self.logs, [_NO_REPLICA, _NO_KMS])
        self.artifacts = self._bucket("Artifacts", place.bucket, key, [_old_versions(90), *_short_lived(place)])
        self.data = self._bucket("Data", place.data_bucket, key, [_old_versions(365)])
        _tell_events(self.data)
        for account in place.environment.readers:
            self._let_in(account, place)

    def _bucket(self, name: str, bucket_name: str, key: kms.IKey, rules: list[s3.LifecycleRule]) -> s3.Bucket:
        made = s3.Bucket(
            self,
            name,
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=rules,
            server_access_logs_bucket=self.logs,
            server_access_logs_prefix=f"s3/{bucket_name}/",
            removal_policy=self._removal,
        )
        NagSuppressions.add_resource_suppressions(made, [_NO_REPLICA])
        return made

    def _let_in(self, account: str, place: Place) -> None:
        """Models, for an account that serves what was proved here."""
        prefix = f"{place.pipeline('training')}/*"
        reader = iam.AccountPrincipal(account)
        self.artifacts.add_to_resource_policy(
            iam.PolicyStatement(principals=[reader], actions=["s3:GetObject"], resources=[self.artifacts.arn_for_objects(prefix)])
        )
        self.artifacts.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[reader],
                actions=["s3:ListBucket"],
                resources=[self.artifacts.bucket_arn],
                conditions={"StringLike": {"s3:prefix": prefix}},
            )
        )


def _tell_events(bucket: s3.Bucket) -> None:
    """The property of the resource; CDK's own switch would bring a function that sets it."""
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )


def _old_versions(days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="old-versions",
        noncurrent_version_expiration=Duration.days(days),
        abort_incomplete_multipart_upload_after=Duration.days(7),
    )


def _short_lived(place: Place) -> list[s3.LifecycleRule]:
    """Captured requests hold what callers sent: they go after a month. Checkpoints are of use only until their training ends."""
    prefixes = {"captured": "captured/", "checkpoints": f"{place.pipeline('training')}/checkpoints/"}
    days = {"captured": 30, "checkpoints": 14}
    return [s3.LifecycleRule(id=name, prefix=prefix, expiration=Duration.days(days[name])) for name, prefix in prefixes.items()]


def _expiring(days: int, noncurrent: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="expire",
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(noncurrent),
        abort_incomplete_multipart_upload_after=Duration.days(7),
    )
