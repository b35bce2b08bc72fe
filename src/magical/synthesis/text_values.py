"""Generated texts: plain words, numbered names, and texts that match a pattern."""

from __future__ import annotations

import functools
import itertools
import re
import re._constants as code  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import string
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from magical.errors import shorten
from magical.synthesis.bounds import VALUE_BYTES, CannotGenerate
from magical.synthesis.rng import NumberArray, SeededRandom

__all__ = ["WORDS", "generate_matching", "generate_numbered", "generate_words"]

WORDS = (
    "amber", "apple", "birch", "brook", "cedar", "cloud", "copper", "coral", "delta", "ember",
    "fern", "field", "flint", "grove", "harbor", "hazel", "island", "ivory", "jade", "lake",
    "lemon", "linen", "maple", "meadow", "mint", "north", "oak", "olive", "opal", "pearl", "pine",
    "plum", "quartz", "river", "rose", "sage", "silver", "slate", "stone", "willow",
)  # fmt: skip

_LETTERS, _DIGITS = string.ascii_lowercase, string.digits
_CATEGORY_CHARACTERS = {
    code.CATEGORY_DIGIT: _DIGITS,
    code.CATEGORY_WORD: _LETTERS + _DIGITS,
    code.CATEGORY_SPACE: " ",
    code.CATEGORY_NOT_DIGIT: _LETTERS,
    code.CATEGORY_NOT_WORD: " -",
    code.CATEGORY_NOT_SPACE: _LETTERS + _DIGITS,
}
_PRINTABLE = [chr(c) for c in range(32, 127)]
_BLOCK_SIZE, _POOL_SIZE = 4096, 1000
_MAX_PIECES = VALUE_BYTES // 25  # of a pattern's text: a piece costs more than a character of a plain one
_BLOCK_BYTES = 400 * VALUE_BYTES
_CHUNK = 64  # texts that are joined at once: one by one, the cost would grow with the square of their number
_EXAMPLES_HINT = "give Field(examples=[...]) that match it"


@functools.cache
def generate_words(least: int, most: int | None) -> tuple[str, ...]:
    """Generate words within length limits: short ones are joined, long ones cut.

    Example:
        >>> generate_words(0, 3)[:3], generate_words(8, None)[:2]
        (('amb', 'app', 'bir'), ('amber apple', 'apple birch'))
    """
    texts = []
    for start in range(len(WORDS)):
        text, following = WORDS[start], start
        while len(text) < least:
            following += 1
            text += f" {WORDS[following % len(WORDS)]}"
        cut = text if most is None else text[:most]
        texts.append(f"{cut[:-1]}s" if cut.endswith(" ") else cut)  # no text ends in a space
    return tuple(dict.fromkeys(texts))


