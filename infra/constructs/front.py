"""API Gateway in front of the endpoint: callers of this account, signed, throttled and written down."""

from __future__ import annotations

from aws_cdk import aws_apigateway as api
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.constructs.groups import log_group
from infra.permissions.place import Place, Role

__all__ = ["Front"]

_STAGE = [
    NagPackSuppression(
        id="AwsSolutions-APIG3",
        reason="Only signed requests of this account pass, and they are throttled: a firewall would see nothing else.",
    ),
    NagPackSuppression(
        id="HIPAA.Security-APIGWCacheEnabledAndEncrypted",
        reason="Predictions depend on the whole request and on the model that serves: a cache would answer with an old model's.",
    ),
    NagPackSuppression(
        id="HIPAA.Security-APIGWSSLEnabled",
        reason="Client certificates are for HTTP backends; the backend is SageMaker, to which requests are signed.",
    ),
]
_METHOD = NagPackSuppression(
    id="AwsSolutions-COG4", reason="Callers are workloads with IAM identities; there are no users to sign in."
)
_LOGS_ROLE = NagPackSuppression(
    id="AwsSolutions-IAM4",
    reason="API Gateway has one log role for the whole account and Region, and AWS keeps a policy for just that.",
)


class Front(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place, key: kms.IKey) -> None:
        super().__init__(scope, name)
        group = log_group(self, "Access", f"/sagelens/{place.settings.project}/front", key=key, kept=place.environment.keep_data)
        self.api = api.RestApi(
            self,
            "Api",
            rest_api_name=place.prefix,
            description=f"Predictions of {place.settings.endpoint}",
            endpoint_configuration=api.EndpointConfiguration(types=[api.EndpointType.REGIONAL]),
            policy=_callers(place.environment.account),
            cloud_watch_role=False,
            deploy_options=_stage(place, group),
        )
        self._account()
        self._predictions(place)
        NagSuppressions.add_resource_suppressions(self.api.deployment_stage, _STAGE)

    def _account(self) -> None:
        role = iam.Role(
            self,
            "Logger",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            description="API Gateway writes its logs",
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
            ],
        )
        NagSuppressions.add_resource_suppressions(role, [_LOGS_ROLE])
        account = api.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        self.api.deployment_stage.node.add_dependency(account)

    def _predictions(self, place: Place) -> None:
        endpoint = place.settings.endpoint
        credentials = iam.Role.from_role_arn(self, "Caller", place.role_arn(Role.FRONT), mutable=False)
        integration = api.AwsIntegration(
            service="runtime.sagemaker",
            path=f"endpoints/{endpoint}/invocations",
            integration_http_method="POST",
            options=api.IntegrationOptions(
                credentials_role=credentials,
                passthrough_behavior=api.PassthroughBehavior.WHEN_NO_MATCH,
                request_parameters={
                    "integration.request.header.Accept": "method.request.header.Accept",
                    "integration.request.header.Content-Type": "method.request.header.Content-Type",
                },
                integration_responses=_answers(),
            ),
        )
        method = self.api.root.add_resource("predictions").add_method(
            "POST",
            integration,
            authorization_type=api.AuthorizationType.IAM,
            request_parameters={"method.request.header.Accept": False, "method.request.header.Content-Type": True},
            request_validator=self.api.add_request_validator(
                "Validator", validate_request_parameters=True, validate_request_body=True
            ),
            method_responses=[api.MethodResponse(status_code=str(status)) for status in (200, 400, 500)],
        )
        NagSuppressions.add_resource_suppressions(method, [_METHOD])


def _answers() -> list[api.IntegrationResponse]:
    """What the model says of a bad request is the caller's to read; its own failures come as 500."""
    return [
        api.IntegrationResponse(status_code="200"),
        api.IntegrationResponse(status_code="400", selection_pattern=r"4\d{2}"),
        api.IntegrationResponse(status_code="500", selection_pattern=r"5\d{2}"),
    ]


def _stage(place: Place, group: logs.LogGroup) -> api.StageOptions:
    environment = place.environment
    return api.StageOptions(
        stage_name=environment.name,
        throttling_rate_limit=environment.requests_per_second,
        throttling_burst_limit=environment.burst,
        access_log_destination=api.LogGroupLogDestination(group),
        access_log_format=api.AccessLogFormat.json_with_standard_fields(
            caller=True,
            http_method=True,
            ip=True,
            protocol=True,
            request_time=True,
            resource_path=True,
            response_length=True,
            status=True,
            user=True,
        ),
        logging_level=api.MethodLoggingLevel.ERROR,
        data_trace_enabled=False,
        metrics_enabled=True,
        tracing_enabled=True,
    )


def _callers(account: str) -> iam.PolicyDocument:
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                principals=[iam.AccountPrincipal(account)],
                actions=["execute-api:Invoke"],
                resources=["execute-api:/*/POST/predictions"],
            )
        ]
    )
