"""What starts pipelines, who is told, and the front."""

from __future__ import annotations

from conftest import Templates

from infra.patterns import approval, arrival
from infra.permissions.place import Role


def test_rules_call_the_function_that_starts_pipelines_and_nobody_else_may(templates: Templates) -> None:
    place = templates.place
    rules = {rule["Name"]: rule for rule in templates.properties("AWS::Events::Rule")}
    ((name, function),) = ((name, resource["Properties"]) for name, resource in templates.named("AWS::Lambda::Function"))
    callers = templates.properties("AWS::Lambda::Permission")

    assert rules[f"{place.prefix}-approved"]["EventPattern"] == approval(place)
    assert function["Role"] == place.role_arn(Role.EVENTS)
    assert function["Environment"]["Variables"] == {"TRAINING": "flights-training", "DEPLOYMENT": "flights-deployment"}
    assert function["DeadLetterConfig"].keys() == {"TargetArn"}
    for rule in rules.values():
        (target,) = rule["Targets"]
        assert target["Arn"] == {"Fn::GetAtt": [name, "Arn"]}
        assert "RoleArn" not in target
    assert {caller["SourceArn"] for caller in callers} == {place.arn("events", f"rule/{rule}") for rule in rules}
    assert {(c["Principal"], c["SourceAccount"], c["Action"]) for c in callers} == {
        ("events.amazonaws.com", place.environment.account, "lambda:InvokeFunction")
    }


def test_data_and_the_clock_start_training_where_the_settings_say_so(templates: Templates) -> None:
    environment, prefix = templates.place.environment, templates.place.prefix
    rules = {rule["Name"]: rule for rule in templates.properties("AWS::Events::Rule")}

    assert (f"{prefix}-arrived" in rules) == environment.trains_on_arrival
    assert (f"{prefix}-scheduled" in rules) == bool(environment.training_schedule)
    if environment.trains_on_arrival:
        assert rules[f"{prefix}-arrived"]["EventPattern"] == arrival(templates.place)
        data = templates.one("AWS::S3::Bucket", BucketName=templates.place.data_bucket)
        assert data["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_what_could_not_be_delivered_is_kept_and_rings(templates: Templates) -> None:
    rules = templates.properties("AWS::Events::Rule")
    alarm = templates.one("AWS::CloudWatch::Alarm", AlarmName=f"{templates.place.prefix}-undelivered")

    assert all("DeadLetterConfig" in target for rule in rules for target in rule["Targets"])
    assert (alarm["Threshold"], alarm["Statistic"]) == (0, "Maximum")


def test_alarms_tell_somebody_and_are_out_of_a_deployments_reach(templates: Templates) -> None:
    alarms = templates.properties("AWS::CloudWatch::Alarm")
    latency = next(alarm for alarm in alarms if alarm["AlarmName"].endswith("-latency"))

    assert all(alarm["AlarmActions"] and alarm["OKActions"] for alarm in alarms)
    assert not any(alarm["AlarmName"].startswith(f"{templates.place.settings.endpoint}-") for alarm in alarms)
    assert latency["Threshold"] == templates.place.environment.latency_ms * 1000
    assert templates.one("AWS::SNS::Subscription")["Endpoint"] == templates.place.environment.notify


def test_requests_that_are_refused_ring(templates: Templates) -> None:
    alarm = templates.one("AWS::CloudWatch::Alarm", AlarmName=f"{templates.place.prefix}-refused")
    (metric,) = templates.one("AWS::Logs::MetricFilter")["MetricTransformations"]

    assert (alarm["Namespace"], alarm["MetricName"]) == (metric["MetricNamespace"], metric["MetricName"])
    assert "AccessDenied" in templates.one("AWS::Logs::MetricFilter")["FilterPattern"]


def test_the_budget_is_that_of_the_settings(templates: Templates) -> None:
    budget = templates.one("AWS::Budgets::Budget")

    assert budget["Budget"]["BudgetLimit"] == {"Amount": templates.place.environment.monthly_budget_usd, "Unit": "USD"}
    assert [n["Notification"]["NotificationType"] for n in budget["NotificationsWithSubscribers"]] == ["ACTUAL", "FORECASTED"]


def test_the_front_takes_signed_requests_throttles_them_and_writes_them_down(templates: Templates) -> None:
    environment = templates.place.environment
    (stage,) = templates.properties("AWS::ApiGateway::Stage")
    (method,) = templates.properties("AWS::ApiGateway::Method")
    (settings,) = stage["MethodSettings"]

    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (
        environment.requests_per_second,
        environment.burst,
    )
    assert not settings["DataTraceEnabled"]
    assert "DestinationArn" in stage["AccessLogSetting"]
    assert (method["HttpMethod"], method["AuthorizationType"]) == ("POST", "AWS_IAM")
    assert method["Integration"]["Credentials"] == templates.place.role_arn(Role.FRONT)


def test_the_front_asks_the_projects_endpoint(templates: Templates) -> None:
    (method,) = templates.properties("AWS::ApiGateway::Method")

    uri = method["Integration"]["Uri"]
    text = uri if isinstance(uri, str) else "".join(part for part in uri["Fn::Join"][1] if isinstance(part, str))
    assert text.endswith(":runtime.sagemaker:path/endpoints/flights/invocations")
