"""The context of a report: the evidence of a run with what several sections read of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from magical.engine.artifacts import Record
from magical.graph import Graph
from magical.masking import mask_values
from magical.report.run_evidence import RunEvidence

if TYPE_CHECKING:
    from magical.library.metrics.scores import Scores

__all__ = ["Evaluation", "ReportContext", "Rows", "format_cell", "format_short"]

Rows = list[Mapping[str, Any]]
"""The rows of a kept table."""


@dataclass(frozen=True)
class Evaluation:
    """The result of one step ``evaluate``."""

    record: Record
    scores: Scores


@dataclass(frozen=True)
class ReportContext:
    """The evidence of one run, and what the project adds to it.

    Attributes:
        graph: the workflow as the run had it; None if it has changed since.
        project_option: how a command finds the project from the folder of the caller, such as
            `` --project shop``.
    """

    evidence: RunEvidence
    graph: Graph | None = None
    project_option: str = ""

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        """The scores of the run, in its order."""
        return [Evaluation(record, scores) for record, scores in self.evidence.find_scores()]

    @cached_property
    def receipts(self) -> list[tuple[Record, Mapping[str, Any]]]:
        """The receipts of ``register`` with a version of a model: each record with its details."""
        found = []
        for record in self.evidence.find("register"):
            value = self.evidence.result(record)
            details = value.get("details") if isinstance(value, Mapping) else getattr(value, "details", None)
            if isinstance(details, Mapping) and details.get("version"):
                found.append((record, details))
        return found

    @property
    def title(self) -> str:
        """The question that the report answers first."""
        return "May I use this model?" if self.evaluations or self.receipts else "Outcome"

    def rows(self, record: Record, name: str) -> Rows:
        """Load the rows of a kept table, with secrets masked; empty if it is not there."""
        table = self.evidence.kept(record, name)
        return [mask_values(row) for row in table.to_dicts()] if hasattr(table, "to_dicts") else []

    def tables(self, step: str, name: str) -> Iterator[tuple[Record, Rows]]:
        """Yield the rows that the steps of this name kept, with their records; none of an empty table."""
        for record in self.evidence.find(step):
            if rows := self.rows(record, name):
                yield record, rows

    def name_suffix(self, step: str, record: Record) -> str:
        """Return the name of a node in brackets if the run has several of its step; else an empty text."""
        return f" ({record.node})" if len(list(self.evidence.find(step))) > 1 else ""


def format_short(value: Any) -> str:
    """Format a number of a sentence with three significant digits, or as a whole one.

    Example:
        >>> format_short(0.81234), format_short(12345.6), format_short(None)
        ('0.812', '12,346', '?')
    """
    if not isinstance(value, int | float) or math.isnan(value):
        return "?"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def format_cell(value: Any) -> str:
    """Format a value of data as its column has it in a file; a whole number, such as an id, has no comma.

    Example:
        >>> format_cell(True), format_cell("PhD"), format_cell(12345)
        ('true', 'PhD', '12345')
    """
    text = str(value)
    return text.lower() if text in ("True", "False") else text
