"""The verbs of the command: each opens the project, calls it, and prints the answer.

Most imports are inside the functions: ``magical --help`` must not import polars or scikit-learn.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from magical.cli.verb import (
    PAGE_OPTIONS,
    PDB_OPTION,
    PRETEND_OPTION,
    REGISTER_OPTION,
    ROWS_OPTION,
    SAMPLE_OPTION,
    TRUST_OPTION,
    SharedOptions,
    cli,
    open_page,
    parse_words,
    verb,
)
from magical.errors import InputError, StoreError, UsageError, join_names

if TYPE_CHECKING:
    from magical.engine.protocols import Registry
    from magical.project import Project
    from magical.project.project_context import ProjectContext

__all__ = ["cli"]

_SETTINGS = click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
_STEP_AND_SETTINGS = click.argument("words", nargs=-1, metavar="[STEP] [KEY=VALUE]...")
_STEP_OPTIONS = (click.argument("step"), _SETTINGS, SAMPLE_OPTION, PRETEND_OPTION, ROWS_OPTION)


@verb(_STEP_AND_SETTINGS, SAMPLE_OPTION, REGISTER_OPTION, PDB_OPTION, TRUST_OPTION)
def run_command(options: SharedOptions, words: tuple[str, ...], debug: bool) -> None:
    """Run what is not fresh, up to STEP or all of it."""
    _run_workflow(options, words, _choose_debugger(debug))


@verb(
    _STEP_AND_SETTINGS,
    ROWS_OPTION,
    click.option("--all", "every", is_flag=True, help="Make up every step, those with a body too."),
)
def pretend_command(options: SharedOptions, words: tuple[str, ...], every: bool) -> None:
    """Run with generated sources, up to STEP or all of it: no file is needed, nothing is registered."""
    _run_workflow(replace(options, pretend="all" if every else "sources"), words)


def _run_workflow(
    options: SharedOptions, words: tuple[str, ...], debug: Callable[[BaseException], None] | None = None
) -> None:
    """Run the workflow up to a step, print the answer, and exit with 1 if there was an error."""
    step, overrides = parse_words(words)
    context = options.open_context(overrides)
    from magical.integrations.prefect.reconcile import describe_open_flow_run
    from magical.project.run_setup import run_drawing
    from magical.report.report_files import find_report, format_report_line
    from magical.report.terminal.progress import Console
    from magical.report.text import design_text, run_json, run_text

    _warn_orphan(context)
    with contextlib.redirect_stdout(sys.stderr):  # what steps print must not mix with the answer
        result = run_drawing(context, context.draw(step), (Console(),), debug)
        if note := describe_open_flow_run(context.journal, result.name):
            print(note)
        graph = context.draw().graph
        if options.pretend:
            # Imported here, since it imports polars, and an unchanged run needs none.
            from magical.project.checking import check_project

            findings = tuple(f for f in check_project(context).findings if f.severity != "note")
            graph = replace(graph, findings=findings)
    run_options = _format_run_options(options, words)

    page = find_report(context.journal, result)

    def format_text() -> str:
        shown = replace(graph, findings=()) if options.pretend else graph
        text = run_text(shown, result, context.command_options, options.format_trace, run_options)
        text = "\n".join(filter(None, [text, format_report_line(page) if page else ""]))
        # After a failure, "The design holds together." would be read as success.
        hides_design = not options.pretend or (result.errors and not graph.findings)
        return text if hides_design else f"{text}\n{design_text(graph.findings)}"

    answer = {**run_json(graph, result), "report": str(page or "")}
    options.print_answer(answer, format_text)
    if result.errors or any(f.severity == "error" for f in graph.findings):
        sys.exit(1)


def _format_run_options(options: SharedOptions, words: tuple[str, ...]) -> str:
    """Format the options with which other commands look at the results of this run."""
    from magical.project.loading.configuration import GROUPS

    # Policy options are not in the cache key, so the suggested command omits them.
    settings = [w for w in words if "=" in w and re.split("[.=]", w)[0] not in GROUPS]
    text = "".join(f" {shlex.quote(word)}" for word in settings)
    text += f" --sample {options.sample}" if options.sample else ""
    if options.pretend:
        text += f" --pretend {options.pretend}"
        text += f" --rows {options.rows}" if options.rows != SharedOptions.rows else ""
    return text


@verb(_STEP_AND_SETTINGS, SAMPLE_OPTION, REGISTER_OPTION, PRETEND_OPTION, ROWS_OPTION, TRUST_OPTION)
def plan_command(options: SharedOptions, words: tuple[str, ...]) -> None:
    """Say what a run would do, without doing it."""
    step, overrides = parse_words(words)
    context = options.open_context(overrides)
    plans = context.plan(step)
    _warn_foreign_results(context)
    _warn_orphan(context)
    from magical.report.text import plan_text

    names = ("state", "key", "after", "origin", "reason")
    answer = [{"step": p.name} | {name: getattr(p, name) for name in names} for p in plans.values()]
    options.print_answer(answer, lambda: plan_text(context.draw().drawn.graph, plans))


@verb(*_STEP_OPTIONS, REGISTER_OPTION)
def why_command(options: SharedOptions, step: str, words: tuple[str, ...]) -> None:
    """Say why STEP runs again, or why it ran the last time."""
    answer = options.open_project().why(step, **parse_words(words)[1])
    options.print_answer(answer.to_json(), lambda: str(answer))


@verb(
    *_STEP_OPTIONS,
    TRUST_OPTION,
    *PAGE_OPTIONS,
)
def inspect_command(
    options: SharedOptions, step: str, words: tuple[str, ...], file: str | None, opens: bool
) -> None:
    """Show what STEP took and gave, its columns, what it kept and said, its time, memory and code."""
    from magical.project.inspection import inspect_step

    context = options.open_context(parse_words(words)[1])
    try:
        inspected = inspect_step(context, step)
    finally:  # a result that was not trusted is the likely cause when none is found
        _warn_foreign_results(context)
    if not (file or opens):
        answer = inspected.to_json() if options.as_json else {}
        return options.print_answer(answer, lambda: str(inspected))
    path = inspected.write_page(file or context.home / "inspect.html")
    if opens:
        open_page(path)
    options.print_answer({"file": str(path)}, lambda: f"{inspected.node.name} is shown in {path}.")


@verb(click.argument("name", required=False, default="", metavar="[RUN]"))
def runs_command(options: SharedOptions, name: str) -> None:
    """List the runs, or show one; as JSON, one is the record that reproduce takes."""
    project = options.open_project()
    from magical.report.text import runs_json, runs_text

    size = _make_size_lookup(project)
    if name and options.as_json:
        from magical.project.reproduce.record import build_record

        with contextlib.redirect_stdout(sys.stderr):  # loading models may import the project, which may print
            record = build_record(project.context(), name)
        return options.print_answer(record, str)
    if name:
        summary = project.journal.read(project.journal.find(name))
        return options.print_answer([], lambda: runs_text([summary], True, size))
    runs = project.runs()
    return options.print_answer(runs_json(runs, size) if options.as_json else [], lambda: runs_text(runs))


@verb(
    click.argument("runs", nargs=2, metavar="RUN RUN"),
    click.option("--common", is_flag=True, help="Compare the rows that both judged, if test rows differ."),
    TRUST_OPTION,
    *PAGE_OPTIONS,
)
def compare_command(
    options: SharedOptions, runs: tuple[str, str], common: bool, file: str | None, opens: bool
) -> None:
    """Compare two runs (names, "last", "champion" or MODEL/VERSION): what differed, and which is better."""
    project = options.open_project()
    from magical.report.terminal.document_text import document_text
    from magical.report.terminal.fitted_table import find_width

    with contextlib.redirect_stdout(sys.stderr):  # a metric of the project may print
        compared = project.compare(*runs, common)
    if not (file or opens):
        answer = compared.to_json() if options.as_json else {}
        return options.print_answer(answer, lambda: document_text(compared.to_document(), find_width()))
    path = compared.write_page(file or project.home / "compare.html")
    if opens:
        open_page(path)
    options.print_answer({"file": str(path)}, lambda: f"{compared}.\nThe comparison is in {path}.")


@verb(click.argument("run"), click.argument("step"), PDB_OPTION, TRUST_OPTION)
def replay_command(options: SharedOptions, run: str, step: str, debug: bool) -> None:
    """Open STEP of RUN (or "last") again: with the inputs that it had, and the code of now."""
    from magical.project.replay import replay_step

    with contextlib.redirect_stdout(sys.stderr):
        replay = replay_step(options.open_project(), run, step, _choose_debugger(debug))
        click.echo(str(replay), err=True)
        value = replay()
    name = replay.node.name
    answer = {"step": name, "run": replay.run.name, "moved": replay.stale_inputs, "origin": replay.origin}
    options.print_answer(
        {**answer, "gave": str(value)}, lambda: f"{name} gave, and nothing is kept of it:\n{value}"
    )


@verb(click.argument("run"), _SETTINGS, TRUST_OPTION)
def reproduce_command(options: SharedOptions, run: str, words: tuple[str, ...]) -> None:
    """Run RUN (or "last", or an exported record) again in a fresh store, and compare."""
    from magical.project.reproduce.outcome import format_changes
    from magical.project.reproduce.reproduce import reproduce_run
    from magical.report.terminal.progress import Console

    step, overrides = parse_words(words)
    if step:
        raise UsageError(f"reproduce repeats a whole run, not {step!r} by itself.", hint="take it off.")

    # Printed before the run, which may take hours: the changes often make it pointless.
    def print_changes(name: str, changes: Sequence[Any]) -> None:
        if not options.as_json:
            click.echo(format_changes(name, changes), err=True)

    with contextlib.redirect_stdout(sys.stderr):  # what steps print must not mix with the answer
        context = options.open_context()
        outcome = reproduce_run(context, run, overrides, (Console(),), print_changes)
    options.print_answer(outcome.to_json(), lambda: outcome.difference_text)
    if not outcome.agrees:
        sys.exit(1)


def _port_option(name: str, default: int) -> Callable[..., Any]:
    return click.option(
        f"--{name.lower()}-port",
        type=click.IntRange(0, 65535),
        default=default,
        metavar="N",
        help=f"Port of {name}, {default} unless given; 0 for any free port.",
    )


@verb(_port_option("Prefect", 4200), _port_option("MLflow", 5000))
def ui_command(options: SharedOptions, prefect_port: int, mlflow_port: int) -> None:
    """Start the pages of Prefect and MLflow, and stop them with Ctrl-C."""
    from magical.project.servers.ui import UIServers

    try:
        with UIServers(options.open_project(), prefect_port=prefect_port, mlflow_port=mlflow_port) as uis:
            click.echo(json.dumps(uis.addresses) if options.as_json else str(uis))
            uis.watch()
    except KeyboardInterrupt:  # the normal end: exit code 0
        click.echo("Stopped.", err=True)


@verb(
    click.argument("name", required=False, default="", metavar="[MODEL]"),
    click.option("--promote", default="", metavar="VERSION", help="Point the alias champion at it."),
    click.option("--rollback", is_flag=True, help="Point the alias champion back at the one before."),
)
def models_command(options: SharedOptions, name: str, promote: str, rollback: bool) -> None:
    """List the registered models with their versions and aliases, or move the alias by hand."""
    project = options.open_project()
    from magical.report.text import models_json, models_text

    registry = project.registry()
    if promote or rollback:
        _move_alias(registry, name, promote, rollback)
    versions = registry.versions(name)
    options.print_answer(models_json(versions), lambda: models_text(versions))


def _move_alias(registry: Registry, name: str, promote: str, rollback: bool) -> None:
    """Point the alias champion at the version ``promote``, or back at the previous champion."""
    if promote and rollback:
        raise UsageError("--promote and --rollback both move the alias.", hint="give one of them.")
    versions = registry.versions()
    found = [v for v in versions if name in ("", v.name)]
    names = list(dict.fromkeys(v.name for v in versions))
    if not versions:
        hint = "magical run registers one, if the workflow ends in register."
        raise UsageError("There is no model yet.", hint=hint)
    if not found:
        raise UsageError.unknown("model", name, names)
    if not name and len(names) > 1:
        raise UsageError(f"There are {len(names)} models.", hint=f"name one of: {join_names(names)}.")
    if rollback:
        registry.rollback(found[0].name)
        return
    chosen = next((v for v in found if v.number == promote.removeprefix("v")), None)
    if chosen is None:
        raise UsageError.unknown("version", promote, [v.number for v in found])
    registry.alias(chosen, "champion")


@verb()
def sync_command(options: SharedOptions) -> None:
    """Send what MLflow's tracking or registry, or Prefect, missed while it was down."""
    project = options.open_project()
    from magical.report.terminal.progress import Console

    with contextlib.redirect_stdout(sys.stderr):  # what steps print must not mix with the answer
        report = project.sync((Console(),))
    options.print_answer(report.to_json(), lambda: str(report))
    if report.failed:
        sys.exit(1)


