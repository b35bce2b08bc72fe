"""ingest: any usual csv as it is written, and a message of a few lines for every other file."""

import bz2
import gzip
import lzma
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from library.conftest import Run
from magical.errors import InputError
from magical.library import ingest
from magical.settings import InputPath
from magical.system.file_digests import FileDigests
from projects import is_well_worded

ROWS = [("007", "1,5", "é"), ("8", None, 'a "b"; c')]
PLAIN = 'id;amount;text\n007;1,5;é\n8;;"a ""b""; c"\n'


def read(folder: Path, content: bytes | str, name: str = "data.csv") -> pl.DataFrame:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return ingest(InputPath(path))


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.encode("latin-1"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.rstrip("\n").encode(),
        PLAIN.replace("\n", "\n\n").encode(),
        ("\n" + PLAIN).encode(),
        ("sep=;\r\n" + PLAIN).encode(),
        PLAIN.replace("\n8", "\n;;\n8").encode(),
        'id,amount,text\n007,"1,5",é\n8,,"a ""b""; c"\n'.encode(),
        'id\tamount\ttext\n007\t1,5\té\n8\t\ta "b"; c\n'.encode(),
        'id|amount|text\n007|1,5|é\n8||"a ""b""; c"\n'.encode(),
        '"id";" amount ";"text"\n"007";"1,5";"é"\n"8";;"a ""b""; c"\n'.encode(),
    ],
    ids=[
        "utf-8", "byte order mark", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "windows", "old mac",
        "no last end", "blank lines", "blank first", "excel's sep", "empty row", "comma", "tab, stray quotes",
        "pipe", "all quoted",
    ],
)  # fmt: skip
def test_every_dialect_gives_the_same_texts(tmp_path: Path, content: bytes) -> None:
    table = read(tmp_path, content)
    assert table.columns == ["id", "amount", "text"]
    assert table.rows() == ROWS
    assert set(table.dtypes) == {pl.String}


