"""Replay of a step: its present code with the inputs that it had in an earlier run."""

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
from magical.engine.plan import Planner
from magical.engine.pretend_plan import DEFAULT_ROWS, Pretence
from magical.engine.run import ActiveRun, RunResult
from magical.errors import MagicalError, StoreError, UnwrittenStep, UsageError, is_foreign, join_names
from magical.graph import Node
from magical.keys.key_diff import has_other_content
from magical.masking import MaskedStream
from magical.project.project import Project
from magical.project.project_context import ProjectContext
from magical.project.run_setup import create_run_context
from magical.settings.secrets import drop_masked
from magical.synthesis.stub_models import pretending_run

__all__ = ["Replay", "post_mortem", "replay_step"]


@dataclass(frozen=True)
class Replay:
    """A step with the inputs that it had in a run; calling it calls the present body.

    Attributes:
        node: the step in the present graph, drawn with the run's settings.
        arguments: the arguments of the body, by parameter.
        stale_inputs: the nodes of inputs that the project would recompute now.
        origin: the pretended or sampled steps that the inputs depend on.
        changed_files: the parameters whose files have other content than in the run.
    """

    node: Node
    run: RunSummary
    arguments: Mapping[str, Any]
    stale_inputs: tuple[str, ...]
    call: Callable[[], Any]
    origin: tuple[str, ...] = ()
    changed_files: tuple[str, ...] = ()

    def __call__(self) -> Any:
        """Call the body and validate its output; nothing is stored, nothing is registered.

        Raises:
            StepError: the body raised.
            BrokenPromise: the output breaks the step's promise.
        """
        return self.call()

    def __str__(self) -> str:
        lines = [f"{self.node.name} ({self.node.where}) with the inputs of {self.run.name}:"]
        lines += [f"  {name}: {_summarize(value)}" for name, value in self.arguments.items()]
        if self.origin:
            lines.append(f"  What it gives is not real: it stands on {join_names(self.origin, 4)}.")
        if self.changed_files:
            names = join_names(self.changed_files, 4)
            lines.append(f"  But the files given as {names} have other content now than in the run.")
        if self.stale_inputs:
            lines.append(f"  The project would make anew now: {', '.join(self.stale_inputs)}.")
        return "\n".join(lines)


def replay_step(
    project: Project, run: str, step: str, on_error: Callable[[BaseException], None] | None = None
) -> Replay:
    """Load the inputs of a step of a run.

    Args:
        project: the project of the run.
        run: the run's name, the beginning of it, or ``last``.
        on_error: called with the exception of the body, in the frame that caught it.

    Raises:
        UsageError: there is no such run or step, or its inputs were not computed there.
        UnwrittenStep: the step has no body, or was pretended in the run.
        StoreError: an input is no longer in the store.
    """
    summary = project.journal.read(project.journal.find(run))
    facts = summary.facts
    context = project.context().reopen(
        drop_masked(summary.settings),
        profile=facts.get("profile", ""),
        sample=facts.get("sample", 0),
        pretence=Pretence(facts.get("pretend", ""), facts.get("rows") or DEFAULT_ROWS),
        register=True,  # a replay writes nothing; this only plans what follows such a step
    )
    drawing = context.draw()
    node = drawing.runnable_graph.node(step)
    if node.facts.get("pretended") or node.facts.get("cut"):
        why = "has no body yet" if node.facts.get("unwritten") else "was pretended in this run"
        hint = f"write it; magical inspect {node.name} shows what was pretended."
        raise UnwrittenStep(f"{node.name} ({node.where}) {why}: there is nothing to call.", hint=hint)
    parents = tuple(dict.fromkeys(link.node for link in node.links))
    records = {parent: _find_record(context, summary, parent, node) for parent in parents}
    run_context = create_run_context(context, drawing, on_error=on_error)
    planner = run_context.planner
    plans = planner.plan()
    # Inputs that were pretended in the run are still pretended, even if their steps have been written since.
    origin = tuple(sorted({*planner.origins[node.name], *(o for r in records.values() for o in r.origin)}))
    stale = tuple(p for p in parents if p in plans and plans[p].key != records[p].key)
    earlier = RunResult(summary.name, records=records)
    executor = LocalExecutor(ActiveRun(run_context, earlier, lambda _: None))
    arguments = executor.load_arguments(node, records)

    def call() -> Any:
        # Outside a pretending run a pretended model refuses to predict.
        # Loaded again: a body may change its arguments, and a replay may be called several times.
        fresh = executor.load_arguments(node, records)
        brands = run_context.planning.receipts.brands
        with brands.branding(fresh, origin), pretending_run() if origin else contextlib.nullcontext():
            return brand_origin(executor.call_alone(node, fresh), origin)

    changed = _find_changed_files(context, summary, node, planner)
    return Replay(node, summary, arguments, stale, call, origin, changed)


def _find_changed_files(
    context: ProjectContext, run: RunSummary, node: Node, planner: Planner
) -> tuple[str, ...]:
    """Find the parameters of a node whose files have changed since a run that it finished in."""
    record = context.store.find_record(run.keys[node.name]) if node.name in run.keys else None
    if record is None:
        return ()
    now = {k: v for k, v in planner.compute_key(node, {})[1].items() if k.startswith("argument:")}
    changed = (label for label, text in now.items() if has_other_content(record.parts.get(label, ""), text))
    return tuple(label.partition(":")[2] for label in changed)


def _find_record(context: ProjectContext, run: RunSummary, name: str, node: Node) -> Record:
    """Find the record of an input of a node: the result of the step ``name`` in a run."""
    key = run.keys.get(name)
    if key is None:
        text = f"{node.name} had no inputs in {run.name}: {name} did not finish there."
        raise UsageError(text, hint=f"magical run {name}")
    record = context.store.find_record(key)
    if record is None:
        text = f"What {name} gave in {run.name} is no longer in the store."
        raise StoreError(text, hint=f"make it again: magical run {name}")
    return record


def _summarize(value: Any) -> str:
    """Describe an argument in one line."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} of {' × '.join(f'{n:,}' for n in shape)}"
    if isinstance(value, list):
        return f"list of {len(value)}"
    text = repr(value).split("\n", maxsplit=1)[0]
    return text if len(text) <= 100 else f"{text[:99]}…"


def post_mortem(error: BaseException) -> None:
    """Open the debugger at the innermost line of the project's code that led to an error.

    Args:
        error: the exception of a body, or the BrokenPromise of its output.
    """
    trace = _trim_traceback(error.__traceback__)
    text = str(error) if isinstance(error, MagicalError) else f"{type(error).__name__}: {error}"
    # Not sys.stdout, which may be captured; masked, since the author may print a variable with a secret.
    with contextlib.redirect_stdout(MaskedStream.wrap(sys.__stdout__ or sys.stdout)):
        print(text)
        print("You are where it happened. w: where, p NAME: show, u and d: up and down, q: go on.")
        debugger = pdb.Pdb()
        debugger.reset()
        debugger.interaction(None, trace)


def _trim_traceback(trace: TracebackType | None) -> TracebackType | None:
    """Keep only the frames of the project's code in a traceback; if it has none, keep all frames."""
    frames, rest = [], trace
    while rest is not None:
        if not is_foreign(rest.tb_frame.f_code.co_filename):
            frames.append(rest)
        rest = rest.tb_next
    chain: TracebackType | None = None
    for entry in reversed(frames):  # from the inside out, since each entry takes the next one
        chain = TracebackType(chain, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return chain or trace
