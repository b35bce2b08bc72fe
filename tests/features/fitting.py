"""A table of every type, with gaps, and Pipelines fitted on it: for the tests of learned features."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from magical import Contract, Id, Target, contract_of
from magical.contracts.model import to_canonical_frame
from magical.features import Feature
from magical.library import model_data
from magical.library.pipeline_inputs import find_pipeline_inputs
from magical.library.prediction_task import infer_task, make_examples
from magical.library.preprocessing import plan_pipeline

WORDS = ["red", "blue", "green", "car", "house", "boat", "tree", "sky"]


class Visitor(Contract):
    """Every type of feature; all but ``kids`` and ``level`` have gaps."""

    id: Id[int]
    income: float | None
    age: int | None
    kids: int
    member: bool | None
    city: str | None
    grade: Literal["low", "middle", "high"] | None
    level: Literal[3, 1, 2]
    comment: str | None
    born: dt.date | None
    bought: Target[bool]


class Bidder(Visitor):
    """The same with a number to predict."""

    bought: Target[float]  # type: ignore[assignment]


class Rater(Visitor):
    """The same with three classes to predict."""

    bought: Target[Literal["a", "b", "c"]]  # type: ignore[assignment]


def visitors(rows: int = 200, contract: type[Contract] = Visitor, seed: int = 0) -> pl.DataFrame:
    """Make rows in which income, city and age tell something of the target."""
    rng = np.random.default_rng(seed)

    def with_gaps(values: Any) -> list[Any]:
        return [None if gap else v for v, gap in zip(list(values), rng.random(rows) < 0.1, strict=True)]

    income, age = rng.normal(50, 10, rows), rng.integers(20, 60, rows)
    city = rng.choice(["Bonn", "Oslo", "Rome", "Ulm"], rows)
    worth = income / 10 + age / 20 + 2 * (city == "Rome") + rng.normal(0, 1, rows)
    target: dict[type[Contract], Any] = {
        Bidder: worth,
        Rater: np.array(["a", "b", "c"])[np.digitize(worth, [6.5, 8])],
    }
    raw = pl.DataFrame(
        {
            "id": range(rows),
            "income": with_gaps(income.tolist()),
            "age": with_gaps(age.tolist()),
            "kids": rng.integers(0, 4, rows),
            "member": with_gaps((rng.random(rows) < 0.5).tolist()),
            "city": with_gaps(city.tolist()),
            "grade": with_gaps(rng.choice(["low", "middle", "high"], rows).tolist()),
            "level": rng.integers(1, 4, rows),
            "comment": with_gaps(f"{' '.join(rng.choice(WORDS, 4))} {i}" for i in range(rows)),
            "born": with_gaps(
                dt.date(1990, 1, 1) + dt.timedelta(int(d)) for d in rng.integers(0, 9000, rows)
            ),
            "bought": target.get(contract, worth > 7),
        },
        strict=False,
    )
    return model_data(raw, contract)


@dataclass
class Fitted:
    """A Pipeline that was planned for a table, and fitted on it; what came out by the names of the columns."""

    pipeline: Pipeline
    X: pd.DataFrame
    y: Any
    out: pd.DataFrame
    schema: Any

    def serve(self, rows: pl.DataFrame | pd.DataFrame) -> pd.DataFrame:
        """Transform new rows."""
        frame = rows if isinstance(rows, pd.DataFrame) else to_canonical_frame(rows, self.schema)
        return pd.DataFrame(np.asarray(self.pipeline.transform(frame)), columns=self.out.columns)

    def serve_changed(self, **values: Any) -> pd.DataFrame:
        """Transform the first row with other values."""
        row = self.X.iloc[:1].copy()
        for name, value in values.items():
            row[name] = pd.Series([value], dtype=row[name].dtype)
        return self.serve(row)


def fit(table: pl.DataFrame, *features: Feature) -> Fitted:
    """Plan a Pipeline with these features, and fit a copy on the table."""
    plan = plan_pipeline(table, features)
    inputs = find_pipeline_inputs(plan, contract_of(table))
    X, y, *_ = make_examples(table, infer_task(table), inputs)
    pipeline = clone(plan)
    values = np.asarray(pipeline.fit_transform(X, y))
    assert values.dtype == np.float64
    names = [str(n) for n in pipeline.get_feature_names_out()]
    assert len(set(names)) == len(names)
    return Fitted(pipeline, X, y, pd.DataFrame(values, columns=names), inputs)


def list_blocks(pipeline: Pipeline) -> dict[str, list[str]]:
    """Return the columns of each block."""
    return {name: columns for name, _, columns in pipeline.named_steps["columns"].transformers}
