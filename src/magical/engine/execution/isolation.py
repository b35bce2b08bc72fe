"""The choice of the bodies that run alone: their code shows it, or an earlier run has seen it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from functools import partial

from magical.engine.execution.process_state import ENVIRONMENT, FOLDER, RANDOM, isolate, may_be_awaited
from magical.engine.execution.subprocess_executor import BodyAwaited, stopped_error
from magical.engine.run import ActiveRun
from magical.errors import MagicalError, join_names
from magical.events import LogLine
from magical.graph import Node
from magical.keys.state_uses import CHANGE_HINT, DRAW_HINT, find_state_uses
from magical.system.atomic_files import write_text
from magical.system.state_files import read_state

__all__ = ["BodyIsolation"]

_LIBRARY_HINT = (
    "pass the library a seed if it takes one; if it only draws names, as MLflow does, all is well."
)


class BodyIsolation:
    """Keeps bodies of a run from seeing each other's changes of the process's state.

    A step that changes it is named once, and runs alone from then on: other bodies lose time, and no result
    depends on which bodies run together.
    """

    def __init__(self, run: ActiveRun) -> None:
        self._run = run
        self._path = run.context.journal.folder.parent / "alone.json"
        self._uses: dict[str, list[tuple[str, str]]] = {}
        self._remembered = self._earlier = self._read()
        self._named: set[str] = set()
        self._is_awaited = may_be_awaited()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def guard(self, node: Node, *, alone: bool = False) -> Iterator[None]:
        """Run the body of a node in the block.

        Raises:
            StateDisturbed: its result may depend on bodies that ran at the same time: repeat it alone.
            BodyAwaited: it cannot wait for its turn: run it in a process of its own.
            StepStopped: the run is being stopped.
        """
        uses, remembered = self._find_uses(node), self._remembered
        if uses:
            calls, hint = [text for text, _ in uses], uses[0][1]
            self._name(node, f"{join_names(calls, 2)} acts on the whole process", hint)
        # With one worker it costs nothing to be alone, and a step that draws need not run twice. What writes
        # to the world must not.
        is_single = self._run.context.policy.workers == 1
        alone = alone or is_single or node.writes or bool(uses) or node.step in remembered
        on_wait = partial(self._check_wait, node)
        with isolate(node.name, alone=alone, awaited=self._is_awaited, on_wait=on_wait) as stay:
            yield
        # A registry's client changes the environment, and no project could do without it.
        is_registering = node.writes and node.step.startswith("magical.")
        if alone and not uses and not is_registering and (stay.changes or node.step in remembered):
            self._remember(node, sorted(stay.changes))

    def _find_uses(self, node: Node) -> list[tuple[str, str]]:
        assert node.call is not None, "an executed graph has its code"
        if node.step not in self._uses:
            self._uses[node.step] = find_state_uses(node.call.step.function)
        return self._uses[node.step]

    def _check_wait(self, node: Node) -> None:
        """Raise if a body must wait no longer for its turn."""
        if self._run.stopping.is_set():
            raise stopped_error(node.name)
        if self._is_awaited:
            raise BodyAwaited(
                f"{node.name} ({node.where}) must wait for a body, and was started in a thread of a body.",
                hint="call run() in the body itself, not in a thread of it.",
            )

    def _name(self, node: Node, what: str, hint: str) -> None:
        """Report a step once in a run: what it does, and the way out."""
        with self._lock:
            if node.step in self._named:
                return
            self._named.add(node.step)
        text = f"runs alone, with a seed from its name: {what}. Hint: {hint}"
        self._run.emit(LogLine(step=node.name, text=text, level="warning"))

    def _read(self) -> dict[str, list[str]]:
        """Read which steps changed what, as earlier runs have seen it."""
        return read_state(self._path, lambda d: {str(k): list(map(str, v)) for k, v in d.items()}) or {}

    def _remember(self, node: Node, changes: list[str]) -> None:
        """Note what a step changes, or forget the step. A note that is lost costs one repetition."""
        with self._lock, contextlib.suppress(MagicalError):
            remembered = self._read()
            if remembered.get(node.step, []) != changes:
                remembered[node.step] = changes
                self._remembered = {step: seen for step, seen in sorted(remembered.items()) if seen}
                write_text(self._path, json.dumps(self._remembered, indent=1))
        if changes == [RANDOM]:
            # Not named at once: MLflow and joblib draw names from it, and so may a thread of another body.
            if RANDOM in self._earlier.get(node.step, []):
                self._name(node, "a library that it calls draws from random, which all share", _LIBRARY_HINT)
        elif changes:
            hint = CHANGE_HINT if {FOLDER, ENVIRONMENT} & {*changes} else DRAW_HINT
            self._name(node, f"it changes {join_names(changes, 4)}, which all bodies share", hint)
