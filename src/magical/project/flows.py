"""A project under Prefect: what a run is carried out with there, and its workflow as a flow."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from magical.engine.policy import Policy
from magical.engine.policy import Tracking as HowToTrack
from magical.engine.run import RunResult
from magical.events import StepCached
from magical.graph import Graph
from magical.listeners.prefect import PrefectCards, escaped, link_of
from magical.project.configuration import Configuration
from magical.project.drawing import Drawings
from magical.project.settling import FlowMarks, settle
from magical.project.tracking import Tracked, value_of
from magical.runners.prefect import PrefectRunner
from magical.runners.prefect_flow import server_of
from magical.settings.base import to_json

if TYPE_CHECKING:
    from prefect import Flow
    from pydantic.fields import FieldInfo

__all__ = ["flow_of", "under_prefect"]

_MLFLOW = "http://127.0.0.1:5000"
_SLOW = "No Prefect server is set up: a temporary one starts, which takes half a minute. \
magical ui keeps one; prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api"


class Flowable(Protocol):
    """The part of a project that its flow needs."""

    @property
    def configuration(self) -> Configuration:
        """What its files say."""

    @property
    def drawings(self) -> Drawings:
        """Draws its workflow."""

    def execute(self, step: str = "", settings: Mapping[str, Any] | None = None) -> RunResult:
        """Run, and give the bare result."""


def under_prefect(
    project: Tracked, policy: Policy, tracking: HowToTrack, graph: Graph
) -> tuple[PrefectRunner, PrefectCards]:
    """Give what runs the steps of a graph as tasks, and what shows them.

    Args:
        project: whose run it is.
        policy: the wishes about it.
        tracking: where models are registered, for links.
        graph: what runs.

    Raises:
        UsageError: Prefect is not installed, or its server does not answer.
    """
    marks = FlowMarks(project.journal.folder)
    runner = PrefectRunner(policy.workers, server=policy.server, tags=policy.tags, note=marks.note)
    runner.check()
    if server := runner.ids()[0]:
        settle(project, server)
    pages = next((u for u in (tracking.registry_uri, tracking.uri) if u.startswith("http")), _MLFLOW)

    def about(step: str) -> str:
        node = graph.by_name[step]
        doc = inspect.getdoc(node.call.step.function) if node.call else ""
        return "\n\n".join(filter(None, [f"**{escaped(step)}** ({escaped(node.where)})", escaped(doc or "")]))

    return runner, PrefectCards(
        runner, lambda key: value_of(project, key), about, lambda v: link_of(v, pages)
    )


def flow_of(project: Flowable, module: str) -> Flow[..., None]:
    """Give a project's workflow as a Prefect flow, with its settings as parameters.

    Args:
        project: opened with the profile that it is to run with.
        module: in which the flow has the workflow's name, for `serve` and `deploy`.

    Raises:
        UsageError: Prefect is not installed.
    """
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    server_of("")  # says if Prefect is missing
    from prefect import Flow
    from prefect.settings import get_current_settings
    from prefect.task_runners import ThreadPoolTaskRunner

    class ProjectFlow(Flow):  # type: ignore[type-arg]
        """A flow that says so when Prefect is about to start a server of its own."""

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            if not get_current_settings().api.url:
                print(_SLOW, file=sys.stderr, flush=True)
            return super().__call__(*args, **kwargs)

    workflow, graph = project.drawings.anew({})
    fields = workflow.settings.model_fields if workflow.settings else {}

    def body(**settings: Any) -> None:
        line = {k: v for k, v in to_json(settings).items() if v != to_json(defaults[k])}
        _show(project.execute(settings={**line, "policy": {"runner": "prefect"}}))

    signature = inspect.Signature([_parameter(name, field) for name, field in fields.items()])
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
    body.__signature__ = signature  # type: ignore[attr-defined]
    body.__name__ = body.__qualname__ = graph.workflow
    body.__module__, body.__doc__ = module, workflow.__doc__
    runner: Any = ThreadPoolTaskRunner(max_workers=project.configuration.policy({}).workers)
    return ProjectFlow(body, name=graph.workflow, task_runner=runner, persist_result=False)


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    default = field.get_default(call_default_factory=True, validated_data={})
    empty = inspect.Parameter.empty
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=empty if field.is_required() else default,
        annotation=field.annotation,
    )


def _show(result: RunResult) -> None:
    """What is fresh is shown also where nothing had to run; the first error is the flow's."""
    if not result.name:
        with PrefectRunner() as runner:
            for name, record in result.records.items():
                runner.on(StepCached(step=name, key=record.key))
    if result.errors:
        raise next(iter(result.errors.values()))
