"""The answer of `magical why`: the differences from the last run of a step, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from magical.engine.journal import RunSummary
from magical.engine.plan import FRESH, LEFT_OUT, WAITS, NodePlan, Receipts
from magical.errors import shorten
from magical.keys.key_diff import Cause, ListFiles, diff_settings, find_causes
from magical.project.loading.graph_cache import DrawnWorkflow
from magical.views.page import render_text

__all__ = ["History", "Why", "answer_why"]


@dataclass(frozen=True)
class Why:
    """Why a step runs again, or ran the last time.

    Attributes:
        state: ``fresh``, ``to run``, ``waits`` or ``left out``.
        headline: one sentence.
        settings: texts of the settings that changed.
        run: the run that it is compared with, or in which it ran last; empty if there is none.
        after: for a step that waits, the answers for the steps upstream that do not wait themselves.
        hint: how a step that is left out would be included.

    Example:
        >>> print(Why("clean", "to run", "it has not run yet."))
        clean: it has not run yet.
    """

    step: str
    state: str
    headline: str
    causes: tuple[Cause, ...] = ()
    settings: tuple[str, ...] = ()
    run: str = ""
    after: tuple[Why, ...] = ()
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"{self.step}: {self.headline}", *(f"  {c.text}" for c in self.causes)]
        lines += [f"  setting {text}" for text in self.settings]
        for why in self.after:
            lines += [f"  {line}" for line in str(why).splitlines()]
        lines += [f"Hint: {self.hint}"] if self.hint else []
        return "\n".join(lines)

    def __repr__(self) -> str:
        causes = "; ".join(c.text for c in self.causes)
        return f"<why {shorten(f'{self.step}: {self.headline} {causes}'.rstrip(), 240)}>"

    def _repr_html_(self) -> str:
        return render_text(str(self))

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        return {
            "step": self.step,
            "state": self.state,
            "headline": self.headline,
            "causes": [c.to_json() for c in self.causes],
            "settings": list(self.settings),
            "run": self.run,
            "after": [w.to_json() for w in self.after],
            "hint": self.hint,
        }


@dataclass(frozen=True)
class History:
    """What is known of earlier runs.

    Attributes:
        runs: newest first.
        receipts: looks up their results.
        list_files: knows the files of folders that they read, by the digests of the folders.
    """

    runs: Iterable[RunSummary]
    receipts: Receipts
    list_files: ListFiles | None = None


def answer_why(name: str, plans: Mapping[str, NodePlan], drawn: DrawnWorkflow, history: History) -> Why:
    """Explain the state of a node in a plan, by the earlier runs."""
    # Read once, for all nodes of the answer.
    runs = [r for r in history.runs if r.workflow == drawn.graph.workflow]
    history, receipts = replace(history, runs=runs), history.receipts
    plan = plans[name]
    if plan.state == LEFT_OUT:
        return Why(name, plan.state, f"it is left out: {plan.reason}.", hint=plan.hint)
    if plan.state == WAITS:
        after = tuple(answer_why(n, plans, drawn, history) for n in _find_blockers(plan, plans))
        text = "its inputs are made again; it runs if they come out different."
        return Why(name, plan.state, text, after=after)
    earlier = [(r, r.keys[name]) for r in runs if name in r.keys]
    if plan.state == FRESH:
        return _explain_fresh(plan, drawn, earlier, history)
    if drawn.graph.by_name[name].facts.get("reads") == "world":
        return Why(name, plan.state, "it asks its source again in each run.")
    if plan.reason:
        return Why(name, plan.state, f"{plan.reason}.", run=earlier[0][0].name if earlier else "")
    if not earlier:
        return Why(name, plan.state, "it has not run yet.")
    run, key = earlier[0]
    record = receipts.store.find_record(key)
    # The stored key may have the mark of a registry at its end, which the plan does not know yet.
    if key.startswith(plan.key):
        foreign = "comes from another store and holds code; --trust takes it."
        text = f"its stored result {foreign if key in receipts.store.untrusted else 'is gone.'}"
        return Why(name, plan.state, text, run=run.name)
    if record is None:
        return Why(name, plan.state, f"it differs from {run.name}, whose result is gone.", run=run.name)
    causes = find_causes(record.parts, plan.parts, drawn.identities[name], history.list_files)
    return _explain_difference(plan, causes, f"it runs again; since {run.name}:", run, drawn)


def _find_blockers(plan: NodePlan, plans: Mapping[str, NodePlan]) -> list[str]:
    """Find the nodes that a node waits for, directly or not, and that do not wait themselves."""
    found: dict[str, None] = {}
    waiting = list(reversed(plan.after))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting.extend(reversed(plans[name].after))
    return [n for n in found if plans[n].state != WAITS]


def _explain_fresh(
    plan: NodePlan, drawn: DrawnWorkflow, keyed_runs: list[tuple[RunSummary, str]], history: History
) -> Why:
    """Explain why a fresh node ran the last time: compare it with the previous run that had another key."""
    record, receipts = plan.record, history.receipts
    assert record is not None, "it is fresh"
    ran = record.run
    earlier = [(r, key) for r, key in keyed_runs if r.name < ran and key != record.key]
    if not earlier:
        return Why(plan.name, plan.state, f"it is fresh; it ran first in {ran}.", run=ran)
    before = receipts.store.find_record(earlier[0][1])
    headline = f"it is fresh; it ran last in {ran}, since"
    if before is None:
        return Why(plan.name, plan.state, f"it is fresh; it ran last in {ran}.", run=ran)
    if before.parts == record.parts:  # the keys differ in the mark of the registry alone
        text = f"{headline} its receipt was of another registry: {receipts.describe_registry(before)}."
        return Why(plan.name, plan.state, text, run=earlier[0][0].name)
    causes = find_causes(before.parts, plan.parts, drawn.identities[plan.name], history.list_files)
    return _explain_difference(plan, causes, headline, earlier[0][0], drawn)


def _explain_difference(
    plan: NodePlan, causes: Sequence[Cause], headline: str, run: RunSummary, drawn: DrawnWorkflow
) -> Why:
    """Explain how a plan differs from what ``run`` had."""
    # Settings reach a step by its arguments alone.
    has_arguments = any(c.kind == "argument" for c in causes)
    settings = diff_settings(run.settings, drawn.settings) if has_arguments else ()
    return Why(plan.name, plan.state, headline, tuple(causes), tuple(settings), run.name)
