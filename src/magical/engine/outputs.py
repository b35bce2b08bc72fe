"""The files that a step writes: their digests for its record, and the check that they are still the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from magical.errors import InputError

__all__ = ["digest_outputs", "find_changed_output", "list_folder_files"]

ABSENT = ""
"""The digest of an output that is not there."""

Signature = tuple[int, int, int, int]


def list_folder_files(outputs: Mapping[str, str]) -> dict[str, Signature]:
    """List the files in those outputs that are folders, with size, times and inode.

    Called before a body: what has another signature after it, the body has written. Other steps may write
    to the same folder, and their files are not this step's.

    Args:
        outputs: the absolute path of each output, by its text in the settings.
    """
    folders = [path for path in outputs.values() if os.path.isdir(path)]
    return {file: signature for folder in folders for file, signature in _scan_folder(folder).items()}


def digest_outputs(
    outputs: Mapping[str, str], before: Mapping[str, Signature], digest: Callable[[Path], str]
) -> dict[str, str]:
    """Compute the digests of a step's outputs after its body: of files, and of those written into folders.

    An output that is not there has an empty digest; one that cannot be read, such as a device, has none.

    Args:
        outputs: the absolute path of each output, by its text in the settings.
        before: what ``list_folder_files`` found before the body.
        digest: computes the digest of a file.

    Example:
        >>> digest_outputs({"report.csv": "/no/such/folder/report.csv"}, {}, lambda path: "ab12")
        {'report.csv': ''}
    """
    files: dict[str, str] = {}
    for text, path in outputs.items():
        if os.path.isdir(path):
            written = [
                file for file, signature in _scan_folder(path).items() if before.get(file) != signature
            ]
            files |= {os.path.join(text, os.path.relpath(file, path)): file for file in written}
        else:
            files[text] = path
    found = {text: _digest_output(Path(path), digest) for text, path in files.items()}
    return {text: content for text, content in found.items() if content is not None}


def find_changed_output(
    recorded: Mapping[str, str], outputs: Mapping[str, str], digest: Callable[[Path], str]
) -> str:
    """Describe the first output that is not as a step left it; empty if all are.

    Args:
        recorded: what ``digest_outputs`` found after the body, here or in another clone of the project.
        outputs: the absolute path of each output in this project, by its text in the settings.
        digest: computes the digest of a file.

    Example:
        >>> find_changed_output({"x.csv": "ab12"}, {"x.csv": "/no/such/folder/x.csv"}, lambda path: "ab12")
        'its output x.csv was deleted, or never written here'
    """
    for name, content in recorded.items():
        path = _locate(name, outputs)
        if path is None or (now := _digest_output(path, digest)) == content:
            continue
        change = "deleted, or never written here" if now == ABSENT else "changed since"
        return f"its output {path.name} was {change}"
    return ""


def _locate(name: str, outputs: Mapping[str, str]) -> Path | None:
    """Find the path of a recorded output: of a file, or of one in a folder; None if it is none of these."""
    for text, path in outputs.items():
        folder = os.path.join(text, "")
        if name == text or name.startswith(folder):
            return Path(path, name.removeprefix(folder)) if name != text else Path(path)
    return None


def _digest_output(path: Path, digest: Callable[[Path], str]) -> str | None:
    """Compute the digest of an output; None if it cannot be read."""
    try:
        return digest(path) if os.path.exists(path) else ABSENT
    except InputError:
        return None


def _scan_folder(folder: str) -> dict[str, Signature]:
    """Find the files in a folder and the folders in it, with their signatures."""
    found: dict[str, Signature] = {}
    for path in Path(folder).rglob("*"):
        with suppress(OSError):  # another step may remove its files meanwhile
            stat = path.stat()
            if S_ISREG(stat.st_mode):
                found[str(path)] = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    return found
