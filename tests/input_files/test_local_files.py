"""Local input files: which paths mean several files, and where a missing one may be."""

from pathlib import Path

import pytest

from magical.errors import InputError
from magical.input_files import local_files
from magical.input_files.local_files import (
    base_name,
    has_wildcard,
    is_file_group,
    is_there,
    is_url,
    list_local_files,
    missing_file_hint,
)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("s3://b/x.csv", True),
        ("HTTPS://h/x", True),
        ("x.csv", False),
        ("c://x", False),
        ("/s3:/b/x", False),
        ("a/b://x", False),
    ],
)
def test_what_is_a_url(text: str, is_one: bool) -> None:
    assert is_url(text) == is_one


def test_the_name_of_a_file_elsewhere() -> None:
    assert base_name("s3://b/2024-?.csv") == "2024-?.csv"
    assert base_name("https://h/a/x.csv?token=a/b#c") == "x.csv"


def test_a_file_that_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "data [1]*.csv")
    assert not has_wildcard(tmp_path / "data [1]*.csv")
    assert not is_file_group(tmp_path / "data [1]*.csv")
    assert is_file_group(tmp_path / "data*.csv")


def test_files_are_in_the_order_of_their_names_without_hidden_ones(tmp_path: Path) -> None:
    touch(tmp_path, "b.csv", "a.csv", "c/d.csv", ".e.csv", ".f/g.csv", "c/.h.csv")
    assert list(list_local_files(tmp_path)) == ["a.csv", "b.csv", "c/d.csv"]
    assert list(list_local_files(tmp_path / "**" / "*.csv")) == ["a.csv", "b.csv", "c/d.csv"]
    assert list(list_local_files(tmp_path / "c" / "*")) == ["d.csv"]


def test_locks_of_open_workbooks_do_not_count(tmp_path: Path) -> None:
    touch(tmp_path, "book.xlsx", "~$book.xlsx")
    assert list(list_local_files(tmp_path)) == ["book.xlsx"]
    assert list(list_local_files(tmp_path / "*.xlsx")) == ["book.xlsx"]


@pytest.mark.parametrize("pattern", ["", "*"])
def test_a_folder_of_very_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    touch(tmp_path, "a.csv", "b/c.csv", "d.csv")
    monkeypatch.setattr(local_files, "MAX_FILES", 2 if not pattern else 1)
    with pytest.raises(InputError, match=r"has more than [12] files"):
        list_local_files(tmp_path / pattern)


def test_nothing_there_is_said(tmp_path: Path) -> None:
    touch(tmp_path, "data/customers.csv", "empty/.hidden")
    with pytest.raises(InputError, match=r"The folder .*empty has no files"):
        list_local_files(tmp_path / "empty")
    with pytest.raises(InputError, match=r"No file matches .*x\*\.csv"):
        list_local_files(tmp_path / "x*.csv")
    assert not is_there(tmp_path / "x*.csv")
    assert is_there(tmp_path / "data" / "c*.csv")


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        ("data/custmers.csv", "did you mean 'customers.csv'?"),
        ("customers.csv", "did you mean 'data/customers.csv'?"),
        ("zzzz.parquet", "there are: workflow.py."),
        ("empty/x.csv", "is empty."),
        ("nowhere/x.csv", "does not exist either."),
    ],
)
def test_a_hint_names_near_files(tmp_path: Path, missing: str, hint: str) -> None:
    touch(tmp_path, "data/customers.csv", "data/shops.csv", "workflow.py")
    (tmp_path / "empty").mkdir()
    assert hint in missing_file_hint(tmp_path / missing)
