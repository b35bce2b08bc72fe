"""A submission as MLflow keeps it: a folder with code, signature, example and requirements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.contracts.schema import Column, Schema
from magical.engine.protocols import Submission
from magical.engine.servers import reached

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

__all__ = ["save", "signature"]

_RESULT_TYPES = {"int": "long", "float": "double", "bool": "boolean", "str": "string"}


def save(submission: Submission, folder: Path) -> None:
    """Write a submission as an MLflow model; requirements and signature are given, so nothing is guessed."""
    with reached(""):
        import mlflow.pyfunc

    mlflow.pyfunc.save_model(
        str(folder),
        loader_module=submission.loader,
        data_path=str(submission.folder),
        code_paths=[str(path) for path in submission.code],
        signature=signature(submission.inputs, submission.outputs),
        input_example=submission.example.to_pandas(),
        pip_requirements=list(submission.requirements),
        metadata={"magical": {"key": submission.key, "inputs": _promises(submission.inputs)}},
    )


def signature(inputs: Schema, outputs: Schema) -> ModelSignature:
    """Give MLflow's words for what a row holds and what is made of it."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec
    from mlflow.types import Schema as Columns
    from mlflow.types.schema import AnyType

    def given(column: Column) -> Any:
        kind: Any = _given_type(column) or AnyType()  # type: ignore[no-untyped-call]
        return ColSpec(kind, column.name, required=not column.nullable)

    def made(column: Column) -> Any:
        return ColSpec(_RESULT_TYPES.get(column.type, "string"), column.name, required=not column.nullable)

    return ModelSignature(
        Columns(list(map(given, inputs.columns))), Columns(list(map(made, outputs.columns)))
    )


def _given_type(column: Column) -> str:
    """The type of an input, where MLflow takes every form that pandas and polars give such a column.

    MLflow refuses an ``int64`` column for a ``double`` (pandas makes one of whole floats), NaN for anything
    but a ``double``, and categories for a ``string``. What it checks less well than the scorer has no type.
    """
    if column.nullable:
        return ""
    return {"int": "long", "bool": "boolean", "date": "datetime", "datetime": "datetime"}.get(column.type, "")


def _promises(schema: Schema) -> dict[str, str]:
    return {c.name: c.promise for c in schema.columns}
