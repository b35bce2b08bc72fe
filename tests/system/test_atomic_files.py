"""Atomic writes: a file is complete or absent, and an error names the path."""

from pathlib import Path

import pytest

from magical.errors import StoreError
from magical.system.atomic_files import write_file, write_text


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    write_text(path, "whole")

    def fails(part: Path) -> None:
        part.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_file(path, fails)
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        write_text(tmp_path / "file" / "a.txt", "x")
    assert "space and permissions" in caught.value.hint


def test_a_long_path_leaves_room_for_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written: Not a directory") as caught:
        write_text(tmp_path / "file" / ("x" * 200) / "a.txt", "x")
    assert "x/a.txt cannot" in str(caught.value)
