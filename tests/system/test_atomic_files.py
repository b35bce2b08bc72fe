"""Atomic writes: a file is complete or absent, and an error names the path."""

import os
import stat
from pathlib import Path

import pytest

from magical.errors import StoreError
from magical.system.atomic_files import disposable_folder, write_file, write_text


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
    assert "something else is in the place of a file or folder" in caught.value.hint


def test_a_long_path_leaves_room_for_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written: Not a directory") as caught:
        write_text(tmp_path / "file" / ("x" * 200) / "a.txt", "x")
    assert "x/a.txt cannot" in str(caught.value)


@pytest.mark.parametrize(("mask", "mode"), [(0o002, 0o664), (0o027, 0o640), (0o077, 0o600)])
def test_others_may_read_what_the_umask_lets_them_read(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


def test_a_link_in_the_place_of_a_disposable_folder_goes_and_its_target_stays(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine").write_text("x")
    (tmp_path / "part").symlink_to(tmp_path / "outside")
    with disposable_folder(tmp_path / "part"):
        (tmp_path / "part" / "half").write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == ["outside"]
    assert [p.name for p in (tmp_path / "outside").iterdir()] == ["mine"]
