"""States of the steps, from the plan of a run and the journal of earlier runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from magical.engine.journal import RunSummary
from magical.engine.plan import FRESH, LEFT_OUT, REGISTER_HINT, RUN, NodePlan
from magical.errors import InputError, StoreError, join_names
from magical.graph import Graph, Node
from magical.views.picture import Picture, build_picture
from magical.views.state_marks import StepStatus

__all__ = ["MAX_RUNS_READ", "draw_states", "exploring_notes", "find_states"]

MAX_RUNS_READ = 100
"""The largest number of runs that are read; a step in none of them is shown as one that never ran."""


def draw_states(
    graph: Graph, plan: Callable[[], Mapping[str, NodePlan]], runs: Iterable[RunSummary]
) -> Picture:
    """Draw a graph with the states of its steps; without states if a file or the store cannot be read.

    Args:
        graph: the whole workflow.
        plan: computes the plan of a run.
        runs: the earlier runs, newest first.
    """
    try:
        plans = plan()
    except (InputError, StoreError) as error:
        note = error.with_message(*error.lines, "So it is not known which steps are fresh.")
        return build_picture(graph, notes=(str(note),))
    left_out = [plan for plan in plans.values() if plan.hint]
    notes = exploring_notes([p.name for p in left_out], left_out[0].reason) if left_out else ()
    return build_picture(graph, find_states(graph, plans, runs), notes)


def exploring_notes(names: Sequence[str], reason: str) -> tuple[str, ...]:
    """Name the steps that a run with these settings leaves out because it explores; no note without any.

    Example:
        >>> exploring_notes(["register"], "this run explores (max_age 80, the files say 90)")[0].splitlines()[
        ...     0
        ... ]
        'register is left out: this run explores (max_age 80, the files say 90).'
    """
    verb = "is" if len(names) == 1 else "are"
    text = f"{join_names(names)} {verb} left out: {reason}.\nHint: {REGISTER_HINT}"
    return (text,) if names else ()


def find_states(
    graph: Graph, plans: Mapping[str, NodePlan], runs: Iterable[RunSummary]
) -> dict[str, StepStatus]:
    """Find the state of each node.

    Args:
        graph: the whole workflow.
        plans: the plans of the nodes that a run requires.
        runs: the earlier runs, newest first; only as many as necessary are read.

    Example:
        >>> node = Node("clean", "workflow:clean", "", "", {}, {"kind": "value", "text": "int"})
        >>> find_states(Graph("flow", (node,)), {"clean": NodePlan("clean", "to run")}, [])["clean"].state
        'to run'
    """
    wanted = {n.name for n in graph.required_nodes}
    states = {n.name: _state(n, plans.get(n.name), n.name in wanted) for n in graph.nodes}
    past = _last_outcomes(graph.workflow, {name for name, state in states.items() if not state}, runs)
    found = {}
    for name, state in states.items():
        plan = plans.get(name)
        origin = tuple(o for o in plan.origin if o != name) if plan else ()
        found[name] = StepStatus(state or _pending_state(plan, past.get(name, "")), origin)
    return found


def _state(node: Node, plan: NodePlan | None, is_wanted: bool) -> str:
    """Return the state that follows from the plan; empty where it depends on earlier runs."""
    if plan is None and not is_wanted and not node.facts.get("cut"):
        return "unused"
    if plan is not None and plan.state == FRESH:
        return "pretended" if node.name in plan.origin else FRESH
    if node.facts.get("unwritten"):
        return "unwritten"
    if plan is None:
        return LEFT_OUT
    return LEFT_OUT if plan.state == LEFT_OUT else ""


def _pending_state(plan: NodePlan | None, last_outcome: str) -> str:
    """Return the state of a node that would run."""
    # A failure says more than any plan, and "stale" says more than "to run".
    planned = plan.state if plan else ""
    return last_outcome if last_outcome == "failed" or (last_outcome and planned == RUN) else planned


def _last_outcomes(workflow: str, names: set[str], runs: Iterable[RunSummary]) -> dict[str, str]:
    """Find "failed" or "stale" for each of these nodes, from the newest run in which the node ended."""
    found: dict[str, str] = {}
    if not names:
        return found
    for run in islice(runs, MAX_RUNS_READ):
        if run.workflow == workflow:
            ended = {**dict.fromkeys(run.failed, "failed"), **dict.fromkeys(run.keys, "stale")}
            found.update({name: ended[name] for name in names & ended.keys() - found.keys()})
            if len(found) == len(names):
                break
    return found
