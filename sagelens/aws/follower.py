"""Follows an execution on AWS, where nobody else writes execution.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sagelens.aws.definition import DefinedStep, steps_of
from sagelens.aws.document import TERMINAL, Document, Left, build, evidence_of, log_group
from sagelens.aws.refusals import patiently
from sagelens.text.hint import hint
from sagelens.values.s3 import split_uri

__all__ = ["Follower"]

_SKIPPED = frozenset({"ResourceNotFound", "ResourceNotFoundException", "ValidationException", "404", "NoSuchKey", "NotFound"})


class Follower:
    """`look` asks for an execution's state, and keeps execution.json in the bucket saying the same.

    Another follower, started later or elsewhere, goes on where this one was: everything is asked of AWS again.
    """

    def __init__(self, *, sagemaker: Any, s3: Any, logs: Any, bucket: str) -> None:
        self._sagemaker = sagemaker
        self._s3 = s3
        self._logs = logs
        self._bucket = bucket
        self._definitions: dict[str, Mapping[str, DefinedStep]] = {}
        self._parameters: dict[str, dict[str, str]] = {}
        self._left: dict[tuple[str, str, str], Left] = {}
        self._written: dict[str, Document] = {}

    def look(self, arn: str) -> Document:
        """The document as AWS has it now. Raises ServiceUnavailable when AWS does not answer for long, BadInput for a refusal."""
        return patiently(lambda: self._look(arn), hint("follow", arn.rpartition("/")[2]))

    def definition(self, arn: str) -> Mapping[str, DefinedStep]:
        if arn not in self._definitions:
            answer = self._sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
            self._definitions[arn] = steps_of(json.loads(answer["PipelineDefinition"]))
        return self._definitions[arn]

    def _look(self, arn: str) -> Document:
        # The execution is asked for first: when it has ended, so have all its steps.
        execution = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        known = self._known(arn)
        if known is not None and _is_of(known, execution):
            return known
        pages = self._sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        steps = [step for page in pages for step in page["PipelineExecutionSteps"]]
        definition = self.definition(arn)
        document = build(
            execution,
            steps,
            parameters=self._parameters_of(arn),
            definition=definition,
            left={step["StepName"]: self._left_by(arn, step, definition.get(step["StepName"])) for step in steps},
        )
        return self._keep(document)

    def _parameters_of(self, arn: str) -> dict[str, str]:
        if arn not in self._parameters:
            pages = self._sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(PipelineExecutionArn=arn)
            self._parameters[arn] = {item["Name"]: item["Value"] for page in pages for item in page["PipelineParameters"]}
        return self._parameters[arn]

    def _left_by(self, arn: str, shown: Mapping[str, Any], defined: DefinedStep | None) -> Left:
        metadata: Mapping[str, Any] = next(iter(shown.get("Metadata", {}).values()), {})
        job = str(metadata.get("Arn", ""))
        key = (arn, shown["StepName"], f"{job} {shown['StepStatus']}")
        if key not in self._left:
            self._left[key] = self._ask(shown, defined, job)
        return self._left[key]

    def _ask(self, shown: Mapping[str, Any], defined: DefinedStep | None, job: str) -> Left:
        if defined is None:
            return Left()
        config = self._json(f"{defined.config_uri.rstrip('/')}/step.json") if defined.config_uri else None
        if not job:
            return Left(config=config or {})
        properties = self._describe(defined.type, job) if shown["StepStatus"] in TERMINAL else {}
        evidence = evidence_of(defined.type, properties)
        return Left(
            properties=properties,
            config=config or {},
            evidence=evidence if evidence and self._exists(evidence) else None,
            log_stream=self._stream(defined.type, job.rpartition("/")[2]),
        )

    def _describe(self, kind: str, job: str) -> dict[str, Any]:
        name = job.rpartition("/")[2]
        match kind:
            case "Processing":
                return dict(self._sagemaker.describe_processing_job(ProcessingJobName=name))
            case "Training":
                return dict(self._sagemaker.describe_training_job(TrainingJobName=name))
            case "Transform":
                return dict(self._sagemaker.describe_transform_job(TransformJobName=name))
        return {}

    def _stream(self, kind: str, job: str) -> str | None:
        """The log stream of the job's first instance. Its name ends in a time on AWS, and there is none before the first line."""
        group = log_group(kind)
        if group is None:
            return None
        try:
            found = self._logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/", limit=1)["logStreams"]
        except self._errors() as error:
            if _code(error) not in _SKIPPED:
                raise
            found = []
        return str(found[0]["logStreamName"]) if found else f"{job}/algo-1"

    def _json(self, uri: str) -> dict[str, Any] | None:
        bucket, key = split_uri(uri)
        try:
            found = json.loads(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except self._errors() as error:
            if _code(error) not in _SKIPPED:
                raise
            return None
        except ValueError:
            return None  # a foreign pipeline's input of this name
        return found if isinstance(found, dict) else None

    def _exists(self, uri: str) -> bool:
        bucket, key = split_uri(uri)
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except self._errors() as error:
            if _code(error) not in _SKIPPED:
                raise
            return False
        return True

    def _keep(self, document: Document) -> Document:
        """The document, with what a tracker has added to the one in the bucket, which is replaced if it says anything else."""
        known = self._known(document["execution_arn"])
        document = document | {"tracking": known and known.get("tracking")}
        if document != known:
            self.write(document)
        return document

    def _known(self, arn: str) -> Document | None:
        if arn not in self._written:
            found = self._json(f"s3://{self._bucket}/{_key(arn)}")
            if found is None or found.get("execution_arn") != arn:
                return None
            self._written[arn] = found
        return self._written[arn]

    def write(self, document: Document) -> None:
        """Put the document in the bucket."""
        arn = document["execution_arn"]
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        self._s3.put_object(Bucket=self._bucket, Key=_key(arn), Body=body, ContentType="application/json")
        self._written[arn] = document

    @staticmethod
    def _errors() -> type[Exception]:
        from botocore.exceptions import ClientError

        return ClientError  # type: ignore[no-any-return]


def _key(arn: str) -> str:
    pipeline, _, execution = arn.rpartition(":pipeline/")[2].partition("/execution/")
    return f"{pipeline}/{execution}/execution.json"


def _is_of(document: Document, execution: Mapping[str, Any]) -> bool:
    """Whether the document tells of the end of the execution as it is now, which is all that can be told."""
    return (
        document["status"] in TERMINAL
        and document["status"] == execution["PipelineExecutionStatus"]
        and document["finished"] == execution["LastModifiedTime"].timestamp()
    )


def _code(error: Exception) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code"))
