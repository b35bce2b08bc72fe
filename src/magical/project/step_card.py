"""The card of a step: what came in and out, time, memory, code, columns and texts, as one document."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from magical.brand import strike_lines
from magical.contracts.promises import Promise
from magical.contracts.schema import Schema
from magical.engine.artifacts import Artifact, Record
from magical.engine.protocols import Store
from magical.errors import StoreError, join_names, shorten
from magical.graph import Node
from magical.keys.arguments import strip_type_marks
from magical.masking import mask
from magical.refs import Link, find_links
from magical.report.column_summary import ColumnSummary, column_blocks, summarize_columns
from magical.report.terminal.document_text import document_text
from magical.report.terminal.fitted_table import find_width
from magical.report.text import format_size
from magical.report.value_blocks import table_block, value_blocks
from magical.views.document import Block, Code, Document, Facts, Paragraph, Section, Table

__all__ = ["StepCard", "step_code"]

MAX_FULL_ROWS = 1_000_000
"""The largest number of rows of a table that is read whole; a larger one is streamed."""

MAX_LOG_LINES = 30
"""The number of log lines in the card; JSON has them all."""

_MAX_ROWS, _MAX_KEPT_ROWS, _MAX_MEMBERS, _MAX_CODE_LINES = 10, 20, 6, 200


@dataclass(frozen=True)
class StepCard:
    """The result of a step: a text for a terminal, a small page for a notebook, JSON for a program.

    Attributes:
        node: the step; with its code, if the project could be imported.
        state: ``fresh``, or a remark that the result is from an earlier run.
        inputs: the records of the results that it took, as far as they are there, by node.
        memory: what `measure_memory` found; empty if the journal has nothing.
        size: the bytes of the result and of the kept values.
        log_lines: the lines that the body printed and logged.
    """

    node: Node
    state: str
    record: Record
    store: Store
    inputs: Mapping[str, Record] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    size: int = 0
    log_lines: tuple[str, ...] = ()

    @cached_property
    def document(self) -> Document:
        """The whole card."""
        node, record = self.node, self.record
        sections = [
            Section("step", "Step", tuple(self._step_blocks())),
            *self._argument_sections(),
            Section("result", "Result", tuple(self._result_blocks())),
            *self._column_sections(),
            *(Section(f"kept-{n}", f"Kept: {n}", self._kept_blocks(a)) for n, a in self.kept.items()),
            *self._log_sections(),
            *self._code_sections(),
        ]
        subtitle = f"{node.where} → {node.promise['text']}  [{self.state}]"
        return Document(node.name, subtitle, tuple(sections), record.origin)

    @property
    def kept(self) -> dict[str, Artifact]:
        """The artifacts that the body kept, without names that begin with ``_``, which are for programs."""
        return {n: a for n, a in self.record.kept.items() if not n.startswith("_")}

    @cached_property
    def input_rows(self) -> list[tuple[str, str, str]]:
        """For each input the parameter, the name of the result and a short text of it."""
        links = [(name, link) for name, wire in self.node.inputs.items() for link in find_links(wire)]
        return [(name, str(link), self._describe_input(link)) for name, link in links]

    @cached_property
    def arguments(self) -> dict[str, str]:
        """The plain arguments, as texts."""
        parts = {
            k.removeprefix("argument:"): v for k, v in self.record.parts.items() if k.startswith("argument:")
        }
        texts = {k: strip_type_marks(v) for k, v in parts.items() if k not in self.node.inputs}
        # A text without its quotes, unless it is empty.
        return {k: mask(json.loads(t) or t if t.startswith('"') else t) for k, t in texts.items()}

    @cached_property
    def columns(self) -> dict[str, list[ColumnSummary]]:
        """A summary of each column of each table of the result, by the name of the member or ``result``."""
        tables = {n: a for n, a in self._tables.items() if n != "assignment"}
        return {n: summarize_columns(self._load_table(a), self._schema) for n, a in tables.items()}

    @cached_property
    def difference(self) -> dict[str, Any]:
        """The rows and columns that differ from the first table among the inputs; empty without one."""
        result = self.record.result
        source = next(
            (a for a in map(self._input_artifact, self.node.links) if a and a.kind == "table"), None
        )
        if source is None or result.kind != "table":
            return {}
        try:
            lazy = [self.store.load(a, Promise("lazy")) for a in (source, result)]
            before, after = (table.collect_schema().names() for table in lazy)
        except StoreError:
            return {}
        link = next(link for link in self.node.links if self._input_artifact(link) is source)
        return {
            "input": str(link),
            "rows": (result.rows or 0) - (source.rows or 0),
            "added": [name for name in after if name not in before],
            "removed": [name for name in before if name not in after],
        }

    @property
    def code(self) -> str:
        """The source of the step, as it is now; empty for one of the library."""
        return step_code(self.node)

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        record = {k: v for k, v in self.record.to_json().items() if k != "parts"}
        titles = ("parameter", "from", "summary")
        return {
            **record,
            "kept": {k: v for k, v in record["kept"].items() if k in self.kept},
            "step": self.node.name,
            "state": self.state,
            "promise": dict(self.node.promise),
            "bytes": self.size,
            "said": list(self.log_lines),
            "inputs": [dict(zip(titles, row, strict=True)) for row in self.input_rows],
            "arguments": self.arguments,
            "memory": dict(self.memory),
            "difference": self.difference,
            "columns": {name: [s.to_json() for s in found] for name, found in self.columns.items()},
            "where": self.node.where,
            "code": self.code,
        }

    def write_page(self, path: str | Path) -> Path:
        """Write the card as one HTML page, and return its absolute path.

        Raises:
            StoreError: the file cannot be written.
        """
        from magical.views.document_page import write_document

        return write_document(self.document, path)

    def __str__(self) -> str:
        return document_text(self.document, find_width())

    def _repr_html_(self) -> str:
        from magical.views.document_page import render_fragment

        return render_fragment(self.document)

    def _step_blocks(self) -> Iterator[Block]:
        record = self.record
        pairs = {
            "result": f"{_describe(record.result)}, {format_size(self.size)} with what it kept",
            "time": f"{record.seconds:.2f} s",
            "memory": _memory_text(self.memory),
            "run": record.run,
            "key": record.key[:12],
        }
        if self.input_rows:
            yield Table(("takes", "from", "rows or summary"), tuple(self.input_rows))
        yield Facts(tuple(pairs.items()))

    def _argument_sections(self) -> Iterator[Section]:
        if self.arguments:
            pairs = tuple((name, shorten(text, 400)) for name, text in self.arguments.items())
            yield Section("arguments", "Arguments", (Facts(pairs),))

    def _result_blocks(self) -> Iterator[Block]:
        if difference := self.difference:
            yield Paragraph(_difference_text(difference))
        blocks = self._artifact_blocks(self.record.result, _MAX_ROWS)
        is_value = self.record.result.kind == "value"
        yield from map(_strike, blocks) if self.record.origin and is_value else blocks

    def _kept_blocks(self, artifact: Artifact) -> tuple[Block, ...]:
        return tuple(self._artifact_blocks(artifact, _MAX_KEPT_ROWS))

    def _artifact_blocks(self, artifact: Artifact, rows: int) -> Iterator[Block]:
        match artifact.kind:
            case "table":
                head = self._load_table(artifact).head(rows)
                total = artifact.rows or 0
                caption = f"the first {rows} of {total:,} rows" if total > rows else ""
                yield table_block(head.lazy().collect(), caption)
            case "group":
                yield Table(("", "kind", "summary"), tuple(_group_rows(artifact)))
            case "value":
                yield from value_blocks(self.store.load(artifact, Promise("any")))
            case "figure":
                yield Paragraph(artifact.summary)
                yield Code(str(self.store.file(artifact)))  # on a line of its own, to be copied
            case "none":
                yield Paragraph("nothing")
            case _:
                yield Paragraph(artifact.summary)
                yield from self._model_blocks(artifact)

    def _model_blocks(self, artifact: Artifact) -> Iterator[Block]:
        """Show the features, the threshold and the candidates of a model that can be loaded here."""
        if artifact.kind != "object" or self.node.promise["kind"] != "model":
            return
        try:
            model = self.store.load(artifact, Promise("any"))
        except StoreError as error:
            yield Paragraph(f"It cannot be loaded here: {error.lines[0]}", "warning")
            return
        if getattr(type(model), "__promises__", "") != "model" or model.failure:
            return
        facts = {"task": model.task, "target": model.target}
        if model.task == "binary":
            facts["threshold"] = f"{model.threshold:.4g}, of the probability of {model.classes[-1]}"
        facts["features"] = f"{len(model.features)}: {join_names(model.features, 40)}"
        yield Facts(tuple((name, shorten(text, 1000)) for name, text in facts.items()))
        if model.chosen and model.candidates and "candidates" not in self.kept:
            shown = [c for c in (model.chosen, *model.candidates) if c.name]
            rows = tuple((c.title, c.metric, c.score, c.scored, shorten(c.failure, 80)) for c in shown)
            yield Table(("candidate", "metric", ">score", "rows", "failure"), rows, "candidates")

    def _column_sections(self) -> Iterator[Section]:
        for name, summaries in list(self.columns.items())[:_MAX_MEMBERS]:
            title = "Columns" if name == "result" else f"Columns of {name}"
            yield Section(f"columns-{name}", title, column_blocks(summaries))

    def _log_sections(self) -> Iterator[Section]:
        if count := len(self.log_lines):
            title = "Printed and logged"
            title += f", the last {MAX_LOG_LINES} of {count} lines" if count > MAX_LOG_LINES else ""
            yield Section("said", title, (Code("\n".join(self.log_lines[-MAX_LOG_LINES:])),))

    def _code_sections(self) -> Iterator[Section]:
        if text := self.code:
            lines = text.splitlines()
            cut = [f"… {len(lines) - _MAX_CODE_LINES} more lines"] if len(lines) > _MAX_CODE_LINES else []
            blocks: list[Block] = [Code("\n".join([*lines[:_MAX_CODE_LINES], *cut]))]
            if self.state != "fresh":
                blocks.insert(0, Paragraph("as it is now; the result may be of earlier code", "warning"))
            yield Section("code", f"Code ({self.node.where})", tuple(blocks))
        elif self.node.step.startswith("magical."):
            text = f"A step of the library: {self.node.step.replace(':', '.')} ({self.node.where})."
            yield Section("code", "Code", (Paragraph(text),))

    @cached_property
    def _tables(self) -> dict[str, Artifact]:
        result = self.record.result
        if result.kind == "table":
            return {"result": result}
        return {name: item for name, item in result.items.items() if item.kind == "table"}

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        """The tables that were read so far, by the name of their objects."""
        return {}

    @cached_property
    def _schema(self) -> Schema | None:
        """The contract: of the code, which has its descriptions, or of the key."""
        promise = self.node.call.promise if self.node.call else None
        return promise.schema if promise else None

    def _load_table(self, artifact: Artifact) -> Any:
        """Load a table, lazily if it is large."""
        if artifact.blob not in self._loaded:
            kind = "lazy" if (artifact.rows or 0) > MAX_FULL_ROWS else "any"
            self._loaded[artifact.blob] = self.store.load(artifact, Promise(kind))
        return self._loaded[artifact.blob]

    def _input_artifact(self, link: Link) -> Artifact | None:
        record = self.inputs.get(link.node)
        try:
            return record.result.item(link.item) if record else None
        except KeyError:
            return None

    def _describe_input(self, link: Link) -> str:
        artifact = self._input_artifact(link)
        return _describe(artifact) if artifact else "no longer stored"


def step_code(node: Node) -> str:
    """Return the source of a step of the project; empty for one of the library, or without its code.

    Example:
        >>> step_code(Node("n", "w:n", "", "", {}, {}))
        ''
    """
    if node.call is None or node.step.startswith("magical."):
        return ""
    try:
        return mask(textwrap.dedent(inspect.getsource(inspect.unwrap(node.call.step.function))).rstrip())
    except (OSError, TypeError, SyntaxError, IndentationError):  # it was made by a call, or its file has gone
        return ""


def _describe(artifact: Artifact) -> str:
    """Describe an artifact in a few words, such as ``2,240 rows × 29 columns``."""
    if artifact.kind == "table":
        rows, _, columns = artifact.summary.partition(" × ")
        return f"{rows} rows × {columns} columns"
    return artifact.summary or artifact.kind


def _group_rows(artifact: Artifact) -> Iterator[tuple[str, str, str]]:
    for name, item in artifact.items.items():
        yield name, item.kind, _describe(item)
        if item.kind == "group":
            yield from ((f"{name}.{inner}", kind, text) for inner, kind, text in _group_rows(item))


def _difference_text(difference: Mapping[str, Any]) -> str:
    rows = difference["rows"]
    unit = "row" if abs(rows) == 1 else "rows"
    count = f"{abs(rows):,} {'fewer' if rows < 0 else 'more'} {unit}" if rows else "as many rows"
    texts = [f"Against {difference['input']}: {count}"]
    for verb in ("added", "removed"):
        if names := difference[verb]:
            columns = "column" if len(names) == 1 else "columns"
            texts.append(f"{len(names)} {columns} {verb} ({shorten(join_names(names, 8), 200)})")
    if len(texts) == 1:
        texts.append("the same columns")
    return "; ".join(texts) + "."


def _memory_text(memory: Mapping[str, int]) -> str:
    if "limit" in memory:
        reason = ", with other steps in the same process" if "shared" in memory else ", as its process before"
        return f"at most {format_size(memory['limit'])}{reason}"
    if "peak" in memory:
        before = memory.get("before", 0)
        more = f", {format_size(max(0, memory['peak'] - before))} more than before the step" if before else ""
        return f"{format_size(memory['peak'])} at the peak of its process{more}"
    return "not known: the journal has no figure of it"


def _strike(block: Block) -> Block:
    """Strike through the texts of a value that is not real, where it stands without a table."""
    if isinstance(block, Paragraph):
        return Paragraph(strike_lines(block.text), block.tone)
    if isinstance(block, Facts):
        return Facts(tuple((name, strike_lines(text)) for name, text in block.pairs))
    return block
