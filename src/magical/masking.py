"""Masks for texts that leave the process: secrets, and passwords and tokens in URIs, become ``***``."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast
from urllib.parse import quote, urlsplit

__all__ = [
    "MIN_SECRET_LENGTH",
    "MaskedStream",
    "mask",
    "mask_uris",
    "mask_values",
    "register_secret",
    "register_uri_secrets",
]

MASK = "***"
MIN_SECRET_LENGTH = 4
"""A secret of fewer characters is not masked: it would blank out half of every text."""

# A text may be cut inside a secret: this many of its first characters are masked before an ellipsis.
_PREFIX_LENGTH = 8
_HEX_PREFIX_LENGTH = 32
# A colon and up to five digits at the end of the host are a port, not a password. Repetitions are bounded, so
# that a hostile text cannot make the search quadratic.
_URI = re.compile(
    r"([A-Za-z][A-Za-z0-9+.\-]{0,30}://[^\s/?#:@]{0,200}):(?!\d{1,5}(?:[/?#\s\"',;)\]]|$))[^\s<>]{1,2000}@"
)
# What signs or opens an address by itself, such as ?X-Amz-Signature=...&X-Amz-Security-Token=...
_QUERY = re.compile(
    r"([?&;](?:[\w.-]{0,40}(?:token|secret|password|passwd|pwd|signature|api[_-]?key|access[_-]?key)|sig)=)"
    r"([^\s&;#\"'<>]{1,4000})",
    re.IGNORECASE,
)
_lock = threading.Lock()
_hidden: dict[str, None] = {}
_pattern: re.Pattern[str] | None = None


def register_secret(value: str) -> None:
    """Mask a value from now on in this process, also escaped, cut, in base64 or in hexadecimal.

    A value of fewer than ``MIN_SECRET_LENGTH`` characters is ignored.

    Example:
        >>> register_secret("open sesame")
        >>> mask("q=open%20sesame")
        'q=***'
    """
    global _pattern  # noqa: PLW0603 - one for the process, since one process has one standard output
    if len(value) < MIN_SECRET_LENGTH or value in _hidden:
        return
    # Under the lock, or a slower thread could publish a pattern without the secret of a faster one.
    with _lock:
        _hidden[value] = None
        # The longest first: where one secret begins with another, all of the longer one must be masked.
        forms = [form for text in sorted(_hidden, key=len, reverse=True) for form in _make_patterns(text)]
        _pattern = re.compile("|".join(dict.fromkeys(forms)))


def mask(text: str) -> str:
    """Mask the revealed secrets, and the passwords of URIs, in a text.

    Example:
        >>> mask("postgresql://me:tiger@db/sales")
        'postgresql://me:***@db/sales'
    """
    pattern = _pattern
    return mask_uris(pattern.sub(MASK, text) if pattern else text)


def mask_uris(text: str) -> str:
    """Mask the passwords and tokens of URIs in a text; which secrets were revealed does not matter.

    Example:
        >>> mask_uris("from s3://me:tiger@store/sales to http://127.0.0.1:5000")
        'from s3://me:***@store/sales to http://127.0.0.1:5000'
        >>> mask_uris("https://store/x.csv?sig=tiger&year=2024")
        'https://store/x.csv?sig=***&year=2024'
    """
    return _QUERY.sub(rf"\1{MASK}", _URI.sub(rf"\1:{MASK}@", text)) if "://" in text else text


def register_uri_secrets(uri: str) -> None:
    """Mask the password and the tokens of a URI from now on, also where they stand alone.

    Example:
        >>> register_uri_secrets("s3://me:tiger-tiger@store/sales")
        >>> mask("tiger-tiger")
        '***'
    """
    with suppress(ValueError):
        register_secret(urlsplit(uri).password or "")
    for _, value in _QUERY.findall(uri):
        register_secret(value)


def mask_values(value: Any) -> Any:
    """Mask every text in nested lists and objects; keys of objects stay.

    Example:
        >>> mask_values({"uri": ["s3://me:tiger@store", 5000]})
        {'uri': ['s3://me:***@store', 5000]}
    """
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {k: mask_values(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(mask_values, value))
    return value


class MaskedStream:
    """A text stream that masks what is written to it, and passes it on to another stream.

    Attributes:
        fault: the error of the last write that failed, such as that of a full disk or of a closed pipe.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.fault: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text, masked."""
        with self._note_fault():
            self._stream.write(mask(text))
        return len(text)

    def flush(self) -> None:
        """Flush the other stream."""
        with self._note_fault():
            self._stream.flush()

    @contextmanager
    def _note_fault(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.fault = error
            raise

    def writelines(self, lines: Any) -> None:
        """Write texts, masked."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @classmethod
    def wrap(cls, stream: TextIO) -> TextIO:
        """Wrap a stream, unless it is wrapped already."""
        return stream if isinstance(stream, cls) else cast(TextIO, cls(stream))


