"""What a step body is told by the engine while it runs, beyond its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.ports import Registry, Store
from magical.events import Event, current
from magical.graph import Graph, Node

__all__ = ["StepContext", "current_step"]


@dataclass
class StepContext:
    """One step in one run; what ``emit``, ``keep``, ``scratch`` and ``register`` reach.

    Attributes:
        node: the node that runs.
        key: its key.
        graph: the whole graph, living.
        store: where its inputs came from.
        load: gives the result of a node that has finished in this run.
        records: what is known of the nodes that have finished in this run.
        tell: takes an event.
        registry: gives the model registry, if the project has one.
        run: the run's name.
        root: the project's folder.
        origin: what the node stands on that is not real.
        kept: what the body has kept so far.
        asked: whether the body asked for the registry.
    """

    node: Node
    key: str
    graph: Graph
    store: Store
    load: Callable[[str], Any]
    records: Mapping[str, Record]
    tell: Callable[[Event], None]
    registry: Callable[[], Registry] | None
    run: str
    root: Path
    origin: tuple[str, ...] = ()
    kept: dict[str, Any] = field(default_factory=dict)
    asked: bool = False

    @property
    def keys(self) -> dict[str, str]:
        """The keys of the nodes that have finished in this run."""
        return {name: record.key for name, record in list(self.records.items())}

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    def emit(self, event: Event) -> None:
        """Pass an event on; masked here already, since another process may not know what was revealed."""
        self.tell(event.masked())

    def keep(self, name: str, value: Any) -> None:
        """Note a value, to be stored beside the result."""
        self.kept[name] = value

    def lend(self, registry: Callable[[], Registry]) -> None:
        """Let the body have the model registry, and note whether it asks for it."""

        def lent() -> Registry:
            self.asked = True
            return registry()

        self.registry = lent

    def scratch(self) -> Path:
        """Give this key's folder."""
        return self.store.scratch(self.key)

    def may_wish(self) -> bool:
        """Whether the node's own name is among what its result stands on."""
        return self.name in self.origin


def current_step() -> StepContext | None:
    """Give the step that runs in this thread under the engine, if there is one."""
    sink = current.get()
    return sink if isinstance(sink, StepContext) else None
