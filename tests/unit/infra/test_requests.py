"""The reviewed list of requests is what the sources say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import botocore.session
from botocore import xform_name

from infra.permissions.requests import CALLS

ROOT = Path(__file__).parents[3]
SERVICES = ("sagemaker", "sagemaker-runtime", "s3", "cloudwatch", "logs", "sts", "events", "ecr", "application-autoscaling")
TRANSFERS = {"upload_file", "download_file", "upload_fileobj", "download_fileobj"}
NOT_AWS = {("sagelens/tracking/client.py", "create_experiment")}  # MLflow's client has a method of that name
AMBIGUOUS = {"search"}  # SageMaker's Search is spelled like re's; nothing here asks SageMaker to search


def operations() -> set[str]:
    session = botocore.session.get_session()
    models = (session.get_service_model(service) for service in SERVICES)
    return {xform_name(name) for model in models for name in model.operation_names} - AMBIGUOUS | TRANSFERS


def sources() -> Iterator[Path]:
    for top in ("sagelens", "steps", "pipelines", "infra/functions"):
        yield from sorted((ROOT / top).rglob("*.py"))


def calls_in(text: str, known: set[str]) -> set[str]:
    """Methods of clients that are called or handed on, and the operations of paginators and waiters."""
    nodes = list(ast.walk(ast.parse(text)))
    direct = {node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr in known}
    paged = {
        str(node.args[0].value)
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"get_paginator", "get_waiter"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    return direct | paged


def test_every_request_of_the_sources_is_reviewed_and_none_is_listed_that_is_gone() -> None:
    known = operations()
    found = {
        (relative, method)
        for path in sources()
        if not (relative := path.relative_to(ROOT).as_posix()).startswith(("sagelens/local/", "sagelens/testing/"))
        for method in calls_in(path.read_text(), known)
    }

    assert found - NOT_AWS == {(call.module, call.method) for call in CALLS}


def test_a_paginator_a_reference_and_a_call_are_all_seen() -> None:
    text = "s3.get_paginator('list_objects_v2')\ncreate(sagemaker.create_model)\nlogs.get_log_events(a=1)"

    assert calls_in(text, operations()) == {"list_objects_v2", "create_model", "get_log_events"}


def test_what_no_role_does_says_why() -> None:
    assert [call for call in CALLS if bool(call.roles) == bool(call.why) or bool(call.roles) != bool(call.touches)] == []
