"""Drift since a run was recorded: changes of code, settings, versions, lock files and data."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magical.engine.journal import git_state
from magical.engine.plan import Planner
from magical.errors import InputError, join_names, shorten
from magical.graph import Node
from magical.input_files.local_files import is_there, is_url
from magical.keys.key import NodeIdentity
from magical.keys.key_diff import diff_settings, find_causes, has_other_content
from magical.keys.packages import digest_lock_files, read_versions
from magical.project.loading.drawing import WorkflowDrawing
from magical.project.reproduce.portable_paths import make_portable, portable_parts

__all__ = ["Change", "changed_data_error", "find_changes"]


@dataclass(frozen=True)
class Change:
    """One difference between a record and the project as it is now.

    Attributes:
        kind: ``commit``, ``python``, ``lock``, ``setting``, ``data``, ``file`` (data of a step that is not
            run again), ``step``, or the kind of a cause that ``why`` names: ``code``, ``argument``,
            ``package`` or ``contract``.
        text: one sentence.
        steps: the nodes that it concerns.

    Example:
        >>> print(Change("code", "workflow.RATE was edited", ("taxed",)))
        workflow.RATE was edited (taxed)
    """

    kind: str
    text: str
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} ({join_names(self.steps, 3)})" if self.steps else self.text

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        return {"kind": self.kind, "text": self.text, "steps": list(self.steps)}


def find_changes(
    record: Mapping[str, Any],
    drawing: WorkflowDrawing,
    planner: Planner,
    root: Path,
    excluded: Collection[str] = (),
) -> list[Change]:
    """Find the differences between a record and the project as it is now, before anything runs.

    Args:
        record: the record of the run.
        drawing: the whole workflow as it is now, with the record's settings.
        planner: the planner of the same graph.
        root: the project's folder.
        excluded: the nodes that are not run again; changes of their data have the kind ``file``.

    Raises:
        InputError: a file that a step reads cannot be read.
    """
    found = [*_commit_changes(record, root), *_version_changes(record, drawing), *_lock_changes(record, root)]
    recorded, current = make_portable(record["settings"], root), make_portable(drawing.drawn.settings, root)
    found += [Change("setting", f"the setting {text}") for text in diff_settings(recorded, current)]
    found += _step_changes(record, drawing)
    grouped: dict[tuple[str, str], list[str]] = {(c.kind, c.text): list(c.steps) for c in found}
    for node in drawing.graph.nodes:
        old = record["steps"].get(node.name, {}).get("parts")
        if old is not None:
            for kind, text in _node_changes(node, old, drawing.drawn.identities[node.name], planner, root):
                unread = kind == "data" and node.name in excluded
                grouped.setdefault(("file" if unread else kind, text), []).append(node.name)
    return [Change(kind, text, tuple(steps)) for (kind, text), steps in grouped.items()]


def _node_changes(
    node: Node, old_parts: Mapping[str, str], identity: NodeIdentity, planner: Planner, root: Path
) -> Iterator[tuple[str, str]]:
    """Yield the kind and text of each change of a node's key parts, apart from its inputs."""
    if gone := [p for paths in identity.argument_files.values() for p in paths if not is_there(p)]:
        yield "data", f"there is no {_list_paths(gone, root)}"
        return
    new = portable_parts(planner.compute_key(node, {})[1], root)
    old = {k: v for k, v in old_parts.items() if not k.startswith("input:")}
    for label, paths in identity.argument_files.items():
        if has_other_content(old.get(label, ""), new[label]):
            yield "data", f"{_list_paths(paths, root)} has other content than in the run"
            old[label] = new[label]  # or find_causes() would report the argument again
    for cause in find_causes(old, new, identity):
        yield cause.kind, cause.text


def _list_paths(paths: Sequence[str], root: Path) -> str:
    return join_names([p if is_url(p) else os.path.relpath(p, root) for p in paths], 4)


def changed_data_error(found: Sequence[Change], run: str) -> InputError | None:
    """Create the error for changed data; None if no data changed. Other data make a comparison useless.

    Example:
        >>> print(changed_data_error([Change("data", "there is no x.csv", ("read",))], "run-1"))
        run-1 cannot be reproduced: there is no x.csv (read).
        Hint: put the file of then there, or name it: magical reproduce RUN KEY=PATH.
    """
    changed = [change for change in found if change.kind == "data"]
    if not changed:
        return None
    return InputError(
        f"{run} cannot be reproduced: {changed[0]}.",
        *(f"{change}." for change in changed[1:3]),
        hint="put the file of then there, or name it: magical reproduce RUN KEY=PATH.",
    )


def _commit_changes(record: Mapping[str, Any], root: Path) -> Iterator[Change]:
    recorded, current = record.get("git") or {}, git_state(root)
    if recorded.get("commit") and current.get("commit") and recorded["commit"] != current["commit"]:
        # The record may come from a file that anybody wrote: shorten() drops secrets and control characters.
        old = shorten(recorded["commit"], 11)[:10]
        yield Change("commit", f"the commit is {current['commit'][:10]}, and was {old}")
    if recorded.get("dirty"):
        yield Change("commit", "the run had changes that were not committed")
    if current.get("dirty") and recorded.get("commit"):
        yield Change("commit", "there are changes here that are not committed")


def _version_changes(record: Mapping[str, Any], drawing: WorkflowDrawing) -> Iterator[Change]:
    parts = [p for identity in drawing.drawn.identities.values() for p in identity.parts.items()]
    packages = {k.partition(":")[2]: v for k, v in parts if k.startswith("package:")}
    recorded, current = record.get("versions") or {}, {**read_versions(), **packages}
    for name in recorded:
        old, new = str(recorded[name]), str(current.get(name) or "")
        if name == "python":
            # Keys contain the minor version of Python alone, so a patch release changes no result.
            old, new = (".".join(version.split(".")[:2]) for version in (old, new))
            if old != new:
                yield Change("python", f"Python went from {shorten(old, 40)} to {new}")
        elif new and old != new:
            yield Change("package", f"{name} went from {shorten(old, 40)} to {new}")


def _lock_changes(record: Mapping[str, Any], root: Path) -> Iterator[Change]:
    if "locks" not in record:
        return
    recorded, current = record["locks"], digest_lock_files(root)
    for name in dict.fromkeys([*recorded, *current]):
        if recorded.get(name) != current.get(name):
            state = "is gone" if name not in current else "has changed" if name in recorded else "is new"
            yield Change("lock", f"the lock file {name} {state}")


def _step_changes(record: Mapping[str, Any], drawing: WorkflowDrawing) -> Iterator[Change]:
    names, recorded = [n.name for n in drawing.drawn.graph.nodes], record["steps"]
    if gone := [n for n, entry in recorded.items() if n not in names and entry.get("key")]:
        yield Change("step", "no longer in the workflow", tuple(gone))
    graph, step = drawing.graph, record.get("step", "")
    wanted = graph.subgraph(step).nodes if step in graph.by_name else graph.required_nodes
    if added := [n.name for n in wanted if n.name not in recorded]:
        yield Change("step", "not part of the run", tuple(added))
