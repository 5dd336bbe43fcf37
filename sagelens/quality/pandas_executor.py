"""Great Expectations on pandas, over the columns that a suite looks at.

A first pass asks for booleans alone. Only what failed is run again, for what was observed and sample rows with their key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagelens.data import Table
from sagelens.errors import BadConfig
from sagelens.quality.context import quiet_context, quietly
from sagelens.quality.phrases import listing
from sagelens.quality.port import Finding
from sagelens.quality.suite import Expectation, Suite

__all__ = ["PandasExecutor", "warm"]

_SAMPLE_ROWS = 5
_BOOLEAN = {"result_format": "BOOLEAN_ONLY"}
_SUMMARY = {"result_format": "SUMMARY", "partial_unexpected_count": _SAMPLE_ROWS}


class PandasExecutor:
    """Executor (see port.py). Writes nothing, sends nothing."""

    def run(self, table: Table, suite: Suite) -> Sequence[Finding]:
        with quietly():
            return self._run(table, suite)

    def _run(self, table: Table, suite: Suite) -> Sequence[Finding]:
        configurations = [_configuration(suite.name, expectation, str(i)) for i, expectation in enumerate(suite.expectations)]
        findings: list[Finding] = [Finding(passed=True)] * len(configurations)
        for of_schema in (True, False):
            picked = [i for i, e in enumerate(suite.expectations) if e.of_schema is of_schema]
            if not picked:
                continue
            part = [suite.expectations[i] for i in picked]
            frame = _frame(table, [] if of_schema else _needed(table, part), rows=not of_schema)
            results = _validate(frame, [configurations[i] for i in picked], _BOOLEAN)
            failed = [i for i, result in zip(picked, results, strict=True) if not result.success]
            for i, finding in zip(failed, _explain(table, suite, failed, configurations), strict=True):
                findings[i] = finding
        return findings


def warm() -> None:
    """Evaluate the usual expectations on three rows, so that what Great Expectations makes at first use is made before a fork."""
    import pandas as pd
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # its monitor is a thread, and an interpreter with threads cannot be forked
    frame = pd.DataFrame({"number": [1.0, 2.0, None], "text": ["a", "b", "c"]})
    usual = (
        ("expect_column_to_exist", {"column": "number"}),
        ("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 9}),
        ("expect_column_values_to_not_be_null", {"column": "text"}),
        ("expect_column_values_to_be_between", {"column": "number", "min_value": 0, "max_value": 9}),
        ("expect_column_values_to_be_in_set", {"column": "text", "value_set": ["a", "b", "c"]}),
        ("expect_column_values_to_match_regex", {"column": "text", "regex": "^[a-z]$"}),
        ("expect_compound_columns_to_be_unique", {"column_list": ["number", "text"]}),
        ("expect_table_columns_to_match_set", {"column_set": ["number", "text"]}),
    )
    expectations = [Expectation(type=kind, kwargs=kwargs) for kind, kwargs in usual]
    with quietly():
        _validate(frame, [_configuration("warm", e, str(i)) for i, e in enumerate(expectations)], _BOOLEAN)


def _explain(table: Table, suite: Suite, failed: Sequence[int], configurations: Sequence[Any]) -> list[Finding]:
    """Run the failed expectations again, one by one so that none spoils another, with the key columns at hand."""
    findings = []
    for i in failed:
        expectation = suite.expectations[i]
        key = [column for column in suite.key if column in table.columns and not expectation.of_schema]
        columns = [] if expectation.of_schema else [*_needed(table, [expectation]), *key]
        frame = _frame(table, columns, rows=not expectation.of_schema)
        findings.append(_finding(_validate(frame, [configurations[i]], _SUMMARY)[0], frame))
    return findings


def _needed(table: Table, expectations: Iterable[Expectation]) -> list[str]:
    """The columns to read; one at least, so that rows can be counted."""
    needed: dict[str, None] = {}
    for expectation in expectations:
        needed |= dict.fromkeys(expectation.columns)
        if expectation.condition:
            needed |= {column: None for column in table.columns if column in expectation.condition}
    return list(needed) or [table.columns[0]]


def _frame(table: Table, columns: Sequence[str], *, rows: bool) -> Any:
    import pandas as pd

    if not rows:
        return pd.DataFrame(columns=list(table.columns))
    picked = table.select(*dict.fromkeys(columns))
    return picked.to_pyarrow().to_pandas(date_as_object=False, split_blocks=True, self_destruct=True)


def _configuration(suite: str, expectation: Expectation, id_: str) -> Any:
    """Great Expectations' own object; constructing the expectation checks its arguments."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    configuration = ExpectationConfiguration(
        type=expectation.type, kwargs=dict(expectation.kwargs), severity=expectation.severity.value, id=id_
    )
    try:
        configuration.to_domain_obj()
    except (ValueError, TypeError) as error:
        said = " ".join(str(error).split())
        raise BadConfig(
            f"Suite '{suite}' gives {expectation.type} wrong arguments ({', '.join(expectation.kwargs)}): {said}. "
            f"See https://greatexpectations.io/expectations/{expectation.type}."
        ) from error
    return configuration


