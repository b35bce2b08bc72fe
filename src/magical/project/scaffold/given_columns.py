"""The columns that options name: the target with its kind, the time, the group, each checked on the data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from magical.errors import BrokenPromise, UsageError, did_you_mean, join_names, shorten
from magical.inference.column_stats import ColumnStats, TypedTable
from magical.inference.infer import GivenRoles
from magical.inference.name_vocabulary import field_names
from magical.inference.role_inference import rank_targets
from magical.library.prediction_task import list_possible_classes
from magical.project.scaffold.project_options import ProjectOptions

__all__ = ["find_given_roles"]

MAX_CLASSES = 50
"""A target of more different texts is asked about: it may be a name, or free text."""

MIN_CLASS_ROWS = 3
"""Rows of a class, on average; with fewer a target of texts is asked about."""


def find_given_roles(target: str, options: ProjectOptions, typed: TypedTable) -> GivenRoles:
    """Find the columns that the options name, and decide what kind of target is to be predicted.

    Args:
        target: the column to predict, by its name in the file or in snake case.
        options: the columns of time and group, and the kind of the target.
        typed: the first file.

    Raises:
        UsageError: a column does not exist or has another type, or the kind of the target must be said.
        BrokenPromise: the target cannot be predicted so.
    """
    stats = {c.name: partial(_make_stats, typed, c.name) for c in typed.table.get_columns()}
    if not target:
        names = _rank_columns("target", typed)
        raise UsageError(
            "What is to be predicted? --target is missing.",
            hint=f"add --target COLUMN, the likeliest first: {join_names(names)}.",
        )
    named = {"target": target, "time": options.time, "group": options.group}
    found = {role: _find_column(role, name, typed) for role, name in named.items() if name}
    for role, column in found.items():
        if twin := next((r for r, c in found.items() if c == column and r != role), ""):
            raise UsageError(
                f"--{role} and --{twin} are one column, {column}.", hint="give two, or one of them."
            )
    if "time" in found:
        _check_time(stats[found["time"]](), typed)
    task = _decide_task(stats[found["target"]](), options.task)
    return GivenRoles(found["target"], task, found.get("time", ""), found.get("group", ""))


def _make_stats(typed: TypedTable, name: str) -> ColumnStats:
    return ColumnStats(typed.table[name], typed.formats.get(name, ""), typed.raw[name])


def _find_column(role: str, name: str, typed: TypedTable) -> str:
    """Find the column that an option names, by its name in the file or in snake case.

    Raises:
        UsageError: none or several match.
    """
    columns = typed.table.columns
    if name in columns:
        return name
    names = field_names(columns)
    matches = [raw for raw, field in names.items() if name.lower() in (raw.lower(), field)]
    if len(matches) == 1:
        return matches[0]
    raise UsageError(
        f"There is no column {name!r} to be the {role}.", hint=did_you_mean(name, _rank_columns(role, typed))
    )


def _rank_columns(role: str, typed: TypedTable) -> list[str]:
    """List the columns of a file, those first that could have the role."""
    columns = typed.table.columns
    likely = columns
    if role == "target":
        likely = rank_targets([ColumnStats(c) for c in typed.table.get_columns()])
    elif role == "time":
        likely = list(_list_times(typed))
    return [*likely, *(c for c in columns if c not in likely)]


def _list_times(typed: TypedTable) -> Iterator[str]:
    return (c for c in typed.table.columns if _make_stats(typed, c).kind in ("date", "datetime"))


def _check_time(stats: ColumnStats, typed: TypedTable) -> None:
    """Raise a UsageError for a column that has no dates or moments."""
    if stats.kind in ("date", "datetime"):
        return
    doubt = typed.remarks.get(stats.name, "").removeprefix(f"{stats.name}: ")
    others = join_names(_list_times(typed))
    raise UsageError(
        f"--time needs dates or moments, and {stats.name} is {stats.kind or stats.values.dtype}, "
        f"such as {_format_examples(stats)}{f' ({doubt})' if doubt else ''}.",
        hint=f"what has them: {others}." if others else "no column of this file has them: leave --time off.",
    )


def _decide_task(stats: ColumnStats, task: str) -> str:
    """Return the kind of the target; raise an error if the author must say it, or says what cannot be."""
    name, known = stats.name, f"{len(stats.present):,} rows"
    if stats.unique_count < 2 or stats.kind not in ("int", "float", "bool", "str"):
        return task  # the inference of the contract refuses it
    if task == "number" and stats.kind in ("str", "bool"):
        raise UsageError(
            f"--task number needs numbers, and {name} has values such as {_format_examples(stats)}.",
            hint="leave it off to predict classes.",
        )
    if task == "classes" and stats.kind == "float" and not stats.is_whole:
        raise UsageError(
            f"--task classes needs values that repeat, and {name} has fractions such as "
            f"{_format_examples(stats)}.",
            hint="leave it off to predict a number.",
        )
    if stats.kind == "str" or task == "classes":
        _check_classes(stats, task)
    elif not task and _is_undecided(stats):
        listed = _format_examples(stats, stats.unique_count)
        raise UsageError(
            f"Is {name} a class or an amount? It is {listed}, in {known}.",
            "  --task classes  predicts which of these values it is, with a probability for each",
            "  --task number   predicts an amount, which may lie between them",
            hint="add one of the two.",
        )
    return task


def _is_undecided(stats: ColumnStats) -> bool:
    """Return True for whole numbers that may be classes as well as amounts; 0 and 1 are False and True."""
    return stats.is_whole and not stats.is_zero_one and bool(list_possible_classes(stats.present))


def _check_classes(stats: ColumnStats, task: str) -> None:
    """Raise a BrokenPromise for values that hardly repeat, and for many classes that nobody has asked for."""
    count, rows = stats.unique_count, len(stats.present)
    examples = _format_examples(stats)
    text = f"The target {stats.name} has {count:,} different values in {rows:,} rows, such as {examples}"
    if rows < 2 * count:
        raise BrokenPromise(
            f"{text}: most occur once, so there are no classes to learn.",
            hint="name a column whose values repeat, or one of numbers, as --target.",
        )
    if not task and (count > MAX_CLASSES or rows < MIN_CLASS_ROWS * count):
        raise BrokenPromise(
            f"{text}: {rows / count:.0f} rows a class.",
            hint="join the rare ones; or add --task classes to predict them all, which takes long.",
        )


def _format_examples(stats: ColumnStats, most: int = 3) -> str:
    values = stats.choices
    shown = (
        repr(shorten(v, 24)) if isinstance(v, str) else f"{v:g}" if stats.is_whole else str(v) for v in values
    )
    return join_names(shown, most)
