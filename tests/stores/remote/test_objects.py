"""Blobs on a filesystem of fsspec: verified when read, written again if damaged, and cached as files."""

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magical.errors import DamagedArtifact
from magical.stores.blobs import bytes_digest, split_name
from magical.stores.remote.filesystem import FileStorage, open_storage
from magical.stores.remote.objects import RemoteObjects, parse_blob


@pytest.fixture
def storage() -> FileStorage:
    return open_storage(f"memory://{uuid4().hex}")


@pytest.fixture
def objects(storage: FileStorage, tmp_path: Path) -> RemoteObjects:
    return RemoteObjects(storage, tmp_path / "cache")


def name(blob: str) -> str:
    return f"objects/{split_name(blob)}"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(), suffix=st.sampled_from(["", ".json", ".parquet"]))
def test_bytes_come_back_under_the_name_of_their_digest(
    objects: RemoteObjects, data: bytes, suffix: str
) -> None:
    blob = objects.put(data, suffix)
    assert blob == bytes_digest(data) + suffix
    assert objects.get(blob) == objects.file(blob).read_bytes() == data
    assert objects.size(blob) == len(data)
    assert objects.exists(blob)
    assert objects.is_whole(blob)
    assert objects.put_file(lambda part: part.write_bytes(data) and None, suffix) == blob


def test_a_blob_that_is_there_is_not_written_again(
    objects: RemoteObjects, storage: FileStorage, tmp_path: Path
) -> None:
    blob = objects.put(b"abc", ".json")
    before = storage.stat(name(blob))
    RemoteObjects(storage, tmp_path / "other").put(b"abc", ".json")
    objects.put_file(lambda part: part.write_bytes(b"abc") and None, ".json")
    assert storage.stat(name(blob)) == before


def test_what_fails_while_it_is_written_stores_nothing(objects: RemoteObjects) -> None:
    def write(part: Path) -> None:
        part.write_bytes(b"half")
        raise KeyError("no")

    with pytest.raises(KeyError):
        objects.put_file(write, ".json")
    assert objects.list_files() == {}
    assert objects.cache.paths() == []


@pytest.mark.parametrize("read", ["get", "file"])
@pytest.mark.parametrize("data", [b"abd", b"ab", b""])
def test_a_damaged_blob_is_never_given(
    objects: RemoteObjects, storage: FileStorage, data: bytes, read: str
) -> None:
    blob = objects.put(b"abc", ".json")
    storage.write(name(blob), data)
    assert objects.exists(blob)
    assert not objects.is_whole(blob)
    with pytest.raises(DamagedArtifact, match=f"damaged: {blob}") as caught:
        getattr(objects, read)(blob)
    assert caught.value.blob == blob
    assert objects.cache.paths() == []
    assert not objects.exists(blob), "or it would count as stored"


@pytest.mark.parametrize("data", [b"abd", b"ab", b""])
def test_a_damaged_blob_is_put_again(objects: RemoteObjects, storage: FileStorage, data: bytes) -> None:
    blob = objects.put(b"abc", ".json")
    storage.write(name(blob), data)
    assert objects.put(b"abc", ".json") == blob
    assert objects.get(blob) == b"abc"


def test_a_missing_blob_is_said_and_leaves_no_copy(objects: RemoteObjects) -> None:
    blob = "ab" * 20 + ".json"
    for read in (objects.get, objects.file):
        with pytest.raises(DamagedArtifact, match="gone") as caught:
            read(blob)
        assert caught.value.blob == blob
    assert (objects.size(blob), objects.exists(blob), objects.is_whole(blob)) == (0, False, False)
    assert objects.cache.paths() == []


def test_a_copy_is_read_without_the_store(objects: RemoteObjects, storage: FileStorage) -> None:
    blob = objects.put(b"abc", ".json")
    path = objects.file(blob)
    storage.remove(name(blob))
    assert objects.file(blob) == path
    assert path.read_bytes() == b"abc"


def test_a_damaged_copy_is_fetched_again(objects: RemoteObjects) -> None:
    blob = objects.put_file(lambda part: part.write_bytes(b"abc") and None, ".json")
    objects.cache.path(blob).write_bytes(b"damaged")
    assert objects.file(blob).read_bytes() == b"abc"


def test_only_what_is_in_the_folder_of_objects_is_listed(
    objects: RemoteObjects, storage: FileStorage
) -> None:
    blob = objects.put(b"abc", ".json")
    storage.write("objects/ab/.part-1", b"half")
    storage.write("records/ab/cd.json", b"{}")
    assert objects.list_files() == {name(blob): 3, "objects/ab/.part-1": 4}


@pytest.mark.parametrize(
    "file", ["objects/ab/.part-1", "objects/ab/cd.json", "objects", "", "pins/run-1/lease"]
)
def test_a_file_that_is_no_blob_has_no_name(file: str) -> None:
    assert parse_blob(file) == ""
    assert parse_blob(name("ab" * 20)) == "ab" * 20
