"""The rules of composite alarms."""

from __future__ import annotations

import pytest

from sagelens.local.metrics.rule import parse_rule
from sagelens.local.ports import ApiError

STATES = {"loud": "ALARM", "quiet": "OK", "new": "INSUFFICIENT_DATA", "with space (x)": "ALARM", "an:alarm:b": "ALARM"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("ALARM(loud)", True),
        ("ALARM ( quiet )", False),
        ("OK(quiet) AND INSUFFICIENT_DATA(new)", True),
        ('ALARM("with space (x)") AND NOT ALARM(quiet)', True),
        ("ALARM('arn:aws:cloudwatch:eu-west-1:000000000000:alarm:loud')", True),
        ("ALARM(an:alarm:b)", True),
        ("TRUE OR TRUE AND FALSE", True),
        ("(TRUE OR TRUE) AND FALSE", False),
        ("NOT NOT TRUE AND NOT (ALARM(quiet) OR FALSE)", True),
    ],
)
def test_it_is_read_as_cloudwatch_reads_it(text: str, holds: bool) -> None:
    assert parse_rule(text).holds(STATES.__getitem__) is holds


def test_the_alarms_that_it_depends_on_are_known() -> None:
    assert parse_rule("ALARM(b) OR (OK(a) AND NOT ALARM(b))").alarms == ("b", "a")


@pytest.mark.parametrize(
    "text", ["", "ALARM()", "ALARM(a) ALARM(b)", "ALARM(a) OR", "(TRUE", "MAYBE(a)", "NOT", "TRUEISH", "(" * 99 + "TRUE"]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match=r"Error in AlarmRule .*at character") as error:
        parse_rule(text)
    assert error.value.code == "ValidationError"
