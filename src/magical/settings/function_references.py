"""References to functions in settings: import strings that are resolved late, and whose code is in keys."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from inspect import isfunction
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from magical.errors import SettingsError, did_you_mean, safe_text

__all__ = ["FunctionReference"]


class FunctionReference(str):
    """The import string of a function, such as ``workflow:profit``; a step that gets it depends on its code.

    The function is imported when it is used, not when the settings are made: a default of the settings may
    name a function that stands below them in the same module.

    Example:
        >>> FunctionReference("statistics:mean").load()([1, 2, 3])
        2
    """

    __slots__ = ()

    def load(self) -> Callable[..., Any]:
        """Import the function.

        Raises:
            SettingsError: there is no such module or function, or the module fails.
        """
        module_name, _, name = self.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
        except Exception as error:
            kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
            raise SettingsError(
                f"The function {self} cannot be imported: {kind}{safe_text(error)}.",
                hint="write module:function; a module of the project is named without its folder."
                if isinstance(error, ModuleNotFoundError)
                else f"mend {module_name}.",
            ) from error
        for part in name.split("."):
            if not hasattr(found, part):
                known = [
                    n
                    for n, value in getattr(found, "__dict__", {}).items()
                    if n[0] != "_" and isfunction(value) and value.__module__ == module_name
                ]
                raise SettingsError(f"There is no function {self}.", hint=did_you_mean(part, known))
            found = getattr(found, part)
        if not callable(found):
            raise SettingsError(f"{self} is no function.", hint="name a function of a module.")
        return found  # type: ignore[no-any-return]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(text: str) -> FunctionReference:
            module, _, name = text.partition(":")
            if text and not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
                raise ValueError(f"{text!r} is no import string; write module:function")
            return cls(text)

        return core_schema.no_info_after_validator_function(read, core_schema.str_schema())
