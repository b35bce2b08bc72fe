"""The verbs: one verb, one question."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from magical.cli.verb import PDB, PRETEND, ROWS, SAMPLE, TRUST, Ask, cli, verb, words_of
from magical.errors import StoreError, UsageError, join_names

if TYPE_CHECKING:
    from magical.engine.protocols import Registry
    from magical.project import Project

__all__ = [
    "check",
    "cli",
    "gc",
    "inspect",
    "models",
    "new",
    "plan",
    "pretend",
    "replay",
    "reproduce",
    "run",
    "runs",
    "sync",
    "ui",
    "why",
]


@verb(click.argument("words", nargs=-1, metavar="[STEP] [KEY=VALUE]..."), SAMPLE, PDB, TRUST)
def run(ask: Ask, words: tuple[str, ...], debug: bool) -> None:
    """Run what is not fresh, up to STEP or all of it."""
    _carry_out(ask, words, _debugger(debug))


@verb(
    click.argument("words", nargs=-1, metavar="[STEP] [KEY=VALUE]..."),
    ROWS,
    click.option("--all", "every", is_flag=True, help="Make up every step, those with a body too."),
)
def pretend(ask: Ask, words: tuple[str, ...], every: bool) -> None:
    """Run with made-up sources, up to STEP or all of it: no file is needed, nothing is registered."""
    _carry_out(replace(ask, pretend="all" if every else "sources"), words)


def _carry_out(
    ask: Ask, words: tuple[str, ...], debug: Callable[[BaseException], None] | None = None
) -> None:
    project = ask.open()
    step, line = words_of(words)
    from magical.integrations.prefect.reconcile import describe_open_flow_run
    from magical.project.loading.configuration import GROUPS
    from magical.report.progress import Console
    from magical.report.text import design_text, run_json, run_text

    with contextlib.redirect_stdout(sys.stderr):  # what steps print must not mix with the answer
        result = project.execute(step, line, (Console(),), debug)
        if note := describe_open_flow_run(project.journal, result.name):
            print(note)
        graph = project.draw(line).graph
        found = [f for f in project.check(**line) if f.severity != "note"] if ask.pretend else None
    # No result is found by wishes about how a run is carried out.
    told = [w for w in words if "=" in w and re.split("[.=]", w)[0] not in GROUPS]
    again = "".join(f" {shlex.quote(word)}" for word in told)
    again += f" --sample {ask.sample}" if ask.sample else ""
    again += f" --pretend {ask.pretend}" if ask.pretend else ""
    again += f" --rows {ask.rows}" if ask.pretend and ask.rows != Ask.rows else ""

    def text() -> str:
        shown = graph if found is None else replace(graph, findings=())
        said = run_text(shown, result, _option(project), ask.trace, again)
        silent = found is None or (result.errors and not found)  # after a failure nothing "holds together"
        return said if silent else f"{said}\n{design_text(found or ())}"

    if found is not None:
        graph = replace(graph, findings=tuple(found))
    ask.say(run_json(graph, result), text)
    if result.errors or any(f.severity == "error" for f in graph.findings):
        sys.exit(1)


@verb(click.argument("words", nargs=-1, metavar="[STEP] [KEY=VALUE]..."), SAMPLE, PRETEND, ROWS, TRUST)
def plan(ask: Ask, words: tuple[str, ...]) -> None:
    """Say what a run would do, without doing it."""
    project = ask.open()
    step, line = words_of(words)
    plans = project.plan(step, **line)
    _warn_of_foreign(project)
    from magical.report.text import plan_text

    answer = [
        {
            "step": p.name,
            "state": p.state,
            "key": p.key,
            "after": list(p.after),
            "origin": list(p.origin),
            "reason": p.reason,
        }
        for p in plans.values()
    ]
    ask.say(answer, lambda: plan_text(project.draw_workflow(line).graph, plans))


_A_STEP = (
    click.argument("step"),
    click.argument("words", nargs=-1, metavar="[KEY=VALUE]..."),
    SAMPLE,
    PRETEND,
    ROWS,
)


@verb(*_A_STEP)
def why(ask: Ask, step: str, words: tuple[str, ...]) -> None:
    """Say why STEP runs again, or why it ran the last time."""
    answer = ask.open().why(step, **words_of(words)[1])
    ask.say(answer.to_json(), lambda: str(answer))


@verb(*_A_STEP, TRUST)
def inspect(ask: Ask, step: str, words: tuple[str, ...]) -> None:
    """Show what STEP gave, what it kept, and what it said."""
    from magical.project.inspection import inspect_step

    project = ask.open()
    try:
        seen = inspect_step(project, step, words_of(words)[1])
    finally:
        _warn_of_foreign(project)
    ask.say(seen.to_json(), lambda: str(seen))


@verb(click.argument("name", required=False, default="", metavar="[RUN]"))
def runs(ask: Ask, name: str) -> None:
    """List the runs, or show one; as JSON, one is the record that reproduce takes."""
    project = ask.open()
    from magical.report.text import runs_json, runs_text

    size = _sizes(project)
    if name and ask.as_json:
        from magical.project.reproduce.record import build_record

        with contextlib.redirect_stdout(sys.stderr):  # models are read, which may import the project
            record = build_record(project, name)
        return ask.say(record, str)
    if name:
        summary = project.journal.read(project.journal.find(name))
        return ask.say([], lambda: runs_text([summary], True, size))
    found = project.runs()
    return ask.say(runs_json(found, size) if ask.as_json else [], lambda: runs_text(found))


@verb(click.argument("run"), click.argument("step"), PDB, TRUST)
def replay(ask: Ask, run: str, step: str, debug: bool) -> None:
    """Open STEP of RUN (or "last") again: with the inputs that it had, and the code of now."""
    from magical.project.replay import replay_step as again

    with contextlib.redirect_stdout(sys.stderr):
        found = again(ask.open(), run, step, _debugger(debug))
        click.echo(str(found), err=True)
        value = found()
    answer = {
        "step": found.node.name,
        "run": found.run.name,
        "moved": list(found.stale_inputs),
        "origin": list(found.origin),
        "gave": str(value),
    }
    ask.say(answer, lambda: f"{found.node.name} gave, and nothing is kept of it:\n{value}")


@verb(
    click.argument("name", required=False, default="", metavar="[MODEL]"),
    click.option("--promote", default="", metavar="VERSION", help="Point the alias champion at it."),
    click.option("--rollback", is_flag=True, help="Point the alias champion back at the one before."),
)
def models(ask: Ask, name: str, promote: str, rollback: bool) -> None:
    """List the registered models with their versions and aliases, or move the alias by hand."""
    project = ask.open()
    from magical.report.text import models_json, models_text

    registry = project.registry()
    if promote or rollback:
        _move_alias(registry, name, promote, rollback)
    found = registry.versions(name)
    ask.say(models_json(found), lambda: models_text(found))


def _move_alias(registry: Registry, name: str, promote: str, rollback: bool) -> None:
    if promote and rollback:
        raise UsageError("--promote and --rollback both move the alias.", hint="give one of them.")
    known = registry.versions()
    found = [v for v in known if name in ("", v.name)]
    names = list(dict.fromkeys(v.name for v in known))
    if not known:
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
def sync(ask: Ask) -> None:
    """Send what MLflow's tracking or registry, or Prefect, missed while it was down."""
    project = ask.open()
    from magical.report.progress import Console

    with contextlib.redirect_stdout(sys.stderr):  # what steps print must not mix with the answer
        done = project.sync((Console(),))
    ask.say(done.to_json(), lambda: str(done))
    if done.failed:
        sys.exit(1)