def _make_patterns(value: str) -> list[str]:
    """List the patterns of a secret: characters plain or escaped, cut, by line, and its bytes encoded."""
    letters = [_character_pattern(c) for c in value]
    forms = ["".join(letters)]
    if len(value) > _PREFIX_LENGTH:
        forms.append("".join(letters[:_PREFIX_LENGTH]) + rf".{{0,{4 * len(value)}}}?(?:…|\.\.\.)")
    # A key file is often printed line by line. Short lines, such as "}", would mask too much.
    lines = [line for line in value.splitlines() if len(line) >= 2 * _PREFIX_LENGTH]
    forms += ["".join(map(_character_pattern, line)) for line in lines if line != value]
    data = _to_bytes(value)
    return [*forms, _hex_pattern(data), *map(re.escape, _base64_fragments(data))]


def _character_pattern(char: str) -> str:
    """Return a pattern for one character as it is, or as a URL, JSON, Python or HTML writes it."""
    if char.isascii() and char.isalnum():
        return char
    if char == "\\":
        return r"(?:\\+|%5[Cc])"
    ways = [_percent_pattern(char), *_escape_patterns(char)]
    if char.isspace():
        return rf"(?:\s|\+|{'|'.join(ways)})"
    ways = [re.escape(char), *ways]
    if (shown := html.escape(char)) != char:
        ways.append(re.escape(shown))
    return rf"\\*(?:{'|'.join(ways)})" if char in "\"'/" else f"(?:{'|'.join(ways)})"


def _escape_patterns(char: str) -> list[str]:
    """List the patterns of a character as JSON and Python (texts and bytes) escape it, perhaps twice."""
    shown = (json.dumps(char)[1:-1], ascii(char)[1:-1], repr(_to_bytes(char))[2:-1])
    escaped = [text for text in dict.fromkeys(shown) if text not in (char, f"\\{char}")]
    return [f"(?i:{re.escape(text)})".replace(r"\\", r"\\+") for text in escaped]


def _percent_pattern(char: str) -> str:
    # quote() leaves these four alone; other encoders do not.
    encoded = quote(_to_bytes(char), safe="") if char not in "~-_." else f"%{ord(char):02X}"
    return "".join(f"[{c}{c.lower()}]" if c in "ABCDEF" else re.escape(c) for c in encoded)


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _hex_pattern(data: bytes) -> str:
    """Return a pattern for bytes in hexadecimal, in small or capital letters, also with separators."""
    # Of a few bytes with spaces, plain numbers would be masked: the digits of "1234" are 31 32 33 34.
    spaced = "[ :._-]|" if len(data) >= _PREFIX_LENGTH else ""
    gap = rf"(?:{spaced}, ?0x|\\+x|\\+u00|%)?"
    # The first bytes decide; of a long secret, so many more are masked as it has, whatever they are.
    first, rest = data[:_HEX_PREFIX_LENGTH], len(data) - _HEX_PREFIX_LENGTH
    more = rf"(?:{gap}[0-9a-f]{{2}}){{0,{rest}}}" if rest > 0 else ""
    shown = gap.join(f"{byte:02x}" for byte in first) + more
    # A first digit that is no letter stands before the group: re finds it as fast as plain text.
    return f"{shown[0]}(?i:{shown[1:]})" if shown[0].isdecimal() else f"(?i:{shown})"


def _base64_fragments(data: bytes) -> list[str]:
    """Encode bytes as base64 at each offset in a text; keep the characters that depend on them alone."""
    found = []
    # Three bytes become four characters, so the offset decides which of three forms the bytes take. The first
    # and last characters also encode bits of the neighbours.
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data).decode()
        first, spare = (before * 8 + 5) // 6, (before + len(data)) % 3
        core = text.rstrip("=")[first : -1 if spare else None]
        if len(core) >= MIN_SECRET_LENGTH + 1:
            found += [core, core.replace("+", "-").replace("/", "_")]
    return found
