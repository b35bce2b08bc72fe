"""Train and validation as numbers, transformed once for each set of parameters of a preprocessing."""

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from magical.contracts.promises import Pipeline
from magical.errors import BrokenPromise, MagicalError, join_names, shorten
from magical.library.prediction_task import Examples
from magical.system.tracebacks import author_frames

__all__ = ["PartTransformer", "TransformedParts", "name_failures"]

MAX_REMEMBERED_BYTES = 2**29


class TransformedParts(NamedTuple):
    """Both parts as numbers, and the preprocessing that was fitted on train."""

    preprocessing: Pipeline
    train: Examples
    validation: Examples

    @property
    def size(self) -> int:
        """The bytes of the features of both parts."""
        return sum(int(getattr(part.X, "nbytes", 0)) for part in (self.train, self.validation))


class PartTransformer:
    """Fits copies of a preprocessing on train, and transforms train and validation.

    What it made is remembered, up to half a gigabyte: a search comes back to the same parameters.

    Args:
        who: the experiment, for messages.
        preprocessing: the unfitted Pipeline; it stays unfitted.
        train: rows to fit on.
        validation: rows that are transformed only.
        is_tuned: True if parameters of the preprocessing are searched.
    """

    def __init__(
        self, who: str, preprocessing: Pipeline, train: Examples, validation: Examples, *, is_tuned: bool
    ) -> None:
        self._who, self._preprocessing, self._is_tuned = who, preprocessing, is_tuned
        self._parts: tuple[Examples, ...] = (train, validation)
        self._made: OrderedDict[str, TransformedParts] = OrderedDict()

    def transform(self, params: Mapping[str, Any]) -> TransformedParts:
        """Transform both parts by a preprocessing with these parameters.

        Raises:
            BrokenPromise: it cannot be fitted.
        """
        key = json.dumps(params, sort_keys=True)
        if key not in self._made:
            with name_failures(f"{self._who}: the preprocessing", params):
                self._made[key] = self._fit(params)
        self._made.move_to_end(key)
        if not self._is_tuned:
            self._parts = ()  # of no more use, and perhaps a gigabyte
        while len(self._made) > 1 and sum(p.size for p in self._made.values()) > MAX_REMEMBERED_BYTES:
            self._made.popitem(last=False)
        return self._made[key]

    def _fit(self, params: Mapping[str, Any]) -> TransformedParts:
        from sklearn.base import clone

        train, validation = self._parts
        # The input of a step is shared and cached: fit a copy. And keep fit_transform, which is not fit and
        # transform: it cross-fits the target encoder, so that no row is encoded by its own target.
        fitted = clone(self._preprocessing).set_params(**params)
        X = fitted.fit_transform(train.X, train.y)
        V = fitted.transform(validation.X)
        return TransformedParts(fitted, Examples(X, train.y), Examples(V, validation.y))


@contextmanager
def name_failures(who: str, params: Mapping[str, Any]) -> Iterator[None]:
    """Name what failed, with its parameters, where a library raises; errors of the author's code pass.

    Args:
        who: what is fitted, for the message.
        params: its parameters in this trial.

    Raises:
        BrokenPromise: the block raised an error.
    """
    try:
        yield
    except MagicalError:
        raise
    except Exception as error:
        if author_frames(error) or isinstance(error, MemoryError):
            raise
        given = join_names(f"{name} = {shorten(repr(value), 30)}" for name, value in params.items())
        reason = next(iter(str(error).strip().splitlines()), "no message")
        raise BrokenPromise(
            f"{who} cannot be fitted{f' with {given}' if given else ''}.",
            f"  {type(error).__name__}: {reason}",
            hint="change what its search may take." if params else "look at its features.",
        ) from error
