"""The code page of a text that is not Unicode: the one that makes words of its bytes above 127."""

from __future__ import annotations

import codecs
import re
from itertools import islice
from typing import NamedTuple

__all__ = ["CodePage", "detect_code_page"]

_SAMPLE_WORDS = 2000
_SAMPLE_BYTES = 1 << 16
_LANGUAGES = {
    "german": "äöüß",
    "french": "àâæçéèêëîïôœùûüÿ",
    "spanish": "áéíñóúü",
    "portuguese": "àáâãçéêíóôõúü",
    "italian": "àèéìíòóùú",
    "nordic": "åäöæøéü",
    "icelandic": "áðéíóúýþæö",
    "polish": "ąćęłńóśźż",
    "czech": "áčďéěíňóřšťúůýž",
    "slovak": "áäčďéíĺľňóôŕšťúýž",
    "hungarian": "áéíóöőúüű",
    "croatian": "čćđšž",
    "romanian": "ăâîşţ",
    "turkish": "âçğıîöşüİ\u0307",  # the lower case of the capital is an i and a dot of its own
    "russian": "абвгдежзийклмнопрстуфхцчшщъыьэюяё",
    "ukrainian": "абвгдежзийклмнопрстуфхцчшщьюяєіїґ",
    "greek": "αβγδεζηθικλμνξοπρςστυφχψωάέήίόύώϊϋΐΰ",
    "hebrew": "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
}
"""The letters above 127 of each language; those whose script is Latin write ASCII letters beside them."""

_LATIN = ("german", "french", "spanish", "portuguese", "italian", "nordic", "icelandic")
_EASTERN = ("polish", "czech", "slovak", "hungarian", "croatian", "romanian", "german")
_OTHER_SCRIPTS = ("russian", "ukrainian", "greek", "hebrew")
_PAGES = {
    "cp1252": ("Windows-1252", _LATIN),
    "iso8859-15": ("ISO 8859-15", _LATIN),
    "cp1250": ("Windows-1250", _EASTERN),
    "iso8859-2": ("ISO 8859-2", _EASTERN),
    "cp1255": ("Windows-1255", ("hebrew",)),  # before cp1251, whose letters it has not all
    "cp1251": ("Windows-1251", ("russian", "ukrainian")),
    "koi8-r": ("KOI8-R", ("russian",)),
    "cp866": ("DOS 866", ("russian",)),
    "mac-roman": ("Mac Roman", _LATIN),
    "cp850": ("DOS 850", _LATIN),
    "cp1253": ("Windows-1253", ("greek",)),
    "cp1254": ("Windows-1254", ("turkish",)),
}
"""The title and the languages of each page of one byte a letter; of equally good pages the first wins."""

_ASIAN_PAGES = {
    "cp932": ("Shift JIS", 0x81, 0x98),
    "cp949": ("Korean (cp949)", 0xB0, 0xC8),
    "gb18030": ("GB 18030", 0xA1, 0xD7),
}
"""The title of each page of two bytes a letter, and the range of the first byte of its common letters."""

_COMMON_SHARE = 0.9
_RUSSIAN_VOWELS = set("аеиоуыэюяёіїє")
_DISTINCT_HANGUL = 8  # fewer letters may be Chinese as well, whose first bytes overlap

_DOUBTFUL = re.compile(r"(?<![^\0-\x7f])(?:[^\0-\x7f](?![^\0-\x7f])|[^\0-\x7f]+(?=[A-Za-z]))")

_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_HIGH_WORD = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
# Letters in quotes or beside marks; a sign such as £ may not touch a letter.
_WORD = re.compile(r"[“„\u2018«–—]*([^\W\d_]+(?:[’·–—][^\W\d_]+)*)[”“’»…–—°ºª™®©²³]*")
_SIGNS = re.compile(r"[€£¥§°µ±×÷¼½¾²³…•–—·“”„\u2018’«»©®™]+[CFgms]?")


class CodePage(NamedTuple):
    """A code page that a text may be written in.

    Attributes:
        codec: its name in Python.
        title: its name for people.
        share: the share of words with bytes above 127 that it makes plausible.
        example: such a word as this page reads it.
        other: the next best page, and the word as that page reads it; empty if there is none.
    """

    codec: str
    title: str
    share: float
    example: str
    other: tuple[str, str] | tuple[()] = ()


class _Score(NamedTuple):
    share: float
    in_one_language: float


