"""featurize: promised while drawn, computed row by row."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.tables import people
from magical import Contract, Frame, Model, Settings, contract_of, step, workflow
from magical.contracts.schema import Column, Schema
from magical.errors import ContractError, WiringError
from magical.features import Arithmetic, DateParts, Feature, LearnedFeature, Log, PlanContext
from magical.library import featurize, ingest, model_data, transform
from magical.settings import InputPath

FEATURES = (Log("income"), DateParts("joined"), Arithmetic("at", "joined_year - 2000"))
ADDED = ["log_income", "joined_year", "joined_month", "joined_weekday", "at"]


def test_it_adds_columns_behind_the_others_and_promises_them() -> None:
    before = people(20)
    after = featurize(before, FEATURES)
    assert after.columns == [*before.columns, *ADDED]
    assert contract_of(after).names == [*contract_of(before).names, *ADDED]
    assert after.select(before.columns).equals(before)


def test_no_features_change_nothing() -> None:
    before = people(20)
    assert featurize(before, ()).equals(before)


@given(st.integers(0, 19))
def test_a_row_alone_gives_what_it_gives_among_others(row: int) -> None:
    table = people(20)
    one = table[row : row + 1]
    alone = featurize(table.select(pl.all().gather(row)).pipe(_like, table), FEATURES)
    assert alone.equals(featurize(table, FEATURES)[row : row + 1])
    assert one.height == 1


def _like(table: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    from magical.contracts.promises import attach_promise, attached_promise

    promise = attached_promise(other)
    assert promise is not None
    return attach_promise(table, promise)  # type: ignore[no-any-return]


def test_a_table_without_a_contract_is_refused() -> None:
    with pytest.raises(ContractError, match="promises nothing"):
        featurize(pl.DataFrame({"income": [1.0]}), (Log("income"),))


class Customer(Contract):
    income: float


class Choice(Settings):
    features: tuple[Feature, ...] = (Log("income"),)
    modelled: bool = True


@workflow
def flow(s: Choice) -> pl.DataFrame:
    raw = ingest(InputPath("nowhere.csv"))
    return featurize(model_data(raw, Customer) if s.modelled else raw, s.features)


def test_the_promise_is_computed_while_drawing() -> None:
    node = flow.draw().node("featurize")
    assert Schema.from_json(node.promise["schema"]).names == ["income", "log_income"]


def test_what_does_not_fit_is_found_while_drawing() -> None:
    with pytest.raises(WiringError, match="did you mean 'income'"):
        flow.draw(Choice(features=(Log("incme"),)))
    with pytest.raises(WiringError, match="promises no columns"):
        flow.draw(Choice(modelled=False))


class Centre(LearnedFeature):
    """Subtract the mean."""

    stage = "scale"

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        raise AssertionError


class Group(Settings):
    listed: tuple[Feature, ...] = (Centre("income"),)


class LearnedChoice(Settings):
    features: tuple[Feature, ...] = (Log("income"), Centre("income"))
    group: Group = Group()
    passed_as: str = "none"


@step
def fit(table: Frame, features: tuple[Feature, ...] = (), group: Group | None = None) -> Model:
    raise AssertionError


@workflow
def fitting(s: LearnedChoice) -> Model:
    table = featurize(model_data(ingest(InputPath("nowhere.csv")), Customer), s.features)
    match s.passed_as:
        case "transform":
            transform(table, s.features)
        case "features":
            return fit(table, s.features)
        case "group":
            return fit(table, group=s.group)
    return fit(table)


def test_a_fitted_feature_that_no_other_step_gets_is_refused_while_drawing() -> None:
    with pytest.raises(WiringError) as caught:
        fitting.draw()
    assert str(caught.value).endswith(
        "gets Centre(columns='income'), which is fitted in the Pipeline of transform, "
        "and no other step of fitting gets it.\n"
        "Hint: pass the same features to transform(train, ...), or leave it out."
    )
    with pytest.raises(WiringError, match="no other step"):
        fitting.draw(LearnedChoice(features=(Centre("other"),), passed_as="group"))
    for way in ("transform", "features", "group"):
        fitting.draw(LearnedChoice(passed_as=way))
