"""The model registry, asked as other rooms ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.api import Api
from sagelens.local.clock import ScaledClock
from sagelens.local.ports import ApiError, Document
from sagelens.local.registry import Registry
from sagelens.local.store import Store

SPECIFICATION = {"Containers": [{"Image": "image", "ModelDataUrl": "s3://bucket/model"}]}


class Ticking:
    """Each look is a second later."""

    def __init__(self) -> None:
        self._now = 0.0

    def time(self) -> float:
        self._now += 1.0
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._now += seconds


class Client:
    def __init__(self, store: Store) -> None:
        registry = Registry(store, Ticking(), account="000000000000", region="eu-west-1")
        self._api = Api(registry.handlers(), "key", ScaledClock())

    def __call__(self, operation: str, **request: Any) -> Document:
        return asyncio.run(self._api.call(f"sagemaker.{operation}", request))

    def refused(self, operation: str, **request: Any) -> ApiError:
        with pytest.raises(ApiError) as error:
            self(operation, **request)
        return error.value


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    store = Store(tmp_path / "state.db")
    yield Client(store)
    store.close()


@pytest.fixture
def group(client: Client) -> str:
    client("CreateModelPackageGroup", ModelPackageGroupName="flights", Tags=[{"Key": "team", "Value": "a"}])
    return "flights"


def version(client: Client, group: str, **request: Any) -> str:
    made = client("CreateModelPackage", ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION, **request)
    arn: str = made["ModelPackageArn"]
    return arn


def test_a_group_is_described_and_listed(client: Client, group: str) -> None:
    described = client("DescribeModelPackageGroup", ModelPackageGroupName=group)
    assert described["ModelPackageGroupArn"] == "arn:aws:sagemaker:eu-west-1:000000000000:model-package-group/flights"
    assert described["ModelPackageGroupStatus"] == "Completed"
    assert client("DescribeModelPackageGroup", ModelPackageGroupName=described["ModelPackageGroupArn"]) == described
    assert [each["ModelPackageGroupName"] for each in client("ListModelPackageGroups")["ModelPackageGroupSummaryList"]] == [group]
    assert client("ListModelPackageGroups", NameContains="other")["ModelPackageGroupSummaryList"] == []


def test_a_group_has_its_name_alone(client: Client, group: str) -> None:
    error = client.refused("CreateModelPackageGroup", ModelPackageGroupName=group)
    assert (error.code, "already exists" in error.message) == ("ValidationException", True)
    assert "does not exist" in client.refused("DescribeModelPackageGroup", ModelPackageGroupName="other").message


def test_a_group_with_packages_stays(client: Client, group: str) -> None:
    arn = version(client, group)
    assert client.refused("DeleteModelPackageGroup", ModelPackageGroupName=group).code == "ConflictException"

    client("DeleteModelPackage", ModelPackageName=arn)
    client("DeleteModelPackageGroup", ModelPackageGroupName=group)
    assert client("ListModelPackageGroups")["ModelPackageGroupSummaryList"] == []


def test_versions_are_counted_and_never_used_again(client: Client, group: str) -> None:
    first, second = version(client, group), version(client, group)
    assert first == "arn:aws:sagemaker:eu-west-1:000000000000:model-package/flights/1"
    assert second.endswith("/flights/2")

    client("DeleteModelPackage", ModelPackageName=second)
    assert version(client, group).endswith("/flights/3")


def test_a_version_waits_for_approval(client: Client, group: str) -> None:
    described = client("DescribeModelPackage", ModelPackageName=version(client, group))
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelPackageVersion"] == 1
    assert described["InferenceSpecification"] == SPECIFICATION
    assert "LastModifiedTime" not in described
    assert client("DescribeModelPackage", ModelPackageName="flights/1") == described


def test_the_same_token_makes_one_version(client: Client, group: str) -> None:
    assert version(client, group, ClientToken="once") == version(client, group, ClientToken="once")
    assert version(client, group, ClientToken="again").endswith("/2")


def test_a_package_has_a_name_or_a_group(client: Client, group: str) -> None:
    assert "Either" in client.refused("CreateModelPackage").message
    assert "Either" in client.refused("CreateModelPackage", ModelPackageName="a", ModelPackageGroupName=group).message
    assert "does not exist" in client.refused("CreateModelPackage", ModelPackageGroupName="other").message


def test_an_unversioned_package(client: Client, group: str) -> None:
    arn = client("CreateModelPackage", ModelPackageName="alone", InferenceSpecification=SPECIFICATION)["ModelPackageArn"]
    assert arn.endswith("model-package/alone")
    assert "ModelApprovalStatus" not in client("DescribeModelPackage", ModelPackageName="alone")
    assert "already exists" in client.refused("CreateModelPackage", ModelPackageName="alone").message
    assert "unversioned" in client.refused("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved").message


def listed(client: Client, **request: Any) -> list[str]:
    found = client("ListModelPackages", **request)["ModelPackageSummaryList"]
    return [each["ModelPackageArn"].partition("model-package/")[2] for each in found]


def test_packages_are_listed_by_kind_group_approval_and_time(client: Client, group: str) -> None:
    client("CreateModelPackageGroup", ModelPackageGroupName="other")
    client("CreateModelPackage", ModelPackageName="alone", InferenceSpecification=SPECIFICATION)
    for _ in range(10):
        version(client, group)
    version(client, "other", ModelApprovalStatus="Approved")

    assert listed(client) == ["alone"]
    assert len(listed(client, ModelPackageType="Both")) == 12
    assert len(listed(client, ModelPackageType="Versioned")) == 11
    assert listed(client, ModelPackageType="Versioned", ModelApprovalStatus="Approved") == ["other/1"]
    assert listed(client, ModelPackageType="Versioned", NameContains="OTH") == ["other/1"]
    newest = listed(client, ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=2)
    assert newest == ["flights/10", "flights/9"]
    assert listed(client, ModelPackageGroupName=group, SortBy="Name", SortOrder="Descending", MaxResults=1) == ["flights/10"]
    first = client("DescribeModelPackage", ModelPackageName="flights/2")["CreationTime"]
    assert listed(client, ModelPackageGroupName=group, CreationTimeBefore=first) == ["flights/1"]
    assert "does not exist" in client.refused("ListModelPackages", ModelPackageGroupName="none").message


def test_an_update_approves_and_merges_metadata(client: Client, group: str) -> None:
    arn = version(client, group, CustomerMetadataProperties={"a": "1", "b": "1"})
    client(
        "UpdateModelPackage",
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="good",
        CustomerMetadataProperties={"b": "2", "c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )

    described = client("DescribeModelPackage", ModelPackageName=arn)
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == ("Approved", "good")
    assert described["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert described["LastModifiedTime"] > described["CreationTime"]


def test_further_specifications_are_added_by_name(client: Client, group: str) -> None:
    arn = version(client, group)
    more = [{"Name": "small", **SPECIFICATION}]
    client("UpdateModelPackage", ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=more)
    assert client("DescribeModelPackage", ModelPackageName=arn)["AdditionalInferenceSpecifications"] == more
    twice = client.refused("UpdateModelPackage", ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=more)
    assert "small" in twice.message


def test_a_missing_package_is_named(client: Client) -> None:
    for operation in ("DescribeModelPackage", "DeleteModelPackage"):
        assert "model-package/flights/7 does not exist" in client.refused(operation, ModelPackageName="flights/7").message


def test_a_model_lives_and_dies(client: Client) -> None:
    container = {"Image": "image", "Environment": {"A": "1"}}
    arn = client("CreateModel", ModelName="m", PrimaryContainer=container)["ModelArn"]
    assert arn == "arn:aws:sagemaker:eu-west-1:000000000000:model/m"
    described = client("DescribeModel", ModelName="m")
    assert (described["PrimaryContainer"], described["EnableNetworkIsolation"]) == (container, False)
    assert "already existing" in client.refused("CreateModel", ModelName="m", PrimaryContainer=container).message

    client("DeleteModel", ModelName="m")
    for operation in ("DescribeModel", "DeleteModel"):
        assert client.refused(operation, ModelName="m").message == f'Could not find model "{arn}".'


def test_models_are_listed_newest_first_and_by_page(client: Client) -> None:
    for name in ("a", "b", "c"):
        client("CreateModel", ModelName=name, PrimaryContainer={"Image": "image"})

    first = client("ListModels", MaxResults=2)
    rest = client("ListModels", MaxResults=2, NextToken=first["NextToken"])
    assert [model["ModelName"] for model in (*first["Models"], *rest["Models"])] == ["c", "b", "a"]
    assert "NextToken" not in rest
    by_name = client("ListModels", SortBy="Name", SortOrder="Ascending", NameContains="B")
    assert [model["ModelName"] for model in by_name["Models"]] == ["b"]


def test_only_an_approved_version_becomes_a_model(client: Client, group: str) -> None:
    arn = version(client, group)
    refused = client.refused("CreateModel", ModelName="m", PrimaryContainer={"ModelPackageName": arn})
    assert "PendingManualApproval" in refused.message

    client("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved")
    client("CreateModel", ModelName="m", PrimaryContainer={"ModelPackageName": "flights/1"})
    assert client("DescribeModel", ModelName="m")["PrimaryContainer"]["ModelPackageName"] == arn


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"PrimaryContainer": {}},
        {"Containers": [{"Image": "a"}, {}]},
        {"PrimaryContainer": {"Image": "a"}, "Containers": [{"Image": "a"}]},
        {"PrimaryContainer": {"ModelPackageName": "nothing/1"}},
    ],
)
def test_a_model_without_a_usable_container_is_refused(client: Client, request_: dict[str, Any]) -> None:
    assert client.refused("CreateModel", ModelName="m", **request_).code == "ValidationException"


def test_tags_of_anything(client: Client, group: str) -> None:
    arn = client("DescribeModelPackageGroup", ModelPackageGroupName=group)["ModelPackageGroupArn"]
    client("AddTags", ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "x", "Value": "1"}])
    assert client("ListTags", ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "b"}, {"Key": "x", "Value": "1"}]

    client("DeleteTags", ResourceArn=arn, TagKeys=["team"])
    assert client("ListTags", ResourceArn=arn)["Tags"] == [{"Key": "x", "Value": "1"}]
    assert "Could not find" in client.refused("ListTags", ResourceArn=arn + "x").message


def test_a_resource_has_fifty_tags_at_most(client: Client, group: str) -> None:
    arn = client("DescribeModelPackageGroup", ModelPackageGroupName=group)["ModelPackageGroupArn"]
    client(
        "AddTags", ResourceArn=arn, Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(49)]
    )  # beside the one that it has

    assert client.refused("AddTags", ResourceArn=arn, Tags=[{"Key": "more", "Value": "v"}]).code == "ResourceLimitExceeded"
    client("AddTags", ResourceArn=arn, Tags=[{"Key": "k1", "Value": "other"}])
    assert len(client("ListTags", ResourceArn=arn)["Tags"]) == 50


def test_a_package_has_fifty_metadata_properties_at_most(client: Client, group: str) -> None:
    arn = client("CreateModelPackage", ModelPackageGroupName=group)["ModelPackageArn"]
    client("UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataProperties={f"k{number}": "v" for number in range(50)})

    more = {"ModelPackageArn": arn, "CustomerMetadataProperties": {"more": "v"}}
    assert "50 metadata properties" in client.refused("UpdateModelPackage", **more).message
    client("UpdateModelPackage", **more, CustomerMetadataPropertiesToRemove=["k1"])
