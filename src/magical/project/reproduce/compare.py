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
from magical.project.reproduce.fingerprint_diff import DIFFERS, SAME, UNKNOWN, compared
from magical.project.reproduce.outcome import LEFT_OUT, Reproduced
from magical.project.reproduce.record import Recorded

__all__ = ["Comparison"]


@dataclass(frozen=True)
class Comparison:
    """The results of then, by their record, and those of now."""

    project: Recorded
    fresh: Recorded
    record: Mapping[str, Any]
    graph: Graph
    result: RunResult

    def steps(self, left_out: Mapping[str, str]) -> tuple[Reproduced, ...]:
        """Compare step by step, in the order of the record."""
        from magical.project.reproduce.fingerprints import Fingerprints
        from magical.project.reproduce.model_sample import judges

        root = str(self.fresh.root)
        made = self.result.records
        ordered = [*(n for n in self.record["steps"] if n in made), *made]  # not as steps happened to finish
        now = Fingerprints(self.fresh.store, judges({n: made[n] for n in ordered}), root)
        return tuple(
            Reproduced(name, LEFT_OUT, (left_out[name],)) if name in left_out else self._step(name, said, now)
            for name, said in self.record["steps"].items()
        )

    def _step(self, name: str, said: Mapping[str, Any], now: Any) -> Reproduced:
        if not said.get("key"):
            if said["state"] == LEFT_OUT:
                return Reproduced(name, LEFT_OUT, (f"the run left it out: {said.get('reason', '')}",))
            return Reproduced(name, UNKNOWN, (f"it did not finish in the run ({said['state']})",))
        if name not in self.graph.by_name:
            return Reproduced(name, DIFFERS, ("the workflow no longer has it",))
        if (error := self.result.errors.get(name)) is not None:
            return Reproduced(name, DIFFERS, (f"it failed: {error.lines[0]}",))
        made, note = self.result.records.get(name), _note(self.graph.by_name[name])
        if made is None:
            reason = self.result.left_out.get(name, "it was not reached")
            return Reproduced(name, DIFFERS, (f"it gave nothing: {reason}",), note)
        if not said.get("result"):
            return Reproduced(name, *_by_name(said.get("content", ""), made.result.content), note)
        new = now.of(name, made.result)
        found = compared(said["result"], new, self._pairs(said, made.result))
        return Reproduced(name, found.level, found.what, note, found.apart)

    def _pairs(self, said: Mapping[str, Any], made: Artifact) -> Callable[[str], Any]:
        """Gives both tables as they are, where the store still has what the record is about.

        The sums of the record do without: a store that does not answer here, or is damaged, stops nothing.
        """
        kept: Artifact | None = None
        with contextlib.suppress(MagicalError):
            record = self.project.store.find_record(said["key"])
            kept = record.result if record and record.result.content == said.get("content") else None

        def pair(item: str) -> Any:
            one, other = _member(kept, item) if kept else None, _member(made, item)
            if one is None or other is None or {one.kind, other.kind} != {"table"}:
                return None
            with contextlib.suppress(MagicalError):
                stores = (self.project.store, one), (self.fresh.store, other)
                return tuple(store.load(artifact, Promise("table")) for store, artifact in stores)

        return pair


def _by_name(old: str, new: str) -> tuple[str, tuple[str, ...]]:
    """What can be said of a result that was swept: its content has a name, unless it is a model."""
    if old == new and not old.startswith("key:"):
        return SAME, ()
    gone = "what it gave then is no longer in the store"
    if not old or old.startswith("key:"):
        return UNKNOWN, (gone,)
    return DIFFERS, (f"other content, and {gone}",)


def _member(artifact: Artifact, item: str) -> Artifact | None:
    for name in item.split(".") if item else ():
        if name not in artifact.items:
            return None
        artifact = artifact.items[name]
    return artifact


def _note(node: Node) -> str:
    if node.facts.get("random"):
        return "It is random, as it says."
    return "It asks the world each time." if node.facts.get("reads") == "world" else ""
