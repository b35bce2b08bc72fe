"""Digests of files: by content, and never trusted beyond what the file system can tell."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from magical.errors import InputError
from magical.system import file_digests
from magical.system.file_digests import FileDigests
from projects import Small


@pytest.fixture
def digests(tmp_path: Path) -> FileDigests:
    return FileDigests(tmp_path / "home" / "files.json")


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


BIG = b"x" * (file_digests.SMALL_FILE_BYTES + 1)


def test_small_files_are_read_each_time(digests: FileDigests, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for data in (b"one", b"two"):
        path.write_bytes(data)
        os.utime(path, (1, 1))
        assert digests.digest(path) == sha(data)
    assert not (tmp_path / "home").exists()


def test_a_large_file_is_read_once(
    digests: FileDigests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(BIG)
    monkeypatch.setattr(file_digests, "RACY", -1.0)
    assert digests.digest(path) == sha(BIG)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert digests.digest(path) == sha(BIG)
    assert FileDigests(tmp_path / "home" / "files.json").digest(path) == sha(BIG)


@pytest.mark.parametrize("change", ["size", "time", "inode", "same time"])
def test_a_large_file_that_changed_is_read_again(
    digests: FileDigests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(file_digests, "RACY", -1.0)
    path, data = tmp_path / "a.csv", BIG.replace(b"x", b"y")
    path.write_bytes(BIG)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    digests.digest(path)
    time.sleep(0.02)
    if change == "inode":
        (tmp_path / "b.csv").write_bytes(data)
        (tmp_path / "b.csv").replace(path)
    else:
        path.write_bytes(data + b"y" if change == "size" else data)
    if change != "time":
        os.utime(path, (1_700_000_000, 1_700_000_000))
    assert digests.digest(path) == sha(path.read_bytes())


def test_a_file_changed_just_now_is_not_trusted(digests: FileDigests, tmp_path: Path) -> None:
    """Two writes within the clock's tick look alike; also when the modification time was set back."""
    path = tmp_path / "a.csv"
    path.write_bytes(BIG)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    digests.digest(path)
    assert not (tmp_path / "home").exists()


def test_a_clock_that_was_set_back_makes_files_read_again(
    digests: FileDigests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86400)
    for data in (BIG, BIG.replace(b"x", b"y")):
        path.write_bytes(data)
        assert digests.digest(path) == sha(data)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 3}', "\x00"])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_digests, "RACY", -1.0)
    (tmp_path / "files.json").write_text(text)
    path = tmp_path / "a.csv"
    path.write_bytes(BIG)
    assert FileDigests(tmp_path / "files.json").digest(path) == sha(BIG)


def test_a_missing_file_names_those_beside_it(digests: FileDigests, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(InputError, match="There is no file") as caught:
        digests.digest(tmp_path / "a.csv")
    assert caught.value.hint == "did you mean 'b.csv'? There are: b.csv."
    with pytest.raises(InputError, match="There is no file") as caught:
        digests.digest(tmp_path / "none" / "a.csv")
    assert "does not exist either" in caught.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        digests.digest(tmp_path / "empty" / "a.csv")
    assert caught.value.hint.startswith("put it there; the folder ")


def test_a_folder_without_files_is_refused(digests: FileDigests, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no files"):
        digests.digest(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_said(digests: FileDigests, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x")
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        digests.digest(path)


def test_a_large_source_is_followed_like_a_small_one(small: Small) -> None:
    rows = [f"{i},{i % 7}" for i in range(1, 300_000)]
    small.write("x.csv", "\n".join(["id,x", *rows]))
    small.run()
    assert small.ran() == []
    rows[200_000] = rows[200_000].replace(",", ",1")
    small.write("x.csv", "\n".join(["id,x", *rows]))
    assert small.ran() == ["raw", "model", "clean"]


def test_a_file_that_changes_while_it_is_read_gives_no_result(small: Small) -> None:
    """The result would be kept under the content that was there before."""
    small.edit(
        "workflow.py",
        "    return pl.read_csv(source)\n",
        "    text = source.read_text()\n    source.write_text(text.replace('1,3', '1,5'))\n    return pl.read_csv(source)\n",
    )
    error = small.fails()["raw"]
    assert isinstance(error, InputError)
    assert "x.csv changed while it was read" in str(error)
    small.edit("workflow.py", ".replace('1,3', '1,5')", "")
    assert small.ran() == ["raw", "model", "clean", "split", "size"]


@pytest.mark.parametrize("name", ["large.csv", "large.TXT"])
def test_a_text_of_nothing_is_refused_before_it_is_hashed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"a,b\n1,2\n")
    os.truncate(path, 10 << 30)
    with pytest.raises(InputError, match=r"is no text: from byte [\d,]+ on there are NULs only"):
        FileDigests(tmp_path / "memory.json").digest(path)


def test_what_is_not_called_a_text_may_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(3 << 20))
    assert len(FileDigests(tmp_path / "memory.json").digest(path)) == 64


def test_the_files_of_a_folder_are_remembered(
    digests: FileDigests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_bytes(b"one")
    first = digests.digest(tmp_path / "data")
    assert digests.list_group(first) == {"a.csv": sha(b"one")}
    monkeypatch.setattr(file_digests, "_MAX_LISTS", 2)
    for number in range(4):
        (tmp_path / "data" / "b.csv").write_text(str(number))
        last = digests.digest(tmp_path / "data")
    assert digests.list_group(first) is None
    assert digests.list_group(last) == {"a.csv": sha(b"one"), "b.csv": sha(b"3")}
    assert len(list((tmp_path / "home" / "files").iterdir())) == 2
