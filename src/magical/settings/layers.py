"""The layers of settings: the class, settings.toml, a profile, the command line; the later wins."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from magical.contracts.schema import to_snake_case
from magical.errors import SettingsError, did_you_mean
from magical.settings.base import Settings, TaggedSettings, is_same_kind, to_json
from magical.settings.layer_names import COMMAND_LINE
from magical.settings.messages import build_settings_error
from magical.settings.paths import CommandLineText, InputPath, ReplacementGroup
from magical.settings.secrets import Secret

__all__ = [
    "CLASS_LAYER",
    "COMMAND_LINE",
    "Layer",
    "LoadedSettings",
    "apply_overrides",
    "load_settings",
    "nest_keys",
    "read_toml",
    "to_overrides",
]  # fmt: skip

CLASS_LAYER = "class"


@dataclass(frozen=True)
class Layer:
    """Values from one source; ``name`` is shown to the reader, such as ``settings.toml``."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class LoadedSettings:
    """Settings, and the layer of each value that is not a default of the class, by dotted path.

    What a layer sets in a member of a list by its name stands there twice, also with the index.
    """

    settings: Settings
    setting_layers: Mapping[str, str]


def load_settings(
    cls: type[Settings], layers: Iterable[Layer], root: Path | None = None, other_keys: Sequence[str] = ()
) -> LoadedSettings:
    """Merge the layers over the class's defaults, and validate.

    Args:
        cls: the class of the settings.
        layers: in order; the later wins.
        root: the folder that relative paths in files start from.
        other_keys: keys of the same file outside the settings, such as ``policy``, for suggestions.

    Raises:
        SettingsError: a key is unknown, or a value is of the wrong type or out of bounds.

    Example:
        >>> class Cleaning(Settings):
        ...     max_age: int = 90
        >>> load_settings(Cleaning, [Layer("settings.toml", {"max_age": 80})])
        LoadedSettings(settings=Cleaning(max_age=80), setting_layers={'max_age': 'settings.toml'})
    """
    values: dict[str, Any] = _dump_defaults(cls)
    setting_layers: dict[str, str] = {}
    for layer in layers:
        values = _merge(values, layer.values, "", layer.name, setting_layers)
    try:
        # Validators of paths and secrets need the root; those of secrets name the layer in their messages.
        context = {"root": root, "values": values, "setting_layers": setting_layers}
        settings = cls.model_validate(values, context=context)
    except ValidationError as error:
        raise build_settings_error(cls, error, values, setting_layers, other_keys) from None
    return LoadedSettings(settings, setting_layers)


