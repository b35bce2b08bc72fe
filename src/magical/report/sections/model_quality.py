"""The sections about quality: curves, calibration, classes or residuals; the decision; and weak slices."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from magical.errors import join_names, shorten
from magical.report.sections.report_context import (
    Evaluation,
    ReportContext,
    Rows,
    format_cell,
    format_short,
)
from magical.views.document import (
    Axis,
    Band,
    Bars,
    Block,
    Cell,
    Cells,
    Chart,
    Dots,
    Line,
    Mark,
    Paragraph,
    RuleLine,
    Table,
)

__all__ = ["build_decision", "build_quality", "build_slices", "describe_slice"]

_MAX_CLASSES, _MAX_SLICES = 30, 20


def build_quality(context: ReportContext) -> Iterator[Block]:
    """Show how good the predictions are, each picture with what it says."""
    for evaluation in context.evaluations:
        yield from _quality_blocks(context, evaluation)


def _quality_blocks(context: ReportContext, evaluation: Evaluation) -> Iterator[Block]:
    draw: dict[str, Callable[[Rows, str], Block]] = {
        "roc": _draw_roc,
        "precision_recall": _draw_precision_recall,
        "calibration": _draw_calibration,
        "score_histogram": _draw_scores,
        "confusion": _draw_confusion,
        "classes": _tabulate_classes,
        "predicted_truth": _draw_predicted_truth,
        "residuals": _draw_residuals,
        "residual_histogram": _draw_residual_histogram,
    }
    blocks = []
    for name, build in draw.items():
        rows = context.rows(evaluation.record, name)
        if not rows and name == "roc":
            rows = context.rows(evaluation.record, "curve")  # its name in earlier releases
        if rows:
            blocks.append(build(rows, evaluation.scores.part))
    if blocks and (suffix := context.name_suffix("evaluate", evaluation.record)):
        yield Paragraph(f"By{suffix}:")
    yield from blocks


def _share_axis(label: str) -> Axis:
    return Axis(label, low=0.0, high=1.0, percent=True)


def _band(rows: Rows, x: str) -> tuple[Mark, ...]:
    points = [(r[x], r["low"], r["high"]) for r in rows if None not in (r[x], r.get("low"), r.get("high"))]
    return (Band(tuple(points), "95 % interval"),) if points else ()


def _points(rows: Rows, x: str, y: str) -> tuple[tuple[float, float], ...]:
    return tuple((float(r[x]), float(r[y])) for r in rows if r.get(x) is not None and r.get(y) is not None)


def _draw_roc(rows: Rows, part: str) -> Chart:
    x, y = "false_positive_rate", "true_positive_rate"
    near = min(rows, key=lambda r: abs((r[x] or 0) - 0.1))
    reading = f"Where {near[x]:.0%} of the negatives are flagged, {near[y]:.0%} of the positives are found."
    line = Line(((0.0, 0.0), *_points(rows, x, y)), "model")
    chance = RuleLine(axis="diagonal", label="chance")
    axes = _share_axis("false positive rate"), _share_axis("true positive rate")
    return Chart("ROC curve", reading, *axes, (*_band(rows, x), line, chance), part)


def _draw_precision_recall(rows: Rows, part: str) -> Chart:
    near = min(rows, key=lambda r: abs((r["recall"] or 0) - 0.5))
    found, right = f"{near['recall']:.0%}", f"{near['precision']:.0%}"
    reading = f"Where {found} of the positives are found, {right} of the flagged rows are right."
    ordered = sorted(rows, key=lambda r: r["recall"] or 0)
    marks = (*_band(ordered, "recall"), Line(_points(ordered, "recall", "precision"), "model"))
    axes = _share_axis("recall"), _share_axis("precision")
    return Chart("Precision and recall", reading, *axes, marks, part)


def _draw_calibration(rows: Rows, part: str) -> Chart:
    intervals = tuple((r["low"], r["high"]) for r in rows if r.get("low") is not None)
    outside = [r for r in rows if r.get("low") is not None and not r["low"] <= r["prediction"] <= r["high"]]
    worst = max(rows, key=lambda r: abs(r["prediction"] - r["truth"]))
    reading = f"{len(outside)} of {len(rows)} groups of rows lie outside of chance" if intervals else ""
    far = (
        f"the largest gap: {format_short(worst['prediction'])} predicted, {format_short(worst['truth'])} true"
    )
    reading = f"{reading}; {far}." if reading else f"{far[0].upper()}{far[1:]}."
    dots = Dots(
        _points(rows, "prediction", "truth"),
        "a tenth of the rows",
        intervals if len(intervals) == len(rows) else (),
    )
    marks = (dots, RuleLine(axis="diagonal", label="perfect"))
    return Chart("Calibration", reading, Axis("mean prediction"), Axis("mean truth"), marks, part)


def _draw_scores(rows: Rows, part: str) -> Chart:
    classes = list(dict.fromkeys(str(r["class"]) for r in rows))
    lines: list[Mark] = []
    for name in classes:
        bins = [r for r in rows if str(r["class"]) == name]
        points = [(r["left"], r["share"]) for r in bins] + [(bins[-1]["right"], bins[-1]["share"])]
        lines.append(Line(tuple(points), shorten(name, 40), step=True, dashed=bool(lines)))
    means = {
        name: sum(r["share"] * (r["left"] + r["right"]) / 2 for r in rows if str(r["class"]) == name)
        for name in classes
    }
    told = join_names((f"{shorten(n, 40)} {m:.2f}" for n, m in means.items()), 6)
    reading = f"Mean score by true class: {told}; the less the lines overlap, the better."
    axes = Axis("score", low=0.0, high=1.0), Axis("share of the class", low=0.0, percent=True)
    return Chart("Scores by class", reading, *axes, tuple(lines), part)


def _draw_confusion(rows: Rows, part: str) -> Block:
    total: dict[str, int] = {}
    for r in rows:
        total[str(r["truth"])] = total.get(str(r["truth"]), 0) + r["rows"]
    classes = sorted({*total, *(str(r["prediction"]) for r in rows)}, key=lambda c: (-total.get(c, 0), c))
    right = sum(r["rows"] for r in rows if str(r["truth"]) == str(r["prediction"]))
    count = sum(total.values())
    wrong = sorted((r for r in rows if str(r["truth"]) != str(r["prediction"])), key=lambda r: -r["rows"])
    reading = f"{right:,} of {count:,} rows are right ({right / max(count, 1):.1%})"
    if wrong:
        first = wrong[0]
        truth, taken = (shorten(str(first[n]), 40) for n in ("truth", "prediction"))
        reading += f"; most often {truth} is taken for {taken}"
        reading += f" ({first['rows']:,} rows)"
    if len(classes) > _MAX_CLASSES:
        cells = tuple((str(r["truth"]), str(r["prediction"]), f"{r['rows']:,}") for r in wrong[:20])
        return Table(("truth", "prediction", ">rows"), cells, f"Most frequent confusions. {reading}.", part)
    found = {(str(r["truth"]), str(r["prediction"])): float(r["rows"]) for r in rows}
    values = tuple(tuple(found.get((t, p), 0.0) for p in classes) for t in classes)
    labels = tuple(shorten(c, 40) for c in classes)
    return Chart(
        "Confusion", f"{reading}.", Axis("prediction", labels), Axis("truth", labels), (Cells(values),), part
    )


def _share(value: Any) -> str:
    return "?" if value is None else f"{value:.3f}"


def _tabulate_classes(rows: Rows, part: str) -> Table:
    head = ("class", ">rows", ">predicted", *(f">{n}" for n in ("precision", "recall", "f1")))

    def cell(row: Any, name: str) -> str:
        span = f" ({_share(row.get(f'{name}_low'))} to {_share(row.get(f'{name}_high'))})"
        return _share(row[name]) + (span if row.get(f"{name}_low") is not None else "")

    cells = tuple(
        (
            shorten(format_cell(r["class"]), 60),
            r["rows"],
            r.get("predicted"),
            *(cell(r, n) for n in ("precision", "recall", "f1")),
        )
        for r in rows[:_MAX_CLASSES]
    )
    more = f", the first {_MAX_CLASSES} of {len(rows)}" if len(rows) > _MAX_CLASSES else ""
    return Table(head, cells, f"Classes{more}", part)


def _draw_predicted_truth(rows: Rows, part: str) -> Chart:
    pairs = _points(rows, "prediction", "truth")
    near = sum(abs(p - t) <= 0.1 * abs(t) for p, t in pairs) / max(len(pairs), 1)
    reading = f"{near:.0%} of these {len(pairs):,} predictions are within a tenth of the truth."
    marks = (Dots(pairs, "a row"), RuleLine(axis="diagonal", label="perfect"))
    return Chart("Predicted and true", reading, Axis("prediction"), Axis("truth"), marks, part)


def _draw_residuals(rows: Rows, part: str) -> Chart:
    wide = max(rows, key=lambda r: (r["high95"] or 0) - (r["low5"] or 0))
    reading = (
        f"The errors spread most around a prediction of {format_short(wide['prediction'])}: "
        f"from {format_short(wide['low5'])} to {format_short(wide['high95'])} for nine rows of ten."
    )
    bands = [
        Band(tuple((r["prediction"], r[a], r[b]) for r in rows), label)
        for a, b, label in (("low5", "high95", "90 % of rows"), ("low25", "high75", "half of the rows"))
    ]
    median = Line(_points(rows, "prediction", "median"), "median")
    marks: tuple[Mark, ...] = (*bands, median, RuleLine(0.0, "y"))
    return Chart(
        "Errors by prediction", reading, Axis("prediction"), Axis("truth minus prediction"), marks, part
    )


def _draw_residual_histogram(rows: Rows, part: str) -> Chart:
    bars = tuple((r["left"], r["right"], float(r["rows"])) for r in rows)
    total = sum(b[2] for b in bars)
    below = sum(b[2] for b in bars if b[1] <= 0)
    reading = f"Of {total:,.0f} rows, at least {below / max(total, 1):.0%} are predicted too high."
    marks = (Bars(bars), RuleLine(0.0, "x"))
    return Chart("Errors", reading, Axis("truth minus prediction"), Axis("rows", low=0.0), marks, part)


def build_decision(context: ReportContext) -> Iterator[Block]:
    """Show what each threshold costs, and how much the first rows of a ranking gain."""
    for evaluation in context.evaluations:
        part = evaluation.scores.part
        if rows := context.rows(evaluation.record, "decision"):
            yield from _describe_costs(evaluation)
            yield _draw_decision(rows, _read_decision(evaluation), part)
        if rows := context.rows(evaluation.record, "gain"):
            yield _draw_gain(rows, part)


def _read_decision(evaluation: Evaluation) -> Mapping[str, Any]:
    """Read the costs or the metric that the step was given; empty where they are not known."""
    try:
        found = json.loads(evaluation.record.parts["argument:how"].partition("\n")[0])["decision"]
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _describe_costs(evaluation: Evaluation) -> Iterator[Block]:
    decision, positive = _read_decision(evaluation), shorten(format_cell(evaluation.scores.positive), 40)
    costs = [decision.get(n) for n in ("false_positive", "false_negative")]
    if None not in costs:
        text = f"A row that is taken for {positive} and is not costs {format_short(costs[0])}"
        yield Paragraph(f"{text}; one that is {positive} and is missed costs {format_short(costs[1])}.")


def _draw_decision(rows: Rows, decision: Mapping[str, Any], part: str) -> Chart:
    has_costs, metric = decision.get("false_positive") is not None, str(decision.get("metric") or "")
    chosen = [r for r in rows if r.get("chosen")]
    reading = "The threshold of the model is not known"
    if chosen:
        one, span = chosen[0], [format_short(chosen[0].get(n)) for n in ("low", "high")]
        reading = f"The threshold {format_short(one['threshold'])}, chosen on held-out rows, gives "
        value = format_short(one["value"])
        reading += f"a cost of {value} a row here" if has_costs else f"{metric} {value} here".lstrip()
        reading += f" ({' to '.join(span)})" if "?" not in span else ""
    every, none = (format_short(r["value"]) for r in (rows[0], rows[-1]))
    reading += f". Every row called positive gives {every}, none {none}"
    marks: list[Mark] = [*_band(rows, "threshold"), Line(_points(rows, "threshold", "value"), "model")]
    marks += [RuleLine(r["threshold"], "x", "chosen") for r in chosen[:1]]
    axes = Axis("threshold"), Axis("cost a row" if has_costs else metric or "cost a row, or the metric")
    return Chart("Value of each threshold", f"{reading}.", *axes, tuple(marks), part)


def _draw_gain(rows: Rows, part: str) -> Chart:
    near = min(rows, key=lambda r: abs(r["share"] - 0.2))
    reading = (
        f"The {near['share']:.0%} of rows that score highest hold {near['captured']:.0%} of the positives: "
        f"{format_short(near['lift'])} times as many as chance."
    )
    line = Line(((0.0, 0.0), *_points(rows, "share", "captured")), "model")
    axes = _share_axis("share of the rows"), _share_axis("share of the positives")
    marks = (*_band(rows, "share"), line, RuleLine(axis="diagonal", label="chance"))
    return Chart("Gain", reading, *axes, marks, part)


def describe_slice(row: Mapping[str, Any]) -> str:
    """Describe a slice with its metric.

    Example:
        >>> describe_slice({"slice": "age < 30", "metric": "log_loss", "value": 0.9, "rows": 25})
        'age < 30 (log_loss 0.9 on 25 rows)'
    """
    row = _in_unit_of_target(row)
    text = shorten(str(row["slice"]), 120)
    beside = ""
    if isinstance(row.get("difference"), int | float):
        beside = f", {format_short(row['value'] - row['difference'])} on all others"
    return f"{text} ({row['metric']} {format_short(row['value'])} on {row['rows']:,} rows{beside})"


def _in_unit_of_target(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Convert a mean squared error to its root, which has the unit of the target."""
    if row["metric"] != "mean squared error":
        return row
    found = dict(row, metric="rmse")
    for name in ("value", "low", "high"):
        if row.get(name) is not None:
            found[name] = max(row[name], 0.0) ** 0.5
    if row.get("difference") is not None:
        found["difference"] = found["value"] - max(row["value"] - row["difference"], 0.0) ** 0.5
    return found


