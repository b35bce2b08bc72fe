"""Messages about invalid settings: which one, from which layer, and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from magical.contracts.contract import source_location
from magical.errors import SettingsError, did_you_mean, shorten
from magical.settings.base import Settings, TaggedSettings
from magical.settings.layer_names import COMMAND_LINE, format_layer, locate_setting
from magical.settings.paths import CommandLineText
from magical.settings.secrets import holds_secret

__all__ = ["build_settings_error"]

_LISTS = ("list_type", "tuple_type", "set_type", "frozen_set_type")


def build_settings_error(
    cls: type[Settings],
    error: ValidationError,
    values: dict[str, Any],
    setting_layers: Mapping[str, str],
    other_keys: Sequence[str] = (),
) -> SettingsError:
    """Build the error of settings that failed validation; ``values`` are merged from all layers."""
    details = _merge_branches(error.errors(include_url=False), values)
    places = [locate_setting(d["loc"], values, setting_layers) for d in details[:3]]
    lines = [_describe_error(cls, d, *place) for d, place in zip(details, places, strict=False)]
    if len(details) > 3:
        lines[2] = f"{len(details) - 2} more settings are wrong, such as {places[2][0]}."
    first = details[0]
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        hint = did_you_mean(str(first["loc"][0]), [*cls.model_fields, *other_keys])
    else:
        hint = _suggest_fix(cls, first, values, *places[0])
    return SettingsError(*lines, hint=hint)


def _merge_branches(details: Sequence[ErrorDetails], values: Any) -> list[ErrorDetails]:
    """Merge the errors of one setting: pydantic has one for each type that a union of types tried."""
    groups: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    for detail in details:
        groups.setdefault(_drop_branches(detail, values), []).append(detail)
    merged = []
    for place, group in groups.items():
        if any(len(other) > len(place) and other[: len(place)] == place for other in groups):
            continue  # another type came further
        detail = min(group, key=_rank_branch)
        if len(group) > 1 and all(d["type"].endswith(("_parsing", "_type")) for d in group):
            types = dict.fromkeys(d["type"].partition("_")[0] for d in group)  # such as int_parsing
            detail["msg"] = f"Input should be {' or '.join(types)}"
        detail["loc"] = place
        merged.append(detail)
    return merged


def _rank_branch(detail: ErrorDetails) -> tuple[bool, ...]:
    """Rank what one type of a union says of a value: a rule of ours says most, a class of ours least."""
    kind = detail["type"]
    return kind != "value_error", kind not in _LISTS, kind == "model_type"


def _drop_branches(detail: ErrorDetails, values: Any) -> tuple[int | str, ...]:
    """Return the place of an error without the types that a union tried, which are no keys of the values."""
    place: list[int | str] = []
    for i, part in enumerate(detail["loc"]):
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            is_missing = detail["type"] == "missing" and i == len(detail["loc"]) - 1
            if isinstance(part, str) and not is_missing:
                continue
            values = None
        place.append(part)
    return tuple(place)


def _describe_error(cls: type[Settings], detail: ErrorDetails, path: str, layer: str) -> str:
    place = format_layer(layer)
    if detail["type"] == "extra_forbidden":
        return f"There is no setting {path!r}{place}."
    if detail["type"] == "missing":
        return f"The setting {path} has no default and was not given."
    if detail["type"] == "value_error":
        return f"The setting {path}{place}: {detail['msg'].replace('Value error, ', '').rstrip('.')}."
    words = detail["msg"].replace("Input should be", "must be")
    words = "must be a list" if detail["type"] in _LISTS else words  # TOML knows no tuples
    words = "must not be empty" if detail["type"] == "too_short" and not detail["input"] else words
    # A literal password where a Secret belongs must not reach a terminal or a log.
    if holds_secret(_find_type_hint(cls, detail["loc"])):
        return f"The setting {path}{place} {words}; what it got is not repeated, since a secret may be in it."
    given = _to_plain_text(detail["input"])
    if detail["type"] in _LISTS and isinstance(given, (str, int, float)):
        words += f", such as {shorten(json.dumps([given], ensure_ascii=False))}"
    return f"The setting {path}{place} {words}, got {shorten(repr(given))}."


def _find_type_hint(cls: type[BaseModel], path: tuple[int | str, ...]) -> Any:
    """Find the type hint of a setting, or of the innermost named setting around it."""
    hint: Any = cls
    for part in path:
        model = _find_model(hint, None)
        if isinstance(part, str) and model is not None and part in model.model_fields:
            hint = model.model_fields[part].annotation
    return hint


def _to_plain_text(value: Any) -> Any:
    return str(value) if isinstance(value, CommandLineText) else value


def _suggest_fix(
    cls: type[Settings], detail: ErrorDetails, values: dict[str, Any], path: str, layer: str
) -> str:
    if detail["type"] == "extra_forbidden":
        parent = _find_class(cls, detail["loc"][:-1], values)
        return did_you_mean(str(detail["loc"][-1]), list(parent.model_fields) if parent else [])
    if detail["type"] == "missing":
        return f"give it: {path}=... on the line, or in settings.toml."
    parent = _find_class(cls, detail["loc"][:-1], values) or cls
    is_authors = not parent.__module__.startswith("magical.")  # a line of ours does not help the author
    home = f"{parent.__name__} ({source_location(parent)})" if is_authors else ""
    if not layer:
        return f"mend its default{f' in {home}' if home else ''}."
    move = "give another value" if layer == COMMAND_LINE else f"mend it in {layer}"
    return f"{move}; what it may be stands in {home}." if home else f"{move}."


def _find_class(cls: type[BaseModel], path: tuple[int | str, ...], values: Any) -> type[BaseModel] | None:
    """Find the class of the settings at a path; None if no settings class is there."""
    found: type[BaseModel] | None = cls
    for part in path:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):  # an invalid value: only the type hints can be followed
            values = None
        if isinstance(part, str) and found is not None and part in found.model_fields:
            found = _find_model(found.model_fields[part].annotation, values)
        elif isinstance(part, int):
            found = _select_kind(found, values) or found
    return found


def _find_model(hint: Any, value: Any) -> type[BaseModel] | None:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _select_kind(hint, value) or hint
    found = [_find_model(a, value) for a in get_args(hint)]
    return next((f for f in found if f is not None), None)


def _select_kind(cls: type[BaseModel] | None, value: Any) -> type[BaseModel] | None:
    if cls is not None and issubclass(cls, TaggedSettings) and isinstance(value, Mapping):
        return cls.find_kind(str(value.get("kind")))
    return None
