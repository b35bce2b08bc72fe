"""What is written about a registered model: its card in Markdown, its tags, and what it needs to run."""

from __future__ import annotations

import ast
import importlib.metadata
import io
import json
import pickletools
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magical import __version__
from magical.contracts.model import Candidate, Model
from magical.contracts.schema import Schema
from magical.errors import shorten
from magical.keys.packages import find_package
from magical.library.scorer.promotion_gate import Criterion, summarize_gate
from magical.masking import mask

__all__ = ["Provenance", "build_tags", "find_requirements", "write_card"]

_BASE_MODULES = ("cloudpickle", "numpy", "pandas", "polars", "pydantic", "sklearn", "skops")


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from.

    Attributes:
        workflow: the workflow's name.
        run: the run's name.
        key: the key of the step that registered it.
        data: the digest of the typed rows.
        git: the commit and whether there were changes, if known.
        source: the name of the typed rows.
    """

    workflow: str
    run: str
    key: str
    data: str = ""
    git: Mapping[str, Any] | None = None
    source: str = ""

    @property
    def commit(self) -> str:
        """The commit, with a mark if the project had changes that it does not hold."""
        git = self.git or {}
        return f"{git['commit']}{' (with changes)' if git.get('dirty') else ''}" if git.get("commit") else ""


def build_tags(provenance: Provenance, scores: Any, criteria: Iterable[Criterion]) -> dict[str, str]:
    """Give the short texts that a version carries."""
    found = {
        "magical.workflow": provenance.workflow,
        "magical.run": provenance.run,
        "magical.data": provenance.data,
        "magical.commit": provenance.commit,
        "magical.gate": summarize_gate(criteria),
        "magical.summary": scores.summary(),
    }
    found |= {f"{scores.part}.{name}": f"{score.value:.6g}" for name, score in scores.metrics.items()}
    return {name: mask(text) for name, text in found.items() if text}


def write_card(
    model: Model, row_schema: Schema, scores: Any, criteria: Iterable[Criterion], provenance: Provenance
) -> str:
    """Write the model card.

    Args:
        model: what it is about.
        typed: what a row must hold.
        scores: of the test part.
        criteria: the gate's.
        facts: where the model comes from.
    """
    gate = list(criteria)
    chosen = model.chosen.name if model.chosen else "a model"
    lines = [
        f"# {_escape_markdown(provenance.workflow)}: {_escape_markdown(model.target)} by "
        f"{_escape_markdown(chosen)}",
        f"{_escape_markdown(model.task)}; gate {_escape_markdown(summarize_gate(gate))}.",
        f"## Scores ({scores.rows:,} {_escape_markdown(scores.part)} rows, 95 % intervals)",
        *_markdown_table(("metric", "value", "low", "high"), _score_rows(scores)),
    ]
    compared = [c for c in (model.chosen, *model.candidates) if c is not None]
    if compared:
        lines += ["## Candidates (on validation)"]
        lines += _markdown_table(("name", "metric", "score", "parameters"), map(_candidate_row, compared))
    asked = ((c.criterion, c.threshold, c.value, _format_held(c.held)) for c in gate)
    lines += ["## Gate", *_markdown_table(("criterion", "threshold", "value", "held"), asked)]
    lines += ["## Where it comes from", *_markdown_table(("what", "which"), _provenance_rows(provenance))]
    columns = ((c.name, c.type_text, c.role, c.description) for c in row_schema.columns)
    if row_schema.columns:
        lines += [f"## A row of {_escape_markdown(row_schema.name)}"]
        lines += _markdown_table(("column", "type", "role", "description"), columns)
    lines += ["## Features", ", ".join(map(_escape_markdown, model.features)) or "none"]
    return "\n\n".join(_drop_empty(lines)) + "\n"


def find_requirements(folder: Path) -> list[str]:
    """Give the distributions, with versions, that a saved scorer needs.

    Args:
        folder: of the scorer: its modules say what they import, its Pipeline what it is made of.
    """
    tops = {*_BASE_MODULES}
    for file in folder.rglob("*.py"):
        tops |= set(_find_imports(file.read_text(encoding="utf-8")))
    for file in folder.glob("*.pkl"):
        tops |= {text.partition(".")[0] for text in _pickled_texts(file.read_bytes())}
    for file in folder.glob("*.skops"):
        tops |= {t.partition(".")[0] for t in _skops_modules(file)}
    found = {p for top in tops if top.isidentifier() and (p := find_package(top)) is not None}
    try:
        own = importlib.metadata.version("magical-thinking")
    except importlib.metadata.PackageNotFoundError:
        own = __version__
    return [f"magical-thinking=={own}", *(f"{name}=={version}" for name, version in sorted(found))]


def _score_rows(scores: Any) -> Iterator[tuple[str, ...]]:
    for name, score in scores.metrics.items():
        yield (name, *(f"{number:.4g}" for number in (score.value, score.low, score.high)))


def _candidate_row(candidate: Candidate) -> tuple[str, ...]:
    params = ", ".join(f"{k} {shorten(v, 20)}" for k, v in candidate.params.items())
    return (candidate.name, candidate.metric, f"{candidate.score:.4g}", shorten(params, 200))


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


def _drop_empty(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line]


def _escape_markdown(text: object) -> str:
    """Whatever data say is data: no markup, on one line."""
    line = shorten(text, 400).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|#!" else c for c in line)


def _find_imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _pickled_texts(pickled: bytes) -> Iterator[str]:
    """The short texts in a pickle; module names are among them."""
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