@verb(
    click.option("--keep", default=10, type=click.IntRange(min=0), metavar="N", help="Runs to keep."),
    click.option("--dry-run", "dry", is_flag=True, help="Remove nothing, and say what would be removed."),
    click.option("--verify", is_flag=True, help="Read all that stays, and remove what is damaged."),
    click.option(
        "--only-this-project", "only", is_flag=True, help="Remove what other projects need of a shared store."
    ),
)
def gc_command(options: SharedOptions, keep: int, dry: bool, verify: bool, only: bool) -> None:
    """Remove stored results that neither the newest runs nor the present plan need."""
    from magical.project.gc import format_sweep, sweep_to_json

    swept = options.open_project().gc(keep, dry=dry, verify=verify, only_this_project=only)
    options.print_answer(sweep_to_json(swept, dry=dry), lambda: format_sweep(swept, dry=dry))


def _make_size_lookup(project: Project) -> Callable[[str], int]:
    """Return a cached function from a key to the bytes of its results; 0 once the store has failed."""
    # After one failure the store is not asked again: each of many keys would wait for a timeout.
    has_failed = False

    @cache
    def size(key: str) -> int:
        nonlocal has_failed
        if has_failed:
            return 0
        try:
            return project.store.size(key)
        except StoreError as error:
            has_failed = True
            note = error.with_message(*error.lines, "So it is not known what the results take.")
            click.echo(str(note), err=True)
            return 0

    return size


