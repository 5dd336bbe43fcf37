"""Notes every request that boto3 clients make, and holds them to botocore's model and to a reviewed list."""

from __future__ import annotations

from collections.abc import Collection
from types import TracebackType
from typing import Any

from sagelens.aws.requests import Request, check, note

__all__ = ["Recorder"]


class Recorder:
    """Watches single clients, or, as a context, every client that is made of boto3's default session meanwhile.

    `recorder = Recorder(); recorder.watch(client)`, then `recorder.verify(reviewed)`.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []

    @property
    def methods(self) -> set[str]:
        """The boto3 methods behind the requests."""
        from botocore import xform_name

        return {xform_name(request.operation) for request in self.requests}

    def watch(self, client: Any) -> None:
        note(client, client.meta.service_model.service_name, self.requests.append)

    def verify(self, reviewed: Collection[str]) -> None:
        """Raises BadConfig for a request that AWS would refuse or that holds a secret, AssertionError for one not reviewed."""
        for request in self.requests:
            check(request)
        unknown = self.methods - set(reviewed)
        if unknown:
            raise AssertionError(f"These requests are not on the reviewed list: {', '.join(sorted(unknown))}.")

    def __enter__(self) -> Recorder:
        import boto3

        boto3.setup_default_session()
        session = boto3.DEFAULT_SESSION
        session.events.register_first("provide-client-params", self._keep)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        import boto3

        boto3.DEFAULT_SESSION.events.unregister("provide-client-params", self._keep)

    def _keep(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.requests.append(Request(model.service_model.service_name, model.name, dict(params)))
