"""Files of a model and its contracts: JSON, and skops for the Pipeline, or a pickle where skops fails."""

from __future__ import annotations

import datetime as dt
import math
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle

from magical.contracts.model import Candidate, Model
from magical.contracts.promises import Promise
from magical.contracts.schema import Schema
from magical.errors import SettingsError, StoreError, UnwrittenStep, shorten
from magical.refs import Link, Wire
from magical.settings import to_json

__all__ = [
    "load_model",
    "promise_from_json",
    "promise_to_json",
    "save_model",
    "schema_from_json",
    "schema_to_json",
    "wire_from_json",
    "wire_to_json",
]

_TRUSTED_PACKAGES = (
    "catboost", "collections", "lightgbm", "magical", "numpy", "pandas", "scipy", "sklearn", "skrub",
    "xgboost",
)  # fmt: skip
_SKOPS, _PICKLE = "pipeline.skops", "pipeline.pkl"
_RANGE_BOUNDS = ("ge", "gt", "le", "lt")
# JSON has no dates: bounds of these types are stored as texts or seconds.
_BOUND_PARSERS: dict[str, Callable[[Any], Any]] = {
    "date": dt.date.fromisoformat,
    "datetime": dt.datetime.fromisoformat,
    "time": dt.time.fromisoformat,
    "duration": lambda seconds: dt.timedelta(seconds=seconds),
}


def save_model(model: Model, folder: Path) -> dict[str, Any]:
    """Write a model's Pipeline into a folder, and return the rest of the model as JSON.

    Raises:
        StoreError: neither skops nor cloudpickle can store the Pipeline.
    """
    pipeline_file = _SKOPS if _write_skops(model.pipeline, folder / _SKOPS) else _PICKLE
    if pipeline_file == _PICKLE:
        # A dump that failed may have left a part of its file.
        (folder / _SKOPS).unlink(missing_ok=True)
        try:
            (folder / _PICKLE).write_bytes(cloudpickle.dumps(model.pipeline))
        except UnwrittenStep:
            raise
        except Exception as error:
            raise StoreError(
                f"The Pipeline cannot be stored: {shorten(error, 120)}.",
                hint="keep open files, connections and locks out of its steps.",
            ) from error
    return {
        "pipeline": pipeline_file,
        "task": model.task,
        "target": model.target,
        "schema": schema_to_json(model.schema),
        "classes": [_to_python(c) for c in model.classes],
        "threshold": float(model.threshold),
        "chosen": _candidate_to_json(model.chosen) if model.chosen else None,
        "candidates": [_candidate_to_json(c) for c in model.candidates],
    }


def load_model(data: Mapping[str, Any], folder: Path, unpickle: Callable[[bytes], Any]) -> Model:
    """Load a model.

    Args:
        data: the result of ``save_model``.
        folder: the folder with the Pipeline.
        unpickle: loads a Pipeline that was not stored as skops.

    Raises:
        StoreError: the skops file holds types of packages that are not trusted.
    """
    if data["pipeline"] == _SKOPS:
        pipeline = _read_skops(folder / _SKOPS)
    else:
        pipeline = unpickle((folder / _PICKLE).read_bytes())
    chosen = data["chosen"]
    return Model(
        pipeline=pipeline,
        task=data["task"],
        target=data["target"],
        schema=schema_from_json(data["schema"]),
        classes=tuple(data["classes"]),
        threshold=data["threshold"],
        chosen=_candidate_from_json(chosen) if chosen else None,
        candidates=tuple(_candidate_from_json(c) for c in data["candidates"]),
    )


def schema_to_json(schema: Schema) -> dict[str, Any]:
    """Convert a schema to JSON, without its rules, which are code.

    Example:
        >>> from magical import Contract, Field
        >>> from magical.contracts.contract import schema_of
        >>> class Person(Contract):
        ...     age: int = Field(le=120)
        >>> schema_from_json(schema_to_json(schema_of(Person))).columns[0].bounds
        {'le': 120}
    """
    bounds = {c.name: {k: _bound_to_json(v) for k, v in c.bounds.items()} for c in schema.columns if c.bounds}
    return {**schema.to_json(), "rules": [], "bounds": bounds}


def schema_from_json(data: Mapping[str, Any]) -> Schema:
    """Convert JSON to a schema, with each bound in the type of its column."""
    schema = Schema.from_json(data)
    columns = []
    for column in schema.columns:
        bounds = data["bounds"].get(column.name, {})
        parse = _BOUND_PARSERS.get(column.type, lambda value: value)
        bounds = {k: parse(v) if k in _RANGE_BOUNDS else v for k, v in bounds.items()}
        columns.append(replace(column, bounds=bounds))
    return replace(schema, columns=tuple(columns))


def promise_to_json(promise: Promise) -> dict[str, Any]:
    """Convert a promise to JSON."""
    return {
        "kind": promise.kind,
        "schema": schema_to_json(promise.schema) if promise.schema else None,
        "items": [promise_to_json(i) for i in promise.items],
    }


def promise_from_json(data: Mapping[str, Any]) -> Promise:
    """Convert JSON to a promise."""
    schema = schema_from_json(data["schema"]) if data["schema"] else None
    return Promise(data["kind"], schema=schema, items=tuple(map(promise_from_json, data["items"])))


def wire_to_json(wire: Wire) -> Any:
    """Convert a wire to JSON.

    Example:
        >>> wire_to_json((Link("clean"), None))
        [{'node': 'clean', 'item': ''}, None]
    """
    if isinstance(wire, Link):
        return {"node": wire.node, "item": wire.item}
    return None if wire is None else [wire_to_json(part) for part in wire]


def wire_from_json(data: Any) -> Wire:
    """Convert JSON to a wire."""
    if isinstance(data, dict):
        return Link(data["node"], data["item"])
    return None if data is None else tuple(wire_from_json(part) for part in data)


def _write_skops(pipeline: Any, file: Path) -> bool:
    """Write a Pipeline as skops; return False if it cannot be written or loaded again."""
    import skops.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            skops.io.dump(pipeline, file, compression=zipfile.ZIP_DEFLATED, compresslevel=3)
            _read_skops(file)
    except Exception:  # skops raises many kinds for objects that only cloudpickle may support
        return False
    return True


def _read_skops(file: Path) -> Any:
    """Load a skops file; raise a StoreError if it contains types of untrusted packages."""
    import skops.io

    # Check before loading: to load a type may run its code.
    types = skops.io.get_untrusted_types(file=file)
    untrusted = [t for t in types if t.partition(".")[0] not in _TRUSTED_PACKAGES]
    if untrusted:
        raise StoreError(
            f"{file.name} holds {untrusted[0]}, which may run code of its own.",
            hint="load models from your own registry only.",
        )
    return skops.io.load(file, trusted=types)


def _to_python(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    params = {str(k): _value_to_json(v) for k, v in candidate.params.items()}
    return {
        "name": candidate.name,
        "score": None if math.isnan(candidate.score) else float(candidate.score),  # JSON has no NaN
        "metric": candidate.metric,
        "params": params,
        "scored": candidate.scored,
        "failure": candidate.failure,
    }


def _candidate_from_json(data: Mapping[str, Any]) -> Candidate:
    return Candidate(**{**data, "score": math.nan if data["score"] is None else data["score"]})


def _value_to_json(value: Any) -> Any:
    try:
        return to_json(_to_python(value))
    except SettingsError:
        return shorten(value, 200)  # a parameter may be any object; the card only shows it


def _bound_to_json(value: Any) -> Any:
    return _value_to_json(getattr(value, "pattern", value))
