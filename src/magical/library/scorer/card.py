"""The description of a registered model: its card in Markdown, its tags, and its requirements."""

from __future__ import annotations

import io
import json
import pickletools
import shlex
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magical.contracts.model import Candidate, Model, format_number
from magical.contracts.schema import Column, Schema
from magical.errors import join_names, shorten
from magical.keys.packages import find_package, read_versions
from magical.library.scorer.code_bundle import find_imports
from magical.library.scorer.promotion_gate import Criterion, summarize_gate
from magical.masking import mask

__all__ = ["Judgement", "Provenance", "build_tags", "find_requirements", "write_card"]

_BASE_MODULES = ("cloudpickle", "numpy", "pandas", "polars", "pydantic", "sklearn", "skops")
_SHOWN_COLUMNS = 10


@dataclass(frozen=True)
class Provenance:
    """The origin of a model: its workflow, run and commit.

    Attributes:
        key: the key of the step that registered the model.
        data: the digest of the typed rows.
        git: the commit, and whether the project had changes, if known.
        source: the name of the typed rows.
        name: the name of the registered model.

    Example:
        >>> Provenance("campaign", "run-1", "a1", git={"commit": "0c1d", "dirty": True}).commit
        '0c1d (with changes)'
    """

    workflow: str
    run: str
    key: str
    data: str = ""
    git: Mapping[str, Any] | None = None
    source: str = ""
    name: str = ""

    @property
    def commit(self) -> str:
        """The commit, marked if the project had uncommitted changes."""
        git = self.git or {}
        return f"{git['commit']}{' (with changes)' if git.get('dirty') else ''}" if git.get("commit") else ""


@dataclass(frozen=True)
class Judgement:
    """What is known of how well a model predicts: its scores, the gate, and what it uses.

    Attributes:
        scores: the ``Scores`` of the test part.
        gate: the criteria of the gate.
        explanation: the ``Explanation``, if there is one.
    """

    scores: Any
    gate: tuple[Criterion, ...] = ()
    explanation: Any = None


def build_tags(provenance: Provenance, judgement: Judgement) -> dict[str, str]:
    """Build the tags of a registered version; empty ones are omitted."""
    scores, explanation = judgement.scores, judgement.explanation
    tags = {
        "magical.workflow": provenance.workflow,
        "magical.run": provenance.run,
        "magical.data": provenance.data,
        "magical.commit": provenance.commit,
        "magical.gate": summarize_gate(judgement.gate),
        "magical.summary": scores.summary(),
        "magical.explanation": explanation.summary() if explanation is not None else "",
    }
    tags |= {f"{scores.part}.{name}": f"{score.value:.6g}" for name, score in scores.metrics.items()}
    return {name: mask(text) for name, text in tags.items() if text}


def write_card(
    model: Model,
    row_schema: Schema,
    judgement: Judgement,
    provenance: Provenance,
) -> str:
    """Write the model card as Markdown; ``row_schema`` describes the rows that the scorer takes."""
    scores, gate, explanation = judgement.scores, judgement.gate, judgement.explanation
    chosen = model.chosen.title if model.chosen else "a model"
    lines = [
        f"# {_escape_markdown(provenance.workflow)}: {_escape_markdown(model.target)} by "
        f"{_escape_markdown(chosen)}",
        f"{_escape_markdown(model.task)}; gate {_escape_markdown(summarize_gate(gate))}.",
        f"## Scores ({scores.rows:,} {_escape_markdown(scores.part)} rows, 95 % intervals)",
        *_markdown_table(("metric", "value", "low", "high"), _score_rows(scores)),
        *(_escape_markdown(f"Mind: {caution}.") for caution in scores.cautions),
    ]
    lines += _list_importance(explanation) if explanation is not None else []
    candidates = [c for c in (model.chosen, *model.candidates) if c is not None]
    if candidates:
        names = ("name", "metric", "score", "scored", "parameters")
        lines += ["## Candidates", *_markdown_table(names, map(_candidate_row, candidates))]
    criterion_rows = ((c.criterion, c.threshold, c.value, _format_held(c.held)) for c in gate)
    lines += ["## Gate", *_markdown_table(("criterion", "threshold", "value", "held"), criterion_rows)]
    lines += ["## Where it comes from", *_markdown_table(("what", "which"), _provenance_rows(provenance))]
    if row_schema.columns:
        # Before the table of columns: a registry cuts what is too long from the end.
        lines += ["## How to score", *_list_doors(provenance.name)] if provenance.name else []
        lines += [f"## A row of {_escape_markdown(row_schema.name)}"]
        head = ("column", "in the source", "type", "role", "written", "description")
        lines += _markdown_table(head, map(_column_row, row_schema.columns))
    lines += ["## Features", ", ".join(map(_escape_markdown, model.features)) or "none"]
    return "\n\n".join(filter(None, lines)) + "\n"


