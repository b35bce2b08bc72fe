"""All that can be found without running a step."""

from __future__ import annotations

from typing import Any

from magical.checks.hidden_inputs import unseen_in_steps, unseen_in_workflow
from magical.checks.unused import unused_outputs, unused_settings
from magical.checks.unwritten import unwritten_steps
from magical.checks.weak import weak_contracts, weak_steps
from magical.errors import Finding
from magical.graph import Graph
from magical.workflows import Workflow

__all__ = ["static_findings"]


def static_findings(graph: Graph, workflow: Workflow[Any, Any]) -> list[Finding]:
    """Give what a drawn workflow shows: wiring, what is unused, weak, unwritten, or unseen by the cache.

    Args:
        graph: living.
        workflow: what it was drawn from.

    Example:
        >>> from magical import step, workflow
        >>> @step
        ... def one() -> int:
        ...     return 1
        >>> @workflow
        ... def flow() -> int:
        ...     one()
        ...     return one()
        >>> [f.code for f in static_findings(flow.draw(), flow)]
        ['WIRE001']
    """
    return [
        *graph.findings,
        *unused_settings(workflow),
        *unused_outputs(graph),
        *unwritten_steps(graph),
        *weak_contracts(graph),
        *weak_steps(graph),
        *unseen_in_workflow(workflow),
        *unseen_in_steps(graph),
    ]
