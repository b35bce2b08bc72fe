"""The step ``split``: divide a table into train, validation and test, by id, class, group or time."""

from typing import Any, Literal, Self, TypeVar

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from magical.contracts.contract import Contract
from magical.contracts.promises import PARTS, Frame, Parts, contract_of
from magical.contracts.schema import Schema
from magical.contracts.tables import partition
from magical.errors import BrokenPromise
from magical.events import emit, keep
from magical.library.part_assignment import (
    Hashes,
    assign_by_quota,
    assign_by_share,
    assign_by_time,
    hash_rows,
    scale_hashes,
)
from magical.library.rare_classes import describe_rare_class
from magical.library.remarks import warn
from magical.settings import Settings
from magical.steps import step

__all__ = ["SplitSettings", "choose_split_kind", "split"]

C = TypeVar("C", bound=Contract)

_SEEDS = 2**63  # added to ``seed``, so that equal seeds cut validation independently of test


class SplitSettings(Settings):
    """Settings of a split.

    Attributes:
        kind: ``random``, ``stratified`` (each class in the same shares), ``group`` (a group stays in one
            part), ``time`` (train first, test last). By default by group where the contract has a ``Group``,
            else stratified where the target is a class, else random.
        validation: the share of rows for tuning and selection.
        test: the share of rows for the final report.
        seed: another seed gives another validation part; test stays as it is.
        test_seed: another one gives another test part. Leave it, so that models of different runs are
            compared on rows that none of them has seen. A split by time ignores both seeds.

    Example:
        >>> SplitSettings(validation=0.2, test=0.2, seed=7)
        SplitSettings(kind=None, validation=0.2, test=0.2, seed=7, test_seed=0)
    """

    kind: Literal["random", "stratified", "group", "time"] | None = None
    validation: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)
    seed: int = Field(default=0, ge=0, lt=2**63)
    test_seed: int = Field(default=0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation {self.validation:g} and test {self.test:g} leave nothing to train on"
            )
        return self


@step
def split(table: Frame[C], how: SplitSettings) -> Parts[C]:
    """Divide a table into train, validation and test.

    A row's part depends on its ``Id`` and the seeds (random), its group and the seeds (group), its ``Id``,
    the seeds and its class's quota (stratified), or its time and the cut (time, kept as ``cut``). So it does
    not move when rows are shuffled or columns change, and, random or by group, not when rows are added. Test
    is cut first, by ``test_seed``: another ``seed`` or share of validation moves no row into or out of it.
    Rows without an ``Id`` are identified by a digest of the contract's columns. Rows of equal time, and equal
    rows without an ``Id``, stay together. Rows without a target or a time are in no part, and counted. Rows
    in different parts that differ only in their ``Id`` are counted and kept as ``overlap``. A class of fewer
    than 30 rows causes a warning.

    Args:
        table: rows with a contract, and a target in it.
        how: the kind of split and its shares.

    Returns:
        The three parts, with rows in the order of the table, and the assignment of each row to its part.

    Raises:
        BrokenPromise: a part would be empty or have one class only, or a needed column is missing.

    Example:
        >>> from magical import Id, Target
        >>> from magical.library import model_data
        >>> class Customer(Contract):
        ...     id: Id[int]
        ...     response: Target[bool]
        >>> raw = pl.DataFrame({"id": range(10), "response": [True, False] * 5})
        >>> train, validation, test = split(model_data(raw, Customer), SplitSettings())
        >>> len(train), len(validation), len(test)
        (6, 2, 2)
    """
    schema = contract_of(table)
    kind = choose_split_kind(schema, how)
    assignable = _mark_assignable(table, schema, kind)
    rows = table.filter(assignable) if not assignable.all() else table
    _check_classes(rows, schema, kind)
    if schema.target and _has_class_target(schema) and (text := describe_rare_class(rows[schema.target])):
        warn(text)
    parts = _assign(rows, schema, kind, how)
    # One entry for every row of the table: the engine repeats a split from this, row by row.
    assignment = np.full(table.height, None, dtype=object)
    assignment[assignable.to_numpy()] = parts
    emit(f"split {kind}: " + ", ".join(f"{p} {int((parts == p).sum()):,}" for p in PARTS))
    _report_overlap(rows, schema, parts)
    try:
        return partition(table, pl.Series(assignment.tolist(), dtype=pl.String))
    except BrokenPromise as error:
        if kind != "stratified":
            raise
        raise BrokenPromise(
            *error.lines, hint="give more rows of the rarer classes, or other shares for validation and test."
        ) from None


