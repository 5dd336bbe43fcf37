"""The one grammar of strategies and alarms: of `configs/`, of `--strategy KIND[:key=value,...]` and of a step's parameters.

Every function raises ValueError with a message that says what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagelens.values.guard import SAGEMAKER, Alarms, ExistingAlarm, Guard, MetricGuard
from sagelens.values.quantity import Size, seconds_of, share_of
from sagelens.values.strategy import AllAtOnce, Canary, Linear, Rolling, Shadow, Strategy, Weighted, is_trial
from sagelens.values.suggestion import closest

__all__ = ["alarms_of", "chain_of", "parse_strategy", "strategy_of", "strategy_schema"]

Read = Callable[[Any, str], Any]


def _whole_seconds(given: object, what: str) -> int:
    seconds = seconds_of(given, what)
    if not seconds.is_integer():
        raise ValueError(f"{what} is {given!r}; whole seconds are needed")
    return int(seconds)


def _margin(given: object, what: str) -> float:
    """A share that may exceed 100%."""
    text = str(given).strip()
    try:
        margin = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        margin = -1.0
    if isinstance(given, bool) or not 0 <= margin < float("inf"):
        raise ValueError(f'{what} is {given!r}; give a share such as "50%" or 0.5')
    return margin


_ROLLOUT: dict[str, Read] = {"timeout": _whole_seconds}
_BAKED: dict[str, Read] = {**_ROLLOUT, "termination_wait": _whole_seconds}
_STAGED: dict[str, Read] = {**_BAKED, "size": Size.of, "wait": _whole_seconds}
_KINDS: dict[str, tuple[Callable[..., Strategy], dict[str, Read], tuple[str, ...]]] = {
    "all-at-once": (AllAtOnce, _BAKED, ()),
    "canary": (Canary, _STAGED, ("size", "wait")),
    "linear": (Linear, _STAGED, ("size", "wait")),
    "rolling": (
        Rolling,
        {**_ROLLOUT, "size": Size.of, "wait": _whole_seconds, "rollback_size": Size.of},
        ("size", "wait"),
    ),
    "shadow": (
        Shadow,
        {
            "sampling": share_of,
            "duration": _whole_seconds,
            "error_margin": share_of,
            "latency_margin": _margin,
            "latency_floor": seconds_of,
        },
        (),
    ),
    "weighted": (Weighted, {"share": share_of, "duration": _whole_seconds}, ("share", "duration")),
}


def strategy_of(given: object) -> Strategy:
    """From a mapping with `kind`, or a text as on the command line."""
    if isinstance(given, AllAtOnce | Canary | Linear | Rolling | Shadow | Weighted):
        return given
    if isinstance(given, str):
        return parse_strategy(given)
    if not isinstance(given, Mapping) or "kind" not in given:
        raise ValueError(f"a strategy is a mapping with kind, one of {', '.join(_KINDS)}; given {given!r}")
    kind = str(given["kind"])
    if kind not in _KINDS:
        raise ValueError(f"strategy '{kind}' is not known{_close(kind, _KINDS)}; known: {', '.join(_KINDS)}")
    make, readers, needed = _KINDS[kind]
    fields = {name: value for name, value in given.items() if name != "kind"}
    _only_known(f"strategy {kind}", fields, readers)
    if absent := [name for name in needed if name not in fields]:
        raise ValueError(f"strategy {kind} needs {' and '.join(absent)}, as in {_example(kind)}")
    try:
        return make(**{name: readers[name](value, name) for name, value in fields.items()})
    except ValueError as error:
        raise ValueError(f"strategy {kind}: {error}") from error


def parse_strategy(text: str) -> Strategy:
    """From `canary:size=10%,wait=10m`."""
    kind, _, rest = text.strip().partition(":")
    fields: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not value.strip():
            raise ValueError(f"strategy '{text}': '{part}' is not key=value; write {_example(kind)}")
        if name.strip() in {*fields, "kind"}:
            raise ValueError(f"strategy '{text}': {name.strip()} is given twice")
        fields[name.strip()] = value.strip()
    return strategy_of({"kind": kind.strip(), **fields})


def chain_of(given: object) -> tuple[Strategy, ...]:
    """A chain: trials first (shadow, weighted), then one rollout; or trials that end with a weighted one, which stays."""
    parts = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    chain = tuple(strategy_of(part) for part in parts)
    if not chain:
        raise ValueError(f"strategy is empty; list at least one of {', '.join(_KINDS)}")
    rollouts = [place for place, strategy in enumerate(chain) if not is_trial(strategy)]
    if rollouts and len(chain) - rollouts[0] == 2 and chain[-1] == AllAtOnce():
        return chain[:-1]  # "and then everything": what a canary, linear or rolling rollout ends with anyway
    if rollouts and rollouts[0] != len(chain) - 1:
        first = chain[rollouts[0]].kind
        raise ValueError(
            f"{first} puts all traffic on the new model, so nothing but a plain all-at-once may follow it; put shadow and "
            f"weighted before it, and a last bake into its own termination_wait"
        )
    if chain[-1].kind == Shadow.kind:
        raise ValueError("shadow moves no traffic, so a chain cannot end with it; add canary, linear, rolling or all-at-once")
    return chain


def strategy_schema() -> dict[str, Any]:
    """The JSON Schema of a chain, for editors."""
    sizes: dict[str, Any] = {"type": ["string", "number"]}
    kinds = [
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["kind", *needed],
            "properties": {"kind": {"const": kind}, **dict.fromkeys(readers, sizes)},
        }
        for kind, (_, readers, needed) in _KINDS.items()
    ]
    one = {"anyOf": [{"type": "string", "pattern": f"^({'|'.join(_KINDS)})(:.*)?$"}, *kinds]}
    return {"description": "strategies, run one after the other", "anyOf": [{"type": "array", "minItems": 1, "items": one}, one]}


def alarms_of(given: object) -> Alarms:
    """From a list of guards, `{"waived": "why"}`, or `none`."""
    if isinstance(given, Alarms):
        return given
    if given == "none":
        return Alarms(waived="waived without a reason (alarms: none)")
    if isinstance(given, Mapping) and set(given) == {"waived"}:
        return Alarms(waived=str(given["waived"]).strip())
    if isinstance(given, Sequence) and not isinstance(given, str):
        return Alarms(guards=tuple(_guard_of(item) for item in given))
    raise ValueError(f'alarms are a list, or {{waived: "why"}}, or none; given {given!r}')


_COMMON = ("kind", "period", "evaluation_periods", "datapoints")
_FIELDS = {
    "errors": ("at_most", "metric"),
    "latency": ("at_most", "percentile", "metric"),
    "invocations": ("at_least",),
    "metric": ("name", "metric", "at_most", "at_least", "namespace", "statistic", "dimensions"),
    "alarm": ("name",),
}


def _guard_of(given: object) -> Guard:
    if not isinstance(given, Mapping) or "kind" not in given:
        raise ValueError(f"an alarm is a mapping with kind, one of {', '.join(_FIELDS)}; given {given!r}")
    kind = str(given["kind"])
    if kind not in _FIELDS:
        raise ValueError(f"alarm '{kind}' is not known{_close(kind, _FIELDS)}; known: {', '.join(_FIELDS)}")
    common = _COMMON if kind != "alarm" else ("kind",)
    _only_known(f"alarm {kind}", given, (*common, *_FIELDS[kind]))
    try:
        return _made(kind, given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"alarm {kind}: {error}") from error


def _made(kind: str, given: Mapping[str, Any]) -> Guard:
    if kind == "alarm":
        return ExistingAlarm(name=str(_needed(given, "name")))
    timing: dict[str, Any] = {
        "period": _whole_seconds(given.get("period", 60), "period"),
        "evaluation_periods": int(given.get("evaluation_periods", 2 if kind == "invocations" else 1)),
        "datapoints": int(given["datapoints"]) if given.get("datapoints") is not None else None,
    }
    match kind:
        case "errors":
            limit = _needed(given, "at_most")
            rate = "%" in str(limit)
            threshold = share_of(limit, "at_most") if rate else float(limit)
            metric = str(given.get("metric", "Invocation5XXErrors"))
            return MetricGuard(
                what="errors", metric=metric, threshold=threshold, statistic="Average" if rate else "Sum", **timing
            )
        case "latency":
            threshold = seconds_of(_needed(given, "at_most"), "at_most") * 1e6
            statistic = str(given.get("percentile", "p99"))
            metric = str(given.get("metric", "ModelLatency"))
            return MetricGuard(what="latency", metric=metric, threshold=threshold, statistic=statistic, **timing)
        case "invocations":
            lowest = float(_needed(given, "at_least"))
            return MetricGuard(what="invocations", metric="Invocations", threshold=lowest, above=False, statistic="Sum", **timing)
        case _:
            return _metric(given, timing)


def _metric(given: Mapping[str, Any], timing: Mapping[str, Any]) -> MetricGuard:
    if ("at_most" in given) == ("at_least" in given):
        raise ValueError("give exactly one of at_most and at_least")
    above = "at_most" in given
    return MetricGuard(
        what=str(_needed(given, "name")),
        metric=str(_needed(given, "metric")),
        threshold=float(given["at_most" if above else "at_least"]),
        above=above,
        statistic=str(given.get("statistic", "Average")),
        namespace=str(given.get("namespace", SAGEMAKER)),
        dimensions={str(name): str(value) for name, value in dict(given.get("dimensions", {})).items()},
        **timing,
    )


def _needed(given: Mapping[str, Any], name: str) -> Any:
    if given.get(name) is None:
        raise ValueError(f"{name} is missing")
    return given[name]


def _only_known(what: str, given: Mapping[str, Any], known: Any) -> None:
    for name in given:
        if name not in known:
            allowed = ", ".join(key for key in known if key != "kind")
            raise ValueError(f"{what} has no {name}{_close(name, known)}; it takes {allowed}")


def _close(word: str, known: Any) -> str:
    alike = closest(word, known)
    return f", did you mean {alike}?" if alike else ""


def _example(kind: str) -> str:
    return {
        "weighted": "weighted:share=10%,duration=30m",
        "shadow": "shadow:sampling=50%,duration=1h",
        "all-at-once": "all-at-once:termination_wait=5m",
    }.get(kind, f"{kind or 'canary'}:size=10%,wait=10m")
