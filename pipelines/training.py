"""From raw data to a registered model."""

from __future__ import annotations

from sagelens.pipeline import Job, ModelGate, Parameter, Pipeline, QualityGate, Step
from sagelens.project import Project
from sagelens.training import metric_patterns
from sagelens.values import Phase
from steps.collection import collect
from steps.evaluation import compare, evaluate
from steps.exploration import explore
from steps.features import engineer, package
from steps.framing import frame
from steps.preparation import prepare
from steps.registration import register
from steps.training import baseline, train

SPLITS = ("train", "validation", "test")
FEATURES = ("train_features", "validation_features", "test_features")


def training(project: Project) -> Pipeline:
    """What started a run comes as a parameter, for its record; no step that can be reused knows of it."""
    label, keep = project.framing.label, project.evaluation.slices
    event = Parameter("EventId", "")
    costs, seed, leaks = project.framing.error_costs, project.training.seed, project.preparation.leaks
    return Pipeline(
        "training",
        Step(
            frame,
            gives=("framing",),
            params={"framing": project.framing, "features": project.features, "leaks": leaks},
        ),
        Step(
            collect,
            gives=(*project.collection.sources, "collection"),
            sources=project.collection.sources,
        ),
        QualityGate("raw", on=tuple(project.quality.gates["raw"]), suites=project.suites("raw")),
        Step(
            prepare,
            gives=SPLITS,
            params={"label": label, "leaks": leaks, "split": project.preparation.split, **project.preparation.options},
        ),
        QualityGate("prepared", on=SPLITS, suites=project.suites("prepared")),
        Step(explore, gives=("profile", "profile_figures"), params={"label": label, "time": "time_hour"}),
        Step(
            engineer,
            gives=("transform", *FEATURES),
            params={"features": project.features, "label": label, "leaks": leaks, "keep": keep},
        ),
        QualityGate("features", on=FEATURES, suites=project.suites("features")),
        Step(
            baseline,
            job=Job.TRAINING,
            gives=("baseline_model",),
            params={"label": label, "keep": keep, "max_iter": project.training.baseline_max_iter, "seed": seed},
            metrics=metric_patterns("train-accuracy", "train-iterations"),
        ),
        Step(
            train,
            job=Job.TRAINING,
            gives=("model",),
            params={"label": label, "keep": keep, "settings": project.training.xgboost, "costs": costs, "seed": seed},
            metrics=metric_patterns(f"validation-{project.training.xgboost.eval_metric}"),
        ),
        Step(package, gives=("servable",), params={"label": label}, phase=Phase.TRAINING),
        Step(
            evaluate,
            gives=("metrics", "evaluation", "evaluation_figures"),
            params={"label": label, "keep": keep, "settings": project.evaluation, "costs": costs, "seed": seed},
        ),
        ModelGate(
            Step(
                compare,
                name="model-gate",
                gives=("comparison", "model_verdict"),
                params={
                    "framing": project.framing,
                    "settings": project.evaluation,
                    "seed": seed,
                    "group": project.registration.model_package_group,
                },
                cache=False,
            ),
            verdict="model_verdict",
            on="servable",
        ),
        Step(
            register,
            gives=("registration",),
            params={
                "group": project.registration.model_package_group,
                "image": project.environment.image,
                "approval": project.environment.approval,
                "tags": project.tags,
                "event": event,
            },
            cache=False,
        ),
        parameters=(event,),
    )
