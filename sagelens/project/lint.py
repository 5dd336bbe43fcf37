"""What in an environment is allowed, and perhaps not what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from sagelens.project.model import Environment, Target
from sagelens.values import has_local_storage

__all__ = ["lint"]


def lint(environment: Environment) -> tuple[str, ...]:
    """Sentences, each with what to do."""
    return (*_disks(environment), *_openness(environment), *_pools(environment))


def _disks(environment: Environment) -> Iterator[str]:
    if environment.keys.volumes is None:
        return
    chosen = {"jobs": environment.jobs.instance_type}
    chosen |= {f"steps.{name}": settings.instance_type for name, settings in environment.steps.items()}
    for where, instance_type in {**chosen, "endpoint": environment.endpoint.instance_type}.items():
        if has_local_storage(instance_type):
            yield (
                f"environment.{where}.instance_type {instance_type} has disks of its own, which its hardware encrypts and "
                "keys.volumes does not. Choose a type without them where your own key is demanded."
            )


def _openness(environment: Environment) -> Iterator[str]:
    if environment.target is not Target.AWS:
        return
    for name, given in (("network", environment.network), ("keys.data", environment.keys.data)):
        if given is None:
            yield f"environment.{name} is not set, so AWS's defaults hold. Name what infra/ has made (docs/infrastructure.md)."


def _pools(environment: Environment) -> Iterator[str]:
    if environment.jobs.keep_alive_seconds or environment.jobs.spot:
        yield (
            "environment.jobs has spot or keep_alive_seconds, which only training jobs have. "
            "Set them for these in environment.steps."
        )
