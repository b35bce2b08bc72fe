"""Fingerprints of results: enough to compare a result later, to 1e-9, where it no longer is."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import polars as pl

from magical.contracts.promises import Promise
from magical.contracts.table_digest import table_digest
from magical.engine.artifacts import Artifact
from magical.engine.protocols import Store
from magical.errors import MagicalError, shorten
from magical.masking import mask_values
from magical.project.reproduce.float_checksum import checksum_floats
from magical.project.reproduce.portable_paths import without_paths
from magical.synthesis.stub_models import pretending_run

__all__ = [
    "Fingerprinter",
    "digest_rest",
    "extract_floats",
    "has_floats",
    "split_floats",
]

_Numbers = np.ndarray[Any, Any]


def split_floats(value: Any) -> tuple[Any, list[float]]:
    """Part a JSON value: the same with null in the place of each float, and the floats in order.

    Example:
        >>> split_floats({"b": [1.5, "x"], "a": 2})
        ({'a': 2, 'b': [None, 'x']}, [1.5])
    """
    numbers: list[float] = []

    def without(item: Any) -> Any:
        if isinstance(item, float):
            numbers.append(item)
            return None
        if isinstance(item, Mapping):
            return {key: without(item[key]) for key in sorted(item)}
        return [without(x) for x in item] if isinstance(item, list) else item

    return without(value), numbers


def has_floats(dtype: pl.DataType) -> bool:
    """Whether a column has floats, in lists or structs too.

    Example:
        >>> has_floats(pl.List(pl.Struct({"a": pl.Float32}))), has_floats(pl.Int64())
        (True, False)
    """
    if isinstance(dtype, (pl.List, pl.Array)):
        return has_floats(pl.Series(dtype=dtype.inner).dtype)
    if isinstance(dtype, pl.Struct):
        return any(has_floats(pl.Series(dtype=inner).dtype) for inner in dtype.to_schema().values())
    return dtype.is_float()


def extract_floats(series: pl.Series) -> _Numbers:
    """Give the floats of a column as float64, NaN for null."""
    found = [
        part.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for part in _flatten(series)
        if _is_float(part)
    ]
    return np.concatenate(found) if len(found) > 1 else found[0]


def digest_rest(series: pl.Series) -> str:
    """Give the digest of all but the floats: where they are, which are null, and what stands beside them."""
    rest = [part.is_null() if _is_float(part) else part for part in _flatten(series)]
    return hashlib.sha256("".join(table_digest(part.to_frame()) for part in rest).encode()).hexdigest()[:40]


def _is_float(series: pl.Series) -> bool:
    return series.dtype.is_float()


def _flatten(series: pl.Series) -> Iterator[pl.Series]:
    """A column's own values; or those in its lists and structs, and how they lie in them."""
    series, kind = series.alias(""), series.dtype  # polars takes the name `^a.*$` for a pattern
    if isinstance(kind, pl.Array):
        series, kind = series.arr.to_list(), pl.List(kind.inner)
    if isinstance(kind, pl.List):
        lengths = series.list.len()
        yield lengths
        yield from _flatten(series.filter((lengths > 0).fill_null(False)).explode())
    elif isinstance(kind, pl.Struct):
        yield series.is_null()
        for field in series.struct.unnest().get_columns():
            yield from _flatten(field)
    else:
        yield series


MAX_PLAIN_JSON = 16_384

"""Characters of JSON up to which a value is its own fingerprint."""


