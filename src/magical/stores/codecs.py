"""The formats of stored artifacts: parquet for tables, JSON for values, pictures and pages, pickles."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import polars as pl
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

from magical.contracts.promises import PARTS, Frame, Parts, Promise
from magical.contracts.table_digest import stream_digest, table_digest
from magical.contracts.tables import to_polars
from magical.contracts.validation import LazyOutput
from magical.engine.artifacts import Artifact
from magical.errors import StoreError, UnwrittenStep, shorten
from magical.figure_files import FigureFile
from magical.stores.blobs import BlobStore
from magical.synthesis.stub_models import is_stub, stub_from_json, stub_to_json

__all__ = ["decode_artifact", "encode_artifact"]

_TABLE = Promise("table", Frame)


def encode_artifact(value: Any, promise: Promise, key: str, objects: BlobStore) -> Artifact:
    """Store the result of a step and describe it as an artifact.

    Args:
        value: the result.
        promise: the step's promise.
        key: the step's key; it names the content of a model, whose bytes differ from fit to fit.
        objects: the store for the bytes.

    Raises:
        StoreError: no format can hold the value.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from magical.stores.local.objects import LocalObjects
        >>> with TemporaryDirectory() as folder:
        ...     objects = LocalObjects(Path(folder))
        ...     artifact = encode_artifact(pl.DataFrame({"x": [1, 2]}), Promise("any"), "key", objects)
        ...     table = decode_artifact(artifact, Promise("any"), objects)
        >>> artifact.kind, artifact.summary, table["x"].to_list()
        ('table', '2 × 1', [1, 2])
    """
    if isinstance(value, pl.DataFrame):
        return _encode_table(value, objects)
    if isinstance(value, FigureFile):
        return _encode_figure(value, objects)
    if isinstance(value, (LazyOutput, pl.LazyFrame)):
        return _encode_stream(value if isinstance(value, LazyOutput) else LazyOutput(value), objects)
    if isinstance(value, Parts):
        names = (*PARTS, "assignment")
        items = {n: encode_artifact(getattr(value, n), _TABLE, f"{key}.{n}", objects) for n in names}
        text = ", ".join(f"{n} {getattr(value, n).height:,}" for n in PARTS)
        return Artifact("group", _joint_digest(items), summary=text, items=items)
    if promise.kind in ("tuple", "list") and isinstance(value, (tuple, list)):
        pairs = enumerate(zip(value, _member_promises(promise, len(value)), strict=True))
        items = {str(i): encode_artifact(v, p, f"{key}.{i}", objects) for i, (v, p) in pairs}
        return Artifact("group", _joint_digest(items), summary=f"{len(value)} items", items=items)
    if is_stub(value):
        return _encode_stub_model(value, objects)
    if promise.kind in ("model", "pipeline", "object"):
        return _encode_object(value, key, objects)
    if type(value).__module__.split(".")[0] == "pandas" and promise.kind == "any":
        return _encode_table(to_polars(value), objects)
    return _encode_value(value, promise, key, objects)


def decode_artifact(artifact: Artifact, promise: Promise, objects: BlobStore) -> Any:
    """Read a stored value back; see ``encode_artifact``.

    Raises:
        DamagedArtifact: a stored object is missing or damaged.
        StoreError: an object is whole, but cannot be read: a class was renamed, or somebody else wrote it.
    """
    if artifact.kind != "group":
        return _decode_object(artifact, promise, objects)
    if set(artifact.items) == {*PARTS, "assignment"}:
        return Parts(**{n: decode_artifact(a, _TABLE, objects) for n, a in artifact.items.items()})
    promises = _member_promises(promise, len(artifact.items))
    members = [decode_artifact(a, p, objects) for a, p in zip(artifact.items.values(), promises, strict=True)]
    return tuple(members) if promise.kind == "tuple" else members


def _decode_object(artifact: Artifact, promise: Promise, objects: BlobStore) -> Any:
    """Read a stored value that is no group."""
    if artifact.kind == "none":
        return None
    if artifact.kind == "table" and promise.kind == "lazy":
        # No glob: a bracket in the path of the project is no pattern.
        return pl.scan_parquet(objects.file(artifact.blob), glob=False)
    data = objects.get(artifact.blob)
    if artifact.kind == "figure":
        return FigureFile(data, Path(artifact.blob).suffix)
    try:
        return _parse_object(data, artifact.kind, promise)
    except Exception as error:
        raise StoreError(
            f"What is stored as {shorten(artifact.summary, 60) or 'an object'} cannot be read back: "
            f"{type(error).__name__}: {shorten(error, 100)}.",
            hint="was a class renamed, or a package removed? An edit of its step makes it again.",
        ) from error


def _parse_object(data: bytes, kind: str, promise: Promise) -> Any:
    match kind:
        case "table":
            return pl.read_parquet(io.BytesIO(data))
        case "value":
            return _from_json(data, promise)
        case "pretended":
            return stub_from_json(json.loads(data))
        case _:
            return cloudpickle.loads(data)


def _member_promises(promise: Promise, count: int) -> tuple[Promise, ...]:
    """Return the promises of the members of a tuple, or of a list with ``count`` members."""
    return promise.items if promise.kind == "tuple" else (promise.items or (Promise("any"),))[:1] * count


def _encode_table(table: pl.DataFrame, objects: BlobStore) -> Artifact:
    """Store a table as parquet; raise a StoreError if a column contains Python objects."""
    if object_columns := [n for n, dtype in table.schema.items() if dtype == pl.Object]:
        raise StoreError(
            f"The column {object_columns[0]} holds Python objects, which no file can keep.",
            hint="cast or drop it.",
        )
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd", compression_level=1)
    blob = objects.put(buffer.getvalue(), ".parquet")
    return Artifact("table", table_digest(table), blob, f"{table.height:,} × {table.width}")


def _encode_figure(figure: FigureFile, objects: BlobStore) -> Artifact:
    blob = objects.put(figure.data, figure.suffix)
    return Artifact("figure", hashlib.sha256(figure.data).hexdigest()[:40], blob, str(figure))


def _encode_stream(stream: LazyOutput, objects: BlobStore) -> Artifact:
    """Store a lazy table without collecting it; it gets the digest that the collected table would have."""
    blob = objects.put_file(stream.sink, ".parquet")
    table = pl.scan_parquet(objects.file(blob), glob=False)
    height = table.select(pl.len()).collect().item()
    return Artifact("table", stream_digest(table), blob, f"{height:,} × {len(table.collect_schema())}")


def _encode_stub_model(value: Any, objects: BlobStore) -> Artifact:
    """Store a pretended model as JSON."""
    data = json.dumps(stub_to_json(value), sort_keys=True).encode()
    content = hashlib.sha256(data).hexdigest()[:40]
    return Artifact("pretended", content, objects.put(data, ".json"), _summarize(value))


def _encode_value(value: Any, promise: Promise, key: str, objects: BlobStore) -> Artifact:
    """Store a value as JSON, or as a pickle if JSON cannot restore it exactly."""
    if value is None:
        return Artifact("none", "none")
    try:
        data = _as_json(value, promise)
        # JSON turns a tuple into a list, for one: a value that does not come back as it was is pickled.
        if not _is_same(_from_json(data, promise), value):
            return _encode_object(value, key, objects)
    except Exception as error:  # pydantic has errors of many kinds; a promised class is pickled instead
        if promise.kind == "any":
            raise StoreError(
                f"A {type(value).__name__} cannot be written as JSON: {shorten(error, 100)}.",
                hint="give a table, numbers, texts, or a pydantic model, or promise its class.",
            ) from None
        return _encode_object(value, key, objects)
    content = hashlib.sha256(data).hexdigest()[:40]
    return Artifact("value", content, objects.put(data, ".json"), _summarize(value))


def _as_json(value: Any, promise: Promise) -> bytes:
    if promise.kind in ("value", "receipt"):
        value = TypeAdapter(promise.hint).dump_python(value, mode="json")
    return to_json(value, inf_nan_mode="constants")


def _from_json(data: bytes, promise: Promise) -> Any:
    if promise.kind in ("value", "receipt"):
        return TypeAdapter(promise.hint).validate_json(data)
    return json.loads(data)


def _is_same(one: Any, other: Any) -> bool:
    """Return True if two values have the same types and content at every level; NaN equals itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict):
        return _is_same(list(one.items()), list(other.items()))
    if one == other:
        return True
    if isinstance(one, BaseModel) or is_dataclass(one):  # their repr may be a summary
        return _is_same(_list_fields(one), _list_fields(other))
    return repr(one) == repr(other)  # NaN differs from itself, but not in its text


