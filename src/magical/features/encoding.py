"""Encode: categories, texts and dates as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from magical.contracts.schema import Column, Schema
from magical.features.column_selectors import Columns
from magical.features.feature import LearnedFeature, PlanContext, Stage
from magical.features.readable_names import TargetMeanNames, name_category

__all__ = ["Encode", "EncodeHow", "make_one_hot", "make_target_encoder"]

EncodeHow = Literal["one_hot", "ordinal", "target", "count", "hash", "string", "minhash", "gap", "datetime"]

_TYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("one_hot", "ordinal", "target", "count", "hash"), ("str", "int", "bool")),
    **dict.fromkeys(("string", "minhash", "gap"), ("str",)),
    "datetime": ("date", "datetime"),
}
_WIDTHS = {"one_hot": 100, "hash": 16, "string": 10, "minhash": 10, "gap": 10}
_UNSCALED = ("one_hot", "hash")  # zeros and ones


class Encode(LearnedFeature):
    """Encode columns as numbers.

    ===========  ===========================================  ===========================  ===================
    how          columns                                      a value that is new          null
    ===========  ===========================================  ===========================  ===================
    ``one_hot``  one for each value; rare ones share one      as a rare one                a value like others
    ``ordinal``  the place of the value in order              -1                           -1
    ``target``   the target's mean of the value, shrunken     the overall mean             a value like others
    ``count``    the rows of train with the value             0                            a value like others
    ``hash``     one for each of ``width`` buckets            its bucket                   no bucket
    ``string``   words and parts of words (skrub)             by the parts that it shares  0
    ``minhash``  similar texts near each other (skrub)        by the parts that it shares  0, before scaling
    ``gap``      topics that texts are made of (skrub)        by the parts that it shares  no topic
    ``datetime`` year, month, day, hour, seconds (skrub)      -                            imputed
    ===========  ===========================================  ===========================  ===================

    Target means are cross-fitted: no row is encoded by its own target. All but zeros and ones are scaled to
    mean 0 and variance 1, min-hashes to ranks from 0 to 1; `Scale` scales otherwise.

    Attributes:
        how: the encoding. Texts of a closed set are in the order of their ``Literal``, other values sorted.
        width: the most columns of ``one_hot`` (100), the columns of ``hash`` (16) or, for each text, those of
            ``string``, ``minhash`` and ``gap`` (10).

    Example:
        >>> Encode("education", "ordinal"), Encode("comment", "string", width=20)
        (Encode(columns='education', how='ordinal'), Encode(columns='comment', how='string', width=20))
    """

    stage: ClassVar[Stage] = "encode"

    how: EncodeHow = "one_hot"
    width: int | None = Field(default=None, ge=2, le=10_000)

    if TYPE_CHECKING:

        def __init__(
            self, columns: Columns | Sequence[str] | str, how: EncodeHow = "one_hot", width: int | None = None
        ) -> None: ...

    @model_validator(mode="after")
    def _check_width(self) -> Self:
        if self.width is not None and self.how not in _WIDTHS:
            raise ValueError(f"how = {self.how!r} has no width; one column comes of each")
        return self

    @property
    def block_name(self) -> str:
        """The way of encoding."""
        return self.how

    def find_columns(self, schema: Schema) -> list[Column]:
        """Return the columns that are encoded.

        Raises:
            WiringError: the table lacks one, or has it in a type that cannot be encoded in this way.
        """
        return self.read_features(schema, *_TYPES[self.how])

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        """Make the encoder."""
        match self.how:
            case "one_hot":
                return make_one_hot(context, max_categories=self._width)
            case "ordinal":
                return _make_ordinal(columns)
            case "target":
                return make_target_encoder(context)
            case "count":
                from magical.estimators import CountEncoder

                return CountEncoder()
            case "hash":
                from magical.estimators import HashEncoder

                return HashEncoder(self._width)
            case "datetime":
                from skrub import DatetimeEncoder

                from magical.estimators import EachColumn

                return EachColumn(DatetimeEncoder())
        return _make_text_encoder(self.how, self._width)

    def make_scaler(self, context: PlanContext) -> Any:
        """Make the scaler that follows unless a `Scale` names the columns."""
        if self.how in _UNSCALED:
            return "passthrough"
        if self.how == "minhash":  # of huge numbers, among which the 0 of a null lies far out
            from sklearn.preprocessing import QuantileTransformer

            return QuantileTransformer(n_quantiles=max(1, min(100, context.rows // 2)), random_state=0)
        from sklearn.preprocessing import StandardScaler

        return StandardScaler()

    @property
    def _width(self) -> int:
        return self.width or _WIDTHS[self.how]


def make_one_hot(context: PlanContext, max_categories: int | None = None) -> Any:
    """Make an encoder with a column for each value, one for all rare ones; new values count as rare."""
    from sklearn.preprocessing import OneHotEncoder

    rare = max(1, min(10, context.rows // 100))
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=rare,
        max_categories=max_categories,
        sparse_output=False,
        feature_name_combiner=name_category,
    )


def make_target_encoder(context: PlanContext) -> Any:
    """Make an encoder by the target's mean of each value, shrunken and cross-fitted, with names for them."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, TargetEncoder

    # State the target's type: the encoder would take whole numbers of a regression for classes.
    kind = "continuous" if context.task == "regression" else context.task
    classes = context.classes if context.task == "multiclass" else ()
    names = FunctionTransformer(feature_names_out=TargetMeanNames(classes))
    return Pipeline([("mean", TargetEncoder(target_type=kind, cv=context.folds)), ("names", names)])


def _make_ordinal(columns: Sequence[Column]) -> Any:
    from sklearn.preprocessing import OrdinalEncoder

    # The order of a Literal is its author's, often of size; of other columns the values are learned.
    orders: Any = "auto"
    if all(c.choices for c in columns):
        # scikit-learn wants numbers sorted.
        orders = [list(c.choices) if c.type == "str" else sorted(c.choices) for c in columns]
    return OrdinalEncoder(
        categories=orders, handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
    )


def _make_text_encoder(how: str, width: int) -> Any:
    from skrub import GapEncoder, MinHashEncoder, StringEncoder

    from magical.estimators import EachColumn

    if how == "minhash":
        return EachColumn(MinHashEncoder(n_components=width))
    encoder = StringEncoder if how == "string" else GapEncoder
    return EachColumn(encoder(n_components=width, random_state=0))
