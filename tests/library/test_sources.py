"""ingest: any usual csv as it is written, and a message of a few lines for every other file."""

from pathlib import Path

import polars as pl
import pytest

from library.conftest import Run
from magical.errors import InputError
from magical.library import ingest
from magical.settings import InputPath

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
        (b"a\n1\n", "data.csv", ["one column only: 'a'", "part the columns"]),
        (b"a,b,a\n1,2,3\n", "data.csv", ["two columns of one name: a", "columns 1, 3", "rename"]),
        (b"a,b\n1,2\n3\n", "data.csv", ["line 3 has 1 fields, the header has 2", "double quotes"]),
        (b"a,b\n1,2,3\n", "data.csv", ["line 2 has 3 fields, the header has 2", "comma"]),
        (b'a,b\n1,"x\ny"\n3\n', "data.csv", ["line 4 has 1 fields"]),
        (b'a,b\n1,2\n3,"x\n4,5\n', "data.csv", ["line 3 has a double quote that is never closed"]),
        (b'a,b\n1,"x"y\n', "data.csv", ["line 2 is no csv"]),
        (b"PK\x03\x04\0\0\0\0", "data.csv", ["looks like a zip or Excel file"]),
        (bytes(range(256)) * 9, "data.csv", ["is no text"]),
        (b"\xff\xfea\0,\0b\0\n\0\0", "data.csv", ["begins as UTF-16"]),
        (b"a,b\n1,2\n", "data.xlsx", ["unknown kind: .xlsx", ".csv", ".parquet"]),
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


def test_a_missing_file_is_named_with_the_nearest_there_is(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").touch()
    with pytest.raises(
        InputError, match=r"There is no file .*custmers.csv(.|\n)*did you mean 'customers.csv'"
    ):
        ingest(InputPath(tmp_path / "custmers.csv"))
    with pytest.raises(InputError, match="There is no file"):
        ingest(InputPath(tmp_path / "nowhere" / "customers.csv"))
    with pytest.raises(InputError, match="is a folder"):
        ingest(InputPath(tmp_path))


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": []}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="1 column names and no rows"):
        ingest(InputPath(tmp_path / "t.parquet"))
