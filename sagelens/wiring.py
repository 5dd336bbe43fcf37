"""The one place that builds clients, and reads the environment for them."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["PRIVACY", "Clients", "quiet"]

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


class Clients:
    """boto3 clients by service, made once each. Where they point is decided by AWS's own environment variables."""

    def __init__(self, region: str | None = None) -> None:
        self._region = region
        self._made: dict[str, Any] = {}

    @cached_property
    def session(self) -> Any:
        import boto3
        import botocore.session

        session = botocore.session.Session()
        warm = boto3.DEFAULT_SESSION
        if warm is not None:  # in a fork of a warm interpreter it holds service models that are parsed already
            session.register_component("data_loader", warm._session.get_component("data_loader"))  # noqa: SLF001
        return boto3.session.Session(region_name=self._region, botocore_session=session)

    def get(self, service: str) -> Any:
        """The client of a service by boto3's name (`sagemaker`, `s3`, …)."""
        if service not in self._made:
            self._made[service] = self.session.client(service)
        return self._made[service]
