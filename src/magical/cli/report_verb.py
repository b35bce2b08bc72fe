"""The verb ``report``: the page that judges a run."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from magical.cli.verb import TRUST_OPTION, SharedOptions, open_page, verb

__all__ = ["report_command"]


@verb(
    click.argument("run", required=False, default="last", metavar="[RUN]"),
    click.option("--output", "file", metavar="FILE", help="Write a copy of the page there."),
    TRUST_OPTION,
)
def report_command(options: SharedOptions, run: str, file: str | None) -> None:
    """Write the report of RUN (by default the last one), and open it in a browser from a terminal."""
    from magical.project.reporting import make_report
    from magical.report.report_files import format_report_line
    from magical.system.atomic_files import wrap_disk_errors

    with contextlib.redirect_stdout(sys.stderr):  # the project may be imported, and print
        report = make_report(options.open_context(), run)
    path = report.path
    if file:
        path = Path(file).expanduser()
        with wrap_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(report.path.read_bytes())  # not copyfile, which refuses a pipe and itself
    if not options.as_json and not file and sys.stdout.isatty():
        open_page(path)
    options.print_answer(report.to_json() if options.as_json else {}, lambda: format_report_line(path))
