"""What starts pipelines: an approval, data that arrived, and the clock. What could not be delivered waits in a queue.

Rules call one function, which starts the pipeline: a rule alone could neither find the versions of the data nor start one
execution for an event that comes twice.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_sqs as sqs
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.constructs.groups import log_group
from infra.functions.source import source
from infra.patterns import approval, arrival
from infra.permissions.place import Place, Role

__all__ = ["Starts"]

_AGE = Duration.hours(1)
_RUNS_ALONE = [
    NagPackSuppression(
        id="HIPAA.Security-LambdaConcurrency",
        reason="It is called a few times a day, and a reserve cannot be set in an account with the quota of a new one.",
    ),
    NagPackSuppression(
        id="HIPAA.Security-LambdaInsideVPC",
        reason="It calls two services of AWS and nobody calls it but EventBridge; in the VPC it would be near jobs and data.",
    ),
]


class Starts(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self._place = place
        self.undelivered = sqs.Queue(
            self,
            "Undelivered",
            queue_name=place.undelivered,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            redrive_allow_policy=sqs.RedriveAllowPolicy(redrive_permission=sqs.RedrivePermission.DENY_ALL),
        )
        self.function = self._function(key)
        self._rule("approved", "A model package was approved: deploy it", event_pattern=approval(place))
        if place.environment.trains_on_arrival:
            self._rule("arrived", "A delivery of raw data is complete: train", event_pattern=arrival(place))
        if place.environment.training_schedule:
            self._rule("scheduled", "It is time to train", schedule_expression=place.environment.training_schedule)

    def _function(self, key: kms.IKey) -> functions.Function:
        place = self._place
        group = log_group(self, "StarterLog", f"/aws/lambda/{place.starter}", key=key, kept=place.environment.keep_data)
        function = functions.Function(
            self,
            "Starter",
            function_name=place.starter,
            description="Starts the pipeline that an event is for",
            runtime=functions.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=functions.Code.from_inline(source()),
            role=iam.Role.from_role_arn(self, "StarterRole", place.role_arn(Role.EVENTS), mutable=False),
            environment={name.upper(): place.pipeline(name) for name in ("training", "deployment")},
            timeout=Duration.minutes(2),
            memory_size=256,
            log_group=group,
            dead_letter_queue=self.undelivered,
            retry_attempts=2,
            max_event_age=_AGE,
        )
        NagSuppressions.add_resource_suppressions(function, _RUNS_ALONE)
        return function

    def _rule(self, name: str, description: str, **when: Any) -> None:
        place = self._place
        rule_name = f"{place.prefix}-{name}"
        rule = place.arn("events", f"rule/{rule_name}")
        events.CfnRule(
            self,
            name.title(),
            name=rule_name,
            description=description,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="starter",
                    arn=self.function.function_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.undelivered.queue_arn),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=_AGE.to_seconds(), maximum_retry_attempts=5
                    ),
                )
            ],
            **when,
        )
        functions.CfnPermission(
            self,
            f"{name.title()}Calls",
            action="lambda:InvokeFunction",
            function_name=self.function.function_arn,
            principal="events.amazonaws.com",
            source_account=place.environment.account,
            source_arn=rule,
        )
        self.undelivered.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.undelivered.queue_arn],
                conditions={"StringEquals": {"aws:SourceArn": rule}},
            )
        )