def _warn_foreign_results(context: ProjectContext) -> None:
    """Print on stderr which results of another store were not trusted."""
    from magical.engine.execution.dispatch import describe_untrusted

    if note := describe_untrusted(context.store):
        click.echo(note, err=True)


def _warn_orphan(context: ProjectContext) -> None:
    """Print on stderr which step the last run was at, if its process died without a word."""
    if note := context.journal.describe_orphan():
        click.echo(note, err=True)


def _choose_debugger(wanted: bool) -> Callable[[BaseException], None] | None:
    if not wanted:
        return None
    from magical.project.replay import post_mortem

    return post_mortem


@verb(
    _SETTINGS,
    click.option(
        "--hard", is_flag=True, help="Call each written step with 0, 1 and 200 generated rows, too."
    ),
)
def check_command(options: SharedOptions, words: tuple[str, ...], hard: bool) -> None:
    """Say what is weak, unused or unwritten in the design, without running it."""
    from magical.project.checking import check_project

    step, overrides = parse_words(words)
    if step:
        raise UsageError(f"check looks at the whole design, not at {step!r} by itself.", hint="take it off.")
    with contextlib.redirect_stdout(sys.stderr):  # what bodies print must not mix with the answer
        report = check_project(options.open_context(overrides), hard)
    options.print_answer(report.to_json(), lambda: str(report))
    if report.failed:
        sys.exit(1)


