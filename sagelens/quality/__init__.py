"""Data gates: Great Expectations suites, run on tables, as verdicts."""

from sagelens.quality.docs import data_docs
from sagelens.quality.gate import check_tables
from sagelens.quality.port import Executor, Finding
from sagelens.quality.suite import Expectation, Suite, parse_suite, validate_suite

__all__ = [
    "Executor",
    "Expectation",
    "Finding",
    "Suite",
    "check_tables",
    "data_docs",
    "parse_suite",
    "validate_suite",
]
