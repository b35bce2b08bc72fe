"""All cases of the table, by their kinds and names."""

from edits.argument_edits import ARGUMENTS
from edits.cosmetic_edits import COSMETIC
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
    "cosmetic": COSMETIC,
}
CASES: dict[str, Case] = {f"{k}: {name}": case for k, table in TABLES.items() for name, case in table.items()}
