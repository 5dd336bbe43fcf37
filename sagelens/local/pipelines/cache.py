"""Earlier results of steps, by what went into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.local.pipelines.cache_key import Fingerprint, content_uris, fingerprint, input_uris, key_parts
from sagelens.local.pipelines.contents import Contents
from sagelens.local.pipelines.definition import Step
from sagelens.local.pipelines.explain import explain
from sagelens.local.pipelines.record import StepRecord
from sagelens.local.ports import ApiError, Call, Document, Resource
from sagelens.local.store import Store

__all__ = ["Hit", "Miss", "StepCache"]

_COMPARED = 5
_KIND = "PipelineStepResult"
_MODEL_PARTS = ("PrimaryContainer", "Containers", "InferenceExecutionConfig")


@dataclass(frozen=True)
class Hit:
    """The earlier result: `record` is that of the step which made it."""

    record: StepRecord
    execution_arn: str


@dataclass(frozen=True)
class Miss:
    """`made_of` is what to remember the new result by; None if an input is missing."""

    reason: str
    made_of: Fingerprint | None


class StepCache:
    """The newest successful result of each step for each key, for one pipeline by its name."""

    def __init__(self, store: Store, contents: Contents, call: Call, read: Callable[[str], bytes]) -> None:
        self._store = store
        self._contents = contents
        self._call = call
        self._read = read

    async def look_up(self, pipeline: str, step: Step, arguments: Mapping[str, Any], *, now: float) -> Hit | Miss:
        """Find an earlier result for a step with these resolved arguments, or say why there is none."""
        parts = await self._parts(step.type, arguments)
        digests = {uri: digest for uri in content_uris(parts) if (digest := await self._contents.digest(uri))}
        absent = [
            f"input {name} does not exist: {uri}" for name, uri in input_uris(step.type, parts).items() if uri not in digests
        ]
        if absent:
            return Miss("; ".join(absent), None)
        made_of = fingerprint(step.type, parts, digests)
        owner = _owner(pipeline, step)
        entry = self._store.get(_KIND, made_of.key, owner)
        if entry is None:
            return Miss(self._why(owner, made_of), made_of)
        unusable = self._unusable(entry, step, now)
        return Miss(unusable, made_of) if unusable else Hit(_record(entry, step), entry.body["execution_arn"])

    def remember(self, pipeline: str, step: Step, made_of: Fingerprint, record: StepRecord, execution_arn: str) -> None:
        """Keep a result that has just been made; it takes the place of an older one with the same key."""
        owner, finished = _owner(pipeline, step), record.finished or record.started
        kept = [uri for uri in (*record.outputs.values(), record.evidence) if uri and self._contents.exists(uri)]
        body: Document = {
            "execution_arn": execution_arn,
            "made_of": made_of.to_dict(),
            "outputs": kept,
            "finished": finished,
            "record": record.to_body(),
        }
        arn = f"step-result:{owner}/{made_of.key}"
        with self._store.transaction():
            if self._store.find(arn):
                self._store.update(arn, modified=finished, body=body, replace=True)
                return
            entry = Resource(
                kind=_KIND,
                arn=arn,
                name=made_of.key,
                parent=owner,
                status="Succeeded",
                created=finished,
                modified=finished,
                body=body,
            )
            self._store.insert(entry)

    async def _parts(self, step_type: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """A model's name changes with every execution, so a Transform is known by what its model consists of."""
        parts = key_parts(step_type, arguments)
        if "ModelName" in parts:
            try:
                model = await self._call("sagemaker.DescribeModel", {"ModelName": parts["ModelName"]})
            except ApiError:
                return parts
            parts["ModelName"] = {part: model[part] for part in _MODEL_PARTS if part in model}
        return parts

    def _why(self, owner: str, made_of: Fingerprint) -> str:
        """Against the nearest of the latest results: a run with other settings in between is not what the user has changed."""
        earlier = self._store.query(_KIND, parent=owner, order_by="modified", limit=_COMPARED)
        if not earlier:
            return "no earlier run"
        reasons = [explain(Fingerprint(**entry.body["made_of"]), made_of, self._read) for entry in earlier]
        return min(reasons, key=lambda reason: (reason.count(";"), len(reason)))

    def _unusable(self, entry: Resource, step: Step, now: float) -> str | None:
        age = now - entry.body["finished"]
        if step.expire_after is not None and age > step.expire_after:
            return f"expired: the earlier result is {_span(age)} old, ExpireAfter allows {_span(step.expire_after)}"
        gone = [uri for uri in entry.body["outputs"] if not self._contents.exists(uri)]
        return f"output gone: {gone[0]}" if gone else None


def _owner(pipeline: str, step: Step) -> str:
    return f"{pipeline}/{step.type}/{step.name}"


def _record(entry: Resource, step: Step) -> StepRecord:
    return StepRecord.of(Resource(kind=entry.kind, arn=entry.arn, name=step.name, status=entry.status, body=entry.body["record"]))


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
