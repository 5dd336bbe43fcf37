"""Keeping the last good configs of an endpoint, and removing older ones that are ours and that nothing uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sagelens.deployment.events import EventKind
from sagelens.deployment.journal import Outcome, Record
from sagelens.deployment.plan import name_prefix
from sagelens.deployment.run import Run

__all__ = ["kept_configs", "tidy"]

_PHASE = "keep"
_OURS = re.compile(r"[0-9a-f]{12}-[0-9a-f]{6}")


def kept_configs(records: Iterable[Record], keep: int) -> list[str]:
    """The configs of the last `keep` good deployments, newest first, each once. `records` come newest first."""
    found: dict[str, None] = {}
    for record in records:
        if len(found) >= keep:
            break
        if record.outcome is Outcome.LANDED and record.serves:
            found[record.serves] = None
    return list(found)


def tidy(run: Run) -> None:
    """Delete configs and models that this endpoint's journal says are ours, that are not kept, and that no endpoint uses."""
    sagemaker = run.services.sagemaker
    try:
        existing = set(_config_names(run))
        records = list(_records_until(run, existing))
        now = run.recorder.record
        kept = {*kept_configs(records, run.order.keep), now.config, now.serves, now.previous_config}
        ours = {name for record in records for name in (record.config, *record.trial_configs)}
        doomed = (existing & ours) - kept
        if doomed:
            _remove(run, doomed - set(_used(run)), existing, models={record.model for record in records})
    except sagemaker.exceptions.ClientError as error:
        run.recorder.tell(EventKind.WARNING, _PHASE, f"older configs could not be removed: {error}")


def _records_until(run: Run, existing: set[str]) -> Iterator[Record]:
    """Records, newest first, as far back as they are needed: until the kept are known and each existing config is explained."""
    good: set[str] = set()
    unexplained = set(existing)
    for record in run.journal.records():
        yield record
        unexplained -= {record.config, *record.trial_configs}
        if record.outcome is Outcome.LANDED:
            good.add(record.serves)
        if len(good) >= run.order.keep and not unexplained:
            return


def _remove(run: Run, doomed: set[str], existing: set[str], *, models: set[str]) -> None:
    sagemaker = run.services.sagemaker
    released = {model for name in sorted(doomed) for model in _models_of(run, name)}
    for name in sorted(doomed):
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    still = {model for name in sorted(existing - doomed) for model in _models_of(run, name)}
    unneeded = sorted((released & models) - still)
    for name in unneeded:
        sagemaker.delete_model(ModelName=name)
    if doomed:
        said = f"removed, as {run.order.keep} are kept: {', '.join([*sorted(doomed), *unneeded])}"
        run.recorder.tell(EventKind.PHASE, _PHASE, said)


def _models_of(run: Run, config: str) -> set[str]:
    shown = run.services.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    variants = (*shown["ProductionVariants"], *shown.get("ShadowProductionVariants", ()))
    return {variant["ModelName"] for variant in variants if "ModelName" in variant}


def _config_names(run: Run) -> Iterator[str]:
    prefix = name_prefix(run.endpoint)
    pages = _pages(run.services.sagemaker.list_endpoint_configs, {"NameContains": prefix})
    names = (item["EndpointConfigName"] for page in pages for item in page["EndpointConfigs"])
    return (name for name in names if _OURS.fullmatch(name.removeprefix(prefix)))


def _used(run: Run) -> Iterator[str]:
    """Configs that some endpoint serves or is about to."""
    sagemaker = run.services.sagemaker
    for page in _pages(sagemaker.list_endpoints, {}):
        for summary in page["Endpoints"]:
            shown = sagemaker.describe_endpoint(EndpointName=summary["EndpointName"])
            yield shown.get("EndpointConfigName", "")
            yield shown.get("PendingDeploymentSummary", {}).get("EndpointConfigName", "")


def _pages(operation: Any, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    token: dict[str, str] = {}
    while True:
        page = operation(**request, **token)
        yield page
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}
