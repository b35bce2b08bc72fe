"""A project's configuration: settings.toml, the profile and the line, parted into settings and policy."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from magical.engine.policy import Policy, TrackingSettings
from magical.errors import SettingsError, UsageError
from magical.settings.base import Settings
from magical.settings.layers import Layer, LoadedSettings, load_settings, read_toml
from magical.settings.paths import COMMAND_LINE, format_layer

__all__ = ["GROUPS", "Configuration"]

S = TypeVar("S", bound=Settings)
GROUPS: dict[str, type[Settings]] = {"policy": Policy, "tracking": TrackingSettings}
"""What stands beside the settings: about how a run is carried out and recorded, not what it computes."""


class Configuration:
    """Reads what a project's files and a command line say.

    Args:
        root: the project's folder.
        profile: the name of a file in ``profiles``, or empty.
    """

    def __init__(self, root: Path, profile: str = "") -> None:
        self.root, self.profile = root, profile

    def settings(self, cls: type[Settings] | None, line: Mapping[str, Any]) -> LoadedSettings:
        """Give the workflow's settings, and hold policy and tracking to be right as well.

        Raises:
            SettingsError: a key is unknown, or a value is wrong.
        """
        self.policy(line)
        self.tracking(line)
        layers = [
            Layer(x.name, {k: v for k, v in x.values.items() if k not in GROUPS})
            for x in self._read_layers(line)
        ]
        given = next((k for x in layers for k in x.values), None)
        if cls is None and given:
            near = get_close_matches(given, GROUPS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "take it off."
            raise SettingsError(f"There is no setting {given!r}: the workflow takes none.", hint=hint)
        return load_settings(cls or Settings, layers, self.root, tuple(GROUPS))

    def policy(self, line: Mapping[str, Any]) -> Policy:
        """Give the wishes about a run.

        Raises:
            SettingsError: the line names a store; a store is the project's, whatever is asked of it.
        """
        given = line.get("policy")
        if isinstance(given, Mapping) and "store" in given:
            raise SettingsError(
                "policy.store is the project's, not a single call's: others would not find what it makes.",
                hint="write it in settings.toml, or in a profile: [policy] store.",
            )
        return self._load_group("policy", Policy, line)

    def tracking(self, line: Mapping[str, Any]) -> TrackingSettings:
        """Say where runs and models are recorded."""
        return self._load_group("tracking", TrackingSettings, line)

    def _load_group(self, name: str, cls: type[S], line: Mapping[str, Any]) -> S:
        layers = [Layer(x.name, {name: x.values[name]}) for x in self._read_layers(line) if name in x.values]
        odd = next((x.name for x in layers if not isinstance(x.values[name], Mapping)), "")
        if odd:
            raise SettingsError(
                f"{name} is a group of settings{format_layer(odd)}.", hint=f"write {name}.KEY=VALUE."
            )
        try:
            loaded = load_settings(cls, [Layer(x.name, x.values[name]) for x in layers], self.root)
        except SettingsError as error:
            raise SettingsError(*(f"[{name}] {text}" for text in error.lines), hint=error.hint) from None
        assert isinstance(loaded.settings, cls)
        return loaded.settings

    def _read_layers(self, line: Mapping[str, Any]) -> list[Layer]:
        layers = [Layer("settings.toml", read_toml(self.root / "settings.toml"))]
        if self.profile:
            path = self.root / "profiles" / f"{self.profile}.toml"
            if not path.is_file():
                known = sorted(p.stem for p in path.parent.glob("*.toml"))
                hint = "" if known else f"write profiles/{self.profile}.toml, or leave --profile out."
                raise UsageError.unknown("profile", self.profile, known, hint=hint)
            layers.append(Layer(f"profiles/{self.profile}.toml", read_toml(path)))
        return [*layers, Layer(COMMAND_LINE, line)]
