"""The functions by name, and the check of what a model says against their schemas."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from services.tools.catalogue.tool import BoundFunction, Tool
from services.tools.domain.tools import Json

_SHOWN = 200


class BadCallError(Exception):
    """The call can not be made; the text tells a model what would do."""


class ToolRegistry:
    """Every function that can be called. Schemas are compiled once, here."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools = tuple(sorted(tools, key=lambda tool: tool.info.weight))
        self._functions: dict[str, BoundFunction] = {}
        self._validators: dict[str, Draft202012Validator] = {}
        for tool in self.tools:
            for function in tool.functions():
                self._add(function)

    def _add(self, function: BoundFunction) -> None:
        if function.info.name in self._functions:
            raise ValueError(f"two tools have a function {function.info.name}")
        Draft202012Validator.check_schema(function.info.parameters)
        self._functions[function.info.name] = function
        self._validators[function.info.name] = Draft202012Validator(function.info.parameters)

    def find(self, name: str) -> BoundFunction | None:
        """The function of that name."""
        return self._functions.get(name)

    def demand(self, name: str) -> BoundFunction:
        """The function of that name; BadCallError names the known ones."""
        found = self.find(name)
        if found is None:
            known = ", ".join(sorted(self._functions))
            raise BadCallError(f"There is no function {name[:_SHOWN]!r}. Known functions: {known}")
        return found

    def read_arguments(self, name: str, arguments_json: str) -> dict[str, Json]:
        """The arguments of a known function; BadCallError says what is wrong with them."""
        try:
            arguments = orjson.loads(arguments_json or "{}")
        except orjson.JSONDecodeError as wrong:
            raise BadCallError(f"The arguments of {name} are not valid JSON: {wrong}") from None
        if not isinstance(arguments, dict):
            raise BadCallError(f"The arguments of {name} must be a JSON object")
        complaint = best_match(self._validators[name].iter_errors(arguments))
        if complaint is not None:
            raise BadCallError(f"Wrong arguments for {name}: {_complaint(complaint)}")
        return arguments


def _complaint(wrong: ValidationError) -> str:
    place = wrong.json_path.removeprefix("$").lstrip(".")
    message = wrong.message if len(wrong.message) <= _SHOWN else f"{wrong.message[:_SHOWN]}..."
    return f"{place}: {message}" if place else message
