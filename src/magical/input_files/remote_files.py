"""Input files elsewhere: found, digested and read at their URLs through fsspec."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from magical.errors import InputError, MagicalError, shorten
from magical.input_files.local_files import base_name, is_hidden
from magical.masking import mask

__all__ = ["RemoteFile", "find_missing_package", "list_remote_files"]

# Checksums of content that a listing offers. Others, such as the ETag of a web server, may come from times.
_CHECKSUMS = {"s3": "ETag", "s3a": "ETag", "gs": "md5Hash", "gcs": "md5Hash"}
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "http": "aiohttp",
    "https": "aiohttp",
}
_PACKAGES |= dict.fromkeys(("abfs", "abfss", "az"), "adlfs")
_HINTS = {
    "filenotfound": "look at its address, and what there is beside it.",
    "404": "look at its address, and what there is beside it.",
    "has expired": "renew the credentials, and run again.",
    "credential": "give credentials in the variables that its package reads.",
    "permission": "may these credentials read there?",
    "denied": "may these credentials read there?",
    "forbidden": "may these credentials read there?",
    "connect": "is the network up, and the address right?",
    "timeout": "is the network up, and the address right?",
}


@dataclass(frozen=True)
class RemoteFile:
    """One file elsewhere.

    Attributes:
        url: its URL, for messages.
        filesystem: the filesystem of fsspec that has it.
        path: its path there.
        info: what the filesystem says of it, such as its size and a checksum.
    """

    url: str
    filesystem: Any
    path: str
    info: Mapping[str, Any]

    @property
    def checksum(self) -> str:
        """The checksum of its content that its store keeps, as hexadecimal digits; empty if there is none."""
        protocol = self.url.partition("://")[0].lower()
        found = self.info.get(_CHECKSUMS.get(protocol, ""))
        return hashlib.sha256(f"{found} {self.info.get('size')}".encode()).hexdigest() if found else ""

    @property
    def version(self) -> str:
        """A text that changes if its content does, and perhaps if it does not; empty if there is none."""
        # No times: files may change twice within a second. A weak ETag may stay while bytes change.
        found = str(self.info.get("ETag") or self.info.get("etag") or "")
        return f"{found} {self.info.get('size')}" if found and not found.startswith("W/") else ""

    def read(self) -> bytes:
        """Read its content.

        Raises:
            InputError: it cannot be read.
        """
        with _wrap_errors(self.url):
            return bytes(self.filesystem.cat_file(self.path))


def list_remote_files(url: str) -> dict[str, RemoteFile]:
    """Find the file at a URL, or the files of a folder or a pattern there, in the order of their names.

    Args:
        url: of any protocol of fsspec. Credentials come from the variables and files that its package reads.

    Returns:
        The files by their names; for a folder relative to it, for a pattern relative to the last folder
        without a wildcard.

    Raises:
        InputError: there is no such file, it cannot be asked for, or a package is missing.

    Example:
        >>> import fsspec
        >>> fsspec.filesystem("memory").pipe_file("/parts/a.csv", b"id,x")
        >>> {name: file.read() for name, file in list_remote_files("memory://parts/*.csv").items()}
        {'a.csv': b'id,x'}
    """
    if missing := find_missing_package(url):
        raise InputError(f"{mask(url)} needs a package that is not here.", hint=missing)
    import fsspec

    with _wrap_errors(url):
        # A listing of before would hide what is new.
        filesystem, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        is_web = url.startswith("http")  # `?` begins a query there, and there are no folders
        if not is_web and any(c in root for c in "*?["):
            top = root[: min(root.find(c) for c in "*?[" if c in root)].rpartition("/")[0]
            found = filesystem.glob(root, detail=True)
        else:
            info = filesystem.info(root)
            if is_web or info.get("type") != "directory":
                return {base_name(url): RemoteFile(url, filesystem, root, info)}
            top, found = root.rstrip("/"), filesystem.find(root, detail=True)
    names = {path[len(top) :].lstrip("/"): (path, info) for path, info in found.items()}
    prefix = url[: len(url) - len(root)] if url.endswith(root) else url.partition("://")[0] + "://"
    files = {
        name: RemoteFile(f"{prefix}{path.lstrip('/')}", filesystem, path, info)
        for name, (path, info) in sorted(names.items())
        if info.get("type") == "file" and not is_hidden(name)
    }
    if not files:
        raise InputError(f"No file is at {mask(url)}.", hint=_HINTS["404"])
    return files


def find_missing_package(url: str) -> str:
    """Return the command that installs what a URL needs and this machine lacks; empty if nothing is missing.

    Example:
        >>> find_missing_package("memory://x.csv")
        ''
    """
    from importlib.util import find_spec

    if find_spec("fsspec") is None:
        return "pip install 'magical-thinking[remote]'"
    package = _PACKAGES.get(url.partition("://")[0].lower(), "")
    return f"pip install {package}" if package and find_spec(package) is None else ""


@contextmanager
def _wrap_errors(url: str) -> Iterator[None]:
    """Convert any exception of a filesystem in the block to an InputError.

    Raises:
        InputError: the filesystem does not answer, or refuses.
    """
    try:
        yield
    except MagicalError:
        raise
    except Exception as raised:  # each filesystem has exceptions of its own
        error: BaseException = raised
        if isinstance(error, FileNotFoundError) and "Connect" in type(error.__cause__).__name__:
            error = error.__cause__ or error  # for https a server that is down is a missing file, too
        text = f"{type(error).__name__} {error}".lower()
        hint = next((h for word, h in _HINTS.items() if word in text), "look at its address.")
        what = shorten(mask(str(error)) or type(error).__name__, 160).rstrip(".")
        if isinstance(error, FileNotFoundError):
            raise InputError(f"There is no file {mask(url)}.", hint=hint) from None
        raise InputError(f"{mask(url)} cannot be read: {what}.", hint=hint) from None
