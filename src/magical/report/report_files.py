"""The files of the reports: a page and its data in the folder of each run, beside its journal."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from magical.engine.journal import Journal
from magical.errors import StoreError
from magical.system.atomic_files import write_text

if TYPE_CHECKING:
    from magical.engine.run import RunResult
    from magical.graph import Graph
    from magical.report.run_evidence import RunEvidence
    from magical.views.document import Document

__all__ = ["find_report", "format_report_json", "format_report_line", "list_report_files", "write_report"]

MAX_SENT = 5_000_000
"""The bytes of a file of a report that a tracking server also gets, at most."""

_PAGE, _DATA = "report.html", "report.json"
_MAX_RUNS = 100  # so many runs are looked at for a report


def write_report(
    evidence: RunEvidence, graph: Graph | None = None, project_option: str = ""
) -> tuple[Path, Document]:
    """Build the report of a run, and write its page and its data into the folder of the run.

    Files that are there stay as they are once results are lost, since they know more, and where a secret
    cannot be read now, since it is masked in them.

    Args:
        evidence: what the run left behind.
        graph: the workflow as it is now; it is used if it has the steps of the run.
        project_option: how the commands in the report find the project, such as `` --project shop``.

    Returns:
        The path of the page, and the data.

    Raises:
        StoreError: the journal cannot be read, or the disk is full or read-only.
    """
    # Imported here: to find a report, as a run with nothing to do does, none of it is needed.
    from magical.report.run_report import build_report
    from magical.views.document_page import render_document

    page = evidence.folder / _PAGE
    document = build_report(evidence, graph, project_option)
    if not page.is_file() or (evidence.is_masked and not evidence.lost):
        write_text(evidence.folder / _DATA, format_report_json(document))
        write_text(page, render_document(document))
    return page, document


def format_report_json(document: Document) -> str:
    """Format the data of a report as JSON.

    Example:
        >>> from magical.views.document import Document
        >>> print(format_report_json(Document("shop")))
        {
         "title": "shop"
        }
    """
    from magical.views.document import document_json

    return json.dumps(document_json(document), ensure_ascii=False, indent=1, default=str)


def find_report(journal: Journal, result: RunResult) -> Path | None:
    """Find the page of a run; where nothing had to run, of the newest run with its results; None without one.

    Example:
        >>> from magical.engine.run import RunResult
        >>> print(find_report(Journal(Path("nowhere")), RunResult()))
        None
    """
    names = [result.name] if result.name else journal.names()[:_MAX_RUNS]
    pages = ((name, journal.folder / name / _PAGE) for name in names)
    return next((p for n, p in pages if p.is_file() and _has_results(journal, n, result)), None)


def _has_results(journal: Journal, run: str, result: RunResult) -> bool:
    """Return True if a run is the one of a result, or ended well with all its records."""
    if run == result.name:
        return True
    with suppress(StoreError):
        summary = journal.read(run)
        keys = {(name, record.key) for name, record in result.records.items()}
        return summary.state == "done" and keys <= summary.keys.items()
    return False


def list_report_files(journal: Journal, run: str) -> list[Path]:
    """List the files of a run's report that are small enough for a tracking server."""
    files = (journal.folder / run / name for name in (_PAGE, _DATA))
    return [f for f in files if f.is_file() and f.stat().st_size <= MAX_SENT]


def format_report_line(page: Path) -> str:
    """Format the path of a report: relative to the working directory if it lies inside.

    Example:
        >>> format_report_line(Path("report.html"))
        'report: report.html'
    """
    relative = os.path.relpath(page)
    return f"report: {page.absolute() if relative.startswith('..') else relative}"
