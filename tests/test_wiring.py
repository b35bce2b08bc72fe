"""Findings in a drawn graph, before any data is read."""
# ruff: noqa: RUF059

from typing import Any, TypeVar

import polars as pl
import pytest
from sklearn.pipeline import Pipeline

from magical import Contract, Frame, Id, Model, Parts, Receipt, Target, Weight, step, workflow
from magical.errors import Finding

C = TypeVar("C")


class Row(Contract):
    id: Id[int]
    x: int
    worth: Weight[float]
    response: Target[bool]


@step
def rows() -> Frame[Row]:
    return pl.DataFrame()


@step
def split(table: Frame[C]) -> Parts[C]:
    raise AssertionError


@step
def fit(table: Frame, *more: Any, extra: Any = None) -> Model:
    raise AssertionError


@step
def fit_parts(parts: Parts) -> Model:
    raise AssertionError


@step
def prepare(table: Frame, other: Any = None) -> Pipeline:
    raise AssertionError


@step
def select(models: list[Model], table: Frame) -> Model:
    raise AssertionError


@step
def predict(model: Model, table: Frame) -> Frame:
    raise AssertionError


@step
def mean(table: Frame, other: Any = None) -> float:
    raise AssertionError


@step
def same(table: Frame[C]) -> Frame[C]:
    return table


@step
def pair(a: Any, b: Any) -> tuple[Any, Any]:
    return a, b


@step(writes="world")
def publish(model: Model, score: Any = None) -> Receipt:
    raise AssertionError


def found(function: Any) -> list[Finding]:
    return list(workflow(function).draw().findings)


def fit_on_test() -> Any:
    train, validation, test = split(rows())
    return fit(test)


def fit_on_test_as_extra() -> Any:
    train, validation, test = split(rows())
    return fit(train, extra=test)


def fit_on_a_list_with_test() -> Any:
    train, validation, test = split(rows())
    return fit(train, extra=[validation, test])


def select_on_test() -> Any:
    train, validation, test = split(rows())
    return select([fit(train)], test)


def fit_on_all_parts() -> Any:
    return fit_parts(split(rows()))


def prepare_on_test() -> Any:
    train, validation, test = split(rows())
    return prepare(test)


def through_one_step() -> Any:
    train, validation, test = split(rows())
    return fit(train, extra=mean(test))


def through_two_steps() -> Any:
    train, validation, test = split(rows())
    return fit(train, extra=mean(train, mean(same(test))))


def through_predictions() -> Any:
    train, validation, test = split(rows())
    return select([fit(train)], predict(fit(train), test))


def through_a_pair() -> Any:
    train, validation, test = split(rows())
    first, second = pair(train, test)
    return fit(first)


def through_a_second_split() -> Any:
    train, validation, test = split(rows())
    inner, _, held = split(test)
    return fit(inner)


LEAKS = {
    fit_on_test: ("fit", "split.test → fit"),
    fit_on_test_as_extra: ("fit", "split.test → fit"),
    fit_on_a_list_with_test: ("fit", "split.test → fit"),
    select_on_test: ("select", "split.test → select"),
    fit_on_all_parts: ("fit_parts", "split → fit_parts"),
    prepare_on_test: ("prepare", "split.test → prepare"),
    through_one_step: ("fit", "split.test → mean → fit"),
    through_two_steps: ("fit", "split.test → same → mean[1] → mean[2] → fit"),
    through_predictions: ("select", "split.test → predict → select"),
    through_a_pair: ("fit", "split.test → pair → fit"),
    through_a_second_split: ("fit", "split[1].test → split[2] → fit"),
}


@pytest.mark.parametrize("function", LEAKS, ids=lambda f: f.__name__)
def test_test_must_not_reach_a_fit(function: Any) -> None:
    node, path = LEAKS[function]
    leaks = [f for f in found(function) if f.code == "LEAK001"]
    assert [(f.step, f.severity) for f in leaks] == [(node, "error")]
    assert path in leaks[0].what
    assert leaks[0].hint
    assert str(leaks[0]).startswith(f"error LEAK001 {node}: learns from the test part")


def as_it_should_be() -> Any:
    train, validation, test = split(rows())
    ready = prepare(train)
    models = [fit(train, validation, extra=ready), fit(train)]
    best = select(models, validation)
    score = mean(predict(best, test), test)
    publish(best, score)
    return score


def without_a_split() -> Any:
    return fit(rows())


def looked_at_twice() -> Any:
    train, validation, test = split(rows())
    model = fit(train)
    return [mean(test), mean(predict(model, test))]


@pytest.mark.parametrize(
    "function", [as_it_should_be, without_a_split, looked_at_twice], ids=lambda f: f.__name__
)
def test_a_clean_graph_has_no_findings(function: Any) -> None:
    assert found(function) == []


# --- unused -----------------------------------------------------------------------------------------------------


def one_forgotten() -> Any:
    table = rows()
    mean(table)
    return same(table)


def a_forgotten_chain() -> Any:
    table = rows()
    mean(same(table))
    return mean(table)


def all_forgotten() -> Any:
    mean(rows())


def written_to_the_world() -> Any:
    publish(fit(rows()))


UNUSED = {
    one_forgotten: ["mean"],
    a_forgotten_chain: ["same", "mean[1]"],
    all_forgotten: ["rows", "mean"],
    written_to_the_world: [],
}


@pytest.mark.parametrize("function", UNUSED, ids=lambda f: f.__name__)
def test_what_nothing_uses_is_a_warning(function: Any) -> None:
    unused = [f for f in found(function) if f.code == "WIRE001"]
    assert [f.step for f in unused] == UNUSED[function]
    assert {f.severity for f in unused} <= {"warning"}


# --- the target when serving ------------------------------------------------------------------------------------


@step
def by_name(table: Frame[C]) -> Frame[C]:
    return table.filter(pl.col("response"))


@step
def by_attribute(table: Frame[C]) -> Frame[C]:
    return table.filter(pl.col.response)


@step
def by_worth(table: Frame[C]) -> Frame[C]:
    return table.filter(pl.col("worth") > 0)


@step(training_only=True)
def in_training(table: Frame[C]) -> Frame[C]:
    return table.filter(pl.col("response"))


@step
def another_name(table: Frame[C]) -> Frame[C]:
    """The response of people."""
    return table.filter(pl.col("responses") > 0)


@step
def rates(table: Frame[C]) -> float:
    return float(table["response"].mean())  # type: ignore[arg-type]


def served(one: Any) -> Any:
    def function() -> Any:
        train, validation, test = split(one(rows()))
        return mean(train)

    return function


@pytest.mark.parametrize(
    ("one", "what"),
    [(by_name, "target 'response'"), (by_attribute, "target 'response'"), (by_worth, "weight 'worth'")],
)
def test_naming_the_target_or_the_weight_on_the_way_to_the_split_is_a_warning(one: Any, what: str) -> None:
    (finding,) = found(served(one))
    assert (finding.code, finding.severity, finding.step) == ("WIRE002", "warning", one.name)
    assert f"names the {what}" in finding.what


@pytest.mark.parametrize("one", [in_training, another_name, same], ids=lambda s: s.name)
def test_other_steps_may_be_there(one: Any) -> None:
    assert found(served(one)) == []


def after_the_split() -> Any:
    train, validation, test = split(rows())
    return rates(train)


def test_after_the_split_the_target_is_there() -> None:
    assert found(after_the_split) == []
