"""The first sections of a report: the verdict, what is to be seen to, and what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from magical.engine.journal import RunSummary
from magical.errors import join_names, shorten
from magical.masking import mask_values
from magical.report.sections.model_quality import describe_slice
from magical.report.sections.report_context import Evaluation, ReportContext, Rows, format_short
from magical.views.document import Block, Code, Paragraph, Table, Tone

__all__ = ["build_changes", "build_to_do", "build_verdict"]

_MAX_MESSAGES = 30


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
        (str(g["criterion"]), words[g["held"]], _plain(g["threshold"]), _plain(g["value"])) for g in assessed
    )
    if rows:
        yield Table(("criterion", "", "wanted", "found"), rows, f"Gate of the alias champion{suffix}")


def _plain(text: object) -> str:
    return str(text).replace(">=", "≥").replace("<=", "≤")


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
    reasons = "; ".join(map(_describe_missed, missed))
    reasons = f"{reasons[:1].upper()}{reasons[1:]}"
    if details.get("alias") == "champion" and not missed:
        return f"Yes: {name} passed its gate and is the champion.", "good"
    if details.get("alias") == "champion":
        return (
            f"With care: {name} is still the champion, but does not pass its gate now. {reasons}.",
            "warning",
        )
    return f"Not yet: {name} is registered, but is not the champion. {reasons}.", "warning"


def _describe_missed(criterion: Mapping[str, Any]) -> str:
    name, found = str(criterion["criterion"]), str(criterion["value"] or "nothing")
    if name.startswith("better than"):
        return f"not {name}: {found}"
    return f"{name}: wanted {_plain(criterion['threshold'])}, found {found}"


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
    score = scores.metrics[scores.primary]
    baselines = [r for r in context.rows(record, "baselines") if r.get("metric") == scores.primary]
    if not context.evidence.origin:  # a sentence is not struck through
        yield from _describe_scores(context, evaluation, baselines)
    others = [
        (
            f"{row['baseline']} baseline",
            _span(row, "value", "low", "high"),
            _span(row, "gain", "gain_low", "gain_high"),
        )
        for row in baselines
    ]
    others += _champion_rows(context)
    if others:
        own = ("this model", str(score), "")
        caption = f"{scores.primary}{suffix} beside others"
        yield Table(("", ">value", ">gain of this model"), (own, *others), caption, scores.part)
    rest = {n: s for n, s in scores.metrics.items() if not others or n != scores.primary}
    if rest:
        rows = tuple((name, str(s)) for name, s in rest.items())
        yield Table(
            ("metric", ">value"), rows, f"{'Other scores' if others else 'Scores'}{suffix}", scores.part
        )
    if not baselines:
        yield Paragraph(
            "No baseline stands beside these scores: evaluate(predictions, test, train) adds them.", "faint"
        )


def _describe_scores(context: ReportContext, evaluation: Evaluation, baselines: Rows) -> Iterator[Block]:
    """Yield sentences about the deciding metric, how far it is to be trusted, and where it is worst."""
    record, scores = evaluation.record, evaluation.scores
    suffix = context.name_suffix("evaluate", record)
    better = "lower is better" if scores.is_lower_better(scores.primary) else "higher is better"
    yield Paragraph(
        f"{scores.primary}{suffix}: {scores.metrics[scores.primary]} on {scores.rows:,} {scores.part} rows, "
        f"with its 95 % interval; {better}."
    )
    yield from (Paragraph(f"{text[0].upper()}{text[1:]}.", "warning") for text in scores.cautions)
    if told := [text for row in baselines if (text := describe_gain(row))]:
        yield Paragraph(f"By {scores.primary} it is {' and '.join(told)}.")
    if weak := [row for row in context.rows(record, "slices") if row.get("confirmed")]:
        yield Paragraph(f"It is weaker at {describe_slice(weak[0])}.", "warning")


def _span(row: Mapping[str, Any], *names: str) -> str:
    """Format a number with its interval, all with the decimals that the interval's width allows."""
    value, low, high = (row.get(name) for name in names)
    if value is None or low is None or high is None:
        return "" if value is None else format_short(value)
    from magical.library.metrics.scores import Score

    return str(Score(value=value, low=low, high=high))


def _champion_rows(context: ReportContext) -> Iterator[tuple[str, str, str]]:
    """Yield the score of the champion that a registered model was compared with."""
    for _, details in context.receipts:
        found = details.get("comparison")
        if isinstance(found, Mapping) and isinstance(found.get("other"), int | float):
            name = f"champion version {found['version']}, on {found.get('units', 0):,} units"
            yield name, format_short(found["other"]), _span(found, "gain", "low", "high")


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
    yield from (Paragraph(text, "warning") for text in _describe_missing(summary))


def _describe_missing(summary: RunSummary) -> Iterator[str]:
    """Say which steps did not run, and why; those that wait for others of them stand in one sentence."""
    lost = {*summary.failed, *summary.left_out}
    waits = {f"{n} {what}" for n in lost for what in ("failed", "was left out", "is left out")}
    after = [n for n, why in summary.left_out.items() if why in waits]
    for name, why in summary.left_out.items():
        if name not in after:
            hint = " magical run --register includes it." if why.startswith("this run explores") else ""
            yield f"{name} was left out: {why}.{hint}"
    if after:
        yield f"Left out after that: {join_names(after, 20)}."
    for name in summary.pending:
        yield f"{name} is pending: magical sync sends it."


def build_changes(context: ReportContext) -> Iterator[Block]:
    """Tell what has changed since the last run, and how the model stands beside the champion of its time."""
    if (earlier := context.evidence.find_earlier()) is not None:
        # Imported here: a workflow that judges nothing must not wait for scikit-learn.
        from magical.report.run_comparison import compare_runs
        from magical.report.run_differences import find_run_differences

        text = f"From the last run that ended well, {earlier.summary.name} (the first)"
        yield Paragraph(f"{text}, to this run (the second):")
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
