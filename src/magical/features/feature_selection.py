"""Select: the few of all transformed columns that a model gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from magical.contracts.schema import Column, Schema
from magical.features.feature import LearnedFeature, PlanContext, Stage

__all__ = ["Select", "SelectBy"]

SelectBy = Literal["f", "mutual_info", "variance", "model", "similar"]


class Select(LearnedFeature):
    """Keep the best of all columns, after they are imputed, encoded and scaled.

    Best are those with the greatest ``f`` statistic (of a linear relation to the target), ``mutual_info``
    (of any relation), ``variance`` (of the column stretched from 0 to 1), or importance in a ``model``
    (extremely randomised trees). ``similar`` drops instead each column whose correlation with one before it
    is at least ``threshold``. Information and importance are of at most 50,000 rows, spread evenly.

    Attributes:
        k: the number of columns to keep; all, if there are fewer.
        share: the share of them, in the place of ``k``.
        threshold: for ``similar``: the correlation, positive or negative.

    Example:
        >>> Select(k=20), Select(share=0.5, by="mutual_info"), Select(by="similar")
        (Select(k=20), Select(share=0.5, by='mutual_info'), Select(by='similar'))
    """

    stage: ClassVar[Stage] = "select"
    columns: ClassVar[tuple[str, ...]] = ("*",)  # type: ignore[misc]  # it has no choice: all come to it

    k: int | None = Field(default=None, ge=1)
    share: float | None = Field(default=None, gt=0, lt=1)
    by: SelectBy = "f"
    threshold: float = Field(default=0.95, gt=0, le=1)

    if TYPE_CHECKING:

        def __init__(
            self,
            k: int | None = None,
            share: float | None = None,
            by: SelectBy = "f",
            threshold: float = 0.95,
        ) -> None: ...

    @model_validator(mode="after")
    def _check_amount(self) -> Self:
        given = [n for n in ("k", "share") if getattr(self, n) is not None]
        if self.by == "similar" and given:
            raise ValueError(f"by = 'similar' has a threshold, and no {given[0]}")
        if self.by != "similar" and len(given) != 1:
            raise ValueError(f"by = {self.by!r} needs k or share, one of them")
        # By its value: a Select that was stored as JSON has all its fields set.
        if self.by != "similar" and self.threshold != type(self).model_fields["threshold"].default:
            raise ValueError("only by = 'similar' has a threshold")
        return self

    def find_columns(self, schema: Schema) -> list[Column]:
        """Return no column: it reads what the others make."""
        return []

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        """Make the selector."""
        if self.by == "similar":
            from magical.estimators import DropSimilarColumns

            return DropSimilarColumns(self.threshold)
        from sklearn.feature_selection import SelectKBest, SelectPercentile

        from magical.estimators import ColumnScores

        score = ColumnScores(self.by, is_regression=context.task == "regression")
        if self.share is not None:
            return SelectPercentile(score, percentile=100 * self.share)
        return SelectKBest(score, k=self.k)
