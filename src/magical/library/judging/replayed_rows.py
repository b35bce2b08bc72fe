"""Rows whose columns can be changed, and what the model then predicts: raw columns, or the model's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from magical.contracts.model import Model
from magical.errors import BrokenPromise
from magical.library.metrics.metrics import Array
from magical.library.scorer.scoring_steps import ROW_COLUMN, ScoringChain, add_row_numbers

__all__ = ["ReplayedRows", "compute_outcome"]

_BATCH_ROWS = (
    50_000  # predicted at once: each call of a Pipeline costs some milliseconds, however few the rows
)
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class ReplayedRows:
    """Rows of a model, and the steps that lead from them to its features.

    Attributes:
        model: the fitted model.
        rows: the columns that can be changed: raw ones with a chain, else the model's features.
        chain: the steps from the raw rows to the features.
        features: the features of the unchanged rows, in order.
        stackable: True if changed copies can pass the steps together, since each row is made by itself.
    """

    model: Model
    rows: pl.DataFrame
    chain: ScoringChain | None = None
    features: pl.DataFrame = field(default_factory=pl.DataFrame)
    stackable: bool = True

    @classmethod
    def from_features(cls, model: Model, table: pl.DataFrame) -> ReplayedRows:
        """Take the model's own features from a table."""
        rows = table.select(model.features)
        return cls(model, rows, features=rows)

    @classmethod
    def from_raw(
        cls, model: Model, table: pl.DataFrame, rows: pl.DataFrame, chain: ScoringChain
    ) -> ReplayedRows:
        """Replay raw rows through the steps of the scoring path.

        Args:
            table: the same rows as the model takes them, in the same order.
            rows: the raw rows.

        Raises:
            BrokenPromise: the replayed rows get other predictions than those of the table.
            StepError: a step failed.
        """
        alone = cls(model, rows, chain, stackable=False)
        (features,) = alone._replay([rows])
        if features.height < rows.height:
            raise BrokenPromise(
                f"replayed by themselves, {rows.height - features.height:,} rows are left out."
            )
        features = features.drop(ROW_COLUMN)
        given, replayed = (compute_outcome(model, t) for t in (table, features))
        differing = ~np.isclose(given, replayed, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
        if count := int(differing.reshape(len(differing), -1).any(axis=1).sum()):
            raise BrokenPromise(f"replayed by themselves, {count:,} rows get another prediction.")
        known = cls(model, rows, chain, features, stackable=False)
        return cls(model, rows, chain, features, known._is_row_by_row())

    @property
    def level(self) -> str:
        """``raw`` or ``feature``: which columns are changed."""
        return "feature" if self.chain is None else "raw"

    def take(self, places: Array) -> ReplayedRows:
        """Take some of the rows."""
        return replace(self, rows=self.rows[places], features=self.features[places])

    def predict_variants(self, variants: Sequence[pl.DataFrame]) -> list[Array | Exception | None]:
        """Predict changed copies of the rows.

        Returns:
            For each its predictions (probabilities of shape (rows, classes), or numbers), NaN for a row that
            a step dropped; None if its features are those of the unchanged rows; or why it failed.
        """
        size = max(1, _BATCH_ROWS // max(self.rows.height, 1))
        results: list[Array | Exception | None] = []
        for start in range(0, len(variants), size):
            results += self._predict_batch(variants[start : start + size])
        return results

    def _predict_batch(self, variants: Sequence[pl.DataFrame]) -> list[Array | Exception | None]:
        try:
            features = self._replay(variants)
            changed = [i for i, f in enumerate(features) if not self._is_unchanged(f)]
            results: list[Array | Exception | None] = [None] * len(variants)
            if changed:
                outcome = compute_outcome(self.model, pl.concat([features[i] for i in changed]))
                ends = np.cumsum([features[i].height for i in changed])[:-1]
                for i, values in zip(changed, np.split(outcome, ends), strict=True):
                    results[i] = self._place(features[i], values)
        except Exception as error:  # a step of the project, or the estimator, may raise anything
            if len(variants) == 1:
                return [error]
            return [r for variant in variants for r in self._predict_batch([variant])]  # which one is it?
        return results

    def _replay(self, variants: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
        """Make the features of each variant, with ``ROW_COLUMN``, the place of each row, in order."""
        if self.chain is None:
            return [_number(v) for v in variants]
        if self.stackable and len(variants) > 1:
            height = self.rows.height
            features = self._transform(pl.concat(variants))
            copy = pl.col(ROW_COLUMN) // height
            return [
                features.filter(copy == i).with_columns(pl.col(ROW_COLUMN) % height)
                for i in range(len(variants))
            ]
        return [self._transform(v) for v in variants]

    def _transform(self, rows: pl.DataFrame) -> pl.DataFrame:
        assert self.chain is not None, "features are not replayed"
        features, _ = self.chain.transform_rows(add_row_numbers(rows))
        place = pl.col(ROW_COLUMN).cast(pl.String).cast(pl.Int64)
        return features.select(*self.model.features, place).sort(ROW_COLUMN)

    def _is_unchanged(self, features: pl.DataFrame) -> bool:
        return features.height == self.rows.height and features.drop(ROW_COLUMN).equals(self.features)

    def _is_row_by_row(self) -> bool:
        """Return True if other rows beside them change no features."""
        random = np.random.default_rng(0)
        mixed = pl.DataFrame([c.gather(random.permutation(len(c))) for c in self.rows.get_columns()])
        both = ReplayedRows(self.model, self.rows, self.chain, self.features)
        try:
            return both._is_unchanged(both._replay([self.rows, mixed])[0])
        except Exception:  # such as of rows with the same id
            return False

    def _place(self, features: pl.DataFrame, values: Array) -> Array:
        """Put predictions at the places of their rows; NaN for the others."""
        placed = np.full((self.rows.height, *values.shape[1:]), np.nan)
        placed[features[ROW_COLUMN].to_numpy()] = values
        return placed


def compute_outcome(model: Model, table: pl.DataFrame) -> Array:
    """Predict the probabilities of the classes, or numbers."""
    if model.task == "regression":
        return model.predict(table)["prediction"].to_numpy()
    return model.probabilities(table)


def _number(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW_COLUMN))