def test_a_field_may_hold_line_ends(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n1,"x\n\ny"\n2,z\n').rows() == [("1", "x\n\ny"), ("2", "z")]


def test_a_quote_inside_a_text_is_a_quote(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n1,5" pipe\n2,6" pipe\n').rows() == [("1", '5" pipe'), ("2", '6" pipe')]


def test_a_column_without_a_name_gets_one(tmp_path: Path) -> None:
    assert read(tmp_path, ",b\n1,2\n").columns == ["unnamed_1", "b"]


def test_a_name_that_comes_twice_gets_a_number(tmp_path: Path, run: Run) -> None:
    assert read(tmp_path, "a,b,a\n1,2,3\n").columns == ["a", "b", "a_2"]
    assert any("two columns are called a; column 3 is called a_2" in w for w in run.warnings)


def test_what_was_found_out_is_kept_with_the_run(tmp_path: Path, run: Run) -> None:
    read(tmp_path, "a;a\n1;2\n")
    kept = run.kept["source"]
    assert (kept["encoding"], kept["delimiter"]) == ("utf-8", "semicolon")
    assert kept["remarks"] == run.warnings != []


def test_parquet_comes_as_it_is(tmp_path: Path) -> None:
    table = pl.DataFrame({"a": [1, None], "b": ["x", "y"]}, schema_overrides={"a": pl.Int16})
    table.write_parquet(tmp_path / "t.parquet")
    assert ingest(InputPath(tmp_path / "t.parquet")).equals(table)


def test_what_was_guessed_or_left_out_is_told(tmp_path: Path, run: Run) -> None:
    read(tmp_path, "a;b\né;1\n;\n".encode("latin-1"))
    assert any("not UTF-8" in w for w in run.warnings)
    assert any("1 rows without any value" in w for w in run.warnings)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "data.csv", ["data.csv is empty", "header"]),
        (b" \n\n", "data.csv", ["is empty"]),
        (b"\xef\xbb\xbf", "data.csv", ["is empty"]),
        (b"a,b\n", "data.csv", ["2 column names and no rows"]),
        (b"a,b", "data.csv", ["no rows"]),
        (b"a:b:c\n1:2:3\n", "data.csv", ["one column only: 'a:b:c'", "parted by ':'", "semicolon"]),
        (b"1\n2\n", "data.csv", ["one column only: '1'", "part the columns"]),
        (b"a,b\n1,2\n3\n", "data.csv", ["line 3 has 1 fields, the header has 2", "a comma for each field"]),
        (b"a,b\n1,2,3\n", "data.csv", ["line 2 has 3 fields, the header has 2", "comma"]),
        (b'a,b\n1,"x\ny"\n3\n', "data.csv", ["line 4 has 1 fields"]),
        (b'a,b\n1,2\n3,"x\n4,5\n', "data.csv", ["line 3 has a double quote that is never closed"]),
        (b'a,b\n1,"x"y\n', "data.csv", ["line 2 is not valid csv"]),
        (b"PK\x03\x04\0\0\0\0", "data.csv", ["looks like a zip or Excel file"]),
        (bytes(range(256)) * 9, "data.csv", ["is no text"]),
        (b"\xff\xfea\0,\0b\0\n\0\0", "data.csv", ["begins as UTF-16"]),
        (b"a,b\n1,2\n", "data.doc", ["unknown kind: .doc", ".csv", ".parquet"]),
        (b"a,b\n1,2\n", "data.xlsx", ["cannot be read as a workbook", "cut off"]),
        (b"a,b\n1,2\n", "data", ["no suffix"]),
        (b"PAR1 but cut off", "data.parquet", ["cannot be read as parquet", "cut off"]),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_with_cause_and_fix(
    tmp_path: Path, content: bytes, name: str, said: list[str]
) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, content, name)
    text = str(error.value)
    assert name in text
    assert "Hint: " in text
    assert len(text.splitlines()) <= 5
    assert all(words in text for words in said), text


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"(\xb5/\xfd", "a zstd file"),
        (b"PK\x03\x04", "a zip or Excel file"),
        (b"PAR1\x15\x04", "a parquet file"),
        (b"SQLite format 3\0", "a SQLite database"),
        (b"%PDF-1.7\n", "a PDF file"),
    ],
    ids=str,
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, begin: bytes, kind: str) -> None:
    with pytest.raises(InputError, match=rf"data\.csv is no text: it looks like {kind}") as error:
        read(tmp_path, begin)
    assert is_well_worded(str(error.value))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_read_by_its_first_bytes(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    assert read(tmp_path, compress(PLAIN.encode("utf-16"))).rows() == ROWS
    with pytest.raises(InputError, match=r"data\.csv is cut off") as error:
        read(tmp_path, compress(PLAIN.encode())[:-9])
    assert is_well_worded(str(error.value))


def sparse(path: Path, begin: bytes, size: int) -> Path:
    path.write_bytes(begin)
    os.truncate(path, size)
    return path


UTF16 = "a,b\n1,2\n".encode("utf-16")


@pytest.mark.parametrize("begin", [b"a,b\n1,2\n", b"a,b\n" + b"1,2\n" * 50_000, UTF16], ids=len)
def test_a_file_of_10_gb_of_nothing_is_refused_before_it_is_read(tmp_path: Path, begin: bytes) -> None:
    path = sparse(tmp_path / "large.csv", begin, 10 << 30)
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"large\.csv is no text") as error:
        ingest(InputPath(path))
    assert is_well_worded(str(error.value))
    assert time.monotonic() - began < 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_where_a_file_has_nothing_in_it_is_said(tmp_path: Path) -> None:
    begin = b"a,b\n" + b"1,2\n" * 50_000
    path = sparse(tmp_path / "data.csv", begin, 1 << 20)
    with pytest.raises(InputError, match=r"there are NUL bytes at byte \d{3},\d{3} of 1,048,576"):
        ingest(InputPath(path))


@pytest.mark.parametrize("name", ["pipe.csv", "device.csv", "folder.csv"])
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("pipe"):
        os.mkfifo(path)
    elif name.startswith("device"):
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    for reading in (lambda: ingest(InputPath(path)), lambda: FileDigests(tmp_path / "m").digest(path)):
        with pytest.raises(InputError, match=r"a pipe or a device|has no files") as error:
            reading()
        assert is_well_worded(str(error.value))


def test_a_path_may_have_blanks_and_any_letters(tmp_path: Path) -> None:
    folder = tmp_path / "Umsätze 2024 – 客户"
    folder.mkdir()
    assert read(folder, b"a,b\n1,2\n", "my data (1) [x]*.csv").rows() == [("1", "2")]
    pl.DataFrame({"a": [1]}).write_parquet(folder / "my data (1) [x].parquet")
    assert ingest(InputPath(folder / "my data (1) [x].parquet")).rows() == [(1,)]


def test_a_missing_file_is_named_with_the_nearest_there_is(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").touch()
    with pytest.raises(
        InputError, match=r"There is no file .*custmers.csv(.|\n)*did you mean 'customers.csv'"
    ):
        ingest(InputPath(tmp_path / "custmers.csv"))
    with pytest.raises(InputError, match="There is no file"):
        ingest(InputPath(tmp_path / "nowhere" / "customers.csv"))
    with pytest.raises(InputError, match=r"customers\.csv is empty"):
        ingest(InputPath(tmp_path))


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": []}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="1 column names and no rows"):
        ingest(InputPath(tmp_path / "t.parquet"))
