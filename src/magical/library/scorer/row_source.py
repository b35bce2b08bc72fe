"""The source of the rows that a scorer takes: how it is read, and how the run found it written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from magical.contracts.promises import Promise
from magical.contracts.schema import Column, Schema
from magical.engine.protocols import StepContext
from magical.errors import join_names
from magical.library.sources import Reading
from magical.refs import Link
from magical.scoring_path import ScoringPath

__all__ = ["RawRows", "load_shown_marks", "settle_row"]

_NUMBERS, _MOMENTS = ("int", "float", "duration"), ("date", "datetime")
_NOTHING_SAID = Reading()


@dataclass(frozen=True)
class RawRows:
    """The raw rows that become typed rows, as the workflow reads them.

    Attributes:
        reading: what the author said of the source; how a file is written is found again from each file.
        step: the import string of the step that reads them.
        refusal: the reason why the rows of a new source cannot become typed rows; empty if they can.

    Example:
        >>> RawRows.from_json(RawRows(Reading(decimal=",")).to_json()).reading.decimal
        ','
    """

    reading: Reading = _NOTHING_SAID
    step: str = ""
    refusal: str = ""

    @classmethod
    def from_path(cls, path: ScoringPath) -> RawRows:
        """Find the source of the rows of a scoring path."""
        rows = path.rows
        reading = rows.reading if isinstance(rows.reading, Reading) else _NOTHING_SAID
        refusal = rows.refusal
        if rows.steps:
            names = join_names(s.node.name for s in rows.steps)
            refusal = f"in the run its raw rows passed {names}, before they got their types"
        return cls(reading, rows.step, refusal)

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON, with the options that the author set."""
        said = self.reading.model_dump(mode="json", exclude_defaults=True)
        return {"reading": said, "step": self.step, "refusal": self.refusal}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RawRows:
        """Read from JSON."""
        return cls(Reading.model_validate(data["reading"]), data["step"], data["refusal"])


def load_shown_marks(context: StepContext, source: Link) -> Mapping[str, Mapping[str, str]]:
    """Load how the texts of each column were written, which ``model_data`` kept in the run."""
    record = context.records.get(source.node)
    artifact = record.kept.get("settled") if record else None
    return dict(context.store.load(artifact, Promise("value", dict))) if artifact else {}


def settle_row(row: Schema, shown: Mapping[str, Mapping[str, str]]) -> Schema:
    """Settle the marks of a row's columns, so that a text alone is read as among the rows of the run.

    Args:
        row: the contract of a row.
        shown: for each column, the marks that its texts showed in the run, as fields of a column.

    Example:
        >>> row = Schema("Sale", (Column("price", "float"), Column("note", "str")))
        >>> [(c.decimal, c.settled) for c in settle_row(row, {"price": {"decimal": ","}}).columns]
        [(',', 'source'), ('', '')]
    """
    return replace(row, columns=tuple(_settle_column(c, shown.get(c.name, {})) for c in row.columns))


def _settle_column(column: Column, shown: Mapping[str, str]) -> Column:
    if column.type in _NUMBERS and (column.decimal or column.thousands):
        return replace(column, settled="contract", unit=shown.get("unit", ""))
    if column.type in _NUMBERS or (column.type in _MOMENTS and not column.format):
        marks: dict[str, Any] = dict(shown)
        return replace(column, settled="source", **marks)
    return column
