"""The files of a source, wherever they are: one, those of a folder or a pattern, or one at a URL."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from magical.errors import InputError
from magical.input_files.compression import COMPRESSED_SUFFIXES, decompress, detect_compression
from magical.input_files.local_files import base_name, is_file_group, list_local_files, missing_file_hint
from magical.input_files.remote_files import RemoteFile, list_remote_files
from magical.settings import InputPath

__all__ = ["SourceFile", "find_source_files", "split_suffix"]


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes:
        name: its path for messages.
        place: its path on this machine, or the file elsewhere.
    """

    name: str
    place: Path | RemoteFile

    @property
    def suffix(self) -> str:
        """The suffix that tells its kind, in small letters and without that of a compression."""
        return split_suffix(self.name)[0]

    def read(self) -> bytes:
        """Read its content, decompressed.

        Raises:
            InputError: it cannot be read, is empty, or is a damaged compressed file.
        """
        data = self._read_bytes()
        if not data:
            raise _empty_error(self.name)
        suffix = split_suffix(self.name)[1]
        if not suffix:
            return data
        if COMPRESSED_SUFFIXES[suffix] != detect_compression(data):
            raise InputError(
                f"{self.name} is no {COMPRESSED_SUFFIXES[suffix]} file.",
                hint="give it the suffix of what it is.",
            )
        return decompress(data, self.name)

    def _read_bytes(self) -> bytes:
        if isinstance(self.place, RemoteFile):
            return self.place.read()
        check_local_file(self.place, self.name)
        try:
            return self.place.read_bytes()
        except OSError as error:
            raise _unreadable_error(self.name, error) from None


def find_source_files(source: InputPath) -> dict[str, SourceFile]:
    """Find the files of a source, by their names in it.

    Raises:
        InputError: there is none, or the source cannot be listed.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "a.csv").touch()
        >>> list(find_source_files(InputPath(folder)))
        ['a.csv']
    """
    if source.is_url:
        remote = list_remote_files(str(source))
        return {name: SourceFile(file.url, file) for name, file in remote.items()}
    path = Path(source)
    if is_file_group(path):
        return {name: SourceFile(name, file) for name, file in list_local_files(path).items()}
    return {path.name: SourceFile(source.text, path)}


def split_suffix(name: str) -> tuple[str, str]:
    """Split the suffix of a file into that of its kind and that of its compression, in small letters.

    Example:
        >>> split_suffix("a.CSV.gz"), split_suffix("https://example.org/a.json?x=1.2")
        (('.csv', '.gz'), ('.json', ''))
    """
    path = Path(base_name(name).lower())
    return (Path(path.stem).suffix, path.suffix) if path.suffix in COMPRESSED_SUFFIXES else (path.suffix, "")


def check_local_file(path: Path, name: str) -> None:
    """Raise an InputError unless the path is a file with content."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        place = f" ({path})" if str(path) != name else ""
        raise InputError(f"There is no file {name}{place}.", hint=missing_file_hint(path)) from None
    except OSError as error:  # also a circle of links
        raise _unreadable_error(name, error) from None
    # A pipe would block the read for ever, and a device may never end: refuse both before opening.
    if not stat.S_ISREG(found.st_mode):
        raise InputError(
            f"{name} is a pipe or a device, not a file.", hint="write its content to a file first."
        )
    if found.st_size == 0:
        raise _empty_error(name)


def _empty_error(name: str) -> InputError:
    return InputError(f"{name} is empty.", hint="give a file with a header and at least one row.")


def _unreadable_error(name: str, error: OSError) -> InputError:
    return InputError(f"{name} cannot be read: {error.strerror}.", hint="check its permissions.")
