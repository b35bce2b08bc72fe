"""The report of a run of this project: written at its end, and built again from journal and store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.errors import MagicalError
from magical.events import Event, RunFinished
from magical.graph import Graph
from magical.project.project_context import ProjectContext
from magical.report.report_files import write_report
from magical.report.run_evidence import RunEvidence

if TYPE_CHECKING:
    from magical.views.document import Document

__all__ = ["Report", "ReportWriter", "make_report"]


@dataclass(frozen=True)
class Report:
    """The report of one run.

    Attributes:
        run: the run's name.
        path: the page, one file that needs nothing else.
        document: the data of the page.
    """

    run: str
    path: Path
    document: Document

    def __repr__(self) -> str:
        return f"<report of {self.run}: {self.path}>"

    def _repr_html_(self) -> str:
        from magical.views.document_page import render_fragment

        return render_fragment(self.document)

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON, as in ``report.json``."""
        from magical.views.document import document_json

        return document_json(self.document)


class ReportWriter:
    """A listener that writes the report when a run ends, before trackers send it on.

    Args:
        context: the context of the run.
        graph: the workflow of the run.
    """

    def __init__(self, context: ProjectContext, graph: Graph) -> None:
        self._context, self._graph = context, graph

    def on(self, event: Event) -> None:
        """Write the report after the last event of a run."""
        if isinstance(event, RunFinished):
            context = self._context
            summary = context.journal.read(event.run)
            _write(context, RunEvidence(summary, context.journal, context.store), self._graph)


def make_report(context: ProjectContext, run: str = "last") -> Report:
    """Build the report of a run from what is still there, and write its files anew.

    Args:
        context: the context of the project.
        run: the run's name, the beginning or end of it, or ``last``; ``champion`` or ``NAME/VERSION``
            for the run that registered that model.

    Raises:
        UsageError: there is no such run or model.
        StoreError: the report cannot be written.
    """
    # Imported here: this module is also imported by a run with nothing to do.
    from magical.project.run_lookup import find_evidence

    evidence = find_evidence(context, run)
    try:
        graph = context.draw().full_graph
    except MagicalError:  # the code is broken now; what the run left behind is not
        graph = None
    return _write(context, evidence, graph)


def _write(context: ProjectContext, evidence: RunEvidence, graph: Graph | None) -> Report:
    return Report(evidence.summary.name, *write_report(evidence, graph, context.command_options))
