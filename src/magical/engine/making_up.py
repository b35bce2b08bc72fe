"""Make up what a step would give: from its promise, and from the tables that it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from magical.contracts.promises import Promise
from magical.contracts.tables import formed
from magical.engine.honour import honoured
from magical.engine.pretence import KEY_OF
from magical.errors import ContractError
from magical.graph import Node
from magical.refs import Wire
from magical.synthesis.generate import How, pretended

__all__ = ["made_up"]

_USEFUL = ("table", "lazy", "pandas", "parts", "model")


def made_up(node: Node, load: Callable[[str, Wire, Promise], Any]) -> Any:
    """Make up what a node gives; the same for the same contract, name, rows and inputs.

    Args:
        node: is pretended.
        load: gives the value of an input, by its name, its wire and the kind in which it is wanted.

    Raises:
        ContractError: its promise cannot be made up.
    """
    call = node.call
    assert call is not None, "a living graph is performed"
    given: list[tuple[Promise, Any]] = []
    parents: dict[str, Any] = {}
    for name, wire in node.inputs.items():
        if name.startswith(KEY_OF):
            parents[name.removeprefix(KEY_OF)] = load(name, wire, Promise("table"))
        elif _is_useful(promise := call.takes[name]):
            given.append((promise, load(name, wire, promise.seen_as(Promise("any")))))
    try:
        value = pretended(call.promise, How(node.name, node.facts["pretended"]), given=given, parents=parents)
    except ContractError as error:
        raise error.worded(f"{node.name} ({node.where}): {error.lines[0]}", *error.lines[1:]) from None
    return honoured(formed(value, call.promise), call.promise, node)


def _is_useful(promise: Promise) -> bool:
    """Whether what is made up can take something over from it: rows, or what a model is like."""
    return promise.kind in _USEFUL or any(map(_is_useful, promise.items))
