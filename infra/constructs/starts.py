"""What starts pipelines: an approval, data that arrived, and the clock. What could not be delivered waits in a queue."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.permissions.place import Place, Role

__all__ = ["Starts"]

_COMPLETE = "_SUCCESS"
"""The object that a delivery ends with; rows alone would start a training for each file."""
_LAST_STOP = NagPackSuppression(id="AwsSolutions-SQS3", reason="This queue is where dead letters go; it needs none of its own.")


class Starts(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self._place = place
        self.undelivered = sqs.Queue(
            self,
            "Undelivered",
            queue_name=f"{place.prefix}-undelivered",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            redrive_allow_policy=sqs.RedriveAllowPolicy(redrive_permission=sqs.RedrivePermission.DENY_ALL),
        )
        NagSuppressions.add_resource_suppressions(self.undelivered, [_LAST_STOP])
        self._on_approval()
        if place.environment.trains_on_arrival:
            self._on_arrival()
        if place.environment.training_schedule:
            self._on_schedule(place.environment.training_schedule)

    def _on_approval(self) -> None:
        parameters = {"ModelPackageArn": "$.detail.ModelPackageArn", "Reason": "approved"}
        self._rule(
            "approved",
            "A model package was approved: deploy it",
            "deployment",
            parameters=parameters,
            event_pattern={
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": {
                    "ModelPackageGroupName": [self._place.settings.model_package_group],
                    "ModelApprovalStatus": ["Approved"],
                },
            },
        )

    def _on_arrival(self) -> None:
        self._rule(
            "arrived",
            "A delivery of raw data is complete: train",
            "training",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [self._place.data_bucket]},
                    "object": {"key": [{"suffix": _COMPLETE}]},
                },
            },
        )

    def _on_schedule(self, expression: str) -> None:
        self._rule("scheduled", "It is time to train", "training", schedule_expression=expression)

    def _rule(self, name: str, description: str, pipeline: str, *, parameters: dict[str, str] | None = None, **when: Any) -> None:
        place = self._place
        rule_name = f"{place.prefix}-{name}"
        listed = [
            events.CfnRule.SageMakerPipelineParameterProperty(name=key, value=value) for key, value in (parameters or {}).items()
        ]
        events.CfnRule(
            self,
            name.title(),
            name=rule_name,
            description=description,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id=pipeline,
                    arn=place.sagemaker(f"pipeline/{place.pipeline(pipeline)}"),
                    role_arn=place.role_arn(Role.EVENTS),
                    sage_maker_pipeline_parameters=events.CfnRule.SageMakerPipelineParametersProperty(
                        pipeline_parameter_list=listed
                    ),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.undelivered.queue_arn),
                    retry_policy=events.CfnRule.RetryPolicyProperty(maximum_event_age_in_seconds=3600, maximum_retry_attempts=5),
                )
            ],
            **when,
        )
        self.undelivered.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.undelivered.queue_arn],
                conditions={"StringEquals": {"aws:SourceArn": place.arn("events", f"rule/{rule_name}")}},
            )
        )
