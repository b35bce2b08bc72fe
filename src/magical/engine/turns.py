"""Whose turn it is: the nodes of a run, each looked at when all that it needs is settled."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from magical.graph import Graph

__all__ = ["Turns"]


class Turns:
    """Gives the nodes whose inputs are there, in the order in which they were drawn.

    The cost of a whole run is in proportion to its links, however many nodes wait.

    Args:
        graph: whose nodes they are.
        names: the nodes of the run.

    Example:
        >>> from magical import step, workflow
        >>> @step
        ... def one() -> int:
        ...     return 1
        >>> @step
        ... def more(x: int) -> int:
        ...     return x + 1
        >>> @workflow
        ... def count() -> int:
        ...     return more(one())
        >>> turns = Turns(count.draw(), ["one", "more"])
        >>> list(turns), list(turns)
        (['one'], [])
        >>> turns.settle("one")
        []
        >>> list(turns), turns.settle("more")
        (['more'], ['more', 'one'])
    """

    def __init__(self, graph: Graph, names: Iterable[str]) -> None:
        self._names = list(names)
        self._order = {name: number for number, name in enumerate(self._names)}
        self._parents = {n: {link.node for link in graph.by_name[n].links} for n in self._names}
        self._children = {n: [c for c in graph.children[n] if c in self._order] for n in self._names}
        self._missing = {n: set(parents) for n, parents in self._parents.items()}
        self._users = {n: set(children) for n, children in self._children.items()}
        self._waiting = set(self._names)
        self._settled: set[str] = set()
        self._doomed: set[str] = set()
        self._ready = [number for n, number in self._order.items() if not self._missing[n]]

    def __iter__(self) -> Iterator[str]:
        """Give each node whose turn it is, once; those whose turn comes meanwhile too."""
        while self._ready:
            name = self._names[heapq.heappop(self._ready)]
            if name in self._waiting and (name in self._doomed or not self._missing[name]):
                self._waiting.remove(name)
                yield name

    def settle(self, name: str, *, lost: bool = False) -> list[str]:
        """A node has its result, or never will; give the nodes whose results nobody needs any more.

        Args:
            name: the node.
            lost: it failed or was left out, so that what needs it does not wait for its other inputs.
        """
        self._settled.add(name)
        for child in self._children[name]:
            self._missing[child].discard(name)
            if lost:
                self._doomed.add(child)
            if child in self._waiting and (lost or not self._missing[child]):
                heapq.heappush(self._ready, self._order[child])
        for parent in self._parents[name]:
            self._users[parent].discard(name)
        return [n for n in (name, *self._parents[name]) if not self._users[n]]

    def unsettle(self, name: str) -> None:
        """A node's result is damaged: it has a turn again, and what needs it waits for it."""
        self._settled.discard(name)
        for child in self._children[name]:
            self._missing[child].add(name)
        self._users[name] = {c for c in self._children[name] if c not in self._settled}
        for parent in self._parents[name]:
            self._users[parent].add(name)
        self.again(name)

    def again(self, name: str) -> None:
        """Give a node another turn, when its inputs are there."""
        self._waiting.add(name)
        if not self._missing[name]:
            heapq.heappush(self._ready, self._order[name])
