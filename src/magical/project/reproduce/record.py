"""The record of a run: what ``magical runs RUN --json`` says, and all that ``reproduce`` needs elsewhere."""

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

__all__ = [
    "build_record",
    "find_left_out",
    "find_records",
    "with_run_profile",
]


def find_left_out(graph: Graph) -> dict[str, str]:
    """Give the nodes that are left out, each with the reason."""
    found: dict[str, str] = {}
    for node in graph.nodes:
        lost = [link.node for link in node.links if link.node in found]
        if reason := f"it needs {lost[0]}" if lost else _write_reason(node):
            found[node.name] = reason
    return found


def _write_reason(node: Node) -> str:
    if node.facts.get("pretended"):
        return ""
    if node.writes:
        return "it writes to the world"
    return "it writes files" if node.facts.get("writes_files") else ""


def build_record(context: ProjectContext, run: str, *, keep_paths: bool = False) -> dict[str, Any]:
    """Give the record of a run: what the list of runs says of it, and of each step its key and result.

    Args:
        context: of the project where the run was.
        run: its name, the beginning of it, or ``last``.
        here: whether it is for this project alone: its settings stay as they are, places and all.

    Raises:
        UsageError: there is no such run.
    """
    summary = context.journal.read(context.journal.find(run))
    context = with_run_profile(context, summary.facts.get("profile", ""))
    masked = mask_referenced_secrets(
        summary.settings, context.root
    )  # whether the workflow of then can still be drawn or not
    (said,) = runs_json([summary], context.store.size)
    settings, unread = _read_settings(context, summary)
    steps = dict(_step_entries(context, summary, masked, unread))
    record = {**said, "format": FORMAT, "steps": steps}
    record["failed"] = {n: without_paths(t, context.root) for n, t in summary.failed.items()}
    record["settings"] = summary.settings if keep_paths else settings
    return record


def _read_settings(context: ProjectContext, run: RunSummary) -> tuple[Any, frozenset[str]]:
    """The settings for other machines, and the nodes that are left out when the run is repeated.

    It imports the project, whose modules a model may need to be read.
    """
    line = drop_masked(run.settings)
    try:
        then = context.reopen(line)
        workflow, graph = then.drawer.draw_fresh()
        typed = then.configuration.load_settings(workflow.settings).settings
    except MagicalError:  # the workflow of then is no longer that of now
        return make_portable(run.settings, context.root), frozenset()
    without = {} if run.facts.get("pretend") else find_left_out(graph)
    return portable_settings(run.settings, typed, context.root), frozenset(without)


def with_run_profile(context: ProjectContext, profile: str) -> ProjectContext:
    """Give the project under the profile of a run, which may name the store that its results are in.

    Where there is no such profile any more, it is given as it is.
    """
    try:
        then = context.reopen(profile=profile)
        _ = then.store
    except MagicalError:
        return context
    return then


def find_records(context: ProjectContext, keys: Mapping[str, str]) -> dict[str, Record]:
    """Give what the store has of the nodes of a run, in their order."""
    found = ((name, context.store.find_record(key)) for name, key in keys.items())
    return {name: record for name, record in found if record is not None}


def _step_entries(
    context: ProjectContext, run: RunSummary, masked: bool, excluded: frozenset[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    records = find_records(context, run.keys)
    nodes = run.facts.get("nodes") or list({**run.keys, **run.begun, **run.failed, **run.left_out})
    own = {n: records[n] for n in nodes if n in records and _is_from_run(run, n, records[n])}
    judging = find_model_samples({n: r for n, r in own.items() if n not in excluded})
    fingerprint = _create_fingerprint(context, own, judging, masked)
    for name in nodes:
        record, key = records.get(name), run.keys.get(name, "")
        said: dict[str, Any] = {"state": _state(run, name)}
        if name in run.left_out:
            said["reason"] = run.left_out[name]
        if key:
            said |= {"key": key, "content": run.contents.get(name, "")}
        if record is not None:
            said |= {
                "step": record.step,
                "origin": list(record.origin),
                "parts": portable_parts(record.parts, context.root),  # of this run: its key is their hash
                "result": fingerprint(name, record),
            }
        yield name, said


def _is_from_run(run: RunSummary, name: str, record: Record) -> bool:
    """Whether what the store has is what this run gave: a later run may have given else under the same key.

    What asks the world does so each time. A model is named by its key, not by what is in it.
    """
    content = run.contents.get(name)
    if content and content != record.result.content:
        return False
    return not (any(a.kind == "object" for a in walk_artifact(record.result)) and record.run > run.name)


def _create_fingerprint(
    context: ProjectContext,
    records: Mapping[str, Record],
    model_samples: Mapping[str, ModelSample],
    masked: bool,
) -> Callable[[str, Record], dict[str, Any] | None]:
    if not records:
        return lambda name, record: None
    from magical.project.reproduce.fingerprints import Fingerprinter

    made = Fingerprinter(context.store, model_samples, str(context.root), masked)

    def give(name: str, record: Record) -> dict[str, Any] | None:
        if name not in records:
            return None
        try:
            return made.fingerprint(name, record.result)
        except StoreError:  # swept or damaged meanwhile: its content is still known by name
            return None

    return give


def _state(run: RunSummary, name: str) -> str:
    if name in run.keys:
        return "ran" if name in run.executed else "fresh"
    if name in run.failed:
        return "failed"
    if name in run.pending:
        return "pending"
    if name in run.left_out:
        return "left out"
    return "was under way" if name in run.begun else "not begun"
