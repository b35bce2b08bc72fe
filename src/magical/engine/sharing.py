"""Several runs on one store: what one of them is computing, the others wait for and take."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from magical.engine.artifacts import Record
from magical.engine.ports import Store
from magical.engine.receipts import Receipts
from magical.errors import StepStopped
from magical.events import Event, Log
from magical.graph import Node

__all__ = ["foreign_note", "once", "sharing", "waiting"]


@contextmanager
def sharing(store: Store, run: str, tell: Callable[[Event], None]) -> Iterator[None]:
    """For a run's time, keep what it looks up and makes from being swept; tell what was not trusted."""
    with store.in_use(run):
        try:
            yield
        finally:
            if note := foreign_note(store):
                tell(Log(step="", text=note, level="warning"))


def once(
    receipts: Receipts, node: Node, key: str, make: Callable[[], Record], waits: Callable[[], None]
) -> Record:
    """Compute a key, unless another run does or has done so meanwhile.

    Args:
        receipts: of the store where the runs meet.
        node: the node.
        key: its key.
        make: runs its body.
        waits: see ``Store.lock``.
    """
    with receipts.store.lock(key, waits):
        record, _ = receipts.look(key, writes=node.writes)  # whatever comes of it, it is pinned from here on
        return make() if record is None or node.facts.get("reads") == "world" else record


def waiting(node: Node, stopping: threading.Event, tell: Callable[[Event], None]) -> Callable[[], None]:
    """Give what to do while another run computes a node: say so once, and leave when this run is stopped."""
    said = False

    def waits() -> None:
        nonlocal said
        if stopping.is_set():
            raise StepStopped(f"{node.name} waited for another run.", hint="magical run goes on from there.")
        if not said:
            said = True
            tell(Log(step=node.name, text="waits for another run that is computing it."))

    return waits


def foreign_note(store: Store) -> str:
    """Say, once, that results of another store were not taken, if there were any."""
    count = len(store.foreign)
    store.foreign.clear()
    if not count:
        return ""
    if count == 1:
        return "1 result with code in it comes from another store and is made again. Hint: --trust takes it."
    what = f"{count} results with code in them come from another store and are made again."
    return f"{what} Hint: --trust takes them."
