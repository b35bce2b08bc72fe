"""Finding what the store and the journal have of a step's result, for its card."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

from magical.engine.artifacts import Record
from magical.engine.plan import LEFT_OUT, NodePlan
from magical.engine.pretend_plan import ALL
from magical.errors import MagicalError, StoreError, UsageError
from magical.graph import Node
from magical.project.loading.drawing import WorkflowDrawing
from magical.project.project_context import ProjectContext
from magical.project.step_card import StepCard

__all__ = ["inspect_step"]


def inspect_step(context: ProjectContext, step: str) -> StepCard:
    """Load a step's fresh result, else its result from the newest run that still has one.

    Raises:
        UsageError: there is no such step, or it has not run yet.
    """
    drawing = context.draw()
    node = drawing.drawn.graph.node(step)
    plan = context.plan().get(node.name)
    record, state = _find_record(context, node, plan)
    if record is None:
        hint = (plan.hint if plan else "") or f"{_command(context)} {node.name}"
        raise UsageError(f"{node.name} has not run yet.", hint=hint)
    memory, log = _read_journal(context, record)
    return StepCard(
        node=_with_code(drawing, node),
        state=state,
        record=record,
        store=context.store,
        inputs=dict(_find_inputs(context, node, record)),
        memory=memory,
        size=context.store.size(record.key),
        log_lines=log,
    )


def _find_record(context: ProjectContext, node: Node, plan: NodePlan | None) -> tuple[Record | None, str]:
    """Find the fresh record of a node, or that of the newest run that has one, and describe its state."""
    if plan and plan.record is not None:
        return plan.record, "fresh"
    # Without an option any run will do; with --sample or a pretence only runs of that kind.
    is_restricted = context.options.sample or context.options.pretence.mode
    runs = context.comparable_runs() if is_restricted else context.journal.runs()
    found = ((r.name, context.store.find_record(r.keys[node.name])) for r in runs if node.name in r.keys)
    name, record = next(((n, r) for n, r in found if r is not None), ("", None))
    is_left_out = plan is not None and plan.state == LEFT_OUT
    return record, f"of {name}; {'it is left out now' if is_left_out else 'it would run again now'}"


def _with_code(drawing: WorkflowDrawing, node: Node) -> Node:
    """Import the project for the code and the descriptions of a step; without them if that fails."""
    if node.call is None:
        with contextlib.suppress(MagicalError), contextlib.redirect_stdout(sys.stderr):
            return replace(node, call=drawing.runnable_graph.by_name[node.name].call)
    return node


def _find_inputs(context: ProjectContext, node: Node, record: Record) -> Iterator[tuple[str, Record]]:
    """Find the records of the results that a record was computed from, where they are still there."""
    # The run of a result from a shared store may be on another machine.
    with contextlib.suppress(StoreError):
        keys = context.journal.read(record.run).keys
        for name in {link.node for link in node.links}:
            if name in keys and (found := context.store.find_record(keys[name])):
                yield name, found


def _command(context: ProjectContext) -> str:
    """Return the command that would compute the result, without the step."""
    mode, sample = context.options.pretence.mode, context.options.sample
    if mode:
        return "magical pretend --all" if mode == ALL else "magical pretend"
    return f"magical run --sample {sample}" if sample else "magical run"


def _read_journal(context: ProjectContext, record: Record) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Read the memory that a step needed, and the lines that it logged, in the run of its record."""
    memory: Mapping[str, int] = {}
    lines: list[str] = []
    # The result may come from a shared store, and its journal lie on another machine.
    with contextlib.suppress(StoreError):
        for event in context.journal.events(record.run):
            if event.get("step") != record.node:
                continue
            if event["event"] == "LogLine":
                lines.append(
                    event["text"] if event["level"] == "print" else f"{event['level']}: {event['text']}"
                )
            elif event["event"] == "StepFinished":
                found = event.get("memory")  # earlier releases wrote none
                memory = found if isinstance(found, dict) else {}
    return memory, tuple(lines)
