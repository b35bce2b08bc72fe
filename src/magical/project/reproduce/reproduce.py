"""Run an earlier run again in a fresh store, and compare: what the record of a run is for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from magical.engine.pretend_plan import DEFAULT_ROWS, Pretence
from magical.engine.protocols import Listener
from magical.engine.run import RunRequest, RunResult, RunStopped, execute
from magical.errors import MagicalError, ProjectError, SettingsError, StoreError, UsageError
from magical.graph import Graph
from magical.project.loading.drawing import Drawing, Drawings
from magical.project.reproduce.compare import Comparison
from magical.project.reproduce.drift import Change, changed_data, changes
from magical.project.reproduce.outcome import Reproduced, Reproduction
from magical.project.reproduce.record import Recorded, as_then, left_out, record_of
from magical.project.reproduce.record_schema import read_record
from magical.project.run_setup import Opening, schedule
from magical.project.temporary_folder import aside
from magical.refs import Link
from magical.settings.layers import apply_overrides
from magical.settings.paths import ReplacementGroup
from magical.settings.secrets import drop_masked

__all__ = ["reproduce"]

_HERE = {"enabled": False, "uri": "", "registry_uri": ""}
"""Nothing of it is tracked, whatever the profile says."""


class Reproducible(Recorded, Protocol):
    """The part of a project that running it again needs."""

    @property
    def opening(self) -> Opening:
        """How it was opened."""

    @property
    def home(self) -> Path:
        """Its folder ``.magical``."""

    @property
    def drawings(self) -> Drawings:
        """Draws its workflow."""

    def opened(self, opening: Opening) -> Reproducible:
        """Give a project that is opened in another way."""

    def draw(self, line: Mapping[str, Any]) -> Drawing:
        """Draw its workflow."""

    def request(self, drawing: Drawing, listeners: tuple[Listener, ...] = ()) -> RunRequest:
        """Give all that a run of a drawing needs."""


Tell = Callable[[str, tuple[Change, ...]], None]


def _nothing(run: str, found: tuple[Change, ...]) -> None:
    """Tell nobody."""


def reproduce(
    project: Reproducible,
    run: str | Path,
    settings: Mapping[str, Any] | None = None,
    listeners: tuple[Listener, ...] = (),
    tell: Tell = _nothing,
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
    record = _record(project, run)
    _refuse_other_profile(project.opening.profile, record)
    try:
        with aside(project.home) as home:
            fresh = _beside(project, record, home)
            found, steps = _reproduced(project, fresh, record, settings or {}, listeners, tell)
    except KeyboardInterrupt:
        raise RunStopped("reproduce was stopped; nothing of it is kept.") from None
    seconds = round(time.monotonic() - began, 3)
    return Reproduction(record["workflow"], record["run"], found, steps, seconds)


def _reproduced(
    project: Reproducible,
    fresh: Reproducible,
    record: Mapping[str, Any],
    settings: Mapping[str, Any],
    listeners: tuple[Listener, ...],
    tell: Tell,
) -> tuple[tuple[Change, ...], tuple[Reproduced, ...]]:
    whole = _drawing(fresh, record, settings)
    drawing, without = _again(whole, record)
    planner = fresh.request(whole).make_planner(whole.graph)
    found = tuple(changes(record, whole, planner, fresh.root, without))
    tell(record["run"], found)
    if error := changed_data(found, record["run"]):
        raise error
    something = bool(drawing.graph.nodes)
    result = execute(fresh.request(drawing, listeners), schedule) if something else RunResult()
    then = as_then(project, record.get("profile", ""))
    return found, Comparison(then, fresh, record, drawing.graph, result).steps(without)


def _record(project: Reproducible, run: str | Path) -> dict[str, Any]:
    path = Path(run)
    if path.is_file():
        record = read_record(path)
    elif isinstance(run, Path) or path.suffix == ".json" or len(path.parts) > 1:
        raise UsageError(f"There is no file {path}.", hint="magical runs RUN --json > record.json")
    else:
        record = record_of(project, str(run), here=True)
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


def _beside(project: Reproducible, record: Mapping[str, Any], home: Path) -> Reproducible:
    """The project with a store of its own, as the run had opened it."""
    opening = project.opening
    past = Pretence(record.get("pretend", ""), record.get("rows") or DEFAULT_ROWS)
    return project.opened(
        replace(
            opening,
            location=replace(opening.location, aside=home),
            profile=record.get("profile", ""),
            sample=record.get("sample", 0),
            pretence=past,
        )
    )


def _drawing(fresh: Reproducible, record: Mapping[str, Any], given: Mapping[str, Any]) -> Drawing:
    settings = drop_masked(record["settings"])
    whole = {n for n, v in settings.items() if isinstance(v, Mapping) and v == record["settings"][n]}
    line = apply_overrides(settings, given)
    line = {n: ReplacementGroup(v) if n in whole else v for n, v in line.items()} | {"tracking": _HERE}
    try:
        drawing = fresh.draw(line)
    except UsageError as error:
        _refuse_other_project(record, fresh.drawings.workflow())  # before what is in it is blamed
        if not isinstance(error, SettingsError) or (given and _is_taken(fresh, record)):
            raise
        raise ProjectError(
            f"{record['run']} cannot be reproduced: its settings are not those of this project.",
            *error.lines,
            hint=f"go back to the commit of the run{_commit(record)}, or give it: KEY=VALUE.",
        ) from error
    _refuse_other_project(record, drawing.drawn.graph.workflow)
    return drawing


def _refuse_other_project(record: Mapping[str, Any], here: str) -> None:
    if record["workflow"] != here:
        raise UsageError(
            f"{record['run']} is a record of {record['workflow']}, and this project is {here}.",
            hint="name the project: magical reproduce RUN --project PATH",
        )


def _is_taken(fresh: Reproducible, record: Mapping[str, Any]) -> bool:
    """Whether the settings of the run are taken as they are: then what the line adds to them is wrong."""
    try:
        _drawing(fresh, record, {})
    except MagicalError:
        return False
    return True


def _commit(record: Mapping[str, Any]) -> str:
    commit = str((record.get("git") or {}).get("commit", ""))
    return f", {commit[:10]}" if commit else ""


def _again(drawing: Drawing, record: Mapping[str, Any]) -> tuple[Drawing, dict[str, str]]:
    """The part of the workflow that finished then, without what writes to the world; and why not the rest."""
    said, without = record["steps"], left_out(drawing.graph)
    names = [n.name for n in drawing.graph.nodes if said.get(n.name, {}).get("key") and n.name not in without]

    def part(graph: Graph) -> Graph:
        needed = graph.ancestors(names)
        nodes = tuple(n for n in graph.nodes if n.name in needed)
        return replace(graph, nodes=nodes, result=tuple(map(Link, names)), findings=())

    return replace(drawing, change=part), without
