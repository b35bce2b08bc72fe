"""Take rows through the steps of a scoring path, and know afterwards which row is which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from polars.exceptions import ColumnNotFoundError

from magical.contracts.promises import Promise, attach_promise, attached_promise
from magical.contracts.schema import Schema
from magical.contracts.tables import convert_kind, convert_pandas, format_kinds, parse_kinds
from magical.errors import BrokenPromise, MagicalError, StepError, shorten
from magical.events import current_sink
from magical.refs import Link, Wire, find_links
from magical.scoring_path import ScoringPath

__all__ = ["ROW_COLUMN", "ScoringChain", "ScoringStep", "add_row_numbers"]

ROW_COLUMN = "__magical_row__"
"""A private column that says which row is which; of a type that no selector of numbers or texts picks."""


@dataclass(frozen=True)
class ScoringStep:
    """One step of the scoring path, ready to be called.

    Attributes:
        name: the node's name.
        step: the step's import string.
        function: its body.
        arguments: its plain arguments; those that are connected hold None, or a list with holes.
        inputs: where the connected ones come from.
        gives: what it promises, without targets.
        forms: for connected parameters, the kinds of tables they want, as ``forms.format_kinds`` says it.
    """

    name: str
    step: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    inputs: Mapping[str, Wire]
    promise: Promise
    table_kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoringChain:
    """The way from typed rows to the rows that the model predicts from.

    Attributes:
        typed: what a row must hold at the start.
        source: the name of the typed rows.
        moves: in order.
        result: the name of what the model predicts from.
        frozen: values of the training run that moves take.
    """

    row_schema: Schema
    source: Link
    steps: tuple[ScoringStep, ...]
    result: Link
    frozen: Mapping[Link, Any] = field(default_factory=dict)

    @classmethod
    def from_path(cls, path: ScoringPath, load_value: Callable[[Link], Any]) -> ScoringChain:
        """Make the walk of a scoring path; ``value`` gives a value of the training run."""
        moves = []
        for step in path.steps:
            node, call = step.node, step.call
            forms = {n: format_kinds(call.step.parameter_promises[n]) for n in step.inputs}
            function = call.step.function
            moves.append(
                ScoringStep(node.name, node.step, function, call.arguments, step.inputs, step.promise, forms)
            )
        return cls(
            path.typed, path.source, tuple(moves), path.result, {i: load_value(i) for i in path.frozen}
        )

    def transform_rows(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give what the model predicts from, and which rows were left out, with the reason.

        Args:
            rows: at least one, with the typed columns and ``ROW_COLUMN``.

        Raises:
            BrokenPromise: what comes out cannot be told row from row.
            StepError: a step failed.
        """
        results: dict[str, Any] = {}
        start = attach_promise(rows, Promise("table", schema=self.row_schema))
        for move in self.steps:
            results[move.name] = self._execute_step(move, start, results)
        tables = {link: self._find_value(link, start, results) for link in self._trace_row_tables()}
        last = tables[self.result]
        if ROW_COLUMN not in last.columns:
            culprit = next(link.node for link, table in tables.items() if ROW_COLUMN not in table.columns)
            raise BrokenPromise(
                f"{culprit} gives rows that cannot be matched with those that it was given.",
                hint="let it keep the Id columns; its contract must promise them.",
            )
        last = last.filter(pl.col(ROW_COLUMN).is_not_null())
        if last[ROW_COLUMN].n_unique() < last.height:
            raise BrokenPromise(
                "The scoring path gives several rows for one.", hint="aggregate them in a step."
            )
        return last, _find_dropped_rows(rows, tables)

    def _execute_step(self, step: ScoringStep, start: pl.DataFrame, results: Mapping[str, Any]) -> Any:
        arguments = dict(step.arguments)
        before = None
        for name, wire in step.inputs.items():
            value = self._resolve_input(wire, arguments.get(name), start, results)
            for table in value if isinstance(value, list) else [value]:
                before = table if before is None and _has_row_numbers(table) else before
            arguments[name] = convert_kind(value, parse_kinds(step.table_kinds.get(name, "")))
        given = _call_step(step, arguments, self.row_schema)
        if step.promise.kind in ("tuple", "list"):
            promises = (
                step.promise.items if step.promise.kind == "tuple" else step.promise.items[:1] * len(given)
            )
            return [
                _restore_row_numbers(v, p, before, step.name) for v, p in zip(given, promises, strict=True)
            ]
        return _restore_row_numbers(given, step.promise, before, step.name)

    def _resolve_input(self, wire: Wire, plain: Any, start: pl.DataFrame, results: Mapping[str, Any]) -> Any:
        if isinstance(wire, Link):
            value = self._find_value(wire, start, results)
            promise = attached_promise(value) if isinstance(value, pl.DataFrame) else None
            return attach_promise(value.clone(), promise) if promise else value
        if wire is None:
            return plain
        return [self._resolve_input(w, p, start, results) for w, p in zip(wire, plain, strict=True)]

    def _find_value(self, link: Link, start: pl.DataFrame, results: Mapping[str, Any]) -> Any:
        if link == self.source:
            return start
        if link in self.frozen:
            return self.frozen[link]
        return results[link.node][int(link.item)] if link.item else results[link.node]

    def _trace_row_tables(self) -> list[Link]:
        """The tables that the rows go through, each the first table input of the next."""
        moves = {m.name: m for m in self.steps}
        way = [self.result]
        while way[0] != self.source:
            wires = moves[way[0].node].inputs.values()
            way.insert(0, next(i for w in wires for i in find_links(w) if i not in self.frozen))
        return way


