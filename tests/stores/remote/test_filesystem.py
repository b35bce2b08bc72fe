"""Places on filesystems of fsspec: whole files, exclusive ones, and what is said when they refuse."""

import errno
import json
import re
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.config import set_conf_env, set_conf_files
from fsspec.implementations.local import LocalFileSystem

from magical.engine.policy import Policy
from magical.errors import StoreError
from magical.stores.remote.filesystem import FileStorage, filesystem_error, open_storage
from magical.stores.remote.leases import LeaseTiming
from magical.stores.remote.store import RemoteStore
from remote_stores import BUCKET, served

DOCS = Path(__file__).parents[3] / "docs" / "stores.md"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with served():
        yield f"s3://{BUCKET}"


@pytest.fixture(params=["memory", "file", "s3", "any other"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> FileStorage:
    if request.param == "memory":
        return open_storage(f"memory://{uuid4().hex}")
    if request.param == "file":
        return open_storage(f"file://{tmp_path}/shared")
    if request.param == "s3":
        return open_storage(f"{request.getfixturevalue('bucket')}/{uuid4().hex}/x")
    # Of this protocol nothing is known: it is held to be neither atomic nor an object store.
    return FileStorage("sea://bucket/x", LocalFileSystem(), f"{tmp_path}/any")


def test_files_come_and_go(place: FileStorage, tmp_path: Path) -> None:
    assert place.read("a/b") is None
    assert place.stat("a/b") is None
    assert place.list_files("a") == {}
    place.write("a/b", b"1")
    place.write("a/b", b"22")
    place.write("a/c/d", b"")
    assert place.read("a/b") == b"22"
    assert place.list_files("a") == {"a/b": 2, "a/c/d": 0}
    assert place.read_all(["a/b", "a/none", "a/c/d"]) == {"a/b": b"22", "a/c/d": b""}
    assert place.stat("a/b").size == 2
    assert place.stat("a") is None, "a folder is no file"
    place.remove("a/b", "a/none", "a/c/d", "a/b")
    assert place.list_files("a") == {}


def test_files_are_copied_here_and_back(place: FileStorage, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.write_bytes(b"x" * 100_000)
    place.upload(here, "objects/ab/cd")
    assert place.download("objects/ab/cd", there)
    assert there.read_bytes() == here.read_bytes()
    assert not place.download("objects/ab/none", tmp_path / "none")
    assert list(place.list_files("objects")) == ["objects/ab/cd"], "and nothing half written"


def test_a_changed_file_has_another_stamp(place: FileStorage) -> None:
    place.write("a", b"1")
    before = place.stat("a")
    assert place.stat("a") == before
    place.write("a", b"2")
    assert place.stat("a") != before


def test_of_several_one_makes_a_file(place: FileStorage) -> None:
    for turn in range(10):
        made: list[int] = []
        gate = threading.Barrier(6)

        def make(number: int, turn: int = turn, gate: threading.Barrier = gate) -> None:
            gate.wait()
            if place.create(f"locks/{turn}", str(number).encode()):
                made.append(number)  # noqa: B023 - this turn's own threads end before the next

        threads = [threading.Thread(target=make, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1
        assert place.read(f"locks/{turn}") == str(made[0]).encode()


def test_a_place_that_makes_no_file_exclusively_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RemoteStore(f"memory://{uuid4().hex}", tmp_path, LeaseTiming())
    monkeypatch.setattr(store.storage, "create", lambda name, data: True)
    with pytest.raises(StoreError, match="lets two make the same file") as caught, store.pin_run("run"):
        raise AssertionError("it was used")
    assert caught.value.hint


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    place = open_storage(f"memory://me:tiger-0815@{uuid4().hex}")
    assert "tiger" not in place.safe_url
    place.filesystem = None
    with pytest.raises(StoreError) as caught:
        place.read("a")
    assert "tiger" not in str(caught.value)


def test_what_fails_midway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (
        open_storage(f"file://{tmp_path}/file"),
        FileStorage("sea://x", LocalFileSystem(), f"{tmp_path}/sea"),
    ):
        place.write("a", b"before")
        here = tmp_path / "here"
        here.write_bytes(b"after")
        with monkeypatch.context() as patch:

            def full(*args: object, **options: object) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr("magical.stores.remote.filesystem.shutil.copyfile", full)
            patch.setattr(LocalFileSystem, "put_file", full)
            with pytest.raises(StoreError, match="No space left"):
                place.upload(here, "a")
        assert place.read("a") == b"before"
        assert list(place.list_files("")) == ["a"] or [n.lstrip("/") for n in place.list_files("")] == ["a"]


def test_a_full_disk_of_this_machine_is_not_said_of_the_store(
    place: FileStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    place.write("objects/ab/cd", b"1")
    monkeypatch.setattr(place.filesystem, "get_file", full)
    monkeypatch.setattr("magical.stores.remote.filesystem.shutil.copyfileobj", full)
    with pytest.raises(StoreError) as caught:
        place.download("objects/ab/cd", tmp_path / "there")
    (line,) = caught.value.lines
    assert line.endswith("/there cannot be written: No space left on device.")
    assert caught.value.hint.startswith("free some space (magical gc")


def test_a_full_disk_of_the_store_is_said_of_it() -> None:
    error = filesystem_error("file:///mnt/x", OSError(errno.ENOSPC, "No space left on device"))
    assert error.lines == ("The store file:///mnt/x cannot be used: [Errno 28] No space left on device.",)
    assert error.hint.startswith("free some space there")


def test_credentials_that_have_expired_are_to_be_renewed() -> None:
    """They had the right to read and write before."""
    error = filesystem_error("s3://bucket/x", PermissionError("The provided token has expired."))
    assert error.hint.startswith("renew the credentials")


def test_the_page_says_what_works(tmp_path: Path) -> None:
    text = DOCS.read_text(encoding="utf-8")
    (toml,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert Policy(**tomllib.loads(toml)["policy"]).store == "s3://bucket/campaign"
    (given,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (tmp_path / "s3.json").write_text(given)
    found: dict[str, dict[str, object]] = {}
    set_conf_files(str(tmp_path), found)
    assert found == json.loads(given)
    (name, value) = re.findall(r"`(FSSPEC_\w+)=(\w+)`", text)[0]
    variables: dict[str, dict[str, object]] = {}
    set_conf_env(variables, {name: value})
    assert variables == {"s3": {"profile": "team"}}
