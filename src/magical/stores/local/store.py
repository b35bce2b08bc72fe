"""The local store: a folder of objects named by their bytes, and of records named by keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from magical.engine.artifacts import Record
from magical.engine.protocols import SweepResult
from magical.errors import StoreError
from magical.stores.artifact_store import ArtifactStore, fields_digest, parse_record
from magical.stores.blobs import split_name
from magical.stores.local.objects import LocalObjects
from magical.stores.local.pins import Pins
from magical.stores.local.signature import RecordSigner, may_run_code
from magical.system.atomic_files import wrap_disk_errors, write_text
from magical.system.file_locks import SharedFileLock, acquire, do_nothing, release
from magical.system.state_files import find_link, read_state, refuse_links, remove_entry

__all__ = ["LocalStore"]


class LocalStore(ArtifactStore):
    """A ``Store`` in a folder; files are written under a temporary name, synced and renamed; a read verifies.

    Several threads, processes and runs may use one folder at once, and sweep it meanwhile.

    Args:
        folder: created by the first write.
        trust: use results of other stores, too, although loading them can run code.

    Example:
        >>> import tempfile
        >>> from magical.contracts.promises import Promise
        >>> store = LocalStore(Path(tempfile.mkdtemp()))
        >>> artifact = store.save([1, 2], Promise("any"), "ab" * 20)
        >>> store.load(artifact, Promise("any"))
        [1, 2]
    """

    objects: LocalObjects

    def __init__(self, folder: Path, *, trust: bool = False) -> None:
        self.folder, self.scratch_root = folder, folder / "scratch"
        self.objects = LocalObjects(folder / "objects", root=folder)
        self.untrusted = set()
        self._trust = trust
        self._gate = SharedFileLock(folder / "lock")
        self._signer = RecordSigner(folder)
        self._pins: list[Pins] = []

    def __repr__(self) -> str:
        return f"<store {self.folder}>"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments only: another process opens the same folder, and locks and pins stay here."""
        return partial(LocalStore, trust=self._trust), (self.folder,)

    def find_record(self, key: str) -> Record | None:
        """Return the record of a key, pinned for open runs; None if missing, incomplete or untrusted."""
        if not self._pins:
            return self._find_trusted(key)
        with self.block_sweeps():  # a sweep between the lookup and the pin would remove what was found
            record = self._find_trusted(key)
            self._pin(key, record)
        return record

    def put_record(self, record: Record) -> None:
        """Store a record; from then on its key counts as computed."""
        fields = record.to_json()
        digest = fields_digest(fields)
        with self.block_sweeps():
            text = json.dumps({"digest": digest, "signature": self._signer.sign(digest), **fields})
            path = self._record_path(record.key)
            refuse_links(path.parent, self.folder)
            write_text(path, text, durable=True)
            self._pin(record.key, record)

    def drop_record(self, key: str, expected: Record | None = None) -> None:
        """Delete the record of a key; if ``expected`` is given, only if the stored record equals it."""
        if expected is None or self.read_record(key) == expected:
            path = self._record_path(key)
            with wrap_disk_errors(path), suppress(NotADirectoryError):
                if find_link(path.parent, self.folder) is None:
                    remove_entry(path)

    @contextmanager
    def pin_run(self, run: str) -> Iterator[None]:
        """Pin all records that are looked up or stored in the block, so that no sweep removes them."""
        with self.block_sweeps():
            pins = Pins(self.folder / "pins", run)
        self._pins.append(pins)
        try:
            yield
        finally:
            self._pins.remove(pins)
            pins.close()

    def note_use(self, keys: Collection[str]) -> None:
        """Do nothing: the store belongs to one project, whose journal says what it needs."""

    def block_sweeps(self) -> AbstractContextManager[None]:
        """Block sweeps inside the ``with`` block; other writers are not blocked."""
        self._refuse_links()
        return self._gate.hold()

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] = do_nothing) -> Iterator[None]:
        """Hold the lock of a key in the block; while waiting for it, call ``on_wait``, which may raise."""
        path = self.folder / "locks" / key
        refuse_links(path, self.folder)
        handle = acquire(path, on_wait=on_wait)
        try:
            yield
        finally:
            release(handle, path)

    def sweep(
        self,
        alive: Collection[str] | Callable[[], Collection[str]],
        *,
        dry: bool = False,
        verify: bool = False,
        keep_others: bool = True,
    ) -> SweepResult:
        """Remove files that no alive or pinned key needs, and those that killed processes left.

        ``keep_others`` changes nothing: the store belongs to one project.
        """
        from magical.stores.local.sweep import sweep

        self._refuse_links()
        if not self.folder.is_dir():
            return SweepResult()
        # Verification reads the whole store, so it comes before the gate: writers would wait for it. The
        # sweep reads the suspects once more, since a writer may have replaced them meanwhile.
        with wrap_disk_errors(self.folder):
            suspects = {p for p in self.objects.paths() if not self.objects.is_whole(p)} if verify else set()
        with self._gate.hold(exclusive=True), wrap_disk_errors(self.folder):
            # `alive` is asked inside the gate, where no run can store a result and end before the sweep.
            return sweep(self, alive() if callable(alive) else alive, suspects, dry=dry)

    def read_record(self, key: str) -> Record | None:
        """Read the record of a key, without checking its objects or its signature."""
        return self._read_signed(key)[0]

    def _read_signed(self, key: str) -> tuple[Record | None, bool]:
        """Return the record of a key, and True if this store signed it."""

        def build(fields: dict[str, Any]) -> tuple[Record | None, bool]:
            signature, digest = fields.pop("signature", ""), fields["digest"]
            record = parse_record(key, fields)
            return record, record is not None and self._signer.is_own(signature, digest)

        return read_state(self._record_path(key), build, self.folder) or (None, False)

    def _refuse_links(self) -> None:
        """Refuse to work in a store that links lead out of; see ``state_files``."""
        for name in ("objects", "records", "scratch", "pins", "locks"):
            refuse_links(self.folder / name, self.folder)

    def _record_path(self, key: str) -> Path:
        return self.folder / "records" / f"{split_name(key)}.json"

    def _find_trusted(self, key: str) -> Record | None:
        """Return the record of a key if it is complete and trusted; note the key if it is not trusted."""
        record, is_own = self._read_signed(key)
        if record is None or not all(map(self.objects.exists, record.blobs())):
            return None
        if not is_own and may_run_code(record):
            if not self._trust:
                self.untrusted.add(key)
                return None
            with suppress(StoreError):  # sign it, so that it is trusted from now on; a read-only disk is fine
                self.put_record(record)
        return record

    def _pin(self, key: str, record: Record | None) -> None:
        for pins in list(self._pins):  # a copy: runs in other threads begin and end meanwhile
            pins.add(key, record)
