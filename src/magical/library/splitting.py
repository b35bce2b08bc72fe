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
from magical.library.folds import (
    find_fold_problem,
    fold_by_quota,
    fold_by_share,
    fold_by_time,
)
from magical.library.part_assignment import (
    Hashes,
    assign_by_quota,
    assign_by_share,
    assign_by_time,
    hash_rows,
    rehash,
    scale_hashes,
)
from magical.library.prediction_task import require_target_kind
from magical.library.rare_classes import describe_missing_classes, describe_rare_class, describe_thin_test
from magical.library.remarks import warn
from magical.settings import Settings
from magical.steps import step

__all__ = ["DEFAULT_FOLDS", "FOLDS_BELOW", "SplitSettings", "choose_split_kind", "split"]

C = TypeVar("C", bound=Contract)

DEFAULT_FOLDS = 5

FOLDS_BELOW = 10_000
"""With fewer rows in train and validation, they get folds by default: one validation part is too noisy."""

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
        folds: the number of folds over train and validation together, of the same kind as the split: each
            row is predicted by a fit on the other folds (by time: on earlier rows only, so there is one more
            block of rows than folds). 1 is none: ``tune`` fits on train and judges on validation. By default
            5 where the two have fewer than 10,000 rows (fewer where a class, the groups or the times are too
            few), else none.

    Example:
        >>> SplitSettings(validation=0.2, test=0.2, seed=7)
        SplitSettings(kind=None, validation=0.2, test=0.2, seed=7, test_seed=0, folds=None)
    """

    kind: Literal["random", "stratified", "group", "time"] | None = None
    validation: float = Field(default=0.2, gt=0, lt=1)
    test: float = Field(default=0.2, gt=0, lt=1)
    seed: int = Field(default=0, ge=0, lt=2**63)
    test_seed: int = Field(default=0, ge=0, lt=2**63)
    folds: int | None = Field(default=None, ge=1, le=50)

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
    than 30 rows, in all or in test, or of less than 1 % of the rows, and a part or a fold without a class
    cause a warning.

    Train and validation get a column ``_fold`` (by time ``_time_fold``): the number of the row's fold. A fold
    depends on the same as a part, and on ``seed``; test is in none.

    Args:
        table: rows with a contract, and a target in it.
        how: the kind of split and its shares.

    Returns:
        The three parts, with rows in the order of the table, and the assignment of each row to its part and
        fold.

    Raises:
        BrokenPromise: a part would be empty or have one class only, a needed column is missing, the rows are
            too few for the folds that the settings ask for, or the target is an ``int`` of few values, which
            may be classes as well as a number.

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
        >>> sorted(train["_fold"].to_list() + validation["_fold"].to_list())
        [0, 0, 1, 1, 2, 2, 3, 3]
    """
    schema = contract_of(table)
    kind = choose_split_kind(schema, how)
    if schema.target:
        require_target_kind(table[schema.target], schema)
    assignable = _mark_assignable(table, schema, kind)
    rows = table.filter(assignable) if not assignable.all() else table
    _check_classes(rows, schema, kind)
    _check_weights(rows, schema)
    parts = _assign(rows, schema, kind, how)
    folds = _assign_folds(rows.filter(parts != "test"), schema, kind, how)
    _report_classes(rows, schema, parts, folds)
    sizes = ", ".join(f"{p} {int((parts == p).sum()):,}" for p in PARTS)
    emit(f"split {kind}: {sizes}" + ("" if folds is None else f"; {folds.max() + (kind != 'time')} folds"))
    _report_overlap(rows, schema, parts)
    # One entry for every row of the table: the engine repeats a split from this, row by row.
    places = assignable.arg_true()
    assignment = _spread(pl.Series(parts.tolist(), dtype=pl.String), places, table.height)
    numbers = None
    if folds is not None:
        numbers = _spread(pl.Series(folds), places.filter(pl.Series(parts) != "test"), table.height)
    try:
        return partition(table, assignment, numbers, in_time=kind == "time")
    except BrokenPromise as error:
        if kind != "stratified":
            raise
        raise BrokenPromise(
            *error.lines, hint="give more rows of the rarer classes, or other shares for validation and test."
        ) from None


def _spread(values: pl.Series, places: pl.Series, height: int) -> pl.Series:
    """Return a column of nulls with the values at some places."""
    return pl.repeat(None, height, dtype=values.dtype, eager=True).scatter(places, values)


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


def _check_weights(rows: pl.DataFrame, schema: Schema) -> None:
    for name in schema.names_with_role("weight"):
        total = rows.get_column(name).cast(pl.Float64).sum()
        if not 0 < total < np.inf:
            raise BrokenPromise(
                f"The weights {name} add up to {total:g}, so they weigh no row against another.",
                hint="give each row a finite weight of at least 0, and some rows more than 0.",
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


def _assign_folds(
    rows: pl.DataFrame, schema: Schema, kind: str, how: SplitSettings
) -> np.ndarray[Any, Any] | None:
    """Return the fold of each row of train and validation; None for no folds."""
    wanted = how.folds or (DEFAULT_FOLDS if rows.height < FOLDS_BELOW else 1)
    if wanted == 1 or rows.height < 2:  # of so few rows a part is empty, which is refused
        return None
    classes = rows.get_column(str(schema.target)) if _has_class_target(schema) else None
    count, folds, reason = wanted, None, ""
    while count > 1:
        folds = _number_folds(rows, schema, kind, how.seed, count)
        problem = find_fold_problem(
            folds, classes, count, in_time=kind == "time", every_class=kind == "stratified"
        )
        if not problem:
            break
        count, folds, reason = count - 1, None, reason or problem
    if reason and how.folds:
        raise BrokenPromise(
            f"{wanted} folds cannot be had: {reason} ({rows.height:,} rows in train and validation).",
            hint=f"set folds={count}, or give more rows.",
        )
    if reason:
        made = "no folds" if folds is None else f"{count} folds"
        emit(f"{made} in place of {wanted}: of {wanted}, {reason}.")
    return folds


def _number_folds(
    rows: pl.DataFrame, schema: Schema, kind: str, seed: int, count: int
) -> np.ndarray[Any, Any]:
    if kind == "time":
        return fold_by_time(rows.get_column(_require_role_column(schema, "time")), count)
    group = _require_role_column(schema, "group") if kind == "group" else ""
    # Hashed once more: in the order that cut validation, a fold would be all in validation or all in train.
    hashes = rehash(_hash_units(rows, schema, group, seed + _SEEDS))
    if kind == "stratified":
        return fold_by_quota(hashes, rows.get_column(str(schema.target)), count)
    return fold_by_share(hashes, count)


def _report_classes(
    rows: pl.DataFrame,
    schema: Schema,
    parts: np.ndarray[Any, Any],
    folds: np.ndarray[Any, Any] | None,
) -> None:
    """Warn of classes of few rows, and of parts and folds without a class."""
    if not (schema.target and _has_class_target(schema)):
        return
    classes, labels = rows.get_column(schema.target), pl.Series(parts.tolist())
    texts = [describe_rare_class(classes), *describe_missing_classes(classes, labels)]
    texts.append(describe_thin_test(classes, classes.filter(labels == "test")))
    if folds is not None:
        texts += describe_missing_classes(
            classes.filter(labels != "test"), pl.Series([f"fold {n}" for n in folds])
        )
    for text in filter(None, texts):
        warn(text)


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
