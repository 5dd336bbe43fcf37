"""`environments.yaml` as typed data. Unknown keys, missing keys and wrong values are errors that name the place."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["BadSettings", "Environment", "Settings", "load"]

_FILE = Path(__file__).with_name("environments.yaml")
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
_ACCOUNT = re.compile(r"\d{12}")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_SCHEDULE = re.compile(r"(cron|rate)\(.+\)")


class BadSettings(Exception):
    """What is wrong in environments.yaml, where, and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One account and Region.

    `latency_ms` is what the p99 of the model may take before the alarm rings; `requests_per_second` and `burst` throttle the
    front; `approval` is who approves a model whose gate passed, `automatic` or `manual`, as in configs/environments/: where
    people do, what trains may not; `readers` are accounts that may take models from here; with `keep_data` nothing that holds
    data goes with its stack.
    """

    name: str
    account: str
    region: str
    zones: tuple[str, ...]
    cidr: str
    notify: str
    monthly_budget_usd: int
    latency_ms: int
    requests_per_second: int
    burst: int
    approval: str = "manual"
    trains_on_arrival: bool = False
    training_schedule: str = ""
    readers: tuple[str, ...] = ()
    keep_data: bool = False

    def __post_init__(self) -> None:
        where = f"environments.{self.name}"
        _check(bool(_NAME.fullmatch(self.name)), where, "a name has small letters, digits and hyphens")
        for account in (self.account, *self.readers):
            _check(bool(_ACCOUNT.fullmatch(account)), where, f"account {account!r} has to be 12 digits, in quotes")
        _check(self.account not in self.readers, where, "an account does not need itself among its readers")
        _check(len(set(self.zones)) >= 2, where, "two zones at least, so that an endpoint outlives one")
        _check(all(zone.startswith(self.region) for zone in self.zones), where, f"every zone lies in {self.region}")
        _check(self.approval in {"automatic", "manual"}, where, f"approval {self.approval!r} is automatic or manual")
        _check("@" in self.notify, where, "notify is an address for e-mail")
        _check(not self.training_schedule or bool(_SCHEDULE.fullmatch(self.training_schedule)), where, "cron(...) or rate(...)")
        for name in ("monthly_budget_usd", "latency_ms", "requests_per_second", "burst"):
            _check(getattr(self, name) > 0, where, f"{name} has to be above 0")
        try:
            network = ipaddress.ip_network(self.cidr)
        except ValueError as error:
            raise BadSettings(f"{where}.cidr: {error}.") from error
        _check(network.is_private and network.prefixlen <= 24, where, "cidr is a private range of /24 or larger")


@dataclass(frozen=True, kw_only=True)
class Settings:
    project: str
    repository: str
    pipelines: tuple[str, ...]
    endpoint: str
    model_package_group: str
    environments: tuple[Environment, ...]

    def __post_init__(self) -> None:
        for name in (self.project, self.endpoint, self.model_package_group, *self.pipelines):
            _check(bool(_NAME.fullmatch(name)), "environments.yaml", f"{name!r}: names have small letters, digits and hyphens")
        _check(bool(_REPOSITORY.fullmatch(self.repository)), "repository", "owner/name, as GitHub spells it")
        accounts = [environment.account for environment in self.environments]
        _check(len(set(accounts)) == len(accounts), "environments", "each has an account of its own")
        _check({"training", "deployment"} <= set(self.pipelines), "pipelines", "training and deployment are started by events")


def load(file: Path = _FILE) -> Settings:
    from infra.strict_yaml import BadYaml, read

    try:
        raw = _mapping(read(file), file.name)
    except BadYaml as error:
        raise BadSettings(str(error)) from error
    environments = _mapping(raw.pop("environments", None), "environments")
    made = tuple(_made(Environment, {"name": name, **_mapping(of, name)}, name) for name, of in environments.items())
    settings: Settings = _made(Settings, {**raw, "environments": made}, file.name)
    return settings


def _made(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(fields))
    _check(not unknown, where, f"unknown: {', '.join(unknown)}. Known: {', '.join(sorted(fields))}")
    missing = [n for n, f in fields.items() if f.default is dataclasses.MISSING and n not in values]
    _check(not missing, where, f"missing: {', '.join(missing)}")
    for name, value in values.items():
        kinds = {"str": str, "int": int, "bool": bool}
        wanted = kinds.get(str(fields[name].type), (list, tuple))
        right = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
        _check(right, f"{where}.{name}", f"{value!r} is not of type {fields[name].type}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def _mapping(value: Any, where: str) -> dict[str, Any]:
    _check(isinstance(value, dict), where, "a mapping is due")
    return dict(value)


def _check(right: bool, where: str, said: str) -> None:
    if not right:
        raise BadSettings(f"{where}: {said}. Correct infra/environments.yaml.")
