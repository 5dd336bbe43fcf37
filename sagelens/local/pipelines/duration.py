"""ISO 8601 durations, as in CacheConfig.ExpireAfter: `P30D`, `PT1H30M`, `P1W`."""

from __future__ import annotations

import re

from sagelens.local.pipelines.invalid import Invalid

__all__ = ["parse_duration"]

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_DURATION = re.compile(
    "P" + "".join(f"(?:({_NUMBER}){unit})?" for unit in "YMWD") + f"(?:T{''.join(f'(?:({_NUMBER}){unit})?' for unit in 'HMS')})?",
    re.IGNORECASE | re.ASCII,
)
_DAY = 86_400
_SECONDS = (365 * _DAY, 30 * _DAY, 7 * _DAY, _DAY, 3600, 60, 1)
"""A year counts 365 days and a month 30: AWS does not say from when a calendar month would be counted."""


def parse_duration(subject: str, text: object) -> float:
    """The duration in seconds."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groups()):
        raise Invalid(f"{subject} is {text!r}; write an ISO 8601 duration such as P30D or PT1H.")
    return sum(float(number) * seconds for number, seconds in zip(match.groups(), _SECONDS, strict=True) if number)
