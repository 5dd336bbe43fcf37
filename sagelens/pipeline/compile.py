"""Compiles a planned pipeline with the SageMaker SDK to the definition JSON. Nothing is sent or uploaded.

The same project and code give the same bytes: every location carries a digest, and names hold no time.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sagelens.pipeline.branches import Branch, nest
from sagelens.pipeline.pipeline import Gate, SdkStep, Transform
from sagelens.pipeline.plan import Plan, StepPlan, environment_variable, pipeline_name
from sagelens.pipeline.step import Job, Parameter, Step
from sagelens.project import Environment
from sagelens.values import GateKind

__all__ = ["compile_plan"]

_INPUT = "/opt/ml/processing/input"
_OUTPUT = "/opt/ml/processing/output"
_ENTRY_POINT = ["python3", "-m", "sagelens.job"]
_FAILURE = {GateKind.DATA: "data-gate", GateKind.MODEL: "model-gate"}
_SDK_DEFAULTS = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}


def compile_plan(plan: Plan, *, project: str, environment: Environment, cache: bool = True) -> str:
    """The definition of a pipeline, as JSON in version 2020-12-01. `cache=False` switches every step's cache off."""
    with _sdk_environment(environment.region), _quiet_sdk():
        return _Compiler(plan, project, environment, cache).definition()


@contextmanager
def _sdk_environment(region: str) -> Iterator[None]:
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
def _quiet_sdk() -> Iterator[None]:
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


