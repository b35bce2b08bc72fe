"""The differences between two runs: settings, steps, code, arguments, data, versions, commits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from magical.engine.artifacts import Record
from magical.engine.journal import RunSummary
from magical.errors import join_names
from magical.keys.arguments import split_file_marks, strip_type_marks
from magical.keys.key_diff import Cause, diff_settings, find_causes, has_other_content, pair_differences
from magical.report.run_evidence import RunEvidence
from magical.system.state_files import DAMAGE_ERRORS

__all__ = ["DIFFERENCE_KINDS", "RunDifference", "find_run_differences"]

DifferenceKind = Literal[
    "settings", "steps", "code", "argument", "data", "contract", "versions", "git", "origin"
]

DIFFERENCE_KINDS: dict[DifferenceKind, str] = {
    "settings": "Settings",
    "steps": "Steps",
    "code": "Code",
    "argument": "Arguments",
    "data": "Data",
    "contract": "Contracts",
    "versions": "Versions",
    "git": "Commit",
    "origin": "Not real",
}
"""The kinds of differences in the order in which they are shown, with their titles."""


@dataclass(frozen=True)
class RunDifference:
    """One thing that differs between two runs.

    Example:
        >>> print(RunDifference("settings", "split.seed went from 7 to 8"))
        split.seed went from 7 to 8
    """

    kind: DifferenceKind
    text: str

    def __str__(self) -> str:
        return self.text


def find_run_differences(old: RunEvidence, new: RunEvidence) -> tuple[RunDifference, ...]:
    """List what differs between two runs, most of it by the parts of the keys of their steps."""
    found = [
        *(
            RunDifference("settings", text)
            for text in diff_settings(old.summary.settings, new.summary.settings)
        ),
        *_compare_nodes(old, new),
        *_compare_versions(old.summary.facts, new.summary.facts),
        *_compare_commits(old.summary.facts.get("git"), new.summary.facts.get("git")),
        *_compare_origins(old.summary.facts, new.summary.facts),
    ]
    order = list(DIFFERENCE_KINDS)
    return tuple(sorted(dict.fromkeys(found), key=lambda d: order.index(d.kind)))


def _compare_nodes(old: RunEvidence, new: RunEvidence) -> Iterator[RunDifference]:
    before, after = old.summary.keys, new.summary.keys
    yield from _compare_steps(old.summary, new.summary)
    settings = pair_differences(old.summary.settings, new.summary.settings)
    changed = {(json.dumps(one), json.dumps(other)) for _, one, other in settings}
    users: dict[tuple[str, str], list[str]] = {}
    gone = []
    for name in (n for n in after if before.get(n, after[n]) != after[n]):
        records = old.records.get(name), new.records.get(name)
        if records[0] is None or records[1] is None:
            gone.append(name)
            continue
        yield from _compare_data(name, records[0], records[1])
        for cause in find_causes(records[0].parts, records[1].parts):
            if kind := _find_kind(cause, records[0].parts, records[1].parts, changed):
                users.setdefault((kind, cause.text), []).append(name)
    for (kind, text), names in users.items():
        yield RunDifference(kind, f"{text} (in {join_names(names, 4)})")  # type: ignore[arg-type]
    if gone:
        text = f"the results of {join_names(gone, 4)} are gone, and so is what differs in them"
        yield RunDifference("code", text)


def _compare_steps(old: RunSummary, new: RunSummary) -> Iterator[RunDifference]:
    ends = [str(run.facts.get("step", "")) for run in (old, new)]
    if ends[0] != ends[1]:  # what a run leaves out after its last step is not gone
        texts = [f"up to {end}" if end else "to the end" for end in ends]
        yield RunDifference("steps", f"the first run went {texts[0]}, the second {texts[1]}")
        return
    # A run that did not end well has not come to all its steps: they are there, and have no key.
    before, after = ({*run.keys, *map(str, run.facts.get("nodes") or ())} for run in (old, new))
    yield from (RunDifference("steps", f"{name} is new") for name in new.keys if name not in before)
    yield from (
        RunDifference("steps", f"{name} is no longer there") for name in old.keys if name not in after
    )


def _find_kind(
    cause: Cause, old: Mapping[str, str], new: Mapping[str, str], changed: set[tuple[str, str]]
) -> str:
    """Return the kind of the difference that a cause is; empty if another difference tells it."""
    if cause.kind == "argument":
        one, other = old.get(label := f"argument:{cause.name}", ""), new.get(label, "")
        is_told = has_other_content(one, other) or _is_explained(one, other, changed)
        return "" if is_told else "argument"
    return cause.kind if cause.kind in ("code", "contract") else ""


def _is_explained(old: str, new: str, changed: set[tuple[str, str]]) -> bool:
    """Return True if all that differs in an argument differs in the settings as well."""
    try:
        values = [json.loads(strip_type_marks(split_file_marks(text)[0])) for text in (old, new)]
    except DAMAGE_ERRORS:
        return False
    pairs = [(json.dumps(one), json.dumps(other)) for _, one, other in pair_differences(*values)]
    return bool(pairs) and all(pair in changed for pair in pairs)


def _compare_data(name: str, old: Record, new: Record) -> Iterator[RunDifference]:
    """Compare what a step read: the files of its arguments, and the content of a source."""
    labels = [k for k in new.parts if k.startswith("argument:") and k in old.parts]
    files = [k.partition(":")[2] for k in labels if has_other_content(old.parts[k], new.parts[k])]
    is_source = not any(k.startswith("input:") for k in new.parts)
    if not files and not (is_source and old.result.content != new.result.content):
        return
    sizes = old.result.summary, new.result.summary
    size = f"{sizes[0]} became {sizes[1]}" if sizes[0] != sizes[1] else f"still {sizes[1]}"
    what = f"the file given as {join_names(files, 3)} has other content" if files else "it gave other content"
    yield RunDifference("data", f"{name}: {what}, {size}")


def _compare_versions(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[RunDifference]:
    before, after = old.get("versions"), new.get("versions")
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return
    # A package that one run did not use says nothing beyond the code that uses it.
    for name in (n for n in after if n in before and before[n] != after[n]):
        yield RunDifference("versions", f"{name} went from {before[name]} to {after[name]}")


def _compare_commits(old: Any, new: Any) -> Iterator[RunDifference]:
    texts = [_describe_commit(state) for state in (old, new)]
    if texts[0] != texts[1]:
        yield RunDifference("git", f"{texts[0]} became {texts[1]}")


def _describe_commit(state: Any) -> str:
    if not isinstance(state, Mapping) or not state.get("commit"):
        return "no commit"
    return str(state["commit"])[:10] + (" with changes" if state.get("dirty") else "")


def _compare_origins(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[RunDifference]:
    before, after = ([str(o) for o in facts.get("origin") or ()] for facts in (old, new))
    if before != after:
        one, other = (join_names(names, 4) if names else "nothing" for names in (before, after))
        yield RunDifference("origin", f"the first run stands on {one} not real, the second on {other}")
