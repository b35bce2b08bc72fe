"""Checks that an experiment fits the target: while the workflow is drawn, and again before its fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from magical.contracts.schema import Column, Schema
from magical.errors import BrokenPromise, WiringError, join_names
from magical.features import LearnedFeature
from magical.library.experiments import Experiment
from magical.library.metrics.metric_settings import Metric, check_metrics

__all__ = ["check_scale", "check_target_settings", "check_training"]


def check_training(
    train: Schema | None,
    validation: Schema | None,
    preprocessing: object,
    experiment: Experiment,
    metrics: Sequence[Metric],
) -> None:
    """Check, while drawing, that a step that fits an experiment has a target, and metrics that fit it."""
    if train is not None and train.target is None:
        raise WiringError(
            f"{experiment.name} is to be fitted, and {train.name} has no target.",
            hint="mark the column to predict Target[...] in its contract.",
        )
    check_metrics(metrics, validation)
    experiment.check(train, metrics)
    if train is None:
        return
    target = train.by_name[str(train.target)]
    check_target_settings(experiment, target.name, is_class=target.is_class, choices=_list_choices(target))
    for feature in experiment.preprocessing or ():
        if not isinstance(feature, LearnedFeature):
            continue
        try:
            feature.find_columns(train)
        except WiringError as error:
            first, *rest = error.lines
            raise error.with_message(f"{experiment.name}: {first}", *rest) from None


def _list_choices(target: Column) -> tuple[Any, ...]:
    """List the classes that the contract tells; empty if only the rows do."""
    return (False, True) if target.type == "bool" else target.choices


def check_target_settings(
    experiment: Experiment, target: str, *, is_class: bool, choices: tuple[Any, ...]
) -> None:
    """Check that ``target`` and ``class_weight`` of an experiment fit the target.

    Raises:
        WiringError: a scale is for numbers, weights of classes are for classes, and name them.
    """
    if experiment.target is not None and is_class:
        raise WiringError(
            f"{experiment.name} fits the {experiment.target} of {target}, which has classes.",
            hint="leave target out: a scale is for numbers.",
        )
    if experiment.class_weight is not None and not is_class:
        raise WiringError(
            f"{experiment.name} has a class_weight, and {target} is a number.",
            hint="leave it out; for classes declare Target[bool], Target[str] or Target[Literal[...]].",
        )
    if isinstance(experiment.class_weight, dict) and choices:
        _check_class_weight(experiment.name, experiment.class_weight, choices)


def _check_class_weight(who: str, weights: Mapping[str, float], classes: tuple[Any, ...]) -> None:
    """Check that weights of classes name classes, and are numbers above 0.

    Raises:
        WiringError: a name is none of the classes, or a weight is no weight.

    Example:
        >>> _check_class_weight("linear", {"True": 5.0}, (False, True))
    """
    for name, weight in weights.items():
        if name not in map(str, classes):
            raise WiringError(
                f"{who}: class_weight names {name!r}, which is no class.",
                hint=f"the classes are {join_names(classes)}.",
            )
        if not 0 < weight < np.inf:
            raise WiringError(
                f"{who}: the class_weight of {name} is {weight:g}.", hint="a weight is a number above 0."
            )


def check_scale(who: str, scale: str, target: str, y: np.ndarray[Any, Any]) -> None:
    """Check that a target can be transformed.

    Raises:
        BrokenPromise: a value is too low: ``log`` needs numbers above 0, the others numbers of at least 0.

    Example:
        >>> check_scale("linear", "sqrt", "price", np.array([0.0, 4.0]))
    """
    low = y <= 0 if scale == "log" else y < 0
    if low.any():
        raise BrokenPromise(
            f"{who} fits the {scale} of {target}, and {low.sum():,} of {len(y):,} rows have "
            f"{'0 or less' if scale == 'log' else 'less than 0'}, such as {y[low][0]:g}.",
            hint=f"{'log1p takes 0, too; ' if scale == 'log' else ''}leave target out for negative numbers.",
        )
