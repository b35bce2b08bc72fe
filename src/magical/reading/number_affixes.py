"""The parts of texts that are numbers: signs, brackets, currencies and units around the digits and marks."""

from __future__ import annotations

import decimal

import polars as pl

from magical.reading.reading_note import ReadingNote

__all__ = [
    "KNOWN_UNITS",
    "find_common_affix",
    "find_other_unit",
    "find_unsettled_unit",
    "note_affixes",
    "split_affixes",
]

_CURRENCY = (  # K$, M€ and T€ are multiples
    r"(?:[A-Z]{2}|[A-JLN-SU-Z])?\p{Sc}|(?i:eur|usd|gbp|chf|jpy|cny|rmb|inr|brl|pln|sek|nok|dkk|czk|huf|ron|bgn|rub|try"
    r"|cad|aud|nzd|mxn|zar|sgd|hkd|krw|ils|thb|idr|php|myr|euros?|dollars?|kr|zł|zl|kč|sfr|fr|rs|rm|lei)\.?"
)
_UNIT = r"\p{Sc}[^\d\s()\-]{1,14}|[°µμ\p{L}][^\d\s()\-]{0,14}[23²³]?(?:\s\p{L}[^\d\s()\-]{0,14})?"
_MINUS = "\\-\u2212\u2013\ufe63\uff0d"
_SIGN = f"[+{_MINUS}]?"
_DIGITS = r"[0-9.,](?:[0-9.,'\u2019\u02bc\u00b4_\s]*[0-9.])?(?:[eE][+-]?[0-9]+)?"
_BEFORE = r"^(?:[^0-9.,]*\p{L}\.)?[^0-9.,]*"  # a point behind letters is theirs, as in Rs.500
_NUMBER = (
    rf"^(?P<open>\()?\s*(?P<sign>{_SIGN})\s*(?P<currency>{_CURRENCY})?\s*(?P<inner_open>\()?"
    rf"(?P<inner_sign>{_SIGN})\s*(?P<core>{_DIGITS})(?P<trail>[{_MINUS}])?(?P<inner_close>\))?\s*"
    rf"(?P<suffix>[%‰]|{_CURRENCY}|{_UNIT})?(?P<close>\))?$"
)
# Ordinals, times and dates look like numbers with a unit.
_NO_UNIT = (
    r"(?i)^(?:[ap]\.?m\.?|st|nd|rd|th|uhr|jan|january|januar|feb|february|februar|mar|march|mär|märz|apr|april"
    r"|may|mai|jun|june|juni|jul|july|juli|aug|august|sept?|september|o[ck]t|o[ck]tober|nov|november|de[cz]"
    r"|de[cz]ember)\.?$"
)
_ZERO = r"^[+-]?[0.,]+$"
_PLURALS = {"unit": "units", "currency": "currencies"}
_MULTIPLES = {
    "k": 3, "K": 3, "tsd": 3, "thousand": 3, "M": 6, "mio": 6, "mn": 6, "mln": 6, "million": 6, "mrd": 9,
    "bn": 9, "B": 9, "billion": 9, "lakh": 5, "crore": 7,
}  # fmt: skip
"""Units that another reader could take for a power of ten."""
_OF_MONEY = rf"\.?\s*(?:{_CURRENCY})$"
_OPPOSITES = frozenset({"S", "W", "D", "Dr", "DR", "dr", "Cr", "CR", "cr", "Soll", "Haben"})
"""Units that could mean the negative side: south, west, debit or credit."""
KNOWN_UNITS = (
    r"^(?:[%‰]|°[CF]?|mg|g|kg|lbs?|oz|µm|mm|cm|m|km|mi|ft|in|yd|[mckd]?m[23²³]|[kKM]|ha|sqm|sqft|ml|cl|dl|l|ms|s|sec"
    r"|min|h|hrs?|[kMGT]i?B|[kM]?bps|[kMG]?Hz|[kMG]Wh?|Wh|[mk]V|mA|[kM]?Pa|bar|km/h|mph|m/s|kcal|kJ|PS|hp"
    r"|pcs\.?|px|dpi|rpm)$"
)
"""Units that may follow a number without a blank; other letters there may be part of a code, such as 12A."""
_SIMPLE = r"^[+-]?[0-9.,]+$"


def _affix() -> pl.Expr:
    """Express what stands beside a number of ``split_affixes``: its unit, else its currency."""
    currency = pl.col("currency").str.to_lowercase().str.strip_chars_end(".")
    return pl.when(pl.col("unit") != "").then("unit").otherwise(currency)