@verb(
    click.option("--keep", default=10, type=click.IntRange(min=0), metavar="N", help="Runs to keep."),
    click.option("--dry-run", "dry", is_flag=True, help="Remove nothing, and say what would be removed."),
    click.option("--verify", is_flag=True, help="Read all that stays, and remove what is damaged."),
)
def gc(ask: Ask, keep: int, dry: bool, verify: bool) -> None:
    """Remove stored results that neither the newest runs nor the present plan need."""
    from magical.project.gc import swept_json, swept_text

    swept = ask.open().gc(keep, dry=dry, verify=verify)
    ask.say(swept_json(swept, dry=dry), lambda: swept_text(swept, dry=dry))


def _sizes(project: Project) -> Callable[[str], int]:
    """Give what says what a result takes; a store that is silent is asked once, and what ran is known."""
    silent = False

    @cache
    def size(key: str) -> int:
        nonlocal silent
        if silent:
            return 0
        try:
            return project.store.size(key)
        except StoreError as error:
            silent = True
            said = error.with_message(*error.lines, "So it is not known what the results take.")
            click.echo(str(said), err=True)
            return 0

    return size


def _warn_of_foreign(project: Project) -> None:
    """Say beside the answer which results were not taken."""
    from magical.engine.execution.dispatch import describe_untrusted

    if note := describe_untrusted(project.store):
        click.echo(note, err=True)


