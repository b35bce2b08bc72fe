"""Names and digests of blobs, and the errors of those that are missing or damaged."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from magical.errors import StoreError
from magical.stores.blobs import (
    blob_digest,
    bytes_digest,
    damaged_object,
    file_digest,
    is_blob_name,
    join_name,
    missing_object,
    split_name,
    write_bytes,
)
from projects import is_well_worded

BLOB = "ab" * 20 + ".json"


@given(st.binary(), st.sampled_from(["", ".json", ".parquet"]))
def test_a_name_made_of_a_digest_is_one_and_gives_the_digest_back(data: bytes, suffix: str) -> None:
    name = bytes_digest(data) + suffix
    assert is_blob_name(name)
    assert blob_digest(name) == bytes_digest(data)


@given(st.text("abc.-_~0", min_size=3))
def test_a_name_comes_back_from_its_path(name: str) -> None:
    assert join_name(split_name(name)) == name
    assert join_name(f"objects/{split_name(name)}") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "ab" * 21,
        "AB" * 20,
        "zz" * 20,
        "ab" * 20 + ".",
        "ab" * 20 + ".tar.gz",
        "ab" * 20 + ".JSON",
        "ab" * 20 + "\n",
        "ab" * 20 + ".json\n",
        "ab/" + "ab" * 19,
        "../" + "ab" * 20,
        "ab" * 20 + "/../x",
        "\u0661" * 40,
    ],
)
def test_what_could_lead_elsewhere_is_no_name(name: str) -> None:
    assert not is_blob_name(name)


@given(st.text())
@example("a/../b")
def test_no_name_holds_a_separator_or_a_parent(text: str) -> None:
    for name in (text, "ab" * 20 + text):
        assert not is_blob_name(name) or (not {"/", "\\", "\0", "\n"} & set(name) and ".." not in name)


@settings(max_examples=20)
@given(data=st.binary(max_size=1000))
@example(data=b"")
def test_a_file_has_the_digest_of_its_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "digested"
    path.write_bytes(data)
    assert file_digest(path) == bytes_digest(data) == hashlib.sha256(data).hexdigest()[:40]


def test_a_file_larger_than_a_buffer_is_digested_whole(tmp_path: Path) -> None:
    data = bytes(range(256)) * 2**12
    (tmp_path / "large").write_bytes(data)
    assert file_digest(tmp_path / "large") == bytes_digest(data)


def test_bytes_are_written_or_the_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(tmp_path / "part", b"abc")
    assert (tmp_path / "part").read_bytes() == b"abc"

    def cut_short(path: Path, data: Any) -> int:
        return len(data) - 1

    monkeypatch.setattr(Path, "write_bytes", cut_short)
    with pytest.raises(StoreError, match=r"part was not written completely") as caught:
        write_bytes(tmp_path / "part", b"abc")
    assert is_well_worded(str(caught.value))


def test_errors_name_the_blob_and_what_to_do() -> None:
    gone, why, damaged = (
        missing_object("cd.json", BLOB),
        missing_object("cd.json", BLOB, "No such file"),
        damaged_object("cd.json", BLOB),
    )
    assert gone.lines == ("A stored object is gone: cd.json.",)
    assert why.lines == ("A stored object is gone: cd.json (No such file).",)
    assert damaged.lines == ("A stored object is damaged: cd.json.",)
    for error in (gone, why, damaged):
        assert error.blob == BLOB
        assert "magical run" in error.hint
