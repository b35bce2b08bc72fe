"""The model: one frozen object with the fitted Pipeline and everything that serving needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from magical.brand import mark_not_real
from magical.contracts.schema import Schema
from magical.contracts.tables import coerce_table
from magical.errors import BrokenPromise, join_names, shorten
from magical.html_tables import render_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LARGEST_NUMBER", "Candidate", "Model", "format_number", "to_canonical_frame"]


def format_number(value: float, digits: int = 4) -> str:
    """Format a number with so many digits, a larger one as a whole number.

    Example:
        >>> format_number(0.68123), format_number(52210.4), format_number(-6641.5, 3), format_number(2e20)
        ('0.6812', '52210', '-6642', '2e+20')
    """
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e15 else f"{value:.{digits}g}"


@dataclass(frozen=True)
class Candidate:
    """An experiment that a selection compared.

    Attributes:
        score: the value of ``metric`` on rows that its fits did not see; NaN if it failed.
        params: the parameters that were chosen; of an ensemble, the weights of its members by name.
        scored: which rows: ``on validation`` or ``out of fold``.
        failure: the reason why it failed; empty otherwise.
    """

    name: str
    score: float
    metric: str
    params: Mapping[str, Any] = field(default_factory=dict)
    scored: str = "on validation"
    failure: str = ""

    @property
    def title(self) -> str:
        """The name, and the members of an ensemble.

        Example:
            >>> Candidate("ensemble", 0.3, "log_loss", {"linear": 0.25, "boosting": 0.75}).title
            'ensemble of linear and boosting'
        """
        shares = [w for w in self.params.values() if isinstance(w, float)]
        is_mean = len(shares) == len(self.params) > 1 and abs(sum(shares) - 1) < 1e-6
        if self.name != "ensemble" or not is_mean:
            return self.name
        *names, last = self.params
        return f"ensemble of {', '.join(names)} and {last}"


@dataclass(frozen=True)
class Model:
    """A fitted scikit-learn Pipeline with its task, classes, threshold and input contract.

    Attributes:
        pipeline: the fitted Pipeline; its input is a frame from ``to_canonical_frame``.
        task: ``binary``, ``multiclass`` or ``regression``.
        schema: the input contract: the feature columns, types and nullability, without the target.
        classes: the target's values in order; for ``binary`` the last one is the positive class.
        threshold: at or above this probability the positive class is predicted.
        chosen: the experiment it came from, with its score on rows that its fits did not see.
        candidates: the experiments that it beat.
        origin: the pretended or sampled steps that it depends on.
        held_out: predictions of rows by fits that did not see them, of validation or out of fold: the ids
            (or ``row``, the number of the row in train followed by validation), the target, ``prediction``,
            for classes ``probability_CLASS``, and the columns that metrics weigh by. None if a step of the
            project fitted the model.
        recipe: what ``refit`` needs to fit the model again; None if it cannot be.
        failure: the reason why its experiment failed; then there is no pipeline. Empty otherwise.

    What is registered has neither ``held_out`` nor ``recipe``. Pandas and polars input give the same numbers.

    Example:
        >>> from sklearn.dummy import DummyRegressor
        >>> from magical.contracts.schema import Column
        >>> pipeline = DummyRegressor().fit([[3], [5]], [200.0, 400.0])
        >>> model = Model(pipeline, "regression", "price", Schema("House", (Column("rooms", "int"),)))
        >>> model.predict(pl.DataFrame({"rooms": [4]}))["prediction"].to_list()
        [300.0]
    """

    __promises__: ClassVar[str] = "model"

    pipeline: Any
    task: str
    target: str
    schema: Schema
    classes: tuple[Any, ...] = ()
    threshold: float = 0.5
    chosen: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()
    origin: tuple[str, ...] = ()
    held_out: pl.DataFrame | None = field(default=None, repr=False, compare=False)
    recipe: Any = field(default=None, repr=False, compare=False)
    failure: str = ""

    @property
    def features(self) -> list[str]:
        """The names of the model's feature columns, in order."""
        return self.schema.names

    @property
    def feature_names(self) -> list[str]:
        """The names of the numbers that the estimator was fitted on, such as ``education=Master``.

        Of an ensemble, those of all its members, each once. Empty where scikit-learn cannot tell, because a
        step of the Pipeline has no ``get_feature_names_out``.
        """
        return _name_features(self.pipeline, self.features)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        what = f"{self.task}, {len(self.features)} features"
        return f"<model of {self.target}: {shorten(self.summary(), 400)}; {what}>"

    def _repr_html_(self) -> str:
        text = self.summary()
        rows = [("task", self.task), ("target", self.target), ("features", join_names(self.features, 40))]
        rows += [("classes", join_names(self.classes, 20))] if self.classes else []
        rows += [("threshold", format_number(self.threshold))] if self.task == "binary" else []
        tried = ([self.chosen] if self.chosen else []) + [*self.candidates]
        rows += [(c.title, c.failure or f"{c.metric} {format_number(c.score)} {c.scored}") for c in tried]
        return render_table(
            text, rows, notes=[f"It stands on {join_names(self.origin)}."] if self.origin else []
        )

    def summary(self) -> str:
        """Describe the model in one line: experiment and score, or its failure; else task and target."""
        text, chosen = f"{self.task} model of {self.target}", self.chosen
        if self.failure:
            text = f"{chosen.name if chosen else text} failed: {self.failure}"
        elif chosen is not None:
            text = f"{chosen.title}, {chosen.metric} {format_number(chosen.score)} {chosen.scored}"
        return mark_not_real(text) if self.origin else text

    def check_fitted(self) -> None:
        """Raise a BrokenPromise if the experiment failed, so that there is nothing that could predict."""
        if self.failure:
            raise BrokenPromise(
                f"There is no fitted model: {self.summary()}",
                hint="mend or remove this experiment; select leaves it out where another one succeeds.",
            )

    def probabilities(self, table: Any) -> np.ndarray[Any, Any]:
        """Predict the probability of each class, from polars or pandas rows with the model's features.

        Returns:
            An array of shape (rows, classes), columns in the order of ``classes``.

        Raises:
            BrokenPromise: the model predicts numbers, its experiment failed, or a feature is missing or of
                another type.
        """
        if self.task == "regression":
            raise BrokenPromise("This model predicts numbers, not classes.", hint="use predict(table).")
        self.check_fitted()
        frame = to_canonical_frame(table, self.schema)
        if frame.empty:  # scikit-learn raises on an empty table
            return np.empty((0, len(self.classes)))
        return np.asarray(self.pipeline.predict_proba(frame), dtype=np.float64)

    def predict(self, table: Any) -> pl.DataFrame:
        """Predict polars or pandas rows with the model's features; further columns are ignored.

        Returns:
            A table in the same order: ``prediction`` and, for classes, ``probability_CLASS`` for each.

        Raises:
            BrokenPromise: its experiment failed, or a feature is missing or of another type.
        """
        if self.task == "regression":
            self.check_fitted()
            frame = to_canonical_frame(table, self.schema)
            values = np.empty(0) if frame.empty else self.pipeline.predict(frame)
            return pl.DataFrame({"prediction": np.asarray(values, dtype=np.float64)})
        probabilities = self.probabilities(table)
        if self.task == "binary":
            places = (probabilities[:, 1] >= self.threshold).astype(int)
        else:
            places = probabilities.argmax(axis=1) if len(probabilities) else np.empty(0, dtype=int)
        classes = pl.Series("prediction", list(self.classes))
        columns = {f"probability_{c}": probabilities[:, i] for i, c in enumerate(self.classes)}
        # gather keeps the type of the classes: a boolean target is predicted as booleans.
        return pl.DataFrame({"prediction": classes.gather(pl.Series(places, dtype=pl.UInt32)), **columns})


