"""Tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["Table"]

if TYPE_CHECKING:
    from ibis import Table
else:

    class Table:
        """The annotation of a step's table; at run time the value is an `ibis.Table`, which this marker spares importing."""
