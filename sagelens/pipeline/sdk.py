"""The SageMaker SDK at arm's length: imported quietly, without defaults of this machine, sending nothing."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sagelens.project import Environment

__all__ = ["defaults_of", "quick_processing_step", "sdk_at_hand", "session"]


@contextmanager
def sdk_at_hand(region: str) -> Iterator[None]:
    """Inside, the SDK can be imported and compiles without asking anybody."""
    with _environment(region), _quiet():
        yield


@contextmanager
def _environment(region: str) -> Iterator[None]:
    """The SDK makes a client when imported, which needs a region; asks IAM about the role unless told not to; and takes defaults
    from this machine, validating them against their schema (0.2 s) each time that it looks one up."""
    nothing = str(Path(__file__).with_name("no-defaults.yaml"))
    wanted = {
        "AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", region),
        "SAGEMAKER_VALIDATE_ROLE": "false",
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": nothing,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": nothing,
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """Undo what importing the SDK does to logging, and hold back its chatter and its warnings of its own imports."""
    root = logging.getLogger()
    before = root.level, list(root.handlers), root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import sagemaker.mlops  # noqa: F401 - configures the root logger

            yield
    finally:
        logging.disable(before[2])
        root.setLevel(before[0])
        root.handlers[:] = before[1]


def session(environment: Environment, defaults: dict[str, Any] | None) -> Any:
    """A session that captures requests instead of sending them."""
    import boto3
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    return PipelineSession(
        boto_session=boto3.session.Session(region_name=environment.region),
        default_bucket=environment.bucket,
        sagemaker_config=defaults,
    )


def defaults_of(environment: Environment) -> dict[str, Any]:
    """The SDK's defaults for steps that a project builds itself: network and keys as ours, and no usage reports."""
    network, keys = environment.network, environment.keys
    found: dict[str, Any] = {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}
    processing: dict[str, Any] = {}
    training: dict[str, Any] = {}
    transform: dict[str, Any] = {}
    model: dict[str, Any] = {}
    if network:
        vpc = {"SecurityGroupIds": list(network.security_groups), "Subnets": list(network.subnets)}
        processing["NetworkConfig"] = {"VpcConfig": vpc}
        training["VpcConfig"] = model["VpcConfig"] = vpc
    if keys.data:
        processing["ProcessingOutputConfig"] = {"KmsKeyId": keys.data}
        training["OutputDataConfig"] = {"KmsKeyId": keys.data}
        transform["TransformOutput"] = {"KmsKeyId": keys.data}
    if keys.volumes:
        processing["ProcessingResources"] = {"ClusterConfig": {"VolumeKmsKeyId": keys.volumes}}
        training["ResourceConfig"] = {"VolumeKmsKeyId": keys.volumes}
        transform["TransformResources"] = {"VolumeKmsKeyId": keys.volumes}
    kinds = {"ProcessingJob": processing, "TrainingJob": training, "TransformJob": transform, "Model": model}
    return {"SchemaVersion": "1.0", "SageMaker": {**found, **{kind: values for kind, values in kinds.items() if values}}}


@cache
def quick_processing_step() -> type[Any]:
    """The SDK's ProcessingStep, less a check of where its arguments come from, for which it opens a local session each time."""
    from sagemaker.core.workflow.properties import Properties
    from sagemaker.mlops.workflow.steps import ConfigurableRetryStep, ProcessingStep, StepTypeEnum

    class QuickProcessingStep(ProcessingStep):  # type: ignore[misc]
        def __init__(self, name: str, step_args: Any, property_files: list[Any], cache_config: Any) -> None:
            ConfigurableRetryStep.__init__(self, name, StepTypeEnum.PROCESSING)
            self.step_args = step_args
            self.property_files = property_files
            self.cache_config = cache_config
            self._properties = Properties(step_name=name, step=self, shape_name="DescribeProcessingJobResponse")

    return QuickProcessingStep
