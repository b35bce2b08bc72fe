"""Inference of a new project from its data file: contract, split, features and budget."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from magical.errors import BrokenPromise, InputError, MagicalError, UsageError, join_names, shorten
from magical.inference.codegen import (
    WIDTH,
    module_source,
    order_parents_first,
    quote_arguments,
    quote_value,
)
from magical.inference.column_stats import TypedTable
from magical.inference.infer import GivenRoles, InferredSchema, infer_contracts
from magical.inference.name_vocabulary import class_name, field_names, first_free_name, split_words
from magical.inference.text_types import infer_text_types
from magical.library import Metric, Reading, auto
from magical.library.metrics.metric_settings import check_metrics
from magical.library.part_assignment import assign_by_time
from magical.library.rare_classes import describe_rare_class
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reader import read_source
from magical.project.scaffold.given_columns import find_given_roles
from magical.project.scaffold.project_options import ProjectOptions
from magical.settings import InputPath

__all__ = ["InferredProject", "InferredTable", "infer_from_files", "short_stems"]

MIN_ROWS = 10
_IMPORTED_NAMES = (  # names in the generated modules, which the contract cannot have
    "Cleaning", "Contract", "DateParts", "Decimal", "Experiment", "Feature", "Field", "Format",
    "Frame", "Group", "Metric", "Reading", "RegisterSettings", "SplitSettings", "Id", "InputPath", "Key",
    "Literal", "Orphans", "Scores", "Settings", "Target", "Thousands", "Time", "Annotated", "Any", "Zone",
)  # fmt: skip
_WORKFLOW_NAMES = {  # in the generated workflow, which no table can have
    "auto", "best", "chosen", "clean", "cleaning", "contracts", "copy", "dict", "e", "evaluate",
    "experiments", "explain", "featured", "features", "featurize", "ingest", "json", "judging", "metrics",
    "model_data", "models", "policy", "predict", "predictions", "preprocessing", "refit", "register",
    "registry", "relate", "rows", "s", "schema", "scores", "select", "source", "split", "step", "test",
    "tracking", "train", "transform", "tune", "typed", "validation", "workflow",
}  # fmt: skip
_BUDGET = "30s"  # an answer within a minute
_TIME_PARTS = {"datetime": ("month", "weekday", "hour"), "date": ("month", "weekday")}


@dataclass(frozen=True)
class InferredTable:
    """One data file with its contract.

    Attributes:
        file: the file's name.
        variable: the name of its setting, and of its typed table in the workflow.
        remarks: what another reader could read in another way, such as lines above the header.
    """

    file: str
    schema: InferredSchema
    variable: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class InferredProject:
    """A project that was inferred from its data files.

    Attributes:
        tables: the files; the first has the rows to predict.
        target: the column to be predicted, as the first file spells it.
        contracts: the source of ``contracts.py``.
        by_time: True to split by time, so that the last rows are the test part.
        warnings: what speaks against a good model.
        reading: what the author said of the first file.
        options: what else the author said.
    """

    tables: tuple[InferredTable, ...]
    target: str
    contracts: str
    by_time: bool
    warnings: tuple[str, ...]
    reading: Reading
    options: ProjectOptions

    @property
    def schema(self) -> InferredSchema:
        """The contract of the rows to predict."""
        return self.tables[0].schema

    def template_variables(self, name: str, paths: Mapping[str, str]) -> dict[str, str]:
        """Compute the variables of the templates for a project.

        Args:
            name: the project's name.
            paths: the path of each file in the settings, by the file's name.
        """
        features, first = self._features(), self.tables[0]
        question = f"what will {self.schema.target} be, in rows like those of {_docstring_text(first.file)}?"
        # Parents first: a table's keys are compared with the tables that are typed by then.
        by_name = {t.schema.name: t for t in self.tables[1:]}
        others = [by_name[s.name] for s in order_parents_first([t.schema for t in self.tables[1:]])]
        sources = (f"    {t.variable}: InputPath = InputPath({quote_value(paths[t.file])})\n" for t in others)
        names = sorted(t.schema.name for t in self.tables)
        return {
            "title": f"{name}: {question}",
            "contracts": join_names(
                f"the contract of {_docstring_text(t.file)} ({t.schema.rows:,} rows)" for t in self.tables
            ),
            "contract_imports": _format_call("from contracts import ", "", names, ""),
            "source": quote_value(paths[first.file]),
            "reading_import": "    Reading,\n" if self._said else "",
            "further_sources": self._reading_setting() + "".join(sources),
            "core_imports": "Frame, InputPath, Settings, step, workflow"
            if _unrelated(first, others)
            else "InputPath, Settings, workflow",
            "relate": _relate_step(first, others),
            "typed_rows": _typed_rows(first, others, "s.source, s.reading" if self._said else "s.source"),
            "features": f"({features},)" if features else "()",
            "feature_imports": "DateParts, Feature" if features else "Feature",
            **self._split(),
            "budget": self.options.budget or _BUDGET,
            "metrics": f"(Metric({quote_value(self.options.metric)}),)" if self.options.metric else "()",
        }

    @property
    def _said(self) -> dict[str, Any]:
        return self.reading.model_dump(exclude_defaults=True)

    def _reading_setting(self) -> str:
        """Return the setting of the first file's reading; empty if nothing was said of it."""
        if not self._said:
            return ""
        return _format_call("    reading: Reading = Reading", "(", quote_arguments(self._said), ")") + "\n"

    @property
    def split(self) -> str:
        """The way in which the rows are split, in words."""
        times, groups = (self.schema.names_with_role(role) for role in ("time", "group"))
        if self.by_time and groups:
            return f"by {times[0]}, the last rows are test; one {groups[0]} may have rows in several parts"
        if self.by_time:
            return f"by {times[0]}, the last rows are test"
        if groups:
            return f"all rows of one {groups[0]} go to the same part"
        return "by chance, each class in the same share" if _has_classes(self.schema) else "by chance"

    def _split(self) -> dict[str, str]:
        comment = self.split[0].upper() + self.split[1:]
        if not self.by_time and self.schema.names_with_role("time"):
            comment += '; kind="time" makes the last rows test'
        kind = 'kind="time", ' if self.by_time else ""
        split = f"SplitSettings({kind}validation=0.2, test=0.2, seed=7)"
        return {"split": split, "split_comment": f"    # {comment}."}

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


