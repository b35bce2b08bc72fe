"""Reproduction of a run: repeat it by its record in a temporary store, and compare the results."""

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
"""Overrides the profile: a repetition is not tracked."""


OnChanges = Callable[[str, tuple[Change, ...]], None]


def reproduce_run(
    context: ProjectContext,
    run: str | Path,
    settings: Mapping[str, Any] | None = None,
    listeners: tuple[Listener, ...] = (),
    on_changes: OnChanges = lambda run, changes: None,
) -> Reproduction:
    """Repeat an earlier run in a temporary store, and compare the results.

    Args:
        context: the project as it is now; its store, journal, registry and tracking are not touched.
        run: the run's name, the beginning of it, or ``last``; or a file with an exported record.
        settings: overrides of the run's settings, such as the path of a file.
        listeners: receive the events of the repetition.
        on_changes: called with the name of the run and the changes since, before anything runs.

    Raises:
        UsageError: there is no such run, the file is no record of this workflow, or the profile differs.
        ProjectError: the project no longer takes the settings of the run.
        InputError: a file is missing, or has other content than in the run.
        StoreError: no result of the run is left.
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
    """Repeat the run of a record; ``fresh`` is the project with the temporary store for the results."""
    fresh, whole = _draw_recorded(fresh, record, settings)
    drawing, left_out = _select_steps(whole, record)
    planner = fresh.make_planning_context(whole).make_planner(whole.graph)
    changes = tuple(find_changes(record, whole, planner, fresh.root, left_out))
    # Show all changes before the check below: changed data stops the reproduction.
    on_changes(record["run"], changes)
    if error := changed_data_error(changes, record["run"]):
        raise error
    result = run_drawing(fresh, drawing, listeners) if drawing.graph.nodes else RunResult()
    old_context = with_run_profile(context, record.get("profile", ""))
    return changes, Comparison(old_context, fresh, record, drawing.graph, result).compare_steps(left_out)


def _load_record(context: ProjectContext, run: str | Path) -> dict[str, Any]:
    """Read a record from a file, or build the record of a run; refuse one without any result."""
    path = Path(run)
    if path.is_file():
        record = read_record(path)
    elif isinstance(run, Path) or path.suffix == ".json" or len(path.parts) > 1:
        raise UsageError(f"There is no file {path}.", hint="magical runs RUN --json > record.json")
    else:
        record = build_record(context, str(run), keep_paths=True)
    finished = [entry for entry in record["steps"].values() if entry.get("key")]
    if not finished:
        text = f"No step finished in {record['run']}: there is nothing to compare with."
        raise UsageError(text, hint="magical runs")
    if not any(entry.get("result") or entry.get("parts") for entry in finished):
        raise StoreError(
            f"No result of {record['run']} is left in the store: gc removed them.",
            hint="a record that was exported earlier still works: magical reproduce record.json",
        )
    return record


def _refuse_other_profile(given: str, record: Mapping[str, Any]) -> None:
    old = record.get("profile", "")
    if given and given != old:
        raise UsageError(
            f"{record['run']} ran {f'under the profile {old}' if old else 'without a profile'}, "
            f"and is repeated so, not under {given}.",
            hint="leave --profile out; a single setting is changed by KEY=VALUE.",
        )


def _open_temporary(context: ProjectContext, record: Mapping[str, Any], home: Path) -> ProjectContext:
    """Open the project with the options of the run and a temporary store."""
    try:
        return context.reopen(
            location=replace(context.options.location, temporary_home=home),
            profile=record.get("profile", ""),
            sample=record.get("sample", 0),
            pretence=Pretence(record.get("pretend", ""), record.get("rows") or DEFAULT_ROWS),
        )
    except UsageError:
        # The likelier cause comes first: another project does not have the profile, either.
        _refuse_other_project(record, context.drawer.workflow_name())
        raise


def _draw_recorded(
    fresh: ProjectContext, record: Mapping[str, Any], overrides: Mapping[str, Any]
) -> tuple[ProjectContext, WorkflowDrawing]:
    """Draw the whole workflow with the settings of the run; return the context with these settings, too."""
    settings = drop_masked(record["settings"])
    # A group replaces that of the project's files; where a masked value was dropped, it is merged into it.
    whole = {n for n, v in settings.items() if isinstance(v, Mapping) and v == record["settings"][n]}
    merged = apply_overrides(settings, overrides)
    groups = {n: ReplacementGroup(v) if n in whole else v for n, v in merged.items()}
    reopened = fresh.reopen(groups | {"tracking": _NO_TRACKING})
    try:
        drawing = reopened.draw()
    except UsageError as error:
        # The likelier cause comes first: in another project the settings do not fit, either.
        _refuse_other_project(record, fresh.drawer.workflow_name())
        if not isinstance(error, SettingsError) or (overrides and _is_accepted(fresh, record)):
            raise
        commit = str((record.get("git") or {}).get("commit", ""))[:10]
        raise ProjectError(
            f"{record['run']} cannot be reproduced: its settings are not those of this project.",
            *error.lines,
            hint=f"go back to the commit of the run{commit and f', {commit}'}, or give it: KEY=VALUE.",
        ) from error
    _refuse_other_project(record, drawing.drawn.graph.workflow)
    return reopened, drawing


def _refuse_other_project(record: Mapping[str, Any], workflow: str) -> None:
    if record["workflow"] != workflow:
        raise UsageError(
            f"{record['run']} is a record of {record['workflow']}, and this project is {workflow}.",
            hint="name the project: magical reproduce RUN --project PATH",
        )


def _is_accepted(fresh: ProjectContext, record: Mapping[str, Any]) -> bool:
    """Return True if the project takes the settings of the run, so that an override must be wrong."""
    try:
        _draw_recorded(fresh, record, {})
    except MagicalError:
        return False
    return True


def _select_steps(
    drawing: WorkflowDrawing, record: Mapping[str, Any]
) -> tuple[WorkflowDrawing, dict[str, str]]:
    """Reduce a drawing to the steps that finished and are not left out; return those left out, too."""
    steps, left_out = record["steps"], find_left_out(drawing.graph)
    finished = [n.name for n in drawing.graph.nodes if steps.get(n.name, {}).get("key")]
    names = [name for name in finished if name not in left_out]

    def select(graph: Graph) -> Graph:
        needed = graph.ancestors(names)
        nodes = tuple(n for n in graph.nodes if n.name in needed)
        return replace(graph, nodes=nodes, result=tuple(map(Link, names)), findings=())

    return replace(drawing, rewrite=select), left_out
