"""The rows of folds as numbers, transformed once for each preprocessing and each set of its parameters."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from magical.contracts.promises import Pipeline
from magical.library.folds import Fold
from magical.library.prediction_task import Examples
from magical.library.tree_preprocessing import find_categories

__all__ = [
    "PartTransformer",
    "TransformedParts",
    "fit_preprocessing",
    "hash_pipeline",
    "set_preprocessing",
    "take_rows",
]

MAX_REMEMBERED_BYTES = 2**29


class TransformedParts(NamedTuple):
    """The rows of a fit and those held out of it as numbers, and the preprocessing, fitted on the first."""

    preprocessing: Pipeline
    train: Examples
    validation: Examples

    @property
    def size(self) -> int:
        """The bytes of the features of both parts."""
        return sum(int(getattr(part.X, "nbytes", 0)) for part in (self.train, self.validation))


class PartTransformer:
    """Fits copies of preprocessings on the rows of folds, and transforms these and the rows held out.

    What it made is remembered, up to half a gigabyte: experiments have the same preprocessing, and a search
    comes back to the same parameters.
    """

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, int], TransformedParts] = OrderedDict()

    def transform(
        self, preprocessing: Pipeline, number: int, fold: Fold, read: Callable[[], Examples]
    ) -> TransformedParts:
        """Transform the rows of a fold by a copy of a preprocessing, fitted on the rows that the fold fits.

        Args:
            preprocessing: unfitted; it stays unfitted.
            number: the number of the fold.
            fold: its rows.
            read: returns all rows, not yet transformed.
        """
        key = hash_pipeline(preprocessing), number
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        made = self._made[key] = _fit_parts(preprocessing, read(), fold)
        self._forget(key)
        return made

    def _forget(self, newest: tuple[str, int]) -> None:
        """Forget the oldest of other preprocessings; and, if that is not enough, the newest."""
        # Not an older fold of the same preprocessing: all its folds are asked for in turn, and each would be
        # forgotten just before it is asked for again.
        for key in [*(k for k in self._made if k[0] != newest[0]), newest]:
            if len(self._made) == 1 or sum(p.size for p in self._made.values()) <= MAX_REMEMBERED_BYTES:
                return
            del self._made[key]


def hash_pipeline(pipeline: Pipeline) -> str:
    """Compute a text that is equal for unfitted Pipelines with equal steps and parameters."""
    import cloudpickle
    import joblib

    try:
        return str(joblib.hash(pipeline))
    except Exception:  # joblib cannot pickle a lambda
        return hashlib.sha256(cloudpickle.dumps(pipeline)).hexdigest()


def set_preprocessing(preprocessing: Pipeline, params: Mapping[str, Any]) -> Pipeline:
    """Return an unfitted copy with these parameters; without any, the preprocessing itself."""
    from sklearn.base import clone

    return clone(preprocessing).set_params(**params) if params else preprocessing


def fit_preprocessing(preprocessing: Pipeline, rows: Examples) -> tuple[Pipeline, Examples]:
    """Fit a copy of a preprocessing on rows; return it, and the rows as numbers."""
    from sklearn.base import clone

    # The input of a step is shared and cached: fit a copy. And keep fit_transform, which is not fit and
    # transform: it cross-fits the target encoder, so that no row is encoded by its own target.
    fitted = clone(preprocessing)
    X = fitted.fit_transform(rows.X, rows.y)
    return fitted, rows._replace(X=X, categories=find_categories(fitted))


def _fit_parts(preprocessing: Pipeline, rows: Examples, fold: Fold) -> TransformedParts:
    fitted, train = fit_preprocessing(preprocessing, take_rows(rows, fold.fit))
    held_out = take_rows(rows, fold.held_out)
    validation = held_out._replace(X=fitted.transform(held_out.X), categories=train.categories)
    return TransformedParts(fitted, train, validation)


def take_rows(rows: Examples, places: NDArray[Any]) -> Examples:
    """Return the rows at these places, in ascending order."""
    at: Any = places
    if len(places) and places[-1] - places[0] + 1 == len(places):
        at = slice(int(places[0]), int(places[-1]) + 1)  # a view: a large table is not copied
    X = rows.X.iloc[at] if hasattr(rows.X, "iloc") else rows.X[at]
    return Examples(X, rows.y[at], None if rows.weight is None else rows.weight[at], rows.categories)
