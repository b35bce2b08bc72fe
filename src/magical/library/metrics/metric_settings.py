"""Metric: a metric of the settings, ours, one of scikit-learn, or a function of the project."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError, did_you_mean, join_names
from magical.library.metrics.metrics import LOWER_IS_BETTER, METRICS_BY_TASK
from magical.library.metrics.scorer_names import SCORER_TASKS, UNFIT_SCORERS
from magical.settings import FunctionReference, Settings, import_string

__all__ = ["PINBALL", "Metric", "build_misfit_error", "check_metrics", "find_deciding", "list_tasks"]

PINBALL = "pinball"
"""The metric of quantiles; `evaluate` computes it only where the settings ask for it."""

_OURS = tuple(dict.fromkeys(name for names in METRICS_BY_TASK.values() for name in names))


class Metric(Settings):
    """One metric, by its name: one of ours, a scorer of scikit-learn, or a function of the project.

    In a file a text alone is a name: ``["roc_auc", {name = "profit", function = "workflow:profit"}]``.

    The function gets two numpy arrays, and returns a number. The first is the truth, the second what
    ``needs`` says. For two classes the truth has booleans, True for the positive class (the last), and the
    second the probability of that class, or predicted booleans. For more classes the truth has their numbers
    from 0, in order, and the second a column of probabilities for each class, or predicted numbers. For
    numbers both are numbers.

    Attributes:
        name: ``roc_auc``, ``log_loss``, ``rmse`` and others of ours; any name of
            ``sklearn.metrics.get_scorer_names()``, shown with scikit-learn's sign, so that a ``neg_`` metric
            is negative; or, with ``function``, a name of your own.
        function: the import string of a function, such as ``workflow:profit``, or the function itself.
        greater_is_better: False for a function whose value is better when it is lower, such as a cost.
        needs: for a function: ``prediction`` or ``probability``; by default probabilities for classes.
        weights: a column of the table with a weight for each row; a function gets it as ``sample_weight``.
            A metric uses no weights unless it names them here, the column ``Weight[...]`` of fits included.
        quantile: for ``pinball``, the loss of predictions of a quantile: which one, such as 0.9.

    Example:
        >>> Metric("profit", function="workflow:profit").direction
        'maximize'
        >>> Metric("rmse").direction, Metric("neg_root_mean_squared_error").direction
        ('minimize', 'maximize')
    """

    name: str = Field(min_length=1, pattern=r"^\w+$")
    function: FunctionReference = FunctionReference()
    greater_is_better: bool | None = None
    needs: Literal["", "prediction", "probability"] = ""
    weights: str = ""
    quantile: float | None = Field(default=None, gt=0, lt=1)

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            *,
            function: str | Callable[..., Any] = "",
            greater_is_better: bool | None = None,
            needs: Literal["", "prediction", "probability"] = "",
            weights: str = "",
            quantile: float | None = None,
        ) -> None: ...

    else:

        def __init__(self, name: str, **fields: Any) -> None:
            super().__init__(name=name, **fields)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, values: Any) -> Any:
        """Read a text alone as a name."""
        return {"name": str(values)} if isinstance(values, str) else values

    @field_validator("function", mode="before")
    @classmethod
    def _name_function(cls, function: Any) -> Any:
        if not callable(function) or isinstance(function, str):
            return function
        if "<" in (text := import_string(function)):  # a lambda, or a function inside another one
            raise ValueError(f"{text} cannot be found again by its name; write it at the top of a module")
        return text

    @model_validator(mode="after")
    def _check(self) -> Metric:
        known = self.name in _OURS or self.name in SCORER_TASKS or self.name == PINBALL
        if (self.name == PINBALL) != (self.quantile is not None):
            raise ValueError(f"{PINBALL} has a quantile, such as 0.9, and no other metric has one")
        if self.function:
            if known:
                raise ValueError(f"{self.name} is a metric already; give the function another name")
        elif self.name in UNFIT_SCORERS:
            raise ValueError(
                f"{self.name} compares {UNFIT_SCORERS[self.name]}, not predictions of one target"
            )
        elif not known and not _is_new_scorer(self.name):
            names = [*_OURS, PINBALL, *SCORER_TASKS]
            raise ValueError(f"there is no metric {self.name!r}; {did_you_mean(self.name, names)}")
        elif self.needs or self.greater_is_better is not None:
            raise ValueError(
                f"needs and greater_is_better are for a function; those of {self.name} are known"
            )
        return self

    @property
    def is_fast(self) -> bool:
        """True for a metric of ours without weights, whose resamples are computed all at once."""
        return self.name in _OURS and not self.weights and not self.function

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction in which the metric improves, in the words of Optuna."""
        falls = self.greater_is_better is False if self.function else self.name in LOWER_IS_BETTER
        return "minimize" if falls else "maximize"

    def to_loss(self, value: float) -> float:
        """Turn a value into a number that is better when it is lower.

        Example:
            >>> Metric("rmse").to_loss(2.0), Metric("r2").to_loss(0.5)
            (2.0, -0.5)
        """
        return value if self.direction == "minimize" else -value

    def fits(self, tasks: Sequence[str]) -> bool:
        """Return True if the metric can be computed for one of these tasks.

        Example:
            >>> Metric("rmse").fits(["binary"]), Metric("neg_log_loss").fits(["binary"])
            (False, True)
        """
        ours = (task for task, names in METRICS_BY_TASK.items() if self.name in names)
        fitting = {*ours, *SCORER_TASKS.get(self.name, ())} or ({"regression"} if self.quantile else set())
        # Of a function nothing is known, nor of a scorer that a newer scikit-learn has.
        return bool(self.function) or not fitting or not fitting.isdisjoint(tasks)

    def judges_quantile(self, quantile: float) -> bool:
        """Return True if the metric is best for this quantile; of a function nothing is known.

        Example:
            >>> Metric("pinball", quantile=0.9).judges_quantile(0.9), Metric("rmse").judges_quantile(0.9)
            (True, False)
        """
        is_median = self.name in ("mae", "neg_mean_absolute_error", "neg_median_absolute_error")
        return bool(self.function) or self.quantile == quantile or (is_median and quantile == 0.5)


