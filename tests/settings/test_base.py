"""Settings are frozen, closed, and the same after JSON and back."""

import datetime as dt
import enum
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from magical import Field, InputPath, Settings
from magical.errors import SettingsError
from magical.settings import TaggedSettings, import_string, to_json


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Shape(TaggedSettings): ...


class Circle(Shape):
    radius: float = 1.0


class Square(Shape):
    side: float = 1.0
    colour: Colour = Colour.RED


class Big(Square):
    name: str = "big"


class Log(Shape):
    """A kind with a typed ``__init__`` of its own, as features have."""

    column: str
    plus: float = 1.0

    def __init__(self, column: str, *, plus: float = 1.0) -> None:
        super().__init__(column=column, plus=plus)  # type: ignore[call-arg]


class Inner(Settings):
    numbers: tuple[int, ...] = ()
    shape: Shape | None = None


class Outer(Settings):
    name: str = "n"
    count: int = Field(default=3, ge=0)
    rate: float = 0.5
    when: dt.date | None = None
    at: dt.datetime | None = None
    took: dt.timedelta | None = None
    colour: Colour = Colour.RED
    choice: Literal["a", 1, True] = "a"
    shapes: tuple[Shape, ...] = ()
    named: dict[str, Shape] = {}  # noqa: RUF012
    inner: Inner = Inner()
    either: int | str | None = None
    chosen: frozenset[int] = frozenset()


SHAPES = st.one_of(
    st.builds(Circle, radius=st.floats(-9, 9)),
    st.builds(Square, side=st.floats(-9, 9), colour=st.sampled_from(Colour)),
    st.builds(Big, name=st.text(max_size=3)),
    st.builds(Log, column=st.text(max_size=3), plus=st.floats(0, 2)),
)
INNERS = st.builds(Inner, numbers=st.lists(st.integers(), max_size=3).map(tuple), shape=st.none() | SHAPES)
OUTERS = st.builds(
    Outer,
    name=st.text(max_size=5),
    count=st.integers(0, 2**70),
    rate=st.floats(allow_nan=False),
    when=st.none() | st.dates(),
    at=st.none() | st.datetimes(),
    took=st.none()
    | st.timedeltas(dt.timedelta(-999), dt.timedelta(999)).map(lambda t: dt.timedelta(t.days, t.seconds)),
    colour=st.sampled_from(Colour),
    choice=st.sampled_from(["a", 1, True]),
    shapes=st.lists(SHAPES, max_size=3).map(tuple),
    named=st.dictionaries(st.text(max_size=3), SHAPES, max_size=2),
    inner=INNERS,
    either=st.none() | st.integers() | st.text(max_size=3),
    chosen=st.frozensets(st.integers(), max_size=3),
)


@settings(max_examples=40, deadline=None)
@given(OUTERS)
def test_settings_survive_json_and_back(outer: Outer) -> None:
    data = json.loads(json.dumps(to_json(outer)))
    again = Outer.model_validate(data)
    assert again == outer
    assert [type(s) for s in again.shapes] == [type(s) for s in outer.shapes]
    assert to_json(again) == to_json(outer)


@given(OUTERS, OUTERS)
def test_different_settings_are_different_in_json(one: Outer, other: Outer) -> None:
    assert (to_json(one) == to_json(other)) == (one == other)


@pytest.mark.parametrize("cls", [Outer, Circle, Log])
def test_pydantic_s_own_json_is_read_too(cls: type[Settings]) -> None:
    made = cls("x") if cls is Log else cls()  # type: ignore[call-arg]
    base = Shape if issubclass(cls, Shape) else cls
    assert base.model_validate_json(made.model_dump_json()) == made
    assert base.model_validate(made.model_dump()) == made


def test_each_kind_is_told_by_its_class() -> None:
    assert to_json(Circle()) == {"kind": "Circle", "radius": 1.0}
    assert to_json(Big())["kind"] == "Big"
    assert Shape.model_validate({"kind": "Big"}) == Big()
    assert Circle.model_validate({"kind": "Circle", "radius": 2}) == Circle(radius=2)
    assert Circle.model_validate({"radius": 2}) == Circle(radius=2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"radius": 1}, "each Shape needs a kind: Circle, Square, Big, Log"),
        ({}, "each Shape needs a kind"),
        ({"kind": "Circel"}, "there is no Shape 'Circel'; did you mean 'Circle'"),
        (
            {"kind": "Moon"},
            "no Shape 'Moon'; one of the project is known once the workflow imports its module",
        ),
        ({"kind": "Circle", "side": 1}, "side"),
        ({"kind": 3}, "there is no Shape 3"),
        (3, "Shape"),
    ],
)
def test_a_wrong_kind_is_refused(data: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Shape.model_validate(data)


def test_families_do_not_mix() -> None:
    class Other(TaggedSettings): ...

    class Round(Other): ...

    assert "Round" not in Shape.kinds
    assert set(Other.kinds) == {"Round"}
    with pytest.raises(ValidationError):
        Inner(shape=Round())  # type: ignore[arg-type]


def test_settings_are_closed_and_frozen() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Outer(nmae="x")  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="frozen"):
        Outer().name = "x"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        type("Wrong", (Settings,), {"__annotations__": {"x": int}, "x": "many"})()


JSON = {
    "text": ("ü", "ü"),
    "none": (None, None),
    "true": (True, True),
    "int": (3, 3),
    "float": (0.5, 0.5),
    "infinity": (math.inf, "inf"),
    "nan": (math.nan, "nan"),
    "enum": (Colour.RED, "red"),
    "date": (dt.date(2024, 1, 31), "2024-01-31"),
    "datetime": (dt.datetime(2024, 1, 31, 10), "2024-01-31T10:00:00"),
    "time": (dt.time(1, 2), "01:02:00"),
    "duration": (dt.timedelta(hours=1), 3600.0),
    "path": (Path("a/b"), "a/b"),
    "input": (InputPath("a/b", Path("/p")), "a/b"),
    "list": ([1, (2,)], [1, [2]]),
    "set": ({3, 1, 2}, [1, 2, 3]),
    "dict": ({1: (2,)}, {"1": [2]}),
    "class": (Counter, "collections:Counter"),
    "function": (import_string, "magical.settings.base:import_string"),
    "builtin": (len, "builtins:len"),
    "settings": (Inner(numbers=(1,)), {"numbers": [1], "shape": None}),
}


@pytest.mark.parametrize("name", JSON)
def test_the_form_in_json(name: str) -> None:
    value, wanted = JSON[name]
    assert to_json(value) == wanted


def test_infinity_survives_json() -> None:
    assert Outer.model_validate(to_json(Outer(rate=math.inf))).rate == math.inf


@pytest.mark.parametrize("value", [object(), 1j, b"x", range(3)], ids=lambda v: type(v).__name__)
def test_what_has_no_form_is_refused(value: Any) -> None:
    with pytest.raises(SettingsError, match="Settings cannot contain a value of type"):
        to_json({"x": [value]})


def test_a_special_case_is_asked_first() -> None:
    def special(value: Any) -> Any:
        return "seven" if value == 7 else NotImplemented

    assert to_json({"x": [7, 8]}, special) == {"x": ["seven", 8]}