def find_requirements(folder: Path) -> list[str]:
    """Find the distributions, with versions, that a saved scorer needs.

    They are found in the imports of its modules, and in the module names in its Pipeline and values.
    """
    names = {*_BASE_MODULES}
    for file in folder.rglob("*.py"):
        names |= set(find_imports(file.read_bytes()))
    for file in folder.glob("*.pkl"):
        names |= set(_pickled_texts(file.read_bytes()))
    for file in folder.glob("*.skops"):
        names |= set(_skops_modules(file))
    # A pickle also contains other texts: those that name no installed package drop out here.
    tops = {name.partition(".")[0] for name in names}
    packages = {p for top in tops if top.isidentifier() and (p := find_package(top)) is not None}
    release = read_versions()["magical-thinking"]
    ours = f"magical-thinking=={release}" if release else "magical-thinking"  # none: run from its source
    return [ours, *(f"{name}=={version}" for name, version in sorted(packages))]


def _score_rows(scores: Any) -> Iterator[tuple[str, ...]]:
    for name, score in scores.metrics.items():
        yield (name, *(format_number(number) for number in (score.value, score.low, score.high)))


def _list_importance(explanation: Any) -> Iterator[str]:
    """List the most important columns, with the loss that the model has more without each."""
    yield f"## What it uses ({explanation.rows:,} {_escape_markdown(explanation.part)} rows)"
    yield _escape_markdown(f"{explanation.summary()}.")
    if explanation.importance:
        kind = "columns" if explanation.level == "raw" else "features"
        first = list(explanation.importance.items())[:_SHOWN_COLUMNS]
        rows = ((name, *map(format_number, (s.value, s.low, s.high))) for name, s in first)
        yield from _markdown_table(
            (kind, f"{_escape_markdown(explanation.loss)} gained if shuffled", "low", "high"), rows
        )
        if left := len(explanation.importance) - len(first):
            yield f"and {left:,} more."
    if explanation.unused:
        yield _escape_markdown(f"Does not reach the model: {join_names(explanation.unused, 10)}.")


def _candidate_row(candidate: Candidate) -> tuple[str, ...]:
    name, metric = candidate.name, candidate.metric
    if candidate.failure:
        return (name, metric, "", "failed", shorten(candidate.failure, 200))
    params = ", ".join(f"{k} {_shorten_value(v)}" for k, v in candidate.params.items())
    return (name, metric, format_number(candidate.score), candidate.scored, shorten(params, 200))


def _shorten_value(value: Any) -> str:
    return format_number(value) if isinstance(value, float) else shorten(value, 20)


def _column_row(column: Column) -> tuple[str, ...]:
    how = column.marks_text
    return (column.name, column.alias, column.type_text, column.role, how, column.description)


def _list_doors(name: str) -> Iterator[str]:
    """List the lines that score new rows with the champion."""
    yield f"    magical score --model {shlex.quote(f'{name}@champion')} --input FILE --output FILE"
    model = f"mlflow.pyfunc.load_model({f'models:/{name}@champion'!r})"
    yield f"    model = {model}\n    predictions = model.predict(rows)"


def _provenance_rows(provenance: Provenance) -> Iterator[tuple[str, str]]:
    yield "run", provenance.run
    yield "key", provenance.key
    if provenance.commit:
        yield "commit", provenance.commit
    if provenance.data:
        yield f"data ({provenance.source})", provenance.data


def _format_held(held: bool | None) -> str:
    return "not assessed" if held is None else "yes" if held else "no"


def _markdown_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *(tuple(map(_escape_markdown, row)) for row in rows)]
    return ["\n".join(f"| {' | '.join(line)} |" for line in lines)]


def _escape_markdown(text: object) -> str:
    """Escape a text from data, so that it is shown as it is, on one line."""
    line = shorten(text, 400).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|#!" else c for c in line)


def _pickled_texts(pickled: bytes) -> Iterator[str]:
    """Find the short texts in a pickle, module names among them."""
    # genops only reads opcodes: to unpickle would run code, and import what may not be importable here.
    for code, value, _ in pickletools.genops(io.BytesIO(pickled)):
        if isinstance(value, str) and len(value) < 100 and "UNICODE" in code.name:
            yield value


def _skops_modules(file: Path) -> Iterator[str]:
    def modules(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("__module__"), str):
                yield node["__module__"]
            for part in node.values():
                yield from modules(part)
        elif isinstance(node, list):
            for part in node:
                yield from modules(part)

    with zipfile.ZipFile(file) as archive:
        yield from modules(json.loads(archive.read("schema.json")))
