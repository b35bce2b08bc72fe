"""Storages: folders on filesystems of fsspec, with atomic files and one short error for all failures."""

from __future__ import annotations

import os
import shutil
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR
from typing import Any
from urllib.parse import urlsplit

import fsspec

from magical.errors import MagicalError, StoreError, shorten
from magical.masking import mask, register_secret
from magical.stores.blobs import PARTIAL_PREFIX, write_bytes
from magical.system.atomic_files import DISK_FULL_ERRNOS, wrap_disk_errors, write_file
from magical.system.state_files import (
    find_link,
    is_plain_file,
    list_folder,
    open_plain,
    read_plain,
    refuse_links,
    remove_entry,
)

__all__ = ["FileInfo", "FileStorage", "FolderStorage", "filesystem_error", "open_storage"]

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
    """Build the error for an exception of a filesystem; ``url`` must not contain a password.

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
"""Protocols whose uploads are atomic, and which can create a file exclusively."""

_MAX_REQUESTS = 8
"""Requests at the same time, when many files are deleted."""

_create_lock = threading.Lock()


@dataclass(frozen=True)
class FileInfo:
    """The size of a file in bytes, and a stamp that changes whenever the file does."""

    size: int
    stamp: str


class FileStorage:
    """The files below a URL, by names such as ``records/ab/cd.json``; see ``open_storage``.

    Args:
        url: the URL, such as ``s3://bucket/campaign``.
        filesystem: the filesystem of fsspec.
        root: the URL without its protocol.

    Attributes:
        safe_url: the URL without a password.
    """

    def __init__(self, url: str, filesystem: Any, root: str) -> None:
        self.url, self.safe_url = url, mask(url)
        self.filesystem, self._root = filesystem, root.rstrip("/")
        self._protocol = url.partition("://")[0]
        # With several requests for one file, s3fs would ask for its size first, and look for a folder of
        # that name if there is no file.
        self._small_read_options = {"max_concurrency": 1} if self._protocol in ("s3", "s3a") else {}

    def path(self, name: str) -> str:
        """Return the path of a file on the filesystem."""
        return f"{self._root}/{name}"

    def read(self, name: str, *, large: bool = False) -> bytes | None:
        """Read a file; return None if it does not exist.

        Args:
            name: the name of the file.
            large: let the filesystem read several pieces at the same time.

        Raises:
            StoreError: the filesystem does not answer, or refuses.
        """
        options = {} if large else self._small_read_options
        with self.wrap_errors(), suppress(FileNotFoundError):
            return bytes(self.filesystem.cat_file(self.path(name), **options))
        return None

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """Read files, concurrently if the filesystem can; missing ones are left out of the result."""
        paths = {self.path(name): name for name in names}
        if not paths:
            return {}
        with self.wrap_errors():
            found = self.filesystem.cat_ranges(
                list(paths), None, None, on_error="return", **self._small_read_options
            )
        contents: dict[str, bytes] = {}
        for name, data in zip(paths.values(), found, strict=True):
            if isinstance(data, FileNotFoundError):  # deleted since it was listed
                continue
            with self.wrap_errors():
                if isinstance(data, Exception):
                    raise data
                contents[name] = bytes(data)
        return contents

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically."""
        with self.wrap_errors(), self._write_path(name) as path:
            self.filesystem.pipe_file(path, data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file if it does not exist; return True if this call created it."""
        with self.wrap_errors():
            try:
                self._create(self.path(name), data)
            except FileExistsError:
                return False
            except Exception as error:
                if "ConditionalRequestConflict" in str(error):  # S3: several clients create it now
                    return False
                raise
        return True

    def upload(self, file: Path, name: str) -> None:
        """Copy a local file to the storage, atomically."""
        with self.wrap_errors(), self._write_path(name) as path:
            self.filesystem.put_file(str(file), path)

    def download(self, name: str, file: Path) -> bool:
        """Copy a file of the storage to a local path; return False if the storage lacks it."""
        with self.wrap_errors():
            try:
                self.filesystem.get_file(self.path(name), str(file))
            except FileNotFoundError:
                return False
            except OSError as error:
                # Then the disk of this machine is full, and the error must not name the remote store.
                with wrap_disk_errors(file) if error.errno in DISK_FULL_ERRNOS else nullcontext():
                    raise
        return True

    def stat(self, name: str) -> FileInfo | None:
        """Return the size and the stamp of a file; None if it does not exist."""
        with self.wrap_errors(), suppress(FileNotFoundError):
            info = self.filesystem.info(self.path(name))
            # Each filesystem has some of these.
            stamps = (info.get(k, "") for k in ("ETag", "etag", "LastModified", "mtime", "ino", "created"))
            return FileInfo(int(info["size"]), " ".join(map(str, stamps))) if info["type"] == "file" else None
        return None

    def remove(self, *names: str) -> None:
        """Delete files, several at the same time; missing ones are ignored."""
        left, failed = deque(names), list[Exception]()

        def remove_some() -> None:
            try:
                while left and not failed:
                    with suppress(IndexError):  # another thread took the last one
                        name = left.popleft()
                        with self.wrap_errors(), suppress(FileNotFoundError):
                            self.filesystem.rm_file(self.path(name))
            except Exception as error:
                failed.append(error)

        # No thread pool: at exit, Python would wait for its threads, however long a server is silent.
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
        """List all files below a folder: the size in bytes of each by name."""
        top = self.path(folder)
        with self.wrap_errors():
            found = self.filesystem.find(top, detail=True)
        root_length = len(self.path(""))
        files = {_relative_name(path, top, root_length): int(info["size"]) for path, info in found.items()}
        files.pop(folder, None)  # a folder that lost its last file meanwhile may be listed as a file
        return files

    @contextmanager
    def wrap_errors(self) -> Iterator[None]:
        """Convert any exception of the filesystem in the block to a StoreError.

        Raises:
            StoreError: the filesystem does not answer, or refuses.
        """
        try:
            yield
        except MagicalError:
            raise
        except Exception as error:  # each filesystem has exceptions of its own
            raise filesystem_error(self.safe_url, error) from error

    def _create(self, path: str, data: bytes) -> None:
        if self._protocol == "memory":  # fsspec checks and writes in two steps
            with _create_lock:
                self.filesystem.pipe_file(path, data, mode="create")
        elif self._protocol in _ATOMIC_PROTOCOLS:
            self.filesystem.pipe_file(path, data, mode="create")
        else:
            self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            with self.filesystem.open(path, "xb") as file:
                file.write(data)

    @contextmanager
    def _write_path(self, name: str) -> Iterator[str]:
        """Yield a path to write a file to: its own, or a temporary one that the end of the block renames."""
        if self._protocol in _ATOMIC_PROTOCOLS:
            yield self.path(name)
            return
        folder, _, last = self.path(name).rpartition("/")
        part = f"{folder}/{PARTIAL_PREFIX}{os.urandom(6).hex()}-{last}"
        self.filesystem.makedirs(folder, exist_ok=True)
        try:
            yield part
            self.filesystem.mv(part, self.path(name))
        except BaseException:
            with suppress(Exception):
                self.filesystem.rm_file(part)
            raise


def _relative_name(path: str, top: str, root_length: int) -> str:
    """Cut the first letters, which are the root, from a path; some listings omit the leading slash."""
    return path[root_length:] if path.startswith(top) else path.lstrip("/")[root_length - 1 :]


_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"} | dict.fromkeys(
    ("abfs", "abfss", "az"), "adlfs"
)


class FolderStorage(FileStorage):
    """Files in a folder of this machine or of a shared disk, which are synced before they are renamed.

    The folder itself may be a symbolic link; links inside are not followed, as ``state_files`` says.
    """

    def read(self, name: str, *, large: bool = False) -> bytes | None:
        """Read a file; return None if it does not exist, or is no plain file."""
        with self.wrap_errors(), suppress(FileNotFoundError):
            return read_plain(*self._locate(name))
        return None

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """Read files; missing ones are left out of the result."""
        found = ((name, self.read(name)) for name in names)
        return {name: data for name, data in found if data is not None}

    def download(self, name: str, file: Path) -> bool:
        """Copy a file of the storage to a local path; return False if the storage lacks it."""
        with self.wrap_errors():
            try:
                source = open_plain(*self._locate(name))
            except FileNotFoundError:
                return False
            with source, wrap_disk_errors(file), file.open("wb") as target:
                shutil.copyfileobj(source, target)
        return True

    def stat(self, name: str) -> FileInfo | None:
        """Return the size and the stamp of a file; None if it does not exist, or is no plain file."""
        path, root = self._locate(name)
        with self.wrap_errors(), suppress(FileNotFoundError):
            found = os.lstat(path)
            if is_plain_file(path, root):
                return FileInfo(found.st_size, f"{found.st_mtime_ns} {found.st_ino}")
        return None

    def list_files(self, folder: str) -> dict[str, int]:
        """List all files below a folder: the size in bytes of each by name; a link counts as a file."""
        files: dict[str, int] = {}
        with self.wrap_errors():
            for path in list_folder(*self._locate(folder)):
                name = f"{folder}/{path.name}"
                with suppress(FileNotFoundError):  # deleted since it was listed
                    found = os.lstat(path)
                    is_folder = S_ISDIR(found.st_mode)
                    files |= self.list_files(name) if is_folder else {name: found.st_size}
        return files

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically."""
        # Leases and pins mean nothing after a crash of the machine, so they are spared the slow sync.
        durable = name.startswith(("objects/", "records/"))
        path, root = self._locate(name)
        refuse_links(path.parent, root)
        write_file(path, lambda part: write_bytes(part, data), durable=durable)

    def upload(self, file: Path, name: str) -> None:
        """Copy a local file to the storage, atomically."""
        path, root = self._locate(name)
        refuse_links(path.parent, root)
        write_file(path, lambda part: _copy(file, part))

    def remove(self, *names: str) -> None:
        """Delete files, and each folder of a run's pins that is empty then."""
        for path, root in map(self._locate, names):
            with self.wrap_errors(), suppress(FileNotFoundError, NotADirectoryError):
                if find_link(path.parent, root) is None:
                    remove_entry(path)
        for folder in {self._locate(name)[0].parent for name in names if name.startswith("pins/")}:
            with suppress(OSError):  # not empty, or gone already
                folder.rmdir()

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file if it does not exist; return True if this call created it."""
        path, root = self._locate(name)
        refuse_links(path.parent, root)
        return super().create(name, data)

    def _create(self, path: str, data: bytes) -> None:
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("xb")
        try:
            with stream:
                stream.write(data)
        except BaseException:  # a full disk: the empty file would be a lease that nobody holds
            file.unlink(missing_ok=True)
            raise

    def _locate(self, name: str) -> tuple[Path, Path]:
        """Return the path of a file, and the topmost folder on the way that must not be a link."""
        return Path(self.path(name)), Path(self.path(name.partition("/")[0]))


def open_storage(url: str) -> FileStorage:
    """Open the storage at a URL.

    Args:
        url: the URL, of any protocol of fsspec. Other options of its filesystem, such as an endpoint, come
            from the configuration of fsspec, or from the variables that its package reads.

    Raises:
        StoreError: the protocol is unknown, or the package for it is not installed.

    Example:
        >>> storage = open_storage("memory://example")
        >>> storage.write("a/b", b"1")
        >>> storage.read("a/b"), storage.read("a/c"), storage.create("a/b", b"2"), storage.list_files("a")
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
        # A cached listing would hide the leases and pins that other machines have just written.
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


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
