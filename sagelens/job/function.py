"""The function of a step, found by name, and what its signature asks for."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from sagelens.errors import BadInput

__all__ = ["StepFunction", "load_function"]


@dataclass(frozen=True)
class StepFunction:
    """`hints` are the annotations by parameter, resolved, with `return` for the result."""

    name: str
    call: Callable[..., Any]
    parameters: tuple[inspect.Parameter, ...]
    hints: dict[str, Any]

    def artifacts(self, takes: tuple[str, ...]) -> tuple[Any, ...]:
        """The annotation for each artifact taken; a `*tables` parameter takes the rest."""
        positional = [
            p for p in self.parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name != "sources"
        ]
        rest = next((p for p in self.parameters if p.kind is p.VAR_POSITIONAL), None)
        required = sum(p.default is p.empty for p in positional)
        if len(takes) < required or (len(takes) > len(positional) and rest is None):
            raise BadInput(
                f"{self.name} takes {len(positional)} artifacts ({', '.join(p.name for p in positional) or 'none'}), but the "
                f"pipeline hands in {len(takes)}: {', '.join(takes) or 'none'}."
            )
        chosen = positional[: len(takes)] + [rest] * (len(takes) - len(positional)) if rest else positional[: len(takes)]
        return tuple(self.annotation(parameter.name) for parameter in chosen if parameter)

    def keywords(self) -> list[inspect.Parameter]:
        return [p for p in self.parameters if p.kind is p.KEYWORD_ONLY or p.name == "sources"]

    def annotation(self, parameter: str) -> Any:
        try:
            return self.hints[parameter]
        except KeyError:
            raise BadInput(
                f"Parameter '{parameter}' of {self.name} has no annotation. It chooses how the value is read."
            ) from None


def load_function(name: str) -> StepFunction:
    """The function that `module:function` names."""
    module_name, colon, function_name = name.partition(":")
    if not colon:
        raise BadInput(f"'{name}' does not name a function. Write it as module:function, as in steps.preparation:prepare.")
    function = getattr(_module(name, module_name), function_name, None)
    if not callable(function):
        raise BadInput(f"Module '{module_name}' has no function '{function_name}'. Was it renamed? Compile the pipeline again.")
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise BadInput(
            f"The annotations of {name} cannot be resolved: {error}. Import what they name at run time, not under TYPE_CHECKING."
        ) from error
    return StepFunction(name=name, call=function, parameters=tuple(inspect.signature(function).parameters.values()), hints=hints)


def _module(name: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise BadInput(f"The module of {name} is not in the step's code: no module named '{error.name}'.") from error
        raise BadInput(
            f"The module of {name} imports '{error.name}', which is not installed here. Add it to the image."
        ) from error
