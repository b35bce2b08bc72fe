"""Take rows through the steps of a scoring path, and know afterwards which row is which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from polars.exceptions import ColumnNotFoundError

from magical.contracts.promises import Promise, attached_promise, attach_promise
from magical.contracts.schema import Schema
from magical.contracts.tables import convert_pandas, format_kinds, convert_kind, parse_kinds
from magical.errors import BrokenPromise, MagicalError, StepError, shorten
from magical.events import current_sink
from magical.refs import Link, Wire, find_links
from magical.scoring_path import ScoringPath

__all__ = ["ROW", "Move", "Walk", "numbered"]

ROW = "__magical_row__"
"""A private column that says which row is which; of a type that no selector of numbers or texts picks."""


@dataclass(frozen=True)
class Move:
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
    gives: Promise
    forms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Walk:
    """The way from typed rows to the rows that the model predicts from.

    Attributes:
        typed: what a row must hold at the start.
        source: the name of the typed rows.
        moves: in order.
        result: the name of what the model predicts from.
        frozen: values of the training run that moves take.
    """

    typed: Schema
    source: Link
    moves: tuple[Move, ...]
    result: Link
    frozen: Mapping[Link, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: ScoringPath, value: Callable[[Link], Any]) -> Walk:
        """Make the walk of a scoring path; ``value`` gives a value of the training run."""
        moves = []
        for step in path.steps:
            node, call = step.node, step.call
            forms = {n: format_kinds(call.step.wanted[n]) for n in step.inputs}
            function = call.step.function
            moves.append(Move(node.name, node.step, function, call.arguments, step.inputs, step.promise, forms))
        return cls(path.typed, path.source, tuple(moves), path.result, {i: value(i) for i in path.frozen})

    def served(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give what the model predicts from, and which rows were left out, with the reason.

        Args:
            rows: at least one, with the typed columns and ``ROW``.

        Raises:
            BrokenPromise: what comes out cannot be told row from row.
            StepError: a step failed.
        """
        results: dict[str, Any] = {}
        start = attach_promise(rows, Promise("table", schema=self.typed))
        for move in self.moves:
            results[move.name] = self._moved(move, start, results)
        tables = {link: self._at(link, start, results) for link in self._way()}
        last = tables[self.result]
        if ROW not in last.columns:
            culprit = next(link.node for link, table in tables.items() if ROW not in table.columns)
            raise BrokenPromise(
                f"{culprit} gives rows that cannot be matched with those that it was given.",
                hint="let it keep the Id columns; its contract must promise them.",
            )
        last = last.filter(pl.col(ROW).is_not_null())
        if last[ROW].n_unique() < last.height:
            raise BrokenPromise(
                "The scoring path gives several rows for one.", hint="aggregate them in a step."
            )
        return last, _left_out(rows, tables)

    def _moved(self, move: Move, start: pl.DataFrame, results: Mapping[str, Any]) -> Any:
        arguments = dict(move.arguments)
        before = None
        for name, wire in move.inputs.items():
            value = self._wired(wire, arguments.get(name), start, results)
            for table in value if isinstance(value, list) else [value]:
                before = table if before is None and _is_tracked(table) else before
            arguments[name] = convert_kind(value, parse_kinds(move.forms.get(name, "")))
        given = _called(move, arguments, self.typed)
        if move.gives.kind in ("tuple", "list"):
            promises = move.gives.items if move.gives.kind == "tuple" else move.gives.items[:1] * len(given)
            return [_matched(v, p, before, move.name) for v, p in zip(given, promises, strict=True)]
        return _matched(given, move.gives, before, move.name)

    def _wired(self, wire: Wire, plain: Any, start: pl.DataFrame, results: Mapping[str, Any]) -> Any:
        if isinstance(wire, Link):
            value = self._at(wire, start, results)
            promise = attached_promise(value) if isinstance(value, pl.DataFrame) else None
            return attach_promise(value.clone(), promise) if promise else value
        if wire is None:
            return plain
        return [self._wired(w, p, start, results) for w, p in zip(wire, plain, strict=True)]

    def _at(self, link: Link, start: pl.DataFrame, results: Mapping[str, Any]) -> Any:
        if link == self.source:
            return start
        if link in self.frozen:
            return self.frozen[link]
        return results[link.node][int(link.item)] if link.item else results[link.node]

    def _way(self) -> list[Link]:
        """The tables that the rows go through, each the first table input of the next."""
        moves = {m.name: m for m in self.moves}
        way = [self.result]
        while way[0] != self.source:
            wires = moves[way[0].node].inputs.values()
            way.insert(0, next(i for w in wires for i in find_links(w) if i not in self.frozen))
        return way


def numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the column that says which row is which."""
    number = pl.int_range(pl.len(), dtype=pl.Int64).cast(pl.String).cast(pl.Binary)
    return rows.with_columns(number.alias(ROW))


def _called(move: Move, arguments: dict[str, Any], typed: Schema) -> Any:
    token = current_sink.set(None)  # what a body keeps or emits while scoring is nobody's
    try:
        return move.function(**arguments)
    except MagicalError:
        raise
    except Exception as error:
        lacking = isinstance(error, ColumnNotFoundError)
        raise StepError(
            f"{move.name} raised {type(error).__name__} while scoring: {shorten(error, 160)}",
            hint=f"when scoring there are the columns of {typed.name} without the target, and no others."
            if lacking
            else "it must work on any rows that keep its contract, one row included.",
        ) from error
    finally:
        current_sink.reset(token)


def _matched(given: Any, promise: Promise, before: pl.DataFrame | None, who: str) -> Any:
    """A table that a step gave, marked with its promise; where it lost its row numbers, found by the ids."""
    if isinstance(given, pl.LazyFrame):
        given = given.collect()
    if promise.kind == "pandas":
        given = convert_pandas(given, promise.schema, label=who)
    if not isinstance(given, pl.DataFrame):
        return given
    ids = promise.schema.ids if promise.schema else []
    if ROW not in given.columns and before is not None and ids:
        both = set(given.columns) & set(before.columns)
        if both.issuperset(ids) and not before.select(ids).is_duplicated().any():
            given = given.join(before.select(*ids, ROW), on=ids, how="left", maintain_order="left")
    return attach_promise(given, promise)


def _is_tracked(value: Any) -> bool:
    return isinstance(value, pl.DataFrame) and ROW in value.columns


def _left_out(rows: pl.DataFrame, tables: Mapping[Link, pl.DataFrame]) -> pl.DataFrame:
    lost = pl.DataFrame(schema={ROW: pl.Binary, "reason": pl.String})
    for link, table in tables.items():
        if ROW in table.columns:
            gone = rows.select(ROW).join(table, on=ROW, how="anti").join(lost, on=ROW, how="anti")
            lost = pl.concat([lost, gone.with_columns(pl.lit(f"{link.node} left it out").alias("reason"))])
    return lost
