"""Input files on this machine: a file, the files of a folder, or those that match a pattern."""

from __future__ import annotations

import difflib
import glob
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from magical.errors import InputError, did_you_mean, join_names

__all__ = [
    "base_name",
    "has_wildcard",
    "is_file_group",
    "is_hidden",
    "is_there",
    "is_url",
    "list_local_files",
    "missing_file_hint",
]

MAX_FILES = 100_000
"""A folder with more files than these is refused: it is more likely a whole disk than a source."""

# `~$book.xlsx` is the lock of Office on a workbook that is open.
_HIDDEN = (".", "~$")
# Two letters at least: `c://x` is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(path: str | os.PathLike[str]) -> bool:
    """Return True if a path is the URL of a file elsewhere.

    Example:
        >>> is_url("s3://bucket/x.csv"), is_url("data/x.csv")
        (True, False)
    """
    return bool(_URL.match(os.fspath(path)))


def base_name(path: str | os.PathLike[str]) -> str:
    """Return the last part of a path or URL, without the query of an address.

    Example:
        >>> base_name("data/x.csv"), base_name("https://example.org/x.csv?year=2024")
        ('x.csv', 'x.csv')
    """
    text = os.fspath(path)
    if not is_url(text):
        return Path(text).name
    # Only addresses have queries; in a bucket `?` is a wildcard.
    return PurePosixPath(urlsplit(text).path if text.startswith("http") else text).name


def is_file_group(path: Path) -> bool:
    """Return True if a local path is a folder, or a pattern such as ``data/2024-*.csv``.

    A file whose name has an asterisk or brackets is a file.

    Example:
        >>> is_file_group(Path("data/2024-*.csv")), is_file_group(Path("data/x.csv"))
        (True, False)
    """
    return path.is_dir() or has_wildcard(path)


def has_wildcard(path: Path) -> bool:
    """Return True if a local path is a pattern, and not a file whose name looks like one.

    Example:
        >>> has_wildcard(Path("data/2024-*.csv"))
        True
    """
    # glob.has_magic() of the standard library is not documented.
    return any(c in str(path) for c in "*?[") and not os.path.lexists(path)


def is_there(path: str | os.PathLike[str]) -> bool:
    """Return True if a path leads to a file, a folder, or files that match it; also for any URL.

    Example:
        >>> is_there("s3://bucket/x.csv"), is_there("nowhere/x-*.csv")
        (True, False)
    """
    if is_url(path) or os.path.exists(path):
        return True
    return has_wildcard(Path(path)) and bool(_list_matches(Path(path)))


def list_local_files(path: Path) -> dict[str, Path]:
    """List the files of a folder and the folders in it, or those that match a pattern, in the order of names.

    Files and folders whose names begin with a point are left out, and locks of Office (``~$book.xlsx``).

    Args:
        path: a folder, or a path with ``*``, ``?``, ``[...]``, or ``**`` for any folders.

    Returns:
        The files by their names relative to the folder, or to the last folder without a wildcard.

    Raises:
        InputError: there is no such file, or there are more than ``MAX_FILES``.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("b.csv", "a.csv"):
        ...     (folder / name).touch()
        >>> list(list_local_files(folder)), list(list_local_files(folder / "b*.csv"))
        (['a.csv', 'b.csv'], ['b.csv'])
    """
    if path.is_dir():
        try:
            files = _collect(_walk(path, path, (os.path.realpath(path),)), path)
        except OSError as error:
            raise InputError(
                f"{error.filename} cannot be read: {error.strerror}.", hint="check its permissions."
            ) from None
        if not files:
            raise InputError(f"The folder {path} has no files.", hint="put files there, or name another one.")
    else:
        files = _list_matches(path)
        if not files:
            raise InputError(f"No file matches {path}.", hint=missing_file_hint(path))
    return dict(sorted(files.items()))


def is_hidden(name: str) -> bool:
    """Return True if a file in a folder does not count, or is in a folder that does not.

    Example:
        >>> is_hidden("a.csv"), is_hidden(".cache/a.csv"), is_hidden("~$book.xlsx")
        (False, True, True)
    """
    return any(part.startswith(_HIDDEN) for part in name.split("/"))


def missing_file_hint(path: Path) -> str:
    """Word a hint on a file that is not there: near files in its folder, and in the ``data`` folder beside.

    Example:
        >>> missing_file_hint(Path("/nowhere/x.csv"))
        'put it there; the folder /nowhere does not exist either.'
    """
    folder, names = path.parent, _list_names(path.parent)
    beside = {f"data/{name}": name for name in _list_names(folder / "data")}
    if not difflib.get_close_matches(path.name, names, n=1, cutoff=0.6):
        near = difflib.get_close_matches(path.name, beside.values(), n=1, cutoff=0.6)
        if near or (beside and not names):
            question = f"did you mean 'data/{near[0]}'? " if near else ""
            found = f"{folder / 'data'} has: {join_names(sorted(beside.values()))}."
            return f"{question}{found}"
    if not folder.is_dir():
        return f"put it there; the folder {folder} does not exist either."
    return did_you_mean(path.name, names) if names else f"put it there; the folder {folder} is empty."


def _list_names(folder: Path) -> list[str]:
    with suppress(OSError):
        return sorted(p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    return []


def _walk(folder: Path, top: Path, above: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder; a link to a folder is followed, unless it leads round in a circle."""
    for entry in folder.iterdir():
        if is_hidden(entry.name):
            continue
        if not entry.is_dir():  # also a pipe or a broken link, which its reader refuses by name
            yield entry.relative_to(top).as_posix(), entry
        elif (real := os.path.realpath(entry)) not in above:
            yield from _walk(entry, top, (*above, real))


def _list_matches(path: Path) -> dict[str, Path]:
    # A folder of the fixed part may have brackets in its name.
    parts = path.parts
    fixed = next(i for i in range(len(parts), -1, -1) if Path(*parts[:i]).is_dir() or i == 0)
    top, pattern = Path(*parts[:fixed]), os.path.join(*parts[fixed:]) if parts[fixed:] else ""
    # Here a point counts if the pattern names it.
    names = glob.iglob(pattern, root_dir=top, recursive=True)
    found = (name for name in names if not Path(name).name.startswith("~$"))
    return _collect(((Path(n).as_posix(), top / n) for n in found if not (top / n).is_dir()), path)


def _collect(found: Iterator[tuple[str, Path]], source: Path) -> dict[str, Path]:
    files = dict(islice(found, MAX_FILES + 1))
    if len(files) > MAX_FILES:
        raise InputError(
            f"{source} has more than {MAX_FILES:,} files.",
            hint="name the folder of the tables, or a pattern such as data/2024-*.csv.",
        )
    return files
