"""The record of a run: the output of ``magical runs RUN --json``, from which it can be reproduced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.journal import RunSummary
from magical.errors import MagicalError, StoreError
from magical.graph import Graph, Node
from magical.project.project_context import ProjectContext
from magical.project.reproduce.model_sample import ModelSample, find_model_samples, walk_artifact
from magical.project.reproduce.portable_paths import (
    make_portable,
    portable_parts,
    portable_settings,
    without_paths,
)
from magical.project.reproduce.record_schema import FORMAT
from magical.report.text import runs_json
from magical.settings.secrets import drop_masked, mask_referenced_secrets

__all__ = ["build_record", "find_left_out", "with_run_profile"]


def find_left_out(graph: Graph) -> dict[str, str]:
    """Find the nodes that a repetition leaves out because they or their inputs write, each with the reason.

    Example:
        >>> promise = {"kind": "value", "text": "str"}
        >>> find_left_out(Graph("shop", (Node("publish", "", "", "", {}, promise, {"writes": "world"}),)))
        {'publish': 'it writes to the world'}
    """
    found: dict[str, str] = {}
    for node in graph.nodes:
        missing = [link.node for link in node.links if link.node in found]
        if reason := f"it needs {missing[0]}" if missing else _write_reason(node):
            found[node.name] = reason
    return found


def _write_reason(node: Node) -> str:
    """Return why a repetition must not execute a node: it writes; empty if it may."""
    if node.facts.get("pretended"):
        return ""
    if node.writes:
        return "it writes to the world"
    return "it writes files" if node.facts.get("writes_files") else ""


def build_record(context: ProjectContext, run: str, *, keep_paths: bool = False) -> dict[str, Any]:
    """Build the record of a run: its entry in the list of runs, and the key and fingerprint of each step.

    Args:
        context: the context of the project of the run.
        run: the run's name, the beginning of it, or ``last``.
        keep_paths: leave the settings as they are, paths included, for use in this project alone.

    Raises:
        UsageError: there is no such run.
    """
    summary = context.journal.read(context.journal.find(run))
    context = with_run_profile(context, summary.facts.get("profile", ""))
    # Not left to drawing, which also reveals secrets to mask: the workflow may no longer be drawable.
    masked = mask_referenced_secrets(summary.settings, context.root)
    (entry,) = runs_json([summary], context.store.size)
    settings, excluded = _read_settings(context, summary)
    steps = dict(_step_entries(context, summary, masked, excluded))
    record = {**entry, "format": FORMAT, "steps": steps}
    record["failed"] = {n: without_paths(t, context.root) for n, t in summary.failed.items()}
    record["settings"] = summary.settings if keep_paths else settings
    return record


def _read_settings(context: ProjectContext, run: RunSummary) -> tuple[Any, frozenset[str]]:
    """Return the portable settings, and the nodes to leave out when the run is reproduced."""
    try:
        reopened = context.reopen(drop_masked(run.settings))
        # Drawn afresh, which imports the project: stored models may need its modules.
        workflow, graph = reopened.drawer.draw_fresh()
        typed = reopened.configuration.load_settings(workflow.settings).settings
    except MagicalError:  # the workflow has changed since and no longer takes these settings
        return make_portable(run.settings, context.root), frozenset()
    left_out = {} if run.facts.get("pretend") else find_left_out(graph)
    return portable_settings(run.settings, typed, context.root), frozenset(left_out)


def with_run_profile(context: ProjectContext, profile: str) -> ProjectContext:
    """Open the project under the profile of a run, which may name the store of its results.

    If the profile is gone or broken, the project is returned as it is.
    """
    try:
        reopened = context.reopen(profile=profile)
        _ = reopened.store
    except MagicalError:
        return context
    return reopened


def _step_entries(
    context: ProjectContext, run: RunSummary, masked: bool, excluded: frozenset[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each node of a run with its entry; ``excluded`` nodes are ignored for model samples."""
    stored = {name: context.store.find_record(key) for name, key in run.keys.items()}
    records = {name: record for name, record in stored.items() if record is not None}
    nodes = run.facts.get("nodes") or list({**run.keys, **run.begun, **run.failed, **run.left_out})
    unchanged = {n: records[n] for n in nodes if n in records and _is_from_run(run, n, records[n])}
    samples = find_model_samples({n: r for n, r in unchanged.items() if n not in excluded})
    fingerprint = _create_fingerprint(context, unchanged, samples, masked)
    for name in nodes:
        record, key = records.get(name), run.keys.get(name, "")
        entry: dict[str, Any] = {"state": _state(run, name)}
        if name in run.left_out:
            entry["reason"] = run.left_out[name]
        if key:
            entry |= {"key": key, "content": run.contents.get(name, "")}
        if record is not None:
            # The parts are those of this run even if the result is not: the key is their hash.
            entry |= {
                "step": record.step,
                "origin": list(record.origin),
                "parts": portable_parts(record.parts, context.root),
                "result": fingerprint(name, record),
            }
        yield name, entry


def _is_from_run(run: RunSummary, name: str, record: Record) -> bool:
    """Return True if a stored result is the one of this run.

    A later run may have replaced it under the same key, such as a step that reads the world.
    """
    content = run.contents.get(name)
    if content and content != record.result.content:
        return False
    # The content of a model is its key, and so says nothing; names of runs sort by time.
    return not (any(a.kind == "object" for a in walk_artifact(record.result)) and record.run > run.name)


def _create_fingerprint(
    context: ProjectContext,
    records: Mapping[str, Record],
    model_samples: Mapping[str, ModelSample],
    masked: bool,
) -> Callable[[str, Record], dict[str, Any] | None]:
    """Create a function that computes the fingerprint of a record; None for a node without one."""
    if not records:  # so that polars need not be imported
        return lambda name, record: None
    from magical.project.reproduce.fingerprints import Fingerprinter

    fingerprints = Fingerprinter(context.store, model_samples, str(context.root), masked)

    def compute(name: str, record: Record) -> dict[str, Any] | None:
        if name not in records:
            return None
        try:
            return fingerprints.fingerprint(name, record.result)
        except StoreError:  # swept or damaged meanwhile; the entry still has the name of its content
            return None

    return compute


def _state(run: RunSummary, name: str) -> str:
    """Return the state of a node at the end of a run, in words."""
    if name in run.keys:
        return "ran" if name in run.executed else "fresh"
    if name in run.failed:
        return "failed"
    if name in run.pending:
        return "pending"
    if name in run.left_out:
        return "left out"
    return "was under way" if name in run.begun else "not begun"
