"""The seal of a store: which records it made itself, and which were brought in from elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import os
import platform
import secrets
from functools import lru_cache
from pathlib import Path

from magical.engine.artifacts import Artifact, Record
from magical.system.atomic_files import wrap_disk_errors
from magical.system.file_locks import acquire, release

__all__ = ["RecordSigner", "may_run_code"]

_CODE_FREE_KINDS = {"table", "value", "none", "group"}
"""The kinds of artifacts that are read without running any code of theirs."""

_SECRET_LENGTH = 64


class RecordSigner:
    """Signs records with a secret of the store and the place where the store is.

    The place is the machine, the user and the folder itself (its device's number for it, which stays when the
    folder is renamed or moved on its disk). So the records of a store that was copied, unpacked, restored or
    sent, secret and all, are foreign, and so are records that were merged into a store.

    This protects whoever opens a project that somebody else gave them: what it brings along as pickled
    objects is not loaded unasked. It does not protect from somebody who may write as the same user on this
    machine, or who knows this machine's id and guesses the folder's number; and the project's own code runs
    when the project is opened, whoever wrote it.

    Args:
        folder: the store's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "owner"

    def sign(self, text: str) -> str:
        """Give the signature of a text; the secret is made when there is none.

        Raises:
            StoreError: the secret cannot be written.
        """
        with wrap_disk_errors(self._file):
            return self._signature(self._secret() or self._create_secret(), text)

    def is_own(self, signature: object, text: str) -> bool:
        """Whether this store, at this place, signed a text."""
        secret = self._secret()
        if not secret or not isinstance(signature, str) or not signature.isascii():
            return False
        return hmac.compare_digest(signature, self._signature(secret, text))

    def _signature(self, secret: bytes, text: str) -> str:
        place = os.stat(self._folder).st_ino
        message = f"{_machine_id()}\n{place}\n{text}".encode()
        return hmac.new(secret, message, hashlib.sha256).hexdigest()[:40]

    def _secret(self) -> bytes:
        try:
            secret = self._file.read_bytes()
        except OSError:
            return b""
        return secret if len(secret) == _SECRET_LENGTH else b""

    def _create_secret(self) -> bytes:
        """Of several who make it at once, one does."""
        handle = acquire(self._file)
        try:
            if not self._secret():
                os.chmod(self._file, 0o600)
                os.truncate(self._file, 0)
                os.write(handle, secrets.token_hex(_SECRET_LENGTH // 2).encode())
                os.fsync(handle)
        finally:
            release(handle)
        return self._secret()


def may_run_code(record: Record) -> bool:
    """Whether loading what a record names could run code: all that is not known to be harmless."""
    return any(_may_run_code(a) for a in (record.result, *record.kept.values()))


def _may_run_code(artifact: Artifact) -> bool:
    return artifact.kind not in _CODE_FREE_KINDS or any(map(_may_run_code, artifact.items.values()))


@lru_cache
def _machine_id() -> str:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            if name := Path(path).read_text(encoding="ascii").strip():
                return f"{name}\n{user}"
        except (OSError, ValueError):
            continue
    return f"{platform.node()}\n{user}"
