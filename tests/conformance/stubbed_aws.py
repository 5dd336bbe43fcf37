"""SageMaker and CloudWatch as botocore's Stubber answers for them: documented shapes, requests checked by the model."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from infra.permissions.evaluate import missing
from infra.permissions.place import Role
from infra.permissions.policies import grants
from infra.permissions.recorded import needs_of_requests
from infra.permissions.requests import CALLS
from sagelens.deployment import Deployed, Event, Journal, Order, Pace, Release, ServedModel, Services, Target, deploy
from sagelens.deployment.alarms import Fleet, alarm_request
from sagelens.testing.bucket import Bucket
from sagelens.testing.recorder import Recorder
from sagelens.values import digest_bytes, digest_listing
from sagelens.values.grammar import alarms_of, chain_of
from sagelens.values.guard import MetricGuard
from tests.places import place_of

START = 1_767_225_600.0
NOW = datetime.fromtimestamp(START, UTC)
PLACE = place_of("stubbed", "111122223333")
ENDPOINT, OLD, BUCKET = "flights", "flights-00000000aaaa-000001", PLACE.bucket
MAKES_MODELS = {"CreateModel", "DescribeModel", "InvokeEndpoint"}
"""What only the deployment of a model does: to make it, and to ask it. A rollback goes to a config that exists."""
PREFIX = "arn:aws:sagemaker:us-east-1:111122223333"
ROLE = "arn:aws:iam::111122223333:role/sagelens"
GOLDEN = [{"row": {"carrier": "AA"}, "score": 0.25, "tolerance": 0.01}]
"""The packaged model's golden set. The model has no other file."""
DIGEST = digest_listing({"golden.jsonl": digest_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in GOLDEN))})
MODEL = ServedModel(digest=DIGEST, image="sagelens:local", model_uri=f"s3://{BUCKET}/model", role=ROLE)
RELEASE = Release.of(
    Target(endpoint=ENDPOINT, model=MODEL, instance_count=4), package_arn=f"{PREFIX}:model-package/flights/3", version="3"
)
NEW = RELEASE.config_name
GUARDS = [{"kind": "errors", "at_most": "1%"}]
ERRORS = f"{NEW}-errors"
REVIEWED = {call.method for call in CALLS}
FIRED = "Threshold Crossed: 1 datapoint [0.5] was greater than the threshold (0.01)."


def live_config(name: str = OLD, **more: Any) -> dict[str, Any]:
    """DescribeEndpointConfig of what served before."""
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "flights-old",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 4,
        "InitialVariantWeight": 1.0,
    }
    arn = f"{PREFIX}:endpoint-config/{name}"
    shown = {"EndpointConfigName": name, "EndpointConfigArn": arn, "CreationTime": NOW, "ProductionVariants": [variant]}
    return {**shown, **more}


def an_order(strategy: Any = "all-at-once", alarms: Any = GUARDS, **more: Any) -> Order:
    settings = {"minimum_invocations": 0, "who": "ann", "why": "a better model", **more}
    return Order(release=RELEASE, strategies=chain_of(strategy), alarms=alarms_of(alarms), **settings)


