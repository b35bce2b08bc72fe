"""Drawing: a workflow is called once, with references in the place of results."""
# ruff: noqa: RUF059

from collections.abc import Sequence
from typing import Any, TypeVar

import polars as pl
import pytest

from magical import Contract, Field, Frame, Id, Parts, Settings, partition, rule, step, workflow
from magical.errors import UsageError, WiringError
from magical.graph import Graph
from magical.refs import Link
from magical.views.mermaid import render_mermaid
from magical.views.page import render_page
from magical.views.picture import build_picture

C = TypeVar("C")


class Row(Contract):
    id: Id[int]
    x: int


class More(Row):
    y: int | None


class Strict(Row):
    x: int = Field(ge=0)

    @rule
    def odd(cls) -> pl.Expr:
        return pl.col("x") % 2 == 1


class Named(Settings):
    name: str = ""
    k: int = 1


class Ways(Settings):
    ways: tuple[Named, ...] = (Named(name="linear"), Named(name="boosting"))
    deep: bool = False
    n: int = 3


@step
def rows(n: int = 3) -> Frame[Row]:
    return pl.DataFrame({"id": range(n), "x": range(n)})


@step
def wide(n: int = 3) -> Frame[More]:
    return pl.DataFrame({"id": range(n), "x": range(n), "y": None})


@step
def same(table: Frame[C]) -> Frame[C]:
    return table


@step
def size(table: Frame) -> int:
    return table.height


@step
def strict(table: Frame[Strict]) -> int:
    return table.height


@step
def tune(table: Frame, way: Named | None = None, other: Any = None) -> int:
    return table.height + (way.k if way else 0)


@step
def total(ns: Sequence[int]) -> int:
    return sum(ns)


@step
def stacked(tables: list[Frame[Row]]) -> int:
    return sum(t.height for t in tables)


@step
def split(table: Frame[C]) -> Parts[C]:
    n = table.height
    return partition(table, ["train"] * (n - 2) + ["validation", "test"])


@step
def both(table: Frame[C]) -> tuple[Frame[C], int]:
    return table, table.height


@step
def part_sizes(parts: Parts[Row]) -> int:
    return sum(p.height for p in parts)


@step
def maybe(table: Frame[More] | None = None) -> int:
    return 0 if table is None else table.height


def drawn(function: Any, settings: Settings | None = None) -> Graph:
    return workflow(function).draw(settings)


def names(graph: Graph) -> list[str]:
    return [n.name for n in graph.nodes]


# --- names ------------------------------------------------------------------------------------------------------


def flow_of_ways(s: Ways) -> int:
    table = rows(s.n)
    return total([tune(table, w) for w in s.ways])


def flow_of_twins() -> int:
    table = rows()
    return total([tune(table, Named(name="a")), tune(table, Named(name="a"))])


def flow_of_some_named() -> int:
    table = rows()
    return total([tune(table, Named(name="a")), tune(table)])


def flow_once() -> int:
    return tune(rows(), Named(name="a"))


NAMES = {
    "once": (flow_once, ["rows", "tune"]),
    "by the names of settings": (flow_of_ways, ["rows", "tune[linear]", "tune[boosting]", "total"]),
    "of one name": (flow_of_twins, ["rows", "tune[1]", "tune[2]", "total"]),
    "where one has none": (flow_of_some_named, ["rows", "tune[1]", "tune[2]", "total"]),
}


@pytest.mark.parametrize("name", NAMES)
def test_nodes_are_named_by_their_step(name: str) -> None:
    function, wanted = NAMES[name]
    assert names(drawn(function)) == wanted


def test_the_name_that_nodes_share_is_what_a_misspelled_one_nearly_is() -> None:
    with pytest.raises(UsageError, match="There is no step 'tun'") as caught:
        drawn(flow_of_ways, Ways()).node("tun")
    assert caught.value.hint == "did you mean 'tune'? There are: rows, tune[linear], tune[boosting], total."


