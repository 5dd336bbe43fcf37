"""What AWS's services do under our roles, as a reviewed table with its sources: nothing in our code makes these requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.permissions.evaluate import Need
from infra.permissions.place import Place, Purpose, Role

__all__ = ["SOURCES", "needs_of_services"]

_GUIDE = "https://docs.aws.amazon.com/sagemaker/latest/dg"
_ROLES = f"{_GUIDE}/sagemaker-roles.html"
SOURCES: Mapping[str, str] = {
    "processing": f"{_ROLES}#sagemaker-roles-createprocessingjob-perms",
    "training": f"{_ROLES}#sagemaker-roles-createtrainingjob-perms",
    "model": f"{_ROLES}#sagemaker-roles-createmodel-perms",
    "pipeline": f"{_GUIDE}/build-and-manage-access.html",
    "metrics": f"{_GUIDE}/monitoring-cloudwatch.html",
    "reference": f"{_GUIDE}/api-permissions-reference.html",
    "guardrails": f"{_GUIDE}/deployment-guardrails-configuration.html",
    "bucket key": "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html",
    "function": "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
    "dead letters": "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",
    "front": "https://docs.aws.amazon.com/apigateway/latest/developerguide/getting-started-aws-proxy.html",
    "push": "https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html",
}
_NETWORK = ("CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission")
_LOOKS = ("DescribeDhcpOptions", "DescribeNetworkInterfaces", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs")
_LOGS = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
_PULL = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
_PUSH = ("CompleteLayerUpload", "InitiateLayerUpload", "PutImage", "UploadLayerPart")
_ID = "0a1b2c3d4e5f"


@dataclass(frozen=True, kw_only=True)
class _Job:
    """How a job kind uses its role. `reads` and `writes` are prefixes of the artifact bucket."""

    role: Role
    group: str
    source: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    volumes: bool = True


def needs_of_services(place: Place) -> Iterator[Need]:
    for job in _jobs(place):
        yield from _of_job(job, place)
    yield from _of_arrivals(place)
    yield from _of_pipelines(place)
    yield from _of_callers(place)


def _jobs(place: Place) -> tuple[_Job, ...]:
    names = {name: place.pipeline(name) for name in place.settings.pipelines}
    every, training, deployment = tuple(names.values()), names["training"], names["deployment"]
    scoring = names.get("scoring", training)
    collects = ("code", "sources", "raw", *every)

    def step(role: Role, writes: str) -> _Job:
        return _Job(role=role, group="ProcessingJobs", source="processing", reads=("code", *every), writes=(writes,))

    return (
        _Job(role=Role.PROCESSING, group="ProcessingJobs", source="processing", reads=collects, writes=(*every, "raw")),
        _Job(role=Role.TRAINING, group="TrainingJobs", source="training", reads=("code", *every), writes=(training,)),
        _Job(role=Role.TRANSFORM, group="TransformJobs", source="model", reads=("code", *every), writes=(scoring,)),
        step(Role.REGISTRATION, training),
        step(Role.SCORING, scoring),
        step(Role.DEPLOYMENT, deployment),
        _Job(
            role=Role.ENDPOINT,
            group="Endpoints",
            source="model",
            reads=(training,),
            writes=(f"captured/{place.settings.endpoint}",),
            volumes=False,
        ),
    )


def _of_job(job: _Job, place: Place) -> Iterator[Need]:
    source = SOURCES[job.source]
    for action, resource in (*_of_start(job, place), *_of_network(place), *_of_channels(job, place)):
        yield Need(role=job.role, action=action, resource=resource, source=source)
    tagged = {"aws:ResourceTag/sagelens:project": place.settings.project}
    for part in ("subnet/subnet-0a1b", "security-group/sg-0a1b"):
        joined = place.arn("ec2", part)
        yield Need(role=job.role, action="ec2:CreateNetworkInterface", resource=joined, source=source, context=tagged)
    namespace, metrics = {"cloudwatch:namespace": f"/aws/sagemaker/{job.group}"}, SOURCES["metrics"]
    yield Need(role=job.role, action="cloudwatch:PutMetricData", resource="*", source=metrics, context=namespace)
    if job.volumes:
        key, given = place.keys[Purpose.VOLUMES], {"kms:GrantIsForAWSResource": "true"}
        yield Need(role=job.role, action="kms:CreateGrant", resource=key, source=source, context=given)
    data_key = place.keys[Purpose.DATA]
    yield Need(role=job.role, action="kms:GenerateDataKey", resource=data_key, source=SOURCES["bucket key"])


def _of_start(job: _Job, place: Place) -> Iterator[tuple[str, str]]:
    """The image, and log streams. A model that is asked on an endpoint of its own first has a log group of its own."""
    yield "ecr:GetAuthorizationToken", "*"
    yield from ((f"ecr:{action}", place.arn("ecr", f"repository/{place.repository}")) for action in _PULL)
    endpoint = f"Endpoints/{place.settings.endpoint}"
    groups = (endpoint, f"{endpoint}-staging-0123456789ab") if job.group == "Endpoints" else (job.group,)
    for group in groups:
        stream = place.arn("logs", f"log-group:/aws/sagemaker/{group}:log-stream:{_ID}/host")
        yield from ((f"logs:{action}", stream) for action in _LOGS)


def _of_network(place: Place) -> Iterator[tuple[str, str]]:
    interface = "network-interface/eni-0a1b"
    yield "ec2:CreateNetworkInterface", place.arn("ec2", interface)
    yield from ((f"ec2:{action}", place.arn("ec2", interface)) for action in _NETWORK)
    yield from ((f"ec2:{action}", "*") for action in _LOOKS)


def _of_channels(job: _Job, place: Place) -> Iterator[tuple[str, str]]:
    yield "s3:ListBucket", f"arn:aws:s3:::{place.bucket}"
    yield from (("s3:GetObject", place.objects(f"{prefix}/{_ID}/part-0.parquet")) for prefix in job.reads)
    yield from (("s3:PutObject", place.objects(f"{prefix}/{_ID}/part-0.parquet")) for prefix in job.writes)
    yield from ((f"kms:{action}", place.keys[Purpose.DATA]) for action in ("Decrypt", "Encrypt"))


def _of_arrivals(place: Place) -> Iterator[Need]:
    """Sources that lie in the data bucket are channels of the collection step."""
    source = SOURCES["processing"]
    yield Need(role=Role.PROCESSING, action="s3:ListBucket", resource=f"arn:aws:s3:::{place.data_bucket}", source=source)
    yield Need(role=Role.PROCESSING, action="s3:GetObject", resource=place.arrived("flights/2026.parquet"), source=source)


def _of_pipelines(place: Place) -> Iterator[Need]:
    for kind in ("Processing", "Training", "Transform"):
        job = place.sagemaker(f"{kind.lower()}-job/pipelines-{_ID}-step-AbCdEf")
        yield _executes(f"sagemaker:Create{kind}Job", job, context=_asked(kind, place))
        for verb in ("Describe", "Stop"):
            yield _executes(f"sagemaker:{verb}{kind}Job", job)
        yield _executes("sagemaker:AddTags", job, SOURCES["reference"])
    for role in (Role.PROCESSING, Role.TRAINING, Role.REGISTRATION, Role.SCORING, Role.DEPLOYMENT):
        yield Need(
            role=Role.EXECUTION,
            action="iam:PassRole",
            resource=place.role_arn(role),
            source=SOURCES["pipeline"],
            context={"iam:PassedToService": "sagemaker.amazonaws.com"},
        )
    for name in place.settings.pipelines:
        yield _executes("s3:GetObject", place.objects(f"{place.pipeline(name)}/{_ID}/gate/output/verdict/verdict.json"))
    yield _executes("kms:Decrypt", place.keys[Purpose.DATA])


def _asked(kind: str, place: Place) -> Mapping[str, str]:
    """What a definition says of every job, as IAM's conditions name it. A transform job is where its model is."""
    keys = {"sagemaker:OutputKmsKey": place.keys[Purpose.DATA], "sagemaker:VolumeKmsKey": place.keys[Purpose.VOLUMES]}
    tags = {"aws:RequestTag/sagelens:project": place.settings.project}
    network = {} if kind == "Transform" else {"sagemaker:VpcSubnets": "subnet-0a1b"}
    return {**network, **keys, **tags}


