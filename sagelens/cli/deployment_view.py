"""What a person sees of a deployment while it runs: a live picture on a terminal, a line for each event elsewhere.

On standard error, as all progress. With `--json` the events are JSON lines there.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from sagelens.cli.deployment_watch import Sight
from sagelens.cli.guard import unguarded
from sagelens.cli.renderables import Hanging, Name
from sagelens.cli.screen import width_of, wrap
from sagelens.deployment import Event, Outcome, Record
from sagelens.deployment.strategy import describe, strategy_of

__all__ = ["DeploymentView", "baking", "picture", "traffic_of"]

_BAR = 10
_BELOW = " " * 10  # where the further lines of an event begin
_EVENTS = 6
_SECONDS = re.compile(r"(\d+) ?s(?:econds?)?\b")
_STATES = {"OK": "[green]● OK[/]", "ALARM": "[bold red]● ALARM[/]"}
_OUTCOMES = {Outcome.LANDED: "green", Outcome.UNDER_WAY: "yellow", Outcome.INCONCLUSIVE: "yellow"}


class DeploymentView:
    """A context that shows every sight it is called with."""

    def __init__(self, *, as_json: bool = False, out: TextIO | None = None) -> None:
        from rich.console import Console

        self._out = out or sys.stderr
        self._console = Console(file=unguarded(self._out))
        self._as_json = as_json
        self._live: Any = None
        self._shown = 0
        self._picture = _Picture()

    @property
    def live(self) -> bool:
        return self._live is not None

    def __enter__(self) -> DeploymentView:
        if self._console.is_terminal and not self._as_json:
            from rich.live import Live

            self._live = Live(self._picture, console=self._console, refresh_per_second=8, transient=False)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, sight: Sight) -> None:
        if self._live is not None:
            self._picture.see(sight)
        elif sight.record is not None:
            self._tell(sight.record)

    def _tell(self, record: Record) -> None:
        for event in record.events[self._shown :]:
            said = {"endpoint_name": record.endpoint, **event.to_json()}
            lines = [json.dumps(said)] if self._as_json else _event_lines(event, record, width_of(self._out))
            self._out.writelines(f"{line}\n" for line in lines)
        self._shown = len(record.events)
        self._out.flush()


class _Picture:
    """The latest sight; drawn anew at every refresh, the clock running on meanwhile."""

    def __init__(self) -> None:
        self._sight: Sight | None = None
        self._seen = time.monotonic()

    def see(self, sight: Sight) -> None:
        self._sight, self._seen = sight, time.monotonic()

    def __rich__(self) -> Any:
        if self._sight is None:
            return "Waiting for the deployment to begin …"
        scale = _scale(self._sight.clock) if self._sight.under_way else 0.0
        return picture(self._sight, now=self._sight.now + scale * (time.monotonic() - self._seen))


def _scale(label: str) -> float:
    """How fast a clock runs; a driven one stands still until somebody moves it."""
    try:
        return float(label.removesuffix("x"))
    except ValueError:
        return 0.0


def _event_lines(event: Event, record: Record, width: int | None) -> list[str]:
    return [line.rstrip() for line in wrap(event.message, width, first=_event_head(event, record), rest=_BELOW)]


def _event_head(event: Event, record: Record) -> str:
    share = f"{event.numbers['traffic_share']:.0%} new" if "traffic_share" in event.numbers else ""
    return f"{_elapsed(event.time - record.started):>8}  {event.phase:<12} {share:>8}  "


def picture(sight: Sight, *, now: float) -> Any:
    """The whole of it, as rich draws it; `now` is the time on the service's clock."""
    from rich.console import Group

    return Group(*_parts(sight, now))


def _parts(sight: Sight, now: float) -> Iterator[Any]:
    yield _headline(sight, now)
    record = sight.record
    if record is None:
        yield "  Waiting for the deployment to begin …"
        return
    yield _phase(sight, record, now)
    yield _fleets(sight, record)
    if sight.alarms:
        yield _alarms(sight, record)
    for event in record.events[-_EVENTS:]:
        yield Hanging(f"  {_event_head(event, record)}", event.message, "dim", indent=len(_BELOW))


