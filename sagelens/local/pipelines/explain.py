"""Why a step could not take its result from the cache, in plain words: what differs, never two long texts to compare."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sagelens.local.pipelines.cache_key import Fingerprint
from sagelens.local.pipelines.contents import Content

__all__ = ["changed_output", "explain", "flatten", "nearest"]

Read = Callable[[str], bytes]

_SHOWN = 3
_LONGEST = 40
_AROUND = 12
"""Characters on either side of where two long texts differ."""


def nearest(earlier: Sequence[Fingerprint], new: Fingerprint, read: Read) -> str:
    """What differs from that one of the earlier fingerprints from which the least does."""
    if not earlier:
        return "no earlier run"
    found = [_reasons(old, new, read) for old in earlier]
    return _said(min(found, key=lambda reasons: (len(reasons), sum(map(len, reasons)))))


def explain(old: Fingerprint, new: Fingerprint, read: Read) -> str:
    """What differs between two fingerprints; `read` gives the bytes behind an s3:// URI."""
    return _said(_reasons(old, new, read))


def changed_output(uri: str, noted: Mapping[str, Any], found: Content) -> str:
    """Where an output is not what the step has made; `noted` is what the cache keeps of it."""
    if noted["digest"] is None:
        return f"output changed: {uri} was empty, and holds {_few(sorted(found.files))} now"
    what = _few(_files(noted["files"], found.files)) if noted["files"] else "it holds many files"
    return f"output changed: {uri}: {what}"


def _said(reasons: Sequence[str]) -> str:
    return "; ".join(reasons) or "its inputs are passed in another way"


def _reasons(old: Fingerprint, new: Fingerprint, read: Read) -> list[str]:
    inputs = list(_inputs(old, new, read))
    return [*inputs, *_arguments(old, new, told=inputs)]


def _inputs(old: Fingerprint, new: Fingerprint, read: Read) -> Iterator[str]:
    for name in sorted({*old.inputs, *new.inputs}, key=lambda n: (n != "code", n != "config", n)):
        before, after = old.inputs.get(name), new.inputs.get(name)
        if before is None or after is None:
            yield f"input {name} {'added' if before is None else 'removed'}"
        elif old.digests.get(before) != new.digests.get(after):
            yield _changed_input(name, (old, before), (new, after), read)


def _changed_input(name: str, before: tuple[Fingerprint, str], after: tuple[Fingerprint, str], read: Read) -> str:
    (old, old_uri), (new, new_uri) = before, after
    details = {"code": _code, "config": _config}.get(name)
    try:
        found = details(old_uri, new_uri, read) if details else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        found = ""  # a foreign pipeline's input of this name, or one that is gone
    subject = name if details else f"input {name}"
    found = found or _few(_files(old.files.get(old_uri, {}), new.files.get(new_uri, {})))
    return f"{subject} changed: {found}" if found else f"{subject} changed"


def _files(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The files that differ, with the beginnings of their digests; none where one of the two was not listed."""
    if not old or not new:
        return []
    changed = [f"{n} ({old[n][:8]} -> {new[n][:8]})" for n in sorted(old.keys() & new.keys()) if old[n] != new[n]]
    added = [f"{name} (added)" for name in sorted(new.keys() - old.keys())]
    return [*changed, *added, *(f"{name} (removed)" for name in sorted(old.keys() - new.keys()))]


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


def _arguments(old: Fingerprint, new: Fingerprint, *, told: Sequence[str]) -> Iterator[str]:
    """A setting that a job is given twice, in its config and as a hyperparameter, is told of once."""
    inputs = {"ProcessingInputs", "InputDataConfig", "TransformInput"}
    for part in sorted({*old.parts, *new.parts}):
        found = _differences(_contents(old, part), _contents(new, part))
        if part in inputs:  # names and contents were told of already
            found = [difference for difference in found if "S3Uri" not in difference] if _same_inputs(old, new) else []
        found = [difference for difference in found if not any(difference in reason for reason in told)]
        if found:
            yield f"{part} changed: {_few(found)}"


def _same_inputs(old: Fingerprint, new: Fingerprint) -> bool:
    return list(old.inputs) == list(new.inputs)


def _contents(made_of: Fingerprint, part: str) -> dict[str, Any]:
    """A part flattened, with the digest for each URI: a path that differs in name only is no difference."""
    flat = flatten(made_of.parts.get(part, {}))
    return {key: made_of.digests.get(value, value) if isinstance(value, str) else value for key, value in flat.items()}


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted keys, those of a list by their names where they have some; lists of plain values stay whole."""
    if isinstance(value, dict) and value:
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        items = list(zip(_names(value), value, strict=True))
    else:
        return {prefix: value}
    return {key: v for name, item in items for key, v in flatten(item, f"{prefix}.{name}" if prefix else name).items()}


def _names(items: list[Any]) -> list[str]:
    """What the items of a list are called: by their places one that is put in front would change all."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    told = [name for name in names if isinstance(name, str)]
    return told if len(set(told)) == len(items) else [str(place) for place in range(len(items))]


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    changed = [_difference(key, old[key], new[key]) for key in sorted(old.keys() & new.keys()) if not _same(old[key], new[key])]
    added = [f"{key} added ({_short(new[key])})" for key in sorted(new.keys() - old.keys())]
    return [*changed, *added, *(f"{key} removed" for key in sorted(old.keys() - new.keys()))]


def _same(old: Any, new: Any) -> bool:
    """Whether the two are one in JSON, where 1, 1.0 and true are three."""
    return old == new and json.dumps(old) == json.dumps(new)


def _difference(key: str, old: Any, new: Any) -> str:
    short = len(_text(old)) <= _LONGEST and len(_text(new)) <= _LONGEST
    if isinstance(old, list) and isinstance(new, list) and not (short and len(old) != len(new)):
        return f"{key}: {_items(old, new)}"
    if short:
        return f"{key} {_text(old)} -> {_text(new)}"
    before, after = _apart(_text(old), _text(new))
    return f"{key} {before} -> {after}"


def _items(old: list[Any], new: list[Any]) -> str:
    """Where two long lists differ."""
    if len(old) == len(new):
        places = [(n, *pair) for n, pair in enumerate(zip(old, new, strict=True)) if not _same(*pair)]
        if len(places) <= _SHOWN:
            return _few([f"[{n}] {' -> '.join(_apart(_text(a), _text(b)))}" for n, a, b in places])
    before, after = Counter(map(_text, old)), Counter(map(_text, new))
    found = [f"{_short(item)} added" for item in after - before] + [f"{_short(item)} removed" for item in before - after]
    return _few(found) if found else "the same in another order"


def _apart(old: str, new: str) -> tuple[str, str]:
    """Two texts, cut to where they differ if they are long."""
    if len(old) <= _LONGEST and len(new) <= _LONGEST:
        return old, new
    start = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(start - _AROUND, 0)
    return _window(old, start), _window(new, start)


def _window(text: str, start: int) -> str:
    end = start + _LONGEST - 2
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _few(found: list[str]) -> str:
    rest = len(found) - _SHOWN
    return ", ".join(found[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
