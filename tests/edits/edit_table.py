"""All cases of the table, by their kinds and names."""

from typing import Any

import pytest

from edits import unseen_edits, unseen_effects
from edits.argument_edits import ARGUMENTS
from edits.cosmetic_edits import COSMETIC
from edits.deep_edits import DEEP
from edits.definition_edits import CLASSES, FUNCTIONS
from edits.effect_edits import EFFECTS
from edits.harness import Case
from edits.import_edits import IMPORTED
from edits.value_edits import FILES, LITERALS, OBJECTS
from edits.world_edits import WORLD

TABLES = {
    "file": FILES,
    "object": OBJECTS,
    "literal": LITERALS,
    "class": CLASSES,
    "function": FUNCTIONS,
    "effect": EFFECTS,
    "import": IMPORTED,
    "world": WORLD,
    "argument": ARGUMENTS,
    "deep": DEEP,
    "unseen": unseen_edits.UNSEEN | unseen_effects.UNSEEN,
    "cosmetic": COSMETIC,
}
CASES: dict[str, Case] = {f"{k}: {name}": case for k, table in TABLES.items() for name, case in table.items()}


def _may_differ(name: str) -> bool:
    """Return True for a case whose keys may differ: at each import, or by a path outside of the project."""
    return CASES[name].each or "outside" in name or "zip" in name


def names(of: int, every: int, *, same_keys: bool = False) -> list[Any]:
    """Return the names of one of ``of`` cases as parameters; all but one of ``every`` of them are slow.

    All cases together take minutes: ``make torture`` runs them.
    """
    slow, chosen = [pytest.mark.slow], [n for n in CASES if not (same_keys and _may_differ(n))][::of]
    return [pytest.param(n, marks=slow if number % every else []) for number, n in enumerate(chosen)]
