"""Earlier results of steps, by what went into them. One is used again only while it is byte for byte what the step made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.local.pipelines.cache_key import (
    Fingerprint,
    content_uris,
    fingerprint,
    input_uris,
    key_parts,
    lasting_uris,
    listed,
)
from sagelens.local.pipelines.contents import Content, Contents
from sagelens.local.pipelines.definition import Step
from sagelens.local.pipelines.explain import changed_output, nearest
from sagelens.local.pipelines.outputs import written_uris
from sagelens.local.pipelines.record import StepRecord
from sagelens.local.ports import STAMPS, ApiError, Call, Document, Resource
from sagelens.local.store import Store

__all__ = ["Hit", "Miss", "StepCache"]

_log = logging.getLogger(__name__)

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
        contents = {uri: found for uri in content_uris(parts) if (found := await self._contents.look(uri))}
        absent = [
            f"input {name} does not exist: {uri}" for name, uri in input_uris(step.type, parts).items() if uri not in contents
        ]
        if absent:
            return Miss("; ".join(absent), None)
        made_of = fingerprint(step.type, parts, contents)
        owner = _owner(pipeline, step)
        entry = self._store.get(_KIND, made_of.key, owner)
        if entry is None:
            return Miss(self._why(owner, made_of), made_of)
        unusable = _expired(entry, step, now) or await self._changed(entry)
        return Miss(unusable, made_of) if unusable else Hit(_record(entry, step), entry.body["execution_arn"])

    async def remember(self, pipeline: str, step: Step, made_of: Fingerprint, record: StepRecord, execution_arn: str) -> None:
        """Keep a result that has just been made; it takes the place of an older one with the same key.

        It is not kept where its inputs are not any more what the step was started on, or its outputs what the step has
        written: then nobody can tell what has become of what.
        """
        outputs = await self._outputs(step, record)
        if outputs is None or await self._inputs_changed(step, made_of):
            return
        owner, finished = _owner(pipeline, step), record.finished or record.started
        body: Document = {
            "execution_arn": execution_arn,
            "made_of": made_of.to_dict(),
            "outputs": outputs,
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

    async def _outputs(self, step: Step, record: StepRecord) -> Document | None:
        """What lies under each URI that the step has written to; None if it is not what the step's job left there."""
        left = record.properties.get(STAMPS, {})
        outputs: Document = {}
        for uri in written_uris(step.type, record.properties):
            found = await self._contents.inside(uri)
            if uri in left and left[uri] != (found.stamp if found else ""):
                _log.info("Step '%s' is not remembered: %s changed as soon as it was written.", step.name, uri)
                return None
            outputs[uri] = _noted(found)
        return outputs

    async def _inputs_changed(self, step: Step, made_of: Fingerprint) -> bool:
        for uri in lasting_uris(step.type, made_of.parts):
            digest = await self._contents.digest(uri)
            if digest != made_of.digests.get(uri):
                _log.info("Step '%s' is not remembered: %s changed while it ran.", step.name, uri)
                return True
        return False

    async def _changed(self, entry: Resource) -> str | None:
        """Why the outputs of an earlier result are not what the step made, if they are not."""
        recorded = entry.body["outputs"]
        if not isinstance(recorded, dict):
            return "what the earlier run wrote was not recorded: it was made by an older sagelens"
        for uri, noted in recorded.items():
            found = await self._contents.inside(uri)
            if (found and found.digest) == noted["digest"]:
                continue
            return f"output gone: {uri}" if found is None else changed_output(uri, noted, found)
        return None

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
        return nearest([Fingerprint.of(entry.body["made_of"]) for entry in earlier], made_of, self._read)


def _noted(found: Content | None) -> Document:
    """What is kept of an output: its digest, null where there is nothing, and its files if they are few."""
    return {"digest": None, "files": {}} if found is None else {"digest": found.digest, "files": listed(found)}


def _expired(entry: Resource, step: Step, now: float) -> str | None:
    age = now - entry.body["finished"]
    if step.expire_after is None or age <= step.expire_after:
        return None
    return f"expired: the earlier result is {_span(age)} old, ExpireAfter allows {_span(step.expire_after)}"


def _owner(pipeline: str, step: Step) -> str:
    return f"{pipeline}/{step.type}/{step.name}"


def _record(entry: Resource, step: Step) -> StepRecord:
    return StepRecord.of(Resource(kind=entry.kind, arn=entry.arn, name=step.name, status=entry.status, body=entry.body["record"]))


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