def split_affixes(texts: pl.Series) -> pl.DataFrame:
    """Split texts that are numbers into their digits and marks, and what stands around them.

    Returns:
        ``core``: the sign, digits, marks and exponent, null where a text is no number (its marks may still be
        at impossible places); ``currency`` and ``unit``: empty for none; ``minus``: ``()`` or ``-`` for the
        minus of ``(5)`` or ``5-``.

    Example:
        >>> split_affixes(pl.Series(["1,5", "(5 kg)", "5 m²-", "-$2,000"])).rows()
        [('1,5', '', '', ''), ('-5', '', 'kg', '()'), (None, '', '', ''), ('-2,000', '$', '', '')]
    """
    simple = texts.str.contains(_SIMPLE).fill_null(False)
    plain = pl.DataFrame({"core": texts}).with_columns(currency=pl.lit(""), unit=pl.lit(""), minus=pl.lit(""))
    if simple.sum() == texts.count():
        return plain
    rows = (~simple & texts.is_not_null()).arg_true()
    rest = _split(texts.gather(rows))
    if len(rows) == len(texts):
        return rest
    core = texts.clone().scatter(rows, rest["core"])
    others = {name: plain[name].scatter(rows, rest[name]) for name in ("currency", "unit", "minus")}
    return pl.DataFrame({"core": core, **others})


def _split(texts: pl.Series) -> pl.DataFrame:
    # Matching the whole pattern with its groups takes 10 us a text. What stands around the digits is the same
    # in most of them, so it is cut off by patterns without groups, and each kind is matched once.
    rest = texts.str.replace(_BEFORE, "")
    after = rest.str.replace(f"^{_DIGITS}", "")
    cut = pl.DataFrame({"text": texts, "rest": rest, "after": after}).select(
        before=pl.col("text").str.head(pl.col("text").str.len_chars() - pl.col("rest").str.len_chars()),
        digits=pl.col("rest").str.head(pl.col("rest").str.len_chars() - pl.col("after").str.len_chars()),
        after="after",
    )
    kinds = _parse_kinds(cut.select("before", "after").unique())
    core = pl.col("digits").str.replace_all(r"[\u2019\u02bc\u00b4]", "'").str.replace_all(r"\s", " ")
    # A price such as "5.-" has no minus: a mark comes before it.
    is_number = pl.col("is_number") & (pl.col("digits") != "")
    is_number &= ~(pl.col("after").str.contains(f"^[{_MINUS}]") & core.str.contains(r"[.,]$"))
    return (
        cut.join(kinds, on=["before", "after"], how="left", maintain_order="left")
        .with_columns(is_number=is_number)
        .select(
            core=pl.when("is_number").then(pl.col("sign") + core),
            currency=pl.when("is_number").then("currency").otherwise(pl.lit("")),
            unit=pl.when("is_number").then("unit").otherwise(pl.lit("")),
            minus=pl.when("is_number").then("minus").otherwise(pl.lit("")),
        )
    )


def _parse_kinds(kinds: pl.DataFrame) -> pl.DataFrame:
    """Parse what stands before and after the digits of numbers."""
    texts = kinds.select(pl.col("before") + "1" + pl.col("after")).to_series()
    parts = texts.str.extract_groups(_NUMBER).struct.unnest().with_columns(pl.all().fill_null(""))
    signs = pl.concat_str("sign", "inner_sign", "trail").str.replace_all("+", "", literal=True)
    brackets = pl.concat_str("open", "inner_open", "inner_close", "close")
    suffix, is_currency = pl.col("suffix"), pl.col("suffix").str.contains(f"^(?:{_CURRENCY})$")
    return kinds.hstack(
        parts.select(
            is_number=(pl.col("core") == "1")
            & brackets.is_in(["", "()"])
            & (signs.str.len_chars() + (brackets == "()").cast(pl.UInt32) <= 1)
            & ((pl.col("sign") == "") | (pl.col("inner_sign") + pl.col("trail") == ""))
            & ~suffix.str.contains(_NO_UNIT)
            # 12A may be a code.
            & (~kinds["after"].str.contains(r"^\p{L}\)?$") | suffix.str.contains(KNOWN_UNITS)),
            sign=pl.when((signs != "") | (brackets == "()")).then(pl.lit("-")).otherwise(pl.lit("")),
            currency=pl.when(is_currency).then(pl.col("currency") + suffix).otherwise("currency"),
            unit=pl.when(is_currency).then(pl.lit("")).otherwise(suffix),
            minus=pl.when(pl.col("trail") != "").then(pl.lit("-")).otherwise(brackets),
        )
    )


def find_other_unit(texts: pl.Series, parts: pl.DataFrame) -> tuple[pl.Series | None, str, str]:
    """Find numbers that cannot be compared with the others, since their unit or currency is another.

    Args:
        texts: the texts.
        parts: what ``split_affixes`` returns for them.

    Returns:
        True where a number cannot be read, or None for nowhere; the unit of the others; two examples of
        different units, if there are several.

    Example:
        >>> texts = pl.Series(["12 kg", "3 g"])
        >>> find_other_unit(texts, split_affixes(texts))[2]
        "'12 kg' and '3 g' have different units"
    """
    numbers = parts.with_columns(
        pl.col("currency").str.to_lowercase().str.strip_chars_end("."),
        text=texts,
        # A zero is one in every unit.
        bare=pl.col("core").is_not_null() & ~pl.col("core").fill_null("").str.contains(_ZERO),
    )
    for kind in ("unit", "currency"):
        has_unit = (numbers[kind] != "") & numbers["core"].is_not_null()
        if not has_unit.any():
            continue
        is_bare = numbers["bare"] & ~has_unit
        counts = numbers.filter(has_unit).group_by(kind, maintain_order=True).len()
        units = counts.sort("len", descending=True, maintain_order=True)[kind].head(2).to_list()
        if is_bare.sum() > has_unit.sum():
            if kind == "unit" or len(units) > 1:
                return has_unit, "", ""
        elif len(units) > 1:
            first, second = (numbers.filter(has_unit & (numbers[kind] == u))["text"][0] for u in units)
            return has_unit, "", f"{first!r} and {second!r} have different {_PLURALS[kind]}"
        elif units == ["%"] and is_bare.any():
            first, second = (numbers.filter(rows)["text"][0] for rows in (has_unit, is_bare))
            return has_unit | is_bare, "", f"{first!r} is in percent, and {second!r} is not"
        elif kind == "unit":
            return is_bare, units[0], ""
    return None, "", ""


