"""InvokeEndpoint: the request as a model server gets it, and its answer as a client does."""

from __future__ import annotations

from sagelens.local.endpoints.http import Answer, head_of
from sagelens.local.endpoints.router import REQUEST_TIMEOUT, Routed
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["MAX_BODY", "answer_of", "broken", "head_for", "timed_out", "validation"]

MAX_BODY = 25 * 1024 * 1024
"""AWS's real-time limit today; botocore's model and older pages still say 6 MiB."""

_PASSED_ON = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}
_UNSUPPORTED = frozenset(
    ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "EnableExplanations", "PrefixAwareId")
)


def validation(message: str) -> ApiError:
    """sagemaker-runtime's own name for a bad request."""
    return ApiError("ValidationError", message)


def head_for(request: Request, body: bytes) -> bytes:
    """The head of the model's request; ValidationError for what this service cannot do."""
    for member, value in request.items():
        if member in _UNSUPPORTED and value:
            raise validation(
                f"{member} is not available on the local service: endpoints here serve one model a variant. Leave it out."
            )
    if len(body) > MAX_BODY:
        raise validation(f"The body has {len(body)} bytes; at most {MAX_BODY} are allowed. Use a transform job for more.")
    headers = [(_PASSED_ON[member], str(value)) for member, value in request.items() if value and member in _PASSED_ON]
    return head_of("POST", "/invocations", headers, len(body))


def answer_of(routed: Routed, *, endpoint: str, account: str, log_arn: str) -> Document:
    """The client's answer; ModelError for anything but success."""
    answer = routed.answer
    if not 200 <= answer.status < 300:
        raise _model_error(answer, endpoint=endpoint, account=account, log_arn=f"{log_arn}{routed.variant}/{routed.instance}")
    document: Document = {"Body": answer.body, "InvokedProductionVariant": routed.variant}
    for member, header in (
        ("ContentType", "content-type"),
        ("CustomAttributes", "x-amzn-sagemaker-custom-attributes"),
        ("NewSessionId", "x-amzn-sagemaker-new-session-id"),
        ("ClosedSessionId", "x-amzn-sagemaker-closed-session-id"),
    ):
        if header in answer.headers:
            document[member] = answer.headers[header]
    return document


def timed_out() -> ApiError:
    message = "Your invocation timed out while waiting for a response from container primary."
    return _unanswered(f"{message} It must answer within {REQUEST_TIMEOUT:g} seconds.")


def broken(error: Exception) -> ApiError:
    return _unanswered(f"No response from container primary: {error}.")


def _unanswered(message: str) -> ApiError:
    text = f'Received server error (0) from primary with message "{message}"'
    return ApiError("ModelError", text, 424, OriginalStatusCode=0, OriginalMessage=message)


def _model_error(answer: Answer, *, endpoint: str, account: str, log_arn: str) -> ApiError:
    side = "client" if 400 <= answer.status < 500 else "server"
    original = answer.body.decode("utf-8", "replace")
    return ApiError(
        "ModelError",
        f'Received {side} error ({answer.status}) from primary with message "{original}". '
        f"See log group /aws/sagemaker/Endpoints/{endpoint} in account {account} for more information.",
        424,
        OriginalStatusCode=answer.status,
        OriginalMessage=original,
        LogStreamArn=log_arn,
    )