def choose_split_kind(schema: Schema, how: SplitSettings) -> str:
    """Return the kind of a split: that of the settings, else the one that suits the contract."""
    if how.kind or schema.names_with_role("group"):
        return how.kind or "group"
    return "stratified" if _has_class_target(schema) else "random"


def _has_class_target(schema: Schema) -> bool:
    target = schema.by_name.get(schema.target or "")
    return target is not None and target.is_class


def _mark_assignable(table: pl.DataFrame, schema: Schema, kind: str) -> pl.Series:
    """Mark the rows that have a target, and in a split by time also a time."""
    time = _require_role_column(schema, "time") if kind == "time" else None
    assignable = pl.repeat(True, table.height, eager=True)
    for name in filter(None, (schema.target, time)):
        missing = table.get_column(name).is_null()
        if missing.any():
            warn(f"{int(missing.sum()):,} rows without {name} are set apart: they are in no part.")
            assignable &= ~missing
    return assignable


def _require_role_column(schema: Schema, role: str) -> str:
    """Return the first column with a role; raise a BrokenPromise if there is none."""
    names = schema.names_with_role(role)
    if not names:
        raise BrokenPromise(
            f"split(kind={role!r}) needs a column {role.capitalize()}[...], and {schema.name} has none.",
            hint=f"mark it in {schema.name}{f' ({schema.source})' if schema.source else ''}, "
            "or choose another kind of split.",
        )
    return names[0]


def _check_classes(rows: pl.DataFrame, schema: Schema, kind: str) -> None:
    if kind == "stratified" and not _has_class_target(schema):
        target = schema.by_name.get(schema.target or "")
        reason = f"{target.name} is {target.type_text}" if target else f"{schema.name} has no Target"
        raise BrokenPromise(
            f"split(kind='stratified') needs a target of classes, and {reason}.",
            hint="use kind='random', or make the target a bool, a str or a Literal.",
        )
    if schema.target and _has_class_target(schema) and rows.get_column(schema.target).n_unique() < 2:
        seen = f"is {rows[schema.target][0]} in all {rows.height:,} rows" if rows.height else "has no value"
        raise BrokenPromise(
            f"The target has one class only: {schema.target} {seen}.",
            hint="give rows of at least two classes; look at the steps before the split.",
        )


def _assign(rows: pl.DataFrame, schema: Schema, kind: str, how: SplitSettings) -> np.ndarray[Any, Any]:
    """Return the part of each row, by the kind of split."""
    if kind == "time":
        assigned, cuts = assign_by_time(
            rows.get_column(_require_role_column(schema, "time")), how.validation, how.test
        )
        keep("cut", {name: str(cut) for name, cut in cuts.items()})
        return assigned
    group = _require_role_column(schema, "group") if kind == "group" else ""
    for_test = _hash_units(rows, schema, group, how.test_seed)
    for_rest = _hash_units(rows, schema, group, how.seed + _SEEDS)
    if kind == "stratified":
        classes = rows.get_column(str(schema.target))
        return assign_by_quota(for_test, for_rest, classes, how.validation, how.test)
    return assign_by_share(scale_hashes(for_test), scale_hashes(for_rest), how.validation, how.test)


def _hash_units(rows: pl.DataFrame, schema: Schema, group: str, seed: int) -> Hashes:
    """Hash what a part is cut by: the group if it is named, else the id, else the content of the row."""
    hashes = hash_rows(rows, schema.ids or schema.names, seed)
    if not group:
        return hashes
    # Rows without a group are groups of one, or they would all land in the same part.
    ungrouped = rows.get_column(group).is_null().to_numpy()
    return np.where(ungrouped, hashes, hash_rows(rows, [group], seed))


def _report_overlap(rows: pl.DataFrame, schema: Schema, parts: np.ndarray[Any, Any]) -> None:
    """Warn of rows in different parts that differ only in their id (the audit's rule LEAK002)."""
    columns = [c.name for c in schema.columns if c.role != "id" and c.type not in ("list", "any")]
    if not columns or not schema.ids:  # without an id, equal rows have equal hashes and stay together
        return
    hashed = pl.DataFrame({"row": rows.select(columns).hash_rows(), "part": pl.Series(parts.tolist())})
    overlap = hashed.select(pl.col("part").n_unique().over("row") > 1).to_series()
    count = int(overlap.sum())
    if count:
        keep("overlap", rows.select(*schema.ids).with_columns(hashed["part"]).filter(overlap).head(100))
        warn(
            f"{count:,} rows are equal to a row of another part but for their id (kept as overlap): "
            "the test part is not all new to the model."
        )
