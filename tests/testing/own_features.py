"""Features as a project writes them, from the public names alone; and broken ones."""

from typing import Any, Self

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from magical import Column, Columns, Feature, LearnedFeature, PlanContext, Schema


class Ratio(Feature):
    """One number divided by another; null where the divisor is zero."""

    top: str
    bottom: str

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        self.read(schema, "int", "float", names=(self.top, self.bottom))
        return (Column(f"{self.top}_per_{self.bottom}", "float", nullable=True),)

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        (column,) = self.adds(schema)
        top, bottom = pl.col(self.top).cast(pl.Float64), pl.col(self.bottom).cast(pl.Float64)
        return (pl.when(bottom != 0).then(top / bottom).alias(column.name),)


class Clipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Clips each column to what it was in training."""

    def fit(self, X: Any, y: Any = None) -> Self:
        self.low_, self.high_ = np.quantile(np.asarray(X, dtype=float), [0.05, 0.95], axis=0)
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X: Any) -> Any:
        return np.clip(np.asarray(X, dtype=float), self.low_, self.high_)


class Clip(LearnedFeature):
    """Numbers within the range that most of them had in training."""

    stage = "scale"
    types = ("int", "float")

    def transformer(self, columns: list[Column], context: PlanContext) -> Any:  # type: ignore[override]
        return Clipper()


# --- broken ones, each in one way -----------------------------------------------------------------------------


class Broken(Feature):
    """The base of broken features of one column."""

    column: str = "income"
    new: str = "broken"
    type: str = "float"
    nullable: bool = True

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        self.read(schema, names=[self.column])
        return (Column(self.new, self.type, self.nullable),)

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        return (self.compute(pl.col(self.column)).alias(self.new),)

    def compute(self, value: pl.Expr) -> pl.Expr:
        return value


class Centred(Broken):
    """Reads the mean of the table."""

    def compute(self, value: pl.Expr) -> pl.Expr:
        return value - value.filter(value.is_finite()).mean()


class Lagged(Broken):
    """Reads the row before."""

    def compute(self, value: pl.Expr) -> pl.Expr:
        return value.shift(1, fill_value=0.0)


class Denied(Broken):
    """Declares that nothing is missing."""

    nullable: bool = False


class Mistyped(Broken):
    """Declares whole numbers and gives others."""

    type: str = "int"


class Misnamed(Broken):
    """Gives a column of another name."""

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        return (pl.col(self.column).alias("other"),)


class Fragile(Broken):
    """Fails on texts that are no numbers."""

    column: str = "city"

    def compute(self, value: pl.Expr) -> pl.Expr:
        return value.cast(pl.Float64)


class Unclosed(Broken):
    """Gives values that its closed set does not have."""

    column: str = "age"

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        return (Column(self.new, "int", True, choices=(0, 1, 2)),)

    def compute(self, value: pl.Expr) -> pl.Expr:
        return value // 50


class Peeking(Broken):
    """Reads the target."""

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        return (pl.when("answers").then(pl.col(self.column)).alias(self.new),)


class Overflowing(Broken):
    """Multiplies in the type of the column, which may be narrow."""

    column: str = "age"
    type: str = "int"

    def compute(self, value: pl.Expr) -> pl.Expr:
        return value * 7


class Unread(Broken):
    """Does not look its column up."""

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        return (Column(self.new, "float", True),)


class Forgetful(Broken):
    """Loses a setting in JSON."""

    new: str = "broken"

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        self.__dict__["new"] = f"{self.new}_again"


class BrokenScale(LearnedFeature):
    """The base of broken learned features."""

    is_abstract = True
    stage = "scale"
    types = ("int", "float")

    columns: Columns = ("income",)


class RefittedScaler(StandardScaler):
    """Fits itself on the rows that it transforms."""

    def transform(self, X: Any, copy: Any = None) -> Any:
        return self.fit(X).__class__.__base__.transform(self, X)


class Refitting(BrokenScale):
    def transformer(self, columns: Any, context: PlanContext) -> Any:
        return RefittedScaler()


class GrowingScaler(StandardScaler):
    """Learns more from each row that it transforms."""

    def transform(self, X: Any, copy: Any = None) -> Any:
        found = super().transform(X)
        self.partial_fit(X)
        return found


class Growing(BrokenScale):
    def transformer(self, columns: Any, context: PlanContext) -> Any:
        return GrowingScaler()


class Ready(BrokenScale):
    """Gives a fitted transformer."""

    def transformer(self, columns: Any, context: PlanContext) -> Any:
        return StandardScaler().fit([[0.0] * len(columns), [1.0] * len(columns)])


class NoisyScaler(StandardScaler):
    """Adds noise that is drawn anew for each fit."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        super().fit(X)
        self.mean_ = self.mean_ + np.random.default_rng().normal(size=len(self.mean_))
        return self


class Noisy(BrokenScale):
    def transformer(self, columns: Any, context: PlanContext) -> Any:
        return NoisyScaler()


class Strict(BrokenScale):
    """Fails on values that train did not have."""

    stage = "encode"
    types = ("str",)

    columns: Columns = ("city",)

    def transformer(self, columns: Any, context: PlanContext) -> Any:
        return OneHotEncoder(sparse_output=False)


class LockedScaler(StandardScaler):
    """Cannot be stored."""

    def __reduce__(self) -> Any:
        raise TypeError("no pickle")


class Locked(BrokenScale):
    def transformer(self, columns: Any, context: PlanContext) -> Any:
        return LockedScaler()


class UnnamedScaler(StandardScaler):
    """Names the first column only."""

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        return np.array(["column"], dtype=object)


class Unnamed(BrokenScale):
    columns: Columns = ("income", "age")

    def transformer(self, columns: Any, context: PlanContext) -> Any:
        return UnnamedScaler()
