"""Deployments by canary between quickly trained models, under alarms and some traffic; shared by the runtimes' tests."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.conftest import Workspace, workspace_at

__all__ = ["CANARY", "REQUEST", "TIGHT", "WATCHED", "settings", "traffic", "two_models"]

REQUEST = "configs/examples/request.json"
CANARY = "canary:size=50%,wait=5m,termination_wait=2m"
TIGHT = "deployment.alarms=[{kind: latency, at_most: 0.01ms}]"
WATCHED = "deployment.alarms=[{kind: errors, at_most: 1%}, {kind: latency, at_most: 5s}]"
_QUICK = (
    "framing.acceptance=0.5",
    "preparation.split.train=[7, 8]",
    "training.xgboost.num_boost_round=40",
    "training.baseline_max_iter=20",
    "evaluation.bootstrap_draws=20",
    "evaluation.gate={absolute: [{metric: roc_auc, at_least: 0.5}], champion: {margin: 0.2}, beats_baseline: false, slices: []}",
)
"""What is deployed here need not be good."""


def settings(*given: str) -> list[str]:
    return [part for setting in given for part in ("--set", setting)]


def two_models(root: Path, *more: str) -> Workspace:
    """A project with one model live and a deeper one approved; `more` is added to both commands."""
    made = workspace_at(root)
    first = made.run("run", "training", "--json", *more, *settings(*_QUICK))
    assert first.code == 0, first.err
    deeper = settings(*_QUICK, "training.xgboost.max_depth=7")
    second = made.run("run", "training", "--no-deploy", "--json", *more, *deeper)
    assert second.code == 0, second.err
    return made


@contextmanager
def traffic(workspace: Workspace, *, rate: int = 60) -> Iterator[dict[str, Any]]:
    """Requests in a process of their own; what it counted is in the dict after the block."""
    command = [sys.executable, "-c", "from sagelens.cli.main import main; main()", "traffic", "flights", REQUEST, "--json"]
    process = subprocess.Popen(
        [*command, "--rate", str(rate), "--seconds", "110"],
        cwd=workspace.root,
        env=workspace.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    counted: dict[str, Any] = {}
    try:
        yield counted
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    counted.update(json.loads(out))
