"""The members of an automatic experiment under a budget: what each costs, and whether it may still start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["FIT_COSTS", "FitCost", "MemberGate", "Work", "format_seconds"]

WORST_RATIO = 1.1  # an ensemble leaves out a member whose loss is more than 10 % above that of the best


class FitCost(NamedTuple):
    """The seconds of one fit on one core, a line in the number of values (rows x columns) and in the rounds.

    Attributes:
        fit: of each fit.
        tree: of each round, whatever the size of the table.
        value: of each value of the table in each round.
        rounds: a usual number of rounds until a fit stops early, for classes and for numbers.
    """

    fit: float
    tree: float
    value: float
    rounds: tuple[int, int] = (1, 1)

    def guess(self, rows: int, columns: int, models: int, *, is_number: bool) -> float:
        """Guess the seconds of one fit; ``models`` is the number of trees in each round.

        Example:
            >>> FitCost(0.1, 0.0, 1e-6, (10, 50)).guess(rows=1000, columns=10, models=1, is_number=False)
            0.2
        """
        rounds = self.rounds[is_number]
        return self.fit + rounds * models * (self.tree + self.value * rows * columns)


# Measured on tables of 1,254 to 27,351 rows and 9 to 39 columns; they are scaled by what members really take.
FIT_COSTS: Mapping[str, FitCost] = {
    "linear": FitCost(0.03, 0.0, 6e-7),
    "boosting": FitCost(0.02, 1e-4, 6.5e-9, (400, 900)),
    "xgboost": FitCost(0.02, 1e-4, 1.1e-8, (400, 700)),
    "catboost": FitCost(0.02, 3e-4, 1.5e-8, (400, 1000)),
}


@dataclass(frozen=True)
class Work:
    """What is to be fitted for one member.

    Attributes:
        fits: the number of rows of each fit: of the folds, and of train if it is no fold.
        refits: the same of the fits on train and validation together.
        models: the number of trees in each round: one for each class if there are more than two.
    """

    fits: tuple[int, ...]
    refits: tuple[int, ...]
    columns: int
    models: int = 1
    is_number: bool = False

    def guess(self, cost: FitCost) -> tuple[float, float]:
        """Guess the seconds of the fits, and those of the refits."""
        seconds = [
            sum(cost.guess(rows, self.columns, self.models, is_number=self.is_number) for rows in part)
            for part in (self.fits, self.refits)
        ]
        return seconds[0], seconds[1]


@dataclass
class MemberGate:
    """Decides which member may start: its fits, and all refits that may follow, must fit into the budget.

    Guesses are scaled by what the members so far really took: this machine and this table are not those that
    the costs were measured on.

    Attributes:
        budget: seconds; infinite if there is no such limit.

    Example:
        >>> gate = MemberGate(10.0, costs={"slow": FitCost(fit=4.0, tree=0, value=0)})
        >>> work = Work(fits=(100,), refits=(100,), columns=3)
        >>> gate.find_refusal("slow", work, spent=0.0)
        ''
        >>> gate.note("slow", work, seconds=4.0, loss=0.5)
        >>> gate.find_refusal("slow", work, spent=4.0)
        'needs 8 s, and 2 s are left'
    """

    budget: float = math.inf
    costs: Mapping[str, FitCost] = field(default_factory=lambda: FIT_COSTS)
    _noted: list[tuple[str, float, float, float, float]] = field(default_factory=list, init=False)

    def guess(self, kind: str, work: Work) -> tuple[float, float]:
        """Guess the seconds of a member's fits, and those of its refits."""
        fits, refits = work.guess(self.costs[kind])
        scale = self._find_scale(kind)
        return fits * scale, refits * scale

    def find_refusal(self, kind: str, work: Work, spent: float) -> str:
        """Return the reason why a member may not start; empty if it may.

        Args:
            kind: of its costs.
            work: its fits and refits.
            spent: the seconds of the budget that are gone.
        """
        left, needed = self.find_left(spent), sum(self.guess(kind, work))
        if needed <= left:
            return ""
        return f"needs {format_seconds(needed)}, and {format_seconds(left)} are left"

    def find_left(self, spent: float) -> float:
        """Return the seconds that are left, without those of the refits that may follow; 0 if none are."""
        return max(self.budget - spent - self._sum_refits(), 0.0)

    def note(self, kind: str, work: Work, seconds: float, loss: float) -> None:
        """Note the seconds that a member took, and its loss; an infinite one if it failed."""
        fits, refits = work.guess(self.costs[kind])
        self._noted.append((kind, fits, seconds, seconds * refits / fits, loss))

    def _find_scale(self, kind: str) -> float:
        """Divide real by guessed seconds: of the members of this kind; if there is none, of all trees."""
        alike = [n for n in self._noted if n[0] == kind] or [n for n in self._noted if n[0] != "linear"]
        if not alike or kind == "linear":
            return 1.0
        return sum(n[2] for n in alike) / sum(n[1] for n in alike)

    def _sum_refits(self) -> float:
        """Sum the refits of the members that an ensemble may keep."""
        best = min((n[4] for n in self._noted), default=math.inf)
        limit = best + (WORST_RATIO - 1) * abs(best)
        return sum(n[3] for n in self._noted if n[4] <= limit)


def format_seconds(seconds: float) -> str:
    """Format a number of seconds.

    Example:
        >>> format_seconds(0.04), format_seconds(12.3)
        ('0.04 s', '12 s')
    """
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1g} s"
