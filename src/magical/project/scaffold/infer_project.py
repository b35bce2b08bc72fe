"""Inference of a new project from its data file: contract, split, features and budget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from magical.errors import BrokenPromise, UsageError, did_you_mean, join_names, shorten
from magical.inference.codegen import module_source, quote_value
from magical.inference.column_stats import ColumnStats
from magical.inference.infer import InferredSchema, infer_contract
from magical.inference.name_vocabulary import class_name, field_names
from magical.inference.role_inference import rank_targets
from magical.inference.text_types import infer_text_types
from magical.library import ingest
from magical.library.part_assignment import assign_by_time
from magical.settings import InputPath

__all__ = ["InferredProject", "infer_from_file"]

MIN_ROWS = 10
_IMPORTED_NAMES = (  # names in the generated modules, which the contract cannot have
    "Boosting", "Contract", "DateParts", "Decimal", "Experiment", "Feature", "Field", "Format", "Frame",
    "Group", "RegisterSettings", "SplitSettings", "Id", "InputPath", "Key", "Literal", "Scores", "Settings",
    "Target", "Thousands", "Time", "Annotated", "Any",
)  # fmt: skip
_TIME_PARTS = {"datetime": ("month", "weekday", "hour"), "date": ("month", "weekday")}


@dataclass(frozen=True)
class InferredProject:
    """A project that was inferred from a file.

    Attributes:
        file: the file's name.
        target: the column to be predicted, as the file spells it.
        contracts: the source of ``contracts.py``.
        by_time: True to split by time, so that the last rows are the test part.
        classes: the number of classes of the target; 0 if the target is a number.
    """

    schema: InferredSchema
    file: str
    target: str
    contracts: str
    by_time: bool
    classes: int = 0

    def template_variables(self, name: str) -> dict[str, str]:
        """Compute the variables of the templates for a project of this name."""
        features = self._features()
        question = f"what will {self.schema.target} be, in rows like those of {_docstring_text(self.file)}?"
        return {
            "title": f"{name}: {question}",
            "contract": self.schema.name,
            "file": self.file,
            "rows": f"{self.schema.rows:,}",
            "source": quote_value(f"data/{self.file}"),
            "features": f"({features},)" if features else "()",
            "feature_imports": "DateParts, Feature" if features else "Feature",
            **self._split(),
            **self._budget(),
        }

    def _budget(self) -> dict[str, str]:
        # A fit takes long with many rows, and with many classes, each of which needs its own trees.
        rows, trees = self.schema.rows, max(2, self.classes)
        trials = 4 if rows <= 100_000 else 2 if rows <= 300_000 else 1
        return {"trials": str(trials), "rounds": str(max(40, 600 // trees))}

    def _split(self) -> dict[str, str]:
        if self.by_time:
            comment = "The rows follow each other in time: the last ones are test."
        elif groups := self.schema.names_with_role("group"):
            comment = f"All rows of one {groups[0]} go to the same part."
        elif self.schema.names_with_role("time"):
            comment = 'By chance; kind="time" makes the last rows test.'
        else:
            comment = "By chance, a class in the same share of each part where classes are predicted."
        kind = 'kind="time", ' if self.by_time else ""
        split = f"SplitSettings({kind}validation=0.2, test=0.2, seed=7)"
        return {"split": split, "split_comment": f"    # {comment}"}

    def _features(self) -> str:
        """Return the source of the features derived from the time column; empty if there are none."""
        times = self.schema.names_with_role("time")
        if not times:
            return ""
        parts = _TIME_PARTS[self.schema.column(times[0]).type]
        # Test rows of a split by time lie in years that training has not seen.
        parts = parts if self.by_time else ("year", *parts)
        free = [p for p in parts if f"{times[0]}_{p}" not in self.schema.by_name]
        listed = ", ".join(map(quote_value, free)) + ("," if len(free) == 1 else "")
        return f"DateParts({quote_value(times[0])}, ({listed}))" if free else ""


def infer_from_file(file: Path, target: str) -> InferredProject:
    """Infer a project from a data file.

    Args:
        file: a file that ``ingest`` can read.
        target: the column to be predicted, by its name in the file or in snake case.

    Raises:
        UsageError: the column does not exist, or none was named.
        InputError: the file cannot be read.
        BrokenPromise: the target cannot be predicted, or there are too few rows.
    """
    typed = infer_text_types(ingest(InputPath(file)))
    table, column = typed.table, _find_column(target, typed.table)
    schema = infer_contract(typed, class_name(file.stem, _IMPORTED_NAMES), column)
    labelled = table.filter(pl.col(column).is_not_null())
    if labelled.height < MIN_ROWS:
        raise BrokenPromise(
            f"{file.name} has {labelled.height} rows with a value of {column}, too few to train and test on.",
            hint=f"give {MIN_ROWS} rows at least; a few hundred say something.",
        )
    if not schema.features and not schema.names_with_role("time"):
        raise BrokenPromise(
            f"{file.name} has no column to predict {column} from: {_excluded_columns(schema)}.",
            hint="give a file with more columns.",
        )
    rows = f"One row of {_docstring_text(file.name)}, as {schema.rows:,} rows show it; correct what is wrong."
    contracts = module_source([schema], "What the tables promise.", {schema.name: rows})
    classes = labelled.get_column(column).n_unique() if _has_classes(schema) else 0
    by_time = _is_ordered_in_time(labelled, schema, column)
    return InferredProject(schema, file.name, column, contracts, by_time, classes)


def _has_classes(schema: InferredSchema) -> bool:
    """Return True if the target has classes, False if it is a number."""
    column = schema.column(str(schema.target))
    return bool(column.choices) or column.type in ("bool", "str")


def _find_column(target: str, table: pl.DataFrame) -> str:
    """Find the column that the option ``--target`` names.

    Raises:
        UsageError: none or several match.
    """
    if target in table.columns:
        return target
    names = field_names(table.columns)
    matches = [raw for raw, name in names.items() if target and target.lower() in (raw.lower(), name)]
    if len(matches) == 1:
        return matches[0]
    likely = rank_targets([ColumnStats(c) for c in table.get_columns()])
    others = [c for c in table.columns if c not in likely]
    if target:
        raise UsageError(
            f"There is no column {target!r} to be the target.", hint=did_you_mean(target, [*likely, *others])
        )
    raise UsageError(
        "What is to be predicted? --target is missing.",
        hint=f"add --target COLUMN, the likeliest first: {join_names([*likely, *others])}.",
    )


def _is_ordered_in_time(table: pl.DataFrame, schema: InferredSchema, target: str) -> bool:
    """Return True if rows are in the order of time, and a split by time leaves two classes in each part."""
    times = schema.names_with_role("time")
    if not times or not schema.in_order:
        return False
    raw = next(r for r, name in field_names(table.columns).items() if name == times[0])
    rows = table.filter(pl.col(raw).is_not_null())
    try:
        parts, _ = assign_by_time(rows.get_column(raw), 0.2, 0.2)
    except BrokenPromise:
        return False
    if not _has_classes(schema):
        return True
    values = pl.DataFrame({"part": pl.Series(parts.tolist()), "value": rows.get_column(target)})
    return bool(values.group_by("part").agg(pl.col("value").n_unique())["value"].min() >= 2)  # type: ignore[operator]


def _excluded_columns(schema: InferredSchema) -> str:
    """Describe why the columns other than the target are no features."""
    excluded = [f"{c.name} is the {c.role}" for c in schema.columns if c.role not in ("", "target")]
    excluded += [f"{raw} is left out, {why}" for raw, why in schema.left_out.items()]
    return join_names(excluded, 2) or "the file has no other column"


def _docstring_text(text: str) -> str:
    """Replace the characters that would end or break a docstring."""
    return "".join(c if c.isprintable() and c not in '"\\' else "_" for c in shorten(text, 40))
