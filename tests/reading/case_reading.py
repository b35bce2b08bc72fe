"""Read a small file as a project does: by the contract that its case states, or by the one that is inferred."""

import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl

import magical
from inferences import kind, living, raw_name
from library.conftest import Run
from magical import Contract, InputPath
from magical.contracts.schema import to_snake_case
from magical.errors import MagicalError
from magical.events import current_sink
from magical.inference.infer import InferredSchema, infer_contract
from magical.inference.text_types import infer_text_types
from magical.library import SplitSettings, ingest, model_data, split
from reading.file_cases import FileCase

__all__ = ["CaseResult", "case_contract", "read_case"]


@dataclass(frozen=True)
class CaseResult:
    """What came of a file.

    Attributes:
        columns: the values by column, in order, with the names in snake case.
        said: all that was said on the way, in one text.
        kinds: the kind of each inferred column, "left out" for the others; empty if a contract was stated.
    """

    columns: Mapping[str, list[Any]]
    said: str
    kinds: Mapping[str, str]


def read_case(case: FileCase, folder: Path) -> CaseResult:
    """Write a file and read it.

    Raises:
        MagicalError: the file is refused.
    """
    path = folder / case.file
    path.write_bytes(case.data)
    with _heard(folder) as run:
        raw = ingest(InputPath(path), case.reading)
        if case.contract:
            table = model_data(raw, case_contract(case))
            return CaseResult(_values(table), "\n".join(run.lines), {})
        typed = infer_text_types(raw)
        schema = infer_contract(typed, "Row", case.target)
        table = model_data(raw, living(schema))
        _check_same(_values(table), typed.table, raw, schema)
        if case.target:
            with suppress(MagicalError):  # hardly any rows may be too few for three parts
                split(table, SplitSettings())
    told = [*typed.remarks.values(), *schema.reasons.values(), *map(": ".join, schema.left_out.items())]
    kinds = {to_snake_case(n): "left out" for n in schema.left_out} | {
        c.name: kind(c) for c in schema.columns
    }
    named = [f"{n}: {remark}" for n, remark in typed.remarks.items()]
    said = "\n".join([*run.lines, *named, *told, *(f"{n}: {r}" for n, r in schema.reasons.items())])
    return CaseResult(_values(typed.table), said, kinds)


def case_contract(case: FileCase) -> type[Contract]:
    """Return the class of the contract that a case states."""
    names = {n: getattr(magical, n) for n in magical.__all__}
    module = types.ModuleType(f"case_{abs(hash(case.name))}")
    sys.modules[module.__name__] = module
    module.__dict__.update(names, Annotated=Annotated, Literal=Literal, date=date, datetime=datetime)
    fields = case.contract.replace("\n", "\n    ")
    exec(f"class Row(Contract):\n    {fields}\n", module.__dict__)
    found: type[Contract] = module.__dict__["Row"]
    return found


@contextmanager
def _heard(folder: Path) -> Iterator[Run]:
    run = Run(folder)
    token = current_sink.set(run)
    try:
        yield run
    finally:
        current_sink.reset(token)


def _values(table: pl.DataFrame) -> dict[str, list[Any]]:
    """Return the values by column; blanks around a text are no part of it."""
    stripped = table.with_columns(pl.col(pl.String).str.strip_chars())
    return {to_snake_case(n): stripped.get_column(n).to_list() for n in stripped.columns}


def _check_same(
    by_contract: Mapping[str, list[Any]], typed: pl.DataFrame, raw: pl.DataFrame, schema: InferredSchema
) -> None:
    """Check that ``model_data`` reads each column of the inferred contract as the inference read it."""
    read, texts = _values(typed), _values(raw)
    for column in schema.columns:
        name = to_snake_case(raw_name(raw, column))
        # A code is a text, also if it is made of digits.
        wanted = texts[name] if column.type == "str" else read[name]
        assert by_contract[column.name] == wanted, column.name