def _headline(sight: Sight, now: float) -> Any:
    from rich.text import Text

    record = sight.record
    outcome = record.outcome if record is not None else Outcome.UNDER_WAY
    said = Text.assemble((sight.endpoint, "bold"), " · ", (str(outcome), _OUTCOMES.get(outcome, "red")))
    if record is not None:
        said.append(f" · {_elapsed((record.finished or now) - record.started)}")
        said.append("".join(f" · {describe(strategy_of(strategy))}" for strategy in record.strategy))
    said.append(f" · {datetime.fromtimestamp(now, UTC):%H:%M:%S} UTC", "dim")
    if sight.clock != "1x":
        said.append(f" · clock {sight.clock}", "magenta")
    return said


def _phase(sight: Sight, record: Record, now: float) -> Any:
    message = record.events[-1].message if record.events else ""
    left = baking(sight, now)
    if left is None:
        return Hanging("  ", f"{record.phase}: {message}")
    remaining, whole = left
    done = 1 - remaining / whole if whole else 1.0
    said = f"{record.phase}: baking {_bar(done, 16)} {_elapsed(remaining)} of {_elapsed(whole)} left"
    return Hanging("  ", said, "yellow")


def baking(sight: Sight, now: float) -> tuple[float, float] | None:
    """Seconds that the bake under way has left, and its length; None where nothing bakes, or its length is not said."""
    pending = sight.state.pending if sight.state is not None else ()
    for status in (status for variant in pending for status in variant.statuses):
        found = _SECONDS.search(status.message)
        if status.status == "Baking" and found and status.started:
            began = datetime.fromisoformat(status.started).timestamp()
            return max(began + int(found[1]) - now, 0.0), float(found[1])
    return None


def traffic_of(record: Record) -> float | None:
    """The new model's share of the traffic as last told, or as it came out; None where it was not told."""
    if record.finished is not None and record.serves in {record.config, record.previous_config}:
        return float(record.serves == record.config)
    told = (event.numbers["traffic_share"] for event in reversed(record.events) if "traffic_share" in event.numbers)
    return next(told, None)


def _fleets(sight: Sight, record: Record) -> Any:
    """Narrow enough for 80 columns. `size` is in instances; configs are shown without the endpoint that they are named after."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("  fleet", "config", "size", "traffic", "req/min", "p50", "p99", "errors"):
        numeric = heading in {"size", "req/min", "p50", "p99", "errors"}
        table.add_column(heading, justify="right" if numeric else "left", no_wrap=heading != "config")  # the one that gives way
    share = traffic_of(record)
    old, new = _instances(sight, record)
    rows = (("old", record.previous_config, old, None if share is None else 1 - share), ("new", record.config, new, share))
    for name, config, instances, part in rows:
        if config is None:
            continue
        bar = "" if part is None else f"{_bar(part, _BAR)} {part:>4.0%}"
        style = "green" if name == "new" else "blue"
        figures = _figures(sight.figures.get(name, {}))
        shown = Name(config.removeprefix(f"{sight.endpoint}-"))
        table.add_row(f"  [{style}]{name}[/]", shown, instances, f"[{style}]{bar}[/]", *figures)
    return table


def _instances(sight: Sight, record: Record) -> tuple[str, str]:
    """Of the old and the new fleet, started ones of those wanted."""
    state = sight.state
    if state is None:
        return "", ""
    serving = _counted(state.variants)
    if state.pending_config is not None:
        return serving, _counted(state.pending)
    return ("", serving) if state.config == record.config else (serving, "")


def _counted(variants: Any) -> str:
    running = sum(variant.instances or 0 for variant in variants)
    wanted = sum(variant.desired_instances or 0 for variant in variants)
    return f"{running}" if running == wanted or not wanted else f"{running}/{wanted}"


def _figures(figures: Mapping[str, float]) -> tuple[str, str, str, str]:
    requests = figures.get("Invocations", 0.0)
    latencies = (figures.get(f"ModelLatency {statistic}") for statistic in ("p50", "p99"))
    p50, p99 = ("" if value is None else f"{value / 1000:.1f} ms" for value in latencies)
    errors = f"{figures.get('Invocation5XXErrors', 0.0) / requests:.1%}" if requests else ""
    return f"{requests:,.0f}" if requests else "", p50, p99, errors


def _alarms(sight: Sight, record: Record) -> Any:
    from rich.markup import escape

    shown = (
        f"{escape(name.removeprefix(f'{record.config}-'))} {_STATES.get(state, '[dim]○ too little data[/]')}"
        for name, (state, _) in sight.alarms.items()
    )
    return "  alarms  " + "   ".join(shown)


def _bar(share: float, width: int) -> str:
    full = round(min(max(share, 0.0), 1.0) * width)
    return "█" * full + "░" * (width - full)


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
