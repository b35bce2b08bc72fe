"""Bytes to text: Unicode with and without a mark, code pages, and data that is no text at all."""

from __future__ import annotations

import codecs
import io
import re
from encodings.aliases import aliases
from pathlib import Path
from typing import NamedTuple

from magical.errors import InputError, did_you_mean
from magical.input_files.compression import detect_compression
from magical.reading.code_pages import CodePage, detect_code_page

__all__ = ["DecodedText", "decode_text", "reject_binary"]

_HEAD_BYTES = 1 << 16
_PIECE_BYTES = 1 << 18
_WINDOW_BYTES = 1 << 12  # the size of each window that is checked for NUL bytes
_WINDOW_COUNT = 16  # the gaps between windows, which are spread evenly over the file
_BINARY_SIGNATURES = {
    b"PK\x03\x04": ("a zip or Excel file", "export it as csv in UTF-8, or unpack it first."),
    b"\x1f\x8b": ("a gzip file", "unpack it first, with gunzip."),
    b"BZh": ("a bzip2 file", "unpack it first, with bunzip2."),
    b"\xfd7zXZ": ("an xz file", "unpack it first, with unxz."),
    b"(\xb5/\xfd": ("a zstd file", "unpack it first, with unzstd."),
    b"PAR1": ("a parquet file", "let its name end in .parquet."),
    b"SQLite format 3": ("a SQLite database", "export a table of it as csv in UTF-8."),
    b"%PDF": ("a PDF file", "export it as csv in UTF-8."),
    b"\xd0\xcf\x11\xe0": ("an old Excel file", "export it as csv in UTF-8."),
}
"""First bytes of files of other kinds that are often named .csv, with the kind and a hint."""

