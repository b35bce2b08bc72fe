"""The last sections of a report: how to score, how the run went, and what is not shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime

from magical.errors import join_names, shorten
from magical.graph import Graph
from magical.masking import mask_values
from magical.report.sections.report_context import ReportContext, format_short
from magical.run_metrics import flatten_settings
from magical.views.document import (
    Axis,
    Bars,
    Block,
    Chart,
    Code,
    Details,
    Drawing,
    Facts,
    Paragraph,
    Table,
)

__all__ = ["build_run", "build_service", "build_unknown"]

_MAX_BARS, _MAX_SETTINGS = 40, 100


def build_service(context: ReportContext) -> Iterator[Block]:
    """Show the line that scores new rows by the registered model."""
    for record, details in context.receipts:
        name = f"{details['name']}/{details['version']}"
        words = f"--model {shlex.quote(name)} --input NEW_ROWS.csv --output predictions.parquet"
        yield Paragraph(f"{record.node} registered it as {details['name']} version {details['version']}.")
        yield Code(f"magical score{context.project_option} {words}")
        if details.get("alias") != "champion":
            text = f"It is not the champion; {details['name']}@champion names the version that is."
            yield Paragraph(text, "faint")


def build_run(context: ReportContext) -> Iterator[Block]:
    """Show the steps on a time line, the drawing, and what is needed to repeat the run."""
    yield from _timeline(context)
    if context.graph is not None:
        yield _draw_graph(context.graph)
    yield _provenance(context)
    yield from _settings(context)
    yield Code(f"magical reproduce{context.project_option} {context.evidence.summary.name}")


def _timeline(context: ReportContext) -> Iterator[Block]:
    summary, begun, spans = context.evidence.summary, dict[str, float](), list[tuple[str, float, float]]()
    for event in context.evidence.events:
        step, at = str(event.get("step", "")), float(event.get("at", 0.0)) - summary.started
        if event.get("event") == "StepStarted":
            begun[step] = at
        elif event.get("event") in ("StepFinished", "StepFailed", "StepPending") and step in begun:
            spans.append((step, begun.pop(step), max(at, 0.0)))
    fresh = [n for n in summary.keys if n not in summary.executed]
    steps = "1 step" if len(summary.executed) == 1 else f"{len(summary.executed)} steps"
    counts = f"{steps} ran, {len(fresh)} were fresh"
    counts += f", {len(summary.failed)} failed" if summary.failed else ""
    yield Paragraph(f"{counts}; {format_short(summary.seconds)} s in all.")
    spans = sorted(spans, key=lambda s: s[2] - s[1], reverse=True)[:_MAX_BARS]
    if spans:
        spans.sort(key=lambda s: s[1])
        slow = max(spans, key=lambda s: s[2] - s[1])
        reading = f"{slow[0]} took longest: {slow[2] - slow[1]:.2f} s."
        bars = Bars(
            tuple((float(i), i + 1.0, end - start) for i, (_, start, end) in enumerate(spans)),
            horizontal=True,
        )
        names = tuple(name for name, *_ in spans)
        yield Chart("Time of the steps", reading, Axis("seconds", low=0.0), Axis("step", names), (bars,))
        rows = tuple((n, f"{a:.2f}", f"{b:.2f}", f"{b - a:.2f}") for n, a, b in spans)
        table = Table(("step", ">begin, s", ">end, s", ">took, s"), rows)
        yield Details("Begin and end of the steps", (table,))


def _draw_graph(graph: Graph) -> Details:
    from magical.views.picture import build_picture
    from magical.views.svg import render_svg

    picture = build_picture(graph)
    return Details("Drawing of the workflow", (Drawing(render_svg(picture), f"{len(picture.steps)} steps"),))


def _provenance(context: ReportContext) -> Facts:
    summary = context.evidence.summary
    facts, git = summary.facts, summary.facts.get("git") or {}
    commit = str(git.get("commit", "")) + (", with changes since" if git.get("dirty") else "")
    began = f"{datetime.fromtimestamp(summary.started):%Y-%m-%d %H:%M:%S}" if summary.started else ""
    versions = facts.get("versions") or {}
    pairs = [
        ("run", summary.name),
        ("state", summary.state),
        ("began", began),
        ("commit", commit or "not in a git repository"),
        ("profile", str(facts.get("profile") or "")),
        ("explored", "; ".join(map(str, facts.get("explores") or []))),
        ("lock files", join_names(facts.get("locks") or {})),
        ("versions", join_names((f"{n} {v}" for n, v in versions.items()), 40)),
    ]
    return Facts(tuple((k, shorten(mask_values(v), 1000)) for k, v in pairs if v))


def _settings(context: ReportContext) -> Iterator[Block]:
    if settings := flatten_settings(mask_values(context.evidence.summary.settings)):
        rows = tuple((k, shorten(v, 200)) for k, v in list(settings.items())[:_MAX_SETTINGS])
        yield Details(f"{len(settings)} settings", (Table(("setting", "value"), rows),))


def build_unknown(context: ReportContext) -> Iterator[Block]:
    """Say what this page cannot tell."""
    texts = []
    if lost := context.evidence.lost:
        texts.append(
            f"The results of {join_names(lost, 8)} are gone from the store; magical run computes them again."
        )
    if context.graph is None:
        texts.append(
            "The workflow has changed since: its drawing and the findings of its design are not shown."
        )
    read = [e.record.node for e in context.evaluations]
    if odd := [r.node for r in context.evidence.find("evaluate") if r.node not in read]:
        texts.append(f"The scores of {join_names(odd)} have the form of another release, and are not shown.")
    if context.evaluations:
        if not any(context.rows(e.record, "slices") for e in context.evaluations):
            texts.append("Weak slices were not looked for.")
        if not list(context.evidence.find("explain")):
            texts.append("What the model uses was not measured: explain(model, validation) does.")
        texts.append("Looks at the test part are not counted. Each one makes its scores less honest.")
    missing = [
        str(g["criterion"]) for _, d in context.receipts for g in d.get("gate") or [] if g["held"] is None
    ]
    if missing:
        names = join_names(dict.fromkeys(missing))
        texts.append(f"Rules of the audit that are not assessed: {names}. magical audit checks them.")
    evidence = context.evidence
    fresh = (r for r in evidence.records.values() if r.run and r.run != evidence.summary.name)
    if reused := next(fresh, None):
        text = f"Fresh results, such as that of {reused.node}, are of earlier runs"
        texts.append(f"{text} ({reused.run}): their times are not shown.")
    yield from map(Paragraph, texts or ["Nothing is known to be missing."])
