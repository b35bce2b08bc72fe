"""Signatures of records: they distinguish records of this store from records that were copied into it."""

from __future__ import annotations

import hashlib
import hmac
import os
import platform
from functools import lru_cache
from pathlib import Path

from magical.engine.artifacts import Artifact, Record
from magical.system.atomic_files import wrap_disk_errors
from magical.system.file_locks import ensure_token, read_token

__all__ = ["RecordSigner", "may_run_code"]

_CODE_FREE_KINDS = {"table", "value", "figure", "none", "group"}
"""The kinds of artifacts that load without running any stored code."""

_SECRET_LENGTH = 64


class RecordSigner:
    """Signs records with a secret of the store and with the place of its folder.

    The place is the machine, the user and the folder's inode, which stays when the folder is renamed or moved
    on its disk. So the records of a store that was copied, unpacked, restored or sent, even with its secret,
    are foreign, and so are records that were merged into a store.

    This protects a user who opens a project of somebody else: its pickled objects are not loaded unasked. It
    does not protect from somebody who may write as the same user on this machine, or who knows the machine's
    id and guesses the inode; and the project's own code runs when the project is opened, whoever wrote it.

    Args:
        folder: the folder of the store.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "owner"

    def sign(self, text: str) -> str:
        """Compute the signature of a text; the first call creates the secret.

        Raises:
            StoreError: the secret cannot be written.
        """
        with wrap_disk_errors(self._file):
            return self._signature(ensure_token(self._file, _SECRET_LENGTH, private=True), text)

    def is_own(self, signature: object, text: str) -> bool:
        """Return True if the signature was made by this store, at this place, for the text."""
        secret = read_token(self._file, _SECRET_LENGTH)
        # compare_digest takes ASCII texts only, and the signature comes from a file that anybody may write.
        if not secret or not isinstance(signature, str) or not signature.isascii():
            return False
        return hmac.compare_digest(signature, self._signature(secret, text))

    def _signature(self, secret: str, text: str) -> str:
        """Compute the signature of a text from the secret, the machine, the user and the folder's inode."""
        inode = os.stat(self._folder).st_ino
        message = f"{_machine_id()}\n{inode}\n{text}".encode()
        return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()[:40]


def may_run_code(record: Record) -> bool:
    """Return True if loading the result or a kept value of a record may run code that is stored in it.

    Example:
        >>> may_run_code(Record("k", "n", "m:n", {}, Artifact("table", "t")))
        False
        >>> may_run_code(Record("k", "n", "m:n", {}, Artifact("object", "o")))
        True
    """
    return any(_may_run_code(a) for a in (record.result, *record.kept.values()))


def _may_run_code(artifact: Artifact) -> bool:
    return artifact.kind not in _CODE_FREE_KINDS or any(map(_may_run_code, artifact.items.values()))


@lru_cache
def _machine_id() -> str:
    """Return a text that identifies this machine and the user."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            if name := Path(path).read_text(encoding="ascii").strip():
                return f"{name}\n{user}"
        except (OSError, ValueError):
            continue
    return f"{platform.node()}\n{user}"
