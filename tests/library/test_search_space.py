"""Search spaces: settings that survive JSON and TOML, bounded, and drawn from as they are written."""

import json
import tomllib
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from magical import Settings
from magical.errors import WiringError
from magical.library import Range
from magical.library.search_space import (
    SearchedTrial,
    SearchSpace,
    can_take,
    check_parameter_names,
    find_start,
    suggest_value,
)
from magical.settings import to_json

MIXED: dict[str, Any] = {
    "depth": Range(1, 9),
    "alpha": Range(0.1, 10, log=True),
    "how": ("median", "mean"),
    "solver": ("saga", None, True, 1, 1.5, (3, "x")),
}


class Choice(Settings):
    search: SearchSpace


def draw(space: Any, seed: int = 0) -> Any:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    return suggest_value(study.ask(), "x", space)


def test_they_survive_json() -> None:
    choice = Choice(search=MIXED)
    again = Choice.model_validate(json.loads(json.dumps(to_json(choice))))
    assert again == choice
    assert repr(again) == repr(choice)  # 1 and 1.0, 1 and True are equal to Python


def test_they_are_written_in_toml() -> None:
    text = "search = {preprocessing__select__k = [10, 20], alpha = {low = 0.1, high = 10, log = true}}"
    written = Choice.model_validate(tomllib.loads(text))
    assert written == Choice(search={"preprocessing__select__k": (10, 20), "alpha": Range(0.1, 10, log=True)})


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"low": 2, "high": 2}, "low must be below high, but low is 2 and high is 2"),
        ({"low": 0, "high": 1, "log": True}, "a logarithmic scale begins above 0, but low is 0"),
        ({"low": 1}, "Field required"),
        ({"low": 1, "high": "inf"}, "finite"),
        ({"low": 1, "high": 2, "step": 1}, "Extra inputs are not permitted"),
        ([], "at least 1 item"),
        ([1, 2, 1], "1 is there twice"),
        ("mean", "valid tuple"),
        ([{"low": 1}], "valid"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(space: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Choice.model_validate({"search": {"k": space}})


@pytest.mark.parametrize("name", ["", "a b", "1st", "a.b"])
def test_a_name_that_no_parameter_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        Choice.model_validate({"search": {name: [1]}})


@given(seed=st.integers(0, 1000))
def test_what_is_drawn_is_what_may_be_taken(seed: int) -> None:
    for space in MIXED.values():
        assert can_take(draw(space, seed), space)
    assert isinstance(draw(Range(1, 9), seed), int)
    assert isinstance(draw(Range(1.0, 9), seed), float)


def test_each_choice_is_drawn_in_its_own_type() -> None:
    drawn = {repr(draw(MIXED["solver"], seed)) for seed in range(200)}
    assert drawn == {repr(choice) for choice in MIXED["solver"]}


def test_a_first_trial_starts_where_the_search_has_the_present_value() -> None:
    present = {"depth": 10, "alpha": 1.0, "how": "mean", "solver": 1.0, "other": 3}
    start = find_start(MIXED, present)
    assert set(start) == {"alpha", "how"}
    study = optuna.create_study()
    study.enqueue_trial(start)
    trial = study.ask()
    assert suggest_value(trial, "alpha", MIXED["alpha"]) == 1.0
    assert suggest_value(trial, "how", MIXED["how"]) == "mean"


def test_a_searched_trial_answers_by_the_search_and_asks_the_rest() -> None:
    trial = SearchedTrial(optuna.create_study().ask(), {"C": Range(5.0, 6.0)})
    assert 5 <= trial.suggest_float("C", 0.1, 0.2, log=True) <= 6
    assert 1 <= trial.suggest_int("depth", 1, 3) <= 3
    assert trial.number == 0
    assert set(trial.params) == {"C", "depth"}


def test_a_name_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(WiringError, match=r"linear searches alhpa(.|\n)*did you mean 'alpha'"):
        check_parameter_names(["alhpa"], {"alpha": 1.0, "tol": 0.1}, "linear")
