"""A place on a filesystem of fsspec: files that are there whole or not at all, and one short error."""

from __future__ import annotations

import os
import shutil
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec

from magical.errors import MagicalError, StoreError, shorten
from magical.masking import mask, register_secret
from magical.system.atomic_files import DISK_FULL_ERRNOS, wrap_disk_errors, write_file

__all__ = [
    "FileInfo",
    "FileStorage",
    "FolderStorage",
    "filesystem_error",
    "open_storage",
]

_HINTS = {
    "has expired": "renew the credentials, and run again; what is finished is kept.",
    "credential": "give credentials, as docs/stores.md says.",
    "permission": "may these credentials read and write there?",
    "denied": "may these credentials read and write there?",
    "forbidden": "may these credentials read and write there?",
    "connect": "is the network up, and the address right?",
    "timeout": "is the network up, and the address right?",
    "no space": "free some space there, and run again; what is finished is kept.",
    "quota": "free some space there, and run again; what is finished is kept.",
    "filenotfound": "make the bucket or the folder, or mend [policy] store.",
}


def filesystem_error(url: str, error: Exception) -> StoreError:
    """Word an exception of a filesystem.

    Args:
        shown: the store's URL, without a password.
        error: what it raised.

    Example:
        >>> print(filesystem_error("s3://bucket/x", FileNotFoundError("The specified bucket does not exist")))
        The store s3://bucket/x cannot be used: The specified bucket does not exist.
        Hint: make the bucket or the folder, or mend [policy] store.
    """
    name = type(error).__name__
    text = f"{name} {error}".lower()
    hint = next((h for word, h in _HINTS.items() if word in text), "look at its settings and permissions.")
    what = shorten(str(error) or name, 160).rstrip(".")
    return StoreError(f"The store {url} cannot be used: {what}.", hint=hint)


_ATOMIC_PROTOCOLS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"}

"""Where a file that is put is there whole or not at all, and can be made only if nobody else has made it."""

_MAX_REQUESTS = 8

"""Requests under way, where many files are deleted."""

_create_lock = threading.Lock()


@dataclass(frozen=True)
class FileInfo:
    """A file that is there.

    Attributes:
        size: in bytes.
        stamp: changes when the file does.
    """

    size: int
    stamp: str