def find_common_affix(parts: pl.DataFrame) -> str:
    """Return the unit that stands beside most numbers with one, else the currency; empty if none has any.

    Example:
        >>> find_common_affix(split_affixes(pl.Series(["12 kg", "7 kg"])))
        'kg'
    """
    affixes = parts.filter(pl.col("core").is_not_null()).select(_affix()).to_series()
    common = affixes.filter(affixes != "").mode().sort()
    return str(common[0]) if len(common) else ""


def find_unsettled_unit(parts: pl.DataFrame, unit: str) -> pl.Series:
    """Return True where a number has another unit or currency than the settled one, each text by itself.

    Args:
        parts: what ``split_affixes`` returns.
        unit: the settled unit or currency, from ``find_common_affix``; empty for numbers without any.

    Example:
        >>> parts = split_affixes(pl.Series(["12 kg", "3 g", "7", "0"]))
        >>> find_unsettled_unit(parts, "kg").to_list(), find_unsettled_unit(parts, "").to_list()
        ([False, True, True, False], [True, True, False, False])
    """
    is_currency = bool(pl.Series([unit]).str.contains(f"(?i)^(?:{_CURRENCY})$").item())
    # A zero is one in every unit, and many sources leave the currency out.
    is_free = (_affix() == "") & (pl.lit(is_currency) | pl.col("core").str.contains(_ZERO))
    other = pl.col("core").is_not_null() & (_affix() != unit) & ~is_free
    return parts.select(other.fill_null(False).alias("other")).to_series()


def note_affixes(texts: pl.Series, parts: pl.DataFrame, plain: pl.Series) -> list[ReadingNote]:
    """Note what is left out around the numbers, with the first example of each kind.

    Args:
        texts: the texts.
        parts: what ``split_affixes`` returns for them.
        plain: the numbers, null where a text is none.

    Example:
        >>> texts = pl.Series(["(5)", "7 kg"])
        >>> for note in note_affixes(texts, split_affixes(texts), pl.Series(["-5", "7"])):
        ...     print(note)
        '7 kg' is read as 7 (without the unit kg)
        '(5)' is read as -5 (brackets for a negative number); as a positive number it would be 5
    """
    read = parts.with_columns(text=texts, plain=plain).filter(plain.is_not_null())
    notes = []
    for row in read.filter(pl.col("unit") != "").head(1).iter_rows(named=True):
        notes.append(_note_unit(row["text"], row["plain"], row["unit"]))
    for row in read.filter(pl.col("minus") == "()").head(1).iter_rows(named=True):
        positive = ("as a positive number", row["plain"].lstrip("-"))
        notes.append(ReadingNote(row["text"], row["plain"], "brackets for a negative number", *positive))
    for row in read.filter(pl.col("minus") == "-").head(1).iter_rows(named=True):
        notes.append(ReadingNote(row["text"], row["plain"], "minus behind the number"))
    for row in read.filter(pl.col("currency") != "").head(1).iter_rows(named=True):
        notes.append(ReadingNote(row["text"], row["plain"], f"without the currency {row['currency']}"))
    return notes


def _note_unit(text: str, plain: str, unit: str) -> ReadingNote:
    power = _find_power(unit)
    if power is None:
        note = ReadingNote(text, plain, f"without the unit {unit}")
        negative = plain.removeprefix("-") if plain.startswith("-") else f"-{plain}"
        return (
            note._replace(otherwise="on the other side", also_possible=negative)
            if unit in _OPPOSITES
            else note
        )
    other = f"{decimal.Decimal(plain).scaleb(power).normalize():f}"
    if power < 0:
        return ReadingNote(text, plain, "percent" if unit == "%" else "per mille", "as a share", other)
    return ReadingNote(text, plain, f"without the unit {unit}", "as a multiple", other)


def _find_power(unit: str) -> int | None:
    """Return the power of ten that another reader could take a unit for: % or k, also before a currency."""
    if unit in ("%", "‰"):
        return -2 if unit == "%" else -3
    multiple = pl.Series([unit]).str.replace(_OF_MONEY, "").item()
    if multiple != unit and multiple in ("T", "t"):  # thousand in German; a ton without a currency
        return 3
    return _MULTIPLES.get(multiple, _MULTIPLES.get(multiple.lower().strip(".")))
