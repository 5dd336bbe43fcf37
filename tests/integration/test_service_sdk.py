"""The SageMaker SDK, unmodified, against a service that was really started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagelens.local import lifecycle

SCRIPT = """
import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import ContainerDefinition, Model, ModelPackage

boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName="flights")
containers = [{"Image": "image", "ModelDataUrl": "s3://bucket/model"}]
arn = boto3.client("sagemaker").create_model_package(
    ModelPackageGroupName="flights", InferenceSpecification={"Containers": containers}
)["ModelPackageArn"]
package = ModelPackage.get(model_package_name=arn)
package.update(model_approval_status="Approved")
assert ModelPackage.get(model_package_name=arn).model_approval_status == "Approved"
assert [each.model_package_arn for each in ModelPackage.get_all(model_package_group_name="flights")] == [arn]
Model.create(
    model_name="m",
    primary_container=ContainerDefinition(model_package_name=arn),
    execution_role_arn="arn:aws:iam::000000000000:role/r",
)
assert Model.get(model_name="m").primary_container.model_package_name == arn

session = Session()
print(session.upload_string_as_file_body("uploaded", bucket=session.default_bucket(), key="a/b"))
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SAGELENS_FORK", "0")
    lifecycle.start(tmp_path, account="000000000000", region="eu-west-1")
    yield tmp_path
    lifecycle.stop(tmp_path)


def test_the_sdk_uses_registry_models_and_s3(root: Path) -> None:
    environment = {**os.environ, **lifecycle.environment(root)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["s3://sagemaker-eu-west-1-000000000000/a/b"]), done.stderr
    stored = root / ".sagelens" / "objects" / "sagemaker-eu-west-1-000000000000" / "a" / "b"
    assert stored.read_text() == "uploaded"
