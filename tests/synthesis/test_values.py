"""Values generated from type hints: every type that pydantic accepts, within its bounds."""

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from collections import abc
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, PositiveInt, StringConstraints, TypeAdapter, model_validator
from typing_extensions import TypeAliasType, TypedDict

from magical import Contract, Field, Id, Key, Settings
from magical.contracts.promises import promise_of
from magical.errors import ContractError
from magical.synthesis.generate import GenerateOptions, find_pretend_obstacle, generate


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Score(Contract):
    value: float = Field(ge=0, le=1)
    name: str = Field(examples=["auc"])
    origin: tuple[str, ...] = ()
    note: str | None = None


class Scores(Contract):
    task: Literal["binary", "regression"]
    rows: int = Field(ge=0, le=10)
    metrics: dict[str, Score]


class Limits(Settings):
    low: int = Field(ge=0, le=9)
    high: int = Field(ge=0, le=9)

    @model_validator(mode="after")
    def in_order(self) -> "Limits":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Node(BaseModel):
    name: str
    next: Optional["Node"] = None


class Linked(BaseModel):
    next: "Linked | None"


class Renamed(BaseModel):
    value: int = Field(alias="Value", ge=3, le=3)


class Empty(BaseModel):
    pass


@dataclasses.dataclass
class Point:
    x: float
    y: Annotated[int, Field(ge=1, le=1)]
    label: str = "here"
    hidden: int = dataclasses.field(init=False, default=3)


class Row(TypedDict):
    id: int
    extra: NotRequired[Colour]


class Pair(NamedTuple):
    left: int
    right: str


class Reference(Contract):
    id: Id[int]
    score: Key[Score]


Age = TypeAliasType("Age", Annotated[int, Field(ge=18, le=19)])
Code = NewType("Code", str)

HINTS: list[Any] = [
    int, float, str, bool, dt.date, dt.datetime, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID, bytes, None,
    Annotated[int, Field(ge=5, le=6)], Annotated[float, Field(gt=0, lt=1e-9)], PositiveInt, Age, Code,
    Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}\d$")], Annotated[str, Field(max_length=2)],
    Literal["a", 1, None], Colour, int | None, Optional[str], int | str,  # noqa: UP045
    list[int], list, tuple[int, ...], tuple[int, str], tuple, set[str], frozenset[int], dict[str, float], dict,
    abc.Sequence[int], abc.Mapping[str, bool], Annotated[list[int], Field(min_length=5, max_length=7)],
    dict[Colour, int], set[bool], list[dict[str, tuple[int, Colour]]],
    Score, Scores, Limits, Node, Linked, Renamed, Empty, Point, Row, Pair, Reference, list[Score],
]  # fmt: skip


@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_pydantic_takes_what_is_made_up(hint: Any) -> None:
    assert not find_pretend_obstacle(promise_of(hint))
    value = generate(promise_of(hint), GenerateOptions("seed"))
    TypeAdapter(hint).validate_python(value)
    assert value == generate(promise_of(hint), GenerateOptions("seed"))


def made(hint: Any, seed: str = "seed") -> Any:
    return generate(promise_of(hint), GenerateOptions(seed))


def test_values_of_another_seed_differ() -> None:
    assert len({made(int, str(seed)) for seed in range(20)}) > 15


def test_values_are_of_their_own_types() -> None:
    assert type(made(int)) is int
    assert isinstance(made(Scores).metrics.popitem()[1], Score)
    assert isinstance(made(Point), Point)
    assert made(Point).label == "here"
    assert type(made(Pair)) is Pair
    assert set(made(Row)) == {"id", "extra"}
    assert isinstance(made(frozenset[int]), frozenset)


def test_lists_have_three_members_or_what_their_bounds_say() -> None:
    assert len(made(list[int])) == 3
    assert len(made(Annotated[list[int], Field(min_length=5)])) == 5
    assert len(made(Annotated[tuple[int, ...], Field(max_length=1)])) == 1
    assert len(made(dict[str, int])) == 3
    assert made(set[bool]) == {True, False}


def test_examples_come_first_and_defaults_are_kept() -> None:
    assert made(Score).name == "auc"
    assert made(Score).origin == ()
    assert made(Score).note is not None


def test_validators_are_met_by_trying() -> None:
    for seed in range(20):
        limits = made(Limits, str(seed))
        assert limits.low <= limits.high


@settings(max_examples=30)
@example(2**53 + 1, 0, False)
@given(st.integers(-(2**62), 2**62), st.integers(0, 2**62), st.booleans())
def test_numbers_keep_their_bounds(low: int, width: int, whole: bool) -> None:
    hint = Annotated[int if whole else float, Field(ge=low, le=low + width)]  # type: ignore[valid-type]
    if not whole and not width and float(low) != low:  # between two floats there is none
        with pytest.raises(ContractError, match="no float is"):
            made(hint)
        return
    assert low <= made(hint) <= low + width


def test_a_figure_says_that_it_is_not_real() -> None:
    figure = pytest.importorskip("matplotlib.figure")
    drawn = made(figure.Figure, "roc[2]")
    assert [t.get_text() for t in drawn.texts] == ["not real: roc[2]"]


def test_a_figure_of_plotly_says_that_it_is_not_real() -> None:
    objects = pytest.importorskip("plotly.graph_objects")
    assert made(objects.Figure, "roc").layout.title.text == "not real: roc"


def test_a_figure_of_altair_says_that_it_is_not_real() -> None:
    altair = pytest.importorskip("altair")
    assert made(altair.Chart, "roc").to_dict()["title"] == "not real: roc"


def test_a_model_and_a_pipeline_are_stand_ins() -> None:
    from sklearn.pipeline import Pipeline

    from magical import Frame, Model, Target
    from magical.synthesis.stub_models import is_stub

    class Customer(Contract):
        age: int
        stays: Target[bool]

    table = generate(promise_of(Frame[Customer]), GenerateOptions("seed"))
    model = generate(
        promise_of(Model), GenerateOptions("seed"), inputs=[(promise_of(Frame[Customer]), table)]
    )
    assert is_stub(model)
    assert model.classes == (False, True)
    assert is_stub(generate(promise_of(Pipeline), GenerateOptions("seed")))
