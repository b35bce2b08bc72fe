"""References to functions and classes in settings: import strings, resolved late, whose code is in keys."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from inspect import isclass, isfunction
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from magical.errors import SettingsError, did_you_mean, safe_text

__all__ = ["ClassReference", "FunctionReference"]


class FunctionReference(str):
    """The import string of a function, such as ``workflow:profit``; a step that gets it depends on its code.

    The function is imported when it is used, not when the settings are made: a default of the settings may
    name a function that stands below them in the same module.

    Example:
        >>> FunctionReference("statistics:mean").load()([1, 2, 3])
        2
    """

    __slots__ = ()

    noun: ClassVar[str] = "function"

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
                f"The {self.noun} {self} cannot be imported: {kind}{safe_text(error)}.",
                hint=f"write module:{self.noun}; a module of the project is named without its folder."
                if isinstance(error, ModuleNotFoundError)
                else f"mend {module_name}.",
            ) from error
        for part in name.split("."):
            if not hasattr(found, part):
                known = [
                    n
                    for n, value in getattr(found, "__dict__", {}).items()
                    if n[0] != "_" and self._is_likely(value, module_name)
                ]
                raise SettingsError(f"There is no {self.noun} {self}.", hint=did_you_mean(part, known))
            found = getattr(found, part)
        if not self._is_wanted(found):
            raise SettingsError(f"{self} is no {self.noun}.", hint=f"name a {self.noun} of a module.")
        return found  # type: ignore[no-any-return]

    @staticmethod
    def _is_wanted(value: Any) -> bool:
        return callable(value)

    @staticmethod
    def _is_likely(value: Any, module: str) -> bool:
        """Return True for a value that an author may have meant: one that the module itself defines."""
        return isfunction(value) and value.__module__ == module

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(text: str) -> FunctionReference:
            module, _, name = text.partition(":")
            if text and not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
                raise ValueError(f"{text!r} is no import string; write module:{cls.noun}")
            return cls(text)

        return core_schema.no_info_after_validator_function(read, core_schema.str_schema())


class ClassReference(FunctionReference):
    """The import string of a class, such as ``sklearn.decomposition:PCA``; otherwise as a function's.

    Example:
        >>> ClassReference("fractions:Fraction").load()(1, 2)
        Fraction(1, 2)
    """

    __slots__ = ()

    noun: ClassVar[str] = "class"

    def load(self) -> type[Any]:
        """Import the class.

        Raises:
            SettingsError: there is no such module or class, or the module fails.
        """
        return super().load()  # type: ignore[return-value]

    @staticmethod
    def _is_wanted(value: Any) -> bool:
        return isclass(value)

    @staticmethod
    def _is_likely(value: Any, module: str) -> bool:
        # Packages such as scikit-learn define classes in private modules below the one they are named by.
        return isclass(value) and value.__module__.startswith(module)
