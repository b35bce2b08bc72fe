"""Ref, the placeholder for a result while a workflow is drawn, and Link, the reference in the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from magical.contracts.promises import PARTS, Promise
from magical.errors import TouchedRef, find_author_line

__all__ = ["Link", "Ref", "Wire", "find_links", "map_links"]


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to the result of a node, or to one item of it.

    Attributes:
        item: ``train``, ``validation`` or ``test`` of a split, the index in a tuple, or empty for the whole.

    Example:
        >>> str(Link("split", "train"))
        'split.train'
    """

    node: str
    item: str = ""

    def __str__(self) -> str:
        return f"{self.node}.{self.item}" if self.item else self.node


Wire = Link | tuple[Any, ...] | None
"""What a parameter is connected to: a link, a tuple of wires (for a list of results), or nothing."""


class Ref:
    """A placeholder for the result of a step while a workflow is drawn; every other use of it is refused.

    Example:
        >>> len(Ref(Link("clean"), Promise("value"), "workflow.py:3"))
        Traceback (most recent call last):
        magical.errors.TouchedRef: The result of clean was measured in the workflow, ...
    """

    # Private names, since the class refuses all others; `object.__setattr__`, since it refuses assignments.
    __slots__ = ("_link", "_promise", "_where")
    _link: Link
    _promise: Promise
    _where: str

    def __init__(self, link: Link, promise: Promise, where: str) -> None:
        for name, value in zip(Ref.__slots__, (link, promise, where), strict=True):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<result of {self._link}>"

    def __iter__(self) -> Iterator[Ref]:
        if self._promise.kind == "parts":
            return iter([self._item(name) for name in PARTS])
        if self._promise.kind == "tuple":
            return iter([self._item(str(i)) for i in range(len(self._promise.items))])
        self._refuse("looped over or unpacked")

    def __getattr__(self, name: str) -> Ref:
        if name in Ref.__slots__:
            raise AttributeError(name)
        if self._promise.kind == "parts" and name in PARTS:
            return self._item(name)
        self._refuse("looked into" if name.startswith("_") else f"asked for .{name}")

    @property
    def __class__(self) -> type[Ref]:
        """Refuse ``isinstance``, which reads this property: a workflow must not branch on a result."""
        self._refuse("asked for its type")

    @__class__.setter
    def __class__(self, cls: object) -> NoReturn:
        self._refuse("given an attribute")

    def _item(self, item: str) -> Ref:
        return Ref(Link(self._link.node, item), self._promise.member(item), self._where)

    def _refuse(self, action: str) -> NoReturn:
        step, place = self._link.node.split("#")[0], find_author_line()  # a node being drawn is "step#number"
        raise TouchedRef(
            f"The result of {step} was {action} in the workflow{place}, where it does not exist yet.",
            hint="move this line into a step: a workflow only passes results from step to step.",
        )


def _make_refusing_method(action: str) -> Any:
    def touched(self: Ref, *_: Any, **__: Any) -> NoReturn:
        self._refuse(action)

    return touched


# The interpreter looks special methods up on the type, past `__getattr__`, so each of them is overridden.
_REFUSED_METHODS = {
    "asked for an item": "getitem setitem delitem contains",
    "given an attribute": "setattr delattr",
    "looped over or unpacked": "next reversed aiter anext",
    "copied": "copy deepcopy reduce reduce_ex",
    "tested for truth": "bool",
    "measured": "len length_hint",
    "compared": "eq ne lt le gt ge hash",
    "calculated with": "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow "
    "matmul rmatmul and rand or ror xor rxor lshift rlshift rshift rrshift neg pos abs invert round "
    "divmod rdivmod trunc floor ceil",
    "made a number": "int float complex index",
    "written as text": "str format bytes",
    "made an array": "array array_ufunc array_function array_interface dataframe arrow_c_stream arrow_array",
    "called": "call",
    "used in a with block": "enter exit aenter aexit",
    "used as a path": "fspath",
    "waited for": "await",
}
for _action, _names in _REFUSED_METHODS.items():
    for _name in _names.split():
        setattr(Ref, f"__{_name}__", _make_refusing_method(_action))


def find_links(wire: Wire) -> Iterator[Link]:
    """Iterate over all links in a wire.

    Example:
        >>> [str(link) for link in find_links((Link("a"), (None, Link("b"))))]
        ['a', 'b']
    """
    if isinstance(wire, Link):
        yield wire
    elif wire is not None:
        for part in wire:
            yield from find_links(part)


def map_links(wire: Wire, function: Callable[[Link], Any]) -> Any:
    """Replace each link of a wire by the result of a function, and keep the shape of the wire.

    Example:
        >>> map_links((Link("a"), None), str)
        ('a', None)
    """
    if isinstance(wire, Link):
        return function(wire)
    return None if wire is None else tuple(map_links(part, function) for part in wire)
