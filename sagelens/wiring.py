"""The one place that builds clients, and reads the environment for them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["PRIVACY", "Clients", "quiet", "warm_clients"]

PRIVACY = {
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(Path(__file__).with_name("sdk-defaults.yaml")),
}
"""Switches that keep the libraries we build on from reporting usage. `quiet` sets them unless the user did."""


def quiet() -> None:
    """Switch the telemetry of our dependencies off for this process and its children, unless the user decided otherwise."""
    for name, value in PRIVACY.items():
        os.environ.setdefault(name, value)


_CALLS: dict[str, dict[str, dict[str, Any]]] = {
    "sagemaker": {
        "describe_model_package": {"ModelPackageName": "nothing"},
        "list_model_packages": {"ModelPackageGroupName": "nothing"},
        "describe_endpoint": {"EndpointName": "nothing"},
    },
    "sagemaker-runtime": {"invoke_endpoint": {"EndpointName": "nothing", "Body": b""}},
    "s3": {"get_object": {"Bucket": "nothing", "Key": "nothing"}, "head_bucket": {"Bucket": "nothing"}},
    "cloudwatch": {"describe_alarms": {"AlarmNames": ["nothing"]}},
    "sts": {"get_caller_identity": {}},
}
_warm: dict[str, Any] = {}
_warm_for: dict[str, str] = {}


def warm_clients(services: Iterable[str]) -> None:
    """Make clients for the forks of this process, which use them while their AWS variables are what ours are now."""
    import boto3

    session = boto3.DEFAULT_SESSION or boto3.session.Session()
    _warm.update({service: session.client(service) for service in services})
    _warm_for.update(_aws_variables())
    for client in _warm.values():
        _exercise(client)


def _exercise(client: Any) -> None:
    """Ask once for something that is not there, so that rules, shapes, errors and pages are resolved, and hang up again."""
    from botocore.exceptions import BotoCoreError, ClientError

    for operation, request in _CALLS.get(client.meta.service_model.service_name, {}).items():
        client.can_paginate(operation)
        with contextlib.suppress(BotoCoreError, ClientError):
            getattr(client, operation)(**request)
    client.close()


def _aws_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


class Clients:
    """boto3 clients by service, made once each. Where they point is decided by AWS's own environment variables."""

    def __init__(self, region: str | None = None) -> None:
        self._region = region
        self._made: dict[str, Any] = {}

    @cached_property
    def session(self) -> Any:
        """boto3's default session where there is one: in a fork of a warm interpreter it holds service models parsed already."""
        import boto3

        return boto3.DEFAULT_SESSION or boto3.session.Session()

    def get(self, service: str) -> Any:
        """The client of a service by boto3's name (`sagemaker`, `s3`, …)."""
        if service not in self._made:
            self._made[service] = self._from_warm(service) or self.session.client(service, region_name=self._region)
        return self._made[service]

    def _from_warm(self, service: str) -> Any:
        client = _warm.get(service)
        if client is None or _aws_variables() != _warm_for or self._region not in {None, client.meta.region_name}:
            return None
        return client
