"""Recipes: what a fit is made of, so that ``refit`` can make it again on more rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from magical.contracts.promises import Pipeline

if TYPE_CHECKING:
    from magical.library.experiments import Experiment

__all__ = ["EnsembleRecipe", "FitRecipe"]


@dataclass(frozen=True)
class FitRecipe:
    """One experiment with the parameters that were chosen.

    Attributes:
        preprocessing: unfitted, with its searched parameters set. Recipes of one ensemble with equal
            preprocessings share one fit of it.
        params: the parameters of the estimator.
        searched: the names of parameters that only the experiment's ``search`` has.
        rounds: the mean number of rounds after which its fits stopped early; None if they did not.
    """

    experiment: Experiment
    preprocessing: Pipeline
    params: Mapping[str, Any] = field(default_factory=dict)
    searched: tuple[str, ...] = ()
    rounds: float | None = None


@dataclass(frozen=True)
class EnsembleRecipe:
    """Several recipes, and the weight of each in the mean of their predictions."""

    members: tuple[FitRecipe, ...]
    weights: tuple[float, ...]
