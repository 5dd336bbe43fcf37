"""Numbers, times and names as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

__all__ = [
    "clock",
    "count",
    "digest",
    "figure",
    "milliseconds",
    "percent",
    "plural",
    "seconds",
    "signed",
    "size",
    "title",
    "value",
]

_NOTHING = "\N{EN DASH}"


def count(number: float | None) -> str:
    return _NOTHING if number is None else f"{number:,.0f}"


def figure(number: float | None, digits: int = 4) -> str:
    """Four decimals for what lies below ten, thousands apart for what is large."""
    if number is None:
        return _NOTHING
    if not math.isfinite(number):
        return str(number)
    if float(number).is_integer() and abs(number) < 1e15:
        return f"{number:,.0f}"
    size_ = abs(number)
    if 0 < size_ < 10 ** -(digits - 1):
        return f"{number:.3g}"
    return f"{number:,.{digits if size_ < 10 else 2 if size_ < 100 else 1}f}"


def signed(number: float | None, digits: int = 4) -> str:
    return _NOTHING if number is None else f"{number:+,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(share: float | None) -> str:
    if share is None:
        return _NOTHING
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{share:.1%}".replace("%", " %")


def plural(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def seconds(duration: float | None) -> str:
    if duration is None:
        return _NOTHING
    if duration < 0.1:
        return f"{1000 * duration:.0f} ms"
    if duration < 10:
        return f"{duration:.2f} s"
    if duration < 100:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def milliseconds(duration: float | None) -> str:
    return _NOTHING if duration is None else f"{duration:.3g} ms" if duration < 1000 else seconds(duration / 1000)


def size(bytes_: float | None) -> str:
    if bytes_ is None:
        return _NOTHING
    for unit in ("B", "kB", "MB"):
        if bytes_ < 1000:
            return f"{bytes_:.0f} {unit}" if unit == "B" or bytes_ >= 100 else f"{bytes_:.1f} {unit}"
        bytes_ /= 1000
    return f"{bytes_:.1f} GB"


def digest(text: str | None) -> str:
    return text[:12] if text else _NOTHING


def clock(epoch: float | None) -> str:
    return _NOTHING if epoch is None else f"{datetime.fromtimestamp(epoch, UTC):%-d %B %Y, %H:%M:%S} UTC"


def title(name: str) -> str:
    """`precision_recall` as `Precision recall`."""
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def value(found: Any) -> str:
    """Any plain value in one line."""
    match found:
        case None:
            return _NOTHING
        case bool():
            return "yes" if found else "no"
        case float():
            return f"{found:.6g}"
        case list() | tuple():
            return ", ".join(value(one) for one in found) or _NOTHING
        case _:
            return str(found)
