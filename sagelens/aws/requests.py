"""Requests to AWS, noted as our clients make them and, where wanted, not sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from sagelens.aws.validation import faults, secrets_in, secrets_in_text
from sagelens.errors import BadConfig
from sagelens.wiring import Clients

__all__ = ["Digested", "DryClients", "Request", "check", "note"]

_OWN = "this command"
_READ = 1024 * 1024
_UPLOADS = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
_ABSENT = (400, {"Error": {"Code": "ResourceNotFound", "Message": "Nothing was asked."}})
_NOBODY = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}


@dataclass(frozen=True)
class Digested:
    """A body too large to keep."""

    size: int
    sha256: str

    @classmethod
    def of(cls, body: bytes) -> Digested:
        return cls(len(body), hashlib.sha256(body).hexdigest())


@dataclass(frozen=True)
class Request:
    """`service` is boto3's name of it. `sender` is who sends it; `step` is the pipeline's step that it is for."""

    service: str
    operation: str
    parameters: Mapping[str, Any] = field(repr=False)
    sender: str = _OWN
    step: str | None = None

    @property
    def size(self) -> int:
        """Of the body, in bytes."""
        body = self.parameters.get("Body", b"")
        return body.size if isinstance(body, Digested) else len(body)

    def to_json(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "operation": self.operation,
            "sender": self.sender,
            "step": self.step,
            "parameters": _shown(self.parameters),
        }


def check(request: Request) -> Request:
    """The request itself. Raises BadConfig when AWS would refuse it, or when it holds something like a secret."""
    subject = f"{request.operation}" + (f" for step '{request.step}'" if request.step else "")
    body = request.parameters.get("Body", b"")
    asked = request.parameters if isinstance(body, bytes) else {**request.parameters, "Body": b""}
    found = faults(request.service, request.operation, asked)
    if found:
        raise BadConfig(f"AWS would refuse {subject}: {'; '.join(found[:3])}. Correct the configuration of that environment.")
    secrets = list(secrets_in({name: value for name, value in request.parameters.items() if name != "Body"}))
    if isinstance(body, bytes) and len(body) <= _READ:
        secrets += [
            f"its body {request.parameters.get('Key', '')} holds {what}"
            for what in secrets_in_text(body.decode("utf-8", "ignore"))
        ]
    if secrets:
        raise BadConfig(
            f"{subject} would hold something like a secret: {secrets[0].lstrip('.')}. "
            "Remove it, and let the job read it from AWS Secrets Manager under its role."
        )
    return request


def note(client: Any, service: str, keep: Callable[[Request], None]) -> None:
    """Call `keep` with every request that this client makes from now on."""

    def kept(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        keep(Request(service, model.name, dict(params)))

    client.meta.events.register_first(f"provide-client-params.{client.meta.service_model.service_id.hyphenize()}", kept)


class DryClients(Clients):
    """Clients that note every request and send none: they answer as an account in which nothing of ours exists yet.

    They need no credentials and no network. `requests` are in order, uploads among them sorted by key.
    """

    def __init__(self, region: str | None, account: str) -> None:
        super().__init__(region)
        self._account = account
        self._noted: list[Request] = []

    def get(self, service: str) -> Any:
        if service not in self._made:
            client = self.session.client(service, region_name=self._region, **_NOBODY)
            note(client, service, self._keep)
            client.meta.events.register_first("before-call", self._answer)
            self._made[service] = client
        return self._made[service]

    def _keep(self, request: Request) -> None:
        body: Any = request.parameters.get("Body")
        if hasattr(body, "read"):
            digested = Digested.of(body.read())
            body.seek(0)
            request = replace(request, parameters={**request.parameters, "Body": digested})
        self._noted.append(request)

    @property
    def requests(self) -> list[Request]:
        """Several threads upload, so that the order in which they do means nothing."""
        ordered: list[Request] = []
        uploads: list[Request] = []
        for request in self._noted:
            if request.operation in _UPLOADS:
                uploads.append(request)
                continue
            ordered += sorted(uploads, key=_key)
            uploads = []
            ordered.append(request)
        return ordered + sorted(uploads, key=_key)

    def _answer(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        status, answer = self._answers().get(model.name) or (_ABSENT if model.name.startswith("Describe") else (200, {}))
        metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}}
        return SimpleNamespace(status_code=status, headers={}), {"ResponseMetadata": metadata, **answer}

    def _answers(self) -> dict[str, tuple[int, dict[str, Any]]]:
        who = {"Account": self._account, "Arn": f"arn:aws:iam::{self._account}:user/nobody", "UserId": "nobody"}
        return {
            "GetCallerIdentity": (200, who),
            "ListObjectsV2": (200, {"Contents": [{"Key": "unknown", "Size": 0, "ETag": "unknown"}], "IsTruncated": False}),
            "HeadObject": (404, {"Error": {"Code": "404", "Message": "Nothing was asked."}}),
            "CreateMultipartUpload": (200, {"UploadId": "upload"}),
            "UploadPart": (200, {"ETag": "etag"}),
            "StartPipelineExecution": (200, {"PipelineExecutionArn": "started"}),
            "CreatePipeline": (200, {"PipelineArn": "created"}),
            "ListPipelineExecutions": (200, {"PipelineExecutionSummaries": []}),
        }


def _key(request: Request) -> tuple[str, int, int]:
    return str(request.parameters.get("Key")), _UPLOADS.index(request.operation), request.parameters.get("PartNumber", 0)


def _shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A body as its size and digest."""
    return {name: asdict(_digested(value)) if name == "Body" else value for name, value in parameters.items()}


def _digested(body: bytes | Digested) -> Digested:
    return Digested.of(body) if isinstance(body, bytes) else body
