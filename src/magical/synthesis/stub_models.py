"""Stubs of models, pipelines and figures: of the right shape, and refused outside a pretending run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import polars as pl

from magical.contracts.model import Candidate, Model
from magical.contracts.promises import Parts, Promise
from magical.contracts.schema import Schema
from magical.errors import ContractError, UnwrittenStep, join_names
from magical.synthesis.carry_over import flatten_inputs

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

__all__ = [
    "StubModel",
    "StubPipeline",
    "build_stub_figure",
    "build_stub_model",
    "build_stub_pipeline",
    "is_pretending",
    "is_stub",
    "pretending_run",
    "stub_from_json",
    "stub_to_json",
]

_UNIT_SCALE = 2.0**-53

# Global, not a context variable: bodies run in threads that do not inherit one. A list, since runs overlap.
_active_runs: list[object] = []


@contextlib.contextmanager
def pretending_run() -> Iterator[None]:
    """Let stub models predict, in all threads; the caller must mark the results as pretended.

    Example:
        >>> with pretending_run():
        ...     StubModel("seed", high=9.0).predict(pl.DataFrame({"x": [1, 2]}).to_pandas()).shape
        (2,)
    """
    mark = object()
    _active_runs.append(mark)
    try:
        yield
    finally:
        _active_runs.remove(mark)


def is_pretending() -> bool:
    """Return True while a pretending run is active in this process.

    Example:
        >>> with pretending_run():
        ...     is_pretending()
        True
    """
    return bool(_active_runs)


@dataclass(frozen=True)
class StubModel:
    """The pipeline of a pretended model: its predictions are hashes of the rows.

    It predicts only during a pretending run, and cannot be pickled.

    Attributes:
        seed: is hashed with each row.
        classes: the number of classes; 0 for a regression.
        low: the least number it predicts.
        high: the greatest number.
        origin: the pretended steps behind it.
    """

    seed: str
    classes: int = 0
    low: float = 0.0
    high: float = 1.0
    origin: tuple[str, ...] = ()

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Compute probabilities of shape (rows, classes).

        Raises:
            UnwrittenStep: no pretending run is active.
        """
        shares = [self._uniform(frame, str(i)) for i in range(self.classes)]
        if self.classes == 2:
            return np.column_stack([1 - shares[1], shares[1]])
        weights = np.column_stack(shares) + 1e-9  # a row of zeros could not be normalised
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def predict(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Predict numbers for a regression, else the positions of the classes.

        Raises:
            UnwrittenStep: no pretending run is active.
        """
        if self.classes:
            return np.asarray(self.predict_proba(frame).argmax(axis=1))
        return self.low + self._uniform(frame, "") * (self.high - self.low)

    def __reduce__(self) -> NoReturn:
        # A pickled stub could be registered or copied, and be taken for a trained model.
        raise self._not_real_error("it cannot be pickled or copied to another place")

    def _uniform(self, frame: pd.DataFrame, salt: str) -> np.ndarray[Any, Any]:
        """Hash each row to a number from 0 to below 1."""
        if not is_pretending():
            raise self._not_real_error("outside a pretending run it predicts nothing")
        from pandas.util import hash_pandas_object

        key = sha256(f"{self.seed}/{salt}".encode()).hexdigest()[:16]
        hashes = hash_pandas_object(frame, index=False, hash_key=key).to_numpy()
        # pandas ignores the hash key for numbers, so mix it in here.
        mixed = (hashes ^ np.uint64(int(key, 16))) * np.uint64(0x9E3779B97F4A7C15)
        return np.asarray((mixed >> np.uint64(11)) * _UNIT_SCALE)

    def _not_real_error(self, what: str) -> UnwrittenStep:
        steps = join_names(self.origin) or "a step without a body"
        return UnwrittenStep(
            f"This model is pretended ({steps}): {what}.",
            hint="write the step, and magical run makes a real one.",
        )


@dataclass(frozen=True)
class StubPipeline:
    """A placeholder of an unfitted Pipeline, so that scikit-learn is imported only when a body uses it."""

    seed: str

    def fit(self, frame: Any, target: Any = None) -> Pipeline:
        """Fit the Pipeline that ``pipeline`` builds; the executor recognises a Pipeline by this method."""
        return self.pipeline().fit(frame, target)

    def pipeline(self) -> Pipeline:
        """Build an unfitted scikit-learn Pipeline that turns any frame into numbers."""
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import FunctionTransformer

        return Pipeline([("pretended", FunctionTransformer(plain_numbers))])


def plain_numbers(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Turn a frame into numbers: texts into hashes from 0 to 1, dates into days, missing values into 0.

    Example:
        >>> plain_numbers(pl.DataFrame({"x": [1.5, None]}).to_pandas()).tolist()
        [[1.5], [0.0]]
    """
    from pandas.util import hash_array

    columns = []
    for name in frame.columns:
        values = frame[name]
        if values.dtype.kind in "OU":
            numbers = (hash_array(values.astype(str).to_numpy(object)) >> np.uint64(11)) * _UNIT_SCALE
        elif values.dtype.kind == "M":
            numbers = values.to_numpy("datetime64[us]").astype(np.int64) / 86_400e6
            numbers = np.where(values.isna(), 0.0, numbers)
        else:
            numbers = np.nan_to_num(values.to_numpy(np.float64))
        columns.append(numbers)
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def build_stub_model(inputs: Sequence[tuple[Promise, Any]], seed: str) -> Model:
    """Build a pretended model with the signature and classes that the inputs of a step call for.

    Args:
        inputs: the signature is that of a model among them, else of the first table with a target.
        seed: the seed of the predictions.

    Raises:
        ContractError: no input has a target.
    """
    models = [value for _, value in flatten_inputs(inputs) if isinstance(value, Model)]
    if models:
        stub = replace(_find_stub(models[0]), seed=seed)
        # It has predicted nothing, and cannot be fitted again.
        known = replace(models[0], held_out=None, recipe=None, failure="")
        return replace(known, pipeline=stub, chosen=None, candidates=())
    for promise, value in flatten_inputs(inputs):
        table, schema = value.train if isinstance(value, Parts) else value, promise.schema
        if schema and isinstance(table, pl.DataFrame) and schema.target in table.columns:
            return _build_for_table(table, schema, seed)
    raise ContractError(
        "a model cannot be pretended: nothing that the step takes has a target to predict.",
        hint="give it a table whose contract has a Target[...], or a Model.",
    )


def build_stub_pipeline(seed: str) -> StubPipeline:
    """Build the placeholder of an unfitted Pipeline."""
    return StubPipeline(seed)


def is_stub(value: Any) -> bool:
    """Return True for a pretended model or the placeholder of a pipeline.

    Example:
        >>> is_stub(build_stub_pipeline("seed")), is_stub(3)
        (True, False)
    """
    return isinstance(value, StubPipeline) or isinstance(getattr(value, "pipeline", None), StubModel)


def stub_to_json(value: Model | StubPipeline) -> dict[str, Any]:
    """Convert a stub to JSON, the only form in which stores accept one.

    Example:
        >>> stub_to_json(build_stub_pipeline("seed"))
        {'pipeline': 'seed'}
    """
    if isinstance(value, StubPipeline):
        return {"pipeline": value.seed}
    return {
        "stand_in": asdict(value.pipeline),
        "task": value.task,
        "target": value.target,
        "schema": value.schema.to_json(),
        "classes": list(value.classes),
        "threshold": value.threshold,
        "chosen": asdict(value.chosen) if value.chosen else None,
        "candidates": [asdict(c) for c in value.candidates],
        "origin": list(value.origin),
    }


def stub_from_json(data: Mapping[str, Any]) -> Any:
    """Read a stub: a pretended model, or an unfitted Pipeline that turns any frame into numbers."""
    if "pipeline" in data:
        return StubPipeline(data["pipeline"]).pipeline()
    stub = data["stand_in"]
    return Model(
        pipeline=StubModel(**{**stub, "origin": tuple(stub["origin"])}),
        task=data["task"],
        target=data["target"],
        schema=Schema.from_json(data["schema"]),
        classes=tuple(data["classes"]),
        threshold=data["threshold"],
        chosen=Candidate(**data["chosen"]) if data["chosen"] else None,
        candidates=tuple(Candidate(**c) for c in data["candidates"]),
        origin=tuple(data["origin"]),
    )


def _find_stub(model: Model) -> StubModel:
    """Return the stub in a pretended model; for a real one, a new stub with as many classes."""
    if isinstance(model.pipeline, StubModel):
        return model.pipeline
    return StubModel("", len(model.classes))


def _build_for_table(table: pl.DataFrame, schema: Schema, seed: str) -> Model:
    """Build a pretended model whose classes or range of numbers are those of the table's target."""
    target = schema.column(str(schema.target))
    values = table.get_column(target.name).drop_nulls()
    inputs = Schema(f"{schema.name}Features", tuple(schema.features))
    if target.is_class:
        # A categorical column sorts by its codes, so it is read as texts.
        present = set(values.cast(pl.String).unique() if target.type == "str" else values.unique())
        classes = tuple(c for c in (target.choices or sorted(present)) if c in present)
        if len(classes) < 2:
            raise ContractError(
                f"a model of {target.name} cannot be pretended: its table has {len(classes)} class.",
                hint="give rows of at least two classes.",
            )
        task = "binary" if len(classes) == 2 else "multiclass"
        return Model(StubModel(seed, len(classes)), task, target.name, inputs, classes)
    numbers = values.cast(pl.Float64, strict=False).drop_nulls().drop_nans()
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.len() else (0.0, 1.0)  # type: ignore[arg-type]
    return Model(StubModel(seed, 0, low, high), "regression", target.name, inputs)


def build_stub_figure(cls: Any, seed: str) -> Any:
    """Build an empty figure of matplotlib, plotly or altair with the text ``not real: SEED``."""
    text = f"not real: {seed}"
    match cls.__module__.split(".")[0]:
        case "matplotlib":
            figure = cls(figsize=(6, 4))
            figure.text(0.5, 0.5, text, ha="center", va="center")
            return figure
        case "plotly":
            return cls(layout={"title": {"text": text}})
    return cls({"values": [{"text": text}]}).mark_text().encode(text="text:N").properties(title=text)
