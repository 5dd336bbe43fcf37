"""Alarms and a dashboard of the endpoint, whoever deployed to it last; a deployment's own alarms come and go with it."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.trail import REFUSED
from infra.permissions.place import Place

__all__ = ["Watch"]

_VARIANT = "AllTraffic"
_MICROSECONDS = 1000
_PERIOD = Duration.minutes(1)


class Watch(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place, key: kms.IKey, undelivered: sqs.IQueue) -> None:
        super().__init__(scope, name)
        self._place = place
        self.topic = sns.Topic(self, "Topic", topic_name=f"{place.prefix}-alarms", master_key=key, enforce_ssl=True)
        self.topic.add_subscription(subscriptions.EmailSubscription(place.environment.notify))
        self._let_alarms_in()
        alarms = [
            self._alarm("errors", self._metric("Invocation5XXErrors", "Sum"), 5, "The endpoint answers with errors"),
            self._alarm(
                "latency",
                self._metric("ModelLatency", "p99"),
                place.environment.latency_ms * _MICROSECONDS,
                f"One answer in a hundred takes the model more than {place.environment.latency_ms} ms",
            ),
            self._alarm(
                "undelivered",
                undelivered.metric_approximate_number_of_messages_visible(period=_PERIOD, statistic="Maximum"),
                0,
                "An event could not start its pipeline; look into the queue",
                periods=1,
            ),
            self._alarm(
                "refused",
                cloudwatch.Metric(namespace=place.prefix, metric_name=REFUSED, statistic="Sum", period=Duration.minutes(5)),
                9,
                "Ten requests were refused within five minutes: somebody tries doors, or a role lacks something",
                periods=1,
            ),
        ]
        self._dashboard(alarms)

    def _let_alarms_in(self) -> None:
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self._place.environment.account}},
            )
        )

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map={"EndpointName": self._place.settings.endpoint, "VariantName": _VARIANT},
            statistic=statistic,
            period=_PERIOD,
        )

    def _alarm(
        self, name: str, metric: cloudwatch.IMetric, above: float, description: str, *, periods: int = 3
    ) -> cloudwatch.Alarm:
        """Its name does not begin with the endpoint's, so the deployment's role can neither change nor remove it."""
        made = cloudwatch.Alarm(
            self,
            name.title(),
            alarm_name=f"{self._place.prefix}-{name}",
            alarm_description=description,
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            datapoints_to_alarm=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        told = actions.SnsAction(self.topic)
        made.add_alarm_action(told)
        made.add_ok_action(told)
        return made

    def _dashboard(self, alarms: list[cloudwatch.Alarm]) -> None:
        def graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
            return cloudwatch.GraphWidget(title=title, left=list(metrics), width=12)

        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=self._place.prefix)
        board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24))
        board.add_widgets(
            graph("Requests a minute", self._metric("Invocations", "Sum")),
            graph(
                "Errors a minute",
                *(self._metric(name, "Sum") for name in ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")),
            ),
        )
        board.add_widgets(
            graph("Model latency, microseconds", *(self._metric("ModelLatency", s) for s in ("p50", "p95", "p99"))),
            graph("Overhead latency, microseconds", *(self._metric("OverheadLatency", s) for s in ("p50", "p99"))),
        )
