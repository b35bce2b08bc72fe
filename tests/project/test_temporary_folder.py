"""Temporary folders, and the removal of those of killed processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from magical.project.temporary_folder import clear_temporary_folders, create_temporary_folder


def test_it_is_gone_afterwards_with_all_that_was_made_for_it(tmp_path: Path) -> None:
    home = tmp_path / ".magical"
    with create_temporary_folder(home) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "x").write_text("x")
    assert not home.exists()


def test_it_is_gone_after_an_error_and_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with pytest.raises(KeyboardInterrupt), create_temporary_folder(tmp_path):
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_one_that_is_in_use_stays(tmp_path: Path) -> None:
    with create_temporary_folder(tmp_path) as first:
        clear_temporary_folders(tmp_path)
        with create_temporary_folder(tmp_path) as second:
            assert first.is_dir()
            assert second != first
        assert first.is_dir()


def test_what_a_kill_leaves_the_next_one_removes(tmp_path: Path) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom magical.project.temporary_folder import create_temporary_folder\n"
        "with create_temporary_folder(Path(sys.argv[1])) as folder:\n    (folder / 'x').touch()\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert len(list((tmp_path / "aside").iterdir())) == 2
    with create_temporary_folder(tmp_path) as folder:
        assert len(list(folder.parent.iterdir())) == 2
    assert not tmp_path.exists()


def test_a_folder_without_its_lock_is_removed(tmp_path: Path) -> None:
    (tmp_path / "aside" / "left" / "x").mkdir(parents=True)
    clear_temporary_folders(tmp_path)
    assert not tmp_path.exists()
