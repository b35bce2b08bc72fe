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
from magical.project.loading.drawing import Drawing
from magical.project.loading.location import Location
from magical.project.tracking_setup import Later, Tracked, Tracking, tracker

__all__ = ["CHILD", "Opening", "request_of", "schedule"]

CHILD = (sys.executable, "-P", "-m", "magical.project.task_worker")
"""The command of a process of a single node; a file where it works, such as random.py, hides no module."""


@dataclass(frozen=True)
class Opening:
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


class Opened(Tracked, Protocol):
    """The part of a project that a run needs."""

    @property
    def opening(self) -> Opening:
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


def request_of(
    project: Opened,
    drawing: Drawing,
    listeners: tuple[Listener, ...] = (),
    debug: Callable[[BaseException], None] | None = None,
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
    line, opening = drawing.line, project.opening
    tracking = project.configuration.tracking(line)  # read once: receipts name what models are given to
    watch = Later(lambda: tracker(project, tracking, drawing.drawn.graph.workflow, line))
    run_id = mlflow_run or (lambda: _run_id(watch))
    policy = Later(lambda: project.configuration.policy(line))
    how = {"line": line, "step": drawing.step}
    return RunRequest(
        graph=drawing.graph,
        identities=drawing.drawn.identities,
        load_graph=lambda: drawing.living,
        receipts=project.receipts(line),
        journal=project.journal,
        root=project.root,
        digest=project.digest,
        policy=policy,
        runner=lambda: _runner(policy(), debug is not None),
        listeners=listeners if opening.pretence.mode else (*listeners, Tracking(watch)),
        registry=lambda: project.registry(tracking, run_id),
        settings=drawing.drawn.settings,
        profile=opening.profile,
        step=drawing.step,
        sample=opening.sample,
        pretence=opening.pretence,
        debug=debug,
        worker_command=CHILD,
        make_ticket=lambda: {"opening": opening, **how, "mlflow_run": run_id(), "folder": os.getcwd()},
        prepare=lambda request: _equipped(project, request, tracking),
        echo=not listeners,
    )


def schedule(request: RunRequest) -> Any:
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
        with _cluster(request) as cluster:  # it starts, or is found not to answer, before anything else
            return Scheduler(request, performing(cluster))()

    return carried_out


def _cluster(request: RunRequest) -> Cluster:
    from magical.integrations.dask.cluster import DaskCluster

    policy, home = request.policy(), request.journal.folder.parent  # aside, for a run that leaves nothing
    return DaskCluster(policy.cluster, policy.workers, home, "magical.project.task_worker:work")


def _equipped(project: Opened, request: RunRequest, tracking: HowToTrack) -> RunRequest:
    """Under Prefect the runner hears the run's events as well."""
    policy = request.policy()
    aside = project.opening.location.aside is not None  # nobody is told of a run that leaves nothing behind
    if policy.runner != "prefect" or request.debug is not None or aside:
        return request
    from magical.project.prefect_flow import under_prefect

    runner, cards = under_prefect(project, policy, tracking, request.load_graph())
    return replace(request, runner=lambda: runner, listeners=(*request.listeners, runner, cards))


def _runner(policy: Policy, debugging: bool) -> Any:
    from magical.engine.execution.local_runner import InlineRunner, LocalRunner

    return InlineRunner() if debugging else LocalRunner(policy.workers)


def _run_id(watch: Later) -> str | None:
    """MLflow's run; none where tracking could not begin, which costs no step anything."""
    try:
        return getattr(watch(), "run_id", None)
    except MagicalError:
        return None