def infer_from_files(
    files: Sequence[Path], target: str, reading: Reading | None, options: ProjectOptions
) -> InferredProject:
    """Infer a project from data files.

    Args:
        files: files that ``ingest`` can read; the first has the rows to predict.
        target: the column of the first file to be predicted, by its name in the file or in snake case.
        reading: what the author says of the first file.
        options: what else the author says of the first file and the model.

    Raises:
        UsageError: a column does not exist, none was named as the target, or an option does not fit the data.
        InputError: a file cannot be read.
        BrokenPromise: the target cannot be predicted, or there are too few rows.
    """
    typed: dict[str, TypedTable] = {}
    said = reading or Reading()
    stems = short_stems(files)
    raws = [_read_rows(f, said if f == files[0] else Reading()) for f in files]
    for stem, raw in zip(stems, raws, strict=True):
        name = class_name(stem, [*_IMPORTED_NAMES, *typed])
        typed[name] = infer_text_types(raw.table, raw.facts.get("delimiter", ""))
    first = next(iter(typed.values()))
    given = find_given_roles(target, options, first)
    schemas = tuple(infer_contracts(typed, given).values())
    _check_model_options(options, schemas[0])
    variables = _variable_names(stems)
    tables = tuple(
        InferredTable(file.name, schema, name, raw.remarks)
        for file, schema, name, raw in zip(files, schemas, variables, raws, strict=True)
    )
    labelled = first.table.filter(pl.col(given.target).is_not_null())
    _check_rows(tables[0], given.target, labelled)
    contracts = module_source(
        schemas, "What the tables promise.", {t.schema.name: _describe_rows(t) for t in tables}
    )
    rare = describe_rare_class(labelled.get_column(given.target)) if _has_classes(schemas[0]) else ""
    by_time = _is_by_time(labelled, schemas[0], given)
    return InferredProject(tables, given.target, contracts, by_time, (rare,) if rare else (), said, options)


def _check_model_options(options: ProjectOptions, schema: InferredSchema) -> None:
    """Raise a UsageError for a metric that does not exist or does not fit the target, or a wrong budget."""
    with _refuse_option("--metric"):
        if options.metric:
            check_metrics((Metric(options.metric),), schema)
    with _refuse_option("--budget"):
        auto(budget=options.budget or _BUDGET)


