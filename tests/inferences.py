"""Helpers of tests of inference: the samples, and inferred contracts as imported classes."""

import itertools
import sys
import types
from pathlib import Path
from typing import Any

import polars as pl

from magical import Contract, InputPath
from magical.contracts.contract import schema_of
from magical.contracts.schema import Column, to_snake_case
from magical.contracts.validation import find_failures
from magical.inference.codegen import module_source
from magical.inference.infer import GivenRoles, InferredSchema, infer_contract
from magical.inference.text_types import infer_text_types
from magical.library import ingest, model_data
from magical.reading.casting import cast

DATA = Path(__file__).parent / "data"
_number = itertools.count()


def sample(name: str) -> pl.DataFrame:
    """The raw rows of a sample."""
    return ingest(InputPath(DATA / name))


def infer(raw: pl.DataFrame, target: str | GivenRoles = "", name: str = "Row") -> InferredSchema:
    """Infer as `magical new` does."""
    return infer_contract(infer_text_types(raw), name, target)


def living(*schemas: InferredSchema) -> type[Contract]:
    """Write the schemas as a module, import it, and return the class of the first."""
    source = module_source(schemas, "What is promised.", {})
    module = types.ModuleType(f"inferred_{next(_number)}")
    sys.modules[module.__name__] = module
    exec(compile(source, module.__name__, "exec"), module.__dict__)
    found: type[Contract] = module.__dict__[schemas[0].name]
    return found


def check_kept(raw: pl.DataFrame, schema: InferredSchema) -> None:
    """Validate a table against the class that is written for the schema inferred from it."""
    contract = living(schema)
    written = schema_of(contract)
    assert list(map(described, written.columns)) == list(map(described, schema.columns))
    table = model_data(raw, contract)
    assert find_failures(table, written) == []
    for column in schema.columns:
        assert not cast(raw.get_column(raw_name(raw, column)), column).failed.any(), column


def described(column: Column) -> dict[str, Any]:
    """A column as JSON; its choices in order, since `typing` takes a Literal for one of another order."""
    return column.to_json() | {"choices": sorted(map(repr, column.choices))}


def raw_name(raw: pl.DataFrame, column: Column) -> str:
    """The raw column that a column is read from."""
    if column.alias or column.name in raw.columns:
        return column.alias or column.name
    (name,) = (n for n in raw.columns if to_snake_case(n) == column.name)
    return name


def kind(column: Column) -> str:
    """A column in short: its role, its type, whether it is a category, whether it may be missing."""
    shown = f"{column.type}[{len(column.choices)}]" if column.choices else column.type
    shown = f"{shown}?" if column.nullable else shown
    role = f"{column.role}({column.parent})" if column.parent else column.role
    return f"{role} {shown}" if column.role else shown
