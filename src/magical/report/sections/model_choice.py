"""The section about the choice of the model: trials, candidates, and how far the best stands out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from magical.errors import join_names, shorten
from magical.report.sections.report_context import ReportContext, Rows, format_short
from magical.views.document import (
    Axis,
    Block,
    Cell,
    Chart,
    Details,
    Dots,
    Line,
    Paragraph,
    Table,
)

__all__ = ["build_choice"]

_MAX_TRIALS = 200
_KNOWN = ("trial", "seconds", "state", "folds", "failure")


def build_choice(context: ReportContext) -> Iterator[Block]:
    """Show the candidates side by side, how far each is from the best, and the trials of each experiment."""
    for step in ("select", "choose", "automatic"):
        for record, rows in context.tables(step, "candidates"):
            scores = context.rows(record, "candidate_scores")
            yield from _candidate_blocks(rows, scores, record.node)
    folded: list[Block] = []
    for record, rows in context.tables("tune", "trials"):
        best = next((c.get("score") for c in context.rows(record, "candidates")), None)
        yield from _draw_trials(rows, record.node, best)
        folded.append(_tabulate_trials(rows, record.node))
    if folded:
        yield Details("All trials", tuple(folded))


def _candidate_blocks(rows: Rows, scores: Rows, node: str) -> Iterator[Block]:
    chosen = next((r for r in rows if r.get("chosen")), rows[0])
    near = [
        str(s["candidate"]) for s in scores if s.get("within_noise") and s["candidate"] != chosen["candidate"]
    ]
    near = list(dict.fromkeys(near))
    text = f"{node} chose {chosen['candidate']} by {chosen['metric']} {format_short(chosen['score'])}"
    text += f", {chosen.get('scored') or 'on held-out rows'}; test had no part in it."
    if near:
        text += f" Within the noise of the best: {join_names(near, 6)}."
    elif len({s["candidate"] for s in scores}) > 1:
        text += " No other candidate is within its noise."
    yield Paragraph(text)
    by_name = {s["candidate"]: s for s in scores if s.get("metric") == chosen["metric"]}
    head = ("candidate", ">score", ">low", ">high", ">behind the best", "", "settings")
    cells = [_candidate_row(row, by_name.get(row["candidate"], {})) for row in rows]
    shown = [i for i, _ in enumerate(head) if i < 2 or any(c[i] not in (None, "") for c in cells)]
    yield Table(
        tuple(head[i] for i in shown),
        tuple(tuple(c[i] for i in shown) for c in cells),
        f"Candidates by {chosen['metric']}",
        "held out",
    )


def _candidate_row(row: Mapping[str, Any], score: Mapping[str, Any]) -> tuple[Cell, ...]:
    state = "chosen" if row.get("chosen") else "failed" if row.get("failure") else ""
    if not state and score.get("within_noise"):
        state = "within noise"
    value = score.get("value", row.get("score"))
    numbers = (value, score.get("low"), score.get("high"), score.get("loss_to_best"))
    return str(row["candidate"]), *numbers, state, shorten(_describe_params(row), 160)


def _describe_params(row: Mapping[str, Any]) -> str:
    if row.get("failure"):
        return str(row["failure"])
    try:
        params = json.loads(str(row.get("params") or "{}"))
    except ValueError:
        return ""
    return join_names((f"{k} {format_short(v) if isinstance(v, float) else v}" for k, v in params.items()), 8)


def _draw_trials(rows: Rows, node: str, best: Any) -> Iterator[Chart]:
    """Yield a chart of several trials with the best so far; ``best`` is what won."""
    metric = next((n for n in rows[0] if n not in _KNOWN), "")
    done = [(float(r["trial"]) + 1, float(r[metric])) for r in rows if _is_number(r.get(metric))]
    if len(done) > 1:
        values = [value for _, value in done]
        improve = min if _is_lower_better(metric, best, values) else max
        points = [(place, improve(values[: i + 1])) for i, (place, _) in enumerate(done)]
        best = improve(values)
        since = next(place for place, value in done if value == best)
        reading = f"The best {metric} of {len(rows):,} trials is {format_short(best)}, at trial {since:.0f}."
        marks = (Dots(tuple(done), "trial"), Line(tuple(points), "best so far", step=True))
        yield Chart(f"Trials of {node}", reading, Axis("trial"), Axis(metric), marks, "held out")


def _tabulate_trials(rows: Rows, node: str) -> Table:
    names = [n for n in rows[0] if n != "failure" or any(r["failure"] for r in rows)]
    cells = tuple(tuple(_to_cell(r[n]) for n in names) for r in rows[:_MAX_TRIALS])
    more = f"; the first {_MAX_TRIALS}" if len(rows) > _MAX_TRIALS else ""
    head = tuple(f">{n}" if _is_number(rows[0][n]) else n for n in names)
    return Table(head, cells, f"Trials of {node}{more}", "held out")


def _is_lower_better(metric: str, best: Any, values: list[float]) -> bool:
    """Return True if a metric improves when it falls; that of a project's own shows by the score that won."""
    if _is_number(best):
        return bool(abs(best - min(values)) < abs(best - max(values)))
    from magical.library.metrics.metrics import LOWER_IS_BETTER

    return metric in LOWER_IS_BETTER


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _to_cell(value: object) -> Cell:
    return value if isinstance(value, int | float | None) else shorten(str(value), 60)
