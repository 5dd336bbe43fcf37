"""The model server behind /ping and /invocations, and the folder that it serves. Names are resolved when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagelens.serving.package import package_model
    from sagelens.serving.schema import BadRow, RowSchema
    from sagelens.serving.servable import Servable

__all__ = ["BadRow", "RowSchema", "Servable", "package_model"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sagelens.serving import package, schema, servable

    return next(getattr(module, name) for module in (package, schema, servable) if name in module.__all__)