def _option(project: Project) -> str:
    """What to add to a command so that it finds the project from here, under its profile."""
    here, profile = os.path.relpath(project.root), project.options.profile
    place = "" if here == "." else f" --project {shlex.quote(here)}"
    return f"{place} --profile {shlex.quote(profile)}" if profile else place


def _debugger(wanted: bool) -> Callable[[BaseException], None] | None:
    if not wanted:
        return None
    from magical.project.replay import post_mortem

    return post_mortem


@verb(
    click.argument("words", nargs=-1, metavar="[KEY=VALUE]..."),
    click.option("--hard", is_flag=True, help="Call each written step with 0, 1 and 200 made-up rows, too."),
)
def check(ask: Ask, words: tuple[str, ...], hard: bool) -> None:
    """Say what is weak, unused or unwritten in the design, without running it."""
    from magical.project.checking import check_project as checked

    step, line = words_of(words)
    if step:
        raise UsageError(f"check looks at the whole design, not at {step!r} by itself.", hint="take it off.")
    with contextlib.redirect_stdout(sys.stderr):  # what bodies print must not mix with the answer
        found = checked(ask.open(), line, hard)
    ask.say(found.to_json(), lambda: str(found))
    if found.failed:
        sys.exit(1)


@verb(
    click.argument("name"),
    click.option("--data", default="", metavar="FILE", help="Infer the contracts from these rows."),
    click.option("--target", default="", metavar="COLUMN", help="The column to be predicted."),
    project=False,
)
def new(ask: Ask, name: str, data: str, target: str) -> None:
    """Write a project: from a file to a scored model, or a design whose steps are all unwritten."""
    from magical.project.scaffold.create import create_project

    made = create_project(name, data, target)
    ask.say(made.to_json(), lambda: str(made))


@verb(click.argument("run"), click.argument("words", nargs=-1, metavar="[KEY=VALUE]..."), TRUST)
def reproduce(ask: Ask, run: str, words: tuple[str, ...]) -> None:
    """Run RUN (or "last", or an exported record) again in a fresh store, and compare."""
    from magical.project.reproduce.outcome import changes_text
    from magical.project.reproduce.reproduce import reproduce_run as again
    from magical.report.progress import Console

    step, line = words_of(words)
    if step:
        raise UsageError(f"reproduce repeats a whole run, not {step!r} by itself.", hint="take it off.")

    def tell(name: str, changes: Sequence[Any]) -> None:
        if not ask.as_json:
            click.echo(changes_text(name, changes), err=True)

    with contextlib.redirect_stdout(sys.stderr):  # what steps print must not mix with the answer
        found = again(ask.open(), run, line, (Console(),), tell)
    ask.say(found.to_json(), lambda: found.difference_text)
    if not found.agrees:
        sys.exit(1)


def _port(name: str, default: int) -> Callable[..., Any]:
    return click.option(
        f"--{name.lower()}-port",
        type=click.IntRange(0, 65535),
        default=default,
        metavar="N",
        help=f"Port of {name}, {default} unless given; 0 for any that is free.",
    )


@verb(_port("Prefect", 4200), _port("MLflow", 5000))
def ui(ask: Ask, prefect_port: int, mlflow_port: int) -> None:
    """Start the pages of Prefect and MLflow, and stop them with Ctrl-C."""
    from magical.project.servers.ui import UIServers

    try:
        with UIServers(ask.open(), prefect_port=prefect_port, mlflow_port=mlflow_port) as uis:
            click.echo(json.dumps(uis.addresses) if ask.as_json else str(uis))
            uis.watch()
    except KeyboardInterrupt:  # it is how one ends it
        click.echo("Stopped.", err=True)
