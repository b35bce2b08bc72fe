"""The steps of a scoring path, executed on rows that keep their identity."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from polars.exceptions import ColumnNotFoundError

from magical.contracts.promises import Promise, attach_promise, attached_promise
from magical.contracts.schema import Schema
from magical.contracts.tables import convert_kind, convert_pandas, format_kinds, parse_kinds
from magical.errors import BrokenPromise, MagicalError, StepError, shorten
from magical.library.rejections import collect_rejections
from magical.library.remarks import mute_events
from magical.refs import Link, Wire, find_links
from magical.scoring_path import PathStep, ScoringPath

__all__ = ["ROW_COLUMN", "ScoringChain", "ScoringStep", "StepRaised", "TargetRead", "add_row_numbers"]

# The number of each row, in a column that passes through the steps. It is binary, so that a step that selects
# all numbers or all texts does not pick it.
ROW_COLUMN = "__magical_row__"

_MOST_FAILING_ROWS = 100  # of one table: beyond it the step is at fault, not a few rows


class TargetRead(StepError):
    """Raised if a step of the scoring path reads the target of the row that is to be scored."""


class StepRaised(StepError):
    """Raised if the body of a step of the scoring path raised, which some of its rows may have caused."""

    step = ""


@dataclass(frozen=True)
class ScoringStep:
    """One step of the scoring path, ready to be called.

    Attributes:
        name: the node's name.
        step: the step's import string.
        function: the step's body.
        arguments: the step's plain arguments; connected ones are None, or a list with None where connected.
        inputs: the wires of the connected arguments.
        promise: the promise of the step's output, without targets.
        table_kinds: the kinds of tables that connected parameters take, from ``tables.format_kinds``.
    """

    name: str
    step: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    inputs: Mapping[str, Wire]
    promise: Promise
    table_kinds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_path(cls, step: PathStep) -> ScoringStep:
        """Make the step of a scoring path."""
        node, call = step.node, step.call
        kinds = {n: format_kinds(call.step.parameter_promises[n]) for n in step.inputs}
        function = call.step.function
        return cls(node.name, node.step, function, call.arguments, step.inputs, step.promise, kinds)


@dataclass(frozen=True)
class ScoringChain:
    """The steps from typed rows to the model's features.

    Attributes:
        row_schema: the schema of a typed row.
        source: the link of the typed rows.
        steps: the steps, in order of execution.
        result: the link of the table that the model predicts from.
        frozen: values of the training run that steps take.
        targets: the target and the weight that the rows of the run had.
    """

    row_schema: Schema
    source: Link
    steps: tuple[ScoringStep, ...]
    result: Link
    frozen: Mapping[Link, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = ()

    @classmethod
    def from_path(cls, path: ScoringPath, load_value: Callable[[Link], Any]) -> ScoringChain:
        """Make the chain of a scoring path; ``load_value`` loads a value of the training run."""
        steps = tuple(map(ScoringStep.from_path, path.steps))
        frozen = {link: load_value(link) for link in path.frozen}
        return cls(path.typed, path.source, steps, path.result, frozen, path.targets)

    def transform_table(self, table: pl.DataFrame) -> pl.DataFrame:
        """Execute the steps on a table whose rows need not keep their identity.

        Raises:
            StepError: a step failed.
        """
        results: dict[str, Any] = {}
        for step in self.steps:
            results[step.name], _ = self._execute_step(step, table, results)
        result: pl.DataFrame = self._find_value(self.result, table, results)
        return result

    def transform_rows(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Execute the steps; return the model's features, and the numbers of dropped rows with the reason.

        Args:
            rows: one row or more, with the typed columns and ``ROW_COLUMN``.

        Raises:
            BrokenPromise: the features cannot be matched with the rows.
            StepError: a step failed.
        """
        results: dict[str, Any] = {}
        reasons: dict[str, pl.DataFrame] = {}
        start = attach_promise(rows, Promise("table", schema=self.row_schema))
        for step in self.steps:
            results[step.name], reasons[step.name] = self._execute_step(step, start, results)
        tables = {link: self._find_value(link, start, results) for link in self._trace_row_tables()}
        features = tables[self.result]
        if ROW_COLUMN not in features.columns:
            culprit = next(link.node for link, table in tables.items() if ROW_COLUMN not in table.columns)
            raise BrokenPromise(
                f"{culprit} gives rows that cannot be matched with those that it was given.",
                hint="let it keep the Id columns; its contract must promise them.",
            )
        # Rows that a step added have no number: they are nobody's prediction.
        features = features.filter(pl.col(ROW_COLUMN).is_not_null())
        if features[ROW_COLUMN].n_unique() < features.height:
            raise BrokenPromise(
                "The scoring path gives several rows for one.", hint="aggregate them in a step."
            )
        return features, _find_dropped_rows(rows, tables, reasons)

    def list_failing_rows(self, rows: pl.DataFrame) -> list[tuple[int, str, str]]:
        """List the rows for which a step raises by themselves: their place, the step, and what it raised.

        Halves are tried, so that a few of many rows are found in about twice the time of all.

        Raises:
            StepRaised: a step raises for more than a few rows.
        """
        found: list[tuple[int, str, str]] = []
        waiting = [(0, rows)]
        while waiting:
            start, part = waiting.pop()
            try:
                self.transform_rows(part)
            except StepRaised as error:
                if part.height > 1:
                    half = part.height // 2
                    waiting += [(start + half, part[half:]), (start, part[:half])]
                    continue
                if len(found) == _MOST_FAILING_ROWS:
                    raise
                found.append((start, error.step, f"raised {type(error.__cause__).__name__}"))
        return found

    def _execute_step(
        self, step: ScoringStep, start: pl.DataFrame, results: Mapping[str, Any]
    ) -> tuple[Any, pl.DataFrame]:
        """Execute one step; return its output with the row numbers, and why it left rows out."""
        # Copied: a body may change its arguments, and the next rows to be scored need them as they were.
        arguments = copy.deepcopy(dict(step.arguments))
        numbered = None
        for name, wire in step.inputs.items():
            value = self._resolve_input(wire, arguments.get(name), start, results)
            for table in value if isinstance(value, list) else [value]:
                numbered = table if numbered is None and _has_row_numbers(table) else numbered
            arguments[name] = convert_kind(value, parse_kinds(step.table_kinds.get(name, "")))
        with collect_rejections() as rejections:
            output, promise = _call_step(step, arguments, self), step.promise
        reasons = _number_reasons(rejections, numbered)
        if promise.kind in ("tuple", "list"):
            items = promise.items if promise.kind == "tuple" else promise.items[:1] * len(output)
            pairs = zip(output, items, strict=True)
            return [_restore_row_numbers(v, item, numbered, step.name) for v, item in pairs], reasons
        return _restore_row_numbers(output, promise, numbered, step.name), reasons

    def _resolve_input(self, wire: Wire, plain: Any, start: pl.DataFrame, results: Mapping[str, Any]) -> Any:
        """Return the value of a wire; ``plain`` is the argument where nothing is connected."""
        if isinstance(wire, Link):
            return _copy_value(self._find_value(wire, start, results))
        if wire is None:
            return plain
        return [self._resolve_input(w, p, start, results) for w, p in zip(wire, plain, strict=True)]

    def _find_value(self, link: Link, start: pl.DataFrame, results: Mapping[str, Any]) -> Any:
        """Return the typed rows, a value of the training run, or the result of an earlier step."""
        if link == self.source:
            return start
        if link in self.frozen:
            return self.frozen[link]
        return results[link.node][int(link.item)] if link.item else results[link.node]

    def _trace_row_tables(self) -> list[Link]:
        """List the links of the tables from the typed rows to the features, each an input of the next."""
        steps = {step.name: step for step in self.steps}
        links = [self.result]
        while links[0] != self.source:
            wires = steps[links[0].node].inputs.values()
            links.insert(0, next(i for w in wires for i in find_links(w) if i not in self.frozen))
        return links


