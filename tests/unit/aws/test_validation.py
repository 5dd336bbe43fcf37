"""A request is refused for what AWS refuses, and for nothing else."""

import pytest

from sagelens.aws.validation import _pattern, faults, model_of, secrets_in

GROUP = {"ModelPackageGroupName": "flights"}
USED = ("sagemaker", "s3", "sts", "logs", "cloudwatch", "ecr")
UNREADABLE = {
    r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,128}",
    r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,256}",
    r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*",
    r"[\w-_]*",
}


@pytest.mark.parametrize(
    "description", ["Flights (late > 15 min.): 68 %, <raw>; \"x\" & 'y'!", "Verspätung… ab 15 Minuten, 10 €", "flights"]
)
def test_a_description_may_hold_punctuation_and_signs_of_any_language(description):
    assert faults("sagemaker", "CreateModelPackage", {**GROUP, "ModelPackageDescription": description}) == []


def test_a_tag_may_hold_what_aws_allows_and_nothing_else():
    def tagged(value):
        return faults("sagemaker", "CreateModelPackageGroup", {**GROUP, "Tags": [{"Key": "owner", "Value": value}]})

    assert tagged("Größe é: team/a+b=c@d.org") == []
    assert "Tags[0].Value is 'a;b'" in tagged("a;b")[0]


def test_names_types_lengths_and_allowed_values_are_held_to_the_model():
    assert "does not match" in faults("sagemaker", "CreateModelPackage", {"ModelPackageGroupName": "-flights"})[0]
    assert "at most 1024" in faults("sagemaker", "CreateModelPackage", {**GROUP, "ModelPackageDescription": "a" * 1025})[0]
    assert "none of the" in faults("sagemaker", "CreateModelPackage", {**GROUP, "ModelApprovalStatus": "Yes"})[0]
    assert "Invalid type" in faults("sagemaker", "CreateModelPackage", {**GROUP, "ModelPackageDescription": 1})[0]
    assert "Missing required" in faults("sagemaker", "CreateEndpoint", {"EndpointName": "flights"})[0]


def test_no_pattern_is_passed_over_but_those_that_python_cannot_read():
    shapes = [model.shape_for(name) for model in map(model_of, USED) for name in model.shape_names]
    sources = {shape.metadata.get("pattern", "") for shape in shapes} - {""}
    assert len(sources) > 100
    assert {source for source in sources if _pattern(source) is None} <= UNREADABLE


def test_a_secret_is_told_by_its_look_or_its_name_and_never_shown():
    key = "AKIA" + "A" * 16
    found = list(secrets_in({"Environment": {"A": f"x {key}", "DB_PASSWORD": "hunter2", "TOKENIZERS": "4"}}))
    assert [line for line in found if key in line or "hunter2" in line] == []
    assert any("an AWS access key" in line for line in found)
    assert any("DB_PASSWORD has the name of a secret" in line for line in found)
