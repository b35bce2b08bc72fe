"""The states of a step: their words, marks and colours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["NOT_REAL", "STATE_STYLES", "StateStyle", "StepStatus", "count_states"]

NOT_REAL = "~"  # the second mark, of a result that depends on a pretence or a sample


@dataclass(frozen=True)
class StateStyle:
    """The look of a state: a mark of one character, a terminal's colour code, and a short explanation."""

    mark: str
    colour: str
    text: str


# Each state has a mark, since a colour alone does not reach every reader.
STATE_STYLES = {
    "fresh": StateStyle("=", "32", "its result is there"),
    "stale": StateStyle("▶", "33", "it has run before, and would run again"),
    "to run": StateStyle("▶", "36", "it has not run yet"),
    "waits": StateStyle("…", "2", "its inputs are made again; it runs if they come out different"),
    "unwritten": StateStyle("?", "35", "it has no body yet"),
    "pretended": StateStyle("~", "35", "its result is pretended"),
    "failed": StateStyle("✗", "31", "it failed the last time, and has not succeeded since"),
    "left out": StateStyle(
        "-", "2", "it would write to the world what is not real or only explored, or it follows such a step"
    ),
    "unused": StateStyle("·", "2", "nothing uses what it gives, so it is not run"),
}


@dataclass(frozen=True)
class StepStatus:
    """The status of one step.

    Attributes:
        state: one of ``STATE_STYLES``; empty if unknown.
        origin: the pretended steps, and ``NAME (sample)``, that its result depends on.
    """

    state: str = ""
    origin: tuple[str, ...] = ()

    @property
    def is_unreal(self) -> bool:
        """True if its result depends on data that are not real; False if it is itself pretended."""
        return bool(self.origin) and self.state != "pretended"

    @property
    def marks(self) -> str:
        """The mark of the state, then ``~`` if the result is not real; a space in place of a missing one.

        Example:
            >>> StepStatus("fresh", ("household",)).marks, StepStatus("stale").marks
            ('=~', '▶ ')
        """
        return f"{STATE_STYLES[self.state].mark if self.state else ' '}{NOT_REAL if self.is_unreal else ' '}"

    @property
    def label(self) -> str:
        """The state in words.

        Example:
            >>> StepStatus("fresh", ("household",)).label
            'fresh, not real'
        """
        return ", ".join([self.state] * bool(self.state) + ["not real"] * self.is_unreal)


def count_states(statuses: Iterable[StepStatus]) -> str:
    """Count the steps in each state, in words.

    Example:
        >>> count_states([StepStatus("stale"), StepStatus("fresh"), StepStatus("fresh")])
        '2 fresh, 1 stale'
    """
    states = [s.state for s in statuses]
    return ", ".join(f"{n} {state}" for state in STATE_STYLES if (n := states.count(state)))
