"""Impute: the values that take the place of missing ones."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from magical.contracts.schema import Column, Schema
from magical.errors import WiringError
from magical.features.column_selectors import Columns
from magical.features.feature import LearnedFeature, PlanContext, Stage

__all__ = ["Impute", "ImputeHow"]

ImputeHow = Literal["median", "mean", "most_frequent", "constant", "nearest", "iterative"]
FillValue = bool | int | float | dt.datetime | dt.date | str

_NUMBERS = ("int", "float", "duration", "bool")
_DATES = ("date", "datetime")
_FILL_TYPES: dict[str, Any] = {
    "int": (int, float),
    "float": (int, float),
    "duration": (int, float),
    "bool": bool,
    "str": str,
}


class Impute(LearnedFeature):
    """Fill the missing values of columns, and mark where they were missing; infinite numbers are missing too.

    What fills them is learned from the rows that are fitted on: the ``median``, the ``mean``, the value that
    is ``most_frequent``; or it is the ``constant`` in ``value``. ``nearest`` takes the mean of the five rows
    that are nearest in the other columns, among at most 10,000 rows; ``iterative`` predicts a column from
    the others by ridge regression, in rounds (MICE). Both read numbers, all of the columns together.

    Attributes:
        how: how missing values are filled. Texts and closed sets: by ``most_frequent`` or ``constant`` only.
        value: the constant: a number (for durations in microseconds), a text, a bool or a date.
        indicator: False for no columns that are 1 where a value was missing. Only a column that has missing
            values in the rows fitted on gets one.

    Example:
        >>> Impute("income", "constant", 0)
        Impute(columns='income', how='constant', value=0)
    """

    stage: ClassVar[Stage] = "impute"

    how: ImputeHow = "median"
    value: FillValue | None = None
    indicator: bool = True

    if TYPE_CHECKING:

        def __init__(
            self,
            columns: Columns | Sequence[str] | str,
            how: ImputeHow = "median",
            value: FillValue | None = None,
            indicator: bool = True,
        ) -> None: ...

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        if (self.how == "constant") != (self.value is not None):
            raise ValueError("how = 'constant' needs a value, and no other way has one")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise ValueError(f"value = {self.value:g} would be missing itself; give a finite number")
        return self

    @property
    def is_joint(self) -> bool:
        """True for the ways that fill a column from the others."""
        return self.how in ("nearest", "iterative")

    @property
    def block_name(self) -> str:
        """The way that differs from the default."""
        return self.how

    def find_columns(self, schema: Schema) -> list[Column]:
        """Return the columns whose missing values are filled.

        Raises:
            WiringError: the table lacks one, or has it in a type that cannot be filled in this way.
        """
        types = _NUMBERS if self.is_joint else (*_NUMBERS, *_DATES)
        if self.how in ("most_frequent", "constant"):
            types = (*types, "str")
        columns = self.read_features(schema, *types)
        for column in columns:
            if self.how == "constant":
                self._check_constant(column)
            elif column.choices and self.how != "most_frequent":
                raise WiringError(
                    f"{self!r} reads {column.name}, a closed set, between whose values nothing lies.",
                    hint=f"leave {column.name} out, or fill it by most_frequent or constant.",
                )
        return columns

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        """Make the imputer; dates come to it as days since 1970."""
        if self.how == "nearest":
            from magical.estimators import NearestImputer

            return NearestImputer()
        if self.how == "iterative":
            return _make_iterative()
        from sklearn.impute import SimpleImputer

        # Keep a column that is all null in a fold, or the width would differ from fold to fold.
        fill = self._read_constant(columns[0]) if self.how == "constant" else None
        return SimpleImputer(strategy=self.how, fill_value=fill, keep_empty_features=True)

    def _check_constant(self, column: Column) -> None:
        """Raise a WiringError if the constant is no value of the column."""
        value = self._read_constant(column)
        if value is None or (column.choices and value not in column.choices):
            raise WiringError(
                f"{self!r} fills {column.name}, which is {column.type_text}, by {self.value!r}.",
                hint=f"give a value of that type, or leave {column.name} out.",
            )

    def _read_constant(self, column: Column) -> Any:
        """Return the constant as the imputer gets it, a date as days since 1970; None if it does not fit."""
        if column.type in _DATES:
            return _count_days(self.value)
        fits = isinstance(self.value, _FILL_TYPES.get(column.type, object))
        return self.value if fits and isinstance(self.value, bool) == (column.type == "bool") else None


def _count_days(value: Any) -> float | None:
    """Count the days from 1970 to a date, or to a text of one, as JSON has it; None for another value."""
    if not isinstance(value, (str, dt.date)):
        return None
    try:
        day = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (day.replace(tzinfo=None) - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)


def _make_iterative() -> Any:
    import numpy as np
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    from magical.estimators import ChainedImputer

    # It writes into its input, and the array of a frame of pandas 3 is read-only: copy it.
    copy = FunctionTransformer(np.array, feature_names_out="one-to-one")
    return Pipeline([("copy", copy), ("rounds", ChainedImputer(random_state=0, keep_empty_features=True))])
