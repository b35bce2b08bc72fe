"""CatBoost on an array of numbers, in which some columns are codes of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

__all__ = ["CodedCatBoost", "CodedCatBoostClassifier", "CodedCatBoostRegressor"]

Array = np.ndarray[Any, Any]


class CodedCatBoost(BaseEstimator):
    """Fit CatBoost, which takes no codes that are floats, on one thread, without files.

    Args:
        categories: the places of the columns of codes: whole numbers from 0, and NaN for a missing one.
        patience: the number of trees without a better score on ``eval_set`` after which it stops.
        quantile: the quantile of a number to predict; None for its mean.
        iterations: the maximal number of trees; it and the others are CatBoost's own.
    """

    def __init__(
        self,
        *,
        iterations: int = 1000,
        learning_rate: float = 0.06,
        depth: int = 6,
        l2_leaf_reg: float = 3.0,
        rsm: float = 1.0,
        subsample: float = 0.9,
        random_strength: float = 1.0,
        leaf_estimation_iterations: int = 1,
        one_hot_max_size: int = 15,
        max_ctr_complexity: int = 4,
        patience: int = 60,
        quantile: float | None = None,
        random_state: int = 0,
        categories: Sequence[int] = (),
    ) -> None:
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.depth = depth
        self.l2_leaf_reg = l2_leaf_reg
        self.rsm = rsm
        self.subsample = subsample
        self.random_strength = random_strength
        self.leaf_estimation_iterations = leaf_estimation_iterations
        self.one_hot_max_size = one_hot_max_size
        self.max_ctr_complexity = max_ctr_complexity
        self.patience = patience
        self.quantile = quantile
        self.random_state = random_state
        self.categories = categories

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        eval_set: tuple[Any, Any] | None = None,
        eval_sample_weight: Any = None,
    ) -> Self:
        """Fit all trees, or with an ``eval_set`` until its score has not improved for some time."""
        from catboost import CatBoost

        booster = CatBoost(self._list_params(y))
        more: dict[str, Any] = {}
        if eval_set is not None:
            more = {
                "eval_set": self._pool(*eval_set, eval_sample_weight),
                "early_stopping_rounds": self.patience,
            }
        booster.fit(self._pool(X, y, sample_weight), **more)
        # The same fit again must give the same bytes.
        for name in ("train_finish_time", "model_guid"):
            booster.get_metadata()[name] = ""
        self.n_features_in_ = X.shape[1]
        self.n_trees_ = booster.tree_count_
        self.booster_ = booster
        return self

    @property
    def feature_importances_(self) -> Array:
        """The importance of each column, as CatBoost computes it; they sum to 100."""
        return np.asarray(self.booster_.get_feature_importance())[self._undo_order()]

    def _predict_raw(self, X: Any, kind: str) -> Array:
        check_is_fitted(self, "booster_")
        return np.asarray(self.booster_.predict(self._pool(X), prediction_type=kind, thread_count=1))

    def _list_params(self, y: Any) -> dict[str, Any]:
        own = {n: v for n, v in self.get_params().items() if n not in _OURS}
        return {
            **own,
            "random_seed": self.random_state,
            "loss_function": self._find_loss(y),
            "bootstrap_type": "Bernoulli",
            "thread_count": 1,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }

    def _find_loss(self, y: Any) -> str:
        raise NotImplementedError

    def _pool(self, X: Any, y: Any = None, weight: Any = None) -> Any:
        """Make CatBoost's table: numbers first, then the categories as texts."""
        from catboost import FeaturesData, Pool

        X = np.asarray(X, dtype=np.float64)
        coded = sorted(self.categories)
        numbers = np.delete(X, coded, axis=1)
        categories = None
        if coded:
            codes = np.nan_to_num(X[:, coded], nan=-1).astype(np.int64)
            texts = np.array([b"", *(str(c).encode() for c in range(codes.max(initial=0) + 1))], dtype=object)
            categories = texts[codes + 1]
        data = FeaturesData(
            num_feature_data=np.ascontiguousarray(numbers, dtype=np.float32) if numbers.shape[1] else None,
            cat_feature_data=categories,
        )
        return Pool(data, label=y, weight=weight, thread_count=1)

    def _undo_order(self) -> Array:
        """Return where each column is in CatBoost's table."""
        coded = sorted(self.categories)
        order = [i for i in range(self.n_features_in_) if i not in set(coded)] + coded
        places: Array = np.argsort(order)
        return places


_OURS = ("categories", "patience", "quantile", "random_state")


class CodedCatBoostClassifier(ClassifierMixin, CodedCatBoost):
    """Predict the probabilities of classes, which are numbers from 0: see ``CodedCatBoost``."""

    @property
    def classes_(self) -> Array:
        """The classes, in order."""
        return np.arange(self.n_classes_)

    def predict_proba(self, X: Any) -> Array:
        """Predict the probability of each class, of shape (rows, classes)."""
        return self._predict_raw(X, "Probability")

    def predict(self, X: Any) -> Array:
        """Predict the most probable class."""
        predicted: Array = self.predict_proba(X).argmax(axis=1)
        return predicted

    def _find_loss(self, y: Any) -> str:
        self.n_classes_ = int(np.max(y)) + 1
        return "Logloss" if self.n_classes_ == 2 else "MultiClass"


class CodedCatBoostRegressor(RegressorMixin, CodedCatBoost):
    """Predict numbers: see ``CodedCatBoost``."""

    def predict(self, X: Any) -> Array:
        """Predict the mean or the quantile."""
        return self._predict_raw(X, "RawFormulaVal")

    def _find_loss(self, y: Any) -> str:
        return "RMSE" if self.quantile is None else f"Quantile:alpha={self.quantile}"
