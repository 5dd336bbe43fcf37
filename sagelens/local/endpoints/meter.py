"""What CloudWatch gets of every request that an endpoint answers."""

from __future__ import annotations

from typing import Protocol

from sagelens.local.ports import Metrics

__all__ = ["NAMESPACE", "FleetMeter", "Meter", "metered"]

NAMESPACE = "AWS/SageMaker"

_UNANSWERED = 0
"""The status of a request that a model server did not answer."""


class Meter(Protocol):
    def took(self, status: int, model: float, overhead: float) -> None:
        """One request: the status of the model server's answer, 0 for none; seconds at the server, and besides."""
        ...


class FleetMeter:
    """Records each request for its variant, and once more for its variant and endpoint configuration.

    A server that gives no answer counts as an error of the model and as a 5XX, since that is what an alarm on a fleet watches.
    """

    def __init__(self, metrics: Metrics, endpoint: str, variant: str, config: str) -> None:
        both = {"EndpointName": endpoint, "VariantName": variant}
        self._dimensions = (both, {**both, "EndpointConfigName": config}) if config else (both,)
        self._record = metrics.record

    def took(self, status: int, model: float, overhead: float) -> None:
        record = self._record
        client = 1.0 if 400 <= status < 500 else 0.0
        server = 1.0 if status >= 500 or status == _UNANSWERED else 0.0
        failed = 0.0 if 200 <= status < 300 else 1.0
        model *= 1e6
        overhead *= 1e6
        for dimensions in self._dimensions:
            record(NAMESPACE, "Invocations", dimensions, 1.0)
            record(NAMESPACE, "ModelLatency", dimensions, model)
            record(NAMESPACE, "OverheadLatency", dimensions, overhead)
            record(NAMESPACE, "Invocation4XXErrors", dimensions, client)
            record(NAMESPACE, "Invocation5XXErrors", dimensions, server)
            record(NAMESPACE, "InvocationModelErrors", dimensions, failed)


class _Unmetered:
    def took(self, status: int, model: float, overhead: float) -> None:
        pass


def metered(metrics: Metrics | None, endpoint: str, variant: str, config: str) -> Meter:
    """A meter for one variant of one configuration; without metrics, one that forgets."""
    return _Unmetered() if metrics is None else FleetMeter(metrics, endpoint, variant, config)
