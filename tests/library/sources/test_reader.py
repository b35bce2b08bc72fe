"""read_source: files of one schema as one table, the options of each kind, and what is no source."""

import functools
import gzip
import os
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from library.conftest import Run
from magical.errors import InputError
from magical.library import ingest
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reader import read_source
from magical.library.sources.reading_settings import Reading
from magical.settings import InputPath
from projects import is_well_worded

GZIP = functools.partial(gzip.compress, mtime=0)  # each process that collects the tests has the same names


def read(path: Path, **options: Any) -> RawTable:
    return read_source(InputPath(path), Reading(**options))


def write(folder: Path, **files: str) -> Path:
    """Write csv files by their stems; two underscores are a folder."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_a_folder_is_one_table_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, b="id,x\n2,b\n", a="id;x\n01;a\n", c__d="x,id\nd,4\n")
    assert read(tmp_path).table.rows() == [("01", "a"), ("2", "b"), ("4", "d")]
    assert read(tmp_path / "[ab].csv").table.rows() == [("01", "a"), ("2", "b")]
    assert read(tmp_path / "**/*.csv").table.height == 3


def test_the_name_of_the_file_is_a_column_if_wanted(tmp_path: Path) -> None:
    write(tmp_path, a="id,x\n1,a\n", c__d="id,x\n4,d\n")
    assert read(tmp_path, file_column="file").table["file"].to_list() == ["a.csv", "c/d.csv"]
    assert read(tmp_path / "*/d.csv", file_column="file").table["file"].to_list() == ["c/d.csv"]
    assert read(tmp_path / "a.csv", file_column="file").table["file"].to_list() == ["a.csv"]
    with pytest.raises(InputError, match=r"a\.csv has a column 'x', and Reading wants"):
        read(tmp_path, file_column="x")


def test_a_folder_whose_name_has_brackets(tmp_path: Path) -> None:
    folder = write(tmp_path / "Umsätze [2024]*", a="id,x\n1,a\n", b="id,x\n2,b\n")
    assert read(folder).table.height == 2
    assert read(folder / "a*.csv").table.height == 1


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    data = write(tmp_path / "data", a="id,x\n1,a\n")
    write(tmp_path / "other", b="id,x\n2,b\n")
    (data / "circle").symlink_to(data)
    (data / "there").symlink_to(tmp_path / "other")
    assert read(data).table.rows() == [("1", "a"), ("2", "b")]


def test_parquet_files_of_near_types_become_one(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1], "b": ["x"]}, schema_overrides={"a": pl.Int32}).write_parquet(
        tmp_path / "a.parquet"
    )
    pl.DataFrame({"a": [2.5], "b": ["y"]}).write_parquet(tmp_path / "b.parquet")
    assert read(tmp_path).table.rows() == [(1.0, "x"), (2.5, "y")]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": "id,x\n1,2\n", "b": "id,y\n1,2\n"}, r"beside a.csv, b.csv lacks x and has also y"),
        ({"a": "id,amount\n1,2\n", "b": "id,amuont\n1,2\n"}, "did you mean 'amount'?"),
        ({"a": "id,x\n1,2\n", "b": "id,x,z\n1,2,3\n"}, "b.csv has also z"),
        ({"a": "id,x\n1,2\n", "b": ""}, "b.csv is empty"),
        ({"a": "id,x\n1,2\n", "b": "id,x\n1\n"}, "line 2 has 1 fields"),
    ],
)
def test_a_file_that_differs_is_named(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as error:
        read(write(tmp_path, **files))
    assert said in str(error.value)
    assert is_well_worded(str(error.value))


def test_a_type_that_differs_is_named(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"a": ["1"]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"type of a: a number in a.parquet, String in b.parquet"):
        read(tmp_path)


def test_what_is_no_table_is_left_out_with_a_remark(tmp_path: Path) -> None:
    write(tmp_path, a="id,x\n1,a\n", b="id,x\n2,b\n")
    (tmp_path / "README.md").write_text("About")
    (tmp_path / ".hidden.csv").write_text("other")
    raw = read(tmp_path)
    assert raw.table.height == 2
    assert [r for r in raw.remarks if "README.md is no table and is left out" in r] != []
    for path in tmp_path.glob("*.csv"):
        path.unlink()
    with pytest.raises(InputError, match=r"unknown kind: \.md"):
        read(tmp_path)


def test_a_remark_on_many_files_is_made_once(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text("id,x\n1,a\n,\n")
    assert len(read(tmp_path).remarks) == 1
    assert "So in 2 other files." in read(tmp_path).remarks[0]


def test_a_reading_that_a_kind_does_not_have_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": ["x", "-"]}).write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", nulls=("-",)).table["a"].to_list() == ["x", None]
    with pytest.raises(InputError, match=r"Reading sets header, which a \.parquet file does not have"):
        read(tmp_path / "a.parquet", header=2)
    with pytest.raises(InputError, match="Reading sets sheet, but this is no workbook"):
        read(write(tmp_path, b="id,x\n1,a\n") / "b.csv", sheet="x")


def test_tables_in_memory_stay_as_they_are(run: Run) -> None:
    table = pl.DataFrame({"a": [1], "b": ["x"]})
    assert ingest(table).equals(table)  # type: ignore[arg-type]
    assert ingest(pd.DataFrame({"a": [1], "b": ["x"]})).equals(table)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="has 1 column names and no rows"):
        ingest(table[:0].select("a"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv.gz", GZIP(b"id,x\n1,2\n" * 99)[:-9], "is cut off"),
        ("a.csv.gz", b"id,x\n1,2\n", "is no gzip file"),
        ("a.csv.bz2", GZIP(b"id,x\n1,2\n"), "is no bzip2 file"),
        ("a.json.gz", GZIP(b'{"a": 1}')[:-9], "is cut off"),
        ("a.json.gz", GZIP(b'{"a": 1}')[:12] + b"x" * 20, "is damaged gzip"),
        ("a.json.gz", b"", "is empty"),
        ("a.jsonl.gz", GZIP(b""), "is empty"),
        ("a.csv.gz", GZIP(b""), "is empty"),
        ("a.parquet", b"", "is empty"),
        ("a.xlsx", b"", "is empty"),
        ("a.json", b"[]", "no rows"),
        ("a.gz", GZIP(b"id,x\n1,2\n"), "unknown kind: it has no suffix"),
        ("a.sqlite", b"SQLite format 3\0", "unknown kind: .sqlite"),
        ("a.db", b"SQLite format 3\0", "ingest_sql"),
    ],
)
def test_damaged_and_empty_files_are_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        ingest(InputPath(tmp_path / name))
    assert name in str(error.value)
    assert said in str(error.value)
    assert is_well_worded(str(error.value).replace(str(tmp_path), ""))


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.parquet", "x.xlsx", "x.csv.gz"])
def test_what_is_no_file_is_refused_whatever_its_kind(tmp_path: Path, name: str) -> None:
    for kind in ("pipe", "device", "circle", "broken"):
        path = tmp_path / kind / name
        path.parent.mkdir()
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "device":
                path.symlink_to("/dev/zero")
            case "circle":
                path.symlink_to(path)
            case "broken":
                path.symlink_to(tmp_path / "nowhere")
        for source in (path, path.parent, path.parent / f"*{name[1:]}"):
            with pytest.raises(
                InputError, match=r"pipe or a device|cannot be read: Too many|There is no file"
            ):
                read(source)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path, a="id,x\n1,2\n")
    (tmp_path / "a.csv").chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        read(tmp_path / "a.csv")
