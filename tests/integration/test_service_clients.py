"""Unmodified boto3 clients against a service that was really started."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sagelens.local.lifecycle import Running, start, stop

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def service(root: Path) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGELENS_FORK", "0")
        running = start(root, account="000000000000", region="eu-west-1")
    yield running
    assert stop(root)


@pytest.fixture
def client(service: Running) -> Iterator[Make]:
    made = []

    def make(name: str, *, access_key: str = service.access_key) -> Any:
        port = service.s3_port if name == "s3" else service.port
        made.append(
            boto3.client(
                name,
                endpoint_url=f"http://127.0.0.1:{port}",
                region_name=service.region,
                aws_access_key_id=access_key,
                aws_secret_access_key=service.secret_key,
                config=Config(retries={"total_max_attempts": 1}),
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def code_of(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


def test_sts_and_iam_know_the_caller(client: Make) -> None:
    assert client("sts").get_caller_identity()["Account"] == "000000000000"
    role = client("iam").get_role(RoleName="anything")["Role"]
    assert role["Arn"] == "arn:aws:iam::000000000000:role/anything"
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Action"] == "sts:AssumeRole"


def test_a_model_package_goes_from_registration_to_a_model(client: Make) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="flights")
    containers = [{"Image": "image", "ModelDataUrl": "s3://bucket-one/model"}]
    arn = sagemaker.create_model_package(
        ModelPackageGroupName="flights",
        InferenceSpecification={"Containers": containers},
        ModelMetrics={"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://bucket-one/m.json"}}},
    )["ModelPackageArn"]
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert abs(described["CreationTime"].timestamp() - time.time()) < 60

    container = {"ModelPackageName": arn}
    assert code_of(sagemaker.create_model, ModelName="m", PrimaryContainer=container)[0] == "ValidationException"
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn="arn:aws:iam::000000000000:role/r")
    assert [model["ModelName"] for model in sagemaker.get_paginator("list_models").paginate().search("Models[]")] == ["m"]


def test_paginators_reach_the_end(client: Make) -> None:
    sagemaker = client("sagemaker")
    for number in range(7):
        sagemaker.create_model(ModelName=f"page-{number}", PrimaryContainer={"Image": "image"})
    pages = sagemaker.get_paginator("list_models").paginate(NameContains="page-", PaginationConfig={"PageSize": 3})
    assert [len(page["Models"]) for page in pages] == [3, 3, 1]


def test_errors_have_awss_codes(client: Make) -> None:
    sagemaker = client("sagemaker")
    assert code_of(sagemaker.describe_model, ModelName="nothing") == (
        "ValidationException",
        'Could not find model "arn:aws:sagemaker:eu-west-1:000000000000:model/nothing".',
    )
    assert "regular expression" in code_of(sagemaker.describe_model, ModelName="under_score")[1]
    assert code_of(sagemaker.list_hubs)[0] == "UnknownOperationException"
    assert code_of(client("iam").list_roles)[0] == "UnknownOperationException"
    assert code_of(client("logs").get_log_events, logGroupName="g", logStreamName="s")[0] == "ResourceNotFoundException"


@pytest.mark.parametrize("service_name", ["sagemaker", "sts", "logs"])
def test_another_projects_key_is_refused(client: Make, service_name: str) -> None:
    stranger = client(service_name, access_key="SAGELENSSTRANGER")
    call = {"sagemaker": "list_models", "sts": "get_caller_identity", "logs": "describe_log_groups"}[service_name]
    assert code_of(getattr(stranger, call))[0] == "UnrecognizedClientException"
    assert code_of(client("s3", access_key="SAGELENSSTRANGER").list_buckets)[0] in {"InvalidAccessKeyId", "AccessDenied", "403"}


def test_an_endpoint_that_does_not_exist_cannot_be_invoked(client: Make) -> None:
    code, message = code_of(client("sagemaker-runtime").invoke_endpoint, EndpointName="nothing", Body=b"1,2")
    assert code == "ValidationError"
    assert "nothing" in message


def test_a_jobs_log_can_be_read(client: Make, root: Path) -> None:
    stream = root / ".sagelens" / "logs" / "aws" / "sagemaker" / "ProcessingJobs" / "job" / "algo-1"
    stream.parent.mkdir(parents=True)
    stream.write_text("one\ntwo\n")
    logs = client("logs")
    group = logs.describe_log_groups()["logGroups"][0]["logGroupName"]
    name = logs.describe_log_streams(logGroupName=group)["logStreams"][0]["logStreamName"]
    events = logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)["events"]
    assert [event["message"] for event in events] == ["one", "two"]


def test_many_clients_at_once_are_all_answered(client: Make) -> None:
    sagemaker = client("sagemaker")
    failures: list[Exception] = []

    def work(worker: int) -> None:
        try:
            for number in range(5):
                sagemaker.create_model(ModelName=f"many-{worker}-{number}", PrimaryContainer={"Image": "image"})
        except ClientError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(sagemaker.list_models(NameContains="many-", MaxResults=100)["Models"]) == 40


def test_s3_objects_are_files_and_files_are_objects(client: Make, root: Path) -> None:
    s3, files = client("s3"), root / ".sagelens" / "objects"
    s3.create_bucket(Bucket="bucket-two", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="bucket-two", Key="a/b/c.txt", Body=b"put")
    assert (files / "bucket-two" / "a" / "b" / "c.txt").read_bytes() == b"put"

    for number in range(20):
        path = files / "bucket-two" / "a" / f"{number}.txt"
        path.write_bytes(b"x" * number)
        assert s3.head_object(Bucket="bucket-two", Key=f"a/{number}.txt")["ContentLength"] == number
    (files / "bucket-two" / "a" / "0.txt").write_bytes(b"changed")
    assert s3.get_object(Bucket="bucket-two", Key="a/0.txt")["Body"].read() == b"changed"

    listed = s3.list_objects_v2(Bucket="bucket-two", Prefix="a/b/")
    assert [found["Key"] for found in listed["Contents"]] == ["a/b/c.txt"]
    top = s3.list_objects_v2(Bucket="bucket-two", Delimiter="/")
    assert [found["Prefix"] for found in top["CommonPrefixes"]] == ["a/"]

    s3.delete_object(Bucket="bucket-two", Key="a/b/c.txt")
    assert not (files / "bucket-two" / "a" / "b" / "c.txt").exists()
    assert code_of(s3.head_object, Bucket="bucket-two", Key="a/b/c.txt")[0] == "404"


def test_large_objects_go_up_in_parts(client: Make, root: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * 4 * 10_000)
    s3 = client("s3")
    (root / ".sagelens" / "objects" / "bucket-three").mkdir()
    s3.upload_file(str(large), "bucket-three", "deep/large")
    assert (root / ".sagelens" / "objects" / "bucket-three" / "deep" / "large").read_bytes() == large.read_bytes()
    s3.download_file("bucket-three", "deep/large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
