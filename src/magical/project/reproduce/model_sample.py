"""Model samples: the tables whose predictions stand for a model in the record of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from magical.contracts.promises import PARTS
from magical.engine.artifacts import Artifact, Record

__all__ = ["ModelSample", "find_model_samples", "walk_artifact"]

ModelSample = tuple[str, Artifact]
"""A table that models predict, after its description in words."""


def find_model_samples(records: Mapping[str, Record]) -> dict[str, ModelSample]:
    """Find the sample of each node with models.

    It is the validation part that the node takes; else the one that a consumer of the model takes; else the
    one of the last split upstream; else any table that a consumer takes.

    Args:
        records: the records of the nodes that a repetition executes, in the order of the workflow.
    """
    # The links come from the records, not from the graph: the workflow may have changed since the run.
    splits = {n: r.result for n, r in records.items() if set(r.result.items) == {*PARTS, "assignment"}}
    found: dict[str, ModelSample] = {}
    for name, record in records.items():
        if any(artifact.kind == "object" for artifact in walk_artifact(record.result)):
            sample = next(_candidates(name, records, splits), None)
            if sample is not None:
                found[name] = sample
    return found


def _candidates(
    name: str, records: Mapping[str, Record], splits: Mapping[str, Artifact]
) -> Iterator[ModelSample]:
    """Yield the possible samples for the models of a node, in order of preference."""
    consumers = [r for r in records.values() if _is_among_inputs(records[name].result, _inputs(r))]
    for inputs in map(_inputs, (records[name], *consumers)):
        for split, parts in splits.items():
            validation = parts.items["validation"]
            if validation.content in inputs or parts.content in inputs:
                yield f"the validation part of {split}", validation
    for split, parts in reversed(list(splits.items())):
        if _is_descendant(name, split, records):
            yield f"the validation part of {split}", parts.items["validation"]
    for consumer in consumers:
        for node, record in records.items():
            for artifact in walk_artifact(record.result):
                if artifact.kind == "table" and artifact.content in _inputs(consumer):
                    yield f"what {node} gave", artifact


def _is_descendant(name: str, other: str, records: Mapping[str, Record]) -> bool:
    """Return True if the first node depends on the second, directly or through others."""
    waiting, seen = [name], set()
    while waiting:
        inputs = _inputs(records[waiting.pop()])
        parents = [n for n, r in records.items() if n not in seen and _is_among_inputs(r.result, inputs)]
        if other in parents:
            return True
        seen.update(parents)
        waiting.extend(parents)
    return False


def _is_among_inputs(result: Artifact, inputs: str) -> bool:
    """Return True if a result or a member of it is named in the input parts of a key."""
    # All results of the kind `none` have the same content, so they connect no nodes.
    return any(a.content in inputs for a in walk_artifact(result) if a.kind != "none")


def _inputs(record: Record) -> str:
    """Join the input parts of a record's key; they contain the content names of its inputs."""
    return " ".join(text for label, text in record.parts.items() if label.startswith("input:"))


def walk_artifact(artifact: Artifact) -> Iterator[Artifact]:
    """Yield an artifact, its members, and theirs.

    Example:
        >>> group = Artifact("group", "g", items={"train": Artifact("table", "t")})
        >>> [artifact.kind for artifact in walk_artifact(group)]
        ['group', 'table']
    """
    yield artifact
    for item in artifact.items.values():
        yield from walk_artifact(item)
