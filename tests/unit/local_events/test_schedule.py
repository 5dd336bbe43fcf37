"""When rules by the clock are due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sagelens.local.events.schedule import BadSchedule, parse_schedule


def after(expression: str, start: str, times: int = 3) -> list[str]:
    """The next times after this one, to the minute."""
    moment = anchor = datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()
    found = []
    for _ in range(times):
        coming = parse_schedule(expression).next(moment, anchor)
        if coming is None:
            break
        moment = coming
        found.append(datetime.fromtimestamp(moment, UTC).strftime("%a %Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "start", "due"),
    [
        ("rate(1 minute)", "2026-01-01T00:00", ["Thu 2026-01-01 00:01", "Thu 2026-01-01 00:02"]),
        ("rate(12 hours)", "2026-01-01T06:30", ["Thu 2026-01-01 18:30", "Fri 2026-01-02 06:30"]),
        ("rate(7 days)", "2026-01-01T00:00", ["Thu 2026-01-08 00:00", "Thu 2026-01-15 00:00"]),
        ("cron(0 3 ? * MON *)", "2026-01-01T00:00", ["Mon 2026-01-05 03:00", "Mon 2026-01-12 03:00"]),
        ("cron(0/15 8-9 ? * * *)", "2026-01-01T08:40", ["Thu 2026-01-01 08:45", "Thu 2026-01-01 09:00"]),
        ("cron(0 12 1,15 * ? *)", "2026-01-10T00:00", ["Thu 2026-01-15 12:00", "Sun 2026-02-01 12:00"]),
        ("cron(0 0 L * ? *)", "2026-02-01T00:00", ["Sat 2026-02-28 00:00", "Tue 2026-03-31 00:00"]),
        ("cron(0 0 L-2 * ? *)", "2026-02-01T00:00", ["Thu 2026-02-26 00:00", "Sun 2026-03-29 00:00"]),
        ("cron(0 0 LW * ? *)", "2026-02-01T00:00", ["Fri 2026-02-27 00:00", "Tue 2026-03-31 00:00"]),
        ("cron(0 0 15W * ? *)", "2026-02-01T00:00", ["Mon 2026-02-16 00:00", "Mon 2026-03-16 00:00"]),
        ("cron(0 0 1W * ? *)", "2026-07-30T00:00", ["Mon 2026-08-03 00:00", "Tue 2026-09-01 00:00"]),
        ("cron(0 0 31 * ? *)", "2026-04-01T00:00", ["Sun 2026-05-31 00:00", "Fri 2026-07-31 00:00"]),
        ("cron(0 0 ? * 6L *)", "2026-01-01T00:00", ["Fri 2026-01-30 00:00", "Fri 2026-02-27 00:00"]),
        ("cron(0 0 ? * TUE#5 *)", "2026-01-01T00:00", ["Tue 2026-03-31 00:00", "Tue 2026-06-30 00:00"]),
        ("cron(0 0 ? JAN-MAR/2 FRI-SUN *)", "2026-01-30T12:00", ["Sat 2026-01-31 00:00", "Sun 2026-03-01 00:00"]),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00", ["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]),
        ("cron(30 6 1 1 ? 2027)", "2026-01-01T00:00", ["Fri 2027-01-01 06:30"]),
        ("cron(0 0 1 1 ? 2020)", "2026-01-01T00:00", []),
        ("cron(0 0 30 2 ? *)", "2026-01-01T00:00", []),
    ],
)
def test_the_next_times_of_a_schedule(expression: str, start: str, due: list[str]) -> None:
    assert after(expression, start, 2) == due


def test_a_rate_goes_on_from_where_it_began_however_late_it_is_asked() -> None:
    assert parse_schedule("rate(5 minutes)").next(1000.0, 100.0) == 1300.0
    assert parse_schedule("rate(5 minutes)").next(1300.0, 100.0) == 1600.0
    assert parse_schedule("rate(5 minutes)").next(50.0, 100.0) == 400.0


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("rate(1 minutes)", "rate(1 minute)"),
        ("rate(5 minute)", "rate(5 minutes)"),
        ("rate(0 minutes)", "write rate(5 minutes), or cron"),
        ("rate(5 weeks)", "write rate(5 minutes), or cron"),
        ("every day", "write rate(5 minutes), or cron"),
        ("cron(0 3 * * *)", "six fields, not 5"),
        ("cron(0 3 * * MON *)", "one has to be ?"),
        ("cron(0 3 ? * ? *)", "one has to be ?"),
        ("cron(60 3 ? * MON *)", "60 is not between 0 and 59"),
        ("cron(0 24 ? * MON *)", "24 is not between 0 and 23"),
        ("cron(0 3 ? * 0 *)", "0 is not between 1 and 7"),
        ("cron(0 3 ? * MO *)", "MO is not between 1 and 7"),
        ("cron(0 3 ? 13 MON *)", "13 is not between 1 and 12"),
        ("cron(0/0 3 ? * MON *)", "no step of 1 to 60"),
        ("cron(*/90 3 ? * MON *)", "no step of 1 to 60"),
        ("cron(0 0/25 ? * MON *)", "no step of 1 to 24"),
        ("cron(0/٣ 3 ? * MON *)", "no step of 1 to 60"),
        ("cron(*-5 3 ? * MON *)", "* stands alone"),
        ("cron(9-5 3 ? * MON *)", "ends before it begins"),
        ("cron(, 3 ? * MON *)", "nothing is not between"),
        ("cron(0 3 ? * MON#6 *)", "6 is not between 1 and 5"),
        ("cron(0 3 32W * ? *)", "32 is not between 1 and 31"),
        ("cron(0 3 ? * MON 1969)", "1969 is not between"),
    ],
)
def test_what_is_no_schedule_is_refused(expression: str, said: str) -> None:
    with pytest.raises(BadSchedule) as refused:
        parse_schedule(expression)
    assert said in str(refused.value)
