"""Scoring under Prefect: new rows are scored by a registered model in one task of a flow."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from magical.engine.plan import RUN, NodePlan
from magical.engine.policy import NodePolicy, Policy
from magical.engine.protocols import WorkItem
from magical.errors import MagicalError
from magical.integrations.prefect.cards import post_scoring_card
from magical.integrations.prefect.prefect_runner import PrefectRunner
from magical.project.prefect_flow import build_flow
from magical.project.project_context import ProjectContext
from magical.settings import InputPath, Settings

if TYPE_CHECKING:
    from prefect import Flow
    from pydantic.fields import FieldInfo

    from magical.project.scoring import Scoring

__all__ = ["ScoringParameters", "create_scoring_flow"]

_VARIABLE = "score"


class ScoringParameters(Settings):
    """The parameters of a scoring flow; a relative path starts from the project's folder.

    Example:
        >>> ScoringParameters(input="new.csv", output="out.parquet", model="campaign").max_rejects
        '1%'
    """

    input: str = Field(description="The rows: a file, a folder, a pattern or a URL.")
    output: str = Field(description="The file of predictions: .parquet or .csv.")
    model: str = Field(description="NAME, NAME@ALIAS or NAME/VERSION.")
    keep: tuple[str, ...] = Field(default=(), description="Columns of the input that the output repeats.")
    max_rejects: str = Field(default="1%", description="The largest share or number of rejected rows.")
    replace: bool = Field(default=False, description="Write over predictions of another model or input.")


def create_scoring_flow(
    context: ProjectContext, module: str, score: Callable[..., Scoring]
) -> Flow[..., dict[str, Any]]:
    """Create a Prefect flow that scores new rows by a registered model, and returns the counts.

    Args:
        context: the project, with the profile that the flow uses.
        module: the module that has the flow as its global ``score``, for ``serve`` and ``deploy``.
        score: scores a source, as ``Project.score`` does.

    Raises:
        UsageError: Prefect is not installed.
    """
    # Only these are in the body: a served flow is pickled for each run, and the open project cannot be.
    workflow, policy, root = context.draw().drawn.graph.workflow, context.configuration.policy, context.root

    def body(**given: Any) -> dict[str, Any]:
        """Score new rows by a registered model; those that it rejects are written beside the output."""
        from magical.project.scoring import ScoreOptions

        asked = ScoringParameters(**given)
        source, output = InputPath(asked.input, root), root / asked.output
        options = ScoreOptions(max_rejects=asked.max_rejects, replace=asked.replace)
        return _score_in_task(
            workflow, policy, lambda: score(source, asked.model, output, asked.keep, options)
        )

    defaults = {"model": f"{workflow}@champion"}
    body.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [_create_parameter(name, field, defaults) for name, field in ScoringParameters.model_fields.items()]
    )
    return build_flow(body, f"{workflow}-score", _VARIABLE, module, "parameter")


def _create_parameter(name: str, field: FieldInfo, defaults: Mapping[str, Any]) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.is_required() else field.default
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=defaults.get(name, default),
        annotation=Annotated[(field.annotation, *field.metadata, Field(description=field.description))],
    )


def _score_in_task(workflow: str, policy: Policy, score: Callable[[], Scoring]) -> dict[str, Any]:
    """Score in a task of this flow run, with the retries of the policy, and show what came of it."""
    # Imported here: creating a flow must not wait for the import of the engine's execution.
    from magical.engine.execution.scheduler import Retries

    def attempt() -> dict[str, Any]:
        try:
            scoring = score()
        except MagicalError as error:
            post_scoring_card(workflow, error)
            raise
        runner.log_line(_VARIABLE, logging.INFO, str(scoring))
        summary = scoring.to_json()
        post_scoring_card(workflow, summary)
        return summary

    limits = NodePolicy(policy.retries, policy.backoff)
    retries = Retries(lambda event: None, lambda: True)
    next_delay = partial(retries.next_delay, NodePlan(_VARIABLE, RUN), limits)
    with PrefectRunner(tags=policy.tags) as runner:
        work = WorkItem(attempt, _VARIABLE, policy=limits, next_delay=next_delay)
        return runner.submit(work).result()
