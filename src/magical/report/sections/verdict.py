"""The first sections of a report: the verdict, what is to be seen to, and what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from magical.errors import join_names, shorten
from magical.masking import mask_values
from magical.report.sections.model_quality import describe_slice
from magical.report.sections.report_context import Evaluation, ReportContext, format_short
from magical.views.document import Block, Cell, Code, Paragraph, Table, Tone

__all__ = ["build_changes", "build_to_do", "build_verdict"]

_MAX_MESSAGES = 30
_HEAD = ("", ">value", ">low", ">high", ">gain", ">gain, low", ">gain, high")


def build_verdict(context: ReportContext) -> Iterator[Block]:
    """Answer whether the model may be used; show its scores beside those of baselines and champion."""
    yield from (Paragraph(text, tone) for text, tone in _judge(context))
    for evaluation in context.evaluations:
        yield from _score_blocks(context, evaluation)
    for record, details in context.receipts:
        yield from _gate_blocks(details.get("gate") or [], context.name_suffix("register", record))
    if not context.evaluations:
        yield from _result_blocks(context)


def _gate_blocks(gate: Sequence[Mapping[str, Any]], suffix: str) -> Iterator[Block]:
    words = {True: "held", False: "not held"}
    assessed = [g for g in gate if g["held"] in words]
    rows = tuple(
        (*(str(g[n]) for n in ("criterion", "threshold", "value")), words[g["held"]]) for g in assessed
    )
    if rows:
        yield Table(("criterion", "wanted", "found", ""), rows, f"Gate of the alias champion{suffix}")
    if missing := [str(g["criterion"]) for g in gate if g["held"] is None]:
        yield Paragraph(f"Not assessed by the gate: {join_names(missing)}.", "faint")


def _judge(context: ReportContext) -> Iterator[tuple[str, Tone]]:
    """Yield sentences about the use of what the run gave, each with its tone."""
    summary, origin = context.evidence.summary, context.evidence.origin
    if summary.state != "done":
        ended = {"failed": "The run failed", "stopped": "The run was stopped"}
        text = ended.get(summary.state, "The run was killed, or is still under way")
        steps = [*summary.failed, *summary.under_way]
        at = f" at {join_names(steps, 4)}" if steps else ""
        yield f"No: {text[0].lower()}{text[1:]}{at}. This page shows what there is.", "bad"
        return
    if origin:
        yield f"No: nothing here is real; it stands on {join_names(origin, 6)}.", "bad"
        return
    for _, details in context.receipts:
        yield _judge_version(details)
    if not context.receipts:
        yield from _judge_unregistered(context)


def _judge_version(details: Mapping[str, Any]) -> tuple[str, Tone]:
    name = f"{details.get('name')} version {details['version']}"
    missed = [g for g in details.get("gate") or [] if g["held"] is False]
    reasons = join_names(
        [f"{g['criterion']} must be {g['threshold']}, got {g['value'] or 'nothing'}" for g in missed], 4
    )
    if details.get("alias") == "champion" and not missed:
        return f"Yes: {name} passed its gate and is the champion.", "good"
    if details.get("alias") == "champion":
        return (
            f"With care: {name} is still the champion, but does not pass its gate now: {reasons}.",
            "warning",
        )
    return f"Not yet: {name} is registered without the alias champion: {reasons}.", "warning"


def _judge_unregistered(context: ReportContext) -> Iterator[tuple[str, Tone]]:
    summary = context.evidence.summary
    if summary.pending:
        text = f"Not yet: the registry did not answer {join_names(summary.pending)}. magical sync sends it."
        yield text, "warning"
    elif summary.left_out:
        text = "; ".join(f"{n} was left out: {why}" for n, why in list(summary.left_out.items())[:3])
        yield f"Not yet: {shorten(text, 300)}.", "warning"
    elif context.evaluations:
        yield "Decide by the scores below: no step of this workflow registers its model.", "warning"
    else:
        yield "The run is done. No step of it judges a model.", "good"


def _score_blocks(context: ReportContext, evaluation: Evaluation) -> Iterator[Block]:
    record, scores = evaluation.record, evaluation.scores
    if not scores.metrics:
        return
    suffix = context.name_suffix("evaluate", record)
    better = "lower is better" if scores.is_lower_better(scores.primary) else "higher is better"
    yield Paragraph(
        f"{scores.primary}{suffix}: {scores.metrics[scores.primary]} on {scores.rows:,} {scores.part} rows, "
        f"with its 95 % interval; {better}."
    )
    yield from (Paragraph(f"{text[0].upper()}{text[1:]}.", "warning") for text in scores.cautions)
    baselines = context.rows(record, "baselines")
    told = [describe_gain(row) for row in baselines if row.get("metric") == scores.primary]
    if told := [text for text in told if text]:
        yield Paragraph(f"By {scores.primary} it is {join_names(told, 4)}.")
    if weak := [row for row in context.rows(record, "slices") if row.get("confirmed")]:
        yield Paragraph(f"It is weakest at {describe_slice(weak[0])}.", "warning")
    rows: list[tuple[Cell, ...]] = []
    for metric, score in scores.metrics.items():
        rows.append((metric, score.value, score.low, score.high, None, None, None))
        numbers = ("value", "low", "high", "gain", "gain_low", "gain_high")
        rows += [
            (f"  {metric}, {row['baseline']} baseline", *(row.get(n) for n in numbers))
            for row in baselines
            if row.get("metric") == metric and metric == scores.primary
        ]
    rows += _champion_rows(context)
    shown = [i for i, _ in enumerate(_HEAD) if i < 4 or any(row[i] is not None for row in rows)]
    yield Table(
        tuple(_HEAD[i] for i in shown),
        tuple(tuple(row[i] for i in shown) for row in rows),
        f"Scores{suffix}; a gain above zero says that the model is better"
        if baselines
        else f"Scores{suffix}",
        scores.part,
    )
    if not baselines:
        yield Paragraph(
            "No baseline stands beside these scores: evaluate(predictions, test, train) adds them.", "faint"
        )


def _champion_rows(context: ReportContext) -> Iterator[tuple[Cell, ...]]:
    """Yield the score of the champion that a registered model was compared with."""
    for _, details in context.receipts:
        found = details.get("comparison")
        if isinstance(found, Mapping) and isinstance(found.get("other"), int | float):
            name = (
                f"  {found['metric']}, champion version {found['version']}, {found.get('units', 0):,} units"
            )
            yield name, found["other"], None, None, found.get("gain"), found.get("low"), found.get("high")


def _result_blocks(context: ReportContext) -> Iterator[Block]:
    """Yield a table of the last results of a run without scores."""
    records = context.evidence.records
    ends = set(records)
    if context.graph is not None:
        ends = {n for n in records if not context.graph.children.get(n)}
    rows = tuple((n, r.result.kind, shorten(r.result.summary, 200)) for n, r in records.items() if n in ends)
    if rows:
        yield Table(("step", "kind", "result"), rows, "Results")


def build_to_do(context: ReportContext) -> Iterator[Block]:
    """List errors, findings of the design with their codes, and warnings of the steps."""
    summary = context.evidence.summary
    for step, message in summary.failed.items():
        yield from (Paragraph(f"{step} failed.", "bad"), Code(message))
    findings = [f for f in (context.graph.findings if context.graph else ()) if f.severity != "note"]
    for f in findings:
        tone: Tone = "bad" if f.severity == "error" else "warning"
        yield Paragraph(f"{f.code} {f.step}: {f.what} {f.hint}".strip(), tone)
    lines = list(dict.fromkeys(context.evidence.warnings()))
    yield from (Paragraph(f"{s}: {text}" if s else text, "warning") for s, text in lines[:_MAX_MESSAGES])
    if len(lines) > _MAX_MESSAGES:
        yield Paragraph(f"{len(lines) - _MAX_MESSAGES:,} more warnings are in the journal.", "faint")
    out = [(n, f"left out: {why}") for n, why in summary.left_out.items()]
    out += [(n, "pending: magical sync sends it") for n in summary.pending]
    yield from (Paragraph(f"{n}: {text}.", "warning") for n, text in out)


def build_changes(context: ReportContext) -> Iterator[Block]:
    """Tell what has changed since the last run, and how the model stands beside the champion of its time."""
    if (earlier := context.evidence.find_earlier()) is not None:
        # Imported here: a workflow that judges nothing must not wait for scikit-learn.
        from magical.report.run_comparison import compare_runs
        from magical.report.run_differences import find_run_differences

        yield Paragraph(f"Since the last run that ended well, {earlier.summary.name}:")
        if context.evaluations:
            for section in compare_runs(earlier, context.evidence, common=True).to_document().sections:
                yield from section.blocks
        else:
            found = [str(mask_values(str(d))) for d in find_run_differences(earlier, context.evidence)]
            yield from (Paragraph(f"{text}.") for text in found[:_MAX_MESSAGES] or ["Nothing differed"])
    for _, details in context.receipts:
        if isinstance(champion := details.get("comparison"), Mapping):
            yield from _champion_blocks(champion)


def _champion_blocks(found: Mapping[str, Any]) -> Iterator[Block]:
    """Word the comparison with the champion that a registration made."""
    words = {"better": "better than", "worse": "worse than", "equal": "neither better nor worse than"}
    text = f"Beside the champion of its time, version {found.get('version')}: "
    if found.get("gain") is None:
        yield Paragraph(f"{text}not comparable, since {found.get('reason', 'nothing is known')}.", "warning")
        return
    gain, low, high = (format_short(found.get(n)) for n in ("gain", "low", "high"))
    text += f"{words.get(str(found['verdict']), str(found['verdict']))} it by {found['metric']}: "
    values = f"{format_short(found.get('value'))} against {format_short(found.get('other'))}"
    units = f"on {found.get('units', 0):,} units of test that neither has seen"
    yield Paragraph(f"{text}{values} {units}, gain {gain} ({low} to {high}).")


def describe_gain(row: Mapping[str, Any]) -> str:
    """Say how a model stands beside a baseline.

    Example:
        >>> describe_gain({"baseline": "linear", "gain": 0.02, "gain_low": -0.01, "gain_high": 0.05})
        'within noise of the linear baseline (gain 0.02, -0.01 to 0.05)'
    """
    low, high = row.get("gain_low"), row.get("gain_high")
    if low is None or high is None or row.get("gain") is None:
        return ""
    word = "better than" if low > 0 else "worse than" if high < 0 else "within noise of"
    span = f"gain {format_short(row['gain'])}, {format_short(low)} to {format_short(high)}"
    return f"{word} the {row['baseline']} baseline ({span})"
