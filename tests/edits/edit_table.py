"""All cases of the table, by their kinds and names."""

from edits.cosmetic_edits import COSMETIC
from edits.definition_edits import DEFINITIONS
from edits.harness import Case
from edits.value_edits import VALUES

CASES: dict[str, Case] = {
    f"{kind}: {name}": case
    for kind, table in [("values", VALUES), ("definitions", DEFINITIONS), ("cosmetic", COSMETIC)]
    for name, case in table.items()
}
