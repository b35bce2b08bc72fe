"""Lists of plans and of runs for Python: what they are, in a line, and as the command prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from magical.engine.journal import RunSummary
from magical.engine.plan import NodePlan
from magical.graph import Graph
from magical.report.text import plan_text, runs_text
from magical.views.page import render_text
from magical.views.state_marks import STATE_STYLES

__all__ = ["RunList", "RunPlan"]


class RunPlan(dict[str, NodePlan]):
    """What a run would do: the plan of each step by its name.

    Example:
        >>> plan = RunPlan(Graph("flow", (), None), {"clean": NodePlan("clean", "waits", after=("raw",))})
        >>> plan
        <plan of flow: 1 waits>
        >>> print(plan)
        … clean  waits  after raw
        flow: 1 waits.
    """

    def __init__(self, graph: Graph, plans: Mapping[str, NodePlan]) -> None:
        super().__init__(plans)
        self._graph = graph

    def __repr__(self) -> str:
        counts = Counter(plan.state for plan in self.values())
        words = ", ".join(f"{counts[state]} {state}" for state in STATE_STYLES if counts[state])
        return f"<plan of {self._graph.workflow}: {words or 'nothing to run'}>"

    def __str__(self) -> str:
        return plan_text(self._graph, self)

    def _repr_html_(self) -> str:
        return render_text(str(self))


class RunList(list[RunSummary]):
    """Runs, the newest first.

    Example:
        >>> RunList()
        <no runs>
        >>> RunList([RunSummary("run-1", "flow", "done", executed=["clean"], seconds=2.5)])
        <1 run, the newest: run-1, done, 1 step ran, 2.5 s>
    """

    def __repr__(self) -> str:
        if not self:
            return "<no runs>"
        count = f"{len(self):,} run{'s' if len(self) > 1 else ''}"
        return f"<{count}, the newest: {self[0]!s}>"

    def __str__(self) -> str:
        return runs_text(self)

    def _repr_html_(self) -> str:
        return render_text(str(self))
