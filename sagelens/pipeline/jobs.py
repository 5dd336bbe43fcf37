"""The requests of jobs, captured from the SDK's own classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagelens.pipeline.pipeline import Transform
from sagelens.pipeline.plan import StepPlan
from sagelens.pipeline.terms import Terms
from sagelens.values import tag_list

__all__ = ["ENTRY_POINT", "processing_arguments", "training_arguments", "transform_arguments"]

ENTRY_POINT = ["python3", "-m", "sagelens.job"]
_INPUT = "/opt/ml/processing/input"
_OUTPUT = "/opt/ml/processing/output"
_DATA = "/opt/ml/input/data"
_CHECKPOINTS = "/opt/ml/checkpoints"
_Locations = Mapping[str, Any]


def processing_arguments(
    terms: Terms, *, image: str, environment: Mapping[str, Any], inputs: _Locations, outputs: _Locations, session: Any
) -> Any:
    """CreateProcessingJob's request; `inputs` and `outputs` are URIs by name."""
    from sagemaker.core.network import NetworkConfig
    from sagemaker.core.processing import Processor

    settings, placement = terms.settings, terms.placement
    processor = Processor(
        role=terms.role,
        image_uri=image,
        instance_count=settings.instance_count,
        instance_type=settings.instance_type,
        volume_size_in_gb=settings.volume_gb,
        volume_kms_key=placement.volume_key or None,
        output_kms_key=placement.data_key or None,
        max_runtime_in_seconds=settings.max_runtime_seconds,
        entrypoint=ENTRY_POINT,
        env={"PYTHONPATH": f"{_INPUT}/code", **environment},
        network_config=NetworkConfig(
            enable_network_isolation=placement.isolated,
            encrypt_inter_container_traffic=True if terms.encrypts_traffic else None,
            security_group_ids=list(placement.security_groups) or None,
            subnets=list(placement.subnets) or None,
        ),
        tags=tag_list(placement.tags),
        sagemaker_session=session,
    )
    return processor.run(
        inputs=[_processing_input(name, uri) for name, uri in inputs.items()],
        outputs=[_processing_output(name, uri) for name, uri in outputs.items()],
        arguments=["processing"],
        wait=False,
    )


def training_arguments(
    planned: StepPlan,
    terms: Terms,
    *,
    image: str,
    environment: Mapping[str, Any],
    channels: _Locations,
    output: Any,
    session: Any,
) -> Any:
    """CreateTrainingJob's request; `channels` are URIs by name."""
    from sagemaker.core.shapes import MetricDefinition
    from sagemaker.core.training.configs import (
        CheckpointConfig,
        Compute,
        InputData,
        Networking,
        OutputDataConfig,
        StoppingCondition,
    )
    from sagemaker.train.model_trainer import ModelTrainer

    settings, placement = terms.settings, terms.placement
    trainer = ModelTrainer(
        training_image=image,
        role=terms.role,
        base_job_name=planned.step.name,
        hyperparameters=dict(planned.hyperparameters),
        environment={"PYTHONPATH": f"{_DATA}/code", **environment},
        compute=Compute(
            instance_type=settings.instance_type,
            instance_count=settings.instance_count,
            volume_size_in_gb=settings.volume_gb,
            volume_kms_key_id=placement.volume_key or None,
            keep_alive_period_in_seconds=settings.keep_alive_seconds or None,
            enable_managed_spot_training=True if settings.spot else None,
        ),
        networking=Networking(
            subnets=list(placement.subnets) or None,
            security_group_ids=list(placement.security_groups) or None,
            enable_network_isolation=placement.isolated,
            enable_inter_container_traffic_encryption=True if terms.encrypts_traffic else None,
        ),
        stopping_condition=StoppingCondition(
            max_runtime_in_seconds=settings.max_runtime_seconds,
            max_wait_time_in_seconds=settings.spot_seconds,
        ),
        checkpoint_config=CheckpointConfig(s3_uri=terms.checkpoints, local_path=_CHECKPOINTS) if terms.checkpoints else None,
        output_data_config=OutputDataConfig(
            s3_output_path=output, compression_type="NONE", kms_key_id=placement.data_key or None
        ),
        tags=_shapes_tags(placement.tags),
        sagemaker_session=session,
    )
    if planned.step.metrics:
        trainer.with_metric_definitions(
            [MetricDefinition(name=name, regex=regex) for name, regex in planned.step.metrics.items()]
        )
    # Without defaults the SDK would report each call of `train`: what its reporting decorator wraps does not.
    return ModelTrainer.train.__wrapped__(
        trainer,
        input_data_config=[InputData(channel_name=name, data_source=uri) for name, uri in channels.items()],
        wait=False,
    )


def transform_arguments(node: Transform, terms: Terms, *, model: Any, data: Any, output: Any, session: Any) -> Any:
    """CreateTransformJob's request. Network and isolation are those of the model."""
    from sagemaker.core.transformer import Transformer

    settings, placement = terms.settings, terms.placement
    transformer = Transformer(
        model_name=model,
        instance_count=settings.instance_count,
        instance_type=settings.instance_type,
        strategy="SingleRecord",
        accept=node.content_type,
        max_payload=node.max_payload_mb,
        output_path=output,
        output_kms_key=placement.data_key or None,
        volume_kms_key=placement.volume_key or None,
        tags=tag_list(placement.tags),
        sagemaker_session=session,
    )
    return transformer.transform(data=data, content_type=node.content_type, wait=False)


def _processing_input(name: str, uri: Any) -> Any:
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    location = ProcessingS3Input(s3_uri=uri, local_path=f"{_INPUT}/{name}", s3_data_type="S3Prefix", s3_input_mode="File")
    return ProcessingInput(input_name=name, s3_input=location)


def _processing_output(name: str, uri: Any) -> Any:
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

    location = ProcessingS3Output(s3_uri=uri, local_path=f"{_OUTPUT}/{name}", s3_upload_mode="EndOfJob")
    return ProcessingOutput(output_name=name, s3_output=location)


def _shapes_tags(tags: Mapping[str, str]) -> list[Any]:
    from sagemaker.core.shapes import Tag

    return [Tag(key=key, value=value) for key, value in tags.items()]
