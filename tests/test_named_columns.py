"""The columns that a Pipeline of the project names: checked while drawing, and when its step has ended."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import pytest
from sklearn import compose
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.compose import make_column_transformer as make_columns
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from magical import Contract, Frame, Id, Target, step, workflow
from magical.errors import BrokenPromise, WiringError
from magical.graph import Graph
from magical.library import model_data
from magical.named_columns import check_pipeline_columns, list_named_columns
from projects import project

C = TypeVar("C", bound=Contract)
NUMBERS = ("income", "aeg")
GOOD = ["income", "age"]


class Customer(Contract):
    id: Id[int]
    income: float
    age: int
    response: Target[bool]


class Slim(Contract):
    id: Id[int]
    age: int
    response: Target[bool]


@step
def rows() -> Frame[Customer]:
    return pl.DataFrame()


@step
def slim(table: Frame[Customer]) -> Frame[Slim]:
    """Drop the income."""
    return table.drop("income")


def draw(prepare: Callable[..., Any], table: Callable[[], Any] = rows) -> Graph:
    made = step(prepare)

    @workflow
    def flow() -> Pipeline:
        return made(table())

    return flow.draw()


def of_a_list(train: Frame[C]) -> Pipeline:
    return make_pipeline(ColumnTransformer([("a", StandardScaler(), ["income", "aeg"])]), StandardScaler())


def of_a_text_in_keywords(train: Frame[C]) -> Pipeline:
    blocks = [("a", "passthrough", "age"), ("b", FunctionTransformer(), "aeg")]
    columns = ColumnTransformer(remainder="drop", transformers=blocks).set_output(transform="pandas")
    return Pipeline(steps=[("columns", columns), ("scale", StandardScaler())])


def of_a_constant(train: Frame[C]) -> Pipeline:
    return make_pipeline(make_columns((StandardScaler(), NUMBERS), remainder="passthrough"))


def of_a_sum(train: Frame[C]) -> Pipeline:
    from sklearn.compose import make_column_transformer as made

    numbers = [*GOOD] + ["aeg"]  # noqa: RUF005  # the case
    pipeline = make_pipeline(made((StandardScaler(), numbers), (StandardScaler(), make_column_selector())))
    return pipeline


def of_a_module(train: Frame[C]) -> Pipeline:
    return Pipeline([("columns", compose.ColumnTransformer([("a", StandardScaler(), ["aeg"])]))])


@pytest.mark.parametrize("prepare", [of_a_list, of_a_text_in_keywords, of_a_constant, of_a_sum, of_a_module])
def test_a_column_that_does_not_exist_is_found_while_drawing(
    prepare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)  # an import of it would raise
    line = prepare.__code__.co_firstlineno
    with pytest.raises(WiringError) as caught:
        draw(prepare)
    assert str(caught.value) == (
        f"{prepare.__name__} (test_named_columns.py:{line}) names aeg in its ColumnTransformer, "
        "which Customer does not have.\nHint: did you mean 'age'? There are: income, age."
    )


def of_good_columns(train: Frame[C]) -> Pipeline:
    return make_pipeline(ColumnTransformer([("a", StandardScaler(), GOOD), ("b", StandardScaler(), ["id"])]))


def of_columns_made_before(train: Frame[C]) -> Pipeline:
    return make_pipeline(
        FunctionTransformer(lambda t: t.assign(new=1)), ColumnTransformer([("a", StandardScaler(), ["new"])])
    )


def of_columns_made_in_a_block(train: Frame[C]) -> Pipeline:
    inner = ColumnTransformer([("a", StandardScaler(), ["income__x"])])
    return make_pipeline(make_column_transformer((make_pipeline(FunctionTransformer(), inner), GOOD)))


def of_a_loop(train: Frame[C]) -> Pipeline:
    return make_pipeline(
        ColumnTransformer([("a", StandardScaler(), [c for c in ("income", "aeg") if c in GOOD])])
    )


def of_a_list_that_changes(train: Frame[C]) -> Pipeline:
    numbers = ["income", "aeg"]
    numbers.remove("aeg")
    return make_pipeline(ColumnTransformer([("a", StandardScaler(), numbers)]))


def drop_one(columns: list[str]) -> None:
    columns.remove("aeg")


def of_a_list_that_a_function_changes(train: Frame[C]) -> Pipeline:
    numbers = ["income", "aeg"]
    drop_one(numbers)
    return make_pipeline(ColumnTransformer([("a", StandardScaler(), numbers)]))


def of_what_there_is(train: Frame[C]) -> Pipeline:
    if "aeg" in train.columns:
        return make_pipeline(ColumnTransformer([("a", StandardScaler(), ["aeg"])]))
    return make_pipeline(StandardScaler())


def of_a_choice(train: Frame[C]) -> Pipeline:
    columns = ["aeg"] if "aeg" in train.columns else ["age"]
    return make_pipeline(ColumnTransformer([("a", StandardScaler(), columns)]))


def of_an_argument(train: Frame[C], NUMBERS: tuple[str, ...] = ("age",)) -> Pipeline:
    return make_pipeline(
        ColumnTransformer([("a", StandardScaler(), list(NUMBERS)), ("b", StandardScaler(), NUMBERS)])
    )


def of_a_part_that_is_not_used(train: Frame[C]) -> Pipeline:
    ColumnTransformer([("a", StandardScaler(), ["aeg"])])
    return make_pipeline(StandardScaler())


@pytest.mark.parametrize(
    "prepare",
    [
        of_good_columns,
        of_columns_made_before,
        of_columns_made_in_a_block,
        of_a_loop,
        of_a_list_that_changes,
        of_a_list_that_a_function_changes,
        of_what_there_is,
        of_a_choice,
        of_an_argument,
        of_a_part_that_is_not_used,
    ],
)
def test_what_the_source_does_not_tell_is_no_fault(prepare: Callable[..., Any]) -> None:
    node = draw(prepare).node(prepare.__name__)
    table = model_data(pl.DataFrame({"id": [1], "income": [1.0], "age": [2], "response": [True]}), Customer)
    check_pipeline_columns(prepare(table), node)


def test_a_table_without_a_contract_is_not_checked() -> None:
    @step
    def raw() -> Frame:
        return pl.DataFrame()

    draw(of_a_list, raw)


def test_a_column_that_a_step_drops_in_between_is_found() -> None:
    def prepare(train: Frame[C]) -> Pipeline:
        return make_pipeline(ColumnTransformer([("a", StandardScaler(), GOOD)]))

    draw(prepare)
    with pytest.raises(WiringError, match="names income in its ColumnTransformer, which Slim does not have"):
        draw(prepare, lambda: slim(rows()))


def test_the_target_is_no_column_of_a_pipeline() -> None:
    def prepare(train: Frame[C]) -> Pipeline:
        return make_pipeline(ColumnTransformer([("a", StandardScaler(), ["age", "response"])]))

    with pytest.raises(WiringError, match="names response in its ColumnTransformer, the target of Customer"):
        draw(prepare)


def test_names_are_read_from_a_pipeline_as_it_was_made() -> None:
    columns = ColumnTransformer(
        [
            ("a", StandardScaler(), ["income"]),
            ("b", StandardScaler(), make_column_selector("x")),
            ("c", FunctionTransformer(), "age"),
            ("d", "drop", [0, 1]),
            ("e", "drop", slice("income", "age")),
        ]
    )
    assert list_named_columns(make_pipeline(make_pipeline(columns), StandardScaler())) == ["income", "age"]
    assert list_named_columns(make_pipeline(StandardScaler(), columns)) == []


def test_what_only_the_body_tells_is_found_when_the_step_ends(tmp_path: Path) -> None:
    text = """
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from magical import Contract, Frame, Model, Pipeline, Target, step, workflow
from magical.library import linear, tune

class Customer(Contract):
    income: float
    response: Target[bool]

@step
def rows() -> Frame[Customer]:
    return pl.DataFrame({"income": [1.0, 2.0], "response": [True, False]})

@step
def prepare(train: Frame[Customer]) -> Pipeline:
    names = [name + "e" for name in ("incom", "ag")]
    return make_pipeline(ColumnTransformer([("numbers", StandardScaler(), names)]))

@workflow
def flow() -> Model:
    train = rows()
    return tune(train, train, prepare(train), linear())
"""
    small = project(tmp_path, {"workflow.py": text})
    with pytest.raises(BrokenPromise) as caught:
        small.run()
    assert str(caught.value).splitlines() == [
        "prepare (workflow.py:17) names age in its ColumnTransformer, which Customer does not have.",
        "Hint: there are: income.",
    ]
