"""A source in chunks holds the rows that ingest reads, in any number of files."""

from pathlib import Path

import polars as pl
import pytest

from magical.errors import InputError
from magical.library import Reading
from magical.library.sources.chunked_source import ChunkedSource, cut_chunks, open_source
from magical.library.sources.reader import read_source

ROWS = pl.DataFrame(
    {"id": list(range(25)), "x": [i / 4 for i in range(25)], "t": ["a", "", None, "d", "e"] * 5}
)


def write_all(folder: Path) -> dict[str, Path]:
    """Write the rows in each kind of source."""
    (folder / "parts").mkdir()
    ROWS[:9].write_parquet(folder / "parts" / "a.parquet")
    ROWS[9:].with_columns(pl.col("id").cast(pl.Int32)).write_parquet(folder / "parts" / "b.parquet")
    (folder / "mixed").mkdir()
    ROWS[:9].write_csv(folder / "mixed" / "a.csv")
    ROWS[9:].select("t", "x", "id").write_csv(folder / "mixed" / "b.csv")
    ROWS.write_parquet(folder / "one.parquet", row_group_size=4)
    ROWS.write_csv(folder / "one.csv", separator=";")
    ROWS.write_ndjson(folder / "one.jsonl")
    (folder / "parts" / "readme.md").write_text("no table")
    return {p.name: p for p in folder.iterdir()}


@pytest.mark.parametrize("kind", ["parts", "mixed", "one.parquet", "one.csv", "one.jsonl"])
def test_the_rows_are_those_of_ingest_in_chunks_of_one_size(tmp_path: Path, kind: str) -> None:
    path = write_all(tmp_path)[kind]
    source, right = open_source(path), read_source(path).table
    chunks = list(source.chunks(right.columns, 4))
    assert [c.height for c in chunks] == [4] * 6 + [1]
    assert pl.concat(chunks).equals(right)
    assert pl.concat(source.chunks(["t"], 100)).equals(right.select("t"))
    assert dict(source.schema) == dict(right.schema)


def test_the_name_of_the_file_is_a_column_if_wanted(tmp_path: Path) -> None:
    parts = write_all(tmp_path)["parts"]
    source = open_source(parts, Reading(file_column="part"))
    assert (
        pl.concat(source.chunks(["id", "part"], 7))["part"].to_list()
        == ["a.parquet"] * 9 + ["b.parquet"] * 16
    )
    with pytest.raises(InputError, match="has a column 't'"):
        open_source(parts, stated=Reading(file_column="t"))


def test_what_the_version_says_of_csv_files_is_left_out_for_others(tmp_path: Path) -> None:
    files = write_all(tmp_path)
    reading = Reading(delimiter=";", nulls=("d",))
    for name in ("one.csv", "one.parquet", "one.jsonl"):
        (table,) = open_source(files[name], reading).chunks(["t"], 100)
        assert table["t"].null_count() >= 10, name
    with pytest.raises(InputError, match="sets delimiter"):
        open_source(files["one.parquet"], stated=Reading(delimiter=";"))


def test_what_is_stated_wins(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id|x\n1|1,5\n")
    version = Reading(delimiter=";", decimal=".")
    (table,) = open_source(path, version, Reading(delimiter="|", decimal=",")).chunks(["x"], 9)
    assert table["x"].to_list() == ["1.5"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.csv": "id,x\n1,2\n", "b.csv": "id,y\n1,2\n"}, "differ"),
        ({"a.csv": "", "b.csv": "id\n1\n"}, "is empty"),
        ({"a.parquet": "PAR1"}, "cannot be read as parquet"),
        ({"a.md": "x"}, "unknown kind|no table"),
    ],
)
def test_what_cannot_be_read_is_refused_before_the_first_chunk(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        open_source(tmp_path)


def test_a_parquet_file_that_is_cut_between_is_named(tmp_path: Path) -> None:
    path = write_all(tmp_path)["one.parquet"]
    source = open_source(path)
    path.write_bytes(b"PAR1" + b"\0" * 300 + path.read_bytes()[304:])
    with pytest.raises(InputError, match=r"one\.parquet cannot be read"):
        list(source.chunks(["id", "x", "t"], 4))


def test_a_source_can_be_replaced_by_what_steps_make_of_it(tmp_path: Path) -> None:
    source = open_source(write_all(tmp_path)["parts"]).transform(lambda t: t.filter(pl.col("id") > 9))
    assert isinstance(source, ChunkedSource)
    assert (source.rows, [c.height for c in source.chunks(["id"], 10)]) == (15, [10, 5])


def test_no_rows_are_no_chunks() -> None:
    assert list(cut_chunks([ROWS.clear(), ROWS.clear()], 3)) == []


def test_a_file_that_is_changed_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n2\n3\n")
    source = open_source(path)
    chunks = source.chunks(["a"], 1)
    assert next(chunks)["a"].to_list() == ["1"]
    path.write_text("a\n1\n2\n3\n4\n")
    with pytest.raises(InputError, match=r"a\.csv was changed while it was read"):
        list(chunks)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.csv cannot be read"):
        list(source.chunks(["a"], 1))
