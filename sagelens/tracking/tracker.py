"""Projects an execution's document and its steps' evidence into MLflow: one parent run, one child run a step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sagelens.tracking.client import (
    batches,
    connect,
    experiment_id,
    key_of,
    milliseconds,
    no_answer,
    parameters,
    refusals,
    value_of,
)
from sagelens.tracking.datasets import dataset_inputs
from sagelens.tracking.model import log_model, pointer_of
from sagelens.tracking.step import ENDED, RUN_STATUS, no_numbers, numbers, step_curves, step_metrics, step_tags

__all__ = ["Tracked", "Tracker"]

ReadJson = Callable[[str], Any]
ReadFiles = Callable[[str], Path]

_ARN = "sagelens.execution_arn"
_STEP = "sagelens.step"
_KEPT = 64
_MOST_POINTS = 500  # MLflow takes 1,000 metrics at once


@dataclass(frozen=True)
class Tracked:
    """Where an execution is found in MLflow: `steps` maps a step's name to its run, `problems` a step's name to what of it MLflow
    did not take."""

    uri: str
    experiment: str
    run_id: str
    steps: dict[str, str]
    problems: dict[str, str] = field(default_factory=dict)


@dataclass
class _Run:
    """A run, with what MLflow holds of it. Its end is written last, so a run that was cut off is completed."""

    id: str
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"
    ended: int | None = None


@dataclass
class _Execution:
    """`figures` and `facts` are those of the steps that are still to be written to the parent."""

    parent: _Run
    steps: dict[str, _Run]
    figures: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


class Tracker:
    """`artifacts` is a URI below which a new experiment keeps its files; without it the server decides.

    `record` may be called again and again with newer documents: it writes what is new. It raises what MLflow raises only where a
    server gives no answer, and completes the runs when it is called again.
    """

    def __init__(self, uri: str, experiment: str, artifacts: str | None = None) -> None:
        self.uri = uri
        self.experiment = experiment
        self._client = connect(uri)
        self._trouble = (refusals(), OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
        self._experiment_id = experiment_id(self._client, experiment, artifacts)
        self._executions: dict[str, _Execution] = {}

    def record(self, document: Mapping[str, Any], read_json: ReadJson, read_files: ReadFiles) -> Tracked:
        """Bring MLflow up to the document. `read_json` and `read_files` take the URI of an artifact."""
        execution = self._execution(document)
        for step in document["steps"]:
            try:
                self._record_step(document, execution, step, read_json, read_files)
            except self._trouble as error:  # the other steps are tracked all the same
                if no_answer(error):
                    raise
                self._give_up(execution, step, error)
        self._record_execution(document, execution)
        steps = {name: run.id for name, run in execution.steps.items()}
        return Tracked(self.uri, self.experiment, execution.parent.id, steps, dict(execution.problems))

    def _give_up(self, execution: _Execution, step: Mapping[str, Any], error: Exception) -> None:
        """Say in MLflow and to whoever reads the answer what is missing; no run is left as if it still ran."""
        said = value_of(str(error) if isinstance(error, _NotKept) else _described(error))
        execution.problems[step["name"]] = said
        run = execution.steps.get(step["name"])
        if run is not None and step["status"] in ENDED:
            self._write(run, _time_of(step), tags={"sagelens.tracking_problem": said})
            self._end(run, step)

    def _execution(self, document: Mapping[str, Any]) -> _Execution:
        arn = document["execution_arn"]
        found = self._executions.pop(arn, None) or self._found(arn) or self._started(document)
        self._executions[arn] = found
        if len(self._executions) > _KEPT:
            self._executions.pop(next(iter(self._executions)))
        return found

    def _found(self, arn: str) -> _Execution | None:
        """The runs that an earlier process made for this execution."""
        runs = self._client.search_runs([self._experiment_id], filter_string=f"tags.`{_ARN}` = '{arn}'", max_results=1000)
        known = [_known(run) for run in runs]
        parents = [run for run in known if _STEP not in run.tags]
        if not parents:
            return None
        steps = {run.tags[_STEP]: run for run in known if _STEP in run.tags}
        return _Execution(parents[-1], steps)

    def _started(self, document: Mapping[str, Any]) -> _Execution:
        tags = {
            _ARN: document["execution_arn"],
            "sagelens.pipeline": document["pipeline"],
            "sagelens.execution_id": document["execution_id"],
            "sagelens.target": document["target"],
            "mlflow.source.name": document["pipeline"],
            "mlflow.source.type": "JOB",
        }
        name = f"{document['pipeline']} {document['execution_id']}"
        return _Execution(self._create(name, document["started"], tags), {})

    def _create(self, name: str, started: float | None, tags: Mapping[str, str]) -> _Run:
        # `mlflow.user` is set here lest MLflow looks it up.
        given = {"mlflow.user": "sagelens", **tags}
        run = self._client.create_run(self._experiment_id, start_time=milliseconds(started), tags=given, run_name=name)
        return _Run(run.info.run_id, tags=dict(given))

    def _record_execution(self, document: Mapping[str, Any], execution: _Execution) -> None:
        """The execution has the figures of the whole, so that executions can be compared; those of slices stay with the step."""
        tags = {"sagelens.status": document["status"], **execution.facts}
        if execution.problems:
            tags["sagelens.tracking_problem"] = value_of("; ".join(f"{n}: {p}" for n, p in execution.problems.items()))
        if document.get("failure_reason"):
            tags["sagelens.failure"] = value_of(document["failure_reason"])
        at = document["finished"] or document["started"]
        self._write(execution.parent, at, params=parameters(document["parameters"]), metrics=execution.figures, tags=tags)
        self._end(execution.parent, document)

    def _record_step(
        self,
        document: Mapping[str, Any],
        execution: _Execution,
        step: Mapping[str, Any],
        read_json: ReadJson,
        read_files: ReadFiles,
    ) -> None:
        if step.get("started") is None:
            return
        ended = step["status"] in ENDED
        run = execution.steps.get(step["name"])
        if run is not None and (not ended or (run.status, run.ended) == _end_of(step)):
            return
        evidence = _evidence(step, read_json) if ended else {}
        cached = step["cache"] == "hit"
        tags = step_tags(step, {} if cached else evidence) if ended else {}
        if run is None:
            run = execution.steps[step["name"]] = self._create_step(document, execution.parent, step, tags)
        if not ended:
            return
        execution.figures |= numbers({name: v for name, v in evidence.get("metrics", {}).items() if "/" not in name})
        execution.facts |= {f"sagelens.{n}": value_of(v) for n, v in evidence.get("facts", {}).items() if n.endswith("_arn")}
        if cached:
            self._write(run, _time_of(step), tags=tags)
        else:
            self._write_whole(run, step, evidence, tags, read_files)
        self._end(run, step)

    def _create_step(self, document: Mapping[str, Any], parent: _Run, step: Mapping[str, Any], tags: Mapping[str, str]) -> _Run:
        own = {
            _ARN: document["execution_arn"],
            _STEP: step["name"],
            "sagelens.pipeline": document["pipeline"],
            "mlflow.parentRunId": parent.id,
        }
        return self._create(step["name"], step["started"], {**tags, **own})

    def _write_whole(
        self,
        run: _Run,
        step: Mapping[str, Any],
        evidence: Mapping[str, Any],
        tags: Mapping[str, str],
        read_files: ReadFiles,
    ) -> None:
        """All of a step's parts, whatever becomes of one of them. Raises _NotKept, which names those that are not kept."""
        at = _time_of(step)
        self._in_parts(
            lambda: self._write(run, at, metrics=step_metrics(step, evidence)),
            lambda: self._write(run, at, params=parameters(evidence.get("parameters", {}))),
            lambda: self._write(run, at, tags=tags),
            lambda: self._write_curves(run, step, evidence),
            lambda: self._write_datasets(run, step, evidence),
            *self._files(run, step, evidence, read_files),
            lambda: self._write_model(run, evidence, read_files),
            lambda: _refuse_others(evidence),
        )

    def _in_parts(self, *parts: Callable[[], None]) -> None:
        """Each part, though another fails. A server that gives no answer is not asked again: MLflow tried for minutes."""
        problems = []
        for part in parts:
            try:
                part()
            except self._trouble as error:
                if no_answer(error):
                    raise
                problems.append(_described(error))
        if problems:
            raise _NotKept("; ".join(problems))

    def _write_datasets(self, run: _Run, step: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
        if datasets := dataset_inputs(evidence, step["outputs"]):
            self._client.log_inputs(run.id, datasets=datasets)

    def _write_model(self, run: _Run, evidence: Mapping[str, Any], read_files: ReadFiles) -> None:
        pointer = pointer_of(evidence)
        if pointer is not None:
            log_model(self._client, pointer, experiment=self._experiment_id, run_id=run.id, read_files=read_files)

    def _write_curves(self, run: _Run, step: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
        """A metric with a value for each round. Of a curve that was cut off the rounds that are missing are added."""
        from mlflow.entities import Metric

        now = milliseconds(_time_of(step))
        for name, values in step_curves(step, evidence).items():
            known = {point.step for point in self._client.get_metric_history(run.id, name)} if name in run.metrics else set()
            missing = (Metric(name, value, now, number) for number, value in values.items() if number not in known)
            for batch in batches(missing, _MOST_POINTS):
                self._client.log_batch(run.id, metrics=batch)

    def _files(
        self, run: _Run, step: Mapping[str, Any], evidence: Mapping[str, Any], read_files: ReadFiles
    ) -> Iterator[Callable[[], None]]:
        """What writes each file or folder of files."""
        for record in evidence.get("outputs", ()):
            yield partial(self._write_figures, run, step, record, read_files)
        for verdict in evidence.get("verdicts", ()):
            yield partial(self._write_verdict, run, verdict)

    def _write_figures(self, run: _Run, step: Mapping[str, Any], record: Mapping[str, Any], read_files: ReadFiles) -> None:
        """An output's folder of drawings; nothing for an output of another kind."""
        uri = record.get("uri") or step["outputs"].get(record["name"])
        if record["kind"] != "figures" or not uri:
            return
        folder = read_files(uri)
        if not folder.is_dir():
            raise OSError(f"{uri} is not there any more")
        self._client.log_artifacts(run.id, str(folder), record["name"])

    def _write_verdict(self, run: _Run, verdict: Mapping[str, Any]) -> None:
        self._client.log_text(run.id, json.dumps(verdict, indent=1), f"verdicts/{key_of(verdict['gate'])}.json")

    def _write(
        self,
        run: _Run,
        at: float,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Send what the run does not hold yet. A parameter, once written, stays as it is: MLflow allows no other."""
        from mlflow.entities import Metric, Param, RunTag

        now = milliseconds(at)
        fresh = {name: value for name, value in (params or {}).items() if name not in run.params}
        figures = {name: value for name, value in (metrics or {}).items() if run.metrics.get(name) != value}
        marks = {name: value for name, value in (tags or {}).items() if run.tags.get(name) != value}
        wanted_params = batches((Param(name, value) for name, value in fresh.items()), 100)
        wanted_tags = batches((RunTag(name, value) for name, value in marks.items()), 100)
        for batch in batches((Metric(name, value, now, 0) for name, value in figures.items()), 500):
            self._client.log_batch(run.id, metrics=batch, params=next(wanted_params, ()), tags=next(wanted_tags, ()))
        for some in wanted_params:
            self._client.log_batch(run.id, params=some, tags=next(wanted_tags, ()))
        for some in wanted_tags:
            self._client.log_batch(run.id, tags=some)
        run.params |= fresh
        run.metrics |= figures
        run.tags |= marks

    def _end(self, run: _Run, ended: Mapping[str, Any]) -> None:
        status, at = _end_of(ended)
        if (run.status, run.ended) == (status, at):
            return
        if status == "RUNNING":
            self._client.update_run(run.id, status=status)
        else:
            self._client.set_terminated(run.id, status, at)
        run.status, run.ended = status, at


class _NotKept(ValueError):
    """Parts of a step that MLflow did not take; its text names them."""


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _refuse_others(evidence: Mapping[str, Any]) -> None:
    if others := no_numbers(evidence):
        raise ValueError(f"no number MLflow can keep: {', '.join(others)}")


def _time_of(step: Mapping[str, Any]) -> float:
    """When it ended; when it began, where nobody saw its end."""
    at: float = step["finished"] or step["started"]
    return at


def _end_of(ended: Mapping[str, Any]) -> tuple[str, int | None]:
    """Status and end, in MLflow's terms, of an execution or a step."""
    status = RUN_STATUS.get(ended["status"], "RUNNING")
    return status, None if status == "RUNNING" else milliseconds(_time_of(ended))


def _known(run: Any) -> _Run:
    """What MLflow says of a run."""
    info, data = run.info, run.data
    ended = None if info.status == "RUNNING" else info.end_time
    return _Run(info.run_id, dict(data.params), dict(data.metrics), dict(data.tags), info.status, ended)


def _evidence(step: Mapping[str, Any], read_json: ReadJson) -> Mapping[str, Any]:
    """The step's evidence; nothing where it left none: conditions, failed starts, steps of the SDK."""
    if not step.get("evidence"):
        return {}
    try:
        found: Mapping[str, Any] = read_json(step["evidence"])
    except (OSError, ValueError):
        return {}
    if not isinstance(found, Mapping):
        raise TypeError(f"{step['evidence']} holds no evidence but a {type(found).__name__}")
    return found
