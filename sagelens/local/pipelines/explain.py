"""Why a step could not take its result from the cache, in plain words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sagelens.local.pipelines.cache_key import Fingerprint

__all__ = ["explain", "flatten"]

Read = Callable[[str], bytes]

_SHOWN = 3
_LONGEST = 40


def explain(old: Fingerprint, new: Fingerprint, read: Read) -> str:
    """What differs between two fingerprints; `read` gives the bytes behind an s3:// URI."""
    return "; ".join((*_inputs(old, new, read), *_arguments(old, new))) or "its inputs are passed in another way"


def _inputs(old: Fingerprint, new: Fingerprint, read: Read) -> Iterator[str]:
    for name in sorted({*old.inputs, *new.inputs}, key=lambda n: (n != "code", n != "config", n)):
        before, after = old.inputs.get(name), new.inputs.get(name)
        if before is None or after is None:
            yield f"input {name} {'added' if before is None else 'removed'}"
        elif old.digests.get(before) != new.digests.get(after):
            yield _changed_input(name, before, after, read)


def _changed_input(name: str, before: str, after: str, read: Read) -> str:
    details = {"code": _code, "config": _config}.get(name)
    try:
        found = details(before, after, read) if details else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        found = ""  # a foreign pipeline's input of this name, or one that is gone
    if not details:
        return f"input {name} changed"
    return f"{name} changed: {found}" if found else f"{name} changed"


def _document(uri: str, file: str, read: Read) -> Any:
    return json.loads(read(uri if uri.endswith(file) else f"{uri.rstrip('/')}/{file}"))


def _code(before: str, after: str, read: Read) -> str:
    old, new = (_document(uri, "sagelens-code.json", read)["files"] for uri in (before, after))
    changed = sorted(path for path in old.keys() & new.keys() if old[path] != new[path])
    added = [f"{path} (added)" for path in sorted(new.keys() - old.keys())]
    removed = [f"{path} (removed)" for path in sorted(old.keys() - new.keys())]
    return _few([*changed, *added, *removed])


def _config(before: str, after: str, read: Read) -> str:
    old, new = (_document(uri, "step.json", read) for uri in (before, after))
    before_sources, after_sources = old.get("sources", {}), new.get("sources", {})
    sources = [f"source {name}" for name in sorted({*before_sources, *after_sources}) if _data(old, name) != _data(new, name)]
    return _few([*sources, *_differences(_settings(old), _settings(new))])


def _data(step: Mapping[str, Any], source: str) -> object:
    return step.get("sources", {}).get(source, {}).get("digest")


def _settings(step: Mapping[str, Any]) -> dict[str, Any]:
    """step.json flattened, its params without their prefix: they are what people set. Digests of sources say nothing to them."""
    params, sources = step.get("params", {}), step.get("sources", {})
    rest = {key: value for key, value in step.items() if key not in {"params", "sources"}}
    declared = {name: source.get("source") for name, source in sources.items()}
    return {**flatten(rest), **flatten(declared, "sources"), **flatten(params)}


def _arguments(old: Fingerprint, new: Fingerprint) -> Iterator[str]:
    listed = {"ProcessingInputs", "InputDataConfig", "TransformInput"}
    for part in sorted(({*old.parts, *new.parts}) - listed):
        found = _differences(_contents(old, part), _contents(new, part))
        if found:
            yield f"{part} changed: {_few(found)}"


def _contents(made_of: Fingerprint, part: str) -> dict[str, Any]:
    """A part flattened, with the digest for each URI: a path that differs in name only is no difference."""
    flat = flatten(made_of.parts.get(part, {}))
    return {key: made_of.digests.get(value, value) if isinstance(value, str) else value for key, value in flat.items()}


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted keys; lists of plain values stay whole."""
    if isinstance(value, dict) and value:
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        return {prefix: value}
    return {key: v for name, item in items for key, v in flatten(item, f"{prefix}.{name}" if prefix else name).items()}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    changed = [
        f"{key} {_short(old[key])} -> {_short(new[key])}" for key in sorted(old.keys() & new.keys()) if old[key] != new[key]
    ]
    added = [f"{key} added ({_short(new[key])})" for key in sorted(new.keys() - old.keys())]
    return [*changed, *added, *(f"{key} removed" for key in sorted(old.keys() - new.keys()))]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _few(found: list[str]) -> str:
    rest = len(found) - _SHOWN
    return ", ".join(found[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
