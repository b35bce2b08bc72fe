"""The states in which a step is shown: their words, marks and colours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["LOOKS", "NOT_REAL", "Look", "Standing", "counted"]

NOT_REAL = "~"
"""The second mark, of what stands on a pretence or a sample."""


@dataclass(frozen=True)
class Look:
    """How a state is shown.

    Attributes:
        mark: one character, so that no state is told by its colour alone.
        colour: as a terminal counts them.
        text: what it means, in a few words.
    """

    mark: str
    colour: str
    text: str


LOOKS = {
    "fresh": Look("=", "32", "its result is there"),
    "stale": Look("▶", "33", "it has run before, and would run again"),
    "to run": Look("▶", "36", "it has not run yet"),
    "waits": Look("…", "2", "its inputs are made again; it runs if they come out different"),
    "unwritten": Look("?", "35", "it has no body yet"),
    "pretended": Look("~", "35", "its result is made up"),
    "failed": Look("✗", "31", "it failed the last time, and has not succeeded since"),
    "left out": Look("-", "2", "it would write to the world what is not real, or it follows such a step"),
    "unused": Look("·", "2", "nothing uses what it gives, so it is not run"),
}


@dataclass(frozen=True)
class Standing:
    """How one step stands.

    Attributes:
        state: one of ``LOOKS``; empty where it is not known.
        origin: what else it stands on that is not real: pretended steps, or ``NAME (sample)``.
    """

    state: str = ""
    origin: tuple[str, ...] = ()

    @property
    def is_unreal(self) -> bool:
        """Whether its result is computed and all the same not real; what is pretended says so itself."""
        return bool(self.origin) and self.state != "pretended"

    @property
    def marks(self) -> str:
        """Its mark, and the second one.

        Example:
            >>> Standing("fresh", ("household",)).marks, Standing("stale").marks
            ('=~', '▶ ')
        """
        return f"{LOOKS[self.state].mark if self.state else ' '}{NOT_REAL if self.is_unreal else ' '}"

    @property
    def words(self) -> str:
        """The state in words.

        Example:
            >>> Standing("fresh", ("household",)).words
            'fresh, not real'
        """
        return ", ".join([self.state] * bool(self.state) + ["not real"] * self.is_unreal)


def counted(standings: Iterable[Standing]) -> str:
    """Say how many steps are in each state.

    Example:
        >>> counted([Standing("stale"), Standing("fresh"), Standing("fresh")])
        '2 fresh, 1 stale'
    """
    states = [s.state for s in standings]
    return ", ".join(f"{n} {state}" for state in LOOKS if (n := states.count(state)))
