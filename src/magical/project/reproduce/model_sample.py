"""Which rows show what a model is: the validation part that its step sees, or one beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from magical.contracts.promises import PARTS
from magical.engine.artifacts import Artifact, Record

__all__ = ["ModelSample", "find_model_samples", "walk_artifact"]

ModelSample = tuple[str, Artifact]
"""How a table is called that models predict, and the table."""


def find_model_samples(records: Mapping[str, Record]) -> dict[str, ModelSample]:
    """Give, for each node with models, the table that they are to predict, and how it is called.

    It is found from the records alone, since the code that made them may be another by now: the validation
    part that its step sees, else one that a follower sees beside it, else that of the last split before it,
    else a table that a follower is given together with it.

    Args:
        records: of the nodes of a run that are run again with it, in the order of the workflow.
    """
    splits = {n: r.result for n, r in records.items() if set(r.result.items) == {*PARTS, "assignment"}}
    found: dict[str, ModelSample] = {}
    for name, record in records.items():
        if any(artifact.kind == "object" for artifact in walk_artifact(record.result)):
            judge = next(_candidates(name, records, splits), None)
            if judge is not None:
                found[name] = judge
    return found


def _candidates(
    name: str, records: Mapping[str, Record], splits: Mapping[str, Artifact]
) -> Iterator[ModelSample]:
    own = _inputs(records[name])
    followers = [r for r in records.values() if _is_consumer(r, records[name].result)]
    for inputs in (own, *map(_inputs, followers)):
        for split, parts in splits.items():
            validation = parts.items["validation"]
            if validation.content in inputs or parts.content in inputs:
                yield f"the validation part of {split}", validation
    for split, parts in reversed(list(splits.items())):
        if _is_descendant(name, split, records):
            yield f"the validation part of {split}", parts.items["validation"]
    for follower in followers:
        for node, record in records.items():
            for artifact in walk_artifact(record.result):
                if artifact.kind == "table" and artifact.content in _inputs(follower):
                    yield f"what {node} gave", artifact


def _is_descendant(name: str, other: str, records: Mapping[str, Record]) -> bool:
    """Whether one node takes, over any number of others, what another gave."""
    waiting, seen = [name], set()
    while waiting:
        inputs = _inputs(records[waiting.pop()])
        parents = [n for n, r in records.items() if n not in seen and _is_among_inputs(r.result, inputs)]
        if other in parents:
            return True
        seen.update(parents)
        waiting.extend(parents)
    return False


def _is_consumer(record: Record, result: Artifact) -> bool:
    return _is_among_inputs(result, _inputs(record))


def _is_among_inputs(result: Artifact, inputs: str) -> bool:
    """Whether a result, or a member of it, is among what a key says of its inputs."""
    return any(a.content in inputs for a in walk_artifact(result) if a.kind != "none")


def _inputs(record: Record) -> str:
    return " ".join(text for label, text in record.parts.items() if label.startswith("input:"))


def walk_artifact(artifact: Artifact) -> Iterator[Artifact]:
    """Give an artifact, and all that it is made of."""
    yield artifact
    for item in artifact.items.values():
        yield from walk_artifact(item)
