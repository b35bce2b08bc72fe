"""Comparison of the results of a run with the record of an earlier one, step by step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact
from magical.engine.run import RunResult
from magical.errors import MagicalError
from magical.graph import Graph, Node
from magical.project.project_context import ProjectContext
from magical.project.reproduce.fingerprint_diff import DIFFERS, SAME, UNKNOWN, compare_fingerprints
from magical.project.reproduce.outcome import LEFT_OUT, ReproducedStep

if TYPE_CHECKING:
    from magical.project.reproduce.fingerprints import Fingerprinter

__all__ = ["Comparison"]


@dataclass(frozen=True)
class Comparison:
    """The record of an earlier run, and its repetition, whose results are compared.

    Attributes:
        old_context: the project with the store of the earlier run, which may still have its results.
        new_context: the project with the temporary store of the repetition.
        record: the record of the earlier run.
        graph: the graph of the repetition.
        result: the result of the repetition.
    """

    old_context: ProjectContext
    new_context: ProjectContext
    record: Mapping[str, Any]
    graph: Graph
    result: RunResult

    def compare_steps(self, left_out: Mapping[str, str]) -> tuple[ReproducedStep, ...]:
        """Compare each step of the record, in its order; ``left_out`` maps steps to reasons."""
        from magical.project.reproduce.fingerprints import Fingerprinter
        from magical.project.reproduce.model_sample import find_model_samples

        root = str(self.new_context.root)
        new = self.result.records
        # `new` is in the order in which steps finished; the choice of model samples depends on the order.
        ordered = [*(n for n in self.record["steps"] if n in new), *new]
        samples = find_model_samples({n: new[n] for n in ordered})
        fingerprints = Fingerprinter(self.new_context.store, samples, root)
        return tuple(
            ReproducedStep(name, LEFT_OUT, (left_out[name],))
            if name in left_out
            else self._compare_step(name, entry, fingerprints)
            for name, entry in self.record["steps"].items()
        )

    def _compare_step(
        self, name: str, entry: Mapping[str, Any], fingerprints: Fingerprinter
    ) -> ReproducedStep:
        """Compare a step's result with its ``entry`` in the record."""
        if not entry.get("key"):
            if entry["state"] == LEFT_OUT:
                return ReproducedStep(name, LEFT_OUT, (f"the run left it out: {entry.get('reason', '')}",))
            return ReproducedStep(name, UNKNOWN, (f"it did not finish in the run ({entry['state']})",))
        if name not in self.graph.by_name:
            return ReproducedStep(name, DIFFERS, ("the workflow no longer has it",))
        if (error := self.result.errors.get(name)) is not None:
            return ReproducedStep(name, DIFFERS, (f"it failed: {error.lines[0]}",))
        record, note = self.result.records.get(name), _explain_instability(self.graph.by_name[name])
        if record is None:
            text = f"it gave nothing: {self.result.left_out.get(name, 'it was not reached')}"
            return ReproducedStep(name, DIFFERS, (text,), note)
        if not entry.get("result"):
            level, details = _compare_content(entry.get("content", ""), record.result.content)
            return ReproducedStep(name, level, details, note)
        new = fingerprints.fingerprint(name, record.result)
        found = compare_fingerprints(entry["result"], new, self._table_pairs(entry, record.result))
        return ReproducedStep(name, found.level, found.details, note, found.max_difference)

    def _table_pairs(self, entry: Mapping[str, Any], new: Artifact) -> Callable[[str], Any]:
        """Create a function that loads the old and the new table of a member of a result.

        It returns None if the member is not a table, or if one of the two cannot be loaded.
        """
        old: Artifact | None = None
        # Errors of the store are ignored: the checksums of the record suffice for a comparison.
        with contextlib.suppress(MagicalError):
            record = self.old_context.store.find_record(entry["key"])
            # A later run may have stored another result under the same key.
            old = record.result if record and record.result.content == entry.get("content") else None

        def load_pair(item: str) -> Any:
            old_item, new_item = _find_member(old, item) if old else None, _find_member(new, item)
            if not (old_item and new_item and old_item.kind == new_item.kind == "table"):
                return None
            with contextlib.suppress(MagicalError):
                old_table = self.old_context.store.load(old_item, Promise("table"))
                return old_table, self.new_context.store.load(new_item, Promise("table"))

        return load_pair


def _compare_content(old: str, new: str) -> tuple[str, tuple[str, ...]]:
    """Compare the content names of two results, when the store no longer has the old result."""
    # A model is named by its key, `key:…`, which says nothing of its content.
    if old == new and not old.startswith("key:"):
        return SAME, ()
    gone = "its earlier result is no longer in the store"
    if not old or old.startswith("key:"):
        return UNKNOWN, (gone,)
    return DIFFERS, (f"other content, and {gone}",)


def _find_member(artifact: Artifact, item: str) -> Artifact | None:
    """Find a member of a result by its dotted path; None if there is no such member."""
    for name in item.split(".") if item else ():
        if name not in artifact.items:
            return None
        artifact = artifact.items[name]
    return artifact


def _explain_instability(node: Node) -> str:
    """Return why a node may give another result each time; empty if it should not."""
    if node.facts.get("random"):
        return "It is random, as it says."
    return "It asks the world each time." if node.facts.get("reads") == "world" else ""
