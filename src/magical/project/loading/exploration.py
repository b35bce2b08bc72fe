"""The settings by which a run explores: those that are other than its files, or its deployment, say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from magical.errors import SettingsError, shorten
from magical.keys.key_diff import pair_differences
from magical.project.loading.configuration import Configuration
from magical.settings.base import Settings, to_json
from magical.settings.paths import InputPath

__all__ = ["describe_exploration"]

_MAX_VALUE = 60


def describe_exploration(configuration: Configuration, settings: Settings) -> tuple[str, ...]:
    """Describe each setting that is other than in production; none for a run that does not explore.

    Resolved settings are compared, so that an override that restates the value of a file is no difference.

    Args:
        configuration: the files, the overrides and the parameters of the deployment.
        settings: resolved from all of these.
    """
    line = configuration.layers[-1].values
    if not line and not configuration.deployment:
        return ()
    try:
        production = configuration.load_production_settings(type(settings)).settings
    except SettingsError:  # such as a required setting that no file has: there is nothing to compare with
        values = to_json(settings)
        return tuple(f"{name} {_format(values.get(name))}, and no file has a valid one" for name in line)
    return tuple(_describe_differences(configuration, production, settings))


def _describe_differences(configuration: Configuration, old: Settings, new: Settings) -> Iterator[str]:
    who = "the files say" if configuration.deployment is None else "the deployment says"

    def place(value: Any) -> Any:
        """Write a path from the project's folder, since files and the command line start from two folders."""
        if not isinstance(value, InputPath) or value.is_url:
            return NotImplemented
        path, root = os.path.normpath(value.location), os.path.join(os.path.abspath(configuration.root), "")
        return path.removeprefix(root)

    for name, one, other in pair_differences(to_json(old, place), to_json(new, place)):
        yield f"{name} {_format(other)}, {who} {_format(one)}"


def _format(value: Any) -> str:
    """Format a value as it is written on the command line."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return shorten(text, _MAX_VALUE)
