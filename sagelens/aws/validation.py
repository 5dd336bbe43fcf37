"""Whether AWS would take a request: botocore's service model, and nothing secret in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

__all__ = ["faults", "model_of", "secrets_in", "secrets_in_text"]

_SECRET_TEXT = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    "a token of Slack": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "a password in an address": re.compile(r"[a-z][a-z0-9+]*://[^/\s:@\"']+:[^/\s:@\"']+@"),
}
_SECRET_NAME = re.compile(r"(?i)(passw(or)?d|secret|api_?key|private_?key|credential|access_?key|(?<!next)token)")
_HARMLESS = {"ClientRequestToken", "NextToken", "KmsKeyId", "VolumeKmsKeyId"}
_BEYOND_ASCII = r"\u0080-\U0010ffff"
_SIGNS = r"!-/:-@\[-`{-~" + _BEYOND_ASCII
_JAVA = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\p{Zs}": r"\s",
    r"\p{M}": _BEYOND_ASCII,
    r"\p{S}": _SIGNS,
    r"\p{P}": _SIGNS,
    r"\p{Alnum}": "a-zA-Z0-9",
}
"""Java's classes of characters in AWS's patterns, and what comes nearest in Python; where none does, rather more than less."""


@cache
def model_of(service: str) -> Any:
    """botocore's model of a service, read from its files."""
    import botocore.session

    return botocore.session.get_session().get_service_model(service)


def faults(service: str, operation: str, parameters: Mapping[str, Any]) -> list[str]:
    """What AWS would refuse about a request: fields, types, lengths, allowed values, patterns. Empty when it is well formed."""
    from botocore.validate import ParamValidator

    shape = model_of(service).operation_model(operation).input_shape
    report = ParamValidator().validate(dict(parameters), shape)
    if report.has_errors():
        return [str(report.generate_report())]
    return list(_deeper(parameters, shape, operation))


def _deeper(value: Any, shape: Any, where: str) -> Iterator[str]:
    """botocore itself checks no allowed values, patterns or greatest lengths."""
    match shape.type_name:
        case "structure":
            for name, item in value.items():
                yield from _deeper(item, shape.members[name], f"{where}.{name}")
        case "list":
            yield from _too_long(value, shape, where)
            for number, item in enumerate(value):
                yield from _deeper(item, shape.member, f"{where}[{number}]")
        case "map":
            yield from _too_long(value, shape, where)
            for key, item in value.items():
                yield from _deeper(key, shape.key, f"{where}[{key!r}]")
                yield from _deeper(item, shape.value, f"{where}[{key!r}]")
        case "string" if isinstance(value, str):
            yield from _string(value, shape, where)
        case "integer" | "long" | "float" | "double" if (most := shape.metadata.get("max")) is not None and value > most:
            yield f"{where} is {value}, and at most {most} is allowed"


def _too_long(value: Any, shape: Any, where: str) -> Iterator[str]:
    most = shape.metadata.get("max")
    if most is not None and len(value) > most:
        yield f"{where} is {len(value)} long, and at most {most} is allowed"


def _string(value: str, shape: Any, where: str) -> Iterator[str]:
    yield from _too_long(value, shape, where)
    if shape.enum and value not in shape.enum:
        yield f"{where} is {value!r}, which is none of the {len(shape.enum)} allowed values"
    wanted = _pattern(shape.metadata.get("pattern", ""))
    if wanted is not None and not wanted.fullmatch(value):
        yield f"{where} is {value[:80]!r}, which does not match {wanted.pattern}"


@cache
def _pattern(source: str) -> re.Pattern[str] | None:
    """None where there is no pattern, and for the few that Python cannot read."""
    for java, python in _JAVA.items():
        source = source.replace(java, python)
    try:
        return re.compile(source) if source else None
    except re.error:
        return None


def secrets_in(parameters: Any, where: str = "") -> Iterator[str]:
    """Where a request holds something like a secret, and what it looks like; never the secret itself."""
    if isinstance(parameters, Mapping):
        named = parameters.get("Key", parameters.get("Name"))
        for key, value in parameters.items():
            label = str(named) if key == "Value" and isinstance(named, str) else str(key)
            if isinstance(value, str) and value and label not in _HARMLESS and _SECRET_NAME.search(label):
                yield f"{where}.{label} has the name of a secret"
            yield from secrets_in(value, f"{where}.{key}")
    elif isinstance(parameters, list | tuple):
        for number, value in enumerate(parameters):
            yield from secrets_in(value, f"{where}[{number}]")
    elif isinstance(parameters, str | bytes):
        text = parameters.decode("utf-8", "ignore") if isinstance(parameters, bytes) else parameters
        yield from (f"{where} holds {what}" for what in secrets_in_text(text))


def secrets_in_text(text: str) -> list[str]:
    return [what for what, looks in _SECRET_TEXT.items() if looks.search(text)]
