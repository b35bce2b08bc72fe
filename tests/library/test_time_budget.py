"""TimeBudget: seconds, or a text with a unit; what is none is refused in plain words."""

from typing import Any

import pytest
from pydantic import ValidationError

from magical.library import Linear
from magical.settings import to_json


@pytest.mark.parametrize(
    ("given", "seconds"), [("60s", 60), ("1.5 m", 90), ("1h", 3600), ("30", 30), (5, 5), (0.5, 0.5)]
)
def test_texts_and_numbers_are_seconds(given: Any, seconds: float) -> None:
    experiment = Linear(budget=given)
    assert experiment.budget == seconds
    assert type(experiment.budget) is float
    assert Linear.model_validate(to_json(experiment)) == experiment
    assert f"budget={float(seconds)}" in repr(experiment)


@pytest.mark.parametrize(
    "wrong", ["", "fast", "5 d", "-5s", 0, -1, "1e3", float("nan"), float("inf"), True, [5]]
)
def test_what_is_no_time_is_refused(wrong: Any) -> None:
    with pytest.raises(
        ValidationError, match="is no budget of time; write seconds above 0, or a text: 60s, 5m or 1h"
    ):
        Linear(budget=wrong)
    assert "budget" not in repr(Linear())