def detect_code_page(data: bytes) -> CodePage:
    """Find the code page that makes words of the bytes above 127 of a text.

    A word is plausible if one language has all its letters, and if its capitals are where capitals stand.
    The page with the most plausible words wins; one language for most of the words counts as much.

    Args:
        data: a text with bytes above 127 that is not Unicode.

    Example:
        >>> detect_code_page("Kraków,Łódź".encode("cp1250")).title
        'Windows-1250'
    """
    line = _find_line(data)
    found = _HIGH_WORD.finditer(data, data.index(line))
    words = list(dict.fromkeys(match[0] for match in islice(found, _SAMPLE_WORDS)))
    scores = {codec: _score_page(words, codec) for codec in _PAGES}
    ranked = sorted(scores, key=lambda codec: -sum(scores[codec]))  # stable: of equals the first stays first
    asian = _find_asian_page(data[data.index(line) :][:_SAMPLE_BYTES], scores[ranked[0]].share)
    if asian:
        ranked.insert(0, asian)
        words = [line]  # its letters cannot be cut into words by their bytes
    # The whole text decides last: most pages leave a few bytes undefined.
    best = next((codec for codec in ranked if _decode(data, codec) is not None), "latin-1")
    share = 1.0 if best == asian else scores.get(best, scores["cp1252"]).share
    best = next((c for c in _PAGES if all(_decode(w, c) == _decode(w, best) for w in words)), best)
    return _compare(words, best, share, [codec for codec in ranked if codec == asian or scores[codec].share])


def _score_page(words: list[bytes], codec: str) -> _Score:
    """Return the share of the words that are plausible, and the largest share in one language."""
    languages = _PAGES[codec][1]
    counts = dict.fromkeys(languages, 0)
    plausible = 0
    for word in words:
        text = _decode(word, codec)
        fitting = [name for name in languages if text is not None and _is_written_in(text, name)]
        plausible += bool(fitting)
        for name in fitting:
            counts[name] += 1
    return _Score(plausible / len(words), max(counts.values()) / len(words))


def _is_written_in(text: str, language: str) -> bool:
    return all(_is_word_of(part, language) for part in text.split("\xa0") if part)


def _is_word_of(text: str, language: str) -> bool:
    word = _WORD.fullmatch(text)
    if word is None:
        return _SIGNS.fullmatch(text) is not None
    lower = word[1].lower()
    others = set(lower) - set(_LANGUAGES[language]) - set("’·–—")
    if language in ("russian", "ukrainian") and len(lower) > 2 and not _RUSSIAN_VOWELS & set(lower):
        return False
    if language == "hebrew" and re.search("[ךםןףץ].", lower):  # forms that only end a word
        return False
    if others and (language in _OTHER_SCRIPTS or not all(c.isascii() for c in others)):
        return False
    return all(map(_has_usual_case, re.split("[’·–—]", word[1])))


def _has_usual_case(word: str) -> bool:
    plain = word.replace("ß", "")  # stays as it is among capitals
    return plain in (plain.lower(), plain.upper()) or plain[1:] == plain[1:].lower()


def _find_asian_page(sample: bytes, share_of_others: float) -> str:
    """Return the codec of a page of two bytes a letter if nearly all letters are common ones of it."""
    sample = sample[: sample.rfind(b"\n") + 1] or sample
    for codec, (_, low, high) in _ASIAN_PAGES.items():
        text = _decode(sample, codec) or ""
        runs = re.findall(r"[^\x00-\x7f]+", text)
        # A single letter, or one beside ASCII ones, may be an accented letter and its neighbour.
        doubtful = len(_DOUBTFUL.findall(text))
        if share_of_others > _COMMON_SHARE and doubtful > len(runs) / 2:
            continue
        coded = [letter.encode(codec) for letter in set("".join(runs))]
        common = sum(len(c) == 2 and low <= c[0] <= high and (low < 0xA0 or c[1] > 0xA0) for c in coded)
        if common > _COMMON_SHARE * len(coded) and (codec != "cp949" or common >= _DISTINCT_HANGUL):
            return codec
    return ""


def _find_line(data: bytes) -> bytes:
    """Return the first line with bytes above 127."""
    first = _HIGH_BYTE.search(data)
    place = first.start() if first else 0
    start, end = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place)
    return data[start : end if end > 0 else len(data)].rstrip(b"\r")


def _compare(words: list[bytes], best: str, share: float, ranked: list[str]) -> CodePage:
    """Choose the example: a word that the next best page would read in another way."""
    titles = {"latin-1": "Latin-1"} | {codec: page[0] for codec, page in (_PAGES | _ASIAN_PAGES).items()}
    others = [codec for codec in ("cp1252", *ranked) if codec != best]
    for other in others:
        for word in words:
            mine, its = _decode(word, best), _decode(word, other)
            if mine and its and mine != its:
                return CodePage(best, titles[best], share, mine, (titles[other], its))
    return CodePage(best, titles[best], share, words[0].decode(best))


def _decode(data: bytes, codec: str) -> str | None:
    try:
        return codecs.decode(data, codec)
    except UnicodeDecodeError:
        return None
