"""The presets of boosters: parameters that were good on many tables, and a search around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from magical.library.search_space import Range

if TYPE_CHECKING:
    from optuna import Trial

    from magical.library.prediction_task import TaskKind

__all__ = ["BOOSTING_PRESETS", "CATBOOST_PRESETS", "HISTOGRAM", "XGBOOST_PRESETS", "Preset"]


class Preset(NamedTuple):
    """The parameters of a booster, some of which a search changes.

    Attributes:
        params: for classes and for numbers.
        for_numbers: those that differ for numbers.
        fixed: those that no search changes.
    """

    params: Mapping[str, Any]
    for_numbers: Mapping[str, Any] = {}
    fixed: Mapping[str, Any] = {}

    def find_params(self, task: TaskKind) -> dict[str, Any]:
        """Return the parameters that a search starts from.

        Example:
            >>> BOOSTING_PRESETS["small"].find_params("regression")["num_leaves"]
            8
        """
        return {**self.params, **(self.for_numbers if task == "regression" else {})}

    def suggest(self, trial: Trial, task: TaskKind, limits: Mapping[str, Range]) -> dict[str, Any]:
        """Suggest parameters around these: within a factor of three, and within the limits of each.

        Shares, whose limits have no logarithmic scale, are drawn from all that the limits allow.
        """
        suggested = {}
        for name, value in self.find_params(task).items():
            limit = limits[name]
            low, high = limit.low, limit.high
            if limit.log:
                low, high = max(low, value / 3), min(high, value * 3)
            draw: Any = trial.suggest_float
            if limit.is_whole:
                draw, low, high = trial.suggest_int, int(low), int(high)
            suggested[name] = draw(name, low, high, log=limit.log)
        return suggested


def _make_preset(
    rate: float, leaves: Any, child: Any, columns: float, rows: float, ridge: float, **fixed: Any
) -> Preset:
    """Make a preset of LightGBM; a pair is one value for classes and one for numbers."""
    pairs = {"num_leaves": leaves, "min_child_samples": child}
    two = {n: v if isinstance(v, tuple) else (v, v) for n, v in pairs.items()}
    params = {
        "learning_rate": rate,
        **{n: v[0] for n, v in two.items()},
        "colsample_bytree": columns,
        "subsample": rows,
        "reg_lambda": ridge,
    }
    return Preset(params, {n: v[1] for n, v in two.items()}, fixed)


_SMOOTH = {"cat_smooth": 20.0, "cat_l2": 20.0}

BOOSTING_PRESETS = {
    "small": _make_preset(0.03, 8, 15, 0.4, 0.7, 5.0, **_SMOOTH),
    "mid": _make_preset(0.05, 31, (20, 5), 0.5, 0.8, 1.0, **_SMOOTH),
    "wide": _make_preset(0.05, 21, 20, 0.5, 1.0, 0.2),
    "extra_trees": _make_preset(0.05, (31, 64), (20, 5), 0.7, 0.8, 1.0, extra_trees=True),
    "extra_trees_small": _make_preset(0.05, (12, 31), (20, 4), 0.5, 0.8, 3.0, extra_trees=True),
}
"""Of LightGBM, by name."""

_XGBOOST = {"learning_rate": 0.04, "max_depth": 3, "min_child_weight": 3.0, "reg_lambda": 3.0}

XGBOOST_PRESETS = {
    "small": Preset({**_XGBOOST, "colsample_bynode": 0.4, "subsample": 0.7}, {"max_depth": 5}),
    "mid": Preset(
        {**_XGBOOST, "learning_rate": 0.06, "max_depth": 6, "colsample_bynode": 0.5, "subsample": 0.8},
        {"max_depth": 7},
    ),
}
"""Of XGBoost, by name."""

_CATBOOST = {"learning_rate": 0.06, "depth": 5, "l2_leaf_reg": 3.0, "rsm": 0.6, "subsample": 0.9}
_CATBOOST_FIXED = {"leaf_estimation_iterations": 1, "one_hot_max_size": 15}

CATBOOST_PRESETS = {
    "small": Preset(_CATBOOST, {"depth": 6}, _CATBOOST_FIXED),
    "mid": Preset({**_CATBOOST, "learning_rate": 0.1, "depth": 6}, {}, _CATBOOST_FIXED),
}
"""Of CatBoost, by name."""

HISTOGRAM = Preset(
    {
        "learning_rate": 0.05,
        "max_leaf_nodes": 16,
        "min_samples_leaf": 20,
        "max_features": 0.5,
        "l2_regularization": 1.0,
    }
)
"""Of scikit-learn's histogram boosting."""
