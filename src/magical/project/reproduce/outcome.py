"""The outcome of reproducing a run: of each step, and as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from magical.errors import join_names
from magical.project.reproduce.drift import Change
from magical.project.reproduce.fingerprint_diff import DIFFERS, NEARLY, SAME, UNKNOWN

__all__ = ["LEFT_OUT", "ReproducedStep", "Reproduction", "format_changes"]

LEFT_OUT = "left out"

_MAX_DETAILS = 4


@dataclass(frozen=True)
class ReproducedStep:
    """The comparison of one step's result with its result in the earlier run.

    Attributes:
        step: the name of the node.
        level: the level of an ``Agreement``, or ``left out``.
        details: the differences, or why the result was not compared.
        note: a fact of the step that explains a difference.
        max_difference: the largest relative difference of two floats, where known.

    Example:
        >>> print(ReproducedStep("total", DIFFERS, ("it was 37.5, and is 39.0 now",)))
        total differs: it was 37.5, and is 39.0 now.
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
        """Convert to JSON."""
        found = {"step": self.step, "level": self.level, "what": list(self.details)}
        return {**found, "note": self.note, "apart": self.max_difference}


@dataclass(frozen=True)
class Reproduction:
    """The comparison of an earlier run with its repetition in a fresh store.

    Attributes:
        run: the name of the earlier run.
        changes: the differences that were found before anything ran.
        seconds: the duration of the repetition.

    Example:
        >>> steps = ReproducedStep("taxed", SAME), ReproducedStep("total", SAME)
        >>> print(Reproduction("shop", "run-1", (), steps).summary)
        shop: 2 steps: 2 agree to the last bit.
    """

    workflow: str
    run: str
    changes: tuple[Change, ...]
    steps: tuple[ReproducedStep, ...]
    seconds: float = 0.0

    @property
    def agrees(self) -> bool:
        """True if at least one step was compared, and none differs."""
        levels = [s.level for s in self.steps]
        return DIFFERS not in levels and bool({SAME, NEARLY} & {*levels})

    def __str__(self) -> str:
        return f"{format_changes(self.run, self.changes)}\n{self.difference_text}"

    @property
    def difference_text(self) -> str:
        """A line for each step that is not the same, and the summary."""
        shown = [str(s) for s in self.steps if s.level in (NEARLY, DIFFERS, UNKNOWN)]
        return "\n".join([*shown, self.summary])

    @property
    def summary(self) -> str:
        """The number of steps at each level, in one line."""
        counts = Counter(s.level for s in self.steps)
        reasons = [f"{s.step}: {'; '.join(s.details)}" for s in self.steps if s.level == LEFT_OUT]
        words: list[str] = []
        for level, how in ((SAME, "to the last bit"), (NEARLY, "to 1e-9")):
            if count := counts[level]:
                words.append(f"{count}{'' if words else ' agree' if count > 1 else ' agrees'} {how}")
        if count := counts[DIFFERS]:
            words.append(f"{count} {'differ' if count > 1 else 'differs'}")
        if reasons:
            words.append(f"{len(reasons)} {LEFT_OUT} ({join_names(reasons, 3)})")
        if count := counts[UNKNOWN]:
            words.append(f"{count} not compared")
        count = len(self.steps)
        return f"{self.workflow}: {count} step{'s' * (count != 1)}: {', '.join(words) or 'nothing'}."

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        return {
            "workflow": self.workflow,
            "run": self.run,
            "agrees": self.agrees,
            "changes": [c.to_json() for c in self.changes],
            "steps": [s.to_json() for s in self.steps],
            "summary": self.summary,
            "seconds": self.seconds,
        }


def format_changes(run: str, changes: Sequence[Change]) -> str:
    """List the differences that were found before anything ran.

    Example:
        >>> print(format_changes("run-1", [Change("lock", "the lock file uv.lock is new")]))
        run-1: since then
          the lock file uv.lock is new
    """
    if not changes:
        return f"{run}: code, settings, versions and data are those of the run."
    return "\n".join([f"{run}: since then", *(f"  {change}" for change in changes)])