@contextlib.contextmanager
def _reading_as_words() -> Iterator[None]:
    """Add to a hint that names a `Reading` how a command line says it."""
    try:
        yield
    except InputError as error:
        if found := re.search(r"Reading\((.+?)\)", error.hint):
            word = shlex.quote(found[1].partition(", ")[0].replace("'", "").replace('"', ""))
            error.hint = f"{error.hint.rstrip('.')}; on the command line, {word}."
        raise


_MODEL_OPTIONS = (
    click.option("--target", default="", metavar="COLUMN", help="The column of the file to be predicted."),
    click.option(
        "--task",
        type=click.Choice(["classes", "number"]),
        help="The kind of the target, where its values leave a choice.",
    ),
    click.option("--time", metavar="COLUMN", help="The time of a row: the last rows are test."),
    click.option("--group", metavar="COLUMN", help="What several rows belong to: they stay together."),
    click.option("--metric", metavar="NAME", help="The deciding metric, such as roc_auc or mae."),
    click.option("--budget", metavar="TIME", help="The time to search for a model: 60s, 5m, or seconds."),
)
_READING = click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")


def _parse_model_options(given: dict[str, Any], words: tuple[str, ...]) -> tuple[Any, ...]:
    """Build the reading, None if nothing is said of it, and the options of a new project."""
    from magical.project.scaffold.project_options import ProjectOptions

    reading = None
    if words:
        from magical.project.looking import parse_reading

        reading = parse_reading(words)
    return reading, ProjectOptions(**{name: value for name, value in given.items() if value})


@verb(
    click.argument("name"),
    click.option(
        "--data",
        multiple=True,
        metavar="FILE",
        help="Infer the contracts from these rows; again for each table that they refer to.",
    ),
    *_MODEL_OPTIONS,
    _READING,
    project=False,
)
def new_command(
    options: SharedOptions,
    name: str,
    data: tuple[str, ...],
    target: str,
    words: tuple[str, ...],
    **given: Any,
) -> None:
    """Write a project: from a file to a scored model, or a design whose steps are all unwritten.

    KEY=VALUE says how the first file is written, as for `magical look`.
    """
    from magical.project.scaffold.create import create_project

    with _reading_as_words():
        created = create_project(name, data, target, *_parse_model_options(given, words))
    options.print_answer(created.to_json(), lambda: str(created))


