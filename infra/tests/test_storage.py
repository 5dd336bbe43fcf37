"""Keys, buckets, images, the trail and the network."""

from __future__ import annotations

from typing import Any

from conftest import Templates

from infra.constructs.network import SERVICES
from infra.permissions.place import Purpose, Role
from infra.permissions.requests import CALLS

IN_THE_NETWORK = {Role.DEPLOYMENT, Role.REGISTRATION, Role.SCORING}
"""Roles of steps that call AWS from a container; CI and people call from elsewhere."""


def test_there_is_a_rotated_key_for_each_purpose(templates: Templates) -> None:
    keys, aliases = templates.properties("AWS::KMS::Key"), templates.properties("AWS::KMS::Alias")

    assert all(key["EnableKeyRotation"] and key["RotationPeriodInDays"] == 365 for key in keys)
    assert {alias["AliasName"] for alias in aliases} == {templates.place.alias(purpose) for purpose in Purpose}
    assert len(keys) == len(Purpose)


def test_keys_let_in_the_account_named_services_and_readers_of_objects(templates: Templates) -> None:
    account, region = templates.place.environment.account, templates.place.environment.region
    aliases = {alias["TargetKeyId"]["Fn::GetAtt"][0]: alias["AliasName"] for alias in templates.properties("AWS::KMS::Alias")}
    let_in = {
        aliases[name]: {
            principal
            for statement in key["Properties"]["KeyPolicy"]["Statement"]
            for principals in statement["Principal"].values()
            for principal in _listed(principals)
        }
        for name, key in templates.named("AWS::KMS::Key")
    }

    root = f"arn:aws:iam::{account}:root"
    readers = {f"arn:aws:iam::{reader}:root" for reader in templates.place.environment.readers}
    services = {f"{name}.amazonaws.com" for name in ("cloudtrail", "cloudwatch", "events", f"logs.{region}")}
    assert let_in == {
        templates.place.alias(Purpose.DATA): {root, *readers},
        templates.place.alias(Purpose.VOLUMES): {root},
        templates.place.alias(Purpose.IMAGES): {root},
        templates.place.alias(Purpose.LOGS): {root, *services},
    }


def test_the_key_of_volumes_is_an_output_and_checkpoints_go_after_a_while(templates: Templates) -> None:
    bucket = templates.one("AWS::S3::Bucket", BucketName=templates.place.bucket)
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}

    assert (rules["checkpoints"]["Prefix"], rules["checkpoints"]["ExpirationInDays"]) == ("flights-training/checkpoints/", 14)
    assert "VolumesKey" in templates.stacks["security"]["Outputs"]