@dataclass(frozen=True)
class Fingerprinter:
    """Makes the fingerprints of the results in a store.

    Attributes:
        store: where they are.
        judges: for a node with models, what they are to predict, and how that is called.
        root: the project's folder; a value that names it is of this machine, and only its digest is told.
        plain: whether small values may be told as they are: not where a secret could be in one.
    """

    store: Store
    model_samples: Mapping[str, tuple[str, Artifact]] = field(default_factory=dict)
    root: str = ""
    allows_plain: bool = True

    def fingerprint(self, node: str, artifact: Artifact) -> dict[str, Any]:
        """Give the fingerprint of what a node gave, or of a member of it.

        Raises:
            StoreError: it cannot be read.
        """
        found: dict[str, Any] = {"kind": artifact.kind, "content": artifact.content}
        match artifact.kind:
            case "group":
                items = artifact.items.items()
                found["items"] = {name: self.fingerprint(node, item) for name, item in items}
            case "table":
                found |= self._fingerprint_table(self.store.load(artifact, Promise("lazy")))
            case "value":
                found |= self._fingerprint_value(self.store.load(artifact, Promise("any")))
            case "object":
                found |= self._fingerprint_object(node, artifact)
        return found

    def predict_sample(self, node: str, model: Any) -> pl.DataFrame:
        """Give what a node's model predicts for the rows that it is judged by.

        Raises:
            MagicalError: it cannot.
        """
        rows = self.store.load(self.model_samples[node][1], Promise("table"))
        with pretending_run(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: pl.DataFrame = model.predict(rows)
        return found

    def _fingerprint_table(self, table: pl.LazyFrame) -> dict[str, Any]:
        """Column by column, so that a table need not be in memory as a whole."""
        columns, rows = {}, 0
        for at, name in enumerate(table.collect_schema()):
            series = table.select(pl.nth(at)).collect().to_series()  # a name may be a pattern to polars
            columns[name], rows = _fingerprint_column(series), series.len()
        return {"rows": rows, "columns": columns}

    def _fingerprint_value(self, value: Any) -> dict[str, Any]:
        paths, numbers = split_floats(value)
        shape = hashlib.sha256(json.dumps(paths, ensure_ascii=False).encode()).hexdigest()[:40]
        found = {"shape": shape, "floats": checksum_floats(np.array(numbers, dtype=np.float64))}
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
        if (
            not self.allows_plain
            or len(text) > MAX_PLAIN_JSON
            or mask_values(value) != value
            or (self.root and self.root in text)
        ):
            return found
        return {**found, "json": value}

    def _fingerprint_object(self, node: str, artifact: Artifact) -> dict[str, Any]:
        try:
            value = self.store.load(artifact, Promise("any"))
            if getattr(type(value), "__promises__", "") != "model":
                return {"bytes": _digest_pickle(value), "type": type(value).__name__}
            if node not in self.model_samples:
                return {"kind": "model", "unknown": "there is no table to predict"}
            told = _try_predict(lambda: self.predict_sample(node, value))
        except MagicalError as error:
            return {"unknown": shorten(self._hide_paths(error.lines[0]), 160)}
        if isinstance(told, str):
            return {"kind": "model", "unknown": self._hide_paths(told)}
        return {
            "kind": "model",
            "on": self.model_samples[node][0],
            "predicts": self._fingerprint_table(told.lazy()),
        }

    def _hide_paths(self, reason: str) -> str:
        return without_paths(reason, Path(self.root)) if self.root else reason


def _fingerprint_column(series: pl.Series) -> dict[str, Any]:
    nulls = series.null_count()
    found: dict[str, Any] = {"type": str(series.dtype), "nulls": nulls}
    found["digest"] = table_digest(series.to_frame())
    if has_floats(series.dtype):
        numbers = extract_floats(series)
        found["nans"] = int(np.isnan(numbers).sum()) - (nulls if series.dtype.is_float() else 0)
        found |= {"rest": digest_rest(series), "floats": checksum_floats(numbers)}
    return found


def _digest_pickle(value: Any) -> str:
    """The digest of a pickle without back references: which equal texts are one object is chance."""
    buffer = io.BytesIO()
    pickler = cloudpickle.Pickler(buffer)
    pickler.fast = True
    try:
        pickler.dump(value)
    except Exception:  # it refers to itself
        return ""
    return hashlib.sha256(buffer.getvalue()).hexdigest()[:40]


def _try_predict(call: Callable[[], pl.DataFrame]) -> pl.DataFrame | str:
    """What a call gives; or why it gives nothing, whatever a model of the project's own raises."""
    try:
        return call()
    except Exception as error:
        return f"it cannot predict them: {type(error).__name__}: {shorten(error, 120)}"
