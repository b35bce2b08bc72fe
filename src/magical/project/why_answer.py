"""The answer to why: what differs from the last time a step ran, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from magical.engine.journal import RunSummary
from magical.engine.plan import FRESH, LEFT_OUT, WAITS, NodePlan, Receipts
from magical.keys.key_diff import Cause, diff_settings, find_causes
from magical.project.loading.graph_cache import DrawnWorkflow

__all__ = ["Why", "answer_why"]


@dataclass(frozen=True)
class Why:
    """Why a step runs again, or ran the last time.

    Attributes:
        step: the node.
        state: ``fresh``, ``to run``, ``waits`` or ``unwritten``.
        headline: one sentence.
        causes: what differs.
        settings: the settings that changed since.
        run: the run it is compared with, or in which it ran the last time.
        after: for a step that waits, the answers for those with which it begins: they run, and do not wait.
    """

    step: str
    state: str
    headline: str
    causes: tuple[Cause, ...] = ()
    settings: tuple[str, ...] = ()
    run: str = ""
    after: tuple[Why, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.step}: {self.headline}", *(f"  {c.text}" for c in self.causes)]
        lines += [f"  setting {text}" for text in self.settings]
        for why in self.after:
            lines += [f"  {line}" for line in str(why).splitlines()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "step": self.step,
            "state": self.state,
            "headline": self.headline,
            "causes": [c.to_json() for c in self.causes],
            "settings": list(self.settings),
            "run": self.run,
            "after": [w.to_json() for w in self.after],
        }


@dataclass
class _RunHistory:
    """What the journal says of one node: the runs that had it, newest first, and their keys."""

    runs: list[RunSummary] = field(default_factory=list)

    def runs_with_key(self, name: str) -> list[tuple[RunSummary, str]]:
        """Give the runs in which a node had a key."""
        return [(r, r.keys[name]) for r in self.runs if name in r.keys]


def answer_why(
    name: str,
    plans: Mapping[str, NodePlan],
    drawn: DrawnWorkflow,
    runs: Iterable[RunSummary],
    receipts: Receipts,
) -> Why:
    """Say why a node is in the state that it is in."""
    past = _RunHistory([r for r in runs if r.workflow == drawn.graph.workflow])
    return _answer(name, plans, drawn, past, receipts)


def _answer(
    name: str, plans: Mapping[str, NodePlan], drawn: DrawnWorkflow, past: _RunHistory, receipts: Receipts
) -> Why:
    made = plans[name]
    if made.state == LEFT_OUT:
        return Why(name, made.state, f"it is left out: {made.reason}.")
    if made.state == WAITS:
        after = tuple(_answer(n, plans, drawn, past, receipts) for n in _find_blockers(made, plans))
        return Why(
            name, made.state, "its inputs are made again; it runs if they come out different.", after=after
        )
    if made.state == FRESH:
        return _explain_fresh(made, drawn, past, receipts)
    earlier = past.runs_with_key(name)
    if drawn.graph.by_name[name].facts.get("reads") == "world":
        return Why(name, made.state, "it asks its source again in each run.")
    if made.reason:
        return Why(name, made.state, f"{made.reason}.", run=earlier[0][0].name if earlier else "")
    if not earlier:
        return Why(name, made.state, "it has not run yet.")
    run, key = earlier[0]
    record = receipts.store.find_record(key)
    if key.startswith(made.key):  # with or without the mark of a registry
        foreign = "comes from another store and holds code; --trust takes it."
        text = f"its stored result {foreign if key in receipts.store.untrusted else 'is gone.'}"
        return Why(name, made.state, text, run=run.name)
    if record is None:
        return Why(name, made.state, f"it differs from {run.name}, whose result is gone.", run=run.name)
    return _explain_difference(made, record.parts, f"it runs again; since {run.name}:", run, drawn)


def _find_blockers(plan: NodePlan, plans: Mapping[str, NodePlan]) -> list[str]:
    """The nodes for which one waits in the end, each once, however many ways lead there."""
    found: dict[str, None] = {}
    waiting = list(reversed(plan.after))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting.extend(reversed(plans[name].after))
    return [n for n in found if plans[n].state != WAITS]


def _explain_fresh(plan: NodePlan, drawn: DrawnWorkflow, past: _RunHistory, receipts: Receipts) -> Why:
    record = plan.record
    assert record is not None, "it is fresh"
    ran = record.run
    earlier = [(r, k) for r, k in past.runs_with_key(plan.name) if r.name < ran and k != record.key]
    if not earlier:
        return Why(plan.name, plan.state, f"it is fresh; it ran first in {ran}.", run=ran)
    before = receipts.store.find_record(earlier[0][1])
    headline = f"it is fresh; it ran last in {ran}, since"
    if before is None:
        return Why(plan.name, plan.state, f"it is fresh; it ran last in {ran}.", run=ran)
    if before.parts == record.parts:
        other = f"{headline} its receipt was of another registry: {receipts.describe_registry(before)}."
        return Why(plan.name, plan.state, other, run=earlier[0][0].name)
    return _explain_difference(plan, before.parts, headline, earlier[0][0], drawn)


def _explain_difference(
    plan: NodePlan, old: Mapping[str, str], headline: str, run: RunSummary, drawn: DrawnWorkflow
) -> Why:
    found = find_causes(old, plan.parts, drawn.identities[plan.name])
    changed = (
        tuple(diff_settings(run.settings, drawn.settings)) if any(c.kind == "argument" for c in found) else ()
    )
    return Why(plan.name, plan.state, headline, tuple(found), changed, run.name)
