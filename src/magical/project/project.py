"""The Python interface of a project: the verbs of the command as methods."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.engine.journal import Journal
from magical.engine.pretend_plan import ALL, DEFAULT_ROWS, SOURCES, Pretence
from magical.engine.protocols import Listener, Registry, Store, SweepResult
from magical.engine.run import RunResult, RunStopped
from magical.errors import Finding, UsageError, shorten
from magical.events import current_sink
from magical.graph import Graph
from magical.project.listings import RunList, RunPlan
from magical.project.loading.drawing import WorkflowDrawing
from magical.project.loading.location import find_project
from magical.project.project_context import OpenOptions, ProjectContext, open_context
from magical.project.result import Run
from magical.project.run_setup import run_drawing
from magical.project.why_answer import History, Why, answer_why
from magical.report.terminal.progress import open_console
from magical.settings.layers import to_overrides

if TYPE_CHECKING:
    from prefect import Flow

    from magical.project.reporting import Report
    from magical.project.reproduce.outcome import Reproduction
    from magical.project.scoring import ScoreOptions, Scoring
    from magical.project.step_card import StepCard
    from magical.project.sync import SyncReport
    from magical.report.run_comparison import RunComparison
    from magical.views.picture import Picture

__all__ = ["Project", "load"]

NamedSettings = Mapping[str, Any] | None
"""Settings by name, which may be dotted; None for those of the files."""


def load(
    path: str | Path = ".",
    *,
    profile: str = "",
    sample: int = 0,
    trust: bool = False,
    register: bool = False,
) -> Project:
    """Open a project for a notebook or a test.

    Args:
        path: the project's folder, or its single file.
        profile: the name of a file in its ``profiles`` folder; empty for none.
        sample: rows to take from each source, for a quick look with the real code; 0 for all. Results that
            depend on a sample are branded, and never registered.
        trust: also use results that another store signed and that can run code when loaded.
        register: also run the steps that write to the world where settings differ from those of the files.
            Without it such a run explores: it leaves these steps out.

    Raises:
        UsageError: there is no project, or ``sample`` is not a number of rows.

    Example:
        >>> import tempfile
        >>> from magical.project.scaffold.create import create_project
        >>> load(create_project(f"{tempfile.mkdtemp()}/shop").root)
        <project shop>
    """
    return Project(OpenOptions(find_project(path), profile, sample, trust, register=register))


class Project:
    """A project on disk, with the verbs of the command as methods.

    Settings are given by name, or as a mapping whose keys may be dotted as on the command line:
    ``project.run(max_age=80, split={"seed": 3})`` is ``project.run("", {"max_age": 80, "split.seed": 3})``.
    Each call reads the project's files again, once.

    Attributes:
        last: the newest run from this object, also one that failed or was stopped; None before the first.
        quiet: True to show neither the progress nor the warnings of runs; what steps print is shown.

    Example:
        >>> import tempfile
        >>> from magical.project.scaffold.create import create_project
        >>> project = load(create_project(f"{tempfile.mkdtemp()}/shop").root)
        >>> project.graph().workflow, project.runs()
        ('shop', <no runs>)
    """

    def __init__(self, options: OpenOptions) -> None:
        sample = options.sample
        if type(sample) is not int or sample < 0:
            raise UsageError(f"A sample is a number of rows, got {sample!r}.", hint="such as 200; 0 for all.")
        self.options = options
        self.root, self.home = options.location.root, options.location.home
        self.journal = Journal(self.home / "runs")
        self.last: Run | None = None
        self.quiet = False
        self._stores: dict[tuple[str, Path], Store] = {}

    def __repr__(self) -> str:
        options = self.options
        kinds = [f"profile {options.profile}"] * bool(options.profile)
        kinds += [f"sample of {options.sample}"] * bool(options.sample)
        kinds += ["pretended"] * bool(options.pretence.mode)
        return f"<project {', '.join([self.root.name, *kinds])}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Project, (self.options,)  # another process opens it again, with stores of its own

    def _repr_html_(self) -> str:
        from magical.views.page import render_figure

        return render_figure(self.picture())

    def context(self, settings: Mapping[str, Any] | None = None) -> ProjectContext:
        """Read the project's files for one command; ``settings`` override those of the files.

        Raises:
            UsageError: there is no such profile.
            SettingsError: a file, policy or tracking is wrong.
        """
        return open_context(self.options, to_overrides(settings or {}), self._stores)

    @property
    def store(self) -> Store:
        """The store of the project's artifacts: ``.magical/store``, or the one that ``[policy] store`` names.

        Raises:
            SettingsError: a setting is wrong.
            StoreError: no store can be opened there.
        """
        return self.context().store

    def graph(self, settings: NamedSettings = None, **named: Any) -> Graph:
        """Draw the workflow; the graph may come from the cache, without its code."""
        return self.context(_join(settings, named)).draw().drawn.graph

    def plan(self, step: str = "", settings: NamedSettings = None, **named: Any) -> RunPlan:
        """Plan a run without executing it; the plan of each step by its name."""
        context = self.context(_join(settings, named))
        return RunPlan(context.draw().drawn.graph, context.plan(_check_step(step)))

    def picture(self, settings: NamedSettings = None, **named: Any) -> Picture:
        """Build the picture that ``magical show`` draws: steps and their data, each step with its state."""
        return self.context(_join(settings, named)).picture()

    def run(self, step: str = "", settings: NamedSettings = None, **named: Any) -> Run:
        """Run all steps that are not fresh, or those up to one step.

        With other settings than those of the files it explores: steps that write to the world are left out,
        unless the project was opened with ``register=True``. Progress and warnings are shown as they come.

        Raises:
            MagicalError: the first step that failed; ``last`` has the results of the others.
            KeyboardInterrupt: it was stopped by Ctrl-C; ``last`` has what was finished.
        """
        return self._run(self.context(_join(settings, named)), step)

    def _run(self, context: ProjectContext, step: str) -> Run:
        drawing = context.draw(_check_step(step))
        # A step that runs a project is watched by whoever watches the step.
        watched = () if self.quiet or current_sink.get() else (open_console(),)
        try:
            result = run_drawing(context, drawing, watched)
        except RunStopped as stopped:
            self.last = Run(context, drawing, stopped.result)
            raise
        self.last = Run(context, drawing, result)
        for error in result.errors.values():
            raise error
        return self.last

    def execute(
        self,
        step: str = "",
        settings: Mapping[str, Any] | None = None,
        listeners: tuple[Listener, ...] = (),
        on_error: Callable[[BaseException], None] | None = None,
    ) -> RunResult:
        """Run all steps that are not fresh, and return the bare result, failures included."""
        context = self.context(settings)
        return run_drawing(context, context.draw(step), listeners, on_error)

    def check(self, settings: NamedSettings = None, *, hard: bool = False, **named: Any) -> list[Finding]:
        """Find weak, unused and unwritten steps; ``hard`` also calls written steps with generated rows."""
        from magical.project.checking import check_project

        return list(check_project(self.context(_join(settings, named)), hard).findings)

    def pretend(
        self,
        step: str = "",
        settings: NamedSettings = None,
        *,
        rows: int = DEFAULT_ROWS,
        all: bool = False,
        **named: Any,
    ) -> Run:
        """Run with pretended sources, so that no file is needed; or with every step pretended.

        Args:
            step: the last step of the run.
            settings: as for ``run``.
            rows: of each generated table.
            all: pretend every step, also those with a body.
            named: as for ``run``.

        Raises:
            MagicalError: the first step that failed; ``last`` has the results of the others.
        """
        context = self.context(_join(settings, named))
        pretence = Pretence(ALL if all else SOURCES, rows)
        return self._run(replace(context, options=replace(context.options, pretence=pretence)), step)

    def with_pretence(self, pretence: Pretence) -> Project:
        """Open the same project with the steps pretended that ``pretence`` selects."""
        return Project(replace(self.options, pretence=pretence))

    def why(self, step: str, settings: NamedSettings = None, **named: Any) -> Why:
        """Explain why a step runs again, or why it ran the last time."""
        context = self.context(_join(settings, named))
        drawing, plans = context.draw(), context.plan()
        name = drawing.graph.node(step).name
        if name not in plans:
            raise _not_run_error(drawing, name)
        history = History(context.comparable_runs(), context.receipts, context.file_digests.list_group)
        return answer_why(name, plans, drawing.drawn, history)

    def inspect(self, step: str, settings: NamedSettings = None, **named: Any) -> StepCard:
        """Look at the result of a step: columns, rows, time, memory, code, and what it kept and said.

        Raises:
            UsageError: there is no such step, or it has not run yet.
        """
        from magical.project.inspection import inspect_step

        return inspect_step(self.context(_join(settings, named)), step)

    def report(self, run: str = "last") -> Report:
        """Build the report of a run, and write it beside its journal.

        Raises:
            UsageError: there is no such run.
        """
        from magical.project.reporting import make_report

        return make_report(self.context(), run)

    def runs(self) -> RunList:
        """List the runs, newest first."""
        return RunList(self.journal.runs())

    def compare(self, old: str, new: str, common: bool = False) -> RunComparison:
        """Compare two runs: what differed, and which one predicts better on the same test rows.

        Args:
            old: the run's name, the beginning of it, or ``last``; ``champion`` or ``NAME/VERSION`` for
                the run that registered that model.
            new: the other run; a gain is positive where it is better.
            common: compare the rows that both judged, where their test rows differ.

        Raises:
            UsageError: there is no such run or model.
        """
        from magical.project.run_lookup import find_evidence
        from magical.report.run_comparison import compare_runs

        context = self.context()
        return compare_runs(find_evidence(context, old), find_evidence(context, new), common)

    def gc(
        self, keep: int = 10, *, dry: bool = False, verify: bool = False, only_this_project: bool = False
    ) -> SweepResult:
        """Remove the results that neither the newest runs, nor those under way, nor the present plan need.

        In a store that several projects share, the results of the ten newest runs of each other project stay.

        Args:
            keep: the number of newest runs that keep their results.
            dry: remove nothing, and count what would be removed.
            verify: read all results that stay, and remove damaged ones.
            only_this_project: in a shared store, remove what only other projects need, too.
        """
        from magical.project.gc import find_live_keys
        from magical.project.temporary_folder import clear_temporary_folders

        if not dry:
            clear_temporary_folders(self.home)
        context = self.context()
        plans = context.plan().values()
        return context.store.sweep(
            lambda: find_live_keys(plans, self.journal, keep),
            dry=dry,
            verify=verify,
            keep_others=not only_this_project,
        )

    def sync(self, listeners: tuple[Listener, ...] = ()) -> SyncReport:
        """Send the runs and steps that MLflow or Prefect missed while it was down.

        Args:
            listeners: receive the events of the steps that are executed again to send them.
        """
        from magical.integrations.prefect.reconcile import reconcile_flow_runs
        from magical.project.sync import sync_project

        return sync_project(self.context(), listeners, reconcile_flow_runs(self))

    def reproduce(self, run: str | Path, settings: NamedSettings = None, **named: Any) -> Reproduction:
        """Run an earlier run again in a fresh store, and compare the results.

        Args:
            run: the run's name, the beginning of it, or ``last``; or a file from ``magical runs RUN --json``.
            settings: the settings that differ from those of the run, such as the path of a file.
            named: the same, by name.
        """
        from magical.project.reproduce.reproduce import reproduce_run

        return reproduce_run(self.context(), run, to_overrides(_join(settings, named)))

    def score(
        self,
        source: Any,
        model: str = "",
        output: str | Path | None = None,
        keep: Sequence[str] = (),
        options: ScoreOptions | None = None,
    ) -> Scoring:
        """Score new rows by a registered model: each gets a prediction, or is rejected with its reasons.

        Args:
            source: a path that ``ingest`` reads, or a table of polars or pandas; the target may be absent.
            model: ``NAME``, ``NAME@ALIAS``, ``NAME/VERSION``, or a model's folder; by default the champion of
                the workflow's own name.
            output: the file of predictions, parquet or csv; None to have them in memory only.
            keep: columns of the source that the predictions repeat.
            options: how it is done, such as the share of rows that may be rejected.

        Raises:
            UsageError: there is no such model, or the source or the output cannot be used.
            BrokenPromise: too many rows are rejected.
            StepError: a step of the model failed.
        """
        from magical.project.scoring import ScoreOptions, find_model, open_registry, score_rows

        name = model or self.graph().workflow
        loaded = find_model(name, lambda: open_registry("", self.context))
        path = None if output is None else Path(output)
        return score_rows(source, loaded, path, keep, options or ScoreOptions())

    def flow(self) -> Flow[..., None]:
        """Create a Prefect flow of the same name as the workflow, with its settings as parameters.

        A call with other settings than those of the files, or of its deployment, explores as in ``run``.
        """
        from magical.project.prefect_flow import create_flow

        # Prefect finds a flow again by module and name, so it must carry the caller's module, not this one.
        module = str(sys._getframe(1).f_globals.get("__name__", "__main__"))
        return create_flow(self.context(), module, lambda called: run_drawing(called, called.draw()))

    def scoring_flow(self) -> Flow[..., dict[str, Any]]:
        """Create a Prefect flow that scores new rows, named after the workflow: ``campaign-score``.

        It must be the global ``score`` of its module, since Prefect finds it there again.
        """
        from magical.project.scoring_flow import create_scoring_flow

        module = str(sys._getframe(1).f_globals.get("__name__", "__main__"))
        return create_scoring_flow(self.context(), module, self.score)

    def registry(self) -> Registry:
        """Open the model registry: the project's own, unless ``[tracking]`` names another."""
        return self.context().registry()


def _join(settings: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    """Join the settings of a mapping and those that are given by name, which win.

    Raises:
        UsageError: the settings are no mapping.
    """
    if not isinstance(settings, Mapping | None):
        text = f"Settings are a mapping of names to values, got {shorten(repr(settings))}."
        raise UsageError(text, hint='such as {"split.seed": 3}, or by name: split={"seed": 3}.')
    return {**(settings or {}), **named}


def _check_step(step: Any) -> str:
    """Return the name of a step; raise a UsageError for anything else."""
    if isinstance(step, str):
        return step
    hint = 'settings come second: project.run("", {"split.seed": 3}).'
    raise UsageError(f"The name of a step is a text, got {shorten(repr(step))}.", hint=hint)


def _not_run_error(drawing: WorkflowDrawing, name: str) -> UsageError:
    if name in {n.name for n in drawing.full_graph.required_nodes}:
        text = f"{name} is not run: what follows it is pretended without it."
        return UsageError(text, hint="ask for a step behind it.")
    return UsageError(f"{name} is not run: nothing uses what it gives.", hint="return it, or pass it on.")
