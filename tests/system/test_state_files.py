"""The project's own files: what is damaged counts as missing, and no link is followed."""

import os
from pathlib import Path
from typing import Any

import pytest

from hostile_files import DAMAGED, KINDS, STRANGE, no_hang, spoil
from magical.errors import StoreError
from magical.system.state_files import (
    find_link,
    is_plain_file,
    list_folder,
    open_plain,
    parse_state,
    read_plain,
    read_state,
    refuse_links,
    remove_entry,
)


def build(fields: dict[str, Any]) -> tuple[int, str]:
    return int(fields["a"]), fields["b"]["c"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "mark.json"
    path.parent.mkdir()
    path.write_text('{"a": 1, "b": {"c": "x"}}')
    return path


def test_what_is_whole_is_read(file: Path) -> None:
    assert read_state(file, build) == read_state(file, build, file.parent) == (1, "x")
    assert is_plain_file(file)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_damaged_is_none(file: Path, kind: str) -> None:
    spoil(file, kind)
    with no_hang(10):
        assert read_state(file, build) is None


@pytest.mark.parametrize("kind", DAMAGED)
def test_bytes_that_are_damaged_are_none(kind: str) -> None:
    assert parse_state(DAMAGED[kind], build) is None


def test_what_is_too_deep_to_be_built_is_none() -> None:
    def depth(value: list[Any], calls: int = 5) -> int:
        if calls:
            return depth(value, calls - 1)
        return 1 + depth(value[0]) if value else 0

    assert parse_state(b"[" * 20 + b"]" * 20, depth) == 19
    assert parse_state(b"[" * 500 + b"]" * 500, depth) is None


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_plain_file_is_not_found(file: Path, kind: str) -> None:
    spoil(file, kind)
    with no_hang(10):
        assert not is_plain_file(file)
        for read in (read_plain, open_plain):
            with pytest.raises(FileNotFoundError):
                read(file)


def test_a_path_that_no_file_can_have_is_none(tmp_path: Path) -> None:
    assert read_state(tmp_path / "a\0b", build) is None
    assert not is_plain_file(tmp_path / "a\0b")


def test_a_folder_on_the_way_that_is_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file.parent)
    linked = tmp_path / "link" / file.name
    assert read_state(linked, build) == (1, "x"), "only what lies below the root must not be a link"
    assert read_state(linked, build, linked) == (1, "x")
    assert read_state(linked, build, tmp_path / "link") is None
    assert read_state(linked, build, tmp_path) is None
    assert list_folder(tmp_path / "link") == []
    assert list_folder(tmp_path / "link" / "..", tmp_path) == []
    assert find_link(linked, tmp_path) == tmp_path / "link"
    assert find_link(tmp_path / "link", linked) is None, "it lies above the root"
    with pytest.raises(StoreError, match="link is a symbolic link") as caught:
        refuse_links(linked, tmp_path)
    assert "delete the link" in caught.value.hint


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_an_error(file: Path) -> None:
    file.chmod(0)
    assert read_state(file, build) is None
    with pytest.raises(PermissionError):
        read_plain(file)


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_is_removed_whatever_it_is(file: Path, kind: str) -> None:
    spoil(file, kind)
    remove_entry(file)
    assert list_folder(file.parent) == []
    remove_entry(file)


def test_a_tree_is_removed_without_what_its_links_lead_to(tmp_path: Path) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "mine").write_text("x")
    tree.mkdir()
    (tree / "folder").symlink_to(outside)
    (tree / "file").symlink_to(outside / "deep" / "mine")
    os.link(outside / "deep" / "mine", tree / "hard")
    remove_entry(tree)
    assert not tree.exists()
    assert (outside / "deep" / "mine").read_text() == "x"
