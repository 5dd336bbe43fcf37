"""From sources through artifacts to the model package: what each was made from, and whether the digests agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagelens.evaluation.report.material import Material

__all__ = ["LineageView", "MadeView", "SourceView", "lineage_view"]


@dataclass(frozen=True, kw_only=True)
class SourceView:
    name: str
    uri: str
    origin: str
    licence: str
    classification: str
    owner: str
    digest: str
    rows: int | None
    columns: int


@dataclass(frozen=True, kw_only=True)
class MadeView:
    name: str
    kind: str
    digest: str
    rows: int | None
    bytes: int
    uri: str
    step: str
    used_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LineageView:
    """`agreeing` of `compared` inputs carry the digest that the step that made them wrote; `apart` names the others."""

    sources: tuple[SourceView, ...]
    made: tuple[MadeView, ...]
    compared: int
    apart: tuple[str, ...] = field(default=())

    @property
    def agreeing(self) -> int:
        return self.compared - len(self.apart)

    def __bool__(self) -> bool:
        return bool(self.sources or self.made)


def lineage_view(material: Material) -> LineageView:
    made: list[MadeView] = []
    compared, apart = 0, []
    for execution in material.executions:
        records = dict(execution.evidence_in_order())
        users: dict[str, list[tuple[str, str]]] = {}
        for step, evidence in records.items():
            for taken in evidence["inputs"]:
                users.setdefault(taken["name"], []).append((step, taken["digest"]))
        for step, evidence in records.items():
            for given in evidence["outputs"]:
                used = users.get(given["name"], [])
                compared += len(used)
                apart += [f"{given['name']}, taken by {user}" for user, digest in used if digest != given["digest"]]
                made.append(_made(given, step, tuple(user for user, _ in used)))
    return LineageView(sources=_sources(material), made=tuple(made), compared=compared, apart=tuple(apart))


def _made(given: Mapping[str, Any], step: str, used_by: tuple[str, ...]) -> MadeView:
    return MadeView(
        name=str(given["name"]),
        kind=str(given["kind"]),
        digest=str(given["digest"]),
        rows=given.get("rows"),
        bytes=int(given["bytes"]),
        uri=str(given.get("uri") or ""),
        step=step,
        used_by=used_by,
    )


def _sources(material: Material) -> tuple[SourceView, ...]:
    found = material.find("sources")
    if found is None or not isinstance(found["sources"], list):
        return ()
    return tuple(
        SourceView(
            name=str(source["name"]),
            uri=str(source["uri"]),
            origin=str(source.get("origin") or ""),
            licence=str(source["licence"]),
            classification=str(source["classification"]),
            owner=str(source.get("owner") or ""),
            digest=str(source["digest"]),
            rows=source.get("rows"),
            columns=len(source.get("columns") or ()),
        )
        for source in found["sources"]
    )
