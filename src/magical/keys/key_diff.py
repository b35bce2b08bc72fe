"""Differences between two keys, or two settings, in sentences: the answer to `magical why`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from magical.errors import join_names, shorten
from magical.keys.arguments import parse_argument_kind, split_file_marks, strip_type_marks
from magical.keys.key import NodeIdentity
from magical.system.state_files import DAMAGE_ERRORS

__all__ = [
    "Cause",
    "ListFiles",
    "diff_settings",
    "find_causes",
    "has_other_content",
    "pair_differences",
]  # fmt: skip

KINDS = ("origin", "code", "argument", "scoring", "input", "package", "contract", "python", "magical")


@dataclass(frozen=True)
class Cause:
    """One difference between two keys.

    Attributes:
        kind: a member of ``KINDS``.
        name: the name of the argument, input, definition or package; may be empty.
        text: one sentence.
    """

    kind: str
    name: str
    text: str

    def to_json(self) -> dict[str, Any]:
        """Convert the cause to JSON."""
        return {"kind": self.kind, "name": self.name, "text": self.text}


ListFiles = Callable[[str], Mapping[str, str] | None]
"""Returns the digests of the files of a folder, by name, for the digest of the folder; None if unknown."""


def find_causes(
    old: Mapping[str, str],
    new: Mapping[str, str],
    identity: NodeIdentity | None = None,
    list_files: ListFiles | None = None,
) -> list[Cause]:
    """List the differences between the parts of two keys of one node, the most likely cause first.

    Args:
        old: the parts of the earlier key.
        new: the parts of the later key.
        identity: has the ``file:line`` of code, for the sentences; None to leave the places out.
        list_files: knows the files of folders, to name those that changed.

    Example:
        >>> find_causes({"argument:max_age": "90"}, {"argument:max_age": "80"})[0].text
        'the argument max_age went from 90 to 80'
    """
    where = identity.where if identity else {}
    if ("pretended" in old) != ("pretended" in new):
        text = "it is pretended now" if "pretended" in new else "it was pretended then, and its body runs now"
        return [Cause("origin", "pretended", text)]
    labels = [k for k in dict.fromkeys([*new, *old]) if old.get(k) != new.get(k)]
    if "gives" in labels and "examples" in labels:  # the examples repeat the whole contract
        labels.remove("examples")
    causes = [
        _describe_files(label, old.get(label, ""), new.get(label, ""), list_files)
        or _make_cause(label, old.get(label), new.get(label), where.get(label, ""))
        for label in labels
    ]
    # A contract that is computed from code or arguments changes with them, and is not a cause of its own.
    if {c.kind for c in causes} & {"code", "argument"}:
        causes = [c for c in causes if c.kind != "contract"] or causes
    return sorted(causes, key=lambda c: KINDS.index(c.kind))


def diff_settings(old: Any, new: Any) -> Iterator[str]:
    """List the settings that differ, one sentence each.

    Example:
        >>> list(diff_settings({"split": {"seed": 7}}, {"split": {"seed": 8}}))
        ['split.seed went from 7 to 8']
    """
    for path, one, other in pair_differences(old, new):
        yield f"{path} went from {_format_value(json.dumps(one))} to {_format_value(json.dumps(other))}"


def pair_differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Find the settings that differ: the dotted path of each, with the old and the new value.

    A member of a list goes by its name, as on the command line, or else by its number.

    Example:
        >>> list(pair_differences({"split": {"seed": 7}}, {"split": {"seed": 8}}))
        [('split.seed', 7, 8)]
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from pair_differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (one, other) in enumerate(zip(old, new, strict=True)):
            names = [m.get("name") if isinstance(m, Mapping) else None for m in (one, other)]
            member = names[0] if names[0] and names[0] == names[1] else i
            yield from pair_differences(one, other, f"{path}.{member}")
    elif (type(old), old) != (type(new), new):  # 1, 1.0 and true are equal in Python, and have other keys
        yield path, old, new


def has_other_content(old: str, new: str) -> bool:
    """Return True if the texts of an argument in two keys differ in the content of its files alone.

    Example:
        >>> has_other_content('"(content)" 12:"x.csv"', '"(content)" 34:"x.csv"')
        True
        >>> has_other_content('"(content)" 12:"x.csv"', '"(content)" 12:"y.csv"')
        False
    """
    try:
        (value, files), (other, others) = split_file_marks(old), split_file_marks(new)
    except ValueError:
        return False
    return value == other and len(files) == len(others) and [d for d, _ in files] != [d for d, _ in others]


def _describe_file_change(old: str, new: str) -> str:
    """Describe the change of an argument's file; empty if more than its files has changed, or nothing."""
    if has_other_content(old, new):
        return "has other content"
    try:
        (value, files), (other, others) = split_file_marks(old), split_file_marks(new)
    except ValueError:
        return ""
    renamed = [(one, two) for (_, one), (_, two) in zip(files, others, strict=False) if one != two]
    return f"was {renamed[0][0]} and is {renamed[0][1]} now" if renamed and value == other else ""


