"""Answers laid out by the service model: members that the output shape lacks stay inside the service, None is left out."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

from sagelens.local.api.model import ServiceModel
from sagelens.local.api.scalars import isoformat
from sagelens.local.ports import Document

__all__ = ["Encoder", "escaped", "to_xml"]

Encode = Callable[[Any], Any]

_NOT_IN_XML = re.compile("[^\\t\\n\\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Encoder:
    """Gives the answers of one service as in-process callers see them, or (`wire`) as JSON carries them."""

    def __init__(self, model: ServiceModel, *, wire: bool) -> None:
        self._model = model
        self._blob = _base64 if wire else _same
        self._encoders: dict[str, Encode] = {}
        self._unfinished: dict[str, Encode] = {}
        self._building = threading.RLock()  # large answers are encoded in a thread

    def answer(self, shape: str, value: Document) -> Document:
        answer: Document = self._encoder(shape)(value) if shape else {}
        return answer

    def _encoder(self, name: str) -> Encode:
        encode = self._encoders.get(name)
        if encode is not None:
            return encode
        with self._building:
            encode = self._encoders.get(name) or self._unfinished.get(name)
            if encode is None:
                self._unfinished[name] = partial(self._later, name)
                encode = self._encoders[name] = self._build(name)
                del self._unfinished[name]
        return encode

    def _later(self, name: str, value: Any) -> Any:
        with self._building:
            encode = self._encoders[name]
        return encode(value)

    def _build(self, name: str) -> Encode:
        shape = self._model.shapes[name]
        match shape["type"]:
            case "structure":
                return self._structure(shape.get("members", {}))
            case "list":
                member = self._encoder(shape["member"]["shape"])
                return lambda value: [member(item) for item in value]
            case "map":
                member = self._encoder(shape["value"]["shape"])
                return lambda value: {key: member(item) for key, item in value.items()}
            case "blob":
                return self._blob
        return _same

    def _structure(self, members: dict[str, dict[str, Any]]) -> Encode:
        encoders: dict[str, Encode] = {}

        def encode(value: Document) -> Document:
            answer = {}
            for name, item in value.items():
                if item is None or name not in members:
                    continue
                if name not in encoders:
                    encoders[name] = self._encoder(members[name]["shape"])
                answer[name] = encoders[name](item)
            return answer

        return encode


def _same(value: Any) -> Any:
    return value


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def to_xml(model: ServiceModel, shape: str, value: Any) -> str:
    """The inside of an element of a Query answer. Members must be those of the shape (see Encoder)."""
    definition = model.shapes[shape]
    match definition["type"]:
        case "structure":
            members = definition.get("members", {})
            return "".join(
                f"<{tag}>{to_xml(model, members[name]['shape'], item)}</{tag}>"
                for name, item in value.items()
                for tag in (members[name].get("locationName", name),)
            )
        case "list":
            tag = definition["member"].get("locationName", "member")
            return "".join(f"<{tag}>{to_xml(model, definition['member']['shape'], item)}</{tag}>" for item in value)
        case "map":
            key, content = definition["key"]["shape"], definition["value"]["shape"]
            return "".join(
                f"<entry><key>{to_xml(model, key, k)}</key><value>{to_xml(model, content, v)}</value></entry>"
                for k, v in value.items()
            )
        case "timestamp":
            return isoformat(value)
        case "boolean":
            return "true" if value else "false"
    return escaped(str(value))


def escaped(text: str) -> str:
    """Text inside an element. What XML has no way to write becomes U+FFFD."""
    return escape(text if text.isprintable() else _NOT_IN_XML.sub("\ufffd", text), quote=False)
