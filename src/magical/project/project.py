"""The project as Python sees it: the same verbs as the command, as methods."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.engine.journal import Journal, RunSummary
from magical.engine.plan import NodePlan, Planner, Receipts
from magical.engine.policy import TrackingSettings as HowToTrack
from magical.engine.pretend_plan import ALL, DEFAULT_ROWS, SOURCES, Pretence
from magical.engine.protocols import Listener, Registry, Store, SweepResult
from magical.engine.run import RunRequest, RunResult, execute
from magical.errors import Finding, UsageError
from magical.graph import Graph
from magical.project.backends import ProjectRegistryIdentity, database_uri, open_store
from magical.project.loading.configuration import Configuration
from magical.project.loading.drawing import WorkflowDrawer, WorkflowDrawing
from magical.project.loading.graph_cache import DrawnWorkflow
from magical.project.loading.location import find_project
from magical.project.result import Run
from magical.project.run_setup import OpenOptions, build_request, create_scheduler
from magical.project.why_answer import Why, answer_why
from magical.settings.layers import to_overrides
from magical.system.file_digests import FileDigests

if TYPE_CHECKING:
    from prefect import Flow

    from magical.project.reproduce.outcome import Reproduction
    from magical.project.sync import StoredPlan, SyncReport
    from magical.views.picture import Picture

__all__ = ["Project", "load"]


def load(path: str | Path = ".", *, profile: str = "", sample: int = 0, trust: bool = False) -> Project:
    """Open a project for a notebook or a test.

    Args:
        path: its folder, or its one file.
        profile: the name of a file in its ``profiles`` folder.
        sample: how many rows each source gives, for a quick look with the real code; 0 for all. What stands
            on a sample is branded, and never registered.
        trust: take also results that came from another store and can run code when loaded.

    Raises:
        UsageError: there is no project, or the sample is no number of rows.
    """
    return Project(OpenOptions(find_project(path), profile, sample, trust))


class Project:
    """A project on disk, with the verbs of the command as methods.

    Settings are given by name: ``project.run(max_age=80, split={"seed": 3})``.
    """

    def __init__(self, options: OpenOptions) -> None:
        sample, location = options.sample, options.location
        if type(sample) is not int or sample < 0:
            raise UsageError(f"A sample is a number of rows, got {sample!r}.", hint="such as 200; 0 for all.")
        self.options, self.location = options, location
        self.root, self.home = location.root, location.home
        self.configuration = Configuration(location.root, options.profile)
        self.journal = Journal(self.home / "runs")
        self.digest = FileDigests(self.home / "files.json").digest
        self.drawer = WorkflowDrawer(location, self.configuration, self.home / "drawn", options.pretence)

    def __repr__(self) -> str:
        return f"<project {self.root.name}>"

    def _repr_html_(self) -> str:
        from magical.views.page import render_figure

        return render_figure(self.picture())

    @cached_property
    def store(self) -> Store:
        """Where artifacts live: ``.magical/store``, or what ``[policy] store`` names.

        Raises:
            SettingsError: a setting is wrong.
            StoreError: there can be no store where it says.
        """
        aside = (
            self.location.temporary_home is not None
        )  # a run that leaves nothing behind leaves nothing there, too
        url = "" if aside else self.configuration.policy({}).store
        return open_store(url, self.home, trust=self.options.trust)

    def graph(self, **settings: Any) -> Graph:
        """Give the drawn graph; its nodes may have been remembered, not drawn anew."""
        return self.draw_workflow(settings).graph

    def plan(self, step: str = "", **settings: Any) -> dict[str, NodePlan]:
        """Say what a run would do, without doing it."""
        drawing = self.draw(settings, step)
        return self._planner(drawing).plan()

    def picture(self, **settings: Any) -> Picture:
        """Give what ``magical show`` draws: steps and their data, each step with its state."""
        from magical.project.step_states import draw_states

        drawing = self.draw(settings)
        planner = self._planner(drawing)
        return draw_states(drawing.full_graph, planner.plan, self.comparable_runs())

    def run(self, step: str = "", **settings: Any) -> Run:
        """Run what is not fresh, up to one step or all of it.

        Raises:
            MagicalError: the first step that failed; the results of the others are kept.
        """
        drawing = self.draw(settings, step)
        result = self._execute(drawing, ())
        if result.errors:
            raise next(iter(result.errors.values()))
        return Run(drawing.runnable_graph, result, self.store)

    def check(self, hard: bool = False, **settings: Any) -> list[Finding]:
        """Say what is weak, unused or unwritten; ``hard`` calls each written step with made-up rows, too."""
        from magical.project.checking import check_project

        return list(check_project(self, settings, hard).findings)

    def pretend(self, step: str = "", *, rows: int = DEFAULT_ROWS, all: bool = False, **settings: Any) -> Run:
        """Run with made-up sources, so that no file is needed; or with every step made up from its contract.

        Args:
            step: up to which.
            rows: of a table that is made up new.
            all: make up every step, those with a body too.
            settings: as for ``run``.

        Raises:
            MagicalError: the first step that failed; the results of the others are kept.
        """
        return self.with_pretence(Pretence(ALL if all else SOURCES, rows)).run(step, **settings)

    def with_pretence(self, pretence: Pretence) -> Project:
        """Give the same project with more made up."""
        return Project(replace(self.options, pretence=pretence))

    def why(self, step: str, **settings: Any) -> Why:
        """Say why a step runs again, or why it ran the last time."""
        drawing = self.draw(settings)
        drawn, name = drawing.drawn, drawing.graph.node(step).name
        plans = self._planner(drawing).plan()
        if name not in plans:
            raise _not_run_error(drawing, name)
        return answer_why(name, plans, drawn, self.comparable_runs(), self.receipts(drawing.line))

    def runs(self) -> list[RunSummary]:
        """Give the runs so far, newest first."""
        return list(self.journal.runs())

    def draw_workflow(self, settings: Mapping[str, Any] | None = None) -> DrawnWorkflow:
        """Give the drawn workflow, from memory if nothing that it depends on has changed."""
        return self.draw(settings or {}).drawn

    def gc(self, keep: int = 10, *, dry: bool = False, verify: bool = False) -> SweepResult:
        """Remove the results that neither the newest runs, nor those under way, nor the present plan need."""
        from magical.project.gc import find_live_keys
        from magical.project.temporary_folder import clear_temporary_folders

        if not dry:
            clear_temporary_folders(self.home)
        plans = self.plan().values()
        return self.store.sweep(lambda: find_live_keys(plans, self.journal, keep), dry=dry, verify=verify)

    def draw(self, line: Mapping[str, Any], step: str = "") -> WorkflowDrawing:
        """Give the drawn workflow up to a step, with its code at hand."""
        return self.drawer.draw(to_overrides(line), step)

    def execute(
        self,
        step: str = "",
        settings: Mapping[str, Any] | None = None,
        listeners: tuple[Listener, ...] = (),
        on_error: Callable[[BaseException], None] | None = None,
    ) -> RunResult:
        """Run, and give the bare result; what the command calls.

        Args:
            step: run only what this step needs.
            settings: as on the command line.
            listeners: who hears the events; what bodies print is then for them to show.
            debug: called where a body raised, with what it raised; steps then run one by one in this thread.
        """
        return self._execute(self.draw(settings or {}, step), listeners, on_error)

    def sync(self, listeners: tuple[Listener, ...] = ()) -> SyncReport:
        """Send what MLflow's tracking or registry, or Prefect, missed while it was down.

        Args:
            listeners: who hears what the steps tell that are made up for.
        """
        from magical.integrations.prefect.reconcile import reconcile_flow_runs
        from magical.project.sync import sync_project

        return sync_project(self, listeners, reconcile_flow_runs(self))

    def plan_from_store(self, step: str, settings: Mapping[str, Any]) -> StoredPlan:
        """Draw up to a step, with nothing that is asked of the world again, as ``sync`` does."""
        from magical.project.sync import StoredPlan, freeze_sources

        drawing = replace(self.draw(settings, step), rewrite=freeze_sources)
        plans = self._planner(drawing).plan()
        return StoredPlan(drawing.graph.workflow, plans, lambda listeners: self._execute(drawing, listeners))

    def reproduce(self, run: str | Path, **settings: Any) -> Reproduction:
        """Run an earlier run again in a fresh store, and compare what it gives with what it gave then.

        Args:
            run: its name, the beginning of it, or ``last``; or a file that ``magical runs RUN --json`` wrote.
            settings: what is to be another than in the run, such as where a file lies.
        """
        from magical.project.reproduce.reproduce import reproduce_run

        return reproduce_run(self, run, settings)

    def flow(self) -> Flow[..., None]:
        """Give the workflow as a Prefect flow of the same name, with its settings as parameters."""
        from magical.project.prefect_flow import create_flow

        return create_flow(self, str(sys._getframe(1).f_globals.get("__name__", "__main__")))

    def with_profile(self, profile: str) -> Project:
        """Give the same project under another profile."""
        return self.reopen(replace(self.options, profile=profile))

    def reopen(self, options: OpenOptions) -> Project:
        """Give a project that is opened in another way."""
        return Project(options)

    def registry(self, tracking: HowToTrack | None = None, run_id: Any = None) -> Registry:
        """Give the model registry: the project's own, unless ``[tracking]`` names another."""
        from magical.integrations.mlflow.registry import MlflowRegistry

        tracking = tracking or self.configuration.tracking({})
        uri = tracking.registry_uri or tracking.uri or self.database_uri()
        experiment = tracking.experiment or self.draw_workflow().graph.workflow
        return MlflowRegistry(
            uri,
            artifacts=self.home / "artifacts",
            experiment=experiment,
            find_run_id=run_id or (lambda: None),
        )

    def build_request(
        self,
        drawing: WorkflowDrawing,
        listeners: tuple[Listener, ...] = (),
        on_error: Callable[[BaseException], None] | None = None,
        mlflow_run: Callable[[], str | None] | None = None,
    ) -> RunRequest:
        """Give all that a run of a drawing needs; see ``executing.build_request``."""
        return build_request(self, drawing, listeners, on_error, mlflow_run)

    def _execute(
        self,
        drawing: WorkflowDrawing,
        listeners: tuple[Listener, ...],
        on_error: Callable[[BaseException], None] | None = None,
    ) -> RunResult:
        return execute(self.build_request(drawing, listeners, on_error), create_scheduler)

    def _planner(self, drawing: WorkflowDrawing) -> Planner:
        computed, sample = self.receipts(drawing.line), self.options.sample
        return Planner(drawing.graph, drawing.drawn.identities, computed, self.digest, sample)

    def receipts(self, line: Mapping[str, Any]) -> Receipts:
        """Give what looks up in the store what has been computed, for the registry that a line leads to."""
        return Receipts(self.store, ProjectRegistryIdentity(self.home, self.configuration.tracking(line)))

    def comparable_runs(self) -> Iterator[RunSummary]:
        """The runs to compare with: a sample is compared with samples, a pretence with pretences."""
        alike = (bool(self.options.sample), self.options.pretence.mode)
        runs = self.journal.runs()
        return (r for r in runs if (bool(r.facts.get("sample")), r.facts.get("pretend", "")) == alike)

    def database_uri(self) -> str:
        """Give the address of the project's own MLflow database.

        Raises:
            ProjectError: the folder's name has letters that an address cannot hold.
        """
        return database_uri(self.root, self.home)


def _not_run_error(drawing: WorkflowDrawing, name: str) -> UsageError:
    if name in {n.name for n in drawing.full_graph.required_nodes}:
        return UsageError(
            f"{name} is not run: what follows it is made up without it.", hint="ask for a step behind it."
        )
    return UsageError(f"{name} is not run: nothing uses what it gives.", hint="return it, or pass it on.")