def _list_fields(value: Any) -> list[Any]:
    """List all values inside a pydantic model or a dataclass."""
    if isinstance(value, BaseModel):
        return [dict(value)]  # with what it has beyond its fields
    return [getattr(value, f.name) for f in fields(value)]


class _EstimatorPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles equal estimators to equal bytes, whatever this process has unpickled before.

    scikit-learn restores attributes by names that are not interned. All later estimators of the class share
    these names, and a pickle writes equal texts that are different objects twice.
    """

    def reducer_override(self, obj: Any) -> Any:
        reduced = super().reducer_override(obj)
        if reduced is not NotImplemented or not hasattr(type(obj), "get_params"):
            return reduced
        first, args, *more = obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        if more and type(more[0]) is dict:
            more[0] = {sys.intern(name): value for name, value in more[0].items()}
        return (first, args, *more)


def _pickle(value: Any) -> bytes:
    with io.BytesIO() as file:
        _EstimatorPickler(file).dump(value)
        return file.getvalue()


def _encode_object(value: Any, key: str, objects: BlobStore) -> Artifact:
    try:
        data = _pickle(value)
    except UnwrittenStep as error:
        raise StoreError(
            f"A {type(value).__name__} cannot be stored: {error.lines[0]}",
            hint="give it by itself: promise Model, or list[Model]; or write what makes it.",
        ) from None
    except Exception as error:
        raise StoreError(
            f"A {type(value).__name__} cannot be stored: {shorten(error, 120)}.",
            hint="keep open files, connections and locks out of it.",
        ) from error
    return Artifact("object", f"key:{key}", objects.put(data, ".pkl"), _summarize(value))


def _summarize(value: Any) -> str:
    try:
        return _describe(value)
    except Exception:  # the methods of a foreign class may take arguments or fail
        return type(value).__name__


def _describe(value: Any) -> str:
    """Return the value's own summary or text, or else its shortened repr."""
    summary = getattr(value, "summary", None)
    if callable(summary):
        return shorten(summary(), 240)
    text = getattr(value, "text", None)
    if isinstance(text, str):
        return shorten(text, 240)
    return shorten(type(value).__name__ if hasattr(value, "fit") else repr(value), 60)


def _joint_digest(items: dict[str, Artifact]) -> str:
    text = " ".join(f"{n}={a.content}" for n, a in items.items())
    return hashlib.sha256(text.encode()).hexdigest()[:40]