def test_buckets_are_encrypted_versioned_private_logged_and_tidied(templates: Templates) -> None:
    place = templates.place
    for name in (place.bucket, place.data_bucket, place.log_bucket):
        bucket = templates.one("AWS::S3::Bucket", BucketName=name)
        (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        kind = encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert kind == ("AES256" if name == place.log_bucket else "aws:kms")
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["LifecycleConfiguration"]["Rules"]
        assert ("LoggingConfiguration" in bucket) == (name != place.log_bucket)


def test_every_bucket_refuses_what_is_not_encrypted_on_the_way(templates: Templates) -> None:
    policies = templates.properties("AWS::S3::BucketPolicy")

    assert len(policies) == 3
    for policy in policies:
        denied = [s["Condition"] for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in denied


def test_data_of_production_outlive_their_stack(templates: Templates) -> None:
    kept = "Retain" if templates.place.environment.name == "production" else "Delete"

    for kind in ("AWS::KMS::Key", "AWS::ECR::Repository"):
        assert {resource["DeletionPolicy"] for resource in templates.all(kind)} == {kept}


def test_only_readers_from_other_accounts_get_in(templates: Templates) -> None:
    readers = {f"arn:aws:iam::{account}:root" for account in templates.place.environment.readers}
    statements = [
        statement
        for policy in templates.properties("AWS::S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and "AWS" in statement["Principal"]
    ]
    groups = templates.properties("AWS::SageMaker::ModelPackageGroup")

    assert {principal for statement in statements for principal in _listed(statement["Principal"]["AWS"])} == readers
    assert {tuple(_listed(statement["Action"])) for statement in statements} <= {("s3:GetObject",), ("s3:ListBucket",)}
    assert ["ModelPackageGroupPolicy" in group for group in groups] == [bool(readers)]
    assert ("RepositoryPolicyText" in templates.one("AWS::ECR::Repository")) == bool(readers)


def test_images_are_scanned_and_their_tags_never_move(templates: Templates) -> None:
    repository = templates.one("AWS::ECR::Repository", RepositoryName=templates.place.repository)

    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["EncryptionConfiguration"]["EncryptionType"] == "KMS"
    assert "LifecyclePolicy" in repository


def test_the_trail_sees_every_object_of_both_buckets(templates: Templates) -> None:
    trail, place = templates.one("AWS::CloudTrail::Trail"), templates.place
    (selector,) = trail["EventSelectors"]

    assert trail["IsLogging"]
    assert trail["EnableLogFileValidation"]
    assert "KMSKeyId" in trail
    assert selector["ReadWriteType"] == "All"
    assert selector["DataResources"] == [
        {"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{place.bucket}/", f"arn:aws:s3:::{place.data_bucket}/"]}
    ]


def test_no_way_leads_out_of_the_network(templates: Templates) -> None:
    for kind in ("AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route", "AWS::EC2::VPCPeeringConnection"):
        assert templates.all(kind) == []
    subnets = templates.properties("AWS::EC2::Subnet")
    assert {subnet["AvailabilityZone"] for subnet in subnets} == set(templates.place.environment.zones)
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    assert templates.one("AWS::EC2::FlowLog")["TrafficType"] == "ALL"


def test_subnets_and_groups_carry_the_tag_that_roles_look_for(templates: Templates) -> None:
    tag = {"Key": "sagelens:project", "Value": templates.place.settings.project}

    for kind in ("AWS::EC2::Subnet", "AWS::EC2::SecurityGroup"):
        assert all(tag in properties["Tags"] for properties in templates.properties(kind))


def test_the_stack_tells_where_jobs_run(templates: Templates) -> None:
    outputs = {
        output["Description"]: output["Value"]
        for output in templates.stacks["base"]["Outputs"].values()
        if "Description" in output
    }

    assert outputs["Of jobs and model servers"]["Fn::GetAtt"][1] == "GroupId"
    _, (_, parts) = outputs["Where jobs and model servers run"].popitem()
    assert [part for part in parts if isinstance(part, str)] == [","] * (len(parts) // 2)
    assert len([part for part in parts if "Ref" in part]) == len(templates.place.environment.zones)


def test_the_network_reaches_what_steps_call_and_nothing_else(templates: Templates) -> None:
    service_of = {"sts": "sts", "invoke_endpoint": "sagemaker-runtime"}
    watched = ("alarm", "metric")
    called = set()
    for call in CALLS:
        if IN_THE_NETWORK & set(call.roles) or call.module == "sagelens/deployment/who.py":
            kind = "cloudwatch" if any(word in call.method for word in watched) else "sagemaker"
            kind = "s3" if "object" in call.method else "sts" if "caller_identity" in call.method else kind
            called.add(service_of.get(call.method, kind))

    interfaces = [p for p in templates.properties("AWS::EC2::VPCEndpoint") if p["VpcEndpointType"] == "Interface"]

    assert called - {"s3"} == set(SERVICES)
    assert len(interfaces) == len(SERVICES)
    assert all(endpoint["PrivateDnsEnabled"] for endpoint in interfaces)
    assert len(templates.properties("AWS::EC2::VPCEndpoint")) == len(SERVICES) + 1


def test_endpoints_serve_this_account_alone_and_the_gateway_these_buckets(templates: Templates) -> None:
    place = templates.place
    for endpoint in templates.properties("AWS::EC2::VPCEndpoint"):
        (statement,) = endpoint["PolicyDocument"]["Statement"]
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": place.environment.account}}
        if endpoint["VpcEndpointType"] == "Gateway":
            buckets = [f"arn:aws:s3:::{name}" for name in (place.bucket, place.data_bucket)]
            assert sorted(statement["Resource"]) == sorted([*buckets, *(f"{bucket}/*" for bucket in buckets)])


def test_nothing_may_connect_to_a_job(templates: Templates) -> None:
    groups = {p["GroupDescription"].partition(":")[0]: p for p in templates.properties("AWS::EC2::SecurityGroup")}
    (entry,) = templates.properties("AWS::EC2::SecurityGroupIngress")

    assert "SecurityGroupIngress" not in groups["Jobs and model servers"]
    assert (entry["FromPort"], entry["ToPort"], entry["IpProtocol"]) == (443, 443, "tcp")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