def add_row_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the column that says which row is which."""
    number = pl.int_range(pl.len(), dtype=pl.Int64).cast(pl.String).cast(pl.Binary)
    return rows.with_columns(number.alias(ROW_COLUMN))


def _call_step(step: ScoringStep, arguments: dict[str, Any], row_schema: Schema) -> Any:
    token = current_sink.set(None)  # what a body keeps or emits while scoring is nobody's
    try:
        return step.function(**arguments)
    except MagicalError:
        raise
    except Exception as error:
        lacking = isinstance(error, ColumnNotFoundError)
        raise StepError(
            f"{step.name} raised {type(error).__name__} while scoring: {shorten(error, 160)}",
            hint=f"when scoring there are the columns of {row_schema.name} without the target, and no others."
            if lacking
            else "it must work on any rows that keep its contract, one row included.",
        ) from error
    finally:
        current_sink.reset(token)


def _restore_row_numbers(output: Any, promise: Promise, input_table: pl.DataFrame | None, label: str) -> Any:
    """A table that a step gave, marked with its promise; where it lost its row numbers, found by the ids."""
    if isinstance(output, pl.LazyFrame):
        output = output.collect()
    if promise.kind == "pandas":
        output = convert_pandas(output, promise.schema, label=label)
    if not isinstance(output, pl.DataFrame):
        return output
    ids = promise.schema.ids if promise.schema else []
    if ROW_COLUMN not in output.columns and input_table is not None and ids:
        both = set(output.columns) & set(input_table.columns)
        if both.issuperset(ids) and not input_table.select(ids).is_duplicated().any():
            output = output.join(
                input_table.select(*ids, ROW_COLUMN), on=ids, how="left", maintain_order="left"
            )
    return attach_promise(output, promise)


def _has_row_numbers(value: Any) -> bool:
    return isinstance(value, pl.DataFrame) and ROW_COLUMN in value.columns


def _find_dropped_rows(rows: pl.DataFrame, tables: Mapping[Link, pl.DataFrame]) -> pl.DataFrame:
    lost = pl.DataFrame(schema={ROW_COLUMN: pl.Binary, "reason": pl.String})
    for link, table in tables.items():
        if ROW_COLUMN in table.columns:
            gone = (
                rows.select(ROW_COLUMN)
                .join(table, on=ROW_COLUMN, how="anti")
                .join(lost, on=ROW_COLUMN, how="anti")
            )
            lost = pl.concat([lost, gone.with_columns(pl.lit(f"{link.node} left it out").alias("reason"))])
    return lost