def find_deciding(metrics: Sequence[Metric]) -> Metric | None:
    """Return the metric that decides: the first; None for an empty list, where ours decides."""
    return metrics[0] if metrics else None


def check_metrics(metrics: Sequence[Metric], table: Schema | None) -> None:
    """Check that the metrics of a call fit the target of its table, as far as its contract tells.

    Raises:
        WiringError: a metric is given twice, does not fit the target, or has weights that are no numbers.
        SettingsError: its function cannot be imported.
    """
    names = [m.name for m in metrics]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise WiringError(
            f"The metric {twice[0]} is in the list twice.", hint="give one of them a name of its own."
        )
    for metric in metrics:
        if metric.function:
            _check_function(metric)
        target = table.by_name.get(table.target or "") if table is not None else None
        if table is None or target is None:
            continue
        if not metric.fits(tasks := list_tasks(target)):
            raise build_misfit_error(metric, target.name, target.type_text, tasks)
        _check_weights(metric, table)


def build_misfit_error(metric: Metric, target: str, type_text: str, tasks: Sequence[str]) -> WiringError:
    """Make the error about a metric that cannot be computed for a target."""
    names = [n for task in tasks for n in METRICS_BY_TASK[task]]
    names += [n for n, fit in SCORER_TASKS.items() if set(fit) & set(tasks)]
    what = "classes" if metric.fits(["multiclass"]) else "two classes"
    what = "numbers" if metric.fits(["regression"]) else what
    return WiringError(
        f"The metric {metric.name} is for {what}, and {target} is {type_text}.",
        hint=f"what fits: {join_names(dict.fromkeys(names), 10)}, or a function of your own.",
    )


def list_tasks(target: Column) -> tuple[str, ...]:
    """List the tasks that a target may be; the number of classes of a text is known only from its rows.

    Example:
        >>> list_tasks(Column("answer", "bool")), list_tasks(Column("city", "str"))
        (('binary',), ('binary', 'multiclass'))
    """
    if not target.is_class:
        return ("regression",)
    if target.type == "bool" or len(target.choices) == 2:
        return ("binary",)
    return ("multiclass",) if target.choices else ("binary", "multiclass")


def _check_function(metric: Metric) -> None:
    """Raise a WiringError if the function cannot be called with two arrays, and weights if it has any."""
    function = metric.function.load()
    weights = {"sample_weight": None} if metric.weights else {}
    try:
        inspect.signature(function).bind(None, None, **weights)
    except TypeError:
        wanted = "truth, guess, sample_weight" if weights else "truth, guess"
        raise WiringError(
            f"The function {metric.function} of the metric {metric.name} must take ({wanted}), and takes "
            f"{inspect.signature(function)}.",
            hint="it gets numpy arrays, and returns a number.",
        ) from None
    except ValueError:  # a function in C without a signature
        return


def _check_weights(metric: Metric, table: Schema) -> None:
    # A column that no contract declares passes through, so one that is not here may be in the table.
    column = table.by_name.get(metric.weights)
    if column is not None and (column.type not in ("int", "float", "bool") or column.role == "target"):
        what = "the target" if column.role == "target" else column.type_text
        raise WiringError(
            f"The weights of the metric {metric.name} are {metric.weights}, which is {what}.",
            hint="weights are a column of numbers of at least 0.",
        )


def _is_new_scorer(name: str) -> bool:
    """Ask scikit-learn for a name that this module does not know: its release may be newer."""
    from sklearn.metrics import get_scorer_names

    return name in get_scorer_names()
