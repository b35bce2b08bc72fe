"""Findings about unwritten steps, and about outputs that cannot be generated."""

from typing import Any, TypeVar

import polars as pl
import pytest

from magical import Contract, Field, Frame, Id, Key, Model, Parts, Receipt, Target, rule, step, wish, workflow
from magical.checks.unwritten import find_unwritten_steps
from magical.errors import Finding

C = TypeVar("C")


class Row(Contract):
    id: Id[int]
    x: int = Field(ge=0)


class Impossible(Contract):
    x: int = Field(ge=5, le=3)


class Child(Contract):
    id: Id[int]
    parent: Key["Nobody"]  # type: ignore[type-var, name-defined]  # noqa: F821


@step
def rows() -> Frame[Row]: ...


@step
def written() -> Frame[Row]:
    return pl.DataFrame()


@step
def raw() -> Frame: ...


@step
def anything() -> Any: ...


@step
def untyped(): ...  # type: ignore[no-untyped-def]


@step
def impossible() -> Frame[Impossible]: ...


@step
def children() -> Frame[Child]: ...


@step
def typed(table: Frame, contract: type[C]) -> Frame[C]:
    raise AssertionError


@step
def same(table: Frame) -> Frame:
    return table


@step
def cut(table: Frame[C]) -> Parts[C]: ...


@step
def fit(table: Frame[C]) -> Model: ...


@step(writes="world")
def publish(table: Frame) -> Receipt: ...


def found(function: Any) -> list[Finding]:
    return list(find_unwritten_steps(workflow(function).draw()))


def codes(function: Any) -> list[tuple[str, str]]:
    return [(f.code, f.step) for f in found(function)]


def test_an_unwritten_step_is_a_note() -> None:
    (finding,) = found(lambda: same(rows()))
    assert (finding.code, finding.severity, finding.step) == ("WISH001", "note", "rows")
    assert finding.what == "is not written yet: a run pretends Frame[Row] in its place."
    assert finding.hint.startswith("write it in test_unwritten.py:")


def test_a_written_step_is_none() -> None:
    assert found(lambda: same(written())) == []


def test_each_step_is_told_of_once_in_the_order_of_the_workflow() -> None:
    assert codes(lambda: [fit(cut(rows()).train), fit(rows())]) == [
        ("WISH001", "rows"),
        ("WISH001", "cut"),
        ("WISH002", "fit"),
    ]


def test_what_nothing_uses_is_no_wish() -> None:
    def flow() -> Any:
        rows()
        return written()

    assert found(flow) == []


@pytest.mark.parametrize("one", [anything, untyped, impossible], ids=lambda s: s.name)
def test_what_cannot_be_made_up_is_an_error(one: Any) -> None:
    (finding,) = found(lambda: [one(), written()])
    assert (finding.code, finding.severity, finding.step) == ("WISH002", "error", one.name)
    assert finding.what.startswith("is not written yet (test_unwritten.py:")
    assert " cannot be pretended: " in finding.what
    assert "\n" not in finding.what
    assert finding.hint


def test_bounds_and_rules_that_chance_does_not_keep_are_told_with_their_own_hint() -> None:
    class Ruled(Row):
        y: float = Field(ge=0, le=1)
        z: float = Field(ge=0, le=1)

        @rule
        def equal(cls) -> pl.Expr:
            return pl.col("y") == pl.col("z")

    @step
    def ruled() -> Frame[Ruled]: ...

    @step
    def carried(table: Frame[Ruled]) -> Frame[Ruled]: ...

    (finding,) = found(lambda: [impossible()])
    assert "and Impossible.x cannot be pretended: no int is >= 5 and <= 3." in finding.what
    assert finding.hint.startswith("widen its bounds in test_unwritten.py:")
    (finding,) = found(lambda: [ruled()])
    assert (
        "and Ruled cannot be pretended: its rule equal must hold, which chance rarely meets." in finding.what
    )
    assert "Field(examples=[...])" in finding.hint
    assert codes(lambda: carried(ruled())) == [("WISH002", "ruled"), ("WISH001", "carried")]


def test_a_model_needs_a_target_to_predict() -> None:
    class Known(Row):
        answered: Target[bool]

    @step
    def known() -> Frame[Known]: ...

    assert codes(lambda: fit(known())) == [("WISH001", "known"), ("WISH001", "fit")]
    assert codes(lambda: fit(rows())) == [("WISH001", "rows"), ("WISH002", "fit")]
    assert codes(lambda: fit(typed(raw(), Known))) == [("WISH001", "raw"), ("WISH001", "fit")]


def test_members_of_a_tuple_are_looked_at_one_by_one() -> None:
    class Known(Row):
        answered: Target[bool]

    @step
    def known() -> Frame[Known]: ...

    @step
    def both(table: Frame[Row]) -> tuple[Frame[Row], Model]: ...

    @step
    def broken(table: Frame[Known]) -> tuple[Model, Frame[Impossible]]: ...

    assert codes(lambda: both(known())) == [("WISH001", "known"), ("WISH001", "both")]
    assert codes(lambda: both(rows())) == [("WISH001", "rows"), ("WISH002", "both")]
    assert codes(lambda: broken(known())) == [("WISH001", "known"), ("WISH002", "broken")]


def test_a_raw_table_is_made_up_where_it_is_typed() -> None:
    (finding,) = found(lambda: typed(raw(), Row))
    assert (finding.code, finding.step) == ("WISH001", "raw")
    assert "a run pretends what follows it in its place" in finding.what
    assert codes(lambda: typed(same(raw()), Row)) == [("WISH001", "raw")]


def test_a_raw_table_that_nothing_types_is_an_error() -> None:
    def flow() -> Any:
        return raw()

    (finding,) = found(flow)
    assert (finding.code, finding.step) == ("WISH002", "raw")
    assert finding.what.endswith("cannot be pretended: it promises no columns, and flow returns it.")
    assert codes(lambda: same(raw())) == [("WISH002", "raw"), ("WISH002", "same")]


def test_a_written_step_behind_a_raw_table_must_be_made_up_too() -> None:
    (first, second) = found(lambda: typed(raw(), Impossible))
    assert (first.code, second.code, second.step) == ("WISH001", "WISH002", "typed")
    assert second.what.startswith("needs the output of an unwritten step (test_unwritten.py:")


def test_a_writer_is_left_out_and_needs_no_promise() -> None:
    def flow() -> Any:
        table = rows()
        publish(table)
        return table

    assert codes(flow) == [("WISH001", "rows"), ("WISH001", "publish")]


def test_a_key_of_no_table_is_told_as_a_run_would() -> None:
    first, *_ = found(lambda: [children()])
    assert (first.code, first.severity) == ("WISH002", "error")
    assert "Child.parent is Key['Nobody'], but no step gives a table of that contract." in first.what


def test_a_piece_that_is_wished_for_is_a_note() -> None:
    @step
    def partly(table: Frame[Row]) -> Frame[Row]:
        return wish(Row, like=table)

    (finding,) = found(lambda: partly(written()))
    assert (finding.code, finding.severity) == ("WISH001", "note")
    assert finding.what.startswith("pretends a part of its output with wish()")
