"""Registration: the model that passed its gate, as a package that can be approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sagelens.errors import ModelGateStopped
from sagelens.project import Approval
from sagelens.registry import Candidate
from sagelens.registry import register as register_package
from sagelens.serving.manifest import packaged_digest
from sagelens.values import Folder, Metrics, SageMakerClient, Verdict, digest_file

__all__ = ["Registration", "register"]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """`status` is "registered", or "already registered" for a model that has not changed; `approval` is SageMaker's word."""

    model_package_arn: str
    model_package_group: str
    model_digest: str
    status: str
    approval: str


def register(  # noqa: PLR0913 - what is registered, how, and who allows it
    servable: Folder,
    metrics: Metrics,
    model_verdict: Verdict,
    *,
    group: str,
    image: str,
    approval: Approval,
    tags: Mapping[str, str],
    event: str = "",
    sagemaker: SageMakerClient,
) -> Registration:
    """Register the model, approved where the environment's policy is automatic. An unchanged model keeps its package.

    `event` is the id of what started the run, where that was an event and no person.
    """
    if not model_verdict.passed:
        raise ModelGateStopped(f"{model_verdict.summary}. A model that failed its gate is not registered.")
    digest = packaged_digest(servable.path)
    candidate = Candidate(
        group=group,
        digest=digest,
        image=image,
        model_uri=servable.uri,
        metrics_uri=metrics.uri,
        metadata={**_facts(servable, model_verdict), **({"event": event} if event else {}), **_numbers(metrics)},
    )
    automatic = approval == Approval.AUTOMATIC
    registered = register_package(candidate, approved=automatic, reason=model_verdict.summary, tags=tags, sagemaker=sagemaker)
    return Registration(
        model_package_arn=registered.package.arn,
        model_package_group=group,
        model_digest=digest,
        status="registered" if registered.created else "already registered",
        approval=registered.package.approval,
    )


def _facts(servable: Folder, verdict: Verdict) -> dict[str, str]:
    schema = servable.path / "schema.json"
    return {
        "artifact_digest": servable.digest,
        "schema_digest": digest_file(schema) if schema.is_file() else "",
        "gate": verdict.gate,
        "gate_summary": verdict.summary,
    }


def _numbers(metrics: Metrics) -> dict[str, str]:
    """The figures of the whole; those of slices, which have a slash in their name, stay with the run."""
    return {f"metric.{name}": f"{value:.6g}" for name, value in metrics.items() if "/" not in name}
