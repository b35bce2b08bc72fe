"""Numbers in text columns: the same reading as in ``model_data``, unless the texts could be codes."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from magical.contracts.schema import Column
from magical.reading.casting import CastResult, cast
from magical.reading.number_reading import TableEvidence, could_be_codes

__all__ = ["InferredNumbers", "infer_numbers"]

_WRITTEN_AS_FLOAT = r"[0-9][.,]|[.,][0-9]|[0-9][eE][+-]?[0-9]"
_HEAD_ROWS = 1000


class InferredNumbers(NamedTuple):
    """A text column as numbers.

    Attributes:
        values: the numbers; the texts as they are, if nothing decides how they are written.
        remark: what another reader could read in another way, and what is left out around the digits.
        marks: the decimal mark and the mark between thousands; empty for plain numbers.
    """

    values: pl.Series
    remark: str = ""
    marks: tuple[str, str] = ("", "")


def infer_numbers(raw: pl.Series, evidence: TableEvidence) -> InferredNumbers | None:
    """Read a text column as numbers if all its texts are numbers or missing; None if they are not.

    Example:
        >>> found = infer_numbers(pl.Series("x", ["3,663", "249"]), TableEvidence(pl.DataFrame()))
        >>> found.values.to_list(), found.marks
        ([3663, 249], ('', ','))
        >>> found.remark
        "'3,663' is read as 3663 (comma between thousands); as a decimal mark it would be 3.663"
    """
    texts = raw.str.strip_chars()
    head = cast(texts.head(_HEAD_ROWS), Column(raw.name, "float"), evidence)
    if head.failed.any() and not head.conflict:  # most texts fail on the first rows already
        return None
    found = cast(texts, Column(raw.name, "float"), evidence)
    if found.conflict:
        texts = texts.filter(found.failed | found.values.is_not_null())
        return None if could_be_codes(texts) else InferredNumbers(raw, f"numbers, but {found.conflict}")
    present = texts.filter(found.values.is_not_null())
    if found.failed.any() or present.is_empty() or could_be_codes(present):
        return None
    remark = "; ".join(map(str, found.notes))
    return InferredNumbers(_to_integers(texts, found), remark, (found.decimal, found.thousands))


def _to_integers(texts: pl.Series, found: CastResult) -> pl.Series:
    """Return the numbers as integers if none is written with a fraction or an exponent."""
    written = texts if not found.thousands else texts.str.replace_all(f"[{found.thousands}]", "")
    if found.decimal or written.str.contains(_WRITTEN_AS_FLOAT).any():
        return found.values
    whole = cast(texts, Column(texts.name, "int", decimal=found.decimal, thousands=found.thousands))
    return found.values if whole.failed.any() else whole.values