def _describe_files(label: str, old: str, new: str, list_files: ListFiles | None) -> Cause | None:
    """Name the files of an argument's folder that changed; None if it is no folder, or more has changed."""
    if list_files is None or not has_other_content(old, new):
        return None
    changes: list[str] = []
    for (before, _), (after, _) in zip(split_file_marks(old)[1], split_file_marks(new)[1], strict=True):
        then, now = list_files(before), list_files(after)
        if before != after and then is not None and now is not None:
            changes += [f"{name} was added" for name in now if name not in then]
            changes += [f"{name} was removed" for name in then if name not in now]
            changes += [f"{name} changed" for name in now if name in then and then[name] != now[name]]
    name, what = label.partition(":")[2], join_names(changes, 3)
    return Cause("argument", name, f"of the files given as {name}, {what}") if changes else None


_EXAMPLES_CHANGED = "the bounds, the examples or the sample that it is drawn from changed"


def _make_cause(label: str, old: str | None, new: str | None, where: str) -> Cause:
    """Describe the difference of one key part; ``old`` or ``new`` is None if only one key has the part."""
    kind, _, name = label.partition(":")
    place = f" ({where})" if where else ""
    match kind:
        case "code":
            change = "was edited" if old and new else "is new" if new else "is no longer used"
            return Cause("code", name, f"{name}{place} {change}")
        case "argument" if old and new and (change := _describe_file_change(old, new)):
            return Cause("argument", name, f"the file given as {name} {change}")
        case "argument":
            return Cause("argument", name, _describe_change(f"the argument {name}", old, new))
        case "input":
            return Cause("input", name, f"its input {name} is different")
        case "package":
            return Cause("package", name, f"{name} went from {old or 'not used'} to {new or 'not used'}")
        case "scoring":
            return Cause("scoring", name, f"the step {name}{place}, which scoring repeats, changed")
        case "gives":
            return Cause("contract", name, "the contract of what it gives changed")
        case "takes":
            return Cause("contract", name, f"the contract of its input {name} changed")
        case "origin":
            return Cause("origin", kind, _describe_change("what it stands on, not real,", old, new))
        case "sample":
            return Cause("input", kind, _describe_change("the sample", old, new))
        case "examples" | "pretended":
            text = (
                _describe_change("what is pretended", old, new) if kind == "pretended" else _EXAMPLES_CHANGED
            )
            return Cause("origin", kind, text)
        case "python":
            return Cause("python", "", f"Python went from {old} to {new}")
    return Cause("magical", "", "this release of magical computes keys anew")


def _describe_change(subject: str, old: str | None, new: str | None) -> str:
    """Describe the change of a value, and up to three of the changes inside it."""
    one, other = (strip_type_marks(text) if text else text for text in (old, new))
    if old and new and one == other:  # such as a list that became a tuple: only the type marks differ
        return (
            f"{subject} went from {_format_value(one)} ({parse_argument_kind(old)}) to "
            f"{_format_value(other)} ({parse_argument_kind(new)})"
        )
    try:
        changes = list(diff_settings(json.loads(one or "null"), json.loads(other or "null")))
    except DAMAGE_ERRORS:
        changes = []
    # An empty path, before " went", means that the whole value differs.
    inside = "; ".join(changes[:3]) if changes and not changes[0].startswith(" went") else ""
    if inside and len(str(one)) >= 40:
        return f"{subject} changed: {inside}"
    change = f"{subject} went from {_format_value(one)} to {_format_value(other)}"
    return f"{change}: {inside}" if inside else change


def _format_value(value: str | None) -> str:
    return "nothing" if value is None else shorten(value, 60)
