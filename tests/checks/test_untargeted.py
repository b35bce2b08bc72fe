"""Fits on tables that do not say what is to be predicted."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from magical import Contract, Frame, Id, Model, Target, step, workflow
from magical.checks.untargeted import find_untargeted_fits
from magical.errors import WiringError
from magical.library import linear, model_data, train, transform, tune


class Named(Contract):
    id: Id[int]
    x: float


class Answered(Named):
    answered: Target[bool]


@step
def raw() -> Frame:
    return pl.DataFrame()


@step
def own(train: Frame) -> Model: ...


@pytest.mark.parametrize("fit", [train, tune], ids=lambda s: s.name)
def test_a_fit_on_a_table_without_a_contract_is_an_error(fit: Callable[..., Any]) -> None:
    def flow() -> Model:
        table = raw()
        return fit(table, table, transform(table), linear())  # type: ignore[no-any-return]

    (found,) = find_untargeted_fits(workflow(flow).draw())
    assert (found.code, found.severity) == ("WIRE006", "error")
    assert found.what.startswith("learns from raw (test_untargeted.py:")


def test_a_contract_with_a_target_and_a_step_of_the_project_are_fine() -> None:
    def flow() -> tuple[Model, Model]:
        table = model_data(raw(), Answered)
        return own(raw()), train(table, table, transform(table), linear())

    assert list(find_untargeted_fits(workflow(flow).draw())) == []


def test_a_contract_without_a_target_is_refused_while_drawing() -> None:
    def flow() -> Model:
        table = model_data(raw(), Named)
        return tune(table, table, transform(table), linear())

    with pytest.raises(WiringError, match="linear is to be fitted, and Named has no target"):
        workflow(flow).draw()