_MARKS = {  # UTF-32 first: its mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}
_USUAL_CODECS = ("utf-8", "utf-16", "utf-32", "cp1252", "latin-1", "cp1250", "cp1251", "mac-roman", "gb18030")
_TEXT_BYTES = bytes({*range(32, 256), *b"\0\t\n\r\f\x01"})
_UTF8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_PLAUSIBLE_SHARE = 0.5


class DecodedText(NamedTuple):
    """A text as UTF-8 without a byte order mark.

    Attributes:
        text: the text.
        encoding: the codec it was written in.
        remark: a sentence if the encoding was found by what is plausible, else empty.
    """

    text: bytes
    encoding: str
    remark: str = ""


def decode_text(data: bytes, name: str, encoding: str | None = None) -> DecodedText:
    r"""Convert the text of a file to UTF-8.

    UTF-8, UTF-16 and UTF-32 are known by their marks or their zeros. Other texts are in the code page that
    makes words of them, such as Windows-1252 or Windows-1250.

    Args:
        data: the bytes of the file.
        name: the name of the file, for messages.
        encoding: the codec, if the author names it; nothing else is tried.

    Raises:
        InputError: the data is not text, is not in the named encoding, or no encoding makes words of it.

    Example:
        >>> decode_text("n\u00e9;1".encode("utf-16"), "a.csv").text.decode()
        'n\xe9;1'
        >>> decode_text(b"Stra\xdfe;1", "a.csv").encoding
        'cp1252'
    """
    _reject_signature(data, name)
    if encoding:
        decoded = _decode_as_stated(data, name, encoding)
    else:
        mark, codec = next(((m, c) for m, c in _MARKS.items() if data.startswith(m)), (b"", ""))
        data = data.removeprefix(mark)
        codec = codec or _detect_wide_unicode(data[:_HEAD_BYTES])
        decoded = (
            _decode_wide(data, name, codec)
            if codec[:6] in ("utf-16", "utf-32")
            else _decode_narrow(data, name)
        )
    _reject_binary_head(decoded.text[:_HEAD_BYTES], name)
    at = decoded.text.find(b"\0")
    if at >= 0:
        line = decoded.text.count(b"\n", 0, at) + 1
        raise InputError(
            f"{name} is no text: there is a NUL byte in line {line:,}.",
            hint="export it again; it may have been damaged while it was copied.",
        )
    return decoded


def reject_binary(path: Path, name: str) -> None:
    """Refuse a binary file after a check of a few places, before the whole file is read.

    Raises:
        InputError: the file is of another kind, or has NUL bytes at one of these places.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if detect_compression(head):
            return
        _reject_signature(head, name)
        is_wide = head.startswith(tuple(_MARKS)[:4]) or bool(_detect_wide_unicode(head))
        if not is_wide:
            _reject_binary_head(head, name)
        size = file.seek(0, io.SEEK_END)
        for number in range(_WINDOW_COUNT + 1):
            start = max(0, (size - _WINDOW_BYTES) * number // _WINDOW_COUNT)
            file.seek(start)
            window = file.read(_WINDOW_BYTES)
            # Every other byte of UTF-16 may be NUL, so only a window of nothing but NUL is wrong in it.
            if window and (not window.strip(b"\0") if is_wide else b"\0" in window):
                at = start + window.index(0)
                raise InputError(
                    f"{name} is no text: there are NUL bytes at byte {at:,} of {size:,}.",
                    hint="export it again; it may have been cut off while it was copied.",
                )


def _reject_binary_head(head: bytes, name: str) -> None:
    if head.count(0) > len(head) / 10 or len(head.translate(None, _TEXT_BYTES)) > len(head) / 100:
        raise InputError(f"{name} is no text: it looks like binary.", hint="export it as csv in UTF-8.")


def _reject_signature(head: bytes, name: str) -> None:
    for magic, (kind, hint) in _BINARY_SIGNATURES.items():
        if head.startswith(magic):
            raise InputError(f"{name} is no text: it looks like {kind}.", hint=hint)


def _decode_as_stated(data: bytes, name: str, encoding: str) -> DecodedText:
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        known = [alias.replace("_", "-") for alias in (*aliases, *aliases.values())]
        raise InputError(
            f"{name} cannot be read: Python knows no encoding {encoding!r}.",
            hint=did_you_mean(encoding.lower().replace("_", "-"), _USUAL_CODECS, known),
        ) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name} is not in {encoding}: byte {error.start:,} (line {line:,}), "
            f"{data[error.start : error.start + 1]!r}, does not fit.",
            hint="name another encoding, or none, so that it is found out.",
        ) from None
    return DecodedText(text.encode(), codecs.lookup(encoding).name)


def _detect_wide_unicode(head: bytes) -> str:
    """Return the codec of UTF-32 or UTF-16 without a mark, by where its zeros are; else an empty text."""
    if len(head) < 4:
        return ""
    zeros = [head[place::4].count(0) / len(head[place::4]) for place in range(4)]
    # Delimiters and line ends are in ASCII in every script, so a tenth of the zeros is sure to be there.
    most, few = 0.1, 0.01
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    fits = {
        "utf-32-le": min(zeros[2:]) > 1 - few and zeros[0] < few,
        "utf-32-be": min(zeros[:2]) > 1 - few and zeros[3] < few,
        "utf-16-le": odd > most and even < odd / 10,
        "utf-16-be": even > most and odd < even / 10,
    }
    return next((codec for codec, fit in fits.items() if fit and _has_line_ends(head, codec)), "")


def _has_line_ends(head: bytes, codec: str) -> bool:
    """Return True if most line ends are written in a codec."""
    return any(head.count(end.encode(codec)) > head.count(end.encode()) / 2 for end in ("\n", "\r"))


def _decode_wide(data: bytes, name: str, codec: str) -> DecodedText:
    try:
        return DecodedText(data.decode(codec).encode(), codec)
    except UnicodeError as error:
        place = f"byte {error.start:,} does" if isinstance(error, UnicodeDecodeError) else "some letters do"
        raise InputError(
            f"{name} begins as {codec[:6].upper()}, and {place} not fit.",
            hint="save it as csv in UTF-8 again.",
        ) from None


def _decode_narrow(data: bytes, name: str) -> DecodedText:
    """Read UTF-8, else the most plausible code page: other text hardly ever is valid UTF-8."""
    at = _find_bad_byte(data)
    if at < 0:
        return DecodedText(data, "utf-8")
    _reject_binary_head(data[:_HEAD_BYTES], name)
    _reject_damaged_utf8(data, name, at)
    page = detect_code_page(data)
    if page.share < _PLAUSIBLE_SHARE:
        raise InputError(
            f"{name} is not UTF-8 (byte {at:,}), and no usual encoding makes words of it: {page.title} gives "
            f"{page.example!r}.",
            hint='name its encoding: Reading(encoding="cp1256").',
        )
    return DecodedText(data.decode(page.codec).encode(), page.codec, _describe_page(page, name, at))


def _find_bad_byte(data: bytes) -> int:
    """Return the place of the first byte that is not UTF-8; -1 if there is none."""
    if data.isascii():
        return -1
    start = 0
    while start < len(data):  # pieces that fit into the processor's cache cost a third of the whole
        end = data.rfind(b"\n", start, start + _PIECE_BYTES) + 1 or len(data)
        try:
            data[start:end].decode()
        except UnicodeDecodeError as error:
            return start + error.start
        start = end
    return -1


def _reject_damaged_utf8(data: bytes, name: str, at: int) -> None:
    first = _HIGH_BYTE.search(data)
    start = first.start() if first else 0
    sample = data[start : start + (1 << 20)]
    whole = sum(len(letter[0]) for letter in _UTF8_LETTER.finditer(sample))
    if whole > len(_HIGH_BYTE.findall(sample)) / 2:
        line = data.count(b"\n", 0, at) + 1
        raise InputError(
            f"{name} is in UTF-8, but byte {at:,} (line {line:,}), {data[at : at + 1]!r}, does not fit.",
            hint='correct that line, or name the encoding of the file: Reading(encoding="cp1252").',
        )


def _describe_page(page: CodePage, name: str, at: int) -> str:
    other = f"; as {page.other[0]} it would be {page.other[1]!r}" if page.other else ""
    return f"{name} is not UTF-8 (byte {at:,}): it is read as {page.title}: {page.example!r}{other}."
