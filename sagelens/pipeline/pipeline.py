"""A pipeline, as a value: steps, gates, transforms and raw SDK steps in the order in which they are to be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagelens.errors import BadConfig
from sagelens.pipeline.step import Parameter, Step
from sagelens.values import GateKind, Phase

__all__ = ["Gate", "ModelGate", "Pipeline", "QualityGate", "SdkStep", "Transform"]


@dataclass(frozen=True)
class Gate:
    """A step whose verdict decides whether anything that depends on what it looked at may run.

    Compiles to the step, a ConditionStep on its verdict, and a FailStep that carries the verdict's summary. Blocked are
    the later steps that depend, directly or not, on an artifact in `on` or on one that the gate's step gives.
    """

    step: Step
    verdict: str
    on: tuple[str, ...]
    kind: GateKind

    @property
    def name(self) -> str:
        return self.step.name


def QualityGate(  # noqa: N802 - reads as a value in a pipeline
    name: str, *, on: str | tuple[str, ...], suites: Mapping[str, Mapping[str, Any]], phase: Phase = Phase.QUALITY
) -> Gate:
    """A data gate: Great Expectations suites by table. A failed expectation of severity `critical` stops what depends on `on`."""
    from sagelens.quality import check_tables

    tables = (on,) if isinstance(on, str) else on
    for table in tables:
        if table not in suites:
            raise BadConfig(
                f"Gate '{name}' looks at '{table}', for which quality.gates.{name} names no suite. "
                f"It names: {', '.join(sorted(suites)) or 'none'}."
            )
    verdict = f"{name}_verdict"
    step = Step(
        check_tables,
        name=f"{name}-gate",
        takes=tables,
        gives=(verdict,),
        params={"gate": name, "tables": tables, "suites": {table: dict(suites[table]) for table in tables}},
        phase=phase,
    )
    return Gate(step=step, verdict=verdict, on=tables, kind=GateKind.DATA)


def ModelGate(step: Step, *, verdict: str, on: str | tuple[str, ...]) -> Gate:  # noqa: N802 - reads as a value in a pipeline
    """A model gate round a step of the project's own that gives a verdict."""
    return Gate(step=step, verdict=verdict, on=(on,) if isinstance(on, str) else on, kind=GateKind.MODEL)


@dataclass(frozen=True)
class Transform:
    """A batch transform of one table artifact, each of its Parquet files sent as one request.

    `model` is the name of a JSON artifact (given by an earlier step) whose field `model_name` names the SageMaker model.
    Gives a folder of what the model answered, one `.out` file an input file.
    """

    name: str
    model: str
    takes: str
    gives: str
    content_type: str = "application/x-parquet"
    phase: Phase = Phase.SCORING
    max_payload_mb: int = 100


@dataclass(frozen=True)
class SdkStep:
    """Any step object of the SageMaker SDK.

    `build` gets the pipeline session and, by name, the SDK's variable for the S3 URI of each artifact in `takes`; `gives` maps an
    artifact's name to a function from the built step to the variable that holds its S3 URI.
    """

    name: str
    build: Callable[[Any, Mapping[str, Any]], Any]
    takes: tuple[str, ...] = ()
    gives: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    phase: Phase = Phase.TRAINING


Node = Step | Gate | Transform | SdkStep


@dataclass(frozen=True, init=False)
class Pipeline:
    """`takes` of every node must be given by an earlier one; names of steps and of artifacts are unique."""

    name: str
    nodes: tuple[Node, ...]
    parameters: tuple[Parameter, ...]

    def __init__(self, name: str, *nodes: Node, parameters: tuple[Parameter, ...] = ()) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "parameters", parameters)
        self._check()

    def _check(self) -> None:
        made: dict[str, str] = {}
        names: set[str] = set()
        for node in self.nodes:
            if node.name in names:
                raise BadConfig(f"Pipeline '{self.name}' has two steps named '{node.name}'. Give one of them another name=.")
            names.add(node.name)
            for artifact in taken_by(node):
                if artifact not in made:
                    raise BadConfig(
                        f"Step '{node.name}' of pipeline '{self.name}' takes '{artifact}', which no earlier step gives. "
                        f"Given by then: {', '.join(sorted(made)) or 'nothing'}."
                    )
            for artifact in given_by(node):
                if artifact in made:
                    raise BadConfig(
                        f"Steps '{made[artifact]}' and '{node.name}' of pipeline '{self.name}' both give '{artifact}'. "
                        "Names of artifacts are unique in a pipeline."
                    )
                made[artifact] = node.name

    def steps(self) -> Iterator[Step]:
        """The plain steps, those inside gates included."""
        for node in self.nodes:
            if isinstance(node, Step):
                yield node
            elif isinstance(node, Gate):
                yield node.step


def taken_by(node: Node) -> tuple[str, ...]:
    match node:
        case Gate(step=step):
            return taken_by(step)
        case Step(takes=takes):
            return takes or ()
        case Transform(model=model, takes=taken):
            return (model, taken)
        case SdkStep(takes=takes):
            return takes


def given_by(node: Node) -> tuple[str, ...]:
    match node:
        case Gate(step=step):
            return step.gives
        case Step(gives=gives):
            return gives
        case Transform(gives=given):
            return (given,)
        case SdkStep(gives=gives):
            return tuple(gives)
