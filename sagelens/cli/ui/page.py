"""The page of runs: a table for each pipeline, a column for each figure. No script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from sagelens.cli.summary import HEADLINES
from sagelens.cli.ui.runs import TrackedRun

__all__ = ["error_page", "runs_page"]

_FIGURES = 12  # columns: what a wide screen holds
_COLOURS = {"Succeeded": "good", "Failed": "bad", "Stopped": "bad"}
_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1f24;background:#fff}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{color:#57606a;margin:.2rem 0}
.small{font-size:.85rem;font-weight:400;margin-left:.6rem}
.wide{overflow-x:auto}table{border-collapse:collapse}a{color:#0757b5}
th,td{padding:.3rem .8rem;border-bottom:1px solid #d8dee4;text-align:left;white-space:nowrap}
th{font-weight:600;color:#57606a}.n{text-align:right;font-variant-numeric:tabular-nums}
.good{color:#116329}.bad{color:#b3261e}tr:hover td{background:#f6f8fa}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}p,th{color:#9198a1}a{color:#6cb0ff}
th,td{border-color:#30363d}tr:hover td{background:#161b22}.good{color:#56d364}.bad{color:#ff8a80}}
"""


def runs_page(project: str, runs: Sequence[TrackedRun], *, mlflow: str, reports: Collection[str]) -> str:
    """`mlflow` is the address of MLflow's pages; `reports` are the ids of the executions that have a report."""
    body = "".join(_section(pipeline, list(found), mlflow, reports) for pipeline, found in _by_pipeline(runs))
    said = "" if runs else "<p>Nothing is tracked yet. Run a pipeline, such as <code>sagelens run training</code>.</p>"
    there = escape(f"{mlflow}/#/experiments")
    links = f'<p>Newest first. <a href="{there}">MLflow</a> has the steps, parameters, curves and artifacts of each.</p>'
    return _page(project, f"{links}{said}{body}")


def error_page(project: str, message: str) -> str:
    """What is shown where MLflow does not answer."""
    return _page(project, f'<p class="bad">{escape(message)}</p>')


def _page(project: str, body: str) -> str:
    title = f"Runs of {escape(project)}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>'


def _by_pipeline(runs: Sequence[TrackedRun]) -> Iterator[tuple[str, list[TrackedRun]]]:
    """Pipelines with figures first, then by their newest runs."""
    names = list(dict.fromkeys(run.pipeline for run in runs))
    groups = [(name, [run for run in runs if run.pipeline == name]) for name in names]
    return iter(sorted(groups, key=lambda group: not _figures(group[1])))


def _figures(runs: Sequence[TrackedRun]) -> list[str]:
    """The names of figures: what a run's summary prints, then the others as they come."""
    known = dict.fromkeys(name for run in runs for name in run.metrics)
    ordered = [*(name for name in HEADLINES if name in known), *(name for name in known if name not in HEADLINES)]
    return ordered[:_FIGURES]


def _section(pipeline: str, runs: Sequence[TrackedRun], mlflow: str, reports: Collection[str]) -> str:
    figures = _figures(runs)
    heads = "".join(f'<th class="n">{escape(name)}</th>' for name in ("seconds", *figures))
    rows = "".join(_row(run, figures, mlflow, reports) for run in runs)
    head = f"<tr><th>run</th><th></th><th>status</th><th>started (UTC)</th>{heads}</tr>"
    address = escape(f"{mlflow}/#/experiments/{runs[0].experiment_id}/runs")
    title = f'<h2>{escape(pipeline)} <a class="small" href="{address}">in MLflow</a></h2>'
    return f'{title}<div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _row(run: TrackedRun, figures: Sequence[str], mlflow: str, reports: Collection[str]) -> str:
    address = f"{mlflow}/#/experiments/{run.experiment_id}/runs/{run.run_id}"
    seconds = "" if run.seconds is None else f"{run.seconds:.1f}"
    numbers = [seconds, *(f"{run.metrics[name]:.4g}" if name in run.metrics else "" for name in figures)]
    report = f'<a href="/reports/{escape(run.execution)}.html">report</a>' if run.execution in reports else ""
    cells = [
        f'<td><a href="{escape(address)}">{escape(run.execution)}</a></td>',
        f"<td>{report}</td>",
        f'<td class="{_COLOURS.get(run.status, "")}">{escape(run.status)}</td>',
        f"<td>{datetime.fromtimestamp(run.started, UTC):%Y-%m-%d %H:%M:%S}</td>",
        *(f'<td class="n">{number}</td>' for number in numbers),
    ]
    return f"<tr>{''.join(cells)}</tr>"
