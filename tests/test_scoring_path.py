"""The scoring path is derived from the training graph."""

from typing import Any

import polars as pl
import pytest

from magical import Contract, Frame, Id, Lazy, Model, Parts, Receipt, Target, Weight, step, workflow
from magical.contracts.promises import promise_of
from magical.refs import Link
from magical.scoring_path import ScoringPath, derive_scoring_path, drop_training_columns


class Customer(Contract):
    id: Id[int]
    income: float | None
    answers: Target[bool]


class Featured(Customer):
    rich: bool


class Labelled(Customer):
    weight: float


class Order(Contract):
    order: Id[int]
    customer: int


@step
def ingest() -> Frame:
    return pl.DataFrame()


@step
def model_data(raw: Frame, contract: type[Customer]) -> Frame[Customer]:
    return raw


@step
def relations(raw: Frame) -> tuple[Frame[Customer], Frame[Order]]:
    return raw, raw


@step
def clean(customers: Frame[Customer], max_age: int = 90) -> Frame[Customer]:
    return customers


@step(training_only=True)
def distinct(customers: Frame[Customer]) -> Frame[Customer]:
    return customers


@step(training_only=True)
def weighted(customers: Frame[Customer]) -> Frame[Labelled]:
    return customers


@step
def needs_weight(customers: Frame[Labelled]) -> Frame[Featured]:
    return customers


@step
def median(customers: Frame[Customer]) -> float:
    return 1.0


@step
def parted(customers: Frame[Customer]) -> tuple[Frame[Customer], Frame]:
    return customers, customers


@step
def feature(customers: Frame[Customer], limit: float = 0.5) -> Frame[Featured]:
    return customers


@step
def aggregate(customers: Frame[Customer], orders: Frame[Order]) -> Frame[Featured]:
    return customers


@step
def lazily(customers: Lazy[Customer]) -> Frame[Featured]:
    return customers.collect()


@step
def untyped(table: Frame) -> Frame:
    return table


@step
def split(table: Frame[Customer]) -> Parts[Featured]:
    raise NotImplementedError("never run")


@step(training_only=True)
def without_outliers(table: Frame[Featured]) -> Frame[Featured]:
    return table


@step
def scaled(table: Frame[Featured]) -> Frame[Featured]:
    return table


@step
def tune(train: Frame[Featured], validation: Frame[Featured], experiment: str = "") -> Model:
    raise NotImplementedError("never run")


@step
def select(models: list[Model], validation: Frame[Featured]) -> Model:
    return models[0]


@step(writes="world")
def register(model: Model) -> Receipt:
    return Receipt(True, "")


def path_of(function: Any) -> ScoringPath:
    return derive_scoring_path(workflow(function).draw(), "register")


def names(path: ScoringPath) -> list[str]:
    return [s.node.name for s in path.steps]


def test_the_path_leads_from_typed_rows_to_the_features_without_what_is_for_training() -> None:
    def flow() -> Receipt:
        featured = feature(distinct(clean(model_data(ingest(), Customer), 80)))
        train, validation, _ = split(featured)
        models = [tune(without_outliers(train), validation, e) for e in ("a", "b")]
        return register(select(models, validation))

    path = path_of(flow)
    assert path.refusal == ""
    assert path.source == Link("model_data")
    assert path.typed.names == ["id", "income"]
    assert names(path) == ["clean", "feature"]
    assert path.steps[0].inputs == {"customers": Link("model_data")}
    assert path.steps[0].call.arguments["max_age"] == 80
    assert path.steps[1].inputs == {"customers": Link("clean")}
    assert path.steps[1].promise.schema is not None
    assert path.steps[1].promise.schema.names == ["id", "income", "rich"]
    assert (path.result, path.split) == (Link("feature"), "split")


def test_without_steps_in_between_the_model_predicts_from_the_typed_rows() -> None:
    def flow() -> Receipt:
        train, validation, _ = split(model_data(ingest(), Customer))
        return register(tune(train, validation))

    path = path_of(flow)
    assert names(path) == []
    assert path.result == path.source == Link("model_data")


def test_a_value_learnt_from_the_training_run_is_frozen() -> None:
    def flow() -> Receipt:
        customers = model_data(ingest(), Customer)
        train, validation, _ = split(feature(customers, median(customers)))
        return register(tune(train, validation))

    path = path_of(flow)
    assert names(path) == ["feature"]
    assert path.frozen == (Link("median"),)
    assert path.steps[0].inputs["limit"] == Link("median")


def test_a_member_of_a_tuple_is_followed() -> None:
    def flow() -> Receipt:
        good, _ = parted(model_data(ingest(), Customer))
        train, validation, _ = split(feature(good))
        return register(tune(train, validation))

    path = path_of(flow)
    assert names(path) == ["parted", "feature"]
    assert path.steps[1].inputs == {"customers": Link("parted", "0")}


def test_steps_after_the_split_that_work_on_each_part_belong_to_the_path() -> None:
    def flow() -> Receipt:
        train, validation, _ = split(feature(model_data(ingest(), Customer)))
        return register(tune(scaled(train), scaled(validation)))

    assert names(path_of(flow)) == ["feature", "scaled[1]"]