def _executes(action: str, resource: str, source: str = SOURCES["pipeline"], *, context: Mapping[str, str] | None = None) -> Need:
    return Need(role=Role.EXECUTION, action=action, resource=resource, source=source, context=context or {})


def _of_callers(place: Place) -> Iterator[Need]:
    """Alarms of a rollout, volumes of an endpoint, events, the front, and what Docker does when it pushes."""
    yield Need(role=Role.ENDPOINT, action="cloudwatch:DescribeAlarms", resource="*", source=SOURCES["guardrails"])
    stream = place.arn("logs", f"log-group:/aws/lambda/{place.starter}:log-stream:2026/01/02/[$LATEST]{_ID}")
    for action in ("CreateLogStream", "PutLogEvents"):
        yield Need(role=Role.EVENTS, action=f"logs:{action}", resource=stream, source=SOURCES["function"])
    for action, resource in (
        ("sqs:SendMessage", place.arn("sqs", place.undelivered)),
        ("kms:Decrypt", place.keys[Purpose.LOGS]),
        ("kms:GenerateDataKey", place.keys[Purpose.LOGS]),
    ):
        yield Need(role=Role.EVENTS, action=action, resource=resource, source=SOURCES["dead letters"])
    endpoint = place.sagemaker(f"endpoint/{place.settings.endpoint}")
    yield Need(role=Role.FRONT, action="sagemaker:InvokeEndpoint", resource=endpoint, source=SOURCES["front"])
    yield Need(role=Role.CI, action="ecr:GetAuthorizationToken", resource="*", source=SOURCES["push"])
    for action in (*_PULL, *_PUSH):
        repository = place.arn("ecr", f"repository/{place.repository}")
        yield Need(role=Role.CI, action=f"ecr:{action}", resource=repository, source=SOURCES["push"])
