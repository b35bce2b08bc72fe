"""Recipes of type hints, and the words where nobody can guess a value."""

import datetime as dt
import decimal
import enum
import re
import uuid
from collections import abc
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from magical import Contract, Field, Id, Key
from magical.contracts.model import Model
from magical.contracts.promises import Frame, Parts, Promise, promise_of
from magical.errors import ContractError
from magical.synthesis.strategies import (
    OMITTED,
    PRETEND_HINT,
    Recipe,
    UnsupportedHint,
    find_pretend_obstacle,
    find_recipe,
    pretence_json,
    pretend_error,
)
from projects import is_well_worded


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Plain:
    """A class of which nothing is known."""


class Node(BaseModel):
    value: int
    next: "Node"


class Tree(BaseModel):
    value: int
    children: list["Tree"] = []
    parent: Optional["Tree"] = None


class Shop(Contract):
    id: Id[int]


class Filled(BaseModel):
    kind: str = Field(examples=["a", "b"])
    note: str = "none"
    more: str | None = None
    odd: Node | None = None
    size: int = Field(ge=3, alias="Size")


class Row(Contract):
    id: Id[int]
    kind: str = Field(examples=["a", "b"])


@dataclass
class Point:
    x: float
    tags: list[str] = field(default_factory=list)
    hidden: int = field(default=0, init=False)


class Pair(NamedTuple):
    left: int
    right: str


class Options(TypedDict):
    name: str
    odd: NotRequired[slice]


def bounds(recipe: Recipe) -> dict[str, Any]:
    assert recipe.column is not None
    return dict(recipe.column.bounds)


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        (None, "none"),
        (int, "column"),
        (dt.date, "column"),
        (Literal["a", 1], "choice"),
        (Colour, "choice"),
        (bytes, "bytes"),
        (decimal.Decimal, "decimal"),
        (uuid.UUID, "uuid"),
        (list, "list"),
        (abc.Iterable[int], "list"),
        (frozenset[str], "set"),
        (dict, "mapping"),
        (abc.Mapping[str, int], "mapping"),
        (tuple[int, str], "tuple"),
        (tuple[int, ...], "list"),
        (tuple[()], "tuple"),
        (NewType("UserId", int), "column"),
        (int | None, "column"),
        (Plain | None, "none"),
        (Plain | int, "column"),
        (Point, "record"),
        (Pair, "record"),
        (Options, "record"),
    ],
)
def test_kinds(hint: Any, kind: str) -> None:
    assert find_recipe(hint).kind == kind


@pytest.mark.parametrize(
    ("hint", "name"),
    [
        (Plain, "Plain"),
        (slice, "slice"),
        (list[Plain], "Plain"),
        (Plain | slice, "slice"),
        (abc.Callable[[int], int], "Callable"),
        (Node, "Node.next (Node)"),
        (dict[str, Node], "Node.next (Node)"),
        (NewType("Odd", Plain), "Plain"),
    ],
)
def test_what_nobody_can_guess_is_named(hint: Any, name: str) -> None:
    with pytest.raises(UnsupportedHint, match=re.escape(name)):
        find_recipe(hint)


def test_bounds_of_annotations_reach_the_value() -> None:
    assert bounds(find_recipe(Annotated[int, Field(ge=3, lt=9)])) == {"ge": 3, "lt": 9}
    assert bounds(find_recipe(Annotated[NewType("Age", int), Field(ge=3)])) == {"ge": 3}
    sized = find_recipe(Annotated[list[int], Field(min_length=4)])
    assert bounds(sized) == {"min_length": 4}
    assert bounds(sized.parts[0]) == {}
    assert bounds(find_recipe(Annotated[decimal.Decimal, Field(gt=0)])) == {"gt": 0}


def test_members_have_recipes_of_their_own() -> None:
    assert [p.kind for p in find_recipe(tuple[int, Colour, None]).parts] == ["column", "choice", "none"]
    assert [p.hint for p in find_recipe(dict).parts] == [str, int]
    assert [p.hint for p in find_recipe(set).parts] == [str]


def test_fields_come_from_examples_then_defaults_then_types() -> None:
    recipe = find_recipe(Filled)
    parts = dict(zip(recipe.names, recipe.parts, strict=True))
    assert list(parts) == ["kind", "note", "more", "odd", "Size"]
    assert parts["kind"].choices == ("a", "b")
    assert parts["note"] == OMITTED
    assert (parts["more"].kind, parts["odd"].kind) == ("column", "none")
    assert bounds(parts["Size"]) == {"ge": 3}


def test_only_what_a_record_requires_is_made() -> None:
    assert find_recipe(Point).names == ("x",)
    assert find_recipe(Pair).names == ("left", "right")
    options = find_recipe(Options)
    assert (options.names, options.parts[1]) == (("name", "odd"), OMITTED)
    tree = find_recipe(Tree)
    assert dict(zip(tree.names, (p.kind for p in tree.parts), strict=True)) == {
        "value": "column",
        "children": "omitted",
        "parent": "none",
    }


def test_a_record_without_fields_is_one() -> None:
    class Empty(BaseModel):
        pass

    assert find_recipe(Empty) == Recipe("record", Empty)


def test_a_key_is_a_whole_number_from_1() -> None:
    recipe = find_recipe(Key[Shop])
    assert recipe.kind == "column"
    assert bounds(recipe) == {"ge": 1}


@pytest.mark.parametrize(
    "promise", [Frame[Row], Parts[Row], Model, None, int, list[Frame[Row]], tuple[int, Model]]
)
def test_promises_without_an_obstacle(promise: Any) -> None:
    assert find_pretend_obstacle(promise_of(promise)) == ""


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        (promise_of(Frame), "it promises Frame, which says nothing of its columns"),
        (promise_of(Parts), "it promises Parts, which says nothing of its columns"),
        (promise_of(tuple[int, Frame]), "it promises Frame, which says nothing of its columns"),
        (Promise("any"), "which says nothing of what it is"),
        (promise_of(dict[str, Plain]), "and nobody can guess what Plain is"),
    ],
)
def test_obstacles(promise: Promise, words: str) -> None:
    assert words in find_pretend_obstacle(promise)
    error = pretend_error("load (flow.py:3)", promise)
    assert isinstance(error, ContractError)
    assert str(error).startswith("load (flow.py:3) cannot be pretended: it promises ")
    assert error.hint == PRETEND_HINT
    assert is_well_worded(str(error))


def test_the_key_of_a_pretence_follows_all_that_it_depends_on() -> None:
    def key(hint: Any) -> dict[str, Any]:
        return pretence_json(promise_of(hint))

    assert key(int) == key(int)
    assert key(Annotated[int, Field(ge=3)]) != key(Annotated[int, Field(ge=4)])
    assert key(Literal["a"]) != key(Literal["b"])
    assert "recipe" not in key(slice)
    assert key(Frame[Row])["schema"]["columns"][1]["examples"] == ["'a'", "'b'"]
    assert ["recipe" in item for item in key(tuple[int, slice])["items"]] == [True, False]
