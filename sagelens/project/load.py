"""Reads `configs/` into a Project: the project's file, then the environment's, then `--set`, each over what came before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sagelens.errors import BadConfig, NotFound
from sagelens.project.document import parse_value, read_mapping
from sagelens.project.model import Project
from sagelens.values.suggestion import closest, suggestion

__all__ = ["find_root", "json_schema", "load_project", "read_suite"]

_DEFAULT_ENVIRONMENT = "local"


def find_root(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that holds `configs/` and `pipelines/`."""
    for folder in (start, *start.parents):
        if (folder / "configs").is_dir() and (folder / "pipelines").is_dir():
            return folder
    raise NotFound(
        f"No sagelens project in {start} or above it. A project's root holds configs/, pipelines/ and steps/; change to it."
    )


def load_project(root: Path, *, environment: str = _DEFAULT_ENVIRONMENT, settings: Iterable[str] = ()) -> Project:
    """The project below `root` for one environment; `settings` are texts like `training.xgboost.max_depth=4`.

    Raises BadConfig for a file that cannot be read, an unknown key, a value of the wrong type or outside its bounds: all of
    them in one message, each with its key and the file or flag that it came from.
    """
    main = _project_file(root)
    tree = read_mapping(main)
    origin: dict[str, str] = {}
    _note(origin, tree, f"configs/{main.name}")
    environment_file = _environment_file(root, environment)
    over = read_mapping(environment_file)
    label = f"configs/environments/{environment_file.name}"
    _note(origin, over, label)
    tree = _merged(tree, over)
    for setting in settings:
        tree = _merged(tree, _parse_setting(setting, origin))
    tree["root"] = root
    tree.setdefault("environment", {}).setdefault("name", environment)
    try:
        return Project.model_validate(tree)
    except ValidationError as error:
        raise BadConfig(_describe(error, origin, f"configs/{main.name}")) from error


def read_suite(root: Path, file: str) -> dict[str, Any]:
    """A Great Expectations suite below configs/quality/."""
    return read_mapping(root / "configs" / "quality" / file)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the project's file, for editors. Every key may also stand in an environment's file."""
    schema = Project.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "sagelens project"
    schema["required"] = [name for name in schema["required"] if name not in {"root", "environment"}]
    schema["properties"].pop("root", None)
    return schema


def _project_file(root: Path) -> Path:
    files = sorted((root / "configs").glob("*.yaml"))
    if len(files) == 1:
        return files[0]
    if not files:
        raise NotFound(f"No project file in {root / 'configs'}. Write one, configs/<project>.yaml.")
    names = ", ".join(file.name for file in files)
    raise BadConfig(f"configs/ holds {len(files)} project files ({names}); keep one there and move the others to a folder.")


def _environment_file(root: Path, environment: str) -> Path:
    folder = root / "configs" / "environments"
    file = folder / f"{environment}.yaml"
    if file.is_file():
        return file
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    raise NotFound(
        f"Environment '{environment}' is not known: there is no configs/environments/{environment}.yaml. "
        f"{suggestion(environment, known)} Pass one of them with --env."
    )


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _note(origin: dict[str, str], tree: Mapping[str, Any], label: str, prefix: str = "") -> None:
    """Remember for each dotted key which file it came from."""
    for key, value in tree.items():
        origin[f"{prefix}{key}"] = label
        if isinstance(value, dict):
            _note(origin, value, label, f"{prefix}{key}.")


def _parse_setting(setting: str, origin: dict[str, str]) -> dict[str, Any]:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise BadConfig(f"--set {setting} is not of the form dotted.key=value, such as training.xgboost.max_depth=4.")
    if f"--set {key}" in origin.values():
        raise BadConfig(f"--set {key} is given twice. Give it once, since it cannot be told which one is meant.")
    value = parse_value(text, f"--set {key}: the value")
    names = key.strip().split(".")
    origin[".".join(names)] = f"--set {key}"
    for name in reversed(names):
        value = {name: value}
    return dict(value)


def _describe(error: ValidationError, origin: Mapping[str, str], main: str) -> str:
    problems = [_problem(detail, origin, main) for detail in error.errors()]
    head = (
        "The project's configuration is wrong" if len(problems) == 1 else f"The configuration is wrong in {len(problems)} places"
    )
    return f"{head}: {'; '.join(problems)}."


def _problem(detail: Any, origin: Mapping[str, str], main: str) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    where = _origin_of(key, origin, main)
    kind = detail["type"]
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return f"{key} ({where}) is not a known key{_suggest(detail['loc'])}"
    if kind in {"missing", "missing_argument", "missing_keyword_only_argument"}:
        return f"{key} ({where}) is missing"
    if kind == "string_too_short" or (kind == "string_pattern_mismatch" and not str(detail.get("input", "")).strip()):
        return f"{key} ({where}) is empty; it must be filled in"
    if detail.get("input") is None:
        return f"{key} ({where}) is empty; it must be filled in"
    given = repr(detail.get("input"))
    return f"{key} ({where}): {detail['msg'].removeprefix('Value error, ')}; given {given[:80]}"


def _origin_of(key: str, origin: Mapping[str, str], main: str) -> str:
    while key:
        if key in origin:
            return origin[key]
        key = key.rpartition(".")[0]
    return main


def _suggest(location: tuple[int | str, ...]) -> str:
    """Close matches among the keys that the section knows."""
    model: Any = Project
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field is not None else None
    known = sorted(getattr(model, "model_fields", {}))
    if not known:
        return ""
    alike = closest(str(location[-1]), known)
    return f"; did you mean {alike}?" if alike else f"; known here: {', '.join(name for name in known if name != 'root')}"