@verb(
    click.argument("source", metavar="FILE"),
    *_MODEL_OPTIONS,
    click.option(
        "--name", default="", metavar="NAME", help="The name of the model; that of FILE unless given."
    ),
    _READING,
    project=False,
)
def fit_command(
    options: SharedOptions, source: str, target: str, name: str, words: tuple[str, ...], **given: Any
) -> None:
    """Fit, score and register a model of the rows in FILE, without a project.

    KEY=VALUE says how FILE is written, as for `magical look`.
    """
    from magical.project.fit import prepare_fit
    from magical.report.terminal.progress import Console

    try:
        with _reading_as_words(), contextlib.redirect_stdout(sys.stderr):  # what steps print is no answer
            fit = prepare_fit(source, target, name, *_parse_model_options(given, words))
            print(fit.created.review)
            fitted = fit.run((Console(),))
    except KeyboardInterrupt:
        text = "Stopped. What is finished is kept; the same command goes on from there."
        raise KeyboardInterrupt(text) from None
    options.print_answer(fitted.to_json() if options.as_json else {}, lambda: str(fitted))


@verb(
    click.argument("source", metavar="FILE"),
    click.argument("words", nargs=-1, metavar="[KEY=VALUE]..."),
    click.option("--sheet", default="", metavar="NAME", help="The sheet of a workbook."),
    click.option("--all", "every", is_flag=True, help="Look at every row of a large file."),
    project=False,
)
def look_command(
    options: SharedOptions, source: str, words: tuple[str, ...], sheet: str, every: bool
) -> None:
    """Show what would be read of FILE, column by column; KEY=VALUE says how it is written."""
    from magical.project.looking import MAX_ROWS, look, parse_reading
    from magical.report.terminal.fitted_table import find_width

    reading = parse_reading([*words, *([f"sheet={sheet}"] if sheet else [])])
    with _reading_as_words():
        seen = look(source, reading, max_rows=None if every else MAX_ROWS)
    options.print_answer(seen.to_json() if options.as_json else {}, lambda: seen.to_text(find_width()))


@verb(
    _SETTINGS,
    click.option(
        "--model",
        required=True,
        metavar="NAME[@ALIAS]",
        help="The champion of NAME, NAME@ALIAS, NAME/VERSION, or a model's folder.",
    ),
    click.option(
        "--input", "source", required=True, metavar="FILE", help="The rows: a file, a folder or a pattern."
    ),
    click.option("--output", required=True, metavar="FILE", help="The predictions: .parquet or .csv."),
    click.option(
        "--keep", multiple=True, metavar="COLUMN", help="Repeat a column of the input; again for more."
    ),
    click.option(
        "--max-rejects",
        default="1%",
        metavar="SHARE",
        help="The largest share or number of rejected rows; 1% unless given, and two always.",
    ),
    click.option(
        "--chunk-rows",
        type=click.IntRange(min=1),
        default=100_000,
        metavar="N",
        help="Rows in memory at a time; 100000 unless given.",
    ),
    click.option(
        "--replace", "replaces", is_flag=True, help="Write over predictions of another model or input."
    ),
    click.option(
        "--registry", default="", metavar="URI", help="The registry, if it is not that of the project."
    ),
)
def score_command(options: SharedOptions, words: tuple[str, ...], model: str, **given: Any) -> None:
    """Score new rows by a registered model, with its own code; KEY=VALUE says how FILE is written."""
    from pathlib import Path

    from magical.project.scoring import ScoreOptions, find_model, open_registry, score_rows
    from magical.report.terminal.progress import RowProgress

    how = ScoreOptions(
        max_rejects=given["max_rejects"],
        chunk_rows=given["chunk_rows"],
        replace=given["replaces"],
        on_progress=RowProgress().on_rows,
    )
    if words:
        from magical.project.looking import parse_reading

        how = replace(how, reading=parse_reading(words))
    try:
        with _reading_as_words(), contextlib.redirect_stdout(sys.stderr):  # what steps print is no answer
            loaded = find_model(model, lambda: open_registry(given["registry"], options.open_context))
            output = Path(given["output"]).expanduser()
            scoring = score_rows(given["source"], loaded, output, given["keep"], how)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Stopped: nothing was written to {given['output']}.") from None
    options.print_answer(scoring.to_json(), lambda: str(scoring))