def test_a_lazy_table_is_a_table() -> None:
    def flow() -> Receipt:
        train, validation, _ = split(lazily(model_data(ingest(), Customer)))
        return register(tune(train, validation))

    assert names(path_of(flow)) == ["lazily"]


def test_the_source_is_the_nearest_step_that_makes_typed_rows_of_raw_ones() -> None:
    def flow() -> Receipt:
        again = model_data(untyped(clean(model_data(ingest(), Customer))), Customer)
        train, validation, _ = split(feature(again))
        return register(tune(train, validation))

    path = path_of(flow)
    assert path.source == Link("model_data[2]")
    assert names(path) == ["feature"]


def several_tables() -> Receipt:
    customers, orders = relations(ingest())
    train, validation, _ = split(aggregate(customers, orders))
    return register(tune(train, validation))


def one_part_only() -> Receipt:
    train, validation, _ = split(feature(model_data(ingest(), Customer)))
    return register(tune(scaled(train), validation))


def what_is_left_out_is_needed() -> Receipt:
    train, validation, _ = split(needs_weight(weighted(model_data(ingest(), Customer))))
    return register(tune(train, validation))


REFUSED = [
    (several_tables, "made from 2 tables (relations.0, relations.1)"),
    (one_part_only, "scaled works on one of them only"),
    (what_is_left_out_is_needed, "needs_weight needs what weighted adds"),
]


@pytest.mark.parametrize(("flow", "words"), REFUSED, ids=lambda v: getattr(v, "__name__", ""))
def test_where_one_row_cannot_go_alone_the_path_says_why(flow: Any, words: str) -> None:
    path = path_of(flow)
    assert words in path.refusal
    assert (path.steps, path.typed.names) == ((), [])


def test_a_workflow_without_typed_rows_is_refused() -> None:
    @step
    def cut(table: Frame) -> Parts:
        raise NotImplementedError("never run")

    @step
    def fit(train: Frame) -> Model:
        raise NotImplementedError("never run")

    def flow() -> Receipt:
        train, _, _ = cut(untyped(ingest()))
        return register(fit(train))

    assert path_of(flow).refusal == "no step before untyped promises typed rows."


def test_a_node_without_a_model_has_no_path() -> None:
    def flow() -> Frame:
        return untyped(ingest())

    assert derive_scoring_path(workflow(flow).draw(), "untyped").refusal == "untyped takes no model."


def test_targets_are_dropped_in_every_part_of_a_promise() -> None:
    promise = drop_training_columns(promise_of(tuple[Frame[Customer], Frame[Order]]))
    schemas = [p.schema for p in promise.items]
    assert [s.names for s in schemas if s] == [["id", "income"], ["order", "customer"]]


def test_a_row_to_be_scored_has_no_weight() -> None:
    class Weighed(Customer):
        worth: Weight[float]

    promise = drop_training_columns(promise_of(Frame[Weighed]))
    assert promise.schema is not None
    assert promise.schema.names == ["id", "income"]


@step
def read(source: str, reading: str = "plain") -> Frame:
    return pl.DataFrame()


@step
def in_euros(raw: Frame, rate: float) -> Frame:
    return raw


@step(training_only=True)
def without_tests(raw: Frame) -> Frame:
    return raw


@step
def joined(raw: Frame, other: Frame) -> Frame:
    return raw


@step
def loaded() -> Frame[Customer]:
    return pl.DataFrame()


def test_the_path_knows_the_source_of_its_rows_and_how_it_is_read() -> None:
    def flow() -> Receipt:
        train, validation, _ = split(feature(model_data(read("x.csv", "with points"), Customer)))
        return register(tune(train, validation))

    path = path_of(flow)
    rows = path.rows
    assert (rows.raw, rows.result, rows.steps) == (Link("read"), Link("read"), ())
    assert (rows.step.rpartition(":")[2], rows.reading, rows.refusal) == ("read", "with points", "")
    assert path.targets == ("answers",)


def test_steps_on_raw_rows_are_known_without_those_for_training() -> None:
    def flow() -> Receipt:
        raw = in_euros(without_tests(read("x.csv")), median(model_data(ingest(), Customer)))
        train, validation, _ = split(feature(model_data(without_tests(raw), Customer)))
        return register(tune(train, validation))

    path = path_of(flow)
    assert [s.node.name for s in path.rows.steps] == ["in_euros"]
    assert path.rows.steps[0].inputs["raw"] == Link("read")
    assert (path.rows.raw, path.rows.result) == (Link("read"), Link("in_euros"))
    assert path.frozen == (Link("median"),)


def test_rows_of_several_sources_are_not_made_from_one() -> None:
    def flow() -> Receipt:
        raw = joined(read("x.csv"), read("y.csv"))
        train, validation, _ = split(feature(model_data(raw, Customer)))
        return register(tune(train, validation))

    path = path_of(flow)
    assert path.refusal == ""
    assert path.rows.refusal.startswith("its rows come from 2 sources (read")


def test_rows_that_are_typed_where_they_are_read_are_their_own_source() -> None:
    def flow() -> Receipt:
        train, validation, _ = split(feature(loaded()))
        return register(tune(train, validation))

    rows = path_of(flow).rows
    assert (rows.raw, rows.result, rows.reading, rows.refusal) == (Link("loaded"), Link("loaded"), None, "")
