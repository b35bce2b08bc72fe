"""Design the data-science project you wish you had. Run it before it exists. Make it real one step at a time.

Names are imported on first use, so that ``import magical`` and the command start at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names as in `_HOMES`, for type checkers and editors
    from pydantic import Field, PositiveInt

    from magical.contracts.contract import (
        Contract,
        Group,
        Id,
        Key,
        Target,
        Time,
        Weight,
        rule,
    )
    from magical.contracts.model import Model
    from magical.contracts.promises import Frame, Lazy, Parts, Pipeline, contract_of
    from magical.contracts.schema import Column, Schema
    from magical.contracts.source_marks import Decimal, Format, Orphans, Thousands, Zone
    from magical.contracts.tables import partition
    from magical.contracts.validation import filter
    from magical.events import emit, keep, scratch
    from magical.features import Columns, Feature, LearnedFeature, PlanContext
    from magical.project import load
    from magical.project.looking import look
    from magical.project.scoring import ScoreOptions
    from magical.settings import InputPath, OutputPath, Secret, Settings
    from magical.steps import Receipt, step
    from magical.wishes import wish
    from magical.workflows import workflow

__version__ = "0.1.0"

_HOMES = {
    "pydantic": ("Field", "PositiveInt"),
    "magical.contracts.contract": (
        "Contract",
        "Group",
        "Id",
        "Key",
        "Target",
        "Time",
        "Weight",
        "rule",
    ),
    "magical.contracts.model": ("Model",),
    "magical.contracts.promises": ("Frame", "Lazy", "Parts", "Pipeline", "contract_of"),
    "magical.contracts.schema": ("Column", "Schema"),
    "magical.contracts.source_marks": ("Decimal", "Format", "Orphans", "Thousands", "Zone"),
    "magical.contracts.tables": ("partition",),
    "magical.contracts.validation": ("filter",),
    "magical.events": ("emit", "keep", "scratch"),
    "magical.features": ("Columns", "Feature", "LearnedFeature", "PlanContext"),
    "magical.project": ("load",),
    "magical.project.looking": ("look",),
    "magical.project.scoring": ("ScoreOptions",),
    "magical.settings": ("InputPath", "OutputPath", "Secret", "Settings"),
    "magical.steps": ("Receipt", "step"),
    "magical.wishes": ("wish",),
    "magical.workflows": ("workflow",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Column",
    "Columns",
    "Contract",
    "Decimal",
    "Feature",
    "Field",
    "Format",
    "Frame",
    "Group",
    "Id",
    "InputPath",
    "Key",
    "Lazy",
    "LearnedFeature",
    "Model",
    "Orphans",
    "OutputPath",
    "Parts",
    "Pipeline",
    "PlanContext",
    "PositiveInt",
    "Receipt",
    "Schema",
    "ScoreOptions",
    "Secret",
    "Settings",
    "Target",
    "Thousands",
    "Time",
    "Weight",
    "Zone",
    "contract_of",
    "emit",
    "filter",
    "keep",
    "load",
    "look",
    "partition",
    "rule",
    "scratch",
    "step",
    "wish",
    "workflow",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'magical' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