def _copy_value(value: Any) -> Any:
    """Copy tables and JSON: a step may change them in place, and other steps and rows get the same ones."""
    if isinstance(value, pl.DataFrame):
        promise = attached_promise(value)
        return attach_promise(value.clone(), promise) if promise else value.clone()
    if isinstance(value, list):
        return [_copy_value(member) for member in value]
    # A model is shared, since a copy of it can take longer than to score a row.
    return copy.deepcopy(value) if isinstance(value, dict) else value


def add_row_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``ROW_COLUMN``, the number of each row as decimal digits in bytes.

    Example:
        >>> add_row_numbers(pl.DataFrame({"a": [7, 8]}))[ROW_COLUMN].to_list()
        [b'0', b'1']
    """
    number = pl.int_range(pl.len(), dtype=pl.Int64).cast(pl.String).cast(pl.Binary)
    return rows.with_columns(number.alias(ROW_COLUMN))


def _call_step(step: ScoringStep, arguments: dict[str, Any], chain: ScoringChain) -> Any:
    try:
        with mute_events():  # scoring may happen inside a run, whose journal has these events already
            return step.function(**arguments)
    except MagicalError:
        raise
    except Exception as error:
        if (name := _find_missing_column(error)) in chain.targets:
            raise TargetRead(
                f"{step.name} reads {name}, the target or weight of the row itself, which a new row does "
                "not have.",
                hint="leave it out of the step; @step(training_only=True) leaves the step out when scoring.",
            ) from error
        text = f"{step.name} raised {type(error).__name__} while scoring: {shorten(error, 160)}"
        if isinstance(error, ColumnNotFoundError):
            columns = f"the columns of {chain.row_schema.name} without its target and weight"
            raise StepError(text, hint=f"when scoring there are {columns}, and no others.") from error
        raised = StepRaised(text, hint="it must work on any rows that keep its contract, one row included.")
        raised.step = step.name
        raise raised from error


def _find_missing_column(error: Exception) -> str:
    """Return the name of the column that polars or pandas did not find; empty for another error."""
    if isinstance(error, ColumnNotFoundError):
        found = re.search(r'"([^"]+)"', str(error))
        return found[1] if found else ""
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else ""


def _restore_row_numbers(output: Any, promise: Promise, input_table: pl.DataFrame | None, label: str) -> Any:
    """Restore lost row numbers of a step's output by its ids, and attach the output's promise."""
    if isinstance(output, pl.LazyFrame):
        output = output.collect()
    if promise.kind == "pandas":
        output = convert_pandas(output, promise.schema, label=label)
    if not isinstance(output, pl.DataFrame):
        return output
    ids = promise.schema.ids if promise.schema else []
    if ROW_COLUMN not in output.columns and input_table is not None and ids:
        common = set(output.columns) & set(input_table.columns)
        # Rows with the same id cannot be told apart: the caller then raises an error that names the step.
        if common.issuperset(ids) and not input_table.select(ids).is_duplicated().any():
            output = output.join(
                input_table.select(*ids, ROW_COLUMN), on=ids, how="left", maintain_order="left"
            )
    return attach_promise(output, promise)


def _has_row_numbers(value: Any) -> bool:
    return isinstance(value, pl.DataFrame) and ROW_COLUMN in value.columns


def _number_reasons(rejections: list[pl.DataFrame], input_table: pl.DataFrame | None) -> pl.DataFrame:
    """Return the reasons that a step reported, by the row numbers of the table that it was given."""
    none = pl.DataFrame(schema={ROW_COLUMN: pl.Binary, "why": pl.String})
    if input_table is None:
        return none
    numbers = input_table[ROW_COLUMN]
    told = [pl.DataFrame({ROW_COLUMN: numbers.gather(r["row"]), "why": r["reason"]}) for r in rejections]
    return pl.concat([none, *told]).unique(ROW_COLUMN, keep="first", maintain_order=True)


def _find_dropped_rows(
    rows: pl.DataFrame, tables: Mapping[Link, pl.DataFrame], reasons: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Return the numbers of the rows that a step dropped; ``reason`` names the step, and its own reason."""
    dropped = pl.DataFrame(schema={ROW_COLUMN: pl.Binary, "reason": pl.String})
    left = rows.select(ROW_COLUMN)
    for link, table in tables.items():
        if ROW_COLUMN in table.columns:
            # Name the first step that lost the row: a later table lacks it as well.
            lost = left.join(table, on=ROW_COLUMN, how="anti").join(dropped, on=ROW_COLUMN, how="anti")
            reason = pl.lit(f"{link.node} left it out")
            if link.node in reasons:
                lost = lost.join(reasons[link.node], on=ROW_COLUMN, how="left", maintain_order="left")
                reason = pl.concat_str(reason, pl.lit(": ") + pl.col("why"), ignore_nulls=True)
            dropped = pl.concat([dropped, lost.select(ROW_COLUMN, reason.alias("reason"))])
    return dropped
