"""What a run of a project is carried out with: policy, runner, listeners, registry, child processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from magical.engine.journal import Journal
from magical.engine.plan import Receipts
from magical.engine.policy import Policy
from magical.engine.policy import TrackingSettings as HowToTrack
from magical.engine.pretend_plan import Pretence
from magical.engine.protocols import Cluster, Listener, Registry, Store
from magical.engine.run import RunRequest, RunResult
from magical.errors import MagicalError
from magical.project.loading.configuration import Configuration
from magical.project.loading.drawing import WorkflowDrawing
from magical.project.loading.location import Location
from magical.project.tracking_setup import LazyTracker, LazyValue, TrackedProject, create_tracker

__all__ = ["TASK_WORKER_COMMAND", "OpenOptions", "build_request", "create_scheduler"]

TASK_WORKER_COMMAND = (sys.executable, "-P", "-m", "magical.project.task_worker")
"""The command of a process of a single node; a file where it works, such as random.py, hides no module."""


@dataclass(frozen=True)
class OpenOptions:
    """How a project is opened.

    Attributes:
        location: where it lies.
        profile: the name of a file in its ``profiles`` folder.
        sample: how many rows each source gives; 0 for all.
        trust: whether results that came from another store and can run code are taken.
        pretence: what is made up when it is run.
    """

    location: Location
    profile: str = ""
    sample: int = 0
    trust: bool = False
    pretence: Pretence = field(default_factory=Pretence)


class RunnableProject(TrackedProject, Protocol):
    """The part of a project that a run needs."""

    @property
    def options(self) -> OpenOptions:
        """How it was opened."""

    @property
    def root(self) -> Path:
        """Its folder."""

    @property
    def configuration(self) -> Configuration:
        """What its files say."""

    @property
    def store(self) -> Store:
        """Where its artifacts live."""

    @property
    def journal(self) -> Journal:
        """Where its runs are told."""

    def receipts(self, line: Mapping[str, Any]) -> Receipts:
        """Give what looks up in the store what has been computed."""

    def digest(self, file: Path) -> str:
        """Give the digest of a file."""

    def registry(self, tracking: HowToTrack, run_id: Callable[[], str | None]) -> Registry:
        """Give its model registry."""


def build_request(
    project: RunnableProject,
    drawing: WorkflowDrawing,
    listeners: tuple[Listener, ...] = (),
    on_error: Callable[[BaseException], None] | None = None,
    mlflow_run: Callable[[], str | None] | None = None,
) -> RunRequest:
    """Give all that a run of a drawing needs.

    Args:
        project: whose run it is.
        drawing: what is to run.
        listeners: who hears the events.
        debug: called where a body raised.
        mlflow_run: gives the MLflow run that is under way, if it was begun elsewhere.
    """
    line, opening = drawing.line, project.options
    tracking = project.configuration.tracking(line)  # read once: receipts name what models are given to
    watch = LazyValue(lambda: create_tracker(project, tracking, drawing.drawn.graph.workflow, line))
    run_id = mlflow_run or (lambda: _find_run_id(watch))
    policy = LazyValue(lambda: project.configuration.policy(line))
    how = {"line": line, "step": drawing.step}
    return RunRequest(
        graph=drawing.graph,
        identities=drawing.drawn.identities,
        load_graph=lambda: drawing.runnable_graph,
        receipts=project.receipts(line),
        journal=project.journal,
        root=project.root,
        digest=project.digest,
        policy=policy,
        runner=lambda: _create_runner(policy(), on_error is not None),
        listeners=listeners if opening.pretence.mode else (*listeners, LazyTracker(watch)),
        registry=lambda: project.registry(tracking, run_id),
        settings=drawing.drawn.settings,
        profile=opening.profile,
        step=drawing.step,
        sample=opening.sample,
        pretence=opening.pretence,
        debug=on_error,
        worker_command=TASK_WORKER_COMMAND,
        make_ticket=lambda: {"opening": opening, **how, "mlflow_run": run_id(), "folder": os.getcwd()},
        prepare=lambda request: _add_prefect(project, request, tracking),
        echo=not listeners,
    )


def create_scheduler(request: RunRequest) -> Any:
    """Give what carries a run out; what it needs is imported only if something must run."""
    from magical.engine.execution.dispatch import Dispatcher, has_cluster_work
    from magical.engine.execution.executor import LocalExecutor
    from magical.engine.execution.scheduler import Scheduler

    def performing(cluster: Cluster | None) -> Any:
        def performer(*run: Any) -> Dispatcher:
            request, graph, tell, result, stopping = run
            local = LocalExecutor(request, graph, tell, result)
            return Dispatcher(request, local, tell, result, stopping, cluster)

        return performer

    request = request.prepare(request)

    def carried_out() -> RunResult:
        if not has_cluster_work(request):
            return Scheduler(request, performing(None))()
        with _create_cluster(
            request
        ) as cluster:  # it starts, or is found not to answer, before anything else
            return Scheduler(request, performing(cluster))()

    return carried_out


def _create_cluster(request: RunRequest) -> Cluster:
    from magical.integrations.dask.cluster import DaskCluster

    policy, home = request.policy(), request.journal.folder.parent  # aside, for a run that leaves nothing
    return DaskCluster(policy.cluster, policy.workers, home, "magical.project.task_worker:execute_on_worker")


def _add_prefect(project: RunnableProject, request: RunRequest, tracking: HowToTrack) -> RunRequest:
    """Under Prefect the runner hears the run's events as well."""
    policy = request.policy()
    aside = (
        project.options.location.temporary_home is not None
    )  # nobody is told of a run that leaves nothing behind
    if policy.runner != "prefect" or request.debug is not None or aside:
        return request
    from magical.project.prefect_flow import set_up_prefect

    runner, cards = set_up_prefect(project, policy, tracking, request.load_graph())
    return replace(request, runner=lambda: runner, listeners=(*request.listeners, runner, cards))


def _create_runner(policy: Policy, is_debugging: bool) -> Any:
    from magical.engine.execution.local_runner import InlineRunner, LocalRunner

    return InlineRunner() if is_debugging else LocalRunner(policy.workers)


def _find_run_id(tracker: LazyValue) -> str | None:
    """MLflow's run; none where tracking could not begin, which costs no step anything."""
    try:
        return getattr(tracker(), "run_id", None)
    except MagicalError:
        return None
