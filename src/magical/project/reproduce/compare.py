"""Compare what a run gives now with what the record of an earlier one says, step by step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from magical.contracts.promises import Promise
from magical.engine.artifacts import Artifact
from magical.engine.run import RunResult
from magical.errors import MagicalError
from magical.graph import Graph, Node
from magical.project.project_context import ProjectContext
from magical.project.reproduce.fingerprint_diff import DIFFERS, SAME, UNKNOWN, compare_fingerprints
from magical.project.reproduce.outcome import LEFT_OUT, ReproducedStep

__all__ = ["Comparison"]


@dataclass(frozen=True)
class Comparison:
    """The results of then, by their record, and those of now."""

    old_project: ProjectContext
    new_project: ProjectContext
    record: Mapping[str, Any]
    graph: Graph
    result: RunResult

    def compare_steps(self, left_out: Mapping[str, str]) -> tuple[ReproducedStep, ...]:
        """Compare step by step, in the order of the record."""
        from magical.project.reproduce.fingerprints import Fingerprinter
        from magical.project.reproduce.model_sample import find_model_samples

        root = str(self.new_project.root)
        made = self.result.records
        ordered = [*(n for n in self.record["steps"] if n in made), *made]  # not as steps happened to finish
        now = Fingerprinter(self.new_project.store, find_model_samples({n: made[n] for n in ordered}), root)
        return tuple(
            ReproducedStep(name, LEFT_OUT, (left_out[name],))
            if name in left_out
            else self._compare_step(name, said, now)
            for name, said in self.record["steps"].items()
        )

    def _compare_step(self, name: str, entry: Mapping[str, Any], fingerprints: Any) -> ReproducedStep:
        if not entry.get("key"):
            if entry["state"] == LEFT_OUT:
                return ReproducedStep(name, LEFT_OUT, (f"the run left it out: {entry.get('reason', '')}",))
            return ReproducedStep(name, UNKNOWN, (f"it did not finish in the run ({entry['state']})",))
        if name not in self.graph.by_name:
            return ReproducedStep(name, DIFFERS, ("the workflow no longer has it",))
        if (error := self.result.errors.get(name)) is not None:
            return ReproducedStep(name, DIFFERS, (f"it failed: {error.lines[0]}",))
        made, note = self.result.records.get(name), _note(self.graph.by_name[name])
        if made is None:
            reason = self.result.left_out.get(name, "it was not reached")
            return ReproducedStep(name, DIFFERS, (f"it gave nothing: {reason}",), note)
        if not entry.get("result"):
            return ReproducedStep(
                name, *_compare_content(entry.get("content", ""), made.result.content), note
            )
        new = fingerprints.fingerprint(name, made.result)
        found = compare_fingerprints(entry["result"], new, self._table_pairs(entry, made.result))
        return ReproducedStep(name, found.level, found.details, note, found.max_difference)

    def _table_pairs(self, entry: Mapping[str, Any], made: Artifact) -> Callable[[str], Any]:
        """Gives both tables as they are, where the store still has what the record is about.

        The sums of the record do without: a store that does not answer here, or is damaged, stops nothing.
        """
        kept: Artifact | None = None
        with contextlib.suppress(MagicalError):
            record = self.old_project.store.find_record(entry["key"])
            kept = record.result if record and record.result.content == entry.get("content") else None

        def pair(item: str) -> Any:
            one, other = _find_member(kept, item) if kept else None, _find_member(made, item)
            if one is None or other is None or {one.kind, other.kind} != {"table"}:
                return None
            with contextlib.suppress(MagicalError):
                stores = (self.old_project.store, one), (self.new_project.store, other)
                return tuple(store.load(artifact, Promise("table")) for store, artifact in stores)

        return pair


def _compare_content(old: str, new: str) -> tuple[str, tuple[str, ...]]:
    """What can be said of a result that was swept: its content has a name, unless it is a model."""
    if old == new and not old.startswith("key:"):
        return SAME, ()
    gone = "what it gave then is no longer in the store"
    if not old or old.startswith("key:"):
        return UNKNOWN, (gone,)
    return DIFFERS, (f"other content, and {gone}",)


def _find_member(artifact: Artifact, item: str) -> Artifact | None:
    for name in item.split(".") if item else ():
        if name not in artifact.items:
            return None
        artifact = artifact.items[name]
    return artifact


def _note(node: Node) -> str:
    if node.facts.get("random"):
        return "It is random, as it says."
    return "It asks the world each time." if node.facts.get("reads") == "world" else ""
