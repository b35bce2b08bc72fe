"""Compressed files: known by their first bytes, and refused if they are damaged or cut off."""

import bz2
import gzip
import lzma
import random
from collections.abc import Callable

import pytest

from magical.errors import InputError
from magical.input_files.compression import decompress, detect_compression
from projects import is_well_worded

CONTENT = b"a,b\n" + bytes(random.Random(0).choices(b"0123456789,\n", k=5000))
KINDS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("kind", KINDS)
def test_the_content_comes_out(kind: str) -> None:
    data = KINDS[kind](CONTENT)
    assert detect_compression(data) == kind
    assert decompress(data, "a.csv") == CONTENT
    assert decompress(data + data, "a.csv") == CONTENT * 2  # files are joined with cat


def test_other_content_stays_as_it_is() -> None:
    assert decompress(CONTENT, "a.csv.gz") is CONTENT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda data: data[: len(data) // 2], "is cut off"),
        (lambda data: data[:-4], "is cut off"),
        (lambda data: data[:50] + b"xxxx" + data[54:], "is damaged"),
    ],
    ids=["half", "last bytes", "changed"],
)
def test_a_damaged_file_is_refused(kind: str, spoil: Callable[[bytes], bytes], problem: str) -> None:
    with pytest.raises(InputError, match=rf"a\.csv\.gz {problem}.*{kind}") as error:
        decompress(spoil(KINDS[kind](CONTENT)), "a.csv.gz")
    assert is_well_worded(str(error.value))