def _validate(frame: Any, configurations: Sequence[Any], result_format: Mapping[str, Any]) -> list[Any]:
    """Results in the order of the configurations, which Great Expectations itself does not keep when one cannot be evaluated."""
    from great_expectations.core.batch import Batch
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.validator.validator import Validator

    validator = Validator(execution_engine=PandasExecutionEngine(), batches=[Batch(data=frame)], data_context=quiet_context())
    results = validator.graph_validate(
        configurations=list(configurations),
        runtime_configuration={"result_format": dict(result_format), "catch_exceptions": True},
    )
    places = {configuration.id: place for place, configuration in enumerate(configurations)}
    return sorted(results, key=lambda result: places[result.expectation_config.id])


def _finding(result: Any, frame: Any) -> Finding:
    trouble = _exception(result.exception_info or {})
    if trouble:
        return Finding(passed=False, observed=f"could not be evaluated: {trouble}")
    details = result.result or {}
    count = details.get("unexpected_count")
    percent = details.get("unexpected_percent")
    return Finding(
        passed=False,
        observed=_observed(details, count, percent),
        unexpected_count=None if count is None else int(count),
        unexpected_percent=None if percent is None else round(float(percent), 4),
        sample=_sample(frame, details.get("partial_unexpected_index_list") or ()),
    )


def _exception(info: Mapping[str, Any]) -> str:
    """The message of an exception that Great Expectations caught: one flat record, or one for each metric."""
    records = [info, *(value for value in info.values() if isinstance(value, Mapping))]
    return next((str(r.get("exception_message")) for r in records if r.get("raised_exception")), "")


def _observed(details: Mapping[str, Any], count: Any, percent: Any) -> str:
    examples = listing(dict.fromkeys(str(_plain(v)) for v in details.get("partial_unexpected_list") or ()), _SAMPLE_ROWS)
    if count is not None and percent is not None:
        shown = f", such as {examples}" if examples and not set(examples) <= set("None, a") else ""
        return f"{count} rows otherwise ({float(percent):.4g} %){shown}"
    if examples:
        return f"{count} other values: {examples}"
    mismatched = (details.get("details") or {}).get("mismatched") if isinstance(details.get("details"), Mapping) else None
    if isinstance(mismatched, Mapping):
        return "; ".join(f"{kind} columns {listing(names)}" for kind, names in sorted(mismatched.items()))
    observed = _plain(details.get("observed_value"))
    if isinstance(observed, list):
        return listing(observed, 30)
    return f"{observed:.6g}" if isinstance(observed, float) else str(observed)


def _sample(frame: Any, positions: Sequence[int]) -> tuple[dict[str, Any], ...]:
    """Rows by their position in the frame that was validated. (Great Expectations would look up keys for every bad row: 40 s.)"""
    rows = frame.iloc[[p for p in positions if isinstance(p, int)][:_SAMPLE_ROWS]].to_dict("records")
    return tuple({str(name): _plain(value) for name, value in row.items()} for row in rows)


def _plain(value: Any) -> Any:
    """A value that JSON can hold, for people to read."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, str | int | bool | list) or value is None:
        return value
    if isinstance(value, float):
        return None if value != value else value  # noqa: PLR0124 - NaN alone differs from itself
    return str(value)