def generate_numbered(prefix: str, least: int, most: int | None, size: int) -> pl.Series:
    """Generate distinct texts such as ``shop-1``, or short codes for limited lengths; fewer if too few fit.

    Example:
        >>> generate_numbered("shop", 0, None, 2).to_list(), generate_numbered("shop", 0, 2, 3).to_list()
        (['shop-1', 'shop-2'], ['aa', 'ab', 'ac'])
    """
    if most is None or most >= len(prefix) + 20:  # a hyphen and 19 digits, the longest int64
        number = pl.Series(range(1, size + 1), dtype=pl.Int64).cast(pl.String)
        return f"{prefix}-" + number.str.zfill(max(0, least - len(prefix) - 1))
    width = most if most < 8 else max(least, 8)
    size = min(size, 26 ** min(width, 13))
    # Numbers in base 26; 26**13 is the greatest power that fits into int64.
    numbers, letters = pl.Series(range(size), dtype=pl.Int64), pl.Series(list(_LETTERS))
    columns = [letters.gather(numbers // 26**p % 26).alias(str(p)) for p in range(min(width, 13))][::-1]
    padding = pl.lit("a" * (width - len(columns)))
    return pl.select(pl.concat_str([padding, *columns])).to_series() if columns else pl.Series([""] * size)


def generate_matching(pattern: str, least: int, most: int | None, *, count: int = 0) -> pl.Series:
    """Generate distinct texts that match a pattern: at most ``count``, or at most a thousand if it is 0.

    Raises:
        CannotGenerate: Python cannot read the pattern, or no text is found.

    Example:
        >>> sorted(generate_matching("^[AB]-?[0-1]$", 0, None))
        ['A-0', 'A-1', 'A0', 'A1', 'B-0', 'B-1', 'B0', 'B1']
    """
    return _search_matching(pattern, least, most, count or _POOL_SIZE)


@functools.lru_cache(maxsize=16)
def _search_matching(pattern: str, least: int, most: int | None, count: int) -> pl.Series:
    """Draw texts from the pattern's syntax tree, and keep those that match it and fit the lengths."""
    try:
        tree = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise CannotGenerate(f"Python cannot read the pattern {pattern}: {error}", _EXAMPLES_HINT) from None
    _check_pieces(tree, pattern)
    found, rng = pl.Series([], dtype=pl.String), SeededRandom("pattern", pattern)
    size, longer, pieces = max(min(_BLOCK_SIZE, _BLOCK_BYTES // max(least, 1)), count), least, 0
    for turn in range(64):
        # Few repeats give short texts, many give long ones; which fit the length limits is not known.
        writer = _PatternWriter(rng, (0, 2, 8)[turn % 3] + (longer if turn % 2 else 0))
        before = found.len()
        try:
            texts = _keep_fitting(writer.sequence(tree, size), pattern, least, most)
        except _TooManyPieces:
            longer, texts = 0, found
        except (CannotGenerate, pl.exceptions.PolarsError) as error:
            reason = str(error).strip().splitlines()[0]
            raise CannotGenerate(
                f"no text was found that matches {pattern}: {reason}", _EXAMPLES_HINT
            ) from None
        pieces += writer.pieces
        found = pl.concat([found, texts]).unique(maintain_order=True)
        is_exhausted = pieces > 5 * _MAX_PIECES or (turn >= 5 and found.len() == before)
        if found.len() >= count or is_exhausted:
            break
    if found.is_empty():
        lengths = [f">= {least}"] * bool(least) + [f"<= {most}"] * (most is not None)
        sized = f" and has a length {' and '.join(lengths)}" if lengths else ""
        raise CannotGenerate(f"no text was found that matches {pattern}{sized}", _EXAMPLES_HINT)
    return found.head(count)


def _keep_fitting(texts: pl.Series, pattern: str, least: int, most: int | None) -> pl.Series:
    """Keep the texts that match a pattern and fit the lengths; short ones are padded."""
    if least:  # a pattern without anchors still matches a padded text
        texts = pl.concat([texts, texts.str.pad_end(least, "a"), texts.str.pad_start(least, "a")])
    # Checked with the engine that validates: Rust's syntax differs from Python's in places.
    fits = texts.str.contains(pattern) & (texts.str.len_chars() >= least)
    return texts.filter(fits if most is None else fits & (texts.str.len_chars() <= most))


def _check_pieces(tree: Any, pattern: str) -> None:
    """Refuse a pattern whose shortest texts have too many pieces, before a block of them is written."""
    try:
        _PatternWriter(SeededRandom("one text", pattern), 0).sequence(tree, 1)
    except _TooManyPieces:
        raise CannotGenerate(
            f"its pattern {shorten(pattern, 60)} has more than {_MAX_PIECES:,} characters and choices",
            "give Field(examples=[...]) that match it, or shorten it",
        ) from None
    except CannotGenerate:
        pass  # the caller says which text was sought


class _TooManyPieces(Exception):
    """The texts of a pattern have more than ``_MAX_PIECES`` pieces."""


class _PatternWriter:
    """Generates many texts at once from a pattern's syntax tree, with few or many ``extra_repeats``."""

    def __init__(self, rng: SeededRandom, extra_repeats: int) -> None:
        self.rng, self.extra_repeats = rng, extra_repeats
        self.pieces = 0

    def sequence(self, tree: Any, size: int) -> pl.Series:
        return _join_texts((self.piece(op, argument, size) for op, argument in tree), size)

    def piece(self, op: Any, argument: Any, size: int) -> pl.Series:
        """Generate ``size`` texts for one node of the syntax tree."""
        self.pieces += 1
        if self.pieces > _MAX_PIECES:
            raise _TooManyPieces
        match op:
            case code.LITERAL:
                return _repeat_text(chr(argument), size)
            case code.AT:
                return _repeat_text("", size)
            case code.ANY | code.NOT_LITERAL | code.IN:
                options = _find_characters(op, argument)
                return pl.Series(options).gather(self.rng.integers(len(options), size))
            case code.SUBPATTERN:
                return self.sequence(argument[-1], size)
            case code.ATOMIC_GROUP:
                return self.sequence(argument, size)
            case code.BRANCH:
                return self.branch(argument[1], size)
            case code.MAX_REPEAT | code.MIN_REPEAT | code.POSSESSIVE_REPEAT:
                return self.repeat(argument, size)
        raise CannotGenerate(f"it has {str(op).lower().replace('_', ' ')}")

    def branch(self, branches: Sequence[Any], size: int) -> pl.Series:
        chosen, texts = self.rng.integers(len(branches), size), _repeat_text("", size)
        for number, tree in enumerate(branches):
            texts = _select_texts(chosen == number, self.sequence(tree, size), texts)
        return texts

    def repeat(self, argument: tuple[int, Any, Any], size: int) -> pl.Series:
        least, most, tree = argument
        most = min(int(most), least + max(self.extra_repeats, 1))
        counts = self.rng.integers(most - least + 1, size) + least
        nothing = _repeat_text("", size)
        texts = (self.sequence(tree, size) for _ in range(most))
        return _join_texts(
            (t if i < least else _select_texts(counts > i, t, nothing) for i, t in enumerate(texts)), size
        )


def _find_characters(op: Any, argument: Any) -> list[str]:
    """List the characters that a dot or a set may match."""
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
            case code.CATEGORY if value in _CATEGORY_CHARACTERS:
                members |= dict.fromkeys(_CATEGORY_CHARACTERS[value])
            case _:
                raise CannotGenerate(f"it has {str(kind).lower()}")
    others = [c for c in (*_LETTERS, *_DIGITS, *_PRINTABLE) if c not in members]
    characters = list(dict.fromkeys(others)) if negated else list(members)
    if not characters:
        raise CannotGenerate("it has a set that is empty")
    return characters


def _join_texts(texts: Iterable[pl.Series], size: int) -> pl.Series:
    """Join texts row by row."""
    joined, waiting = _repeat_text("", size), iter(texts)
    while chunk := list(itertools.islice(waiting, _CHUNK)):
        parts = [text.alias(str(i)) for i, text in enumerate([joined, *chunk])]
        joined = pl.select(pl.concat_str(parts)).to_series()
    return joined


def _repeat_text(text: str, size: int) -> pl.Series:
    return pl.repeat(text, size, dtype=pl.String, eager=True)


def _select_texts(mask: NumberArray, one: pl.Series, other: pl.Series) -> pl.Series:
    return one.zip_with(pl.Series(mask), other)
