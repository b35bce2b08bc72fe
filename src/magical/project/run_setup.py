"""The setup of a run: its runner, listeners, registry, cluster and worker processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from magical.engine.policy import Policy
from magical.engine.protocols import Cluster, Listener, Runner
from magical.engine.run import RemoteSetup, RunContext, RunInfo, RunResult, execute
from magical.errors import MagicalError, join_names
from magical.project.loading.drawing import WorkflowDrawing
from magical.project.loading.graph_cache import DrawnWorkflow
from magical.project.project_context import OpenOptions, ProjectContext
from magical.project.reporting import ReportWriter
from magical.project.tracking_setup import Tracking, create_tracker

__all__ = ["TASK_WORKER_COMMAND", "OpenTicket", "create_run_context", "run_drawing"]

TASK_WORKER_COMMAND = (sys.executable, "-P", "-m", "magical.project.task_worker")
"""The command of a process for one node; with -P, a random.py in its folder does not hide Python's module."""

OnError = Callable[[BaseException], None]


@dataclass(frozen=True)
class OpenTicket:
    """The ticket with which another process opens the same project; it can be pickled.

    Attributes:
        overrides: the settings of the command.
        step: the last step of the run; empty for all.
        mlflow_run: the id of the MLflow run under way.
        folder: the folder where relative paths of the command line start.
    """

    options: OpenOptions
    overrides: Mapping[str, Any]
    step: str
    mlflow_run: str | None
    folder: str


def run_drawing(
    context: ProjectContext,
    drawing: WorkflowDrawing,
    listeners: tuple[Listener, ...] = (),
    on_error: OnError | None = None,
    runner: Runner | None = None,
) -> RunResult:
    """Run the steps of a drawing that are not fresh.

    Args:
        context: the context of the project.
        drawing: the workflow up to some step.
        listeners: receive the events, and show the lines that bodies print.
        on_error: called with the exception of a body, in the frame that caught it; bodies then run in this
            thread.
        runner: runs the bodies; by default the one that policy names.
    """

    def start() -> RunResult:
        """Set up the runner, the listeners and the cluster, and execute the steps."""
        # Imported here: a run with nothing to do must not wait for the import of polars and the rest.
        from magical.engine.execution.dispatch import has_cluster_work
        from magical.engine.execution.scheduler import Scheduler

        # One tracker, created at its first use: by the first event, or by a step that registers.
        tracker = cache(lambda: create_tracker(context, drawing.drawn.graph.workflow))
        run = create_run_context(context, drawing, runner, on_error, lambda: _find_run_id(tracker))
        tracking = () if context.options.pretence.mode else (Tracking(tracker),)
        has_report = context.configuration.tracking.report and not context.is_temporary
        # Before the tracker, which sends the files of the report.
        reports = (ReportWriter(context, drawing.graph),) if has_report else ()
        # The console of a notebook leaves what bodies print to the streams where it always was.
        echo = all(getattr(listener, "leaves_prints", False) for listener in listeners)
        run = replace(run, listeners=(*listeners, *reports, *tracking), echo=echo, echo_logs=not listeners)
        is_local = bool(runner or on_error or context.is_temporary)
        if context.configuration.policy.runner == "prefect" and not is_local:
            from magical.project.prefect_flow import set_up_prefect

            flow_runner, cards = set_up_prefect(context, run.graph)
            run = replace(run, runner=flow_runner, listeners=(*run.listeners, flow_runner, cards))
        if not has_cluster_work(run):
            return Scheduler(run).run()
        with _create_cluster(context) as cluster:  # before any step runs: the cluster may not answer
            return Scheduler(run, cluster).run()

    return execute(drawing.graph, context.make_planning_context(drawing), start)


def create_run_context(
    context: ProjectContext,
    drawing: WorkflowDrawing,
    runner: Runner | None = None,
    on_error: OnError | None = None,
    find_run_id: Callable[[], str | None] = lambda: None,
) -> RunContext:
    """Create the context of a run, without listeners.

    Args:
        context: the context of the project.
        drawing: the workflow up to some step.
        runner: runs the bodies; by default threads of this process.
        on_error: called with the exception of a body, in the frame that caught it.
        find_run_id: returns the id of the MLflow run under way, or None.
    """
    options, configuration = context.options, context.configuration

    def make_ticket() -> OpenTicket:
        # Created for each node: MLflow's run begins only with the first event.
        return OpenTicket(options, configuration.overrides, drawing.step, find_run_id(), os.getcwd())

    graph = drawing.runnable_graph  # first: it may replace the drawing that the other parts are made from
    info = RunInfo(
        root=context.root,
        settings=drawing.drawn.settings,
        profile=options.profile,
        step=drawing.step,
        pretence=options.pretence,
        warnings=tuple(_describe_unstable(drawing.drawn)),
    )
    return RunContext(
        graph=graph,
        planning=context.make_planning_context(drawing),
        journal=context.journal,
        policy=configuration.policy,
        runner=runner or _create_runner(configuration.policy, on_error is not None),
        info=info,
        registry=lambda: context.registry(find_run_id),
        remote=None if on_error else RemoteSetup(TASK_WORKER_COMMAND, make_ticket),
        on_error=on_error,
    )


def _describe_unstable(drawn: DrawnWorkflow) -> Iterator[str]:
    """Describe each value that is another at each import, with its price and the way out."""
    for name, nodes in drawn.unstable.items():
        after = [n.name for n in drawn.graph.nodes if drawn.graph.ancestors([n.name]) & {*nodes} - {n.name}]
        price = f"{join_names(nodes, 3)}{f' and {len(after)} after' if after else ''}"
        yield (
            f"{name} is another each time the project is imported, so {price} can never be fresh. "
            "Hint: make it a setting; clocks, random draws and environment variables belong into steps."
        )


def _create_cluster(context: ProjectContext) -> Cluster:
    from magical.integrations.dask.cluster import DaskCluster

    policy = context.configuration.policy
    execute = "magical.project.task_worker:execute_on_worker"
    return DaskCluster(policy.cluster, policy.workers, context.home, execute)


def _create_runner(policy: Policy, is_debugging: bool) -> Runner:
    from magical.engine.execution.local_runner import InlineRunner, LocalRunner

    return InlineRunner() if is_debugging else LocalRunner(policy.workers)


def _find_run_id(tracker: Callable[[], Any]) -> str | None:
    """Return the id of MLflow's run; None if tracking could not begin, which must not fail a step."""
    try:
        return getattr(tracker(), "run_id", None)
    except MagicalError:
        return None
