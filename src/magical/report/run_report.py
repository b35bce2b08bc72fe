"""The report of a run: one document from its evidence, whose sections fail alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from magical.errors import safe_text, shorten
from magical.graph import Graph
from magical.masking import mask
from magical.report.run_evidence import RunEvidence
from magical.report.sections.data_flow import build_data, build_rows
from magical.report.sections.model_choice import build_choice
from magical.report.sections.model_quality import build_decision, build_quality, build_slices
from magical.report.sections.model_use import build_drift, build_use, build_worst
from magical.report.sections.report_context import ReportContext
from magical.report.sections.run_history import build_run, build_service, build_unknown
from magical.report.sections.verdict import build_changes, build_to_do, build_verdict
from magical.views.document import Block, Document, Section

__all__ = ["build_report"]

_SECTIONS: dict[str, tuple[str, Callable[[ReportContext], Iterable[Block]]]] = {
    "verdict": ("", build_verdict),
    "to-do": ("To be seen to", build_to_do),
    "changes": ("What changed", build_changes),
    "rows": ("Rows", build_rows),
    "data": ("Data", build_data),
    "choice": ("Choice of the model", build_choice),
    "quality": ("Quality", build_quality),
    "decision": ("Decision", build_decision),
    "slices": ("Weak slices", build_slices),
    "use": ("What it uses", build_use),
    "worst": ("Worst rows", build_worst),
    "drift": ("Drift", build_drift),
    "service": ("Service", build_service),
    "run": ("Run", build_run),
    "unknown": ("Not shown", build_unknown),
}


def build_report(evidence: RunEvidence, graph: Graph | None = None, project_option: str = "") -> Document:
    """Build the report of a run; a section that cannot be built says why, and the others stand.

    Args:
        evidence: what the run left behind.
        graph: the workflow as it is now; it is used if it has the steps of the run.
        project_option: how the commands in the report find the project, such as `` --project shop``.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from magical.engine.journal import Journal, RunSummary
        >>> journal = Journal(Path(tempfile.mkdtemp()))
        >>> run = RunSummary("run-1", "flow", "done")
        >>> evidence = RunEvidence(run, journal, None)  # type: ignore[arg-type]
        >>> [section.name for section in build_report(evidence).sections]
        ['verdict', 'run', 'unknown']
    """
    summary = evidence.summary
    ran = set(map(str, summary.facts.get("nodes") or summary.keys))
    same = graph if graph is not None and ran <= {n.name for n in graph.nodes} else None
    context = ReportContext(evidence, same, project_option=project_option)
    sections = [_build_section(context, name, *entry) for name, entry in _SECTIONS.items()]
    subtitle = f"run {summary.name}, {summary.state}"
    shown = tuple(s for s in sections if s.blocks or s.failure)
    return Document(summary.workflow or "A run", subtitle, shown, _list_origin(evidence))


def _list_origin(evidence: RunEvidence) -> tuple[str, ...]:
    """List the steps that are not real; such a run is marked even where its results are lost."""
    return tuple(dict.fromkeys([*evidence.origin, *map(str, evidence.summary.facts.get("origin") or ())]))


def _build_section(
    context: ReportContext, name: str, title: str, build: Callable[[ReportContext], Iterable[Block]]
) -> Section:
    try:
        return Section(name, title or context.title, tuple(build(context)))
    except Exception as error:  # a table of another release, or of a project's own step, may have any form
        why = f"{type(error).__name__}: {mask(shorten(safe_text(error) or repr(error), 240))}"
        return Section(name, title or "Outcome", failure=f"This section could not be built: {why}")
