"""Values and listeners that are made when they are first asked for."""

from __future__ import annotations

from typing import Any

__all__ = ["Late", "Later"]


class Later:
    """Computes a value when it is first asked for."""

    def __init__(self, make: Any) -> None:
        self._make, self._made, self._value = make, False, None

    def __call__(self) -> Any:
        """Give the value."""
        if not self._made:
            self._value, self._made = self._make(), True
        return self._value


class Late:
    """A listener that is made when the first event comes."""

    def __init__(self, make: Later) -> None:
        self._make = make

    def on(self, event: Any) -> None:
        """Pass an event on."""
        listener = self._make()
        if listener is not None:
            listener.on(event)
