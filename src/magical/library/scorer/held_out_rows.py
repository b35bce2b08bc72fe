"""The test rows of a run, as they were typed and as they were predicted, and the units of all its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from magical.contracts.promises import PARTS, Parts, attached_promise
from magical.contracts.tables import to_polars
from magical.engine.protocols import StepContext
from magical.library.scorer.fitted_units import FittedUnits, RunUnits
from magical.library.scorer.row_conversion import state_offsets
from magical.library.splitting import SplitSettings, choose_split_kind
from magical.refs import Link
from magical.scoring_path import ScoringPath

__all__ = ["HeldOutRows", "find_held_out", "find_typed_rows"]


@dataclass(frozen=True)
class HeldOutRows:
    """The test rows of a run.

    Attributes:
        table: the test part, with its target.
        typed_rows: the same rows as ``model_data`` returned them, in the same order, if they were found.
        predictions: the run's predictions for them, in the same order, if it made any.
        units: the units of all rows of the split, if they were found.
    """

    table: pl.DataFrame
    typed_rows: pl.DataFrame | None = None
    predictions: pl.DataFrame | None = None
    units: RunUnits | None = None

    def save_units(self, folder: Path, key: str) -> None:
        """Write the units that the model was fitted or selected on beside its scorer, if they were found."""
        if self.units is not None:
            FittedUnits.from_run(self.units, key).save(folder)


def find_held_out(context: StepContext, path: ScoringPath, model: Link) -> HeldOutRows | None:
    """Find the test rows of a run: ``path`` names its split and typed rows; None if it has no split."""
    if not path.split:
        return None
    parts = context.load(path.split)
    predictions = _find_predictions(context, path, model, parts.test)
    if path.refusal:
        return HeldOutRows(parts.test, None, predictions)
    typed = _load_typed(context, path)
    names = set(typed.columns)  # a polars table makes this list anew each time
    columns = [c for c in path.typed.names if c in names]
    rows = _match_typed_rows(typed, columns, path.typed.ids, parts, "test")
    rows = rows if rows is None else state_offsets(rows, path.typed)
    return HeldOutRows(parts.test, rows, predictions, _find_units(context, path, parts, typed))


def find_typed_rows(
    context: StepContext, path: ScoringPath, link: Link, table: pl.DataFrame
) -> pl.DataFrame | None:
    """Find the rows of a table as ``model_data`` returned them, in the order of the table.

    They are matched by id or, without ids, by their place in the split that ``link`` is a part of; None if
    they cannot be matched.
    """
    typed = _load_typed(context, path)
    columns = [c for c in path.typed.names if c in typed.columns]
    if path.typed.ids and set(path.typed.ids) <= set(table.columns):
        return _match_by_id(typed, columns, path.typed.ids, table)
    if link.node != path.split or link.item not in PARTS:
        return None
    return _match_typed_rows(typed, columns, path.typed.ids, context.load(path.split), link.item)


def _load_typed(context: StepContext, path: ScoringPath) -> pl.DataFrame:
    typed = context.load(path.source.node)
    return to_polars(typed[int(path.source.item)] if path.source.item else typed)


def _find_units(
    context: StepContext, path: ScoringPath, parts: Parts[Any], typed: pl.DataFrame
) -> RunUnits | None:
    """Find the units of the rows of each part; None if they cannot be told."""
    schema = context.graph.promise_of(path.source).schema
    assert schema is not None, "a source promises columns"
    names = set(typed.columns)
    kind, columns = "content", [c for c in schema.names if c in names]
    if group := _find_split_group(context, path.split, parts):
        kind, columns = "group", [group]
    elif schema.ids:
        kind, columns = "id", schema.ids
    found = [_match_typed_rows(typed, columns, schema.ids, parts, name) for name in PARTS]
    if kind == "group" and any(rows is None for rows in found):  # a step computed the group, or dropped ids
        found = [getattr(parts, name).select(columns) for name in PARTS]
    train, validation, test = found
    if train is None or validation is None or test is None:
        return None
    return RunUnits(kind, pl.concat([train, validation]), test)


def _find_split_group(context: StepContext, split: str, parts: Parts[Any]) -> str:
    """Return the column by whose groups the rows were split; empty if they were not split by group."""
    schema = context.graph.promise_of(Link(split)).schema
    groups = schema.names_with_role("group") if schema else []
    call = context.graph.by_name[split].call
    if schema is None or not groups or call is None:
        return ""
    for how in call.arguments.values():
        if isinstance(how, SplitSettings):
            return groups[0] if choose_split_kind(schema, how) == "group" else ""
    # A split of the project's own is by group if it tears no group apart.
    seen = [getattr(parts, name)[groups[0]].drop_nulls().unique() for name in PARTS]
    return "" if pl.concat(seen).is_duplicated().any() else groups[0]


def _match_typed_rows(
    typed: pl.DataFrame, columns: Sequence[str], ids: list[str], parts: Parts[Any], name: str
) -> pl.DataFrame | None:
    """Select the rows of a part from the typed table, in the order of the part.

    They are matched by id or, without ids, by position; None if they cannot be matched, or lack a column.
    """
    if not set(columns) <= set(typed.columns):
        return None
    part: pl.DataFrame = getattr(parts, name)
    if ids and set(ids) <= set(part.columns):
        return _match_by_id(typed, columns, ids, part)
    if not ids and typed.height == parts.assignment.height:
        return typed.select(columns).filter((parts.assignment["part"] == name).fill_null(False))
    return None


def _match_by_id(
    typed: pl.DataFrame, columns: Sequence[str], ids: list[str], part: pl.DataFrame
) -> pl.DataFrame | None:
    if typed.select(ids).is_duplicated().any() or typed.select(ids).schema != part.select(ids).schema:
        return None
    if set(columns) <= set(ids):
        return part.select(columns)
    joined = part.select(ids).join(typed, on=ids, how="inner", maintain_order="left")
    return joined.select(columns) if joined.height == part.height else None


def _find_predictions(
    context: StepContext, path: ScoringPath, model: Link, table: pl.DataFrame
) -> pl.DataFrame | None:
    """Find the predictions of the first step that takes the model and the test part; None without any."""
    test = Link(path.split, "test")
    for node in context.graph.nodes:
        # Only nodes with a key have run already; a later one cannot be loaded yet.
        if node.name in context.keys and model in node.links and test in node.links:
            value = context.load(node.name)
            if isinstance(value, pl.DataFrame) and "prediction" in value.columns:
                return _align_predictions(value, table)
    return None


def _align_predictions(predictions: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame | None:
    """Return the predictions in the order of the table; None if they cannot be matched with its rows."""
    promise = attached_promise(table)
    ids = promise.schema.ids if promise and promise.schema else []
    if ids and set(ids) <= set(predictions.columns):
        joined = table.select(ids).join(predictions, on=ids, how="inner", maintain_order="left")
        return joined if joined.height == table.height else None
    return predictions if predictions.height == table.height else None
