"""What came of running an earlier run again: step by step, and as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from magical.errors import join_names
from magical.project.reproduce.drift import Change
from magical.project.reproduce.fingerprint_diff import DIFFERS, NEARLY, SAME, UNKNOWN

__all__ = ["LEFT_OUT", "ReproducedStep", "Reproduction", "changes_text"]

LEFT_OUT = "left out"

_MAX_DETAILS = 4


@dataclass(frozen=True)
class ReproducedStep:
    """How one step's result compares with that of the earlier run.

    Attributes:
        step: the node.
        level: ``same`` (to the last bit), ``nearly`` (floats to a relative 1e-9), ``differs``,
            ``not compared`` or ``left out``.
        what: what differs, or why it was not compared.
        note: what its author said of it that explains a difference.
        apart: the largest relative difference of two floats that is known.
    """

    step: str
    level: str
    details: tuple[str, ...] = ()
    note: str = ""
    max_difference: float | None = None

    def __str__(self) -> str:
        text = "; ".join(self.details[:_MAX_DETAILS])
        if len(self.details) > _MAX_DETAILS:
            text += f"; and {len(self.details) - _MAX_DETAILS} more"
        how = "agrees to 1e-9" if self.level == NEARLY else self.level
        return f"{self.step} {how}: {text}.{self.note and f' {self.note}'}"

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        found = {"step": self.step, "level": self.level, "what": list(self.details)}
        return {**found, "note": self.note, "apart": self.max_difference}


@dataclass(frozen=True)
class Reproduction:
    """An earlier run, run again in a fresh store, and compared.

    Attributes:
        workflow: its name.
        run: the earlier run.
        changes: what was no longer as then, before anything ran.
        steps: how each compares.
        seconds: how long it took.
    """

    workflow: str
    run: str
    changes: tuple[Change, ...]
    steps: tuple[ReproducedStep, ...]
    seconds: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether all that was compared agrees, and something was."""
        levels = [s.level for s in self.steps]
        return DIFFERS not in levels and bool({SAME, NEARLY} & {*levels})

    def __str__(self) -> str:
        return f"{changes_text(self.run, self.changes)}\n{self.difference_text}"

    @property
    def difference_text(self) -> str:
        """What differs, a line for each step, and the count of it."""
        shown = [str(s) for s in self.steps if s.level in (NEARLY, DIFFERS, UNKNOWN)]
        return "\n".join([*shown, self.summary])

    @property
    def summary(self) -> str:
        """The count of it, in one line."""
        words: list[str] = []
        for level, how in ((SAME, "to the last bit"), (NEARLY, "to 1e-9")):
            if many := self._count(level):
                words.append(f"{many}{'' if words else ' agree' if many > 1 else ' agrees'} {how}")
        if many := self._count(DIFFERS):
            words.append(f"{many} {'differ' if many > 1 else 'differs'}")
        words += (
            [f"{many} {LEFT_OUT} ({_left_out_reasons(self.steps)})"]
            if (many := self._count(LEFT_OUT))
            else []
        )
        words += [f"{many} not compared"] if (many := self._count(UNKNOWN)) else []
        many = len(self.steps)
        return f"{self.workflow}: {many} {'step' if many == 1 else 'steps'}: {', '.join(words) or 'nothing'}."

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "workflow": self.workflow,
            "run": self.run,
            "agrees": self.agrees,
            "changes": [c.to_json() for c in self.changes],
            "steps": [s.to_json() for s in self.steps],
            "summary": self.summary,
            "seconds": self.seconds,
        }

    def _count(self, level: str) -> int:
        return sum(s.level == level for s in self.steps)


def changes_text(run: str, changes: Sequence[Change]) -> str:
    """Say what is no longer as it was in the run."""
    if not changes:
        return f"{run}: code, settings, versions and data are those of the run."
    return "\n".join([f"{run}: since then", *(f"  {change}" for change in changes)])


def _left_out_reasons(steps: Sequence[ReproducedStep]) -> str:
    """The steps that were left out, each with the reason."""
    return join_names([f"{s.step}: {'; '.join(s.details)}" for s in steps if s.level == LEFT_OUT], 3)
