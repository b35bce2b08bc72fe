"""Numbers in text columns: the same reading as in ``model_data``, unless the texts could be codes."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from magical.contracts.schema import Column
from magical.reading.casting import CastResult, cast
from magical.reading.number_affixes import KNOWN_UNITS, split_affixes
from magical.reading.number_reading import TableEvidence

__all__ = ["InferredNumbers", "infer_numbers"]

_LEADING_ZERO = r"^[^0-9]*0[0-9]"
_TOO_LONG = r"^[+-]?[0-9]{16,}$"  # more digits than a float has
_WRITTEN_AS_FLOAT = r"[0-9][.,]|[.,][0-9]|[0-9][eE][+-]?[0-9]"
_GROUPS_OF_THREE = r"^[0-9]{3}(?:\s[0-9]{3})+$"
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
        return InferredNumbers(raw, f"numbers, but {found.conflict}") if _are_numbers(texts) else None
    present = texts.filter(found.values.is_not_null())
    if found.failed.any() or present.is_empty() or _are_codes(present):
        return None
    remark = "; ".join(map(str, found.notes))
    return InferredNumbers(_to_integers(texts, found), remark, (found.decimal, found.thousands))


def _are_numbers(texts: pl.Series) -> bool:
    """Return True if all texts are numbers by some reading, with a few units at most."""
    parts = split_affixes(texts)
    return bool(parts["core"].is_not_null().all()) and parts["unit"].n_unique() <= 3 and not _are_codes(texts)


def _are_codes(present: pl.Series) -> bool:
    """Return True if numbers could be codes, such as 0042, 12A, or 560 001."""
    if present.str.contains(_LEADING_ZERO).any() or present.str.contains(_TOO_LONG).any():
        return not _are_integers(present)
    if present.str.contains(_GROUPS_OF_THREE).all() and present.str.len_chars().n_unique() == 1:
        return len(present) > 1
    if present.str.starts_with("(").all():
        return True
    units = split_affixes(present.head(_HEAD_ROWS))["unit"]
    for unit in units.filter(units != "").head(1):
        first = str(present.filter(present.str.ends_with(unit)).head(1).to_list()[0])
        return not pl.Series([unit]).str.contains(KNOWN_UNITS).item() and not (
            len(unit) > 1 and first.removesuffix(unit)[-1:].isspace()
        )
    return False


def _are_integers(present: pl.Series) -> bool:
    is_code = present.str.contains(_LEADING_ZERO).any()
    return not is_code and present.cast(pl.Int64, strict=False).null_count() == 0


def _to_integers(texts: pl.Series, found: CastResult) -> pl.Series:
    """Return the numbers as integers if none is written with a fraction or an exponent."""
    written = texts if not found.thousands else texts.str.replace_all(f"[{found.thousands}]", "")
    if found.decimal or written.str.contains(_WRITTEN_AS_FLOAT).any():
        return found.values
    whole = cast(texts, Column(texts.name, "int", decimal=found.decimal, thousands=found.thousands))
    return found.values if whole.failed.any() else whole.values
