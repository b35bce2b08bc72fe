"""What the store keeps: artifacts, and the records that say which key gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from magical.masking import mask

__all__ = ["Artifact", "Record"]


@dataclass(frozen=True)
class Artifact:
    """A stored value.

    Attributes:
        kind: ``table``, ``value``, ``object``, ``group`` (a split, a tuple or a list of others), ``none``, or
            ``pretended`` (what stands in for a model).
        content: names what is in it; equal content, equal name. For a model, the key that made it.
        blob: the stored object's name, empty for a group.
        summary: one short text for the reader, such as ``2,240 × 29``.
        items: the members of a group.
    """

    kind: str
    content: str
    blob: str = ""
    summary: str = ""
    items: Mapping[str, Artifact] = field(default_factory=dict)

    def item(self, name: str) -> Artifact:
        """Give a member of a group, or the whole for an empty name."""
        return self.items[name] if name else self

    def blobs(self) -> list[str]:
        """Give the names of all stored objects it needs."""
        return ([self.blob] if self.blob else []) + [b for i in self.items.values() for b in i.blobs()]

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        out: dict[str, Any] = {"kind": self.kind, "content": self.content}
        if self.blob:
            out["blob"] = self.blob
        if self.summary:
            out["summary"] = mask(self.summary)
        if self.items:
            out["items"] = {k: v.to_json() for k, v in self.items.items()}
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Artifact:
        """Read one back."""
        items = {k: cls.from_json(v) for k, v in data.get("items", {}).items()}
        return cls(data["kind"], data["content"], data.get("blob", ""), data.get("summary", ""), items)


@dataclass(frozen=True)
class Record:
    """Says that a key has been computed, from what, and what it gave.

    Attributes:
        key: the node's key; with a mark behind it where a receipt of another registry lies under that.
        node: its name when it ran.
        step: the step's import string.
        parts: what the key is a hash of; ``why`` answers from these.
        result: what it gave.
        kept: what its body kept beside the result.
        seconds: how long the body took.
        run: the run in which it was made.
        origin: what it stands on that is not real: pretended steps, or ``NAME (sample)``.
        registry: which model registry its body was given, if it asked for one.
    """

    key: str
    node: str
    step: str
    parts: Mapping[str, str]
    result: Artifact
    kept: Mapping[str, Artifact] = field(default_factory=dict)
    seconds: float = 0.0
    run: str = ""
    origin: tuple[str, ...] = ()
    registry: str = ""

    def blobs(self) -> list[str]:
        """Give the names of all stored objects it needs."""
        return [b for artifact in (self.result, *self.kept.values()) for b in artifact.blobs()]

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        out: dict[str, Any] = {
            "key": self.key,
            "node": self.node,
            "step": self.step,
            "parts": dict(self.parts),
            "result": self.result.to_json(),
            "kept": {k: v.to_json() for k, v in self.kept.items()},
            "seconds": self.seconds,
            "run": self.run,
            "origin": list(self.origin),
        }
        return out | ({"registry": self.registry} if self.registry else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """Read one back."""
        result = Artifact.from_json(data["result"])
        kept = {k: Artifact.from_json(v) for k, v in data["kept"].items()}
        origin = tuple(data.get("origin", ()))
        return cls(**{**data, "result": result, "kept": kept, "origin": origin})
