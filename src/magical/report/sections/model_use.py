"""The sections about what a model uses, its worst rows, and what scoring will watch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from magical.errors import join_names, shorten
from magical.masking import mask
from magical.report.sections.report_context import ReportContext, Rows, format_cell, format_short
from magical.views.document import (
    Axis,
    Band,
    Bars,
    Block,
    Cell,
    Chart,
    Details,
    Dots,
    Line,
    Paragraph,
    Table,
)

__all__ = ["build_drift", "build_use", "build_worst"]

_MAX_BARS, _MAX_WORST, _MAX_COLUMNS, _MAX_BESIDE = 15, 10, 8, 2


def build_use(context: ReportContext) -> Iterator[Block]:
    """Show which columns a model uses, and how its predictions depend on them."""
    for record in context.evidence.find("explain"):
        told = context.evidence.result(record)
        facts = told if isinstance(told, Mapping) else {}
        part = str(facts.get("part", "validation"))
        outcome = str(facts.get("outcome") or "prediction")
        charts = list(_dependence_charts(context.rows(record, "dependence"), outcome, part))
        if rows := _in_unit_of_target(context.rows(record, "importance"), facts):
            yield from _importance_blocks(rows, facts, part, charts[:_MAX_BESIDE])
            charts = charts[_MAX_BESIDE:]
        elif facts.get("reason"):
            yield Paragraph(f"Not explained: {facts['reason']}", "warning")
        if charts:
            titles = join_names((chart.title for chart in charts), 6)
            yield Details(f"How the prediction depends on {titles}", tuple(charts))


def _in_unit_of_target(rows: Rows, facts: Mapping[str, Any]) -> Rows:
    """Convert gains of squared error to gains of its root; those of other losses stay as they are."""
    base = facts.get("base")
    if facts.get("loss") != "squared_error" or not isinstance(base, int | float):
        return rows
    names = ("value", "low", "high")
    return [{**r, **{n: max(base + (r[n] or 0.0), 0.0) ** 0.5 - base**0.5 for n in names}} for r in rows]


def _importance_blocks(
    rows: Rows, facts: Mapping[str, Any], part: str, beside: Sequence[Chart]
) -> Iterator[Block]:
    """Yield the chart of the importance with those that stand beside it, and what else is known."""
    used = [r for r in rows if (r["low"] or 0) > 0]
    level = "raw columns" if rows[0].get("level") == "raw" else "its own features"
    loss = (
        "rmse" if facts.get("loss") == "squared_error" else str(facts.get("loss", "loss")).replace("_", " ")
    )
    names = join_names((shorten(r["columns"], 60) for r in used[:3]), 3)
    reading = f"It uses most: {names}." if used else "No column matters more than chance."
    reading += f" {len(used)} of {len(rows)} {level} matter more than chance."
    if reason := facts.get("reason"):
        yield Paragraph(f"{str(reason)[:1].upper()}{str(reason)[1:]}", "faint")
    first = rows[:_MAX_BARS]
    bars = Bars(
        tuple((float(i), i + 1.0, r["value"]) for i, r in enumerate(first)),
        intervals=tuple((r["low"], r["high"]) for r in first),
        horizontal=True,
    )
    axes = (
        Axis(f"{loss} added by shuffling"),
        Axis("column", tuple(shorten(r["columns"], 60) for r in first)),
    )
    yield Chart("Importance", reading, *axes, (bars,), part)
    yield from beside
    if rest := rows[_MAX_BARS:]:
        cells = tuple((shorten(r["columns"], 100), r["value"], r["low"], r["high"]) for r in rest)
        yield Details(
            "1 more column" if len(rest) == 1 else f"{len(rest)} more columns",
            (Table(("column", ">value", ">low", ">high"), cells, part=part),),
        )
    if unused := facts.get("unused"):
        yield Paragraph(f"Columns that do not reach the model: {join_names(map(str, unused), 20)}.", "faint")


def _dependence_charts(rows: Rows, outcome: str, part: str) -> Iterator[Chart]:
    for column, group in groupby(rows, key=lambda r: r["column"]):
        places = sorted(group, key=lambda r: r["position"] or 0)
        values = [r["prediction"] for r in places]
        span = f"{format_short(min(values))} to {format_short(max(values))}"
        reading = f"The mean {outcome} goes from {span} over the values of the column."
        numeric = all(_is_number(r["place"]) for r in places)
        xs = [float(r["place"]) if numeric else i + 0.5 for i, r in enumerate(places)]
        spans = [(r["low"], r["high"]) for r in places if r["low"] is not None and r["high"] is not None]
        spans = spans if len(spans) == len(places) else []  # a null is not a number: no interval, no band
        points = tuple(zip(xs, values, strict=True))
        if numeric:
            band = tuple((x, low, high) for x, (low, high) in zip(xs, spans, strict=False))
            marks: tuple[Any, ...] = (*((Band(band),) if spans else ()), Line(points))
        else:
            marks = (Dots(points, intervals=tuple(spans)),)
        labels = () if numeric else tuple(shorten(r["place"], 30) for r in places)
        yield Chart(
            shorten(column, 60), reading, Axis(shorten(column, 60), labels), Axis(outcome), marks, part
        )


def _is_number(text: Any) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except (TypeError, ValueError):
        return False


def build_worst(context: ReportContext) -> Iterator[Block]:
    """Show the rows whose predictions are most wrong: their ids, truth, prediction and a few columns."""
    for evaluation in context.evaluations:
        if rows := context.rows(evaluation.record, "worst"):
            names = list(rows[0])
            probabilities = [n for n in names if n.startswith("probability_")]
            shown = [n for n in names if n not in probabilities or len(probabilities) <= 2][:_MAX_COLUMNS]
            cells = tuple(tuple(_to_cell(r[n]) for n in shown) for r in rows[:_MAX_WORST])
            head = tuple(f">{mask(n)}" if isinstance(rows[0][n], float) else mask(n) for n in shown)
            few = f"{len(cells)} of {evaluation.scores.rows:,} rows; {len(shown)} of {len(names)} columns."
            text = f"{few} magical inspect {evaluation.record.node} shows more."
            text += " Surprise is the log loss of the row." if "surprise" in shown else ""
            yield Paragraph(text)
            yield Table(head, cells, "Worst predictions", evaluation.scores.part)


def _to_cell(value: object) -> Cell:
    return value if isinstance(value, float | None) else shorten(format_cell(value), 60)


def build_drift(context: ReportContext) -> Iterator[Block]:
    """Show what scoring will watch, where a registered model has such limits."""
    for _, rows in context.tables("register", "drift"):
        cells = tuple(tuple(map(_to_cell, row.values())) for row in rows[:30])
        yield Table(tuple(rows[0]), cells, "What scoring will watch")
