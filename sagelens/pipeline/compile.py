"""Compiles a planned pipeline with the SageMaker SDK to the definition JSON. Nothing is sent or uploaded.

The same project and code give the same bytes: every location carries a digest, and names hold no time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sagelens.pipeline.branches import Branch, nest
from sagelens.pipeline.jobs import ENTRY_POINT, processing_arguments, training_arguments, transform_arguments
from sagelens.pipeline.pipeline import Gate, SdkStep, Transform
from sagelens.pipeline.plan import Landing, Plan, StepPlan
from sagelens.pipeline.retries import name_retries
from sagelens.pipeline.sdk import defaults_of, quick_processing_step, sdk_at_hand, session
from sagelens.pipeline.step import Job, Parameter, Step
from sagelens.pipeline.terms import Whole
from sagelens.project import Environment
from sagelens.values import GateKind

__all__ = ["compile_plan"]

_FAILURE = {GateKind.DATA: "data-gate", GateKind.MODEL: "model-gate"}


def compile_plan(plan: Plan, *, project: str, environment: Environment, cache: bool = True) -> str:
    """The definition of a pipeline, as JSON in version 2020-12-01. `cache=False` switches every step's cache off."""
    with sdk_at_hand(environment.region):
        return _Compiler(plan, Whole(project, plan.pipeline.name, environment), cache).definition()


class _Compiler:
    def __init__(self, plan: Plan, whole: Whole, cache: bool) -> None:
        self._plan = plan
        self._whole = whole
        self._environment = whole.environment
        self._cache = cache
        self._session = session(whole.environment, None)
        self._uris: dict[str, Any] = {}
        self._files: dict[str, Any] = {}
        self._makers: dict[str, str] = {}
        self._beginnings: set[str] = set()
        """Artifacts whose names are how that of another of their step begins."""
        self._parameters = {parameter.name: _sdk_parameter(parameter) for parameter in plan.parameters}

    def definition(self) -> str:
        from sagemaker.mlops.workflow.pipeline import Pipeline

        steps = [step for branch in nest(self._plan.pipeline.nodes) for step in self._branch(branch)]
        pipeline = Pipeline(
            name=self._whole.name,
            steps=steps,
            parameters=list(self._parameters.values()),
            pipeline_experiment_config=None,
            sagemaker_session=self._session,
        )
        made = json.loads(pipeline.definition())
        self._name_entry_points(made["Steps"])
        name_retries(made["Steps"], self._environment)
        return json.dumps(made, sort_keys=True, separators=(",", ":"))

    def _name_entry_points(self, steps: list[dict[str, Any]]) -> None:
        """Training jobs get theirs here: ModelTrainer names none without a source folder, which it would upload each time."""
        for step in steps:
            arguments = step.get("Arguments", {})
            if step["Type"] == "Training" and step["Name"] in self._plan.steps:
                arguments["AlgorithmSpecification"] |= {
                    "ContainerEntrypoint": ENTRY_POINT,
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
            if any(other.startswith(artifact) for other in (*step.step.gives, "evidence") if other != artifact):
                self._beginnings.add(artifact)
        if step.step.after:
            made.add_depends_on(list(step.step.after))
        return made

    def _processing(self, planned: StepPlan, read: str | None) -> Any:
        step = planned.step
        inputs = {"code": planned.code_uri, "config": planned.config_uri}
        inputs |= {f"source-{name}": uri for name, uri in planned.sources.items()}
        inputs |= {name: self._taken(name) for name in step.takes or ()}
        arguments = processing_arguments(
            self._whole.of_step(planned),
            image=self._environment.image,
            environment=self._environment_of(planned),
            inputs=inputs,
            outputs={name: self._given(planned, name) for name in (*step.gives, "evidence")},
            session=self._session,
        )
        files, kept = self._property_files(step, read), self._cache_of(step)
        made = quick_processing_step()(name=step.name, step_args=arguments, property_files=files, cache_config=kept)
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
        from sagemaker.core.workflow.functions import Join
        from sagemaker.mlops.workflow.steps import TrainingStep

        step, folder = planned.step, self._location(planned.step.name)
        arguments = training_arguments(
            planned,
            self._whole.of_step(planned),
            image=self._environment.image,
            environment=self._environment_of(planned),
            channels={
                "code": planned.code_uri,
                "config": planned.config_uri,
                **{name: self._taken(name) for name in step.takes or ()},
            },
            output=folder,
            session=self._session,
        )
        made = TrainingStep(name=step.name, step_args=arguments, cache_config=self._cache_of(step))
        model, *others = step.gives
        self._uris[model] = made.properties.ModelArtifacts.S3ModelArtifacts
        for name in others:
            self._uris[name] = Join(on="/", values=[folder, made.properties.TrainingJobName, "output/data", name])
        return made

    def _transform(self, node: Transform) -> Any:
        from sagemaker.mlops.workflow.steps import TransformStep

        arguments = transform_arguments(
            node,
            self._whole.of_transform(node),
            model=self._get(node.model, "model_name"),
            data=self._taken(node.takes),
            output=self._output(node.name, node.gives),
            session=self._session,
        )
        made = TransformStep(name=node.name, step_args=arguments)
        self._uris[node.gives] = made.properties.TransformOutput.S3OutputPath
        self._makers[node.gives] = node.name
        return made

    def _raw(self, node: SdkStep) -> Any:
        artifacts = {name: self._uris[name] for name in node.takes}
        made = node.build(session(self._environment, defaults_of(self._environment)), artifacts)
        for name, uri_of in node.gives.items():
            self._uris[name] = uri_of(made)
            self._makers[name] = node.name
        return made

    def _taken(self, artifact: str) -> Any:
        """Where an artifact is taken from: all whose key begins so. For `profile` that would be `profile_figures`, too."""
        from sagemaker.core.workflow.functions import Join

        return Join(on="", values=[self._uris[artifact], "/"]) if artifact in self._beginnings else self._uris[artifact]

    def _location(self, step: str) -> Any:
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join

        return Join(on="/", values=[self._whole.prefix, ExecutionVariables.PIPELINE_EXECUTION_ID, step])

    def _given(self, planned: StepPlan, artifact: str) -> Any:
        from sagemaker.core.workflow.functions import Join

        match planned.landing.get(artifact):
            case None:
                return self._output(planned.step.name, artifact)
            case Landing(uri=uri, version=Parameter(name=name)):
                return Join(on="/", values=[uri, self._parameters[name]])
            case Landing(uri=uri):
                return uri

    def _output(self, step: str, artifact: str) -> Any:
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join

        return Join(on="/", values=[self._whole.prefix, ExecutionVariables.PIPELINE_EXECUTION_ID, step, "output", artifact])

    def _environment_of(self, planned: StepPlan) -> Mapping[str, Any]:
        return {variable: self._parameters[value.name] for variable, value in planned.environment.items()}

    def _cache_of(self, step: Step) -> Any:
        from sagemaker.mlops.workflow.steps import CacheConfig

        return CacheConfig(enable_caching=True, expire_after="P30D") if step.cache and self._cache else None


def _sdk_parameter(parameter: Parameter) -> Any:
    from sagemaker.core.workflow.parameters import ParameterString

    return ParameterString(name=parameter.name, default_value=parameter.default)
