"""How models go out: the section `deployment`, and what an environment says of its endpoints."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from sagelens.project.section import Name, Section
from sagelens.values.grammar import alarms_of, chain_of, strategy_schema
from sagelens.values.guard import Alarms, MetricGuard, OnInconclusive
from sagelens.values.strategy import AllAtOnce, Strategy, to_json

__all__ = ["Deployment", "EndpointSettings"]

_ALARMS_SCHEMA: dict[str, Any] = {
    "description": "alarms on the new fleet; or none; or the reason why they are waived",
    "anyOf": [
        {"type": "array", "minItems": 1, "maxItems": 10, "items": {"type": "object", "required": ["kind"]}},
        {"type": "object", "required": ["waived"], "properties": {"waived": {"type": "string", "minLength": 1}}},
        {"const": "none"},
    ],
}
Chain = Annotated[
    tuple[Strategy, ...],
    BeforeValidator(chain_of),
    PlainSerializer(lambda chain: [to_json(strategy) for strategy in chain], return_type=list[dict[str, Any]]),
    WithJsonSchema(strategy_schema()),
]
Guards = Annotated[
    Alarms,
    BeforeValidator(alarms_of),
    PlainSerializer(lambda alarms: alarms.to_json(), return_type=Any),
    WithJsonSchema(_ALARMS_SCHEMA),
]
_ERRORS = Alarms(guards=(MetricGuard(what="errors", metric="Invocation5XXErrors", threshold=0.01),))


class Deployment(Section):
    """`strategy` is a chain, `alarms` what guards it; docs/deployment.md tells their forms.

    `minimum_invocations`: requests that the new fleet must get under watch, else the outcome is inconclusive. `keep`: good
    configs to go back to. `staging`: ask the model on an endpoint of its own first. `force` and `allow_breaking` are for `--set`.
    """

    endpoint: Name
    variant: Name = "AllTraffic"
    smoke_rows: int = Field(5, ge=1, le=100)
    strategy: Chain = (AllAtOnce(),)
    alarms: Guards = _ERRORS
    minimum_invocations: int = Field(1, ge=0)
    on_inconclusive: OnInconclusive = OnInconclusive.KEEP
    keep: int = Field(3, ge=1, le=50)
    staging: bool = True
    force: bool = False
    allow_breaking: bool = False


class EndpointSettings(Section):
    """`data_capture_percent` of the requests are captured, below s3://<bucket>/captured/<endpoint>/.

    `isolation`: models, those of batch scoring included, are cut off from every network.
    """

    instance_type: str = "ml.m5.large"
    instance_count: int = Field(1, ge=1)
    data_capture_percent: int | None = Field(None, ge=1, le=100)
    isolation: bool = True
