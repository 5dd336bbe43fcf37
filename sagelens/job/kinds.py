"""Which kind of artifact an annotation stands for."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, Unpack, get_args, get_origin, get_type_hints

from sagelens.data import Table
from sagelens.errors import BadInput
from sagelens.values import ArtifactKind, Figures, Folder, Metrics, Verdict

__all__ = ["is_optional", "kind_of", "result_annotations"]

KINDS: dict[type, ArtifactKind] = {
    Table: ArtifactKind.TABLE,
    Folder: ArtifactKind.FOLDER,
    Metrics: ArtifactKind.METRICS,
    Figures: ArtifactKind.FIGURES,
    Verdict: ArtifactKind.VERDICT,
}


def kind_of(annotation: Any) -> ArtifactKind:
    """Anything that is not one of ours is JSON. `X | None` counts as X."""
    plain = _without_none(annotation)
    return KINDS.get(plain, ArtifactKind.JSON) if isinstance(plain, type) else ArtifactKind.JSON


def is_optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def result_annotations(function: str, annotation: Any, gives: tuple[str, ...]) -> tuple[Any, ...]:
    """The annotation of each given artifact, from that of the function's result."""
    if annotation is None:
        raise BadInput(
            f"{function} has no annotation for its result. Annotate it; the annotation chooses how each artifact is written."
        )
    if len(gives) == 0:
        return ()
    if len(gives) == 1:
        return (annotation,)
    parts = _parts(annotation)
    if len(parts) == 2 and parts[1] is Ellipsis:
        return (parts[0],) * len(gives)
    parts = _unpacked(parts, len(gives))
    if len(parts) != len(gives):
        raise BadInput(
            f"{function} gives {len(gives)} artifacts ({', '.join(gives)}), so its result must be annotated as a tuple of "
            f"{len(gives)}; it is {annotation}."
        )
    return parts


def _parts(annotation: Any) -> tuple[Any, ...]:
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        hints = get_type_hints(annotation, include_extras=True)
        return tuple(hints[name] for name in annotation._fields)
    return get_args(annotation) if get_origin(annotation) is tuple else ()


def _unpacked(parts: tuple[Any, ...], wanted: int) -> tuple[Any, ...]:
    """`tuple[*tuple[Table, ...], Record]` for as many tables as the pipeline wants."""
    found: list[Any] = []
    for part in parts:
        repeated = get_args(get_args(part)[0]) if get_origin(part) is Unpack else ()
        found += [repeated[0]] * (wanted - len(parts) + 1) if repeated else [part]
    return tuple(found)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if not is_optional(annotation):
        return annotation
    rest = [part for part in get_args(annotation) if part is not type(None)]
    return rest[0] if len(rest) == 1 else annotation
