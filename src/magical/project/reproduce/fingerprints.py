"""Fingerprints of results, by which a result can be compared to 1e-9 after it was removed."""

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

__all__ = ["Fingerprinter", "digest_rest", "extract_floats", "has_floats", "split_floats"]

_Numbers = np.ndarray[Any, Any]


def split_floats(value: Any) -> tuple[Any, list[float]]:
    """Split a JSON value into itself with null in place of each float, and its floats in order.

    Example:
        >>> split_floats({"b": [1.5, "x"], "a": 2})
        ({'a': 2, 'b': [None, 'x']}, [1.5])
    """
    numbers: list[float] = []

    def remove_floats(item: Any) -> Any:
        if isinstance(item, float):
            numbers.append(item)
            return None
        if isinstance(item, Mapping):  # sorted: the order of keys must not change the order of floats
            return {key: remove_floats(item[key]) for key in sorted(item)}
        return [remove_floats(x) for x in item] if isinstance(item, list) else item

    return remove_floats(value), numbers


def has_floats(dtype: pl.DataType) -> bool:
    """Return True if a column has floats, in lists or structs too.

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
    """Extract the floats of a column, in lists and structs too, as float64; a null becomes NaN.

    Example:
        >>> extract_floats(pl.Series([[1.5, None], []], dtype=pl.List(pl.Float32)))
        array([1.5, nan])
    """
    floats = [part.cast(pl.Float64) for part in _flatten(series) if part.dtype.is_float()]
    found = [part.fill_null(float("nan")).to_numpy() for part in floats]
    return np.concatenate(found) if len(found) > 1 else found[0]  # concatenate() would copy a lone one


def digest_rest(series: pl.Series) -> str:
    """Digest a column without its floats: nulls, lengths of lists, and values of other types.

    Example:
        >>> digest_rest(pl.Series([1.5, None])) == digest_rest(pl.Series([2.5, None]))
        True
    """
    rest = [part.is_null() if part.dtype.is_float() else part for part in _flatten(series)]
    return _hash("".join(table_digest(part.to_frame()) for part in rest).encode())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:40]


def _flatten(series: pl.Series) -> Iterator[pl.Series]:
    """Yield a column's values, or those inside its lists and structs with the layout of these."""
    series, kind = series.alias(""), series.dtype  # polars takes the name `^a.*$` for a pattern
    if isinstance(kind, pl.Array):
        series, kind = series.arr.to_list(), pl.List(kind.inner)
    if isinstance(kind, pl.List):
        lengths = series.list.len()
        yield lengths
        # Without the filter explode() would turn an empty list into a null.
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
    """Computes fingerprints of the results in a store.

    Attributes:
        store: the store.
        model_samples: for each node with models, the table that they predict, after its description.
        root: the project's folder; a value that contains this path is recorded as a digest.
        allows_plain: small values are recorded as they are; False where one could contain a secret.
    """

    store: Store
    model_samples: Mapping[str, tuple[str, Artifact]] = field(default_factory=dict)
    root: str = ""
    allows_plain: bool = True

    def fingerprint(self, node: str, artifact: Artifact) -> dict[str, Any]:
        """Compute the fingerprint of a node's result, or of a member of it.

        Raises:
            StoreError: the result cannot be read.
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
        """Predict a node's model sample with one of its models.

        Raises:
            MagicalError: the sample cannot be read, or the model refuses it.
        """
        rows = self.store.load(self.model_samples[node][1], Promise("table"))
        # Outside a pretending run a pretended model refuses to predict.
        with pretending_run(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predictions: pl.DataFrame = model.predict(rows)
        return predictions

    def _fingerprint_table(self, table: pl.LazyFrame) -> dict[str, Any]:
        columns, rows = {}, 0
        # One column at a time, since the whole table may not fit into memory.
        for at, name in enumerate(table.collect_schema()):
            # By number: polars may take a name for a pattern.
            series = table.select(pl.nth(at)).collect().to_series()
            columns[name], rows = _fingerprint_column(series), series.len()
        return {"rows": rows, "columns": columns}

    def _fingerprint_value(self, value: Any) -> dict[str, Any]:
        paths, numbers = split_floats(value)
        shape = _hash(json.dumps(paths, ensure_ascii=False).encode())
        found = {"shape": shape, "floats": checksum_floats(np.array(numbers, dtype=np.float64))}
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
        # A record may be sent to others: no large values, no secrets, no paths of this machine.
        has_path = bool(self.root) and self.root in text
        if self.allows_plain and len(text) <= MAX_PLAIN_JSON and mask_values(value) == value and not has_path:
            found["json"] = value
        return found

    def _fingerprint_object(self, node: str, artifact: Artifact) -> dict[str, Any]:
        """Fingerprint a model by its predictions, and another object by the digest of its pickle."""
        try:
            value = self.store.load(artifact, Promise("any"))
            if getattr(type(value), "__promises__", "") != "model":
                return {"bytes": _digest_pickle(value), "type": type(value).__name__}
            if node not in self.model_samples:
                return {"kind": "model", "unknown": "there is no table to predict"}
            predictions = _try_predict(lambda: self.predict_sample(node, value))
        except MagicalError as error:
            return {"unknown": shorten(self._hide_paths(error.lines[0]), 160)}
        if isinstance(predictions, str):
            return {"kind": "model", "unknown": self._hide_paths(predictions)}
        sample, table = self.model_samples[node][0], self._fingerprint_table(predictions.lazy())
        return {"kind": "model", "on": sample, "predicts": table}

    def _hide_paths(self, reason: str) -> str:
        return without_paths(reason, Path(self.root)) if self.root else reason


def _fingerprint_column(series: pl.Series) -> dict[str, Any]:
    nulls = series.null_count()
    found: dict[str, Any] = {"type": str(series.dtype), "nulls": nulls}
    found["digest"] = table_digest(series.to_frame())
    if has_floats(series.dtype):
        numbers = extract_floats(series)
        # extract_floats() made each null of a plain column of floats a NaN.
        found["nans"] = int(np.isnan(numbers).sum()) - (nulls if series.dtype.is_float() else 0)
        found |= {"rest": digest_rest(series), "floats": checksum_floats(numbers)}
    return found


def _digest_pickle(value: Any) -> str:
    """Digest the pickle of an object; empty if it cannot be pickled."""
    buffer = io.BytesIO()
    pickler = cloudpickle.Pickler(buffer)
    # Without back references: it is a matter of chance whether two equal texts are the same object.
    # The price: an object that refers to itself cannot be pickled.
    pickler.fast = True
    try:
        pickler.dump(value)
    except Exception:
        return ""
    return _hash(buffer.getvalue())


def _try_predict(call: Callable[[], pl.DataFrame]) -> pl.DataFrame | str:
    """Return predictions, or the reason why there are none."""
    try:
        return call()
    except Exception as error:  # a model may be code of the project, which raises anything
        return f"it cannot predict them: {type(error).__name__}: {shorten(error, 120)}"
