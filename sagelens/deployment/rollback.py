"""Going back to a config that was good, under the same guardrails as any deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sagelens.deployment.deployer import deploy
from sagelens.deployment.endpoint import read_endpoint
from sagelens.deployment.journal import Journal, Outcome, Record
from sagelens.deployment.models import read_config
from sagelens.deployment.order import Deployed, OnInconclusive, Order, Services
from sagelens.deployment.pace import Pace
from sagelens.deployment.release import Release
from sagelens.deployment.run import Told, silent
from sagelens.deployment.strategy import AllAtOnce, Strategy
from sagelens.errors import BadInput, NotFound
from sagelens.values.guard import Alarms
from sagelens.values.suggestion import closest

__all__ = ["choose_version", "release_of", "rollback"]


def rollback(  # noqa: PLR0913 - what a deployment may set too
    endpoint: str,
    *,
    to: str | None = None,
    why: str,
    who: str = "",
    alarms: Alarms,
    strategies: tuple[Strategy, ...] = (AllAtOnce(),),
    minimum_invocations: int = 1,
    on_inconclusive: OnInconclusive = OnInconclusive.KEEP,
    keep: int = 3,
    force: bool = False,
    tags: Mapping[str, str] | None = None,
    services: Services,
    journal: Journal,
    told: Told = silent,
    pace: Pace | None = None,
) -> Deployed:
    """Put a kept version behind the endpoint again: the one before, or `to` (config, model package version, or digest).

    `tags` are for configs that a trial needs.

    Raises what `deploy` raises; NotFound for an endpoint or a version that does not exist.
    """
    if not why.strip():
        raise BadInput(f"A rollback of '{endpoint}' needs a reason, which the journal keeps. Give one with --reason.")
    state = read_endpoint(endpoint, sagemaker=services.sagemaker)
    if state is None:
        raise NotFound(f"Endpoint '{endpoint}' does not exist. `sagelens endpoints` lists what there is.")
    record = choose_version(list(journal.records()), serving=state.config, to=to)
    order = Order(
        release=release_of(record, services=services, tags=tags),
        alarms=alarms,
        strategies=strategies,
        minimum_invocations=minimum_invocations,
        on_inconclusive=on_inconclusive,
        keep=keep,
        force=force,
        who=who,
        why=why,
        kind="rollback",
    )
    return deploy(order, services=services, journal=journal, told=told, pace=pace)


def choose_version(records: Iterable[Record], *, serving: str, to: str | None) -> Record:
    """Of the good versions that do not serve now, the newest, or the newest that `to` names. `records` come newest first."""
    good = [record for record in records if _is_version(record) and record.config != serving]
    chosen = next((record for record in good if to is None or _matches(record, to)), None)
    if chosen is not None:
        return chosen
    kept = list(dict.fromkeys(f"{record.model_version or '-'} ({record.config})" for record in good))
    asked = f"No good version '{to}' is" if to else "No good version other than the one that serves is"
    alike = (
        closest(to, [name for record in good for name in (record.config, str(record.model_version or "")) if name])
        if to
        else None
    )
    meant = f" Did you mean {alike}?" if alike else ""
    raise NotFound(f"{asked} in the endpoint's journal.{meant} There: {', '.join(kept) or 'none'}. Deploy a model instead.")


def release_of(record: Record, *, services: Services, tags: Mapping[str, str] | None = None) -> Release:
    """The release that a record landed. Raises NotFound where its config was removed."""
    config = read_config(record.config, sagemaker=services.sagemaker)
    return Release(
        endpoint=record.endpoint,
        config_name=record.config,
        variant=config["ProductionVariants"][0],
        digest=record.model_digest,
        model_uri=record.model_uri,
        captures=bool(config.get("DataCaptureConfig")),
        volume_key=str(config.get("KmsKeyId", "")),
        tags=tags or {},
        package_arn=record.model_package_arn,
        version=record.model_version,
    )


def _is_version(record: Record) -> bool:
    """An A/B test that stayed is none: it cannot be gone to with one step."""
    return record.outcome is Outcome.LANDED and record.serves == record.config


def _matches(record: Record, to: str) -> bool:
    names: Sequence[str] = (record.config, record.model_version, f"v{record.model_version}", record.model_package_arn)
    return to in names or (len(to) >= 6 and record.model_digest.startswith(to))
