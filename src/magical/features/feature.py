"""Feature: the base class of all features, and the schema of a table with features added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import polars as pl

from magical.contracts.schema import Column, Schema, to_snake_case
from magical.errors import WiringError, join_names
from magical.features.column_selectors import Columns, select_columns
from magical.settings import PositionalFields, TaggedSettings

__all__ = ["Feature", "LearnedFeature", "PlanContext", "Stage", "with_features"]

Stage = Literal["impute", "scale", "encode", "transform", "add", "select"]

MAX_ADDED = 10_000  # columns of one feature: more are a mistake, and would take minutes and gigabytes


@dataclass(frozen=True)
class PlanContext:
    """What a learned feature may know of train when it makes its transformer.

    Attributes:
        task: ``binary``, ``multiclass`` or ``regression``.
        rows: the number of rows of train.
        folds: a splitter of scikit-learn, for transformers that encode by the target.
        classes: the classes of the target in order; none of a number.
    """

    task: str
    rows: int
    folds: Any = None
    classes: tuple[Any, ...] = ()


class Feature(PositionalFields, TaggedSettings):
    """Columns computed from other columns of the same row, as settings that can be stored as JSON.

    A subclass has fields, declares its columns in ``adds``, and computes them in ``expressions``.
    Its fields may be passed by position, in their order. A `LearnedFeature` is fitted instead, in the
    Pipeline that ``transform`` plans.

    Example:
        >>> class Ratio(Feature):
        ...     top: str
        ...     bottom: str
        ...
        ...     def adds(self, schema):
        ...         self.read(schema, "int", "float", names=(self.top, self.bottom))
        ...         return (Column(f"{self.top}_per_{self.bottom}", "float", nullable=True),)
        ...
        ...     def expressions(self, schema):
        ...         ratio = pl.col(self.top) / pl.col(self.bottom)
        ...         return (
        ...             pl.when(pl.col(self.bottom) != 0).then(ratio).alias(f"{self.top}_per_{self.bottom}"),
        ...         )
        >>> Ratio("income", "family")
        Ratio(top='income', bottom='family')
    """

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare the columns that the feature adds to a table of this schema.

        Raises:
            WiringError: the table lacks a column that the feature reads, or has it in another type.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which columns it adds.")

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build the polars expressions that compute these columns row by row, with the same names."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its columns are computed.")

    @property
    def is_learned(self) -> bool:
        """True if it is fitted: then it adds no column to the table, and ``transform`` plans it."""
        return False

    def read(self, schema: Schema, *types: str, names: Iterable[str]) -> list[Column]:
        """Look up the columns that the feature reads, and check that each has one of these types.

        Args:
            schema: the table's columns.
            types: types of a contract, such as ``int``; none for any type.
            names: names, or selectors as in `Columns`.

        Raises:
            WiringError: a column does not exist, is of another type, or is the target.
        """
        return select_columns(names, schema, self, *types)

    def check_width(self, count: int, hint: str) -> None:
        """Refuse a feature that would add more than 10,000 columns, before it makes them.

        Args:
            count: how many columns it would add.
            hint: how to ask for fewer.

        Raises:
            WiringError: there are too many.
        """
        if count > MAX_ADDED:
            raise WiringError(
                f"{self!r} would add {count:,} columns; a feature may add {MAX_ADDED:,}.", hint=hint
            )


class LearnedFeature(Feature):
    """Columns that are fitted inside the Pipeline: on train, or on the rows of a fold that are fitted on.

    A subclass sets ``stage`` and ``types``, and makes an unfitted transformer of scikit-learn in
    ``transformer``. Stages ``impute``, ``scale`` and ``encode`` take the place of what ``transform`` would do
    with these columns by itself; ``transform`` takes the place of encoding and scaling both; ``add`` adds
    columns beside them; ``select`` comes after all others. What transforms or adds gets the columns imputed;
    or encoded and scaled as well, if it has a field ``after_scaling`` that is true.

    Attributes:
        columns: the columns that it reads; selectors are allowed.

    Example:
        >>> class Ranks(LearnedFeature):
        ...     stage = "scale"
        ...     types = ("int", "float")
        ...
        ...     def transformer(self, columns, context):
        ...         from sklearn.preprocessing import QuantileTransformer
        ...
        ...         return QuantileTransformer(n_quantiles=min(100, context.rows))
        >>> Ranks("income").is_learned
        True
    """

    is_abstract: ClassVar[bool] = True
    stage: ClassVar[Stage] = "add"
    types: ClassVar[tuple[str, ...]] = ()

    columns: Columns

    @property
    def is_learned(self) -> bool:
        """True: it is fitted."""
        return True

    @property
    def plan_stage(self) -> Stage:
        """The stage that it has with these settings: by default that of its kind."""
        return self.stage

    @property
    def is_joint(self) -> bool:
        """True if what it makes of one column depends on the other columns that it is fitted on."""
        return False

    @property
    def block_name(self) -> str:
        """The name of its block in the Pipeline."""
        return to_snake_case(type(self).__name__)

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        """Declare no column: those that it makes exist inside the Pipeline only."""
        return ()

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        """Build no expression."""
        return ()

    def find_columns(self, schema: Schema) -> list[Column]:
        """Return the columns that it is fitted on.

        Raises:
            WiringError: the table lacks one, has it in another type, or with a role.
        """
        return self.read_features(schema, *self.types)

    def read_features(self, schema: Schema, *types: str) -> list[Column]:
        """Look up ``columns``, each of one of these types; columns with a role are nothing to learn from.

        Raises:
            WiringError: the table lacks one, has it in another type, or with a role.
        """
        columns = self.read(schema, *types, names=self.columns)
        for column in columns:
            if column.role and self.is_learned:
                raise WiringError(
                    f"{self!r} reads {column.name}, no feature of {schema.name}, but its {column.role}.",
                    hint=f"leave {column.name} out, or let featurize make a column of it.",
                )
        return columns

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        """Make an unfitted transformer of scikit-learn for these columns."""
        raise NotImplementedError(f"{type(self).__name__} does not say which transformer it fits.")


def with_features(schema: Schema, features: Iterable[Feature]) -> Schema:
    """Add the columns of features to a schema, one by one: a feature may read the columns of earlier ones.

    Raises:
        WiringError: a feature does not fit the table, or adds a column that exists already.

    Example:
        >>> from magical.features import Log
        >>> with_features(Schema("Customer", (Column("income", "float"),)), [Log("income")]).names
        ['income', 'log_income']
    """
    for feature in features:
        added = feature.adds(schema)
        duplicates = [n for n, count in Counter(c.name for c in added).items() if count > 1]
        duplicates += [c.name for c in added if c.name in schema.by_name]
        if duplicates:
            raise WiringError(
                f"{feature!r} adds {join_names(duplicates)}, which is there already.",
                hint="name the feature otherwise, or leave one of the two out.",
            )
        schema = schema.with_columns(added)
    return schema
