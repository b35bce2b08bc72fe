"""The entries of a store: artifacts, and the records of the keys that produced them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from magical.brand import mark_not_real
from magical.errors import shorten
from magical.masking import mask

__all__ = ["Artifact", "Record"]


@dataclass(frozen=True)
class Artifact:
    """A reference to a stored value.

    Attributes:
        kind: ``table``, ``value``, ``object``, ``group`` (a split, a tuple or a list), ``none``, ``figure``
            (a picture or page that the body kept), or ``pretended`` (a stub of a model).
        content: a digest of the content; for a model the key that produced it.
        blob: the name of the stored object, empty for a group.
        summary: a short text for the reader, such as ``2,240 × 29``.
        items: the members of a group.

    Example:
        >>> pair = Artifact("group", "ab", items={"0": Artifact("value", "a", "x.json")})
        >>> pair.blobs(), pair.item("0").content
        (['x.json'], 'a')
    """

    kind: str
    content: str
    blob: str = ""
    summary: str = ""
    items: Mapping[str, Artifact] = field(default_factory=dict)

    def __repr__(self) -> str:
        members = "; ".join(f"{name} {item.summary}".rstrip() for name, item in self.items.items())
        return f"<{shorten(f'{self.kind} {self.summary or members}', 160)}>"

    @property
    def rows(self) -> int | None:
        """The rows of a table, which are in its summary; None for anything else.

        Example:
            >>> Artifact("table", "", summary="2,240 × 29").rows
            2240
        """
        rows = self.summary.partition(" ")[0].replace(",", "")
        return int(rows) if self.kind == "table" and rows.isdecimal() else None

    def item(self, name: str) -> Artifact:
        """Return a member of a group, or the artifact itself for an empty name."""
        return self.items[name] if name else self

    def blobs(self) -> list[str]:
        """List the names of the stored objects of the artifact and its members."""
        return ([self.blob] if self.blob else []) + [b for i in self.items.values() for b in i.blobs()]

    def to_json(self) -> dict[str, Any]:
        """Convert the artifact to a JSON object, without empty fields."""
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
        """Build an artifact from its JSON object."""
        items = {k: cls.from_json(v) for k, v in data.get("items", {}).items()}
        return cls(data["kind"], data["content"], data.get("blob", ""), data.get("summary", ""), items)


@dataclass(frozen=True)
class Record:
    """The record of a computed key: its inputs and its result.

    Attributes:
        key: the node's key; with a suffix if a receipt of another registry already has that key.
        node: the node's name in the run that computed it.
        step: the step's import string.
        parts: the parts that the key is a hash of; ``why`` compares them.
        kept: the values that the body kept beside the result.
        seconds: the time the body took.
        run: the run that computed it.
        origin: the ancestors that are not real: pretended steps, or ``NAME (sample)``.
        registry: the id of the model registry that its body used, empty without one.
        outputs: the digests of the files that its body wrote to output paths; empty for one not written.
        memory: what `measure_memory` found while it was computed; the journal keeps it, and no store.
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
    outputs: Mapping[str, str] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        text = repr(self.result)[1:-1]
        return f"<{self.node}: {mark_not_real(text) if self.origin else text}, {self.seconds:.2f} s>"

    def blobs(self) -> list[str]:
        """List the names of the stored objects of the result and of the kept values."""
        return [b for artifact in (self.result, *self.kept.values()) for b in artifact.blobs()]

    def to_json(self) -> dict[str, Any]:
        """Convert the record to a JSON object."""
        kept = {k: v.to_json() for k, v in self.kept.items()}
        values = {"parts": dict(self.parts), "result": self.result.to_json(), "kept": kept}
        out = {**vars(self), **values, "origin": list(self.origin)}
        # Left out if empty: few steps have them, and earlier releases do not know them.
        return {k: v for k, v in out.items() if k != "memory" and (v or k not in ("registry", "outputs"))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """Build a record from its JSON object."""
        result = Artifact.from_json(data["result"])
        kept = {k: Artifact.from_json(v) for k, v in data["kept"].items()}
        origin = tuple(data.get("origin", ()))  # a list in JSON
        return cls(**{**data, "result": result, "kept": kept, "origin": origin})
