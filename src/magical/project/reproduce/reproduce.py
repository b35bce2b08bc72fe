"""Run an earlier run again in a fresh store, and compare: what the record of a run is for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from magical.engine.pretend_plan import DEFAULT_ROWS, Pretence
from magical.engine.protocols import Listener
from magical.engine.run import RunResult, RunStopped
from magical.errors import MagicalError, ProjectError, SettingsError, StoreError, UsageError
from magical.graph import Graph
from magical.project.loading.drawing import WorkflowDrawing
from magical.project.project_context import ProjectContext
from magical.project.reproduce.compare import Comparison
from magical.project.reproduce.drift import Change, changed_data_error, find_changes
from magical.project.reproduce.outcome import ReproducedStep, Reproduction
from magical.project.reproduce.record import build_record, find_left_out, with_run_profile
from magical.project.reproduce.record_schema import read_record
from magical.project.run_setup import run_drawing
from magical.project.temporary_folder import create_temporary_folder
from magical.refs import Link
from magical.settings.layers import apply_overrides
from magical.settings.paths import ReplacementGroup
from magical.settings.secrets import drop_masked

__all__ = ["reproduce_run"]

_NO_TRACKING = {"enabled": False, "uri": "", "registry_uri": ""}
"""Nothing of it is tracked, whatever the profile says."""


OnChanges = Callable[[str, tuple[Change, ...]], None]


def _ignore_changes(run: str, found: tuple[Change, ...]) -> None:
    """Tell nobody."""


def reproduce_run(
    context: ProjectContext,
    run: str | Path,
    settings: Mapping[str, Any] | None = None,
    listeners: tuple[Listener, ...] = (),
    on_changes: OnChanges = _ignore_changes,
) -> Reproduction:
    """Check what an earlier run stood on, run it again in a fresh store, and compare the results.

    Args:
        project: as it is here and now; its store, journal, registry and tracking are left alone.
        run: a run's name, the beginning of it, or ``last``; or a file with an exported record.
        settings: what is to be another than in the run, such as where a file lies.
        listeners: who hears the events.
        tell: hears what is no longer as it was then, before anything runs.

    Raises:
        UsageError: there is no such run, the file is no record of this workflow, or the profile is another.
        ProjectError: the settings of the run are no longer taken.
        InputError: a file is not there, or has other content than in the run.
        StoreError: nothing that the run gave is left.
    """
    began = time.monotonic()
    record = _load_record(context, run)
    _refuse_other_profile(context.options.profile, record)
    try:
        with create_temporary_folder(context.home) as home:
            fresh = _open_temporary(context, record, home)
            found, steps = _run_and_compare(context, fresh, record, settings or {}, listeners, on_changes)
    except KeyboardInterrupt:
        raise RunStopped("reproduce was stopped; nothing of it is kept.") from None
    seconds = round(time.monotonic() - began, 3)
    return Reproduction(record["workflow"], record["run"], found, steps, seconds)


def _run_and_compare(
    context: ProjectContext,
    fresh: ProjectContext,
    record: Mapping[str, Any],
    settings: Mapping[str, Any],
    listeners: tuple[Listener, ...],
    on_changes: OnChanges,
) -> tuple[tuple[Change, ...], tuple[ReproducedStep, ...]]:
    fresh, whole = _draw_recorded(fresh, record, settings)
    drawing, without = _select_steps(whole, record)
    planner = fresh.plan_with(whole).make_planner(whole.graph)
    found = tuple(find_changes(record, whole, planner, fresh.root, without))
    on_changes(record["run"], found)
    if error := changed_data_error(found, record["run"]):
        raise error
    something = bool(drawing.graph.nodes)
    result = run_drawing(fresh, drawing, listeners) if something else RunResult()
    then = with_run_profile(context, record.get("profile", ""))
    return found, Comparison(then, fresh, record, drawing.graph, result).compare_steps(without)


def _load_record(context: ProjectContext, run: str | Path) -> dict[str, Any]:
    path = Path(run)
    if path.is_file():
        record = read_record(path)
    elif isinstance(run, Path) or path.suffix == ".json" or len(path.parts) > 1:
        raise UsageError(f"There is no file {path}.", hint="magical runs RUN --json > record.json")
    else:
        record = build_record(context, str(run), keep_paths=True)
    finished = [said for said in record["steps"].values() if said.get("key")]
    if not finished:
        raise UsageError(
            f"No step finished in {record['run']}: there is nothing to compare with.", hint="magical runs"
        )
    if not any(said.get("result") or said.get("parts") for said in finished):
        raise StoreError(
            f"Nothing that {record['run']} gave is left in the store: gc removed it.",
            hint="a record that was exported before still works: magical reproduce record.json",
        )
    return record


def _refuse_other_profile(given: str, record: Mapping[str, Any]) -> None:
    then = record.get("profile", "")
    if given and given != then:
        raise UsageError(
            f"{record['run']} ran {f'under the profile {then}' if then else 'without a profile'}, "
            f"and is repeated so, not under {given}.",
            hint="leave --profile out; a single setting is changed by KEY=VALUE.",
        )


def _open_temporary(context: ProjectContext, record: Mapping[str, Any], home: Path) -> ProjectContext:
    """The project with a store of its own, as the run had opened it."""
    past = Pretence(record.get("pretend", ""), record.get("rows") or DEFAULT_ROWS)
    return context.reopen(
        location=replace(context.options.location, temporary_home=home),
        profile=record.get("profile", ""),
        sample=record.get("sample", 0),
        pretence=past,
    )


def _draw_recorded(
    fresh: ProjectContext, record: Mapping[str, Any], overrides: Mapping[str, Any]
) -> tuple[ProjectContext, WorkflowDrawing]:
    settings = drop_masked(record["settings"])
    whole = {n for n, v in settings.items() if isinstance(v, Mapping) and v == record["settings"][n]}
    line = apply_overrides(settings, overrides)
    line = {n: ReplacementGroup(v) if n in whole else v for n, v in line.items()} | {"tracking": _NO_TRACKING}
    then = fresh.reopen(line)
    try:
        drawing = then.draw()
    except UsageError as error:
        _refuse_other_project(record, fresh.drawer.workflow_name())  # before what is in it is blamed
        if not isinstance(error, SettingsError) or (overrides and _is_accepted(fresh, record)):
            raise
        raise ProjectError(
            f"{record['run']} cannot be reproduced: its settings are not those of this project.",
            *error.lines,
            hint=f"go back to the commit of the run{_commit_text(record)}, or give it: KEY=VALUE.",
        ) from error
    _refuse_other_project(record, drawing.drawn.graph.workflow)
    return then, drawing


def _refuse_other_project(record: Mapping[str, Any], here: str) -> None:
    if record["workflow"] != here:
        raise UsageError(
            f"{record['run']} is a record of {record['workflow']}, and this project is {here}.",
            hint="name the project: magical reproduce RUN --project PATH",
        )


def _is_accepted(fresh: ProjectContext, record: Mapping[str, Any]) -> bool:
    """Whether the settings of the run are taken as they are: then what the line adds to them is wrong."""
    try:
        _draw_recorded(fresh, record, {})
    except MagicalError:
        return False
    return True


def _commit_text(record: Mapping[str, Any]) -> str:
    commit = str((record.get("git") or {}).get("commit", ""))
    return f", {commit[:10]}" if commit else ""


def _select_steps(
    drawing: WorkflowDrawing, record: Mapping[str, Any]
) -> tuple[WorkflowDrawing, dict[str, str]]:
    """The part of the workflow that finished then, without what writes to the world; and why not the rest."""
    said, without = record["steps"], find_left_out(drawing.graph)
    names = [n.name for n in drawing.graph.nodes if said.get(n.name, {}).get("key") and n.name not in without]

    def part(graph: Graph) -> Graph:
        needed = graph.ancestors(names)
        nodes = tuple(n for n in graph.nodes if n.name in needed)
        return replace(graph, nodes=nodes, result=tuple(map(Link, names)), findings=())

    return replace(drawing, rewrite=part), without
