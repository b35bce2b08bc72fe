"""Checks of a project: static ones of its design, and hard ones that call its steps with generated rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from magical.checks.static import run_static_checks
from magical.engine.plan import exploring_reason
from magical.engine.pretend_plan import Pretence
from magical.engine.run import ActiveRun, RunResult
from magical.errors import Finding, join_names
from magical.graph import Graph
from magical.project.project_context import ProjectContext
from magical.project.run_setup import create_run_context
from magical.project.step_states import exploring_notes

if TYPE_CHECKING:
    from magical.checks.hard import HardCheckResult

__all__ = ["CheckResult", "check_project"]

_SEVERITIES = ("error", "warning", "note")
_MAX_LISTED = 3


@dataclass(frozen=True)
class CheckResult:
    """The findings of a check.

    Attributes:
        findings: sorted by severity, then by the order of the steps.
        outcomes: the outcomes of the hard check, one for each step; None if it was not requested.
        notes: lines about a run with the settings of the check.

    Example:
        >>> print(CheckResult("shop", (Finding("WISH001", "note", "clean", "it is not written yet"),)))
        note WISH001 clean: it is not written yet
        shop: 1 note.
    """

    workflow: str
    findings: tuple[Finding, ...]
    outcomes: tuple[HardCheckResult, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """True if an error was found."""
        return any(f.severity == "error" for f in self.findings)

    def __str__(self) -> str:
        lines = self._finding_lines()
        skipped = self._select_outcomes("not assessed")
        for reason in dict.fromkeys(o.reason for o in skipped):
            steps = join_names(o.step for o in skipped if o.reason == reason)
            lines.append(f"not assessed ({reason}): {steps}")
        return "\n".join([*lines, f"{self.workflow}: {'; '.join(self._counts())}.", *self.notes])

    def _finding_lines(self) -> list[str]:
        """Format the findings, one a line; many unwritten steps share a line."""
        # A new design has many unwritten steps, which would hide the other findings: one line for all.
        unwritten = [f for f in self.findings if f.code == "WISH001"]
        if len(unwritten) <= _MAX_LISTED:
            return [str(f) for f in self.findings]
        names = join_names((f.step for f in unwritten), 20)
        line = f"note WISH001 {len(unwritten)} steps are not written yet, or wish for a piece: {names}."
        return [*(str(f) for f in self.findings if f.code != "WISH001"), line]

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        hard = None if self.outcomes is None else [asdict(o) for o in self.outcomes]
        findings = [asdict(f) for f in self.findings]
        return {"workflow": self.workflow, "findings": findings, "hard": hard, "notes": list(self.notes)}

    def _counts(self) -> list[str]:
        """Count the findings by severity, and the outcomes of the hard check, in words."""
        numbers = {s: sum(f.severity == s for f in self.findings) for s in _SEVERITIES}
        texts = [f"{n} {s}{'s' * (n != 1)}" for s, n in numbers.items() if n]
        counts = [", ".join(texts) or "nothing found"]
        if self.outcomes is not None:
            passed, skipped = len(self._select_outcomes("passed")), len(self._select_outcomes("not assessed"))
            words = f"{passed} step{'s' * (passed != 1)} passed the hard check"
            counts.append(f"{words}, {skipped} not assessed" if skipped else words)
        return counts

    def _select_outcomes(self, state: str) -> list[HardCheckResult]:
        return [o for o in self.outcomes or () if o.state == state]


class _NoPretence(Pretence):
    """A pretence that leaves the graph as it is: a hard check generates its inputs by itself."""

    def __call__(self, graph: Graph) -> Graph:
        return graph


def check_project(context: ProjectContext, hard: bool = False) -> CheckResult:
    """Check a project's design.

    Args:
        context: the project's context.
        hard: call each written step with generated rows as well.
    """
    drawing = context.draw()
    began = time.monotonic()
    # Drawn afresh: a cached graph has no code to check.
    workflow, graph = context.drawer.draw_fresh()
    seconds = time.monotonic() - began
    findings, outcomes = run_static_checks(graph, workflow), None
    findings += _find_repeated_imports(drawing.drawn.asks, seconds)
    if hard:
        from magical.checks.hard import run_hard_checks
        from magical.engine.execution.executor import LocalExecutor

        drawing = replace(drawing, drawn=replace(drawing.drawn, graph=graph), pretence=_NoPretence())
        run = create_run_context(context, drawing)
        outcomes = run_hard_checks(graph, LocalExecutor(ActiveRun(run, RunResult(), lambda _: None)))
        findings += [f for o in outcomes for f in o.findings]
    # Findings about contracts or settings name no node and no step: they come first.
    order = {name: i for i, n in enumerate(graph.nodes) for name in (n.name, n.step_name)}
    findings.sort(key=lambda f: (_SEVERITIES.index(f.severity), order.get(f.step, -1), f.step))
    reason = exploring_reason(context.make_planning_context(drawing).explored)
    writers = [n.name for n in graph.required_nodes if n.writes]
    notes = exploring_notes(writers, reason) if reason else ()
    return CheckResult(graph.workflow, tuple(findings), outcomes, notes)


def _find_repeated_imports(asks: Mapping[str, str], seconds: float) -> Iterator[Finding]:
    """Report the modules that each command must import, since their import may differ with the same files."""
    modules = {name: place for name, place in asks.items() if ":" not in name}  # PURE001 reports functions
    for module, place in modules.items():
        price = f"so each command imports the project: {seconds:.1f} s."
        what = f"asks for more than code when it is imported ({place}), {price}"
        hint = "move that line into a step, or make it a setting; a module that only defines is remembered."
        yield Finding("PURE004", "note", module, what, hint)