def build_slices(context: ReportContext) -> Iterator[Block]:
    """List the groups of rows on which the model is weaker, those that were confirmed first."""
    for evaluation in context.evaluations:
        if rows := context.rows(evaluation.record, "slices"):
            yield from _slice_blocks(rows, evaluation.scores.part)


def _slice_blocks(rows: Rows, part: str) -> Iterator[Block]:
    confirmed = [r for r in rows if r.get("confirmed")]
    ordered = [*confirmed, *(r for r in rows if not r.get("confirmed"))]
    if confirmed:
        more = f", and at {len(confirmed) - 1} more" if len(confirmed) > 1 else ""
        text = f"The model is weaker at {describe_slice(confirmed[0])}{more}"
        yield Paragraph(f"{text}: confirmed on rows that had no part in the search.", "warning")
    else:
        text = "No group of rows is confirmed to be weaker than the others."
        yield Paragraph(text, "good")
    names = ("slice", "kind", "rows", "value", "low", "high", "difference", "p", "confirmed")
    metric = _in_unit_of_target(rows[0])["metric"]
    head = ("slice", "", ">rows", f">{metric}", ">low", ">high", ">beyond others", ">p", "confirmed")

    def cell(value: Any) -> Cell:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return shorten(value, 120) if isinstance(value, str) else value

    shown = map(_in_unit_of_target, ordered[:_MAX_SLICES])
    cells = tuple(tuple(cell(r.get(n)) for n in names) for r in shown)
    yield Table(head, cells, "Slices", part)
