"""What is wrong with settings, in words: which one, who gave it, what it may be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from magical.contracts.contract import source_location
from magical.errors import SettingsError, did_you_mean, shorten
from magical.settings.base import Settings, Tagged
from magical.settings.paths import LINE, FromLine, place_of
from magical.settings.secrets import holds_secret

__all__ = ["refused"]

_LISTS = ("list_type", "tuple_type", "set_type", "frozen_set_type")


def refused(
    cls: type[Settings],
    error: ValidationError,
    values: dict[str, Any],
    spoken: Mapping[str, str],
    beside: Sequence[str] = (),
) -> SettingsError:
    """Say what is wrong with settings.

    Args:
        cls: their class.
        error: what pydantic says of them.
        values: what was given.
        spoken: for each value the layer that gave it.
        beside: what else may stand beside the settings.
    """
    details = error.errors(include_url=False)
    lines = [_line(cls, d, spoken) for d in details[:3]]
    if len(details) > 3:
        lines[2] = f"{len(details) - 2} more settings are wrong, such as {_path(details[2])}."
    first = details[0]
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        hint = did_you_mean(str(first["loc"][0]), [*cls.model_fields, *beside])
    else:
        hint = _hint(cls, first, values, _speaker(first, spoken))
    return SettingsError(*lines, hint=hint)


def _path(detail: ErrorDetails) -> str:
    return ".".join(str(p) for p in detail["loc"])


def _line(cls: type[Settings], detail: ErrorDetails, spoken: Mapping[str, str]) -> str:
    path, layer = _path(detail), _speaker(detail, spoken)
    place = place_of(layer)
    if detail["type"] == "extra_forbidden":
        return f"There is no setting {path!r}{place}."
    if detail["type"] == "missing":
        return f"The setting {path} has no default and was not given."
    if detail["type"] == "value_error":
        return f"The setting {path}{place}: {detail['msg'].replace('Value error, ', '').rstrip('.')}."
    words = detail["msg"].replace("Input should be", "must be")
    words = "must be a list" if detail["type"] in _LISTS else words  # TOML knows no tuples
    if holds_secret(_hint_at(cls, detail["loc"])):
        return f"The setting {path}{place} {words}; what it got is not repeated, since a secret may be in it."
    given = _plain(detail["input"])
    if detail["type"] in _LISTS and isinstance(given, (str, int, float)):
        words += f", such as {shorten(json.dumps([given], ensure_ascii=False))}"
    return f"The setting {path}{place} {words}, got {shorten(repr(given))}."


def _hint_at(cls: type[BaseModel], path: tuple[int | str, ...]) -> Any:
    """The type hint of a setting, or of the innermost one on the way to it that has a name."""
    here: Any = cls
    for part in path:
        model = _model_in(here, None)
        if isinstance(part, str) and model is not None and part in model.model_fields:
            here = model.model_fields[part].annotation
    return here


def _speaker(detail: ErrorDetails, spoken: Mapping[str, str]) -> str:
    """The layer that gave a setting or a part of it; empty if it is the class's default."""
    path = _path(detail)
    near = (p for p in spoken if path == p or path.startswith(f"{p}.") or p.startswith(f"{path}."))
    return spoken[found] if (found := max(near, key=len, default="")) else ""


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, FromLine) else value


def _hint(cls: type[Settings], detail: ErrorDetails, values: dict[str, Any], layer: str) -> str:
    path = _path(detail)
    if detail["type"] == "extra_forbidden":
        parent = _class_at(cls, detail["loc"][:-1], values)
        return did_you_mean(str(detail["loc"][-1]), list(parent.model_fields) if parent else [])
    if detail["type"] == "missing":
        return f"give it: {path}=... on the line, or in settings.toml."
    parent = _class_at(cls, detail["loc"][:-1], values) or cls
    own = not parent.__module__.startswith("magical.")
    home = f"{parent.__name__} ({source_location(parent)})" if own else ""
    if not layer:
        return f"mend its default{f' in {home}' if home else ''}."
    move = "give another value" if layer == LINE else f"mend it in {layer}"
    return f"{move}; what it may be stands in {home}." if home else f"{move}."


def _class_at(cls: type[BaseModel], path: tuple[int | str, ...], values: Any) -> type[BaseModel] | None:
    """Follow a path through nested settings to the class of what is there."""
    here: type[BaseModel] | None = cls
    for part in path:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            values = None
        if isinstance(part, str) and here is not None and part in here.model_fields:
            here = _model_in(here.model_fields[part].annotation, values)
        elif isinstance(part, int):
            here = _kind(here, values) or here
    return here


def _model_in(hint: Any, value: Any) -> type[BaseModel] | None:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _kind(hint, value) or hint
    found = [_model_in(a, value) for a in get_args(hint)]
    return next((f for f in found if f is not None), None)


def _kind(cls: type[BaseModel] | None, value: Any) -> type[BaseModel] | None:
    if cls is not None and issubclass(cls, Tagged) and isinstance(value, Mapping):
        return cls.kinds.get(str(value.get("kind")))
    return None
