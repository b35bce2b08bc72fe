"""Files get their names once all is well, and hold the same bytes each time."""

import os
from pathlib import Path

import polars as pl
import pytest

from magical.errors import UsageError
from magical.library.scoring.output_files import check_output, new_file, read_columns, read_table

TABLE = pl.DataFrame({"prediction_id": ["007", "1"], "x": [0.1, None], "town": ["Köln", 'a "b", c']})


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out"])
def test_chunks_are_read_back_as_one_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for _ in range(2):
        with new_file(path) as file:
            file.write(TABLE)
            file.write(TABLE.reverse())
            file.publish()
    assert read_table(path, TABLE.schema).equals(pl.concat([TABLE, TABLE.reverse()]))
    assert read_columns(path) == TABLE.columns
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_what_is_not_published_is_gone_and_what_was_there_stays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("before")
    with new_file(path) as file:
        file.write(TABLE)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [".", "none/out.csv", "out.xlsx", "file/out.csv"])
def test_an_output_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError):
        check_output(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_device_or_a_pipe_is_no_output(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.csv")
    with pytest.raises(UsageError, match="no ordinary file"):
        check_output(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").is_fifo()
