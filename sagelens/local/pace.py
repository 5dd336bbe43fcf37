"""How the pace of the service's clock is written: `60x` runs sixty times as fast as the wall's."""

from __future__ import annotations

from sagelens.errors import BadInput

__all__ = ["pace", "scale_of"]

_FASTEST = 1_000_000


def pace(scale: float) -> str:
    """`60x` for 60."""
    return f"{scale:.10g}x"


def scale_of(text: str) -> float:
    """60 for `60x` or `60`; BadInput for anything that is no pace."""
    try:
        scale = float(text.strip().removesuffix("x"))
    except ValueError:
        scale = 0.0
    if not 0 < scale <= _FASTEST:
        raise BadInput(
            f"'{text}' is no pace for the service's clock. Give how many times as fast as the wall's it shall run, above 0 "
            f"and up to {_FASTEST:,}: `1x` or `60x`."
        )
    return scale
