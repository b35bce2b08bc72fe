"""Digests of file contents, cached for large files until their size, times or inode change."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from magical.errors import InputError, StoreError
from magical.input_files.local_files import is_file_group, is_url, list_local_files, missing_file_hint
from magical.input_files.remote_files import RemoteFile, list_remote_files
from magical.system.atomic_files import write_text
from magical.system.state_files import read_state

__all__ = ["FileDigests"]

SMALL_FILE_BYTES = 1 << 20
"""Files up to this many bytes are read each time."""

# A second write within one tick of the file system's clock leaves size and times as they were.
RACY = 2.0
"""Seconds: the digest of a file that changed less than this before it was read is not cached."""


MAX_LISTED = 10_000
"""A list of up to this many files is kept, so that a later change of one can be named."""

_MAX_LISTS = 100


class FileDigests:
    """Computes the digests of files and caches those of large ones in a JSON file.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.csv").write_text("id,x")
        >>> FileDigests(folder / "digests.json").digest(folder / "a.csv")[:8]
        '7c1e094c'
    """

    def __init__(self, cache_file: Path) -> None:
        self._cache_file = cache_file
        self._cached: dict[str, list[object]] | None = None

    def digest(self, path: Path) -> str:
        """Compute the SHA-256 of a file's content, in hexadecimal digits.

        That of a folder, or of a path with wildcards, is of the names and contents of its files. For a URL it
        is of the checksum that its store keeps of the content; of the content, if there is none.

        Raises:
            InputError: the file does not exist or cannot be read.
        """
        if is_url(path):
            remote = list_remote_files(str(path))
            is_single = len(remote) == 1 and next(iter(remote.values())).url == str(path)
            found = {name: self._digest_remote(file) for name, file in remote.items()}
            return next(iter(found.values())) if is_single else self._digest_group(found)
        try:
            if is_file_group(path):
                return self._digest_group({n: self.digest(f) for n, f in list_local_files(path).items()})
            stat = path.stat()
            if not path.is_file():  # opening a pipe would wait for ever
                raise InputError(f"{path} is a pipe or a device.", hint="write its content to a file first.")
            if stat.st_size <= SMALL_FILE_BYTES:
                return hashlib.sha256(path.read_bytes()).hexdigest()
            return self._digest_large(path, stat)
        except FileNotFoundError:
            raise InputError(f"There is no file {path}.", hint=missing_file_hint(path)) from None
        except OSError as error:
            raise InputError(
                f"{path} cannot be read: {error.strerror}.", hint="check its permissions."
            ) from None

    def list_group(self, digest: str) -> dict[str, str] | None:
        """Return the digests of the files in a group, by name, for that of the group; None if forgotten."""
        return read_state(self._lists / f"{digest}.json", lambda d: {str(k): str(v) for k, v in d.items()})

    @property
    def _lists(self) -> Path:
        return self._cache_file.with_suffix("")

    def _digest_group(self, digests: Mapping[str, str]) -> str:
        text = json.dumps(dict(sorted(digests.items())))
        digest = hashlib.sha256(text.encode()).hexdigest()
        path = self._lists / f"{digest}.json"
        if len(digests) <= MAX_LISTED and not path.exists():
            with suppress(StoreError, OSError):  # without it, an answer is less exact
                write_text(path, text)
                by_age = sorted(self._lists.glob("*.json"), key=lambda p: p.stat().st_mtime)
                for old in by_age[:-_MAX_LISTS]:
                    old.unlink()
        return digest

    def _digest_large(self, path: Path, stat: os.stat_result) -> str:
        """Return the cached digest of a large file, or compute it and cache it."""
        # The change time cannot be set back as the modification time can; a new inode is a replaced file.
        signature = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        if self._cached is None:
            self._cached = self._read_cache()
        cached = self._cached.get(str(path))
        if cached and cached[:4] == signature:
            return str(cached[4])
        _check_not_zeroed(path, stat.st_size)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if time.time() - max(stat.st_mtime, stat.st_ctime) > RACY:
            self._cached[str(path)] = [*signature, digest]
            with suppress(StoreError):  # without a cache the file is read each time
                write_text(self._cache_file, json.dumps(self._cached))
        return digest

    def _digest_remote(self, file: RemoteFile) -> str:
        """Return the checksum of the store, or the cached digest of the same version, or read the file."""
        if file.checksum:
            return file.checksum
        signature = [file.version, "", "", ""]
        if self._cached is None:
            self._cached = self._read_cache()
        cached = self._cached.get(file.url)
        if file.version and cached and cached[:4] == signature:
            return str(cached[4])
        digest = hashlib.sha256(file.read()).hexdigest()
        if file.version:
            self._cached[file.url] = [*signature, digest]
            with suppress(StoreError):
                write_text(self._cache_file, json.dumps(self._cached))
        return digest

    def _read_cache(self) -> dict[str, list[object]]:
        def build(found: dict[str, object]) -> dict[str, list[object]]:
            return {k: v for k, v in found.items() if isinstance(v, list) and len(v) == 5}

        return read_state(self._cache_file, build) or {}


def _check_not_zeroed(path: Path, size: int) -> None:
    """Refuse a large text file that contains only NULs in some place, as after an interrupted copy.

    Raises:
        InputError: one of eight samples of 4 kB is all NULs.
    """
    # Hashing 10 GB takes a minute; without this check the step would refuse the file only after that.
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return
    with path.open("rb") as file:
        for offset in ((size - 4096) * part // 8 for part in range(1, 9)):
            file.seek(offset)
            if not file.read(4096).strip(b"\0"):
                raise InputError(
                    f"{path} is no text: from byte {offset:,} on there are NULs only.",
                    hint="write it again; it may have been cut off while it was copied.",
                )
