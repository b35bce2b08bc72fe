"""train: one fit with an experiment's defaults, and no search."""

from typing import TypeVar

from magical.contracts.contract import Contract
from magical.contracts.model import Model
from magical.contracts.promises import Frame, Pipeline
from magical.library.experiments import Experiment
from magical.library.fitting import prepare
from magical.steps import step

__all__ = ["train"]

C = TypeVar("C", bound=Contract)


@step
def train(train: Frame[C], validation: Frame[C], preprocessing: Pipeline, experiment: Experiment) -> Model:
    """Fit an experiment's estimator with its defaults.

    Args:
        train: fitted on.
        validation: scored on; some estimators stop early by it.
        preprocessing: unfitted, as ``transform`` gives it; it is fitted on train.
        experiment: which estimator.

    Returns:
        The fitted model, with its score on validation.

    Raises:
        BrokenPromise: there is no target to predict.

    Example:
        >>> import polars as pl
        >>> from magical import Target
        >>> from magical.library import linear, model_data, transform
        >>> class Customer(Contract):
        ...     income: float
        ...     response: Target[bool]
        >>> raw = pl.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "response": [False, False, True, True]})
        >>> customers = model_data(raw, Customer)
        >>> train(customers, customers, transform(customers), linear()).chosen.name
        'linear'
    """
    bench = prepare(train, validation, preprocessing)
    return bench.model(experiment, bench.fit(experiment, experiment.defaults(bench.task.kind)))
