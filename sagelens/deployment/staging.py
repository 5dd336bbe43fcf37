"""Proving a model on a short-lived endpoint of its own: SageMaker gives no way to call a green fleet alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sagelens.deployment.checks import Answers, ask, read_questions
from sagelens.deployment.endpoint import EndpointState, absent, read_endpoint
from sagelens.deployment.events import EventKind
from sagelens.deployment.follow import UPDATE_TIMEOUT
from sagelens.deployment.models import ensure_config, ensure_made_model, tagged
from sagelens.deployment.plan import named_config
from sagelens.deployment.release import Release
from sagelens.deployment.run import Run
from sagelens.errors import BadData, Refused

__all__ = ["prove_on_staging", "remove_leftovers", "staging_name"]

_LONGEST = 63
_MARK = "-staging-"
_DIGITS = 12
_STALE = 3600
"""Seconds after which a staging endpoint is one that nobody will remove any more."""
_GOING = 600
"""Seconds that are waited for a deleted endpoint to be gone."""
_MORE_TRIES = 2
_PHASE = "staging"


def staging_name(endpoint: str, digest: str) -> str:
    return f"{_prefix(endpoint)}{digest[:_DIGITS]}"


def prove_on_staging(run: Run) -> None:
    """Serve the release's model on one instance, ask it, and delete that endpoint whatever happens. Raises Refused."""
    release = run.order.release
    name = staging_name(release.endpoint, release.digest)
    config = _config(name, release)
    run.recorder.tell(EventKind.PHASE, _PHASE, f"the model is asked on {name}")
    try:
        answers = _persistently(run, name, config)
    except (run.services.runtime.exceptions.ClientError, BadData) as error:
        raise Refused(
            f"The model did not pass on the staging endpoint '{name}': {error}. Endpoint '{release.endpoint}' was not touched. "
            "See the staging endpoint's logs; correct the model, train and register it again."
        ) from error
    finally:
        _delete(run, name, str(config["EndpointConfigName"]))
    kind = "golden" if answers.golden else "sample"
    said = f"the model answered its {answers.rows} {kind} rows"
    run.recorder.tell(EventKind.CHECKED, _PHASE, said, numbers={"rows": answers.rows, "seconds": answers.seconds})


def remove_leftovers(run: Run) -> None:
    """Delete staging endpoints of this endpoint that a crash left."""
    sagemaker = run.services.sagemaker
    for summary in _listed(run):
        age = run.pace.time() - summary["CreationTime"].timestamp()
        if age > _STALE and summary["EndpointStatus"] in {"InService", "Failed", "OutOfService"}:
            name = summary["EndpointName"]
            config = sagemaker.describe_endpoint(EndpointName=name).get("EndpointConfigName", "")
            _delete(run, name, config)
            run.recorder.tell(EventKind.WARNING, _PHASE, f"{name}, left by an earlier deployment, was deleted")


def _config(name: str, release: Release) -> dict[str, Any]:
    variant = {**release.variant, "InitialInstanceCount": 1}
    key = {"KmsKeyId": release.volume_key} if release.volume_key else {}
    return named_config(name, release.digest, {"ProductionVariants": [variant], **key})


def _persistently(run: Run, name: str, config: Mapping[str, Any]) -> Answers:
    """Another start of the same deployment may remove the staging endpoint, once it is done with it: then it is made again."""
    for _ in range(_MORE_TRIES):
        try:
            return _asked(run, name, config)
        except (run.services.sagemaker.exceptions.ClientError, BadData) as error:
            if not _vanished(run, name, error):
                raise
        run.pace.until(lambda: _read(run, name) is None, timeout=_GOING)
    return _asked(run, name, config)


def _vanished(run: Run, name: str, error: Exception) -> bool:
    state = _read(run, name)
    if state is not None and state.status != "Deleting":
        return False
    return isinstance(error, BadData) or "not found" in str(error).lower() or absent(error)


def _asked(run: Run, name: str, config: Mapping[str, Any]) -> Answers:
    release, sagemaker = run.order.release, run.services.sagemaker
    questions = read_questions(release.model_uri, run.order.smoke_rows, s3=run.services.s3)
    if release.model_request is not None:
        ensure_made_model(release.model_request, tags=release.tags, sagemaker=sagemaker)
    ensure_config(config, tags=release.tags, sagemaker=sagemaker)
    if _read(run, name) is None:
        _create(run, name, str(config["EndpointConfigName"]))
    state: EndpointState | None = None

    def up() -> bool:
        nonlocal state
        state = _read(run, name)
        return state is None or state.status not in {"Creating", "Updating"}

    if not run.pace.until(up, timeout=UPDATE_TIMEOUT):
        raise BadData(f"it did not start within {UPDATE_TIMEOUT} s")
    if state is None or state.status != "InService":
        raise BadData(f"it did not start: {(state.failure_reason or state.status) if state else 'it was deleted meanwhile'}")
    return ask(name, questions, runtime=run.services.runtime)


def _create(run: Run, name: str, config: str) -> None:
    sagemaker = run.services.sagemaker
    try:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, **tagged(run.order.release.tags))
    except sagemaker.exceptions.ClientError:
        if _read(run, name) is None:
            raise


def _delete(run: Run, name: str, config: str) -> None:
    """An endpoint cannot be deleted while it is being created, nor its config before it is gone."""
    sagemaker = run.services.sagemaker

    def deletable() -> bool:
        state = _read(run, name)
        return state is None or state.status != "Creating"

    run.pace.until(deletable, timeout=UPDATE_TIMEOUT)
    _remove(run, name, sagemaker.delete_endpoint, EndpointName=name)
    run.pace.until(lambda: _read(run, name) is None, timeout=_GOING)
    _remove(run, name, sagemaker.delete_endpoint_config, EndpointConfigName=config)


def _remove(run: Run, name: str, delete: Callable[..., Any], **request: str) -> None:
    """A removal that fails is told, and hides nothing that happened before."""
    try:
        delete(**request)
    except run.services.sagemaker.exceptions.ClientError as error:
        if not absent(error):
            run.recorder.tell(EventKind.WARNING, _PHASE, f"{name} could not be removed: {error}. Delete it by hand.")


def _read(run: Run, name: str) -> EndpointState | None:
    return read_endpoint(name, sagemaker=run.services.sagemaker, heard=run.pace.heard)


def _listed(run: Run) -> Iterator[Mapping[str, Any]]:
    prefix = _prefix(run.endpoint)
    request: dict[str, Any] = {"NameContains": prefix}
    while True:
        page = run.services.sagemaker.list_endpoints(**request)
        yield from (summary for summary in page["Endpoints"] if summary["EndpointName"].startswith(prefix))
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def _prefix(endpoint: str) -> str:
    return f"{endpoint[: _LONGEST - len(_MARK) - _DIGITS].rstrip('-')}{_MARK}"
