"""A project under Prefect: the runner and listener of a run, and the workflow as a flow."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from magical.engine.run import RunResult
from magical.errors import UsageError, join_names
from magical.events import StepCached, StepLeftOut
from magical.graph import Graph
from magical.integrations.prefect.cards import PrefectCards, escape_markdown, make_model_link
from magical.integrations.prefect.flow_run import read_deployment_parameters, resolve_server
from magical.integrations.prefect.prefect_runner import PrefectRunner
from magical.integrations.prefect.reconcile import OpenFlowRuns, reconcile_flow_runs
from magical.masking import mask_values
from magical.project.project_context import ProjectContext
from magical.project.servers.prefect_server import ensure_prefect_server
from magical.project.tracking_setup import load_json_value
from magical.settings.base import to_json
from magical.settings.secrets import Secret, drop_masked

if TYPE_CHECKING:
    from prefect import Flow
    from pydantic.fields import FieldInfo

__all__ = ["build_flow", "create_flow", "set_up_prefect"]

_MLFLOW_URL = "http://127.0.0.1:5000"


def set_up_prefect(context: ProjectContext, graph: Graph) -> tuple[PrefectRunner, PrefectCards]:
    """Create the runner that executes steps as Prefect tasks, and the listener that shows their results.

    Raises:
        UsageError: Prefect is not installed, or its server does not answer.
    """
    policy, tracking = context.configuration.policy, context.configuration.tracking
    marks = OpenFlowRuns(context.journal.folder)
    runner = PrefectRunner(policy.workers, server=policy.server, tags=policy.tags, on_flow_run=marks.note)
    runner.check()
    if server := runner.server_and_flow_run_id()[0]:
        reconcile_flow_runs(context, server)
    pages = next((u for u in (tracking.registry_uri, tracking.uri) if u.startswith("http")), _MLFLOW_URL)

    def describe(step: str) -> str:
        node = graph.by_name[step]
        doc = (inspect.getdoc(node.call.step.function) if node.call else "") or ""
        first = doc.partition("\n\n")[0].replace("``", "")  # the rest is for those who write code
        title = f"**{escape_markdown(step)}** ({escape_markdown(node.where)})"
        return "\n\n".join(filter(None, [title, escape_markdown(first)]))

    def read_value(key: str) -> Any:
        return load_json_value(context.store, key)

    return runner, PrefectCards(runner, read_value, describe, lambda v: make_model_link(v, pages))


def build_flow(
    body: Callable[..., Any], name: str, variable: str, module: str, word: str = "setting"
) -> Flow[..., Any]:
    """Build a flow that takes parameters by name, and starts a server if none is set up.

    Args:
        body: a function whose parameters are keywords.
        name: the flow's name on Prefect's pages.
        variable: the global of ``module`` that has the flow, so that Prefect finds it again.
        word: what an error calls a parameter.

    Raises:
        UsageError: Prefect is not installed.
    """
    resolve_server("")  # raises if Prefect is missing
    from prefect import Flow

    parameters = inspect.signature(body).parameters

    class ProjectFlow(Flow):  # type: ignore[type-arg]
        """A flow that starts a server if none is set up."""

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            _check_arguments(parameters, args, kwargs, word)
            with ensure_prefect_server():
                return super().__call__(*args, **kwargs)

        def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
            """Serialise the parameters for the server: secrets as references, without passwords."""
            plain = {n: str(v) if isinstance(v, Secret) else v for n, v in parameters.items()}
            return dict(mask_values(super().serialize_parameters(plain)))

    body.__name__ = body.__qualname__ = variable
    body.__module__ = module
    flow = ProjectFlow(body, name=name, persist_result=False)
    if module == "__main__":  # Prefect would name the file of the body, which is this one
        flow._entrypoint = f"{getattr(sys.modules[module], '__file__', module)}:{variable}"
    return flow


def create_flow(
    context: ProjectContext, module: str, run: Callable[[ProjectContext], RunResult]
) -> Flow[..., None]:
    """Create a Prefect flow of a project's workflow, with its settings as parameters.

    Args:
        context: the project, with the profile that the flow uses.
        module: the module that has the flow as a global of the workflow's name, for ``serve`` and ``deploy``.
        run: runs the workflow with the settings of one call.

    Raises:
        UsageError: Prefect is not installed.
    """
    workflow, graph = context.drawer.draw_fresh()
    fields = workflow.settings.model_fields if workflow.settings else {}
    file_settings = context.configuration.load_settings(workflow.settings).settings

    def body(**settings: Any) -> None:
        overrides = {**_select_changed(settings, defaults), "policy": {"runner": "prefect"}}
        _report_result(run(context.reopen(overrides, deployment=_read_deployment(flow, defaults))))

    signature = inspect.Signature(
        [_create_parameter(name, field, getattr(file_settings, name)) for name, field in fields.items()]
    )
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
    body.__signature__, body.__doc__ = signature, workflow.__doc__  # type: ignore[attr-defined]
    flow = build_flow(body, graph.workflow, graph.workflow, module)
    return flow


def _check_arguments(
    parameters: Mapping[str, inspect.Parameter],
    args: Sequence[object],
    given: Mapping[str, object],
    word: str,
) -> None:
    """Refuse positional, unknown and missing arguments, in one line instead of Prefect's page."""
    example = f"such as {next(iter(parameters), '')}=…"
    if args:
        raise UsageError(f"A flow takes its {word}s by name, got {args[0]!r}.", hint=example)
    if others := given.keys() - {*parameters, "return_state", "wait_for"}:
        raise UsageError.unknown(word, min(others), parameters)
    required = [name for name, p in parameters.items() if p.default is inspect.Parameter.empty]
    if missing := [name for name in required if name not in given]:
        raise UsageError(f"The flow needs {join_names(missing)}.", hint=example)


def _select_changed(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Select the settings that differ from the defaults; all others are read from the files again."""
    changed = {k: v for k, v in to_json(settings).items() if v != to_json(defaults.get(k))}
    return drop_masked(changed)


def _read_deployment(flow: Flow[..., None], defaults: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the settings of the deployment: production, as the files are; None for a flow that was called."""
    from prefect.exceptions import ParameterBindError, ParameterTypeError

    stored = read_deployment_parameters()
    if stored is None:
        return None
    # Converted as Prefect does with the parameters of each run, to which they are compared.
    with contextlib.suppress(ParameterBindError, ParameterTypeError):  # stored by an older release
        stored = flow.validate_parameters(stored)
    return _select_changed(stored, defaults)


def _create_parameter(name: str, field: FieldInfo, value: Any) -> inspect.Parameter:
    """Create the parameter of a setting; its default is the value that the project's files give it."""
    default = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
    default = default if to_json(default) == to_json(value) else value  # a path stays as it was written
    shown = mask_values(to_json(default))  # a password must not get into a deployment
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default if shown == to_json(default) else shown,
        annotation=Annotated[(field.annotation, *field.metadata, Field(description=field.description))],
    )


def _report_result(result: RunResult) -> None:
    """Show fresh and left-out steps also if nothing had to run, and raise the first error."""
    if not result.name:  # no run, so no runner has shown them
        with PrefectRunner() as runner:
            for name, record in result.records.items():
                runner.on(StepCached(step=name, key=record.key))
            for name, reason in result.left_out.items():
                runner.on(StepLeftOut(step=name, reason=reason))
    if result.errors:
        raise next(iter(result.errors.values()))
