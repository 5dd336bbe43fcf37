"""The page, from its views and templates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelens.evaluation.report import wording
from sagelens.evaluation.report.curves import CurveView, curve_views
from sagelens.evaluation.report.deployment import DeploymentView, deployment_views
from sagelens.evaluation.report.evaluation import ChampionView, EvaluationView, champion_view, evaluation_view
from sagelens.evaluation.report.figures import FigureView, figure_views
from sagelens.evaluation.report.gates import GateView, gate_views
from sagelens.evaluation.report.headline import (
    FailureView,
    FramingView,
    Milestone,
    Tile,
    failure_view,
    framing_view,
    milestones,
    status_of,
    tiles,
)
from sagelens.evaluation.report.lineage import LineageView, lineage_view
from sagelens.evaluation.report.material import Material
from sagelens.evaluation.report.profile import ProfileView, profile_view
from sagelens.evaluation.report.release import ReleaseView, release_view
from sagelens.evaluation.report.steps import ExecutionView, execution_view

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Page", "page_of", "render"]

_TEMPLATES = Path(__file__).parent / "templates"
_PLACED = ("evaluation", "exploration")


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that the templates show."""

    project: str
    title: str
    status: str
    seconds: float | None
    executions: tuple[ExecutionView, ...]
    deployments: tuple[DeploymentView, ...]
    failure: FailureView | None
    framing: FramingView | None
    tiles: tuple[Tile, ...]
    milestones: tuple[Milestone, ...]
    gates: tuple[GateView, ...]
    profile: ProfileView | None
    profile_figures: tuple[FigureView, ...]
    curves: tuple[CurveView, ...]
    evaluation: EvaluationView | None
    champion: ChampionView | None
    other_figures: tuple[FigureView, ...]
    release: ReleaseView
    lineage: LineageView
    versions: dict[str, str]
    step_ids: dict[str, str]

    @property
    def first(self) -> ExecutionView | None:
        """The execution asked for; a rollback has none."""
        return self.executions[0] if self.executions else None

    @property
    def deployment_leads(self) -> bool:
        """Whether the deployment is what the page is about, rather than what a training run ended with."""
        return bool(self.deployments) and self.evaluation is None

    @property
    def warnings(self) -> list[tuple[str, str]]:
        return [(step.name, warning) for e in self.executions for step in e.steps for warning in step.warnings]

    @property
    def has_parameters(self) -> bool:
        return any(step.parameters for execution in self.executions for step in execution.steps)

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Ids and titles of what there is to see, in the page's order."""
        every: list[tuple[str, str, object]] = [
            ("deployment", "Deployment", self.deployment_leads),
            ("steps", "Steps", self.executions),
            ("gates", "Gates", self.gates),
            ("data", "Data", self.profile or self.profile_figures),
            ("training", "Training", self.curves),
            ("evaluation", "Evaluation", self.evaluation),
            ("champion", "Champion", self.champion),
            ("figures", "Figures", self.other_figures),
            ("deployment", "Deployment", self.deployments and not self.deployment_leads),
            ("release", "Release", self.release),
            ("lineage", "Lineage", self.lineage),
            ("record", "Record", self.executions),
        ]
        return [(id_, title) for id_, title, shown in every if shown]


def render(material: Material, *, compiled: Path | None = None) -> str:
    """The report as one HTML document that refers to nothing outside itself.

    `compiled` is a folder where templates are kept as bytecode, which spares a fresh interpreter a tenth of a second.
    """
    return _environment(compiled).get_template("page.html.j2").render(page=page_of(material))


def page_of(material: Material) -> Page:
    executions = tuple(
        execution_view(execution, number, material.project) for number, execution in enumerate(material.executions)
    )
    gates = tuple(gate_views(material))
    evaluation = evaluation_view(material)
    release = release_view(material)
    deployments = deployment_views(material.deployments)
    spans = [one.seconds for one in executions or deployments]
    return Page(
        project=material.project,
        title=f"{material.project} {executions[0].name}" if evaluation or not deployments else deployments[0].title,
        status=status_of(executions, deployments),
        seconds=None if None in spans else sum(span for span in spans if span is not None),
        executions=executions,
        deployments=deployments,
        failure=failure_view(material, executions, gates),
        framing=framing_view(material),
        tiles=tuple(tiles(material, gates, release, deployments)),
        milestones=tuple(milestones(executions, gates, release)),
        gates=gates,
        profile=profile_view(material),
        profile_figures=tuple(figure_views(material.figures_of("exploration"))),
        curves=curve_views(material),
        evaluation=evaluation,
        champion=champion_view(material),
        other_figures=tuple(figure_views(_other_figures(material))),
        release=release,
        lineage=lineage_view(material),
        versions={name: str(version) for _, _, evidence in material.evidence() for name, version in evidence["versions"].items()},
        step_ids={step.name: step.id for execution in reversed(executions) for step in execution.steps},
    )


def _other_figures(material: Material) -> dict[str, str]:
    phases = {str(evidence["phase"]) for _, _, evidence in material.evidence()}
    return material.figures_of(*sorted(phases.difference(_PLACED)))


@cache
def _environment(compiled: Path | None) -> Environment:
    from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        bytecode_cache=FileSystemBytecodeCache(str(compiled)) if compiled else None,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {name: getattr(wording, name) for name in wording.__all__}
    # `title` is Jinja's own filter, with another meaning.
    environment.filters |= {f"as_{name}": function for name, function in filters.items()}
    return environment
