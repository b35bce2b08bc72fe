"""Findings about weak contracts, and steps that promise nothing."""

from datetime import date
from typing import Any, Literal, TypeVar

import polars as pl
import pytest

from magical import Contract, Field, Frame, Group, Id, Key, Parts, Target, Time, step, workflow
from magical.checks.weak import find_weak_contracts, find_weak_steps
from magical.errors import Finding
from magical.graph import Graph

C = TypeVar("C")


class Shop(Contract):
    id: Id[int]
    size: float = Field(gt=0)


class Order(Contract):
    id: Id[int]
    shop: Key[Shop]
    region: Group[int]
    when: Time[date]
    kind: Literal[1, 2]
    text: str
    paid: bool
    count: int = Field(ge=0)
    share: float | None = Field(le=1)
    answered: Target[bool]


class Loose(Contract):
    id: Id[int]
    amount: float | None
    count: int
    thing: Any
    price: Target[float]


class Looser(Loose):
    further: int


def contracts(*made: Any) -> list[Finding]:
    @workflow
    def flow() -> Any:
        return [one() for one in made][-1]

    graph = flow.draw()
    return list(find_weak_contracts(graph))


def alone(one: Any) -> Graph:
    @workflow
    def flow() -> Any:
        return one()

    return flow.draw()


@step
def orders() -> Frame[Order]:
    return pl.DataFrame()


@step
def loose() -> Frame[Loose]: ...


@step
def looser() -> Frame[Looser]: ...


@step
def untyped():  # type: ignore[no-untyped-def]
    return 1


@step
def anything() -> Any:
    return 1


@step
def thing() -> object:
    return 1


@step
def raw() -> Frame:
    return pl.DataFrame()


@step
def same(table: Frame[C]) -> Frame[C]:
    return table


@step
def nothing() -> None: ...


def test_a_contract_with_bounds_is_strong() -> None:
    assert contracts(orders) == []


def test_numbers_without_a_bound_and_columns_of_any_type_are_one_finding_a_contract() -> None:
    (found,) = contracts(loose)
    assert (found.code, found.severity, found.step) == ("WEAK001", "warning", "Loose")
    assert found.what.startswith(
        "says little of its columns amount, count, thing (Any), price (test_weak.py:"
    )
    assert found.what.endswith("): any value will do.")


def test_a_column_is_told_of_where_it_is_declared() -> None:
    @step
    def both(one: Frame[Loose], other: Frame[Looser]) -> Frame[Looser]: ...

    @workflow
    def flow() -> Any:
        return both(loose(), looser())

    first, second = find_weak_contracts(flow.draw())
    assert [first.step, second.step] == ["Loose", "Looser"]
    assert "its column further (" in second.what


def test_a_contract_that_is_only_an_argument_counts() -> None:
    @step
    def typed(table: Frame, contract: type[C]) -> Frame[C]:
        return table

    @workflow
    def flow() -> Any:
        return typed(raw(), Loose)

    assert [f.step for f in find_weak_contracts(flow.draw())] == ["Loose"]


def test_a_split_promises_columns_too() -> None:
    @step
    def cut() -> Parts[Loose]: ...

    assert [f.step for f in contracts(cut)] == ["Loose"]


@pytest.mark.parametrize("one", [untyped, anything, thing], ids=lambda s: s.name)
def test_a_step_that_promises_nothing_is_weak(one: Any) -> None:
    (found,) = find_weak_steps(alone(one))
    assert (found.code, found.severity, found.step) == ("WEAK002", "warning", one.name)
    assert found.what.startswith("promises nothing (test_weak.py:")


@pytest.mark.parametrize("one", [orders, raw, nothing], ids=lambda s: s.name)
def test_a_table_or_none_is_a_promise(one: Any) -> None:
    assert list(find_weak_steps(alone(one))) == []


def test_a_type_variable_is_a_promise() -> None:
    @workflow
    def flow() -> Any:
        return same(orders())

    assert list(find_weak_steps(flow.draw())) == []


def test_a_step_called_twice_is_told_of_once() -> None:
    @workflow
    def flow() -> Any:
        return [anything(), anything()]

    assert len(list(find_weak_steps(flow.draw()))) == 1
