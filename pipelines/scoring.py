"""New raw rows through the same gates and the approved model, in batch."""

from __future__ import annotations

from sagelens.pipeline import Pipeline, QualityGate, Step, Transform
from sagelens.project import Project
from sagelens.values import Phase
from steps.collection import collect
from steps.scoring import find_model, land, select


def scoring(project: Project) -> Pipeline:
    return Pipeline(
        "scoring",
        Step(
            collect,
            gives=(*project.collection.sources, "collection"),
            sources=project.collection.sources,
        ),
        QualityGate("raw", on=tuple(project.quality.gates["raw"]), suites=project.suites("raw")),
        Step(
            select,
            gives=("rows",),
            params={
                "label": project.framing.label,
                "leaks": project.preparation.leaks,
                **project.scoring.options,
            },
        ),
        Step(
            find_model,
            gives=("model_reference",),
            params={
                "group": project.registration.model_package_group,
                "role": project.environment.role_of("transform"),
                "placement": project.placement,
            },
            phase=Phase.SCORING,
            cache=False,
        ),
        Transform("score", model="model_reference", takes="rows", gives="scored"),
        Step(land, gives=("predictions",)),
        QualityGate("predictions", on="predictions", suites=project.suites("predictions")),
    )
