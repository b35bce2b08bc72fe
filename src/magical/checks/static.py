"""The static checks: all that can be found without running a step."""

from __future__ import annotations

from typing import Any

from magical.checks.hidden_inputs import find_impure_steps, find_impure_workflow, find_solitary_steps
from magical.checks.shared_outputs import find_shared_outputs
from magical.checks.untargeted import find_untargeted_fits
from magical.checks.unused import find_unused_outputs, find_unused_settings
from magical.checks.unwritten import find_unwritten_steps
from magical.checks.weak import find_weak_contracts, find_weak_steps
from magical.errors import Finding
from magical.graph import Graph
from magical.workflows import Workflow

__all__ = ["run_static_checks"]


def run_static_checks(graph: Graph, workflow: Workflow[Any, Any]) -> list[Finding]:
    """Collect the findings about a drawn workflow: wiring, and all other static checks.

    Args:
        graph: a graph with calls: drawn in this process, not read from a cache.
        workflow: the workflow that the graph was drawn from.

    Example:
        >>> from magical import step, workflow
        >>> @step
        ... def one() -> int:
        ...     return 1
        >>> @workflow
        ... def flow() -> int:
        ...     one()
        ...     return one()
        >>> [f.code for f in run_static_checks(flow.draw(), flow)]
        ['WIRE001']
    """
    return [
        *graph.findings,
        *find_unused_settings(workflow),
        *find_unused_outputs(graph),
        *find_shared_outputs(graph),
        *find_untargeted_fits(graph),
        *find_unwritten_steps(graph),
        *find_weak_contracts(graph),
        *find_weak_steps(graph),
        *find_impure_workflow(workflow),
        *find_impure_steps(graph),
        *find_solitary_steps(graph),
    ]
