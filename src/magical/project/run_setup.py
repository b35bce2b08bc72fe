"""What a run of a project is executed with: runner, listeners, registry, cluster, worker processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from magical.engine.policy import Policy
from magical.engine.protocols import Cluster, Listener, Runner
from magical.engine.run import RemoteSetup, RunContext, RunInfo, RunResult, execute
from magical.errors import MagicalError
from magical.project.loading.drawing import WorkflowDrawing
from magical.project.project_context import OpenOptions, ProjectContext
from magical.project.tracking_setup import LazyTracker, create_tracker

__all__ = ["TASK_WORKER_COMMAND", "OpenTicket", "create_run_context", "run_drawing"]

TASK_WORKER_COMMAND = (sys.executable, "-P", "-m", "magical.project.task_worker")
"""Starts a process for a single node; with -P, a file such as random.py where it works hides no module."""

OnError = Callable[[BaseException], None]


@dataclass(frozen=True)
class OpenTicket:
    """What another process opens the same project with.

    Attributes:
        options: how it is opened.
        overrides: the settings of the command.
        step: the step up to which the run goes.
        mlflow_run: the MLflow run under way, if there is one.
        folder: where relative paths of the command line start.
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
    """Run what is not fresh of a drawing; what executes it is imported only if some step must run.

    Args:
        context: of the project.
        drawing: what is to run.
        listeners: are notified of events; what bodies print is then for them to show.
        on_error: called where a body raised, with what it raised; bodies then run in this thread.
        runner: executes the bodies; by default the one that policy names.
    """

    def start() -> RunResult:
        from magical.engine.execution.dispatch import has_cluster_work
        from magical.engine.execution.scheduler import Scheduler

        tracker = cache(lambda: create_tracker(context, drawing.drawn.graph.workflow))
        run = create_run_context(context, drawing, runner, on_error, lambda: _find_run_id(tracker))
        tracked = () if context.options.pretence.mode else (LazyTracker(tracker),)
        run = replace(run, listeners=(*listeners, *tracked), echo=not listeners)
        if context.configuration.policy.runner == "prefect" and not (
            runner or on_error or context.is_temporary
        ):
            from magical.project.prefect_flow import set_up_prefect

            flow_runner, cards = set_up_prefect(context, run.graph)
            run = replace(run, runner=flow_runner, listeners=(*run.listeners, flow_runner, cards))
        if not has_cluster_work(run):
            return Scheduler(run).run()
        with _start_cluster(context) as cluster:  # before anything runs: it may be found not to answer
            return Scheduler(run, cluster).run()

    return execute(drawing.graph, context.plan_with(drawing), start)


def create_run_context(
    context: ProjectContext,
    drawing: WorkflowDrawing,
    runner: Runner | None = None,
    on_error: OnError | None = None,
    find_run_id: Callable[[], str | None] = lambda: None,
) -> RunContext:
    """Collect what executing a drawing needs, without listeners.

    Args:
        context: of the project.
        drawing: what is to run.
        runner: executes the bodies; by default threads of this process.
        on_error: called where a body raised, with what it raised.
        find_run_id: returns the MLflow run under way, if there is one.
    """
    options, configuration = context.options, context.configuration
    ticket = (options, configuration.overrides, drawing.step)

    def make_ticket() -> OpenTicket:
        return OpenTicket(*ticket, find_run_id(), os.getcwd())

    return RunContext(
        graph=drawing.runnable_graph,
        planning=context.plan_with(drawing),
        journal=context.journal,
        policy=configuration.policy,
        runner=runner or _create_runner(configuration.policy, on_error is not None),
        info=RunInfo(context.root, drawing.drawn.settings, options.profile, drawing.step, options.pretence),
        registry=lambda: context.registry(find_run_id),
        remote=None if on_error else RemoteSetup(TASK_WORKER_COMMAND, make_ticket),
        on_error=on_error,
    )


def _start_cluster(context: ProjectContext) -> Cluster:
    from magical.integrations.dask.cluster import DaskCluster

    policy = context.configuration.policy
    return DaskCluster(
        policy.cluster, policy.workers, context.home, "magical.project.task_worker:execute_on_worker"
    )


def _create_runner(policy: Policy, is_debugging: bool) -> Runner:
    from magical.engine.execution.local_runner import InlineRunner, LocalRunner

    return InlineRunner() if is_debugging else LocalRunner(policy.workers)


def _find_run_id(tracker: Callable[[], Any]) -> str | None:
    """Return the id of MLflow's run; None where tracking could not begin, which no step depends on."""
    try:
        return getattr(tracker(), "run_id", None)
    except MagicalError:
        return None