class Wall:
    """Time on the wall passes only while sleeping."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def now(self) -> float:
        return self.time


@cache
def _session() -> Any:
    """Kept: it remembers the service models, which take longer to load than a test takes."""
    return boto3.session.Session()


class Aws:
    """Answers in the order in which they are prepared, by client. `at` is the answer's Date, in seconds after START."""

    def __init__(self) -> None:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        session = _session()
        s3 = session.client("s3", config=Config(s3={"addressing_style": "path"}), **keys)
        clients = {name: session.client(name, **keys) for name in ("sagemaker", "cloudwatch", "sagemaker-runtime")}
        self.recorder = Recorder()
        for client in (*clients.values(), s3):
            self.recorder.watch(client)
        self.bucket = Bucket()
        self.bucket.serve(s3)
        self.holds_model(GOLDEN)
        self.sagemaker, self.cloudwatch, self.runtime = (Stubber(client) for client in clients.values())
        self.services = Services(
            sagemaker=clients["sagemaker"], cloudwatch=clients["cloudwatch"], s3=s3, runtime=clients["sagemaker-runtime"]
        )
        self.wall = Wall()
        self.pace = Pace(sleep=self.wall.sleep, now=self.wall.now, wall=lambda: START)
        self.journal = Journal(s3, BUCKET, ENDPOINT)
        self.events: list[Event] = []

    def __enter__(self) -> Aws:
        for stubber in (self.sagemaker, self.cloudwatch, self.runtime):
            stubber.activate()
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        for stubber in (self.sagemaker, self.cloudwatch, self.runtime):
            stubber.deactivate()
            if kind is None:
                stubber.assert_no_pending_responses()
        if kind is None:
            self.recorder.verify(REVIEWED)

    def check_roles(self) -> None:
        """Whatever the code that rolls out has sent, the operator's role may send, who runs the same code for a rollback."""
        sent = [
            request
            for request in self.recorder.requests
            if request.operation not in MAKES_MODELS
            and not (request.operation == "CreateEndpoint" and "-staging-" in request.parameters["EndpointName"])
            and not (request.operation == "GetObject" and request.parameters["Key"].startswith("model/"))
        ]
        for role in (Role.DEPLOYMENT, Role.OPERATOR):
            allowed = {str(role): [grant.statement() for grant in grants(role, PLACE)]}
            refused = missing(needs_of_requests(sent, role, PLACE), allowed)
            assert not refused, refused

    def deploy(self, order: Order) -> Deployed:
        return deploy(order, services=self.services, journal=self.journal, told=self.events.append, pace=self.pace)

    def forgets_journal(self) -> None:
        for path in [path for path in self.bucket.objects if path.startswith(f"{BUCKET}/deployments/")]:
            del self.bucket.objects[path]

    def recorded(self) -> dict[str, Any]:
        """The newest record in the journal."""
        keys = [path for path in self.bucket.objects if path.startswith(f"{BUCKET}/deployments/{ENDPOINT}/")]
        return dict(json.loads(self.bucket.objects[max(keys)]))

    # -- SageMaker -------------------------------------------------------------------------------------------------------

    def says(self, operation: str, answer: Mapping[str, Any], asked: Mapping[str, Any] | None = None, at: float = 0) -> None:
        headers = {"date": formatdate(START + at, usegmt=True)}
        meta = {"HTTPStatusCode": 200, "HTTPHeaders": headers}
        self.sagemaker.add_response(operation, {**answer, "ResponseMetadata": meta}, asked and dict(asked))

    def lacks(self, operation: str, what: str = "endpoint") -> None:
        self.sagemaker.add_client_error(operation, "ValidationException", f"Could not find {what}.")

    def shows(
        self,
        status: str,
        config: str = OLD,
        *,
        pending: str | None = None,
        baking: str = "",
        reason: str = "",
        at: float = 0,
        variants: Mapping[str, float] | None = None,
        shadow: str = "",
        name: str = ENDPOINT,
    ) -> None:
        """One DescribeEndpoint."""
        weights = variants or {"AllTraffic": 1.0}
        answer: dict[str, Any] = {
            "EndpointName": name,
            "EndpointArn": f"{PREFIX}:endpoint/{name}",
            "EndpointStatus": status,
            "EndpointConfigName": config,
            "CreationTime": NOW,
            "LastModifiedTime": NOW,
            "ProductionVariants": [
                {"VariantName": variant, "CurrentWeight": weight, "CurrentInstanceCount": 4}
                for variant, weight in weights.items()
            ],
        }
        if shadow:
            answer["ShadowProductionVariants"] = [{"VariantName": shadow, "CurrentInstanceCount": 4}]
        if pending:
            status_now = {"Status": "Baking" if baking else "Creating", "StatusMessage": baking, "StartTime": NOW}
            shown = {"VariantName": "AllTraffic", "CurrentInstanceCount": 4, "VariantStatus": [status_now]}
            answer["PendingDeploymentSummary"] = {"EndpointConfigName": pending, "ProductionVariants": [shown]}
        if reason:
            answer["FailureReason"] = reason
        self.says("describe_endpoint", answer, {"EndpointName": name}, at)

    def has_no_leftovers(self) -> None:
        self.cloudwatch.add_response("describe_alarms", {"MetricAlarms": []})
        self.says("list_endpoints", {"Endpoints": []}, {"NameContains": "flights-staging-"})

    def makes_model(self) -> None:
        self.lacks("describe_model", "model")
        assert RELEASE.model_request is not None
        self.says("create_model", {"ModelArn": f"{PREFIX}:model/m"}, RELEASE.model_request)

    def makes_config(self, request: Mapping[str, Any] | None = None) -> None:
        request = request or RELEASE.config_request
        assert request is not None
        self.lacks("describe_endpoint_config", "endpoint configuration")
        self.says("create_endpoint_config", {"EndpointConfigArn": f"{PREFIX}:endpoint-config/c"}, request)

    def updates(self, config: str, *, at: float = 0, **more: Any) -> None:
        asked = {"EndpointName": ENDPOINT, "EndpointConfigName": config, "RetainAllVariantProperties": True, **more}
        self.says("update_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/{ENDPOINT}"}, asked, at)

    def begins(self, strategy_config: Mapping[str, Any]) -> None:
        """Everything up to the UpdateEndpoint of a rollout with one alarm, from an endpoint that serves the old config."""
        self.shows("InService")
        self.has_no_leftovers()
        self.shows("InService")
        self.makes_model()
        self.makes_config()
        self.makes_alarm()
        watched = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": ERRORS}]}}
        self.updates(NEW, DeploymentConfig={**strategy_config, **watched})

    def ends(self, config: str = NEW, *, at: float = 0, status: str = "InService") -> None:
        """The look at the end, and the alarm's removal."""
        self.shows(status, config, at=at)
        self.removes_alarm()

    def keeps(self, *configs: str) -> None:
        listed = [{"EndpointConfigName": name, "EndpointConfigArn": f"{PREFIX}:endpoint-config/{name}", "CreationTime": NOW}
                  for name in configs]  # fmt: skip
        self.says("list_endpoint_configs", {"EndpointConfigs": listed}, {"NameContains": "flights-"})

    # -- CloudWatch ------------------------------------------------------------------------------------------------------

    def makes_alarm(self, config: str = NEW, variant: str = "AllTraffic", state: str = "INSUFFICIENT_DATA") -> None:
        guard = alarms_of(GUARDS).guards[0]
        assert isinstance(guard, MetricGuard)
        request = alarm_request(guard, Fleet(endpoint=ENDPOINT, config=config, variant=variant))
        self.cloudwatch.add_response("put_metric_alarm", {}, request)
        self.alarm_is(state, config)

    def alarm_is(self, state: str, config: str = NEW) -> None:
        shown = {"AlarmName": f"{config}-errors", "StateValue": state, "StateReason": FIRED}
        asked = {"AlarmNames": [f"{config}-errors"], "AlarmTypes": ANY, "MaxRecords": 100}
        self.cloudwatch.add_response("describe_alarms", {"MetricAlarms": [shown]}, asked)

    def rang(self) -> None:
        """The alarm's history: it went to ALARM."""
        data = {"version": "1.0", "newState": {"stateValue": "ALARM", "stateReason": FIRED}}
        item = {
            "AlarmName": ERRORS,
            "AlarmType": "MetricAlarm",
            "Timestamp": NOW,
            "HistoryItemType": "StateUpdate",
            "HistorySummary": "Alarm updated from OK to ALARM",
            "HistoryData": json.dumps(data),
        }
        self.cloudwatch.add_response("describe_alarm_history", {"AlarmHistoryItems": [item]})

    def is_quiet(self) -> None:
        self.cloudwatch.add_response("describe_alarm_history", {"AlarmHistoryItems": []})

    def removes_alarm(self, config: str = NEW) -> None:
        self.finds_alarm(config)
        self.cloudwatch.add_response("delete_alarms", {}, {"AlarmNames": [f"{config}-errors"]})

    def finds_alarm(self, config: str = NEW) -> None:
        said = f"Guards the deployment of {config} on endpoint {ENDPOINT}. Made by sagelens, which removes it at the end."
        shown = {"AlarmName": f"{config}-errors", "AlarmDescription": said, "StateValue": "OK"}
        self.cloudwatch.add_response("describe_alarms", {"MetricAlarms": [shown]})

    def counted(self, requests: float) -> None:
        """One GetMetricStatistics of Invocations."""
        points = [{"Timestamp": NOW, "Sum": requests, "Unit": "None"}] if requests else []
        self.cloudwatch.add_response("get_metric_statistics", {"Label": "Invocations", "Datapoints": points})

    def measured(self, requests: float, errors: float, latency: float) -> None:
        """The three figures of one fleet; the latency is in seconds."""
        self.counted(requests)
        failed = [{"Timestamp": NOW, "Sum": errors}]
        self.cloudwatch.add_response("get_metric_statistics", {"Label": "InvocationModelErrors", "Datapoints": failed})
        slow = [{"Timestamp": NOW, "ExtendedStatistics": {"p95": latency * 1e6}}]
        self.cloudwatch.add_response("get_metric_statistics", {"Label": "ModelLatency", "Datapoints": slow})

    # -- the model -------------------------------------------------------------------------------------------------------

    def answers(self, scores: list[float], *, endpoint: str) -> None:
        predictions = [{"score": score, "label": score > 0.5} for score in scores]
        self.says_body(json.dumps({"predictions": predictions}), endpoint=endpoint)

    def says_body(self, text: str, *, endpoint: str = ENDPOINT) -> None:
        stream = StreamingBody(io.BytesIO(text.encode()), len(text))
        asked = {"EndpointName": endpoint, "ContentType": ANY, "Accept": ANY, "Body": ANY}
        self.runtime.add_response("invoke_endpoint", {"Body": stream}, asked)

    def holds_model(self, golden: list[dict[str, Any]] | None = None) -> None:
        """The packaged model in S3, with its sample rows or its golden set."""
        name = "golden.jsonl" if golden else "sample.jsonl"
        body = "".join(f"{json.dumps(row)}\n" for row in golden or [{"carrier": "AA"}, {"carrier": "UA"}]).encode()
        files = {name: digest_bytes(body)}
        manifest = json.dumps({"digest": digest_listing(files), "files": files}).encode()
        for other in [path for path in self.bucket.objects if path.startswith(f"{BUCKET}/model/")]:
            del self.bucket.objects[other]
        self.bucket.objects |= {f"{BUCKET}/model/manifest.json": manifest, f"{BUCKET}/model/{name}": body}