def apply_overrides(values: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Merge settings of the command line over those of a run.

    Example:
        >>> apply_overrides({"split": {"seed": 7}, "rows": 9}, {"split": {"seed": 8}})
        {'split': {'seed': 8}, 'rows': 9}
    """
    return dict(_merge(values, overrides, "", COMMAND_LINE, {}))


def nest_keys(settings: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Nest the values of dotted keys into groups.

    Raises:
        SettingsError: a key is given as a value and as a group.

    Example:
        >>> nest_keys([("max_age", 80), ("split.seed", 3), ("split.folds", 5)])
        {'max_age': 80, 'split': {'seed': 3, 'folds': 5}}
    """
    values: dict[str, Any] = {}
    for key, value in settings:
        *folders, last = key.split(".")
        place = values
        for folder in folders:
            place = place.setdefault(folder, {})
            if not isinstance(place, dict):
                raise SettingsError(f"{key} is given twice, as a value and as a group.", hint="give it once.")
        place[last] = value
    return values


def to_overrides(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Convert settings from Python to JSON for ``apply_overrides``; a ``CommandLineText`` stays one.

    Keys may be dotted, as on the command line.

    Raises:
        SettingsError: a value cannot be written as JSON, or a key is given as a value and as a group.

    Example:
        >>> to_overrides({"split.seed": 3, "sizes": (1, 2)})
        {'split': {'seed': 3}, 'sizes': [1, 2]}
    """

    def override(value: Any) -> Any:
        if isinstance(value, ReplacementGroup):
            return ReplacementGroup({name: to_json(item, override) for name, item in value.items()})
        # A base that is known here would be lost with the text, so the whole path is written.
        if isinstance(value, InputPath) and value.base is not None:
            return str(value)
        if isinstance(value, Secret) and value.base is not None and value.reference.startswith("file:"):
            return f"file:{value.path}"
        return value if isinstance(value, CommandLineText) else NotImplemented

    return nest_keys(to_json(settings, override).items())


def read_toml(path: Path, contents: dict[Path, bytes]) -> dict[str, Any]:
    """Read a TOML file, and add its bytes to ``contents``; return an empty dictionary if there is no file.

    Raises:
        SettingsError: the file cannot be read, or is not TOML.
    """
    try:
        contents[path] = path.read_bytes()
        # "-sig", since editors on Windows write a byte order mark.
        return tomllib.loads(contents[path].decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}.", hint="it must be a UTF-8 text file."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path.name} is not TOML: {error}.", hint="texts are quoted, true is lower case."
        ) from None


def _dump_defaults(cls: type[BaseModel]) -> dict[str, Any]:
    """Convert the class's defaults to JSON, so that a later layer can change one value inside."""
    fields = {n: f for n, f in cls.model_fields.items() if not f.is_required()}
    # `get_default` would copy a default, which it may refuse, as a model with a lock does.
    return {
        name: to_json(
            f.get_default(call_default_factory=True, validated_data={}) if f.default_factory else f.default
        )
        for name, f in fields.items()
    }


def _merge(old: Any, new: Any, path: str, layer: str, setting_layers: dict[str, str]) -> Any:
    """Merge a value of a layer into the earlier one, and note the layer of each path that it sets."""
    if isinstance(old, list) and isinstance(new, Mapping):
        return _merge_list(old, new, path, layer, setting_layers)
    if (
        not isinstance(old, Mapping)
        or not isinstance(new, Mapping)
        or isinstance(new, ReplacementGroup)
        or _is_another_kind(old, new)
    ):
        setting_layers[path] = layer
        return new
    out = dict(old)
    for key, value in new.items():
        inner = f"{path}.{key}" if path else str(key)
        if key in old:
            out[key] = _merge(old[key], value, inner, layer, setting_layers)
        else:
            setting_layers[inner] = layer
            out[key] = value
    return out


def _is_another_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return True if ``new`` is of another class: it has other fields, so the old values must not stay."""
    kind = str(old.get("kind"))
    # A class without kinds may have a field of that name, such as the kind of a split.
    return TaggedSettings.is_tag(kind) and not is_same_kind(str(new.get("kind", kind)), kind)


def _merge_list(
    old: list[Any], new: Mapping[str, Any], path: str, layer: str, setting_layers: dict[str, str]
) -> list[Any]:
    """Change members of a list by index or name: ``members.0.trials`` or ``members.boosting.trials``."""
    out = list(old)
    for key, value in new.items():
        if isinstance(value, Mapping):
            out = [_expand_text(m) if isinstance(m, str) else m for m in out]
        names = [_find_member_name(m) if isinstance(m, Mapping) else "" for m in out]
        if key.isdecimal() and int(key) < len(out):
            index = int(key)
        elif names.count(key) == 1:
            index = names.index(key)
        else:
            members = [n for n in names if n and names.count(n) == 1] + [str(i) for i in range(len(out))]
            raise SettingsError(
                f"{path} has no member {key!r}, says the {layer}.", hint=did_you_mean(key, members)
            )
        written, inner_layers = f"{path}.{key}", dict[str, str]()
        out[index] = _merge(out[index], value, written, layer, inner_layers)
        # By index, which finds the layer of a value, and as it was written, for messages.
        by_index = {f"{path}.{index}{inner.removeprefix(written)}": layer for inner in inner_layers}
        setting_layers |= by_index | inner_layers
    return out


def _expand_text(member: str) -> dict[str, str]:
    """Write a member that is a text alone in full: ``"linear"`` is a kind, and ``"roc_auc"`` a name."""
    return {"kind" if TaggedSettings.is_tag(member) else "name": member}


def _find_member_name(member: Mapping[str, Any]) -> str:
    """Return the name of a member of a list; without one it is called by its kind in snake case."""
    return str(member.get("name") or to_snake_case(str(member.get("kind", ""))))