class FileStorage:
    """Files below a URL, by names such as ``records/ab/cd.json``.

    Args:
        url: such as ``s3://bucket/campaign``.
        filesystem: of fsspec.
        root: the URL without its protocol.

    Attributes:
        shown: the URL as a person may see it, without a password.
    """

    def __init__(self, url: str, filesystem: Any, root: str) -> None:
        self.url, self.safe_url = url, mask(url)
        self.filesystem, self._root = filesystem, root.rstrip("/")
        self._protocol = url.partition("://")[0]
        # Else s3fs asks how large a file is before it reads it, and looks for a folder if there is none.
        self._small_read_options = {"max_concurrency": 1} if self._protocol in ("s3", "s3a") else {}

    def path(self, name: str) -> str:
        """Give a file's name as the filesystem has it."""
        return f"{self._root}/{name}"

    def read(self, name: str, *, large: bool = False) -> bytes | None:
        """Give a file's bytes; nothing where there is none.

        Args:
            name: which one.
            large: whether it may be worth reading in several pieces at once.

        Raises:
            StoreError: the filesystem does not answer, or refuses.
        """
        with self.wrap_errors(), suppress(FileNotFoundError):
            return bytes(
                self.filesystem.cat_file(self.path(name), **({} if large else self._small_read_options))
            )
        return None

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """Give the bytes of those files that are there, several read at once where that can be."""
        paths = {self.path(name): name for name in names}
        if not paths:
            return {}
        with self.wrap_errors():
            found = self.filesystem.cat_ranges(
                list(paths), None, None, on_error="return", **self._small_read_options
            )
        texts: dict[str, bytes] = {}
        for name, data in zip(paths.values(), found, strict=True):
            if isinstance(data, FileNotFoundError):
                continue
            with self.wrap_errors():
                if isinstance(data, Exception):
                    raise data
                texts[name] = bytes(data)
        return texts

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        with self.wrap_errors():
            if self._protocol in _ATOMIC_PROTOCOLS:
                self.filesystem.pipe_file(self.path(name), data)
                return
            with self._write_temporary(name) as part:
                self.filesystem.pipe_file(part, data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file if there is none; say whether there was none."""
        with self.wrap_errors():
            try:
                self._create(self.path(name), data)
            except FileExistsError:
                return False
            except Exception as error:
                if "ConditionalRequestConflict" in str(error):  # several made it at once
                    return False
                raise
        return True

    def upload(self, file: Path, name: str) -> None:
        """Copy a local file here, whole or not at all."""
        with self.wrap_errors():
            if self._protocol in _ATOMIC_PROTOCOLS:
                self.filesystem.put_file(str(file), self.path(name))
                return
            with self._write_temporary(name) as part:
                self.filesystem.put_file(str(file), part)

    def download(self, name: str, file: Path) -> bool:
        """Copy a file to a local one; say whether there was one."""
        with self.wrap_errors():
            try:
                self.filesystem.get_file(self.path(name), str(file))
            except FileNotFoundError:
                return False
            except OSError as error:
                with (
                    wrap_disk_errors(file) if error.errno in DISK_FULL_ERRNOS else nullcontext()
                ):  # this machine's disk
                    raise
        return True

    def stat(self, name: str) -> FileInfo | None:
        """Say what a file is; nothing where there is none."""
        with self.wrap_errors(), suppress(FileNotFoundError):
            info = self.filesystem.info(self.path(name))
            stamps = (info.get(k, "") for k in ("ETag", "etag", "LastModified", "mtime", "ino", "created"))
            return FileInfo(int(info["size"]), " ".join(map(str, stamps))) if info["type"] == "file" else None
        return None

    def remove(self, *names: str) -> None:
        """Delete files; those that are gone already are passed over."""

        def remove_one(name: str) -> None:
            with self.wrap_errors(), suppress(FileNotFoundError):
                self.filesystem.rm_file(self.path(name))

        left, failed = deque(names), list[Exception]()

        def remove_some() -> None:
            try:
                while left and not failed:
                    with suppress(IndexError):  # another thread took the last one
                        remove_one(left.popleft())
            except Exception as error:
                failed.append(error)

        # No pool: at its end Python would wait for the threads of one, however long a server is silent.
        helpers = min(len(names), _MAX_REQUESTS) - 1
        threads = [threading.Thread(target=remove_some, daemon=True) for _ in range(helpers)]
        for thread in threads:
            thread.start()
        remove_some()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def list_files(self, folder: str) -> dict[str, int]:
        """Give the names of all files below a folder, with their sizes."""
        top = self.path(folder)
        with self.wrap_errors():
            found = self.filesystem.find(top, detail=True)
        begin = len(self.path(""))
        files = {_relative_name(path, top, begin): int(info["size"]) for path, info in found.items()}
        files.pop(folder, None)  # a folder that lost its last file meanwhile may be given for one
        return files

    @contextmanager
    def wrap_errors(self) -> Iterator[None]:
        """Say as one StoreError what the filesystem refuses in the block, but not that a file is missing.

        Raises:
            StoreError: it does not answer, or refuses.
        """
        try:
            yield
        except MagicalError:
            raise
        except Exception as error:  # each filesystem has exceptions of its own
            raise filesystem_error(self.safe_url, error) from error

    def _create(self, path: str, data: bytes) -> None:
        if self._protocol == "memory":  # it looks and writes in two steps
            with _create_lock:
                self.filesystem.pipe_file(path, data, mode="create")
        elif self._protocol in _ATOMIC_PROTOCOLS:
            self.filesystem.pipe_file(path, data, mode="create")
        else:
            self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            with self.filesystem.open(path, "xb") as file:
                file.write(data)

    @contextmanager
    def _write_temporary(self, name: str) -> Iterator[str]:
        """A temporary name beside a file, which is moved to it at the end of the block."""
        folder, _, last = self.path(name).rpartition("/")
        part = f"{folder}/.part-{os.urandom(6).hex()}-{last}"
        self.filesystem.makedirs(folder, exist_ok=True)
        try:
            yield part
            self.filesystem.mv(part, self.path(name))
        except BaseException:
            with suppress(Exception):
                self.filesystem.rm_file(part)
            raise


def _relative_name(path: str, top: str, begin: int) -> str:
    """The name of a file that a listing found, whether or not it writes a first slash."""
    return path[begin:] if path.startswith(top) else path.lstrip("/")[begin - 1 :]


_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"} | dict.fromkeys(
    ("abfs", "abfss", "az"), "adlfs"
)


class FolderStorage(FileStorage):
    """Files in a folder of this machine, or of a disk that several share: synced and renamed."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        # A lease is worth nothing after a crash of the machine, so that it needs not be on the disk.
        durable = name.startswith(("objects/", "records/"))
        write_file(self._file(name), lambda part: _write_whole(part, data), durable=durable)

    def upload(self, file: Path, name: str) -> None:
        """Copy a local file here, whole or not at all."""
        write_file(self._file(name), lambda part: _copy(file, part))

    def remove(self, *names: str) -> None:
        """Delete files; and the folder of a run's pins with the last of them."""
        super().remove(*names)
        for folder in {self._file(name).parent for name in names if name.startswith("pins/")}:
            with suppress(OSError):
                folder.rmdir()

    def _create(self, path: str, data: bytes) -> None:
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("xb")
        try:
            with stream:
                stream.write(data)
        except BaseException:  # on a full disk it would stay, empty, for a lease that nobody has
            file.unlink(missing_ok=True)
            raise

    def _file(self, name: str) -> Path:
        return Path(self.path(name))


def open_storage(url: str) -> FileStorage:
    """Give a place by its URL.

    Args:
        url: of any protocol of fsspec. What else its filesystem needs, such as an endpoint, comes from the
            configuration of fsspec, or from the variables that its package reads.

    Raises:
        StoreError: the protocol is unknown, or the package for it is not installed.

    Example:
        >>> place = open_storage("memory://example")
        >>> place.write("a/b", b"1")
        >>> place.read("a/b"), place.read("a/c"), place.create("a/b", b"2"), place.list_files("a")
        (b'1', None, False, {'a/b': 1})
    """
    with suppress(ValueError):
        register_secret(urlsplit(url).password or "")
    protocol, _, rest = url.partition("://")
    if not rest or "::" in url:
        raise StoreError(f"{mask(url)} is no place for a store.", hint="such as s3://bucket/campaign.")
    if protocol in ("file", "local") and not rest.startswith("/"):
        raise StoreError(f"{url} is not a whole path.", hint=f"such as {protocol}:///mnt/team/campaign.")
    try:
        # What others write is to be seen at once.
        filesystem, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        package = _PACKAGES.get(protocol, "")
        hint = f"pip install {package}" if package else shorten(error, 160)
        raise StoreError(f"{mask(url)} needs a package that is not here.", hint=hint) from None
    except ValueError as error:
        hint = "s3, gs, abfs, file and many more are known to fsspec."
        raise StoreError(f"{mask(url)}: {shorten(error, 160)}.", hint=hint) from None
    except Exception as error:
        raise filesystem_error(mask(url), error) from error
    kind = FolderStorage if protocol in ("file", "local") else FileStorage
    return kind(url, filesystem, root)


def _write_whole(part: Path, data: bytes) -> None:
    if part.write_bytes(data) != len(data):
        raise StoreError(f"{part} was not written whole.", hint="look at the disk's space.")


def _copy(file: Path, part: Path) -> None:
    shutil.copyfile(file, part)
