"""The choice of the steps that a run pretends, as a rewriting of the graph."""

from typing import Any

import polars as pl
import pytest

from magical import Contract, Frame, Id, InputPath, Key, OutputPath, Receipt, step, workflow
from magical.engine.pretend_plan import ALL, SOURCES, UNWRITTEN, Pretence
from magical.errors import UsageError, WiringError
from magical.graph import Graph
from magical.refs import Link
from projects import is_well_worded


class Customer(Contract):
    id: Id[int]


class Order(Contract):
    id: Id[int]
    customer: Key[Customer]


class Chicken(Contract):
    id: Id[int]
    hatched_from: Key["Egg"]


class Egg(Contract):
    id: Id[int]
    laid_by: Key[Chicken]


class Lost(Contract):
    id: Id[int]
    customer: Key["Custmer"]  # noqa: F821


@step
def raw(source: InputPath) -> Frame:
    return pl.read_csv(source)


@step
def tidied(raw: Frame) -> Frame:
    return raw


@step
def height(raw: Frame) -> int:
    return raw.height


@step
def customers(raw: Frame) -> Frame[Customer]:
    return raw


@step
def orders() -> Frame[Order]: ...


@step
def more(orders: Frame[Order], customers: Frame[Customer]) -> Frame[Order]: ...


@step
def chickens() -> Frame[Chicken]: ...


@step
def eggs() -> Frame[Egg]: ...


@step
def bought(customers: Frame[Customer], orders: Frame[Order]) -> Frame[Customer]:
    return customers.join(orders, left_on="id", right_on="customer", how="semi")


@step
def export(customers: Frame[Customer], target: OutputPath) -> int:
    customers.write_csv(target)
    return customers.height


@step(writes="world")
def publish(customers: Frame[Customer]) -> Receipt:
    raise AssertionError("nothing is published")


@step(reads="world")
def weather(customers: Frame[Customer]) -> int:
    return 3


@workflow
def shop() -> Any:
    rows = tidied(raw(InputPath("x.csv")))
    everybody = customers(rows)
    active = bought(everybody, orders())
    publish(active)
    return [active, height(rows), export(active, OutputPath("y.csv")), weather(active)]


def made(graph: Graph) -> set[str]:
    return {n.name for n in graph.nodes if n.facts.get("pretended")}


def cut(graph: Graph) -> set[str]:
    return {n.name for n in graph.nodes if n.facts.get("cut")}


def test_nothing_to_make_up_leaves_the_graph_as_it_is() -> None:
    @workflow
    def real() -> Any:
        return height(raw(InputPath("x.csv")))

    graph = real.draw()
    assert Pretence()(graph) is graph


def test_a_run_makes_up_what_has_no_body_and_keeps_made_up_rows_off_the_disk() -> None:
    graph = Pretence()(shop.draw())
    assert made(graph) == {"orders", "export"}
    assert not cut(graph)


def test_sources_are_made_up_where_columns_are_promised_first() -> None:
    graph = Pretence(SOURCES)(shop.draw())
    assert cut(graph) == {"raw", "tidied"}
    assert made(graph) == {"orders", "customers", "height", "weather", "export", "publish"}
    assert not graph.by_name["customers"].inputs
    wanted = {n.name for n in graph.required_nodes}
    assert wanted == {n.name for n in graph.nodes} - cut(graph)
    assert "reads" not in graph.by_name["weather"].facts


def test_all_is_all() -> None:
    graph = Pretence(ALL, rows=7)(shop.draw())
    assert made(graph) | cut(graph) == {n.name for n in graph.nodes}
    assert graph.by_name["bought"].facts["pretended"] == 7


def test_a_made_up_table_is_given_the_ids_that_its_keys_name() -> None:
    graph = Pretence()(shop.draw())
    assert graph.by_name["orders"].inputs == {"key of Customer": Link("customers")}
    names = [n.name for n in graph.nodes]
    assert names.index("customers") < names.index("orders")


def test_what_is_given_anyway_is_not_given_twice() -> None:
    @workflow
    def flow() -> Any:
        people = customers(raw(InputPath("x.csv")))
        return more(orders(), people)

    graph = Pretence()(flow.draw())
    assert set(graph.by_name["more"].inputs) == {"orders", "customers"}


def test_a_table_that_follows_from_the_keys_is_no_parent() -> None:
    @step
    def people(orders: Frame[Order]) -> Frame[Customer]: ...

    @workflow
    def flow() -> Any:
        return people(orders())

    graph = Pretence()(flow.draw())
    assert not graph.by_name["orders"].inputs


def test_keys_in_a_circle() -> None:
    @workflow
    def farm() -> Any:
        return [chickens(), eggs()]

    with pytest.raises(WiringError) as caught:
        Pretence()(farm.draw())
    assert str(caught.value) == (
        "chickens, eggs cannot be pretended: each has a Key of a table that needs its own ids first.\n"
        "Hint: take Key[...] off one of the contracts, or write one of the steps."
    )


def test_an_unknown_parent() -> None:
    @step
    def lost() -> Frame[Lost]: ...

    @workflow
    def flow() -> Any:
        return [lost(), customers(raw(InputPath("x.csv")))]

    with pytest.raises(WiringError) as caught:
        Pretence()(flow.draw())
    assert str(caught.value) == (
        "Lost.customer is Key['Custmer'], but no step gives a table of that contract.\n"
        "Hint: did you mean 'Customer'? There are: Lost, Customer."
    )


@pytest.mark.parametrize(("mode", "rows"), [("everything", 3), (UNWRITTEN, 0), (ALL, "many"), (ALL, True)])
def test_what_is_no_pretence(mode: str, rows: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Pretence(mode, rows)
    assert is_well_worded(str(caught.value))


def test_a_graph_read_back_is_rewritten_the_same() -> None:
    graph = shop.draw()
    for mode in (UNWRITTEN, SOURCES, ALL):
        assert Pretence(mode)(Graph.from_json(graph.to_json())) == Pretence(mode)(graph)