def test_names_are_stable_when_another_is_added() -> None:
    ways = (Named(name="forest"), *Ways().ways)
    assert names(drawn(flow_of_ways, Ways(ways=ways))) == [
        "rows",
        "tune[forest]",
        "tune[linear]",
        "tune[boosting]",
        "total",
    ]


def flow_of_data() -> int:
    customers = rows()
    typed: Any = same(customers)
    train, validation, test = split(typed)
    (first, count) = both(train)
    if (sized := size(first)) is not None:
        pass
    several = [size(validation), size(test)]
    spread = same(
        same(
            typed,
        ),
    )
    return total([count, sized, *several, size(spread)])


def test_data_take_the_names_they_are_assigned_to() -> None:
    graph = drawn(flow_of_data)
    assert [(n.name, n.data) for n in graph.nodes] == [
        ("rows", "customers"),
        ("same[1]", "typed"),
        ("split", "split"),
        ("both", "both"),
        ("size[1]", "sized"),
        ("size[2]", "size"),
        ("size[3]", "size"),
        ("same[2]", "same"),
        ("same[3]", "spread"),
        ("size[4]", "size"),
        ("total", "total"),
    ]


# --- wires ------------------------------------------------------------------------------------------------------


def test_links_say_which_part() -> None:
    graph = drawn(flow_of_data)
    assert graph.by_name["both"].inputs == {"table": Link("split", "train")}
    assert graph.by_name["total"].inputs["ns"] == (
        Link("both", "1"),
        Link("size[1]"),
        Link("size[2]"),
        Link("size[3]"),
        Link("size[4]"),
    )
    assert graph.result == Link("total")


def flow_of_attributes() -> int:
    parts = split(rows())
    return total([size(parts.test), part_sizes(parts)])


def test_parts_have_names_too() -> None:
    graph = drawn(flow_of_attributes)
    assert graph.by_name["size"].inputs == {"table": Link("split", "test")}
    assert graph.by_name["part_sizes"].inputs == {"parts": Link("split")}


def flow_of_branches(s: Ways) -> int:
    table = rows(s.n)
    for _ in range(s.n - 1):
        table = same(table)
    return size(same(table)) if s.deep else size(table)


def test_loops_and_branches_on_settings_are_python() -> None:
    assert names(drawn(flow_of_branches, Ways(n=1))) == ["rows", "size"]
    assert names(drawn(flow_of_branches, Ways(n=3, deep=True))) == [
        "rows",
        "same[1]",
        "same[2]",
        "same[3]",
        "size",
    ]


def flow_of_several() -> Any:
    table = rows()
    return size(table), [same(table)]


def test_several_results_may_be_returned() -> None:
    assert drawn(flow_of_several).result == (Link("size"), (Link("same"),))


def test_called_plainly_a_workflow_runs() -> None:
    assert workflow(flow_of_ways)(Ways()) == 8
    assert workflow(flow_of_data)() == 1 + 1 + 1 + 1 + 3
    assert workflow(flow_of_attributes)() == 4


# --- promises ---------------------------------------------------------------------------------------------------


def promises(function: Any) -> dict[str, str]:
    return {n.name: n.promise["text"] for n in drawn(function).nodes}


def flow_of_promises() -> Any:
    train, _, test = split(same(wide()))
    table, count = both(train)
    return [table, count, same(test)]


def test_promises_are_computed_while_drawing() -> None:
    assert promises(flow_of_promises) == {
        "wide": "Frame[More]",
        "same[1]": "Frame[More]",
        "split": "Parts[More]",
        "both": "tuple[Frame[More], int]",
        "same[2]": "Frame[More]",
    }


def flow_of_structure() -> Any:
    return stacked([wide(), same(rows())])


def flow_of_borders() -> Any:
    return strict(rows())


def test_a_table_serves_where_fewer_columns_are_wanted() -> None:
    assert names(drawn(flow_of_structure)) == ["wide", "rows", "same", "stacked"]


