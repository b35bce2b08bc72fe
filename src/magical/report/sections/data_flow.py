"""The sections about data: the rows from the source to the parts, and a summary of each column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from magical.engine.artifacts import Record
from magical.errors import join_names, shorten
from magical.report.sections.report_context import ReportContext
from magical.views.document import Axis, Bars, Block, Cell, Chart, Details, Paragraph, Table

__all__ = ["build_data", "build_rows"]

_MAX_ROWS, _MAX_READ = 20_000, 2_000_000
"""The rows of a table that are summarized, out of at most so many that are read."""

_MAX_UNFOLDED = 60  # columns
_LEFT_OUT = ("rejected", "orphans", "uncastable")


@dataclass(frozen=True)
class _Stage:
    """A table on the way from the source to the parts."""

    record: Record
    rows: int
    before: int | None


def build_rows(context: ReportContext) -> Iterator[Block]:
    """Show how many rows each step gave, why rows were rejected, and the parts."""
    stages = _list_stages(context)
    if len(stages) > 1:
        yield _draw_stages(stages)
        yield from _draw_parts(context)
        yield _tabulate_stages(stages)
    elif stages:
        yield Paragraph(f"{stages[0].record.node} gave {stages[0].rows:,} rows.")
    for stage in stages:
        yield from _reject_blocks(context, stage.record)
    if len(stages) < 2:
        yield from _draw_parts(context)


def _draw_parts(context: ReportContext) -> Iterator[Chart]:
    for record in _find_splits(context):
        found = record.result.items.items()
        parts = [(n, a.rows) for n, a in found if a.rows is not None and n != "assignment"]
        total = max(sum(rows for _, rows in parts), 1)
        reading = join_names((f"{rows / total:.1%} in {n}" for n, rows in parts), 5)
        bars = Bars(
            tuple((float(i), i + 1.0, float(rows)) for i, (_, rows) in enumerate(parts)), horizontal=True
        )
        axes = Axis("rows", low=0.0), Axis("part", tuple(n for n, _ in parts))
        yield Chart(f"Parts by {record.node}", f"{reading}.", *axes, (bars,))


def _find_splits(context: ReportContext) -> list[Record]:
    """Find the records whose results are parts."""
    found = context.evidence.records.values()
    return [r for r in found if {"train", "test"} <= set(r.result.items)]


def _list_stages(context: ReportContext) -> list[_Stage]:
    """List the tables that lead to the parts, in the order of the run; all tables if there are no parts."""
    evidence, graph = context.evidence, context.graph
    tables = {n: r for n, r in evidence.records.items() if r.result.rows is not None}
    splits = [r.node for r in _find_splits(context)]
    if splits and graph is not None:
        before = graph.ancestors(n for n in splits if n in graph.by_name)
        tables = {n: r for n, r in tables.items() if n in before}
    elif splits:
        names = list(evidence.records)
        tables = {n: r for n, r in tables.items() if names.index(n) < names.index(splits[0])}
    return [_Stage(r, r.result.rows or 0, _rows_before(context, n)) for n, r in tables.items()]


def _rows_before(context: ReportContext, name: str) -> int | None:
    """Return the rows of the first table that a step takes; None if it takes none or that is lost."""
    if context.graph is None or name not in context.graph.by_name:
        return None
    for link in context.graph.by_name[name].links:
        record = context.evidence.records.get(link.node)
        if record and record.result.kind == "table" and not link.item:
            return record.result.rows
    return None


def _draw_stages(stages: list[_Stage]) -> Chart:
    names = tuple(s.record.node for s in stages)
    bars = Bars(tuple((float(i), i + 1.0, float(s.rows)) for i, s in enumerate(stages)), horizontal=True)
    lost = stages[0].rows - stages[-1].rows
    reading = f"{stages[-1].rows:,} rows reach the end of {stages[0].rows:,} that came in"
    reading += f"; {lost:,} {'was' if lost == 1 else 'were'} left out on the way." if lost > 0 else "."
    return Chart("Rows from step to step", reading, Axis("rows", low=0.0), Axis("step", names), (bars,))


def _tabulate_stages(stages: list[_Stage]) -> Table:
    def change(stage: _Stage) -> str:
        if stage.before is None or stage.rows == stage.before:
            return ""
        return f"{stage.rows - stage.before:+,}".replace("-", "\N{MINUS SIGN}")

    columns = (s.record.result.summary.partition(" × ")[2] for s in stages)
    rows = tuple((s.record.node, change(s), count) for s, count in zip(stages, columns, strict=True))
    if not any(change for _, change, _ in rows):
        return Table(("step", ">columns"), tuple((n, count) for n, _, count in rows), "Columns by step")
    return Table(("step", ">change of rows", ">columns"), rows, "Changes from step to step")


def _reject_blocks(context: ReportContext, record: Record) -> Iterator[Block]:
    """Yield the numbers of rows that a step left out, by the reason if it kept one."""
    for name in _LEFT_OUT:
        artifact = record.kept.get(name)
        if artifact is None or not artifact.rows:
            continue
        rows = context.rows(record, name)
        reasons = Counter(_name_reason(row) for row in rows)
        if set(reasons) == {""}:
            yield Paragraph(f"{record.node} left out {artifact.rows:,} rows, kept as {name}.")
            continue
        table: tuple[tuple[Cell, ...], ...] = tuple((why, f"{n:,}") for why, n in reasons.most_common(20))
        yield Table(("reason", ">rows"), table, f"{name.capitalize()} by {record.node}")
    rules = context.rows(record, "rules")
    shown = tuple(
        (r.get("rule"), r.get("changed"), r.get("rejected"), shorten(str(r.get("settings", "")), 100))
        for r in rules
    )
    if shown:
        yield Table(("rule", ">changed", ">rejected", "settings"), shown, f"Rules of {record.node}")


def _name_reason(row: object) -> str:
    found = row if isinstance(row, dict) else {}
    reason = found.get("reason", found.get("rule"))
    return shorten(f"{found.get('column', '')} {reason}".strip(), 120) if isinstance(reason, str) else ""


def build_data(context: ReportContext) -> Iterator[Block]:
    """Summarize the columns of the last table before the parts, a line each."""
    stages = _list_stages(context)
    if not stages:
        return
    record = stages[-1].record
    table = context.evidence.sample(record.result, _MAX_ROWS, _MAX_READ)
    if table is None:
        yield Paragraph(f"The rows of {record.node} are gone; magical run computes them again.", "faint")
        return
    from magical.report.column_summary import column_blocks, summarize_columns

    # The table before its remarks and pictures.
    blocks = sorted(column_blocks(summarize_columns(table)), key=lambda block: not isinstance(block, Table))
    text = f"{record.node}: {stages[-1].rows:,} rows of all parts, {table.width:,} columns"
    text += f"; summarized on {table.height:,} of them." if table.height < stages[-1].rows else "."
    yield Paragraph(text)
    if table.width > _MAX_UNFOLDED:
        titles = shorten(join_names(table.columns, 8), 120)
        yield Details(f"The {table.width:,} columns: {titles}", tuple(blocks))
    else:
        yield from blocks
