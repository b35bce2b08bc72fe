"""Edits that change nothing that a step can see: nothing may run again."""

from collections.abc import Mapping

from edits.harness import Case, Content, one


def same(call: str, top: str, old: str, new: str, *, more: Mapping[str, Content] | None = None) -> Case:
    """A workflow of one step, and a cosmetic edit of its own file."""
    return Case({"workflow.py": one(call, top), **(more or {})}, [("workflow.py", old, new)], cosmetic=True)


F = "def f(n):\n    return n + 1\n"

COSMETIC: dict[str, Case] = {
    "comment": same("f(n)", F, "    return n + 1", "    # one more\n    return n + 1  # here"),
    "blank lines": same("f(n)", F, "def f(n):\n", "\n\n\n\ndef f(n):\n\n"),
    "docstring": same("f(n)", F, "def f(n):\n", 'def f(n):\n    """Add one."""\n'),
    "parentheses": same("f(n)", F, "return n + 1", "return (n + 1)"),
    "unused import": same("f(n)", F, "def f(n)", "import os\n\n\ndef f(n)"),
    "unused function": same("f(n)", F, "def f(n)", "def g(n):\n    return n\n\n\ndef f(n)"),
}
