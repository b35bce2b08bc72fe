"""Single values generated from type hints: numbers, texts, collections, records."""

from __future__ import annotations

import decimal
import uuid
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from magical.contracts.contract import unwrap_hint
from magical.contracts.schema import Column
from magical.errors import ContractError, shorten
from magical.synthesis.bounds import (
    MEMBER_BYTES,
    VALUE_BYTES,
    CannotGenerate,
    check_choices,
    find_length_range,
)
from magical.synthesis.column_values import generate_values
from magical.synthesis.rng import SeededRandom
from magical.synthesis.strategies import Recipe, find_recipe
from magical.synthesis.stub_models import build_stub_figure

__all__ = ["DEFAULT_MEMBERS", "generate_value"]

DEFAULT_MEMBERS = 3
"""The members of a list or a mapping, unless its bounds demand another number."""

_TRIES = 8


def generate_value(hint: Any, seed: str) -> Any:
    """Generate one value that pydantic accepts for a type hint.

    Raises:
        ContractError: no value is within the bounds, or the validators refuse all that were tried.

    Example:
        >>> from typing import Annotated
        >>> from magical import Field
        >>> generate_value(Annotated[int, Field(ge=2, le=3)], "seed"), generate_value(list[bool], "seed")
        (3, [True, False, True])
    """
    recipe, bare = find_recipe(hint), unwrap_hint(hint, [])[0]
    name = getattr(bare, "__name__", shorten(bare))
    problem = ""
    for turn in range(_TRIES):  # a custom validator may refuse a value that fits the types
        try:
            _check_size(recipe)
            value = _generate_from_recipe(recipe, seed, f"try {turn}")
            return value if recipe.kind in ("figure", "none") else _validate_value(hint, value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            problem = f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
        except CannotGenerate as error:
            raise ContractError(
                f"{name} cannot be pretended: {error.reason}.", hint=f"{error.hint or 'widen its bounds'}."
            ) from None
    raise ContractError(
        f"{name} cannot be pretended: its validators refused {_TRIES} values that fit its types.",
        f"  {shorten(problem, 160)}",
        hint="give the fields it looks at Field(examples=[...]) that it accepts.",
    )


def _validate_value(hint: Any, value: Any) -> Any:
    try:
        return TypeAdapter(hint).validate_python(value)
    except PydanticUserError:  # pydantic has no schema for the type, so there is nothing to validate
        return value


def _generate_from_recipe(recipe: Recipe, *seed: str) -> Any:
    """Generate one value by a recipe, before pydantic validates it."""
    rng, column = SeededRandom(*seed), recipe.column
    match recipe.kind:
        case "none":
            return None
        case "choice":
            return recipe.choices[rng.integer(len(recipe.choices))]
        case "tuple":
            return tuple(_generate_from_recipe(p, *seed, str(i)) for i, p in enumerate(recipe.parts))
        case "record":
            return _generate_record(recipe, seed)
        case "figure":
            return build_stub_figure(recipe.hint, seed[0])
        case "uuid":
            return uuid.UUID(bytes=rng.bits(2).tobytes())
    if column is None:
        raise CannotGenerate(f"the type of {recipe.hint} is not known")
    if recipe.kind in ("list", "set", "mapping"):
        return _generate_collection(recipe, column, seed)
    value = generate_values(column, rng, 1).to_list()[0]
    if recipe.kind == "bytes":
        return value.encode()
    return decimal.Decimal(repr(value)) if recipe.kind == "decimal" else value


def _check_size(recipe: Recipe) -> None:
    """Refuse a value whose collections, each short enough, together need more than ``VALUE_BYTES``.

    Raises:
        CannotGenerate: it needs more, or a text, a collection or a list of choices alone is too long.
    """
    if _count_bytes(recipe) > VALUE_BYTES:
        raise CannotGenerate(
            f"its members need more than {VALUE_BYTES:,} bytes", "lower the min_length of its collections"
        )


def _count_bytes(recipe: Recipe) -> int:
    """Count about how many bytes the value of a recipe needs."""
    check_choices(recipe.choices)
    inner = sum(map(_count_bytes, recipe.parts))
    if recipe.kind in ("list", "set", "mapping") and recipe.column is not None:
        return _choose_size(recipe.column) * max(inner, MEMBER_BYTES)
    if recipe.column is not None and recipe.column.type == "str":
        return max(find_length_range(recipe.column)[0], MEMBER_BYTES)
    return max(inner, MEMBER_BYTES)


def _choose_size(sizes: Column) -> int:
    """Choose the number of members of a collection: the usual one, within the bounds."""
    least, most = find_length_range(sizes)
    size = max(least, DEFAULT_MEMBERS)
    return size if most is None else min(size, most)


def _generate_collection(recipe: Recipe, sizes: Column, seed: tuple[str, ...]) -> Any:
    size = _choose_size(sizes)
    members = [_generate_from_recipe(recipe.parts[0], *seed, str(i)) for i in range(size)]
    if recipe.kind == "list":
        return tuple(members) if recipe.hint is tuple else members
    # A set drops equal members: draw more, but not for ever, since a type such as bool has two values.
    while len(set(members)) < size and len(members) < 20 * (size + 1):
        members.append(_generate_from_recipe(recipe.parts[0], *seed, str(len(members))))
    distinct = list(dict.fromkeys(members))[:size]
    if recipe.kind == "set":
        return set(distinct)
    return {k: _generate_from_recipe(recipe.parts[1], *seed, f"value {i}") for i, k in enumerate(distinct)}


def _generate_record(recipe: Recipe, seed: tuple[str, ...]) -> Any:
    fields = {
        name: _generate_from_recipe(part, *seed, name)
        for name, part in zip(recipe.names, recipe.parts, strict=True)
        if part.kind != "omitted"
    }
    cls = recipe.hint
    return cls(**fields) if isinstance(cls, type) and issubclass(cls, tuple) else fields