def _name_features(pipeline: Any, inputs: list[str]) -> list[str]:
    if hasattr(pipeline, "named_members"):
        members = [member for _, member in pipeline.members]
        names = [_name_features(m, [*getattr(m, "feature_names_in_", inputs)]) for m in members]
        return list(dict.fromkeys(chain.from_iterable(names))) if all(names) else []
    if len(getattr(pipeline, "steps", [])) < 2:
        return inputs
    try:
        return [str(name) for name in pipeline[:-1].get_feature_names_out()]
    except (AttributeError, TypeError, ValueError):
        return []


LARGEST_NUMBER = float(np.finfo(np.float32).max)
"""Numbers beyond it are missing to a model: trees have smaller ones only, and squares may be infinite."""

_NUMBERS = ("int", "float", "bool")


def to_canonical_frame(table: Any, schema: Schema) -> pd.DataFrame:
    """Convert a table to the one kind of pandas frame that pipelines are fitted on and predict from.

    Numbers, booleans and durations (in microseconds) become ``float64`` with NaN where a value is missing,
    infinite or beyond ±3.4e38, texts ``object`` with NaN, dates ``datetime64[us]``. Columns are in the order
    of the schema.

    Example:
        >>> from magical.contracts.schema import Column
        >>> frame = to_canonical_frame(
        ...     pl.DataFrame({"a": [1, None]}), Schema("S", (Column("a", "int", True),))
        ... )
        >>> frame["a"].dtype
        dtype('float64')
    """
    import pandas as pd  # imported late, since not every user of this module predicts

    frame = coerce_table(table, schema)
    index = pd.RangeIndex(frame.height)
    numbers = [c.name for c in schema.columns if c.type in _NUMBERS]
    rest = [c for c in schema.columns if c.type not in _NUMBERS]
    others = pd.DataFrame({c.name: _to_canonical_array(frame[c.name], c.type) for c in rest}, index=index)
    if not numbers:
        return others
    # All numbers as floats, of which alone pandas has a NaN; and all at once, since there may be thousands.
    block = frame.select(numbers).cast(pl.Float64).to_numpy()
    # A step may divide by zero. scikit-learn refuses infinite numbers, and squares of huge ones are infinite.
    if (huge := (block > LARGEST_NUMBER) | (block < -LARGEST_NUMBER)).any():
        block = np.where(huge, np.nan, block)
    floats = pd.DataFrame(block, columns=numbers, index=index)
    return floats if not rest else pd.concat([floats, others], axis=1)[schema.names]


def _to_canonical_array(series: pl.Series, kind: str) -> Any:
    """Convert a column that is no number to an array of pandas."""
    import pandas as pd

    if kind in ("date", "datetime"):
        return series.cast(pl.Datetime("us")).to_numpy()
    if kind == "duration":
        return series.dt.total_microseconds().cast(pl.Float64).to_numpy()
    values = np.array(series.to_list(), dtype=object)
    # Imputers of scikit-learn find NaN among objects, not None.
    values[np.array([v is None for v in values], dtype=bool)] = np.nan
    return pd.Series(values, dtype=object)