def test_what_only_the_wanted_contract_asks_is_checked_at_the_border() -> None:
    call = drawn(flow_of_borders).by_name["strict"].call
    assert call is not None
    assert str(call.stricter_promises["table"]) == "Frame[Strict]"
    assert drawn(flow_of_structure).by_name["stacked"].call.stricter_promises == {}  # type: ignore[union-attr]


def test_a_table_that_may_be_left_out_is_held_to_its_contract_where_it_is_given() -> None:
    assert names(drawn(lambda: total([maybe(), maybe(wide())]))) == ["maybe[1]", "wide", "maybe[2]", "total"]
    with pytest.raises(WiringError, match=r"wants table: Frame\[More\], and gets Frame\[Row\]"):
        drawn(lambda: maybe(rows()))


# --- what does not fit ------------------------------------------------------------------------------------------


def no_columns() -> Any:
    @step
    def raw() -> Frame:
        return pl.DataFrame()

    return stacked([raw()])


def a_number() -> Any:
    return size(size(rows()))


def a_table_in_numbers() -> Any:
    return total([size(rows()), rows()])


def a_column_less() -> Any:
    @step
    def wants_more(table: Frame[More]) -> int:
        return 1

    return wants_more(rows())


def a_dictionary() -> Any:
    return tune({"a": rows()})


def a_dictionary_returned() -> Any:
    return {"a": rows()}


def a_number_returned() -> Any:
    rows()
    return 3


def nothing_called() -> Any:
    return None


def too_many() -> Any:
    a, b = split(rows())
    return a


def a_failure() -> Any:
    return size(rows())[{}["x"]]


MISFITS = {
    no_columns: "it promises no columns, and Frame[Row] is wanted",
    a_number: "it is int, and Frame is wanted",
    a_table_in_numbers: "total",
    a_column_less: "y is missing",
    a_dictionary: "A dictionary of results (a)",
    a_dictionary_returned: "A dictionary of results (a)",
    a_number_returned: "returns 3, which no step made",
    nothing_called: "calls no step",
    too_many: "too many values to unpack",
    a_failure: "raised KeyError",
}


@pytest.mark.parametrize("function", MISFITS, ids=lambda f: f.__name__)
def test_what_does_not_fit_is_said_before_any_data_is_read(function: Any) -> None:
    with pytest.raises(WiringError) as caught:
        drawn(function)
    assert MISFITS[function] in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 5
    assert caught.value.hint


def test_after_a_failed_drawing_steps_run_plainly_again() -> None:
    with pytest.raises(WiringError):
        drawn(a_number)
    assert rows(2).height == 2


def test_settings_are_the_one_parameter() -> None:
    def odd(n: int) -> Any:
        return rows(n)

    def two(s: Ways, t: Ways) -> Any:
        return rows(s.n)

    def bare(s) -> Any:  # type: ignore[no-untyped-def]
        return rows(s.n)

    for function in (odd, two, bare):
        with pytest.raises(WiringError, match="a workflow takes one parameter, its settings, or none"):
            drawn(function)
    assert workflow(flow_of_ways).settings is Ways
    assert workflow(flow_of_data).settings is None


# --- the graph --------------------------------------------------------------------------------------------------


def test_a_graph_survives_json() -> None:
    import json

    for function in (flow_of_data, flow_of_several, flow_of_ways, flow_of_promises):
        graph = drawn(function)
        again = Graph.from_json(json.loads(json.dumps(graph.to_json())))
        assert again == graph
        assert graph.has_calls
        assert not again.has_calls
        assert again.to_json() == graph.to_json()
        assert again.required_nodes == graph.required_nodes


def test_names_that_come_from_settings_are_never_markup() -> None:
    evil = '"]--><script>alert(1)</script>|&'
    drawing = build_picture(drawn(flow_of_ways, Ways(ways=(Named(name=evil), Named(name="b")))))
    text = render_mermaid(drawing) + render_page(drawing)
    assert "<script>" not in text
