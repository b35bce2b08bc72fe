"""Settings that the workflow never reads, and outputs that no later step needs."""

from datetime import date
from typing import Any, TypeVar

import polars as pl
import pytest
from pydantic import model_validator

from magical import Contract, Field, Frame, Id, Model, Parts, Settings, Target, step, workflow
from magical.checks.unused import find_unused_outputs, find_unused_settings

C = TypeVar("C")


# --- settings ---------------------------------------------------------------------------------------------------


class Cleaning(Settings):
    max_age: int = 90
    min_age: int = 0


class Some(Settings):
    a: int = 1
    b: int = 2
    cleaning: Cleaning = Cleaning()


@step
def number(x: Any = 1) -> int:
    return 1


def unread(function: Any) -> list[str]:
    return [f.step for f in find_unused_settings(workflow(function))]


def helper(s: Some) -> int:
    return s.b


def reads_all(s: Some) -> Any:
    return [number(s.a), number(s.b), number(s.cleaning)]


def reads_one(s: Some) -> Any:
    return number(s.a)


def reads_inside(s: Some) -> Any:
    return [number(s.a), number(s.b), number(s.cleaning.max_age)]


def passes_on(s: Some) -> Any:
    return number(helper(s))


def asks_by_name(s: Some) -> Any:
    return number(getattr(s, "b"))  # noqa: B009


def gives_another_name(s: Some) -> Any:
    t = s
    return number(t.b)


def unpacks(s: Some) -> Any:
    return number(**{"x": s.model_dump()["a"]})


def takes_a_group(s: Some) -> Any:
    c = s.cleaning
    return number(s.a + s.b + c.max_age)


def in_a_loop(s: Some) -> Any:
    return [number(x) for x in (s.a, s.b, s.cleaning.max_age, s.cleaning.min_age)]


def reads_nothing(s: Some) -> Any:
    return number()


def takes_none() -> Any:
    return number()


READ = {
    reads_all: [],
    reads_one: ["b", "cleaning.max_age", "cleaning.min_age"],
    reads_inside: ["cleaning.min_age"],
    passes_on: [],
    asks_by_name: [],
    gives_another_name: [],
    unpacks: [],
    takes_a_group: [],
    in_a_loop: [],
    reads_nothing: ["a", "b", "cleaning.max_age", "cleaning.min_age"],
    takes_none: [],
}


@pytest.mark.parametrize("function", READ, ids=lambda f: f.__name__)
def test_a_setting_that_is_never_read_is_a_warning(function: Any) -> None:
    assert unread(function) == READ[function]


def test_it_says_which_class_and_which_workflow() -> None:
    (found,) = find_unused_settings(workflow(reads_inside))
    assert (found.code, found.severity) == ("WIRE003", "warning")
    assert str(found) == (
        "warning WIRE003 cleaning.min_age: is a setting of Some that reads_inside never reads: "
        "setting it changes nothing.\nHint: pass it to a step, or delete it."
    )


def test_what_the_class_itself_uses_is_used() -> None:
    class Own(Settings):
        low: int = 1
        high: int = 2
        today: date = date(2024, 1, 1)
        step: int = 3

        @model_validator(mode="after")
        def _in_order(self) -> "Own":
            assert self.low < self.high
            return self

        @property
        def year(self) -> int:
            return self.today.year

    def flow(s: Own) -> Any:
        return number(s.year)

    flow.__annotations__["s"] = Own
    assert unread(flow) == []  # a property may read anything

    def plain(s: Own) -> Any:
        return number(1)

    plain.__annotations__["s"] = Own
    assert unread(plain) == ["step"]


def one_of_two(s: Some) -> Any:
    return number(s.a)


def the_other(s: Some) -> Any:
    return [number(s.b), number(s.cleaning)]


def test_what_another_workflow_of_the_module_reads_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "other_flow", workflow(the_other))
    assert unread(one_of_two) == []
    monkeypatch.delitem(globals(), "other_flow")
    assert unread(one_of_two) == ["b", "cleaning.max_age", "cleaning.min_age"]


# --- outputs ----------------------------------------------------------------------------------------------------


