"""Texts that look like texts: plain words, and what matches a pattern."""

from __future__ import annotations

import functools
import re
import re._constants as code  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import string
from collections.abc import Sequence
from typing import Any

import polars as pl

from magical.synthesis.bounds import CannotDraw
from magical.synthesis.rng import Chance, Integers

__all__ = ["WORDS", "matching", "numbered", "words"]

WORDS = (
    "amber", "apple", "birch", "brook", "cedar", "cloud", "copper", "coral", "delta", "ember",
    "fern", "field", "flint", "grove", "harbor", "hazel", "island", "ivory", "jade", "lake",
    "lemon", "linen", "maple", "meadow", "mint", "north", "oak", "olive", "opal", "pearl", "pine",
    "plum", "quartz", "river", "rose", "sage", "silver", "slate", "stone", "willow",
)  # fmt: skip

_LETTERS, _DIGITS = string.ascii_lowercase, string.digits
_CLASSES = {
    code.CATEGORY_DIGIT: _DIGITS,
    code.CATEGORY_WORD: _LETTERS + _DIGITS,
    code.CATEGORY_SPACE: " ",
    code.CATEGORY_NOT_DIGIT: _LETTERS,
    code.CATEGORY_NOT_WORD: " -",
    code.CATEGORY_NOT_SPACE: _LETTERS + _DIGITS,
}
_PRINTABLE = [chr(c) for c in range(32, 127)]
_BLOCK, _POOL = 4096, 1000
_ASK = "give Field(examples=[...]) that match it"


@functools.cache
def words(least: int, most: int | None) -> tuple[str, ...]:
    """Give plain words of a length, made longer by others and cut where they must be.

    Example:
        >>> words(0, 3)[:3], words(8, None)[:2]
        (('amb', 'app', 'bir'), ('amber apple', 'apple birch'))
    """
    made = []
    for start in range(len(WORDS)):
        text, following = WORDS[start], start
        while len(text) < least:
            following += 1
            text += f" {WORDS[following % len(WORDS)]}"
        cut = text if most is None else text[:most]
        made.append(f"{cut[:-1]}s" if cut.endswith(" ") else cut)
    return tuple(dict.fromkeys(made))


