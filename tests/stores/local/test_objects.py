"""Objects that are too large for memory: put as files, and read through before a process uses them."""

import os
from pathlib import Path

import pytest

from magical.errors import DamagedArtifact, StoreError
from magical.stores.local import objects as module
from magical.stores.local.objects import LocalObjects


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


def files(objects: LocalObjects) -> list[Path]:
    return [p for p in objects.folder.rglob("*") if p.is_file()]


def test_a_file_has_the_name_that_its_bytes_have(objects: LocalObjects) -> None:
    blob = objects.put_file(lambda part: part.write_bytes(b"abc") and None, ".bin")
    assert blob == objects.put(b"abc", ".bin")
    assert objects.get(blob) == b"abc" == objects.file(blob).read_bytes()
    assert files(objects) == [objects.path(blob)]


def test_what_fails_while_it_is_written_leaves_nothing(objects: LocalObjects) -> None:
    def write(part: Path) -> None:
        part.write_bytes(b"half")
        raise KeyError("no")

    with pytest.raises(KeyError):
        objects.put_file(write, ".bin")
    assert files(objects) == []


def test_what_a_kill_leaves_lies_where_a_sweep_looks(objects: LocalObjects) -> None:
    seen: list[Path] = []
    objects.put_file(lambda part: part.write_bytes(b"abc") and seen.append(part), ".bin")
    assert seen[0].name.startswith(".part-")
    assert seen[0] not in files(objects)
    assert seen[0].parent.parent == objects.folder


def test_a_disk_that_refuses_is_said(objects: LocalObjects) -> None:
    def write(part: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device"):
        objects.put_file(write, ".bin")


def test_a_damaged_object_is_put_again(objects: LocalObjects) -> None:
    blob = objects.put(b"abc", ".bin")
    objects.path(blob).write_bytes(b"abd")
    assert objects.put_file(lambda part: part.write_bytes(b"abc") and None, ".bin") == blob
    assert objects.get(blob) == b"abc"


@pytest.mark.parametrize("how", ["flip", "shorten", "replace"])
def test_a_file_that_changed_is_never_given(objects: LocalObjects, how: str) -> None:
    blob = objects.put_file(lambda part: part.write_bytes(b"a" * 1000) and None, ".bin")
    path = objects.file(blob)
    if how == "replace":
        path.with_name("other").write_bytes(b"b" * 1000)
        path.with_name("other").replace(path)
    else:
        path.write_bytes(b"b" * 1000 if how == "flip" else b"a" * 999)
        os.utime(path, ns=(1, 1))
    with pytest.raises(DamagedArtifact, match="damaged"):
        objects.file(blob)
    with pytest.raises(DamagedArtifact, match="gone"):
        objects.file(blob)


def test_a_file_is_read_through_once_in_a_process(
    objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = objects.put(b"abc", ".bin")
    read: list[Path] = []
    digest = module.file_digest
    monkeypatch.setattr(module, "file_digest", lambda path: read.append(path) or digest(path))
    assert objects.file(blob) == objects.file(blob)
    assert len(read) == 1
