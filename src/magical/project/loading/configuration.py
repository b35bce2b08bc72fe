"""The configuration of a project: its files and the overrides of one command, read once and resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from magical.engine.policy import Policy, TrackingSettings
from magical.errors import SettingsError, UsageError
from magical.masking import mask_values
from magical.settings.base import Settings, to_json
from magical.settings.layer_names import COMMAND_LINE, format_layer
from magical.settings.layers import Layer, LoadedSettings, load_settings, read_toml

__all__ = ["GROUPS", "Configuration", "list_profiles", "read_configuration"]

GROUPS: dict[str, type[Settings]] = {"policy": Policy, "tracking": TrackingSettings}
"""The groups of settings that decide how a run is executed and recorded, not what it computes."""
BUILT_IN_PROFILES: Mapping[str, Mapping[str, Any]] = {
    "prefect": {"policy": {"runner": "prefect"}},
    "dask": {"policy": {"cluster": "dask"}},
}
"""The profiles that need no file in ``profiles``; a file of the same name wins."""


@dataclass(frozen=True)
class Configuration:
    """The values of settings.toml, a profile and the overrides of one command; later ones win.

    Attributes:
        root: the project's folder.
        profile: the name of a file in ``profiles``, or of a built-in profile, or empty.
        overrides: settings given on the command line or from Python.
        layers: the files and the overrides in their order, without policy and tracking.
        group_layers: the layer that set each value of policy and tracking that is not a default.
        contents: the bytes of each file as they were read, from which the digest is computed.
        deployment: the settings that a Prefect deployment adds to those of the files; None without one.

    Example:
        >>> read_configuration(Path("shop")).load_settings(None).settings
        Settings()
    """

    root: Path
    profile: str
    overrides: Mapping[str, Any]
    layers: tuple[Layer, ...]
    policy: Policy
    tracking: TrackingSettings
    group_layers: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[Path, bytes] = field(default_factory=dict, repr=False, compare=False)
    deployment: Mapping[str, Any] | None = None

    def load_settings(self, cls: type[Settings] | None) -> LoadedSettings:
        """Validate the workflow's settings, and find for each value the layer that set it.

        Raises:
            SettingsError: a key is unknown, or a value is wrong.
        """
        unknown = next((key for layer in self.layers for key in layer.values), None)
        if cls is None and unknown:
            near = get_close_matches(unknown, GROUPS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "take it off."
            raise SettingsError(f"There is no setting {unknown!r}: the workflow takes none.", hint=hint)
        return load_settings(cls or Settings, self.layers, self.root, tuple(GROUPS))

    def load_production_settings(self, cls: type[Settings]) -> LoadedSettings:
        """Validate the settings of the files and of the deployment, without the overrides.

        Raises:
            SettingsError: without the overrides, a setting is missing or wrong.
        """
        layers = (*self.layers[:-1], Layer("deployment", self.deployment or {}))
        return load_settings(cls, layers, self.root, tuple(GROUPS))

    @property
    def given_groups(self) -> dict[str, Any]:
        """The values of policy and tracking that a layer set, by group, without passwords."""
        given = {".".join(path.split(".")[:2]) for path in self.group_layers}
        groups = {name: to_json(getattr(self, name)) for name in GROUPS}
        shown = {n: {k: v for k, v in values.items() if f"{n}.{k}" in given} for n, values in groups.items()}
        return dict(mask_values({n: values for n, values in shown.items() if values}))


def read_configuration(
    root: Path,
    profile: str = "",
    overrides: Mapping[str, Any] | None = None,
    deployment: Mapping[str, Any] | None = None,
) -> Configuration:
    """Read each file once, and resolve policy and tracking.

    Args:
        root: the project's folder.
        profile: the name of a file in ``profiles``, or of a built-in profile, or empty.
        overrides: settings as ``parse_line`` returns them.
        deployment: the settings that a Prefect deployment adds to those of the files; None without one.

    Raises:
        UsageError: there is no such profile.
        SettingsError: a file is not TOML, or policy or tracking is wrong.

    Example:
        >>> read_configuration(Path("shop"), overrides={"policy": {"workers": 4}}).policy.workers
        4
    """
    overrides = overrides or {}
    contents: dict[Path, bytes] = {}
    layers = [Layer("settings.toml", read_toml(root / "settings.toml", contents))]
    if profile:
        layers.append(_read_profile(root, profile, contents))
    layers.append(Layer(COMMAND_LINE, overrides))
    _refuse_store(overrides)
    groups = {name: _load_group(name, cls, layers, root) for name, cls in GROUPS.items()}
    policy, tracking = groups["policy"].settings, groups["tracking"].settings
    assert isinstance(policy, Policy)
    assert isinstance(tracking, TrackingSettings)
    set_by = {f"{n}.{path}": layer for n, g in groups.items() for path, layer in g.setting_layers.items()}
    rest = tuple(Layer(x.name, {k: v for k, v in x.values.items() if k not in GROUPS}) for x in layers)
    return Configuration(root, profile, overrides, rest, policy, tracking, set_by, contents, deployment)


def _read_profile(root: Path, profile: str, contents: dict[Path, bytes]) -> Layer:
    """Read the file of a profile; without one, take the built-in profile of that name."""
    path = root / "profiles" / f"{profile}.toml"
    if path.is_file():
        return Layer(f"profiles/{profile}.toml", read_toml(path, contents))
    if profile in BUILT_IN_PROFILES:
        return Layer(f"built-in profile {profile}", BUILT_IN_PROFILES[profile])
    files = list_profiles(root)
    is_near = get_close_matches(profile, BUILT_IN_PROFILES, n=1)
    hint = "" if files or is_near else f"write profiles/{profile}.toml, or leave --profile out."
    raise UsageError.unknown("profile", profile, [*dict.fromkeys([*files, *BUILT_IN_PROFILES])], hint=hint)


def list_profiles(root: Path) -> list[str]:
    """List the names of a project's profiles that have a file.

    Example:
        >>> list_profiles(Path("shop"))
        []
    """
    return sorted(path.stem for path in (root / "profiles").glob("*.toml"))


def _refuse_store(overrides: Mapping[str, Any]) -> None:
    policy = overrides.get("policy")
    if isinstance(policy, Mapping) and "store" in policy:
        raise SettingsError(
            "policy.store is the project's, not a single call's: others would not find what it makes.",
            hint="write it in settings.toml, or in a profile: [policy] store.",
        )


def _load_group(name: str, cls: type[Settings], layers: list[Layer], root: Path) -> LoadedSettings:
    """Validate the settings group ``name`` as ``cls``, from the layers that have it."""
    layers = [Layer(x.name, {name: x.values[name]}) for x in layers if name in x.values]
    wrong = next((x.name for x in layers if not isinstance(x.values[name], Mapping)), "")
    if wrong:
        hint = f"write {name}.KEY=VALUE."
        raise SettingsError(f"{name} is a group of settings{format_layer(wrong)}.", hint=hint)
    try:
        return load_settings(cls, [Layer(x.name, x.values[name]) for x in layers], root)
    except SettingsError as error:
        raise SettingsError(*(f"[{name}] {text}" for text in error.lines), hint=error.hint) from None