def numbered(stem: str, least: int, most: int | None, size: int) -> pl.Series:
    """Give different texts, such as ``shop-1`` and ``shop-2``; short codes where the length is bounded.

    Fewer come where no more are possible.

    Example:
        >>> numbered("shop", 0, None, 2).to_list(), numbered("shop", 0, 2, 3).to_list()
        (['shop-1', 'shop-2'], ['aa', 'ab', 'ac'])
    """
    if most is None or most >= len(stem) + 20:
        number = pl.Series(range(1, size + 1), dtype=pl.Int64).cast(pl.String)
        return f"{stem}-" + number.str.zfill(max(0, least - len(stem) - 1))
    width = most if most < 8 else max(least, 8)
    size = min(size, 26 ** min(width, 13))
    places, letters = pl.Series(range(size), dtype=pl.Int64), pl.Series(list(_LETTERS))
    columns = [letters.gather(places // 26**p % 26).alias(str(p)) for p in range(min(width, 13))][::-1]
    padding = pl.lit("a" * (width - len(columns)))
    return pl.select(pl.concat_str([padding, *columns])).to_series() if columns else pl.Series([""] * size)


def matching(pattern: str, least: int, most: int | None, *, different: int = 0) -> pl.Series:
    """Give different texts that match a pattern, a thousand of them or as many as asked for, if there are.

    Raises:
        CannotDraw: none could be made.

    Example:
        >>> sorted(matching("^[AB]-?[0-1]$", 0, None))
        ['A-0', 'A-1', 'A0', 'A1', 'B-0', 'B-1', 'B0', 'B1']
    """
    return _matching(pattern, least, most, different or _POOL)


@functools.lru_cache(maxsize=16)
def _matching(pattern: str, least: int, most: int | None, different: int) -> pl.Series:
    try:
        tree = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise CannotDraw(f"Python cannot read the pattern {pattern}: {error}", _ASK) from None
    found, chance = pl.Series([], dtype=pl.String), Chance("pattern", pattern)
    for turn in range(64):
        size, before = max(_BLOCK, different), found.len()
        more = (0, 2, 8)[turn % 3] + (least if turn % 2 else 0)
        try:
            made = _Writer(chance, more).sequence(tree, size)
            if least:  # what matches anywhere may be made longer
                made = pl.concat([made, made.str.pad_end(least, "a"), made.str.pad_start(least, "a")])
            fits = made.str.contains(pattern) & (made.str.len_chars() >= least)
        except (CannotDraw, pl.exceptions.PolarsError) as error:
            raise CannotDraw(f"no text was found that matches {pattern}: {_first(error)}", _ASK) from None
        if most is not None:
            fits &= made.str.len_chars() <= most
        found = pl.concat([found, made.filter(fits)]).unique(maintain_order=True)
        if found.len() >= different or (turn >= 5 and found.len() == before):
            break
    if found.is_empty():
        lengths = [f">= {least}"] * bool(least) + [f"<= {most}"] * (most is not None)
        sized = f" and has a length {' and '.join(lengths)}" if lengths else ""
        raise CannotDraw(f"no text was found that matches {pattern}{sized}", _ASK)
    return found.head(different)


class _Writer:
    """Writes many texts at once along the tree that Python's own parser makes of a pattern."""

    def __init__(self, chance: Chance, more: int) -> None:
        self.chance, self.more = chance, more

    def sequence(self, tree: Any, size: int) -> pl.Series:
        parts = [self.piece(op, argument, size).alias(str(i)) for i, (op, argument) in enumerate(tree)]
        return pl.select(pl.concat_str(parts)).to_series() if parts else _same("", size)

    def piece(self, op: Any, argument: Any, size: int) -> pl.Series:
        match op:
            case code.LITERAL:
                return _same(chr(argument), size)
            case code.AT:
                return _same("", size)
            case code.ANY | code.NOT_LITERAL | code.IN:
                options = _options(op, argument)
                return pl.Series(options).gather(self.chance.below(len(options), size))
            case code.SUBPATTERN:
                return self.sequence(argument[-1], size)
            case code.ATOMIC_GROUP:
                return self.sequence(argument, size)
            case code.BRANCH:
                return self.branch(argument[1], size)
            case code.MAX_REPEAT | code.MIN_REPEAT | code.POSSESSIVE_REPEAT:
                return self.repeat(argument, size)
        raise CannotDraw(f"it has {str(op).lower().replace('_', ' ')}")

    def branch(self, branches: Sequence[Any], size: int) -> pl.Series:
        picked, out = self.chance.below(len(branches), size), _same("", size)
        for number, tree in enumerate(branches):
            out = _where(picked == number, self.sequence(tree, size), out)
        return out

    def repeat(self, argument: tuple[int, Any, Any], size: int) -> pl.Series:
        least, most, tree = argument
        most = min(int(most), least + max(self.more, 1))
        counts = self.chance.below(most - least + 1, size) + least
        out = _same("", size)
        for number in range(most):
            longer = out + self.sequence(tree, size)
            out = longer if number < least else _where(counts > number, longer, out)
        return out


def _options(op: Any, argument: Any) -> list[str]:
    """The characters that a dot or a set stands for."""
    if op is code.ANY:
        return list(_LETTERS)
    if op is code.NOT_LITERAL:
        return [c for c in _PRINTABLE if c != chr(argument)]
    negated, members = False, dict[str, None]()
    for kind, value in argument:
        match kind:
            case code.NEGATE:
                negated = True
            case code.LITERAL:
                members[chr(value)] = None
            case code.RANGE:
                members |= dict.fromkeys(map(chr, range(value[0], min(value[1], value[0] + 255) + 1)))
            case code.CATEGORY if value in _CLASSES:
                members |= dict.fromkeys(_CLASSES[value])
            case _:
                raise CannotDraw(f"it has {str(kind).lower()}")
    plain = [c for c in (*_LETTERS, *_DIGITS, *_PRINTABLE) if c not in members]
    found = list(dict.fromkeys(plain)) if negated else list(members)
    if not found:
        raise CannotDraw("it has a set that is empty")
    return found


def _same(text: str, size: int) -> pl.Series:
    return pl.repeat(text, size, dtype=pl.String, eager=True)


def _where(mask: Integers, one: pl.Series, other: pl.Series) -> pl.Series:
    return one.zip_with(pl.Series(mask), other)


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
