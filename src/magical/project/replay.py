"""Open a step of an earlier run again: with the inputs that it had then, and the code of now."""

from __future__ import annotations

import contextlib
import pdb
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.execution.executor import LocalExecutor
from magical.engine.execution.sampling import brand_origin
from magical.engine.journal import RunSummary
from magical.engine.pretend_plan import DEFAULT_ROWS, Pretence
from magical.engine.run import ActiveRun, RunResult
from magical.errors import MagicalError, StoreError, UnwrittenStep, UsageError, is_foreign, join_names
from magical.graph import Node
from magical.masking import MaskedStream
from magical.project.project import Project
from magical.project.project_context import ProjectContext
from magical.project.run_setup import create_run_context
from magical.settings.secrets import drop_masked
from magical.synthesis.stub_models import pretending_run

__all__ = [
    "Replay",
    "post_mortem",
    "replay_step",
]


@dataclass(frozen=True)
class Replay:
    """A step with the inputs that it had in a run; calling it calls the body as it is written now.

    Attributes:
        node: the step in the graph as it is drawn now, with the run's settings.
        run: the run.
        arguments: what its body is called with, by parameter.
        moved: the inputs that the project would make anew now.
        call: calls its body.
        origin: what it stands on that is not real.
    """

    node: Node
    run: RunSummary
    arguments: Mapping[str, Any]
    stale_inputs: tuple[str, ...]
    call: Callable[[], Any]
    origin: tuple[str, ...] = ()

    def __call__(self) -> Any:
        """Call the body, and hold what it gives to its promise; nothing is kept, nothing is registered.

        Raises:
            StepError: the body raised.
            BrokenPromise: it gave something else than it promised.
        """
        return self.call()

    def __str__(self) -> str:
        lines = [f"{self.node.name} ({self.node.where}) with the inputs of {self.run.name}:"]
        lines += [f"  {name}: {_summarize(value)}" for name, value in self.arguments.items()]
        if self.origin:
            lines.append(f"  What it gives is not real: it stands on {join_names(self.origin, 4)}.")
        if self.stale_inputs:
            lines.append(f"  The project would make anew now: {', '.join(self.stale_inputs)}.")
        return "\n".join(lines)


def replay_step(
    project: Project, run: str, step: str, on_error: Callable[[BaseException], None] | None = None
) -> Replay:
    """Give a step of a run with the inputs that it had there.

    Args:
        project: where the run was.
        run: its name, the beginning of it, or ``last``.
        step: which step.
        debug: called where its body raises.

    Raises:
        UsageError: there is no such run or step.
        StoreError: an input is no longer in the store.
    """
    summary = project.journal.read(project.journal.find(run))
    facts = summary.facts
    past = Pretence(facts.get("pretend", ""), facts.get("rows") or DEFAULT_ROWS)
    how = {"profile": facts.get("profile", ""), "sample": facts.get("sample", 0), "pretence": past}
    context = project.context().reopen(drop_masked(summary.settings), **how)
    drawing = context.draw()
    node = drawing.runnable_graph.node(step)
    if node.facts.get("pretended") or node.facts.get("cut"):
        why = "has no body yet" if node.facts.get("unwritten") else "was made up in this run"
        raise UnwrittenStep(
            f"{node.name} ({node.where}) {why}: there is nothing to call.", hint=_inspect_hint(node)
        )
    parents = tuple(dict.fromkeys(link.node for link in node.links))
    records = {parent: _find_record(context, summary, parent, node) for parent in parents}
    run_context = create_run_context(context, drawing, on_error=on_error)
    planner = run_context.planner
    plans = planner.plan()
    # What was made up in that run stays made up, whatever has been written since.
    origin = tuple(sorted({*planner.origins[node.name], *(o for r in records.values() for o in r.origin)}))
    moved = tuple(p for p in parents if p in plans and plans[p].key != records[p].key)
    earlier = RunResult(summary.name, records=records)
    executor = LocalExecutor(ActiveRun(run_context, earlier, lambda _: None))
    arguments = executor.load_arguments(node, records)

    def call() -> Any:
        with pretending_run() if origin else contextlib.nullcontext():
            return brand_origin(executor.call_body(node, arguments), origin)

    return Replay(node, summary, arguments, moved, call, origin)


def _find_record(context: ProjectContext, run: RunSummary, name: str, node: Node) -> Record:
    key = run.keys.get(name)
    if key is None:
        raise UsageError(
            f"{node.name} had no inputs in {run.name}: {name} did not finish there.",
            hint=f"magical run {name}",
        )
    record = context.store.find_record(key)
    if record is None:
        raise StoreError(
            f"What {name} gave in {run.name} is no longer in the store.",
            hint=f"make it again: magical run {name}",
        )
    return record


def _inspect_hint(node: Node) -> str:
    return f"write it; magical inspect {node.name} shows what was made up."


def _summarize(value: Any) -> str:
    """One line about an argument."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} of {' × '.join(f'{n:,}' for n in shape)}"
    if isinstance(value, list):
        return f"list of {len(value)}"
    text = repr(value).split("\n", maxsplit=1)[0]
    return text if len(text) <= 100 else f"{text[:99]}…"


def post_mortem(error: BaseException) -> None:
    """Open the debugger in the innermost line of the project's own that led to an error.

    Args:
        error: what a body raised, or, where it broke its promise, what says so.
    """
    trace = _trim_traceback(error.__traceback__)
    text = str(error) if isinstance(error, MagicalError) else f"{type(error).__name__}: {error}"
    with contextlib.redirect_stdout(MaskedStream.wrap(sys.__stdout__ or sys.stdout)):
        print(text)
        print("You are where it happened. w: where, p NAME: show, u and d: up and down, q: go on.")
        debugger = pdb.Pdb()
        debugger.reset()
        debugger.interaction(None, trace)


def _trim_traceback(trace: TracebackType | None) -> TracebackType | None:
    """The same traceback without the lines of others; all of it, if there is no line of the project's."""
    frames, step = [], trace
    while step is not None:
        frames.append(step)
        step = step.tb_next
    chain: TracebackType | None = None
    for part in reversed([f for f in frames if not is_foreign(f.tb_frame.f_code.co_filename)]):
        chain = TracebackType(chain, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return chain or trace
