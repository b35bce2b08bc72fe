"""The columns of a source that a model needs: matched by name, and checked before any row is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, did_you_mean, join_names
from magical.library.column_matching import match_columns
from magical.library.scorer.row_conversion import has_conversion

__all__ = ["match_input_columns"]


def match_input_columns(source: str, given: Mapping[str, Any], schema: Schema) -> dict[str, str]:
    """Map each column of a row's contract to its column in a source; a nullable one may be missing.

    Args:
        source: the name of the source, for messages.
        given: the types of its columns.
        schema: the contract of a row, without the target.

    Raises:
        BrokenPromise: a column is missing, ambiguous, or of a type that none of its values can come from.

    Example:
        >>> import polars as pl
        >>> from magical.contracts.schema import Column
        >>> row = Schema("Row", (Column("income", "float"), Column("kids", "int", nullable=True)))
        >>> match_input_columns("a.csv", {"Income": pl.String()}, row)
        {'income': 'Income'}
    """
    matches, lacking = match_columns(list(given), schema, label=source)
    missing = [c.alias or c.name for c in lacking if not c.nullable]
    if missing:
        others = [n for n in given if n not in matches.values()]
        plural = "a column" if len(missing) == 1 else f"{len(missing)} columns"
        raise BrokenPromise(
            f"{source} lacks {plural} that the model needs: {join_names(missing, 6)}.",
            f"  it has {join_names(given, 15)}",
            hint=did_you_mean(missing[0], others) if others else "write the file with these columns, too.",
        )
    pairs = ((schema.column(name), given[match]) for name, match in matches.items())
    wrong = [f"{c.name} must be {c.type_text}, and is {d}" for c, d in pairs if not has_conversion(d, c)]
    if wrong:
        raise BrokenPromise(
            f"{source}: {join_names(wrong, 4)}.", hint="convert the column where the file is written."
        )
    return matches