class _Compiler:
    def __init__(self, plan: Plan, project: str, environment: Environment, cache: bool) -> None:
        self._plan = plan
        self._project = project
        self._environment = environment
        self._cache = cache
        self._name = pipeline_name(project, plan.pipeline.name)
        self._prefix = f"s3://{environment.bucket}/{self._name}"
        self._session = _session(environment, None)
        self._uris: dict[str, Any] = {}
        self._files: dict[str, Any] = {}
        self._makers: dict[str, str] = {}
        self._parameters = {parameter.name: _sdk_parameter(parameter) for parameter in plan.pipeline.parameters}

    def definition(self) -> str:
        from sagemaker.mlops.workflow.pipeline import Pipeline

        steps = [step for branch in nest(self._plan.pipeline.nodes) for step in self._branch(branch)]
        pipeline = Pipeline(
            name=self._name,
            steps=steps,
            parameters=list(self._parameters.values()),
            pipeline_experiment_config=None,
            sagemaker_session=self._session,
        )
        made = json.loads(pipeline.definition())
        self._name_entry_points(made["Steps"])
        return json.dumps(made, sort_keys=True, separators=(",", ":"))

    def _name_entry_points(self, steps: list[dict[str, Any]]) -> None:
        """Training jobs get theirs here: ModelTrainer names none without a source folder, which it would upload each time."""
        for step in steps:
            arguments = step.get("Arguments", {})
            if step["Type"] == "Training" and step["Name"] in self._plan.steps:
                arguments["AlgorithmSpecification"] |= {
                    "ContainerEntrypoint": _ENTRY_POINT,
                    "ContainerArguments": ["training"],
                }
            for branch in ("IfSteps", "ElseSteps"):
                self._name_entry_points(arguments.get(branch, []))

    def _branch(self, branch: Branch) -> list[Any]:
        match branch.node:
            case Gate() as gate:
                return self._gate(gate, branch)
            case Step() as step:
                return [self._step(self._plan.steps[step.name])]
            case Transform() as transform:
                return [self._transform(transform)]
            case SdkStep() as raw:
                return [self._raw(raw)]

    def _gate(self, gate: Gate, branch: Branch) -> list[Any]:
        from sagemaker.core.workflow.conditions import ConditionEquals
        from sagemaker.core.workflow.functions import Join
        from sagemaker.mlops.workflow.condition_step import ConditionStep
        from sagemaker.mlops.workflow.fail_step import FailStep

        check = self._step(self._plan.steps[gate.name], read=gate.verdict)
        inside = [step for child in branch.inside for step in self._branch(child)]
        stopped = FailStep(
            name=f"{gate.name}-stopped",
            error_message=Join(on="", values=[f"{_FAILURE[gate.kind]}: ", self._get(gate.verdict, "summary")]),
        )
        passed = ConditionStep(
            name=f"{gate.name}-passed",
            conditions=[ConditionEquals(left=self._get(gate.verdict, "passed"), right=True)],
            if_steps=inside,
            else_steps=[stopped],
        )
        return [check, passed]

    def _get(self, artifact: str, path: str) -> Any:
        """A field of a JSON artifact, read when the pipeline runs."""
        from sagemaker.core.workflow.functions import JsonGet

        return JsonGet(step_name=self._makers[artifact], property_file=self._files[artifact], json_path=path)

    def _step(self, step: StepPlan, read: str | None = None) -> Any:
        made = self._training(step) if step.step.job is Job.TRAINING else self._processing(step, read)
        for artifact in step.step.gives:
            self._makers[artifact] = step.step.name
        if step.step.after:
            made.add_depends_on(list(step.step.after))
        return made

    def _processing(self, planned: StepPlan, read: str | None) -> Any:
        from sagemaker.core.processing import Processor

        step, settings = planned.step, planned.settings
        processor = Processor(
            role=self._environment.role,
            image_uri=self._environment.image,
            instance_count=settings.instance_count,
            instance_type=settings.instance_type,
            volume_size_in_gb=settings.volume_gb,
            max_runtime_in_seconds=settings.max_runtime_seconds,
            entrypoint=_ENTRY_POINT,
            env={"PYTHONPATH": f"{_INPUT}/code", **self._environment_of(planned)},
            tags=self._tags(step.name, str(step.phase)),
            sagemaker_session=self._session,
        )
        inputs = {"code": planned.code_uri, "config": planned.config_uri}
        inputs |= {f"source-{name}": uri for name, uri in planned.sources.items()}
        inputs |= {name: self._uris[name] for name in step.takes or ()}
        outputs = {name: planned.landing.get(name) or self._output(step.name, name) for name in (*step.gives, "evidence")}
        arguments = processor.run(
            inputs=[_processing_input(name, uri) for name, uri in inputs.items()],
            outputs=[_processing_output(name, uri) for name, uri in outputs.items()],
            arguments=["processing"],
            wait=False,
        )
        files = self._property_files(step, read)
        made = _processing_step()(name=step.name, step_args=arguments, property_files=files, cache_config=self._cache_of(step))
        for name in step.gives:
            self._uris[name] = made.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri
        return made

    def _property_files(self, step: Step, verdict: str | None) -> list[Any]:
        """Property files of what the definition itself reads: a gate's verdict, the name of a model to transform with."""
        from sagemaker.core.workflow.properties import PropertyFile

        read = {node.model: "value.json" for node in self._plan.pipeline.nodes if isinstance(node, Transform)}
        wanted = {name: file for name, file in read.items() if name in step.gives}
        if verdict is not None:
            wanted[verdict] = "verdict.json"
        made = {name: PropertyFile(name=name.replace("_", "-"), output_name=name, path=file) for name, file in wanted.items()}
        self._files |= made
        return list(made.values())

    def _training(self, planned: StepPlan) -> Any:
        from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig, StoppingCondition
        from sagemaker.core.workflow.functions import Join
        from sagemaker.mlops.workflow.steps import TrainingStep
        from sagemaker.train.model_trainer import ModelTrainer

        step, settings = planned.step, planned.settings
        folder = self._location(step.name)
        trainer = ModelTrainer(
            training_image=self._environment.image,
            role=self._environment.role,
            base_job_name=step.name,
            hyperparameters=dict(planned.hyperparameters),
            environment={"PYTHONPATH": "/opt/ml/input/data/code", **self._environment_of(planned)},
            compute=Compute(
                instance_type=settings.instance_type,
                instance_count=settings.instance_count,
                volume_size_in_gb=settings.volume_gb,
            ),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=settings.max_runtime_seconds),
            output_data_config=OutputDataConfig(s3_output_path=folder, compression_type="NONE"),
            tags=_shapes_tags(self._tags(step.name, str(step.phase))),
            sagemaker_session=self._session,
        )
        channels = {"code": planned.code_uri, "config": planned.config_uri}
        channels |= {name: self._uris[name] for name in step.takes or ()}
        # Without defaults the SDK would report each call of `train`: what its reporting decorator wraps does not.
        arguments = ModelTrainer.train.__wrapped__(
            trainer,
            input_data_config=[InputData(channel_name=name, data_source=uri) for name, uri in channels.items()],
            wait=False,
        )
        made = TrainingStep(name=step.name, step_args=arguments, cache_config=self._cache_of(step))
        model, *others = step.gives
        self._uris[model] = made.properties.ModelArtifacts.S3ModelArtifacts
        for name in others:
            self._uris[name] = Join(on="/", values=[folder, made.properties.TrainingJobName, "output/data", name])
        return made

    def _transform(self, node: Transform) -> Any:
        from sagemaker.core.transformer import Transformer
        from sagemaker.mlops.workflow.steps import TransformStep

        settings = self._environment.steps.get(node.name, self._environment.jobs)
        transformer = Transformer(
            model_name=self._get(node.model, "model_name"),
            instance_count=settings.instance_count,
            instance_type=settings.instance_type,
            strategy="SingleRecord",
            accept=node.content_type,
            max_payload=node.max_payload_mb,
            output_path=self._output(node.name, node.gives),
            tags=self._tags(node.name, str(node.phase)),
            sagemaker_session=self._session,
        )
        arguments = transformer.transform(data=self._uris[node.takes], content_type=node.content_type, wait=False)
        made = TransformStep(name=node.name, step_args=arguments)
        self._uris[node.gives] = made.properties.TransformOutput.S3OutputPath
        self._makers[node.gives] = node.name
        return made

    def _raw(self, node: SdkStep) -> Any:
        made = node.build(_session(self._environment, _SDK_DEFAULTS), {name: self._uris[name] for name in node.takes})
        for name, uri_of in node.gives.items():
            self._uris[name] = uri_of(made)
            self._makers[name] = node.name
        return made

    def _location(self, step: str) -> Any:
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join

        return Join(on="/", values=[self._prefix, ExecutionVariables.PIPELINE_EXECUTION_ID, step])

    def _output(self, step: str, artifact: str) -> Any:
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join

        return Join(on="/", values=[self._prefix, ExecutionVariables.PIPELINE_EXECUTION_ID, step, "output", artifact])

    def _environment_of(self, planned: StepPlan) -> Mapping[str, Any]:
        return {environment_variable(name): self._parameters[value.name] for name, value in planned.environment.items()}

    def _cache_of(self, step: Step) -> Any:
        from sagemaker.mlops.workflow.steps import CacheConfig

        return CacheConfig(enable_caching=True, expire_after="P30D") if step.cache and self._cache else None

    def _tags(self, step: str, phase: str) -> list[dict[str, str]]:
        tags = {
            "sagelens:project": self._project,
            "sagelens:pipeline": self._plan.pipeline.name,
            "sagelens:step": step,
            "sagelens:phase": phase,
            **self._environment.tags,
        }
        return [{"Key": key, "Value": value} for key, value in tags.items()]


