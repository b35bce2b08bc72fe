"""The files of the reports: a page and its data in the folder of each run, beside its journal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from magical.engine.journal import Journal
from magical.system.atomic_files import write_text

if TYPE_CHECKING:
    from magical.engine.protocols import Store
    from magical.graph import Graph
    from magical.views.document import Document

__all__ = [
    "find_newest_report",
    "format_report_json",
    "format_report_line",
    "list_report_files",
    "write_report",
]

MAX_SENT = 5_000_000
"""The bytes of a file of a report that a tracking server also gets, at most."""

_PAGE, _DATA = "report.html", "report.json"
_MAX_RUNS = 100  # so many runs are looked at for a report


def write_report(
    journal: Journal, store: Store, run: str, graph: Graph | None = None, project_option: str = ""
) -> tuple[Path, Document]:
    """Build the report of a run, and write its page and its data into the folder of the run.

    Args:
        journal: the journal that the run is in.
        store: the store of its results.
        run: the full name of the run.
        graph: the workflow as it is now; it is used if it has the steps of the run.
        project_option: how the commands in the report find the project, such as `` --project shop``.

    Returns:
        The path of the page, and the data.

    Raises:
        StoreError: the journal cannot be read, or the disk is full or read-only.
    """
    # Imported here: to find a report, as a run with nothing to do does, none of it is needed.
    from magical.report.run_evidence import RunEvidence
    from magical.report.run_report import build_report
    from magical.views.document_page import write_document

    folder, evidence = journal.folder / run, RunEvidence(journal.read(run), journal, store)
    document = build_report(evidence, graph, project_option)
    write_text(folder / _DATA, format_report_json(document))
    write_document(document, folder / _PAGE)
    return folder / _PAGE, document


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


def find_newest_report(journal: Journal, run: str = "") -> Path | None:
    """Find the page of a run, or of the newest run that has one; None if there is none.

    Example:
        >>> print(find_newest_report(Journal(Path("nowhere"))))
        None
    """
    names = [run] if run else journal.names()[:_MAX_RUNS]
    return next((p for name in names if (p := journal.folder / name / _PAGE).is_file()), None)


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
