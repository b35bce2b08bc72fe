"""A real S3 server on this machine, and files of any filesystem that behave like paths, for tests."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

from magical.stores.remote.store import RemoteStore

BUCKET = "campaigns"


class File:
    """A file of a store, with what the suite asks of a path."""

    def __init__(self, store: RemoteStore, name: str) -> None:
        self._filesystem, self._path = store.storage.filesystem, store.storage.path(name)
        self.name = name.rpartition("/")[2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and other._path == self._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __repr__(self) -> str:
        return self._path

    def read_bytes(self) -> bytes:
        return self._filesystem.cat_file(self._path)

    def write_bytes(self, data: bytes) -> None:
        self._filesystem.pipe_file(self._path, data)

    def unlink(self) -> None:
        self._filesystem.rm_file(self._path)

    def exists(self) -> bool:
        return self._filesystem.exists(self._path)

    def stat(self) -> SimpleNamespace:
        """Its time is what tells one writing from the next: on S3, where times are whole seconds, a version."""
        info = self._filesystem.info(self._path)
        stamp = [info.get(k) for k in ("VersionId", "created", "mtime", "ino")]
        time = int.from_bytes(hashlib.sha256(repr(stamp).encode()).digest()[:7])
        return SimpleNamespace(st_size=info["size"], st_mtime_ns=time)


def files(store: RemoteStore, folder: str) -> list[File]:
    """Return the files of a store below a folder."""
    return [File(store, name) for name in store.storage.list_files(folder)]


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """Serve S3 on a free port, with one bucket that keeps versions; gives the variables that lead there."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "something",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with mock.patch.dict(os.environ, variables), reading_variables():
            bucket(BUCKET)
            yield variables
    finally:
        server.stop()


@contextmanager
def reading_variables() -> Iterator[None]:
    """Have s3fs read the variables anew: it keeps what it made with others."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    try:
        yield
    finally:
        S3FileSystem.clear_instance_cache()


def bucket(name: str) -> None:
    """Make a bucket that keeps versions."""
    filesystem: Any = s3()
    filesystem.call_s3("create_bucket", Bucket=name)
    how = {"Status": "Enabled"}
    filesystem.call_s3("put_bucket_versioning", Bucket=name, VersioningConfiguration=how)


def s3() -> Any:
    """Return the filesystem of the server that the variables name."""
    import fsspec

    return fsspec.filesystem("s3", skip_instance_cache=True)
