"""Requests to AWS's services made from botocore's models, right ones and such as are wrong in one way or several."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any
from urllib.parse import quote

from benchmarks.right_requests import EXECUTION, RIGHT
from sagelens.local.api.model import ServiceModel
from sagelens.local.api.patterns import pattern

__all__ = ["PROTOCOLS", "Made", "Maker"]

PROTOCOLS = {
    "sagemaker": ("json",),
    "logs": ("json",),
    "cloudwatch": ("json", "cbor", "query"),
    "sts": ("query",),
    "iam": ("query",),
    "sagemaker-runtime": ("rest",),
}
"""What each service speaks."""

_TARGETS = {"sagemaker": "SageMaker", "logs": "Logs_20140328", "cloudwatch": "GraniteServiceVersion20100801"}
_VERSIONS = {"sts": "2011-06-15", "iam": "2010-05-08", "cloudwatch": "2010-08-01"}
_DEEPEST = 5
_ARN = "arn:aws:sagemaker:us-east-1:000000000000"
_TEXTS = (
    *(f"thing-{number}" for number in range(4)),
    *(f"{_ARN}:{kind}/thing-1" for kind in ("model", "model-package-group", "endpoint", "training-job", "pipeline")),
    f"{_ARN}:model-package/thing-1/1",
    f"{_ARN}:pipeline/thing-1/execution/abcdefghijkl",
    "arn:aws:cloudwatch:us-east-1:000000000000:alarm:thing-1",
    "arn:aws:iam::000000000000:role/thing",
    "s3://thing-bucket/folder",
    "000000000000.dkr.ecr.us-east-1.amazonaws.com/thing:1",
    "https://thing.example/path",
    '{"Version":"2020-12-01","Steps":[]}',
    "/aws/sagemaker/ProcessingJobs",
    "/opt/ml/processing/input",
    "metric=([0-9.]+)",
    "m1 + 1",
    "ALARM(thing-1)",
    "Average",
    "p99.9",
    "0123456789ab",
    "a" * 64,
    "1",
)
_PROGRAM = re.compile("Entrypoint|ContainerArgument")
_WEIRD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**64), 10**30, 10**400, 0.1, -0.0, 1e308, 1e18, -1e18),
    *(float("nan"), float("inf"), float("-inf")),
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "a\udfff",
        "²",
        "٣",
        "ﬀ",
        "𝄞",
        "e\u0301",
        "\u202e",
        "\x1b[31m",
        "\r\nx: y",
        "%00",
        "%",
        "\\",
    ),
    *("NaN", "Infinity", "1e999", "1_0", " 7", "0x10", "9" * 5000, "true", "null", "[" * 5000, "{" * 200 + "}" * 200, '"'),
    *(
        "../../../etc/passwd",
        "/",
        ".",
        "..",
        "a" * 300,
        "a/" * 200,
        "x" * 100_000,
        "-" * 70,
        "s3://",
        "arn:",
        ":" * 50,
        "*",
        "(a+)+$",
    ),
    *(
        "(" * 200 + ")" * 200,
        "m1" + "+m1" * 600,
        "(" * 60 + "m1" + ")" * 60,
        "NOT " * 500 + "TRUE",
        "METRICS()",
        "SUM(METRICS())",
    ),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0000-00-00", "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z"),
    *(base64.b64encode(b"offset:" + b"9" * 50).decode(), base64.b64encode(b"offset:-1").decode(), "f/" + "9" * 40, "b/²", "f/"),
    *([], {}, [[]], [{}], {"": ""}, {"\ud800": 1}, ["x"] * 3000, {str(number): number for number in range(3000)}),
)


_PIECES = (
    "(",
    ")",
    "[",
    "]",
    "a",
    "A",
    "1",
    ".",
    "..",
    "/",
    "\\",
    "\0",
    "\ud800",
    "²",
    " ",
    "-",
    "+",
    "*",
    "'",
    '"',
    ",",
    "NOT ",
    "\n",
    "{",
    "%",
)


_ABSENT = object()


def _nested(depth: int, kind: str) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if kind == "list" else {"a": value}
    return value


@dataclass
class Made:
    """One request. `wrong` says what was done to it, so that a failure can be understood."""

    operation: str
    protocol: str
    method: str = "POST"
    path: str = "/"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    wrong: list[str] = field(default_factory=list)

    def written(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + self.body


class Maker:
    """Makes requests to one operation after the other; the same seed makes the same ones."""

    def __init__(self, models: dict[str, ServiceModel], authorization: str) -> None:
        self.operations: list[str] = []  # of all that SageMaker offers most; half of the requests are to the others
        self.execution = ""  # the ARN of one that was started
        self._models = models
        self._authorization = authorization
        self._texts: dict[tuple[str, str], list[str]] = {}

    def make(self, random: Random) -> Made:
        """Of ten requests one is right."""
        service, _, name = random.choice(self.operations if random.random() < 0.5 else self._rarer).partition(".")
        model, protocol = self._models[service], random.choice(PROTOCOLS[service])
        operation = model.operation(name)
        assert operation is not None
        document = self._right(f"{service}.{name}", random)
        if document is None:
            document = self._value(model, operation.input, random, 0) if operation.input else {}
        count = random.choice((0, 1, 1, 1, 1, 2, 2, 3, 5, 8))
        damages = sum(random.random() < 0.25 for _ in range(count))
        changed = [_change(document, random) for _ in range(count - damages)]
        made = self._written(model, name, protocol, document)
        made.wrong = [*changed, *(_damage(made, random) for _ in range(damages))]
        return made

    @cached_property
    def _rarer(self) -> list[str]:
        return [key for key in self.operations if not key.startswith("sagemaker.")]

    def right(self, key: str) -> Made:
        """The right request for an operation, in the first of its protocols."""
        service, _, name = key.partition(".")
        return self._written(self._models[service], name, PROTOCOLS[service][0], self._known(key))

    def incomplete(self) -> Iterator[Made]:
        """Every right request without one of its members, at any depth, and with an empty one in its place: what a model calls
        optional may be needed all the same."""
        for key in RIGHT:
            service, _, name = key.partition(".")
            for number in range(sum(1 for _ in _places(self._known(key)))):
                for empty in (_ABSENT, {}, [], ""):
                    document = self._known(key)
                    holder, member = list(_places(document))[number]
                    holder[member] = empty
                    if empty is _ABSENT:
                        del holder[member]
                    made = self._written(self._models[service], name, PROTOCOLS[service][0], document)
                    made.wrong = [f"without {member!r}" if empty is _ABSENT else f"{member!r} is {empty!r}"]
                    yield made

    def _known(self, key: str) -> dict[str, Any]:
        document = copy.deepcopy(RIGHT.get(key, {}))
        return {name: self.execution if value == EXECUTION else value for name, value in document.items()}

    def _right(self, key: str, random: Random) -> Any:
        """Three times of four the request that is known to be right, under a name of its own if it makes something; else None."""
        if key not in RIGHT or random.random() < 0.25:
            return None
        document = self._known(key)
        if key.startswith("sagemaker.Create") and random.random() < 0.5 and not key.endswith("Endpoint"):
            name = next(member for member in document if member.endswith("Name"))
            document[name] = f"fuzz-{random.randrange(10**6)}"
        return document

    def _value(self, model: ServiceModel, name: str, random: Random, depth: int) -> Any:  # noqa: PLR0911  one for each type
        shape = model.shapes[name]
        match shape["type"]:
            case "structure":
                return self._structure(model, shape, random, depth)
            case "list":
                count = _count(shape, random) if depth < _DEEPEST else shape.get("min", 0)
                return [self._value(model, shape["member"]["shape"], random, depth + 1) for _ in range(count)]
            case "map":
                keys = [self._text(model, shape["key"]["shape"], random) for _ in range(_count(shape, random))]
                return {key: self._value(model, shape["value"]["shape"], random, depth + 1) for key in keys}
            case "string" | "character":
                return "true" if _PROGRAM.search(name) else self._text(model, name, random)
            case "integer" | "long":
                least = int(shape.get("min", 0))
                return random.randint(least, min(int(shape.get("max", least + 100)), least + 100))
            case "float" | "double":
                return random.choice((0.0, 1.0, 0.5, -3.25, 1e6))
            case "boolean":
                return random.random() < 0.5
            case "timestamp":
                return random.choice((0, 1_700_000_000, 1_795_000_000.5))
        return random.choice((b"", b"1,2,3", b"\x00\xff"))

    def _structure(self, model: ServiceModel, shape: dict[str, Any], random: Random, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = shape.get("members", {})
        if shape.get("union"):
            chosen = [random.choice(list(members))]
        else:
            required = shape.get("required", ())
            chosen = [name for name in members if name in required or (depth < _DEEPEST and random.random() < 0.3)]
        return {name: self._value(model, members[name]["shape"], random, depth + 1) for name in chosen}

    def _text(self, model: ServiceModel, name: str, random: Random) -> str:
        key = (model.service, name)
        if key not in self._texts:
            shape = model.shapes[name]
            regex = pattern(shape["pattern"]) if "pattern" in shape else None
            fitting = [
                text
                for text in shape.get("enum", _TEXTS)
                if shape.get("min", 0) <= len(text) <= shape.get("max", len(text)) and (regex is None or regex.fullmatch(text))
            ]
            self._texts[key] = fitting or ["thing-1"]
        return random.choice(self._texts[key])

    def _written(self, model: ServiceModel, name: str, protocol: str, document: Any) -> Made:
        made = Made(operation=f"{model.service}.{name}", protocol=protocol)
        made.headers = {"host": "127.0.0.1", "authorization": self._authorization}
        match protocol:
            case "json":
                made.headers |= {
                    "content-type": "application/x-amz-json-1.1",
                    "x-amz-target": f"{_TARGETS[model.service]}.{name}",
                }
                made.body = json.dumps(document, default=_readable).encode()
            case "cbor":
                made.headers |= {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
                made.path = f"/service/{_TARGETS[model.service]}/operation/{name}"
                made.body = _cbor(document)
            case "query":
                made.headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8"
                fields = [("Action", name), ("Version", _VERSIONS[model.service]), *_flat("", document)]
                made.body = "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in fields).encode()
            case "rest":
                _rest(made, model, name, document)
        made.headers["content-length"] = str(len(made.body))
        return made


def _count(shape: dict[str, Any], random: Random) -> int:
    least = shape.get("min", 0)
    return min(random.randint(least, least + 2), shape.get("max", least + 2))


def _readable(value: Any) -> str:
    return base64.b64encode(value).decode()


def _quoted(value: str) -> str:
    return quote(value.encode("utf-8", "surrogatepass"), safe=".")


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """The fields of a form, as the Query protocol names them. What is nested too deep for a form is cut."""
    if isinstance(value, dict) and path.count(".") < 40:
        for key, item in value.items():
            yield from _flat(f"{path}.{key}" if path else key, item)
    elif isinstance(value, list) and path.count(".") < 40:
        for number, item in enumerate(value, start=1):
            yield from _flat(f"{path}.member.{number}", item)
    else:
        yield path, _readable(value) if isinstance(value, bytes) else str(value)[:6000] if _is_short(value) else "9" * 400


def _is_short(value: Any) -> bool:
    return not isinstance(value, int) or value.bit_length() < 10_000


def _rest(made: Made, model: ServiceModel, name: str, document: Any) -> None:
    operation = model.operation(name)
    assert operation is not None
    made.path, made.method = operation.path, operation.method
    given = document if isinstance(document, dict) else {}
    for member, shape in model.shapes[operation.input]["members"].items():
        value = given.get(member)
        if shape.get("location") == "uri":
            made.path = made.path.replace(f"{{{member}}}", _quoted(str(value)[:3000]))
        elif shape.get("location") == "header" and value is not None:
            made.headers[shape["locationName"].lower()] = str(value)[:3000] if _is_short(value) else "9" * 400
        elif model.shapes[operation.input].get("payload") == member:
            made.body = value if isinstance(value, bytes) else json.dumps(value, default=_readable).encode()


def _cbor(value: Any) -> bytes:  # noqa: PLR0911  one for each type
    """As `sagelens.local.api.cbor` writes it, but for what has no form there."""
    match value:
        case None | bool():
            return b"\xf6" if value is None else bytes([0xF4 + value])
        case int():
            number = value if value >= 0 else -1 - value
            return _head(0 if value >= 0 else 1, min(number, 2**64 - 1))
        case float():
            return b"\xfb" + struct.pack(">d", value)
        case str():
            raw = value.encode("utf-8", "surrogatepass")
            return _head(3, len(raw)) + raw
        case bytes():
            return _head(2, len(value)) + value
        case list():
            return _head(4, len(value)) + b"".join(map(_cbor, value))
    return _head(5, len(value)) + b"".join(_cbor(key) + _cbor(item) for key, item in value.items())


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    return bytes([major << 5 | 27]) + struct.pack(">Q", number)


def _change(document: Any, random: Random) -> str:  # noqa: PLR0911  one for each kind of change
    """Change one place of a document; what was done."""
    places = list(_places(document))
    if not places:
        document["Unknown"] = copy.deepcopy(random.choice(_WEIRD))
        return "with an unknown member"
    holder, key = random.choice(places)
    match random.choice(("weird", "weird", "weird", "text", "text", "remove", "add", "many", "deep", "swap")):
        case "remove":
            del holder[key]
            return f"without {key!r}"
        case "add" if isinstance(holder, dict):
            holder[random.choice(("Unknown", "", "\ud800", "x" * 3000, str(key).lower(), "Tags", "NextToken"))] = random.choice(
                _WEIRD
            )
            return "with another member"
        case "many":
            holder[key] = [holder[key]] * _times(holder[key], random)
            return f"many of {key!r}"
        case "deep":
            holder[key] = _nested(random.choice((3, 70, 300)), random.choice(("list", "map")))
            return f"{key!r} nested"
        case "text" if isinstance(holder[key], str):
            holder[key] = _rewritten(holder[key], random)
            return f"{key!r} rewritten"
        case "swap":
            other, name = random.choice(places)
            holder[key] = json.loads(json.dumps(other.get(name) if isinstance(other, dict) else None, default=_readable))
            return f"{key!r} as {name!r}"
    holder[key] = copy.deepcopy(random.choice(_WEIRD))
    return f"{key!r} weird"


def _times(value: Any, random: Random) -> int:
    """How often a value is given: a request stays below some megabytes."""
    if isinstance(value, (dict, list)):
        return 2
    return random.choice((60, 1200)) if not isinstance(value, str) or len(value) < 100 else 10


def _rewritten(text: str, random: Random) -> str:
    """A text with something else in it; one that is a document is changed as documents are."""
    inside = _document(text) if random.random() < 0.8 else None
    if inside:
        for _ in range(random.randint(1, 3)):
            _change(inside, random)
        return json.dumps(inside)
    at = random.randrange(len(text) + 1)
    end = random.choice((at, at + 1, len(text)))
    return text[:at] + random.choice(_PIECES) * random.choice((1, 1, 1, 400)) + text[end:]


def _document(text: str) -> Any:
    if text.startswith("{"):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return None


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key in a document."""
    held = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(held)[:50]:
        yield value, key
        if isinstance(item, (dict, list)) and len(item) < 50:
            yield from _places(item)


