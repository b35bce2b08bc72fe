"""Compressed files: gzip, bzip2 and xz, known by their first bytes, whatever the name says."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

from magical.errors import InputError

__all__ = ["COMPRESSED_SUFFIXES", "decompress", "detect_compression"]

_KINDS: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b\x08": ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\x00": ("xz", lzma.decompress),
}

COMPRESSED_SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz"}


def detect_compression(head: bytes) -> str:
    r"""Return the kind of compression that the first bytes of a file tell; empty if there is none.

    Example:
        >>> detect_compression(b"\x1f\x8b\x08\x00"), detect_compression(b"a,b\n")
        ('gzip', '')
    """
    return next((kind for magic, (kind, _) in _KINDS.items() if head.startswith(magic)), "")


def decompress(data: bytes, name: str) -> bytes:
    r"""Decompress the bytes of a file; bytes that are not compressed are returned as they are.

    Raises:
        InputError: the file is damaged or cut off.

    Example:
        >>> import gzip
        >>> decompress(gzip.compress(b"a,b\n1,2\n"), "a.csv.gz")
        b'a,b\n1,2\n'
    """
    for magic, (kind, unpack) in _KINDS.items():
        if data.startswith(magic):
            try:
                return unpack(data)
            except EOFError:
                problem = f"is cut off: its {kind} data has no end"
            except (OSError, ValueError, lzma.LZMAError, zlib.error) as error:
                # bz2 raises a ValueError for data without an end.
                is_cut = "ended before" in str(error)
                problem = (
                    f"is cut off: its {kind} data has no end" if is_cut else f"is damaged {kind}: {error}"
                )
            raise InputError(f"{name} {problem}.", hint="copy it again from where it came.")
    return data