@contextlib.contextmanager
def _refuse_option(option: str) -> Iterator[None]:
    """Turn what is wrong with a value of the settings into a wrong call."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        what, _, hint = str(first["msg"]).removeprefix("Value error, ").partition("; ")
        if not hint:  # pydantic's own words
            what, hint = f"{first['input']!r} is no name", "letters, digits and _, such as roc_auc or mae"
        raise UsageError(f"{option}: {what}.", hint=hint.rstrip(".") + ".") from None
    except MagicalError as error:
        raise UsageError(*error.lines, hint=error.hint) from None


def _read_rows(file: Path, reading: Reading) -> RawTable:
    """Read a file as ``ingest`` does, with what it says while it reads."""
    raw = read_source(InputPath(file), reading)
    if raw.table.is_empty():
        raise InputError(
            f"{file.name} has {raw.table.width} column names and no rows.",
            hint="give one with at least one row.",
        )
    return raw


def _check_rows(first: InferredTable, column: str, labelled: pl.DataFrame) -> None:
    """Raise a BrokenPromise if the first table has too few rows, or nothing to predict from."""
    if labelled.height < MIN_ROWS:
        raise BrokenPromise(
            f"{first.file} has {labelled.height} rows with a value of {column}, "
            "too few to train and test on.",
            hint=f"give {MIN_ROWS} rows at least; a few hundred say something.",
        )
    if not first.schema.features and not first.schema.names_with_role("time"):
        raise BrokenPromise(
            f"{first.file} has no column to predict {column} from: {_excluded_columns(first.schema)}.",
            hint="give a file with more columns.",
        )


def _describe_rows(table: InferredTable) -> str:
    file, rows = _docstring_text(table.file), f"{table.schema.rows:,}"
    return f"One row of {file}, as {rows} rows show it; correct what is wrong."


def short_stems(files: Sequence[Path]) -> list[str]:
    """Return the names of files without suffix, and without the words around them that all share.

    Keys are found by the names of tables: ``shop_id`` refers to ``acme_shops.csv`` beside ``acme_sales.csv``.

    Example:
        >>> short_stems([Path("acme_sales.csv"), Path("acme_shops.csv")])
        ['sales', 'shops']
    """
    stems = [split_words(file.name.partition(".")[0]) for file in files]
    if len(stems) == 1:
        return ["_".join(stems[0])]
    shortest = min(map(len, stems)) - 1  # a word is left of each
    first = stems[0]
    head = next((n for n in range(shortest, 0, -1) if all(w[:n] == first[:n] for w in stems)), 0)
    tails = range(shortest - head, 0, -1)
    tail = next((n for n in tails if all(w[-n:] == first[-n:] for w in stems)), 0)
    return ["_".join(words[head : len(words) - tail]) for words in stems]


def _variable_names(stems: Sequence[str]) -> list[str]:
    """Name the settings and typed tables of files: snake case, none that the workflow uses otherwise."""
    names: list[str] = []
    for stem in stems:
        (name,) = field_names([stem]).values()
        name = f"{name}_table" if name in _WORKFLOW_NAMES else name
        names.append(first_free_name(name, names, separator="_"))
    return names


def _format_call(start: str, opening: str, arguments: Sequence[str], end: str) -> str:
    """Format a call or a definition as ruff does; an import has no bracket unless it needs one."""
    line = f"{start}{opening}{', '.join(arguments)}{end}"
    if len(line) <= WIDTH:
        return line
    indent = " " * (len(start) - len(start.lstrip()))
    opening, end = opening or "(", end or ")"
    inner = f"{indent}    {', '.join(arguments)}"
    if start.startswith("from") or len(inner) > WIDTH:
        inner = "\n".join(f"{indent}    {argument}," for argument in arguments)
    return f"{start}{opening}\n{inner}\n{indent}{end}"


def _relate_step(first: InferredTable, others: Sequence[InferredTable]) -> str:
    """Write the step that takes the further tables to which nothing refers; empty without any."""
    name, apart = first.schema.name, _unrelated(first, others)
    if not apart:
        return ""
    tables = [f"{t.variable}: Frame[{t.schema.name}]" for t in apart]
    signature = _format_call("def relate", "(", [f"rows: Frame[{name}]", *tables], f") -> Frame[{name}]:")
    # Not in `clean`: a row that is scored comes alone, so no step before the model may need other tables.
    doc = '"""Compare the rows with the other tables, to train on better ones; so far, all stay."""'
    return f"\n\n@step(training_only=True)\n{signature}\n    {doc}\n    return rows\n"


def _typed_rows(first: InferredTable, others: Sequence[InferredTable], source: str) -> str:
    """Write the lines of the workflow that read all files and clean the first, read as ``ingest(source)``."""
    if not others:
        return _format_call(
            "    rows = clean", "(", [f"model_data(ingest({source}), {first.schema.name})", "s.cleaning"], ")"
        )
    lines = [_model_call(t.variable, f"s.{t.variable}", t, others) for t in others]
    lines.append(_model_call("typed", source, first, others))
    lines.append("    rows = clean(typed, s.cleaning)")
    if apart := _unrelated(first, others):
        lines[-1] = _format_call(
            "    rows = relate", "(", ["clean(typed, s.cleaning)", *(t.variable for t in apart)], ")"
        )
    return "\n".join(lines)


def _model_call(name: str, source: str, table: InferredTable, others: Sequence[InferredTable]) -> str:
    """Write the call that types a table; its keys are matched with the parents that come before it."""
    given = [t.variable for t in _parents(table, others)]
    return _format_call(
        f"    {name} = model_data", "(", [f"ingest({source})", table.schema.name, *given], ")"
    )


def _parents(table: InferredTable, others: Sequence[InferredTable]) -> list[InferredTable]:
    """List the tables that the keys of a table refer to and that are typed before it."""
    before = others[: others.index(table)] if table in others else others
    names = {c.parent for c in table.schema.columns}
    return [t for t in before if t.schema.name in names]


def _unrelated(first: InferredTable, others: Sequence[InferredTable]) -> list[InferredTable]:
    """List the tables that no other table refers to, so that no call of ``model_data`` takes them."""
    taken = {parent.schema.name for t in (first, *others) for parent in _parents(t, others)}
    return [t for t in others if t.schema.name not in taken]


def _has_classes(schema: InferredSchema) -> bool:
    """Return True if the target has classes, False if it is a number."""
    column = schema.column(str(schema.target))
    return bool(column.choices) or column.type in ("bool", "str")


def _is_by_time(table: pl.DataFrame, schema: InferredSchema, given: GivenRoles) -> bool:
    """Return True to split by time: the author names the time, or the rows are in its order.

    Raises:
        BrokenPromise: the author names the time, and a part would lack rows or classes.
    """
    times = schema.names_with_role("time")
    if not times or not schema.in_order or (given.group and not given.time):
        return False
    raw = given.time or next(r for r, name in field_names(table.columns).items() if name == times[0])
    try:
        _check_time_parts(table.filter(pl.col(raw).is_not_null()), raw, schema, given.target)
    except BrokenPromise:
        if given.time:
            raise
        return False
    return True


def _check_time_parts(rows: pl.DataFrame, time: str, schema: InferredSchema, target: str) -> None:
    """Raise a BrokenPromise if a split by time would leave a part without rows, or with one class."""
    parts, _ = assign_by_time(rows.get_column(time), 0.2, 0.2)
    if not _has_classes(schema):
        return
    values = pl.DataFrame({"part": pl.Series(parts.tolist()), "value": rows.get_column(target)})
    counts = values.group_by("part", maintain_order=True).agg(
        pl.col("value").n_unique(), pl.first("value").alias("first")
    )
    for part, count, value in counts.iter_rows():
        if count < 2:
            raise BrokenPromise(
                f"Split by {time}, all rows of the {part} part have one class: {target} is {value}.",
                hint="leave --time off, or give rows of a longer time.",
            )


def _excluded_columns(schema: InferredSchema) -> str:
    """Describe why the columns other than the target are no features."""
    excluded = [f"{c.name} is the {c.role}" for c in schema.columns if c.role not in ("", "target")]
    excluded += [f"{raw} is left out, {why}" for raw, why in schema.left_out.items()]
    return join_names(excluded, 2) or "the file has no other column"


def _docstring_text(text: str) -> str:
    """Replace the characters that would end or break a docstring."""
    return "".join(c if c.isprintable() and c not in '"\\' else "_" for c in shorten(text, 40))
