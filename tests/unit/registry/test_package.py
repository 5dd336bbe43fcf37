from __future__ import annotations

from typing import Any

from sagelens.registry import ModelPackage
from sagelens.registry.package import metadata_of


def test_a_description_becomes_a_package(described: dict[str, Any]) -> None:
    package = ModelPackage.of(described)

    assert (package.name, package.approval, package.digest) == ("flights/3", "Approved", "d" * 64)
    assert package.model_uri == "s3://bucket/model/"


def test_a_foreign_package_leaves_what_it_lacks_empty(described: dict[str, Any]) -> None:
    del described["CustomerMetadataProperties"]
    described["InferenceSpecification"]["Containers"] = [{"Image": "i", "ModelDataUrl": "s3://bucket/model.tar.gz"}]

    package = ModelPackage.of(described)

    assert (package.digest, package.model_uri) == ("", "s3://bucket/model.tar.gz")


def test_metadata_keep_to_sagemakers_limits() -> None:
    values = {"first": "x" * 300, "odd": "a,b;c'd", "empty": "", **{f"m{i}": "1" for i in range(60)}}

    kept = metadata_of(values)

    assert len(kept) == 50
    assert len(kept["first"]) == 256
    assert kept["odd"] == "a b c d"
    assert "empty" not in kept
