"""The steps of a deployment: what is refused, what is asked of the endpoint, and what is taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from sagelens.deployment import Outcome, Release, ServedModel, Target
from sagelens.deployment.run import record_of
from sagelens.errors import NotFound, Refused, RollbackFailed, RolledBack, StepFailed
from sagelens.project import Deployment as DeploymentSettings
from sagelens.project import EndpointSettings
from sagelens.values import Placement, digest_bytes, digest_listing
from steps.deployment import Deployment, SmokeTest, deploy, smoke_test
from steps.scoring import find_model
from tests.conformance.stubbed_aws import BUCKET, ENDPOINT, NEW, NOW, OLD, PREFIX, ROLE, START, Aws, an_order, live_config

DIGEST = digest_listing({"sample.jsonl": digest_bytes(b'{"carrier": "AA"}\n{"carrier": "UA"}\n')})
"""Of the model that `Aws.holds_model` puts into the bucket."""
PACKAGE = f"{PREFIX}:model-package/flights/1"
PLACEMENT = Placement(
    subnets=("subnet-0a1b", "subnet-0c2d"),
    security_groups=("sg-0a1b",),
    data_key="alias/flights-data",
    volume_key="arn:aws:kms:eu-west-1:111122223333:key/volumes",
    tags={"sagelens:project": "flights"},
)
TAGS = [{"Key": "sagelens:project", "Value": "flights"}]
WAIVED = {"waived": "a test"}
ASKED = {"EndpointName": ENDPOINT, "ContentType": ANY, "Accept": ANY, "Body": ANY}
DEPLOYMENT = Deployment(
    endpoint_name=ENDPOINT,
    endpoint_config_name=NEW,
    model_name=NEW,
    model_package_arn=PACKAGE,
    model_digest=DIGEST,
    model_uri=f"s3://{BUCKET}/model/",
    outcome="landed",
    previous_config=OLD,
)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with Aws() as made:
        made.holds_model()
        yield made


@pytest.fixture
def landed(aws: Aws) -> Deployment:
    """A deployment that has just landed, with its record."""
    return replace(DEPLOYMENT, journal=recorded(aws, OLD))


def recorded(aws: Aws, previous: str | None) -> str:
    record = replace(record_of(an_order(), None, started=START), previous_config=previous, outcome=Outcome.LANDED, serves=NEW)
    aws.journal.put(record)
    return aws.journal.uri(record)


def smoke(aws: Aws, deployment: Deployment) -> SmokeTest:
    services = aws.services
    return smoke_test(
        deployment,
        rows=2,
        s3=services.s3,
        sagemaker=services.sagemaker,
        cloudwatch=services.cloudwatch,
        runtime=services.runtime,
    )


def goes_back(aws: Aws, config: str = OLD) -> None:
    aws.shows("InService", NEW)
    aws.updates(OLD, ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}])
    aws.shows("InService", config)


# -- the smoke test ------------------------------------------------------------------------------------------------------


def test_proper_answers_pass(aws: Aws, landed: Deployment) -> None:
    aws.answers([0.25, 0.75], endpoint=ENDPOINT)

    answered = smoke(aws, landed)

    assert (answered.rows, answered.lowest_score, answered.highest_score, answered.golden) == (2, 0.25, 0.75, False)


@pytest.mark.parametrize("scores", [[0.5], [1.5, 0.5], [float("nan"), 0.5], [0.5, 0.5, 0.5]])
def test_improper_answers_put_the_old_config_back(aws: Aws, landed: Deployment, scores: list[float]) -> None:
    aws.answers(scores, endpoint=ENDPOINT)
    goes_back(aws)

    with pytest.raises(RolledBack, match=f"serves {OLD} again"):
        smoke(aws, landed)
    assert (aws.recorded()["outcome"], aws.recorded()["serves"]) == ("rolled back", OLD)


@pytest.mark.parametrize(
    "body",
    [
        {"scores": [0.5, 0.5]},
        [0.5, 0.5],
        {"predictions": [{"score": 0.5}] * 2},
        {"predictions": [{"score": 0.5, "label": "x"}] * 2},
    ],
)
def test_rubbish_is_not_an_answer(aws: Aws, landed: Deployment, body: Any) -> None:
    aws.says_body(json.dumps(body))
    goes_back(aws)

    with pytest.raises(RolledBack, match="failed its smoke test"):
        smoke(aws, landed)


def test_a_golden_set_is_held_to_its_scores(aws: Aws, landed: Deployment) -> None:
    aws.holds_model([{"row": {"carrier": "AA"}, "score": 0.25, "tolerance": 0.001}])
    aws.answers([0.26], endpoint=ENDPOINT)
    goes_back(aws)

    with pytest.raises(RolledBack, match=r"answered 0\.26 to row 0"):
        smoke(aws, landed)


def test_an_endpoint_that_errs_is_put_back(aws: Aws, landed: Deployment) -> None:
    aws.runtime.add_client_error("invoke_endpoint", "ModelError", "the model answered 500")
    goes_back(aws)

    with pytest.raises(RolledBack, match="the model answered 500"):
        smoke(aws, landed)


def test_a_new_endpoint_that_errs_is_deleted(aws: Aws) -> None:
    aws.runtime.add_client_error("invoke_endpoint", "ModelError", "500")
    aws.says("delete_endpoint", {}, {"EndpointName": ENDPOINT})

    with pytest.raises(RolledBack, match="was new, so it was deleted"):
        smoke(aws, replace(DEPLOYMENT, journal=recorded(aws, None)))


def test_of_an_ab_test_the_new_variant_is_asked(aws: Aws, landed: Deployment) -> None:
    aws.runtime.add_client_error("invoke_endpoint", "ModelError", "500", expected_params={**ASKED, "TargetVariant": "v3"})
    goes_back(aws)

    with pytest.raises(RolledBack, match=f"serves {OLD} again"):
        smoke(aws, replace(landed, variant="v3"))


def test_what_had_landed_already_is_left_alone(aws: Aws) -> None:
    aws.runtime.add_client_error("invoke_endpoint", "ModelError", "500")

    with pytest.raises(StepFailed, match="nothing was changed"):
        smoke(aws, replace(DEPLOYMENT, outcome="already landed", previous_config=None))


def test_a_rollback_that_does_not_land_is_worse(aws: Aws, landed: Deployment) -> None:
    aws.runtime.add_client_error("invoke_endpoint", "ModelError", "500")
    goes_back(aws, NEW)

    with pytest.raises(RollbackFailed, match=f"could not be put back to {OLD}"):
        smoke(aws, landed)


# -- deploying -----------------------------------------------------------------------------------------------------------


def package(approval: str = "Approved") -> dict[str, Any]:
    source = {"S3Uri": f"s3://{BUCKET}/model/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": "i", "ModelDataSource": {"S3DataSource": source}, "Environment": {"SAGELENS_MODEL_DIGEST": DIGEST}}
    return {
        "ModelPackageName": "flights-1",
        "ModelPackageGroupName": "flights",
        "ModelPackageVersion": 1,
        "ModelPackageArn": PACKAGE,
        "CreationTime": NOW,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": approval,
        "InferenceSpecification": {"Containers": [container]},
        "CustomerMetadataProperties": {"model_digest": DIGEST},
    }


@pytest.fixture
def registry(aws: Aws) -> Aws:
    """One intact model in S3."""
    aws.holds_model()
    return aws


def deployed(aws: Aws, **settings: Any) -> Deployment:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    sts = boto3.session.Session().client("sts", **keys)
    with Stubber(sts) as identity:
        identity.add_response("get_caller_identity", {"Arn": "arn:aws:sts::111122223333:assumed-role/deployer/x"})
        return deploy(
            package=PACKAGE,
            settings=DeploymentSettings(**{"endpoint": ENDPOINT, "staging": False, "alarms": WAIVED, **settings}),
            hosting=EndpointSettings(data_capture_percent=20),
            role=ROLE,
            placement=PLACEMENT,
            bucket=BUCKET,
            by="ann",
            reason="the first one",
            sagemaker=aws.services.sagemaker,
            cloudwatch=aws.services.cloudwatch,
            s3=aws.services.s3,
            runtime=aws.services.runtime,
            sts=sts,
        )


def test_an_approved_package_reaches_a_new_endpoint(registry: Aws) -> None:
    model = ServedModel(
        digest=DIGEST,
        image="i",
        model_uri=f"s3://{BUCKET}/model/",
        role=ROLE,
        environment={"SAGELENS_MODEL_DIGEST": DIGEST},
        placement=PLACEMENT,
    )
    capture = {
        "EnableCapture": True,
        "KmsKeyId": PLACEMENT.data_key,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": f"s3://{BUCKET}/captured/{ENDPOINT}",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"], "CsvContentTypes": ["text/csv"]},
    }
    release = Release.of(Target(endpoint=ENDPOINT, model=model, data_capture=capture))
    registry.says("describe_model_package", package(), {"ModelPackageName": PACKAGE})
    registry.lacks("describe_endpoint")
    registry.lacks("describe_endpoint")
    registry.has_no_leftovers()
    registry.lacks("describe_model", "model")
    vpc = {"SecurityGroupIds": ["sg-0a1b"], "Subnets": ["subnet-0a1b", "subnet-0c2d"]}
    assert release.model_request is not None
    assert (release.model_request["VpcConfig"], release.model_request["EnableNetworkIsolation"]) == (vpc, True)
    assert (release.config_request or {})["KmsKeyId"] == PLACEMENT.volume_key
    registry.says("create_model", {"ModelArn": f"{PREFIX}:model/m"}, {**release.model_request, "Tags": TAGS})
    registry.makes_config({**(release.config_request or {}), "Tags": TAGS})
    endpoint = {"EndpointName": ENDPOINT, "EndpointConfigName": release.config_name, "Tags": TAGS}
    registry.says("create_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/flights"}, endpoint)
    registry.shows("InService", release.config_name)
    registry.shows("InService", release.config_name)
    registry.keeps(release.config_name)

    done = deployed(registry)

    assert (done.outcome, done.previous_config, done.model_digest) == ("landed", None, DIGEST)
    record = registry.recorded()
    assert record["who"] == "ann (arn:aws:sts::111122223333:assumed-role/deployer/x)"
    assert (record["why"], record["model_version"]) == ("the first one", "1")


def test_a_package_that_waits_for_approval_is_not_deployed(registry: Aws) -> None:
    registry.says("describe_model_package", package("PendingManualApproval"))

    with pytest.raises(Refused, match="sagelens models approve 1"):
        deployed(registry)


def test_a_model_that_was_changed_after_it_was_registered_is_not_deployed(registry: Aws) -> None:
    changed = {"digest": DIGEST, "files": {"model/model.ubj": "b" * 64}}
    registry.bucket.objects[f"{BUCKET}/model/manifest.json"] = json.dumps(changed).encode()
    registry.says("describe_model_package", package())

    with pytest.raises(Refused, match="was changed after it was registered"):
        deployed(registry)


def test_a_model_whose_schema_breaks_callers_is_not_deployed(registry: Aws) -> None:
    for model, kind in (("old", "string"), ("model", "integer")):
        schema = {"properties": {"hour": {"type": kind}}, "required": []}
        registry.bucket.objects[f"{BUCKET}/{model}/schema.json"] = json.dumps(schema).encode()
    source = {"S3Uri": f"s3://{BUCKET}/old/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": "i", "ModelDataSource": {"S3DataSource": source}}
    registry.says("describe_model_package", package())
    registry.shows("InService")
    registry.says("describe_endpoint_config", live_config())
    made = {"ModelName": "flights-old", "ModelArn": f"{PREFIX}:model/m", "CreationTime": NOW, "PrimaryContainer": container}
    registry.says("describe_model", made)

    with pytest.raises(Refused, match="field 'hour' was string and is integer"):
        deployed(registry)


# -- what scoring finds --------------------------------------------------------------------------------------------------


def test_scoring_finds_the_latest_approved_model(registry: Aws) -> None:
    summary = {"ModelPackageArn": PACKAGE, "CreationTime": NOW, "ModelPackageStatus": "Completed", "ModelPackageVersion": 1}
    registry.says("list_model_packages", {"ModelPackageSummaryList": [summary]})
    registry.says("describe_model_package", package())
    registry.says("describe_model_package", package())
    registry.lacks("describe_model", "model")
    registry.says("create_model", {"ModelArn": f"{PREFIX}:model/m"})
    services = registry.services

    found = find_model(group="flights", role=ROLE, placement=PLACEMENT, s3=services.s3, sagemaker=services.sagemaker)

    assert found.model_name.startswith(f"flights-{DIGEST[:12]}-")
    assert (found.model_digest, found.model_package_arn) == (DIGEST, PACKAGE)


def test_scoring_without_an_approved_model_says_what_to_do(registry: Aws) -> None:
    registry.says("list_model_packages", {"ModelPackageSummaryList": []})
    services = registry.services

    with pytest.raises(NotFound, match="holds no approved model"):
        find_model(group="flights", role=ROLE, placement=PLACEMENT, s3=services.s3, sagemaker=services.sagemaker)
