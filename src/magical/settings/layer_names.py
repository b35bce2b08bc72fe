"""Where a setting was set: its path as it was written, and its layer, for messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["COMMAND_LINE", "format_layer", "locate_setting"]

COMMAND_LINE = "command line"


def format_layer(layer: str) -> str:
    """Format a layer for a message.

    Example:
        >>> format_layer("settings.toml"), format_layer("")
        (' (in settings.toml)', '')
    """
    return f" ({'on the' if layer == COMMAND_LINE else 'in'} {layer})" if layer else ""


def locate_setting(
    location: Sequence[str | int], values: Any, setting_layers: Mapping[str, str]
) -> tuple[str, str]:
    """Return the dotted path of a setting as it was written, and its layer; empty for a default of the class.

    Args:
        location: its keys and indices, from the outermost.
        values: the settings, merged from all layers.
        setting_layers: the layer of each path that a layer set, by index and as it was written.

    Example:
        >>> locate_setting(
        ...     ["a", 0, "x"], {"a": [{"name": "b"}]}, {"a.0.x": "quick.toml", "a.b.x": "quick.toml"}
        ... )
        ('a.b.x', 'quick.toml')
    """
    path = ".".join(map(str, location))
    layer = setting_layers.get(_find_nearest(path, setting_layers), "")
    named = _use_names(location, values)
    key = _find_nearest(named, setting_layers)
    # The layer wrote the name if it set a path with it, not only a group that both paths begin with.
    is_named = setting_layers.get(key) == layer and not f"{path}.".startswith(f"{key}.")
    return (named if is_named else path), layer


def _find_nearest(path: str, setting_layers: Mapping[str, str]) -> str:
    """Find the path that a layer set: of the value or inside of it the last one, else the group around it."""
    # A rule for a whole group is broken by what was set last in it.
    if inside := [p for p in setting_layers if path == p or p.startswith(f"{path}.")]:
        return next((p for p in inside if setting_layers[p] == COMMAND_LINE), inside[-1])
    return max((p for p in setting_layers if path.startswith(f"{p}.")), key=len, default="")


def _use_names(location: Sequence[str | int], values: Any) -> str:
    """Format a path with the names of members of lists in the place of their indices."""
    parts = []
    for part in location:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):  # a key that is missing or wrong
            values = None
        name = values.get("name") if isinstance(part, int) and isinstance(values, Mapping) else ""
        parts.append(str(name or part))
    return ".".join(parts)