@cache
def _processing_step() -> type[Any]:
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


def _session(environment: Environment, defaults: dict[str, Any] | None) -> Any:
    """A session that captures requests instead of sending them. Steps of others get one with usage reports switched off."""
    import boto3
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    return PipelineSession(
        boto_session=boto3.session.Session(region_name=environment.region),
        default_bucket=environment.bucket,
        sagemaker_config=defaults,
    )


def _sdk_parameter(parameter: Parameter) -> Any:
    from sagemaker.core.workflow.parameters import ParameterString

    return ParameterString(name=parameter.name, default_value=parameter.default)


def _processing_input(name: str, uri: Any) -> Any:
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    location = ProcessingS3Input(s3_uri=uri, local_path=f"{_INPUT}/{name}", s3_data_type="S3Prefix", s3_input_mode="File")
    return ProcessingInput(input_name=name, s3_input=location)


def _processing_output(name: str, uri: Any) -> Any:
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

    location = ProcessingS3Output(s3_uri=uri, local_path=f"{_OUTPUT}/{name}", s3_upload_mode="EndOfJob")
    return ProcessingOutput(output_name=name, s3_output=location)


def _shapes_tags(tags: list[dict[str, str]]) -> list[Any]:
    from sagemaker.core.shapes import Tag

    return [Tag(key=tag["Key"], value=tag["Value"]) for tag in tags]
