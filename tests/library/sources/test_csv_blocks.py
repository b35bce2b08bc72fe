"""Csv files read block by block give what the whole file gives."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.errors import InputError
from magical.library import Reading
from magical.library.sources.csv_blocks import CsvBlocks
from magical.library.sources.csv_file import read_csv
from reading.file_cases import CASES, SAMPLES

FILES = {c.name: c for c in (*SAMPLES, *CASES) if c.file.endswith((".csv", ".tsv", ".txt"))}


def read_blocks(path: Path, reading: Reading, block_bytes: int) -> pl.DataFrame:
    blocks = CsvBlocks(path, path.name, reading, block_bytes)
    tables = list(blocks.tables())
    assert all(tuple(table.columns) == blocks.columns for table in tables)
    return pl.concat(tables)


@pytest.mark.parametrize("name", FILES)
def test_a_file_in_one_block_is_read_as_ingest_reads_it(tmp_path: Path, name: str) -> None:
    case = FILES[name]
    path = tmp_path / case.file
    path.write_bytes(case.data)
    right = _outcome(lambda: read_csv(case.data, path.name, case.reading).table)
    assert _outcome(lambda: read_blocks(path, case.reading, 1 << 20)) == right


def _outcome(read: Callable[[], pl.DataFrame]) -> object:
    try:
        return read().to_dict(as_series=False)
    except InputError as error:
        return str(error)


ROWS = [(str(i), f"{i * 7 % 100},5", '"a; b"' if i % 3 else '"two\nlines"', "") for i in range(3000)]
BODY = "".join(";".join(row) + "\n" for row in ROWS)
LONG = {
    "plain": (b"id;x;t;e\n" + BODY.encode(), Reading()),
    "windows line ends": (("id;x;t;e\n" + BODY).replace("\n", "\r\n").encode(), Reading()),
    "a mark of Unicode": (b"\xef\xbb\xbf" + ("id;x;t;e\n" + BODY).encode(), Reading()),
    "a title above, a unit below": (("Stock\n\nid;x;t;e\n;kg;;\n" + BODY).encode(), Reading()),
    "no header": (BODY.encode(), Reading(header=0)),
    "missing texts": (("id;x;t;e\n" + BODY).replace("7,5", "-").encode(), Reading(nulls=("-",))),
    "a footer that is found": (("id;x;t;e\n" + BODY + "(3000 rows)\n").encode(), Reading()),
    "a footer that is stated": (("id;x;t;e\n" + BODY + "end;;;\n").encode(), Reading(skip_footer=1)),
    "repeated headers": (("id;x;t;e\n" + BODY + "id;x;t;e\n" + BODY).encode(), Reading()),
    "comments": (("# shop\nid;x;t;e\n" + BODY + "# more\n" + BODY).encode(), Reading()),
    "two columns of one name": (("id;x;x;e\n" + BODY).encode(), Reading()),
    "a delimiter at the end": (("id;x;t\n" + BODY.replace("\nlines", "")).encode(), Reading()),
    "a code page": (("id;x;t;e\n" + BODY.replace("a; b", "Größe")).encode("cp1252"), Reading()),
    "a stated code page": (("id;x;t;e\n" + BODY).encode("cp1252"), Reading(encoding="cp1252")),
    "rows without values": (("id;x;t;e\n" + BODY + ";;;\n\n" + BODY).encode(), Reading()),
    "UTF-16": (("id;x;t;e\n" + BODY).encode("utf-16"), Reading()),
    "old Macs": (
        ("id;x;t;e\n" + BODY.replace('"two\nlines"', "two")).replace("\n", "\r").encode(),
        Reading(),
    ),
    "tabs": (("id\tx\tt\te\n" + BODY.replace(";", "\t")).encode(), Reading()),
}


@pytest.mark.parametrize(
    "block_bytes", [4096, *(pytest.param(size, marks=pytest.mark.slow) for size in (9999, 30_001))]
)
@pytest.mark.parametrize("name", LONG)
def test_a_long_file_in_blocks_is_read_as_a_whole(tmp_path: Path, name: str, block_bytes: int) -> None:
    data, reading = LONG[name]
    path = tmp_path / "long.csv"
    path.write_bytes(data)
    assert read_blocks(path, reading, block_bytes).equals(read_csv(data, "long.csv", reading).table)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_unpacked_as_it_is_read(tmp_path: Path, compress: object) -> None:
    data = LONG["plain"][0]
    path = tmp_path / "long.csv"
    path.write_bytes(compress(data))  # type: ignore[operator]
    assert read_blocks(path, Reading(), 8192).equals(read_csv(data, "long.csv", Reading()).table)
    path.write_bytes(compress(data)[:-20])  # type: ignore[operator]
    with pytest.raises(InputError, match="cut off"):
        read_blocks(path, Reading(), 8192)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(*[st.text(st.sampled_from('ab ;,"\n1.é'), max_size=6)] * 2).filter(any),
        min_size=40,
        max_size=120,
    )
)
def test_what_polars_writes_is_read_back_block_by_block(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    table = pl.DataFrame(rows, orient="row", schema=["one", "two"]).with_columns(n=pl.lit("7"))
    path = tmp_path_factory.mktemp("written") / "t.csv"
    table.write_csv(path, quote_style="always")
    reading = Reading(delimiter=",", quote='"', header=1, skip_footer=0, comment="@")
    assert read_blocks(path, reading, 256).equals(table.with_columns(pl.all().replace("", None)))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("1;2\n", "has 2 fields"),
        ("1;2;3;4;5\n", "has 5 fields"),
        ('1;"never closed;3;4\n' + BODY, "quote"),
        (b"1;2;3;4\n" + b"\xff;2;3;4\n", "line"),
    ],
)
def test_a_fault_far_below_is_named_with_its_line(tmp_path: Path, more: str | bytes, said: str) -> None:
    path = tmp_path / "bad.csv"
    data = more.encode() if isinstance(more, str) else more
    path.write_bytes(b"id;x;t;e\n" + BODY.encode() + data + BODY.encode())
    with pytest.raises(InputError, match=said) as refused:
        read_blocks(path, Reading(), 8192)
    assert "line 1 here is its line" in str(refused.value) or "quote" in said


def test_a_column_that_was_empty_and_has_values_later_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("id;x;\n" + "1;2;\n" * 3000 + "1;2;3\n" + "1;2;\n" * 3000)
    with pytest.raises(InputError, match="column 3 has values"):
        read_blocks(path, Reading(), 8192)
