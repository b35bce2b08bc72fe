"""Search spaces: for parameters by name, the choices or the range that a search may take, as settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from magical.errors import WiringError, did_you_mean
from magical.settings import PositionalFields, Settings

if TYPE_CHECKING:
    from optuna import Trial

__all__ = [
    "PREPROCESSING_PREFIX",
    "Choices",
    "Range",
    "SearchSpace",
    "SearchedTrial",
    "can_take",
    "check_parameter_names",
    "find_start",
    "select_preprocessing",
    "suggest_value",
]

PREPROCESSING_PREFIX = "preprocessing__"
"""Begins the name of a parameter of the preprocessing; other names are parameters of the estimator."""


class Range(PositionalFields, Settings):
    """Numbers from ``low`` to ``high``, both included: whole numbers if both are written as whole numbers.

    Attributes:
        log: True to draw on a logarithmic scale, so that 0.1 to 1 is drawn as often as 1 to 10.

    Example:
        >>> Range(0.1, 10, log=True)
        Range(low=0.1, high=10, log=True)
        >>> Range(1, 9).is_whole, Range(1.0, 9).is_whole
        (True, False)
    """

    low: int | float = Field(allow_inf_nan=False)
    high: int | float = Field(allow_inf_nan=False)
    log: bool = False

    if TYPE_CHECKING:

        def __init__(self, low: float, high: float, log: bool = False) -> None: ...

    @model_validator(mode="after")
    def _check(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, but low is {self.low} and high is {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic scale begins above 0, but low is {self.low}")
        return self

    @property
    def is_whole(self) -> bool:
        """True if only whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)


def _check_distinct(choices: tuple[Any, ...]) -> tuple[Any, ...]:
    texts = [json.dumps(choice) for choice in choices]
    twice = next((text for i, text in enumerate(texts) if text in texts[:i]), "")
    if twice:
        raise ValueError(f"{twice} is there twice")
    return choices


_Plain = bool | int | float | str | None

Choices = Annotated[
    tuple[_Plain | tuple[_Plain, ...], ...], Field(min_length=1), AfterValidator(_check_distinct)
]
"""Values to choose from: numbers, texts, true and false, or lists of these."""

SearchSpace = dict[Annotated[str, Field(pattern=r"^[^\W\d]\w*$")], Range | Choices]
"""The choices or the range of each parameter, by its name in scikit-learn's ``get_params``."""


def suggest_value(trial: Trial, name: str, space: Range | Choices) -> Any:
    """Let a trial of Optuna suggest the value of a parameter.

    Example:
        >>> import optuna
        >>> trial = optuna.trial.FixedTrial({"k": 3, "how": '"mean"'})
        >>> suggest_value(trial, "k", Range(1, 9)), suggest_value(trial, "how", ("median", "mean"))
        (3, 'mean')
    """
    if isinstance(space, Range):
        draw: Any = trial.suggest_int if space.is_whole else trial.suggest_float
        return draw(name, space.low, space.high, log=space.log)
    # By their texts: Optuna takes no lists, and holds True and 1 for the same choice.
    texts = [json.dumps(choice) for choice in space]
    return space[texts.index(trial.suggest_categorical(name, texts))]


def can_take(value: object, space: Range | Choices) -> bool:
    """Return True if a value is one that the space may give.

    Example:
        >>> can_take(3, Range(1, 9)), can_take(3.5, Range(1, 9)), can_take(1, (True, "all"))
        (True, False, False)
    """
    if isinstance(space, Range):
        is_number = isinstance(value, int if space.is_whole else (int, float)) and not isinstance(value, bool)
        return is_number and space.low <= value <= space.high  # type: ignore[operator]
    return any(type(choice) is type(value) and choice == value for choice in space)


def find_start(search: SearchSpace, present: Mapping[str, Any]) -> dict[str, Any]:
    """Return the present values that lie in the search space, as Optuna wants them for a first trial.

    Example:
        >>> find_start(
        ...     {"C": Range(0.1, 10), "how": ("mean",), "k": (1, 2)}, {"C": 1.0, "how": "mean", "k": 9}
        ... )
        {'C': 1.0, 'how': '"mean"'}
    """
    inside = {n: present[n] for n in sorted(search) if n in present and can_take(present[n], search[n])}
    return {n: v if isinstance(search[n], Range) else json.dumps(v) for n, v in inside.items()}


class SearchedTrial:
    """A trial of Optuna whose parameters come from a search space, where that has them.

    An experiment's own space asks it for a value from one range; it answers from the range of the search.

    Example:
        >>> import optuna
        >>> trial = SearchedTrial(optuna.trial.FixedTrial({"C": 5.0}), {"C": Range(1.0, 9.0)})
        >>> trial.suggest_float("C", 0.1, 0.2)
        5.0
    """

    def __init__(self, trial: Trial, search: SearchSpace) -> None:
        self._trial, self._search = trial, search

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._trial, name)
        if not name.startswith("suggest_"):
            return method

        def suggest(parameter: str, *args: Any, **options: Any) -> Any:
            space = self._search.get(parameter)
            if space is None:
                return method(parameter, *args, **options)
            return suggest_value(self._trial, parameter, space)

        return suggest


def select_preprocessing(params: Mapping[str, Any]) -> dict[str, Any]:
    """Select the parameters of the preprocessing, without their prefix.

    Example:
        >>> select_preprocessing({"preprocessing__select__k": 10, "C": 1.0})
        {'select__k': 10}
    """
    begins = PREPROCESSING_PREFIX
    return {name.removeprefix(begins): v for name, v in params.items() if name.startswith(begins)}


def check_parameter_names(names: Iterable[str], params: Mapping[str, Any], who: str) -> None:
    """Check that the names of a search exist.

    Args:
        names: the names that the search has.
        params: the parameters that exist, as scikit-learn's ``get_params`` gives them.
        who: the experiment that searches them, for the message.

    Raises:
        WiringError: one of them is no parameter.

    Example:
        >>> check_parameter_names(["C"], {"C": 1.0, "max_iter": 100}, "linear")
    """
    for name in names:
        if name not in params:
            # A part that has parameters of its own is replaced by settings, not by a search.
            known = [n for n, value in params.items() if not hasattr(value, "get_params")]
            raise WiringError(
                f"{who} searches {name}, and neither its estimator nor its preprocessing has such a "
                "parameter.",
                hint=did_you_mean(name, known),
            )
