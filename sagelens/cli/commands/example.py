"""`models show --example`: a request that the model is known to answer, and the commands that send it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from sagelens.cli.commands.models import find_package, model_uri
from sagelens.cli.names import endpoint_names
from sagelens.cli.objects import read_json_or_none
from sagelens.cli.offers import commands_to_try, try_command
from sagelens.cli.screen import command_lines, say, width_of
from sagelens.cli.target import Connection, connect
from sagelens.errors import NotFound
from sagelens.project import Target
from sagelens.text.hint import hint
from sagelens.values.s3 import split_uri

__all__ = ["example_of", "print_example"]

_EMPTY: Mapping[str, Any] = {"integer": 0, "number": 0.0, "boolean": False, "string": "", "array": [], "object": {}, "null": None}


def print_example(model: str, *, environment: str, as_json: bool) -> int:
    """Print a request, and how to send it; with `as_json` the request alone, for a pipe."""
    connection = connect(environment)
    package = connection.sagemaker.describe_model_package(ModelPackageName=find_package(connection, model))
    body = example_of(connection.s3, model_uri(package))
    if as_json:
        sys.stdout.write(json.dumps(body) + "\n")
        return 0
    sys.stdout.write(json.dumps(body, indent=1, ensure_ascii=False) + "\n")
    _print_commands(connection, str(package["ModelPackageVersion"]))
    return 0


def _print_commands(connection: Connection, version: str) -> None:
    place, endpoint = connection.project.environment, connection.project.deployment.endpoint
    if endpoint not in endpoint_names(connection):
        say(f"\nEndpoint '{endpoint}' does not exist yet; {hint('deploy', version)} makes it.")
    sys.stdout.write("\nTo try it:\n\n")
    local = place.target is Target.LOCAL
    commands = {"": try_command(version, endpoint), **commands_to_try(version, endpoint, region=place.region, local=local)}
    for how, command in commands.items():
        sys.stdout.write(f"\n# {how}\n" if how else "")
        for line in command.splitlines():  # not indented, since a program of several lines is pasted with what stands before them
            sys.stdout.writelines(f"{part}\n" for part in command_lines(line, width_of(sys.stdout), indent=""))


def example_of(s3: Any, uri: str) -> dict[str, Any]:
    """A request with one row: the first of the golden set that the model was packaged with, or of its sample; else one made from
    the schema. Raises NotFound where the model came without any of them."""
    folder = uri.rstrip("/")
    for name in ("golden", "sample"):
        line = _first_line(s3, f"{folder}/{name}.jsonl")
        if line is not None:
            return {"instances": [line["row"] if name == "golden" else line]}
    schema = read_json_or_none(s3, f"{folder}/schema.json")
    if not isinstance(schema, dict) or "properties" not in schema:
        raise NotFound(
            f"The model at {uri} has neither golden rows, sample rows nor a schema, so no request is known to be right."
        )
    return {"instances": [{name: _value(field) for name, field in schema["properties"].items()}]}


def _first_line(s3: Any, uri: str) -> Any:
    from botocore.exceptions import ClientError

    bucket, key = split_uri(uri)
    try:
        return json.loads(next(s3.get_object(Bucket=bucket, Key=key)["Body"].iter_lines(), b"null"))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise


def _value(field: Mapping[str, Any]) -> Any:
    """A value that a JSON Schema allows."""
    for key in ("default", "const"):
        if key in field:
            return field[key]
    for key in ("enum", "examples"):
        if field.get(key):
            return field[key][0]
    type_ = field.get("type", "null")
    least = field.get("minimum")
    return least if least is not None else _EMPTY[type_[0] if isinstance(type_, list) else type_]