def _flipped(body: bytes, random: Random) -> bytes:
    changed = bytearray(body or b"x")
    for _ in range(random.randint(1, 8)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


_DAMAGES: dict[str, Callable[[Made, Random], None]] = {}


def _damage(made: Made, random: Random) -> str:
    """Damage the bytes or the head of a request; what was done."""
    name = random.choice(list(_DAMAGES))
    _DAMAGES[name](made, random)
    if name not in {"length", "chunked"} and "transfer-encoding" not in made.headers:
        made.headers["content-length"] = str(len(made.body))
    return name


def _damages(damage: Callable[[Made, Random], None]) -> Callable[[Made, Random], None]:
    _DAMAGES[damage.__name__.strip("_")] = damage
    return damage


@_damages
def _flip(made: Made, random: Random) -> None:
    made.body = _flipped(made.body, random)


@_damages
def _cut(made: Made, random: Random) -> None:
    made.body = made.body[: random.randrange(len(made.body) + 1)]


@_damages
def _insert(made: Made, random: Random) -> None:
    at = random.randrange(len(made.body) + 1)
    made.body = (
        made.body[:at] + random.choice((b"\x00", b"\xff" * 9, b"{", b"[" * 2000, b"&a=b", b"9" * 5000, b"\x9f")) + made.body[at:]
    )


@_damages
def _double(made: Made, random: Random) -> None:
    made.body *= random.choice((2, 3)) if len(made.body) < 1_000_000 else 1


@_damages
def _nothing(made: Made, random: Random) -> None:  # noqa: ARG001  every damage is called alike
    made.body = b""


@_damages
def _noise(made: Made, random: Random) -> None:
    made.body = random.randbytes(random.randint(1, 300))


@_damages
def _packed(made: Made, random: Random) -> None:
    packed = gzip.compress(made.body, mtime=0)
    made.body = random.choice((packed, packed[:-3], packed + b"x", made.body, _flipped(packed, random)))
    made.headers["content-encoding"] = random.choice(("gzip", "gzip", "GZIP", "br", "gzip, gzip", ""))


@_damages
def _length(made: Made, random: Random) -> None:
    made.headers["content-length"] = random.choice(("0", "1", str(len(made.body) + 5), "-1", "x", "9" * 30, "", "1, 2", "²"))


@_damages
def _chunked(made: Made, random: Random) -> None:
    made.headers.pop("content-length", None)
    made.headers["transfer-encoding"] = "chunked"
    size = random.choice((1, 7, 100_000))
    parts = [made.body[start : start + size] for start in range(0, len(made.body), size)][:2000]
    made.body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + random.choice(
        (b"0\r\n\r\n", b"0\r\n", b"zz\r\n")
    )


@_damages
def _kind(made: Made, random: Random) -> None:
    kinds = ("application/json", "application/cbor", "application/x-www-form-urlencoded", "text/xml", "", "x" * 5000, "\x01")
    made.headers["content-type"] = random.choice(kinds)


@_damages
def _target(made: Made, random: Random) -> None:
    targets = (
        "SageMaker.",
        ".",
        "",
        "SageMaker",
        "SageMaker.NoSuch",
        "Nobody.ListModels",
        "SageMaker." + "x" * 9000,
        "\xe9.\xe9",
    )
    made.headers["x-amz-target"] = random.choice(targets)


@_damages
def _path(made: Made, random: Random) -> None:
    paths = (
        "/" + "a" * 3000,
        "/%00",
        "/%ff%fe",
        "//",
        "*",
        "/endpoints//invocations",
        "/endpoints/%00/invocations",
        "/service/x/operation/y",
    )
    made.path = random.choice((*paths, "/?a=b", "/endpoints/" + "e" * 9000 + "/invocations", "/endpoints/a/invocations?x=%zz"))


@_damages
def _method(made: Made, random: Random) -> None:
    made.method = random.choice(("GET", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "CONNECT", "BREW", "post"))


@_damages
def _key(made: Made, random: Random) -> None:
    given = made.headers["authorization"]
    wrong = (
        "",
        given[:20],
        "Basic eDp5",
        given.replace("Credential=", "Credential=X"),
        "AWS4-HMAC-SHA256 " + "Credential=" * 3000,
    )
    made.headers["authorization"] = random.choice(wrong)


@_damages
def _header(made: Made, random: Random) -> None:
    name = random.choice(
        ("expect", "connection", "upgrade", "accept", "x-amzn-sagemaker-target-variant", "host", "smithy-protocol", "x")
    )
    values = ("100-continue", "upgrade", "close", "h2c", "", "\xff", "a" * 2000, "rpc-v2-cbor", "NaN", "9" * 5000)
    made.headers[name] = random.choice(values)


@_damages
def _many_headers(made: Made, random: Random) -> None:
    made.headers |= {f"h{number}": "v" for number in range(random.choice((20, 200)))}
