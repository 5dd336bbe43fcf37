"""CloudTrail: who did what in the account, and who touched which object."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.groups import log_group
from infra.permissions.place import Place

__all__ = ["REFUSED", "Trail"]

REFUSED = "RefusedRequests"
"""The metric of requests that AWS refused somebody in this account; its namespace is the prefix of all names."""


class Trail(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place, key: kms.IKey, logged: s3.Bucket) -> None:
        super().__init__(scope, name)
        arn = place.arn("cloudtrail", f"trail/{place.prefix}")
        _let_in(logged, arn, place.environment.account)
        group = log_group(self, "Group", f"/sagelens/{place.settings.project}/trail", key=key, kept=True)
        logs.MetricFilter(
            self,
            "Refused",
            log_group=group,
            filter_pattern=logs.FilterPattern.any(
                *(
                    logs.FilterPattern.string_value("$.errorCode", "=", code)
                    for code in ("*AccessDenied*", "*UnauthorizedOperation")
                )
            ),
            metric_namespace=place.prefix,
            metric_name=REFUSED,
            metric_value="1",
        )
        role = self._writer(group, arn)
        objects = [f"arn:aws:s3:::{bucket}/" for bucket in (place.bucket, place.data_bucket)]
        trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=place.prefix,
            is_logging=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            s3_bucket_name=logged.bucket_name,
            s3_key_prefix="cloudtrail",
            kms_key_id=key.key_arn,
            cloud_watch_logs_log_group_arn=group.log_group_arn,
            cloud_watch_logs_role_arn=role.role_arn,
            event_selectors=[
                cloudtrail.CfnTrail.EventSelectorProperty(
                    include_management_events=True,
                    read_write_type="All",
                    data_resources=[cloudtrail.CfnTrail.DataResourceProperty(type="AWS::S3::Object", values=objects)],
                )
            ],
        )
        assert logged.policy is not None
        trail.node.add_dependency(logged.policy)  # without it CloudTrail refuses the bucket

    def _writer(self, group: logs.LogGroup, trail: str) -> iam.Role:
        write = iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[group.log_group_arn])
        policy = iam.ManagedPolicy(self, "WriterPolicy", statements=[write])
        return iam.Role(
            self,
            "Writer",
            assumed_by=iam.ServicePrincipal("cloudtrail.amazonaws.com", conditions={"StringEquals": {"aws:SourceArn": trail}}),
            managed_policies=[policy],
            description=f"CloudTrail of {Stack.of(self).stack_name} writes its log group",
        )


def _let_in(bucket: s3.Bucket, trail: str, account: str) -> None:
    service = iam.ServicePrincipal("cloudtrail.amazonaws.com")
    source = {"aws:SourceArn": trail}
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[service],
            actions=["s3:GetBucketAcl"],
            resources=[bucket.bucket_arn],
            conditions={"StringEquals": source},
        )
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[service],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"cloudtrail/AWSLogs/{account}/*")],
            conditions={"StringEquals": {**source, "s3:x-amz-acl": "bucket-owner-full-control"}},
        )
    )
