"""Inspection of a step's result: its text, size, kept values and log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from magical.brand import strike_lines
from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact, Record
from magical.engine.journal import Journal
from magical.engine.plan import LEFT_OUT
from magical.engine.pretend_plan import ALL
from magical.engine.protocols import Store
from magical.errors import StoreError, UsageError, shorten
from magical.graph import Node
from magical.masking import mask
from magical.project.project_context import ProjectContext
from magical.report.text import format_size

__all__ = ["Inspection", "inspect_step"]

MAX_FULL_ROWS = 1_000_000
"""The largest number of rows of a table that is read whole; of a larger one, the first rows are read."""

MAX_LOG_LINES = 30
"""The number of log lines in the text; JSON has them all."""

_MAX_KEPT_CELL, _MAX_KEPT_ROWS = 100, 20  # of a kept table; `_mask_cells` masks ten rows at each end


@dataclass(frozen=True)
class Inspection:
    """The stored result of a step, as text.

    Attributes:
        state: ``fresh``, or a remark that the result is from an earlier run.
        record: the entry of the store.
        size: the bytes of the result and of the values that the body kept.
        kept: the texts of the values that the body kept beside its result, by name.
        log_lines: the lines that the body printed and logged.
    """

    node: Node
    state: str
    record: Record
    result_text: str
    size: int = 0
    kept: Mapping[str, str] = field(default_factory=dict)
    log_lines: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        record = {k: v for k, v in self.record.to_json().items() if k != "parts"}
        node = {"step": self.node.name, "state": self.state, "promise": dict(self.node.promise)}
        return {**record, **node, "bytes": self.size, "said": list(self.log_lines)}

    def __str__(self) -> str:
        node, record, text = self.node, self.record, self.result_text
        if record.origin and record.result.kind == "value":
            text = strike_lines(text)
        lines = [
            f"{node.name} ({node.where}) → {node.promise['text']}  [{self.state}]",
            f"run {record.run}, {record.seconds:.2f} s, {format_size(self.size)}, key {record.key[:12]}",
            *([f"It is not real: it stands on {', '.join(record.origin)}."] if record.origin else []),
            text,
        ]
        for name, kept in self.kept.items():
            lines += [f"kept {name}:", kept]
        if count := len(self.log_lines):
            more = f", the last {MAX_LOG_LINES} of {count} lines" if count > MAX_LOG_LINES else ""
            lines += [f"said{more}:", *(f"  {line}" for line in self.log_lines[-MAX_LOG_LINES:])]
        return "\n".join(lines)


def inspect_step(context: ProjectContext, step: str) -> Inspection:
    """Load a step's fresh result, else its result from the newest run that still has one.

    Raises:
        UsageError: there is no such step, or it has not run yet.
    """
    node = context.draw().drawn.graph.node(step)
    plan = context.plan().get(node.name)
    record, state = plan.record if plan else None, "fresh"
    if record is None:
        # Without an option any run will do; with --sample or a pretence only runs of that kind.
        is_restricted = context.options.sample or context.options.pretence.mode
        runs = context.comparable_runs() if is_restricted else context.journal.runs()
        found = ((r.name, context.store.find_record(r.keys[node.name])) for r in runs if node.name in r.keys)
        name, record = next(((n, r) for n, r in found if r is not None), ("", None))
        is_left_out = plan is not None and plan.state == LEFT_OUT
        state = f"of {name}; {'it is left out now' if is_left_out else 'it would run again now'}"
    if record is None:
        hint = (plan.hint if plan else "") or f"{_command(context)} {node.name}"
        raise UsageError(f"{node.name} has not run yet.", hint=hint)
    kept = {n: _kept_text(context.store, a) for n, a in record.kept.items()}
    log = tuple(_read_log(context.journal, record))
    text, size = _artifact_text(context.store, record.result), context.store.size(record.key)
    return Inspection(node, state, record, text, size, kept, log)


def _command(context: ProjectContext) -> str:
    """Return the command that would compute the result, without the step."""
    mode, sample = context.options.pretence.mode, context.options.sample
    if mode:
        return "magical pretend --all" if mode == ALL else "magical pretend"
    return f"magical run --sample {sample}" if sample else "magical run"


def _read_log(journal: Journal, record: Record) -> Iterator[str]:
    """Yield the lines that a step logged in the run of a record."""
    # The result may come from a shared store, and its journal lie on another machine.
    with contextlib.suppress(StoreError):
        for event in journal.events(record.run):
            if event.get("event") == "LogLine" and event.get("step") == record.node:
                yield event["text"] if event["level"] == "print" else f"{event['level']}: {event['text']}"


def _artifact_text(store: Store, artifact: Artifact) -> str:
    """Format a stored artifact: a table by its rows, a value in full, a group or an object by summaries."""
    if artifact.kind == "group":
        return "\n".join(f"{name}: {item.summary}" for name, item in artifact.items.items())
    if artifact.kind == "object":
        return artifact.summary
    if artifact.kind == "figure":
        return f"{artifact.summary}: {store.file(artifact)}"
    if artifact.kind != "table":
        return _format_value(store.load(artifact, Promise("any")))
    rows = artifact.summary.partition(" ")[0].replace(",", "")  # of a summary such as 2,240 × 29
    if rows.isdecimal() and int(rows) > MAX_FULL_ROWS:
        first = store.load(artifact, Promise("lazy")).head(10).collect()
        return mask(f"{artifact.summary}; the first rows:\n{_mask_cells(first)}")
    return mask(f"{_mask_cells(store.load(artifact, Promise('any')))}")


def _kept_text(store: Store, artifact: Artifact) -> str:
    """Format a kept value; the cells of a table are reasons and settings, which are longer than data."""
    import polars as pl

    with pl.Config(fmt_str_lengths=_MAX_KEPT_CELL, tbl_rows=_MAX_KEPT_ROWS):
        return _artifact_text(store, artifact)


def _mask_cells(table: Any) -> Any:
    """Mask the cells at the ends of a table, the only ones that are shown.

    Masking the text alone is not enough: polars wraps a long cell, and a secret in it, over several lines.
    """
    import polars as pl

    texts = [n for n, dtype in table.schema.items() if dtype == pl.String]
    ends = pl.concat([table.select(texts).head(10), table.select(texts).tail(10)]) if texts else table.clear()
    masked = {cell: mask(cell) for name in texts for cell in ends[name] if cell and mask(cell) != cell}
    return table.with_columns(pl.col(texts).replace(masked)) if masked else table


def _format_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(line for k, v in value.items() for line in _entry_lines(str(k), v))
    return shorten(value, 2000)


def _entry_lines(name: str, value: Any) -> list[str]:
    """Format one entry of a value, with its own entries on lines below it."""
    if isinstance(value, Mapping) and value:
        return [f"{name}:", *(f"  {k}: {_nested_text(v)}" for k, v in value.items())]
    if isinstance(value, list) and any(isinstance(v, Mapping) for v in value):
        return [f"{name}:", *(f"  {shorten(v, 240)}" for v in value)]
    return [f"{name}: {shorten(value, 200)}"]


def _nested_text(value: Any) -> str:
    """Format an entry of an entry, such as a metric: value 0.81, low 0.78, high 0.84."""
    if not isinstance(value, Mapping):
        return shorten(value, 200)
    shown = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items())
    return shorten(", ".join(shown), 200)
