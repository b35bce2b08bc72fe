"""Look at what a step gave."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from magical.brand import strike_lines
from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact, Record
from magical.engine.journal import Journal
from magical.engine.pretend_plan import ALL
from magical.engine.protocols import Store
from magical.errors import UsageError, shorten
from magical.graph import Node
from magical.masking import mask
from magical.project.project import Project
from magical.report.text import format_size

__all__ = ["Inspection", "inspect_step"]

MAX_FULL_ROWS = 1_000_000
"""Rows of a table from which on only the first are read, to be shown."""

MAX_LOG_LINES = 30
"""Lines of what a body said that are shown; JSON has them all."""


@dataclass(frozen=True)
class Inspection:
    """What is known of a step's result.

    Attributes:
        node: the step in the graph.
        state: ``fresh``, or why what is shown is of an earlier run.
        record: what the store says of it.
        shown: its result, as text.
        size: the bytes that its result and what was kept take.
        kept: what its body kept, as texts.
        said: what its body printed and logged, line by line.
    """

    node: Node
    state: str
    record: Record
    result_text: str
    size: int = 0
    kept: Mapping[str, str] = field(default_factory=dict)
    log_lines: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        record = {k: v for k, v in self.record.to_json().items() if k != "parts"}
        node = {"step": self.node.name, "state": self.state, "promise": dict(self.node.promise)}
        return {**record, **node, "bytes": self.size, "said": list(self.log_lines)}

    def __str__(self) -> str:
        node, record = self.node, self.record
        lines = [
            f"{node.name} ({node.where}) → {node.promise['text']}  [{self.state}]",
            f"run {record.run}, {record.seconds:.2f} s, {format_size(self.size)}, key {record.key[:12]}",
            *([f"It is not real: it stands on {', '.join(record.origin)}."] if record.origin else []),
            strike_lines(self.result_text)
            if record.origin and record.result.kind == "value"
            else self.result_text,
        ]
        for name, text in self.kept.items():
            lines += [f"kept {name}:", text]
        if self.log_lines:
            more = (
                f", the last {MAX_LOG_LINES} of {len(self.log_lines)} lines"
                if len(self.log_lines) > MAX_LOG_LINES
                else ""
            )
            lines += [f"said{more}:", *(f"  {line}" for line in self.log_lines[-MAX_LOG_LINES:])]
        return "\n".join(lines)


def inspect_step(project: Project, step: str, settings: Mapping[str, Any]) -> Inspection:
    """Give what a step gave, fresh or in the last run that had it.

    Raises:
        UsageError: there is no such step, or it has not run yet.
    """
    context = project.context(settings)
    drawn = context.draw().drawn
    node = drawn.graph.node(step)
    made = context.plan().get(node.name)
    record, state = (made.record, "fresh") if made else (None, "unused")
    if record is None:
        asked = project.options.sample or project.options.pretence.mode
        runs = context.comparable_runs() if asked else project.journal.runs()
        found = ((r.name, project.store.find_record(r.keys[node.name])) for r in runs if node.name in r.keys)
        name, record = next(((n, r) for n, r in found if r is not None), ("", None))
        state = f"of {name}; it would run again now"
    if record is None:
        raise UsageError(f"{node.name} has not run yet.", hint=f"{_command(project)} {node.name}")
    kept = {n: _artifact_text(project.store, a) for n, a in record.kept.items()}
    said = tuple(_read_log(project.journal, record))
    shown, size = _artifact_text(project.store, record.result), project.store.size(record.key)
    return Inspection(node, state, record, shown, size, kept, said)


def _command(project: Project) -> str:
    """The command whose results are asked for."""
    mode, sample = project.options.pretence.mode, project.options.sample
    if mode:
        return "magical pretend --all" if mode == ALL else "magical pretend"
    return f"magical run --sample {sample}" if sample else "magical run"


def _read_log(journal: Journal, record: Record) -> Iterator[str]:
    """The lines of the run that made a record, as its journal has them."""
    with contextlib.suppress(OSError):
        for event in journal.events(record.run):
            if event.get("event") == "LogLine" and event.get("step") == record.node:
                yield event["text"] if event["level"] == "print" else f"{event['level']}: {event['text']}"


def _artifact_text(store: Store, artifact: Artifact) -> str:
    if artifact.kind == "group":
        return "\n".join(f"{name}: {item.summary}" for name, item in artifact.items.items())
    if artifact.kind == "object":
        return artifact.summary
    if artifact.kind != "table":
        return _json_text(store.load(artifact, Promise("any")))
    if _count_rows(artifact) > MAX_FULL_ROWS:
        first = store.load(artifact, Promise("lazy")).head(10).collect()
        return mask(f"{artifact.summary}; the first rows:\n{_mask_cells(first)}")
    return mask(f"{_mask_cells(store.load(artifact, Promise('any')))}")


def _count_rows(artifact: Artifact) -> int:
    """How many rows a table has, as its summary says."""
    number = artifact.summary.partition(" ")[0].replace(",", "")
    return int(number) if number.isdecimal() else 0


def _mask_cells(table: Any) -> Any:
    """Mask the cells that are shown before polars wraps them over several lines."""
    import polars as pl

    texts = [n for n, dtype in table.schema.items() if dtype == pl.String]
    ends = pl.concat([table.select(texts).head(10), table.select(texts).tail(10)]) if texts else table.clear()
    odd = {cell: mask(cell) for name in texts for cell in ends[name] if cell and mask(cell) != cell}
    return table.with_columns(pl.col(texts).replace(odd)) if odd else table


def _json_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(line for k, v in value.items() for line in _entry_lines(str(k), v))
    return shorten(value, 2000)


def _entry_lines(name: str, value: Any) -> list[str]:
    """One entry of a value: on one line, or, where it has entries of its own, with these below it."""
    if isinstance(value, Mapping) and value:
        return [f"{name}:", *(f"  {k}: {_nested_text(v)}" for k, v in value.items())]
    if isinstance(value, list) and any(isinstance(v, Mapping) for v in value):
        return [f"{name}:", *(f"  {shorten(v, 240)}" for v in value)]
    return [f"{name}: {shorten(value, 200)}"]


def _nested_text(value: Any) -> str:
    """An entry of an entry, as figures are: value 0.81, low 0.78, high 0.84."""
    if not isinstance(value, Mapping):
        return shorten(value, 200)
    shown = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items())
    return shorten(", ".join(shown), 200)