class Row(Contract):
    id: Id[int]
    x: int = Field(ge=0)
    answered: Target[bool]


class Wide(Row):
    twice: int = Field(ge=0)
    half: float = Field(ge=0)


@step
def rows() -> Frame[Row]:
    return pl.DataFrame()


@step
def widened(table: Frame[Row]) -> Frame[Wide]:
    return table


@step
def cut(table: Frame[C]) -> Parts[C]:
    raise AssertionError


@step
def fit(table: Frame[C]) -> Model:
    raise AssertionError


@step
def pair(table: Frame) -> tuple[int, float]:
    raise AssertionError


@step
def narrow(table: Frame[Row]) -> float:
    return float(table["x"].sum())


@step
def by_text(table: Frame[Row]) -> float:
    return float(table["half"].sum() + table["twice"].sum())


@step
def by_attribute(table: Frame[Row]) -> float:
    return float(table.select(pl.col.half.sum() + pl.col.twice.sum()).item())


@step
def passes(table: Frame[Row]) -> Frame[Wide]:
    return table


@step
def wide(table: Frame[Wide]) -> float:
    return 1.0


@step
def any_table(table: Frame) -> float:
    return 1.0


@step
def any_rows(table: Frame[C]) -> Frame[C]:
    return table


@step
def trained(table: Frame[Row]) -> Model:
    raise AssertionError


@step
def by_selector(table: Frame[Row]) -> float:
    return float(table.select(pl.selectors.starts_with("ha")).sum().item())


@step(promises=lambda table: table.without(["half"]))
def without_half(table: Frame[Row]) -> Frame:
    return table


def lost(function: Any) -> list[tuple[str, str]]:
    return [(f.step, f.what) for f in find_unused_outputs(workflow(function).draw())]


def test_a_part_that_nobody_takes_is_a_note() -> None:
    def flow() -> Any:
        train, validation, _ = cut(rows())
        return [fit(train), any_table(validation)]

    (found,) = find_unused_outputs(workflow(flow).draw())
    assert (found.code, found.severity, found.step) == ("WIRE004", "note", "cut")
    assert found.what == "gives test, which no later step needs."


def test_parts_taken_as_a_whole_are_all_needed() -> None:
    @step
    def look(parts: Parts) -> int:
        raise AssertionError

    assert lost(lambda: look(cut(rows()))) == []
    assert lost(lambda: cut(rows())) == []


def test_a_part_that_only_an_unused_step_takes_is_not_needed() -> None:
    def flow() -> Any:
        train, _, test = cut(rows())
        any_table(test)
        return fit(train)

    assert lost(flow) == [("cut", "gives validation, test, which no later step needs.")]


def test_a_member_of_a_tuple_that_nobody_takes_is_a_note() -> None:
    def flow() -> Any:
        _, second = pair(rows())
        return number(second)

    assert lost(flow) == [("pair", "gives member 0 of its tuple, which no later step needs.")]
    assert lost(lambda: pair(rows())) == []


def test_an_added_column_that_nobody_asks_for_is_a_note() -> None:
    assert lost(lambda: narrow(widened(rows()))) == [
        ("widened", "gives twice, half, which no later step needs.")
    ]


def test_of_several_takers_one_is_enough() -> None:
    def flow() -> Any:
        table = widened(rows())
        return [narrow(table), wide(table)]

    assert lost(flow) == []


def test_a_column_that_is_taken_out_again_is_not_needed() -> None:
    assert lost(lambda: without_half(widened(rows()))) == []  # its body may use twice, and it gives the rest
    assert lost(lambda: fit(without_half(widened(rows())))) == []


@pytest.mark.parametrize(
    "taker", [by_text, by_attribute, passes, wide, any_table, any_rows, cut, fit, trained, by_selector]
)
def test_a_column_may_be_needed_in_many_ways(taker: Any) -> None:
    assert lost(lambda: taker(widened(rows()))) == []


def test_what_is_returned_is_needed() -> None:
    assert lost(lambda: widened(rows())) == []


def test_a_source_may_describe_all_that_there_is() -> None:
    @step
    def source() -> Frame[Wide]:
        return pl.DataFrame()

    assert lost(lambda: narrow(source())) == []
