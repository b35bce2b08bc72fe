"""Scale: the scale on which a model sees columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from magical.contracts.schema import Column
from magical.features.column_selectors import Columns
from magical.features.feature import LearnedFeature, PlanContext, Stage

__all__ = ["Scale", "ScaleHow"]

ScaleHow = Literal["standard", "robust", "quantile", "power", "minmax", "none"]


class Scale(LearnedFeature):
    """Bring columns on a scale; of categories what their encoding gives.

    ``standard``: mean 0 and variance 1. ``robust``: median 0 and interquartile range 1, for columns with
    outliers. ``quantile``: ranks, as a normal distribution; ``power``: a normal distribution by Yeo and
    Johnson's transformation. ``minmax``: from 0 to 1 in the rows fitted on; rows outside lie outside.
    ``none``: as they are.

    Example:
        >>> Scale(["income", "mnt_*"], "robust")
        Scale(columns=('income', 'mnt_*'), how='robust')
    """

    stage: ClassVar[Stage] = "scale"
    types: ClassVar[tuple[str, ...]] = ("int", "float", "duration", "bool", "str", "date", "datetime")

    how: ScaleHow = "standard"

    if TYPE_CHECKING:

        def __init__(self, columns: Columns | Sequence[str] | str, how: ScaleHow = "standard") -> None: ...

    @property
    def block_name(self) -> str:
        """The way that differs from the default."""
        return self.how

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        """Make the scaler."""
        import sklearn.preprocessing as scalers

        match self.how:
            case "none":
                return "passthrough"
            case "quantile":  # a fold has fewer rows than train, at least half of them
                count = max(1, min(1000, context.rows // 2))
                return scalers.QuantileTransformer(
                    n_quantiles=count, output_distribution="normal", random_state=0
                )
            case "robust":
                return scalers.RobustScaler()
            case "power":
                return scalers.PowerTransformer()
            case "minmax":
                return scalers.MinMaxScaler()
        return scalers.StandardScaler()
