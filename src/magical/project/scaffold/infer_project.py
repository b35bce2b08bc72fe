"""Read the file of a new project: its contract, and what its workflow should do by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from magical.errors import BrokenPromise, UsageError, did_you_mean, join_names, shorten
from magical.inference.codegen import module_source, quote_value
from magical.inference.column_names import class_name, field_names
from magical.inference.column_stats import ColumnStats
from magical.inference.infer import InferredSchema, infer_contract
from magical.inference.role_inference import rank_targets
from magical.inference.text_types import infer_text_types
from magical.library import ingest
from magical.library.part_assignment import assign_by_time
from magical.settings import InputPath

__all__ = ["InferredProject", "infer_from_file"]

MIN_ROWS = 10
_IMPORTED_NAMES = (
    "Boosting", "Contract", "DateParts", "Experiment", "Feature", "Field", "Format", "Frame", "Group",
    "HowToRegister", "HowToSplit", "Id", "InputPath", "Key", "Literal", "Scores", "Settings", "Target",
    "Time", "Annotated", "Any",
)  # fmt: skip
_TIME_PARTS = {"datetime": ("month", "weekday", "hour"), "date": ("month", "weekday")}


@dataclass(frozen=True)
class InferredProject:
    """What was read from a file.

    Attributes:
        schema: the contract of a row.
        file: its name.
        target: the raw name of the column to be predicted.
        contracts: the source of ``contracts.py``.
        by_time: whether later rows should be test.
        classes: how many the target has; 0 where it is a number.
    """

    schema: InferredSchema
    file: str
    target: str
    contracts: str
    by_time: bool
    classes: int = 0

    def template_variables(self, name: str) -> dict[str, str]:
        """Give what stands in the templates for a project of this name."""
        features = self._features()
        return {
            "title": (
                f"{name}: what will {self.schema.target} be, in rows like those of "
                f"{_docstring_text(self.file)}?"
            ),
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
        """Few trials where a fit is long: with many rows, or many classes, each of which takes trees."""
        rows, trees = self.schema.rows, max(2, self.classes)
        trials = 4 if rows <= 100_000 else 2 if rows <= 300_000 else 1
        return {"trials": str(trials), "rounds": str(max(40, 600 // trees))}

    def _split(self) -> dict[str, str]:
        if self.by_time:
            how, why = 'kind="time", ', "The rows follow each other in time: the last ones are test."
        elif self.schema.names_with_role("group"):
            how, why = "", f"All rows of one {self.schema.names_with_role('group')[0]} go to the same part."
        elif self.schema.names_with_role("time"):
            how, why = (
                "",
                'By chance; kind="time" makes the last rows test.',
            )
        else:
            how, why = "", "By chance, a class in the same share of each part where classes are predicted."
        return {
            "split": f"HowToSplit({how}validation=0.2, test=0.2, seed=7)",
            "split_comment": f"    # {why}",
        }

    def _features(self) -> str:
        """The parts of the time, which itself is no feature."""
        times = self.schema.names_with_role("time")
        if not times:
            return ""
        parts = _TIME_PARTS[self.schema.column(times[0]).type]
        parts = parts if self.by_time else ("year", *parts)
        free = [p for p in parts if f"{times[0]}_{p}" not in self.schema.by_name]
        listed = ", ".join(map(quote_value, free)) + ("," if len(free) == 1 else "")
        return f"DateParts({quote_value(times[0])}, ({listed}))" if free else ""


def infer_from_file(file: Path, target: str) -> InferredProject:
    """Read a file, and infer its contract.

    Args:
        file: as ``ingest`` takes it.
        target: the column to be predicted; its name in snake case will do.

    Raises:
        UsageError: there is no such column, or none was named.
        InputError: the file cannot be read.
        BrokenPromise: the target cannot be predicted, or there are too few rows.
    """
    typed = infer_text_types(ingest(InputPath(file)))
    table = typed.table
    name = class_name(file.stem, _IMPORTED_NAMES)
    column = _find_column(target, table)
    schema = infer_contract(typed, name, column)
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
    docstring = (
        f"One row of {_docstring_text(file.name)}, as {schema.rows:,} rows show it; correct what is wrong."
    )
    contracts = module_source([schema], "What the tables promise.", {schema.name: docstring})
    later = _is_ordered_in_time(labelled, schema, column)
    kind = schema.column(str(schema.target))
    is_class = bool(kind.choices) or kind.type in ("bool", "str")
    classes = labelled.get_column(column).n_unique() if is_class else 0
    return InferredProject(schema, file.name, column, contracts, later, classes)


def _find_column(target: str, table: pl.DataFrame) -> str:
    """The raw column that is meant.

    Raises:
        UsageError: there is none.
    """
    if target in table.columns:
        return target
    names = field_names(table.columns)
    meant = [raw for raw, name in names.items() if target and target.lower() in (raw.lower(), name)]
    if len(meant) == 1:
        return meant[0]
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
    """Whether rows are events in time, and a split by it leaves two classes at least in each part."""
    times = schema.names_with_role("time")
    if not times or not schema.in_order:
        return False
    raw = next(r for r, name in field_names(table.columns).items() if name == times[0])
    rows = table.filter(pl.col(raw).is_not_null())
    try:
        parts, _ = assign_by_time(rows.get_column(raw), 0.2, 0.2)
    except BrokenPromise:
        return False
    column = schema.column(str(schema.target))
    if not (column.choices or column.type in ("bool", "str")):
        return True
    parted = pl.DataFrame({"part": pl.Series(parts.tolist()), "value": rows.get_column(target)})
    return bool(parted.group_by("part").agg(pl.col("value").n_unique())["value"].min() >= 2)  # type: ignore[operator]


def _excluded_columns(schema: InferredSchema) -> str:
    gone = [f"{c.name} is the {c.role}" for c in schema.columns if c.role not in ("", "target")]
    gone += [f"{raw} is left out, {why}" for raw, why in schema.left_out.items()]
    return join_names(gone, 2) or "it is alone"


def _docstring_text(text: str) -> str:
    """A text that may stand in a docstring."""
    return "".join(c if c.isprintable() and c not in '"\\' else "_" for c in shorten(text, 40))
