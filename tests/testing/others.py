"""A store and runners as a third party would write them, from the protocols alone; and broken ones."""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import pickle
import shutil
import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from magical.contracts.promises import PARTS, Parts, Promise
from magical.engine.artifacts import Artifact, Record
from magical.engine.protocols import SweepResult, WorkItem
from magical.errors import DamagedArtifact, StoreError


def no_wait() -> None:
    """Do nothing while another holds a key."""


class FolderStore:
    """A store of files named by the SHA-256 of their bytes; runs of this process pin what they use."""

    pins: ClassVar[dict[Path, dict[str, set[str]]]] = {}
    gates: ClassVar[dict[Path, Any]] = {}

    def __init__(self, folder: Path) -> None:
        self.folder, self.untrusted = folder, set[str]()
        for name in ("objects", "records", "scratch", "locks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.gate = self.gates.setdefault(folder, threading.RLock())
        self.run = ""

    # --- records ----------------------------------------------------------------------------------------------

    def find_record(self, key: str) -> Record | None:
        with self.gate:
            record = self._read(key)
            self._pin(key, *(record.blobs() if record else ()))
            return record

    def put_record(self, record: Record) -> None:
        with self.gate:
            body = json.dumps(record.to_json())
            self._write(self._record(record.key), f"{_digest(body.encode())} {body}".encode())
            self._pin(record.key, *record.blobs())

    def drop_record(self, key: str, expected: Record | None = None) -> None:
        with self.gate:
            if expected is None or self._read(key) == expected:
                self._record(key).unlink(missing_ok=True)

    # --- values -----------------------------------------------------------------------------------------------

    def save(self, value: Any, promise: Promise, key: str) -> Artifact:
        if isinstance(value, Parts):
            table = Promise("table")
            return self._group({n: self.save(getattr(value, n), table, key) for n in (*PARTS, "assignment")})
        if promise.kind in ("list", "tuple"):
            inner = promise.items if promise.kind == "tuple" else promise.items[:1] * len(value)
            members = enumerate(zip(value, inner, strict=True))
            return self._group({str(i): self.save(v, p, key) for i, (v, p) in members})
        kind, data = _bytes(value)
        name = _digest(data)
        path = self.folder / "objects" / name
        with self.gate:
            self._pin(key, name)
            if not path.exists() or _digest(path.read_bytes()) != name:
                self._write(path, data)
        return Artifact(kind, name, name)

    def load(self, artifact: Artifact, promise: Promise) -> Any:
        if artifact.kind == "group" and promise.kind == "parts":
            return Parts(**{n: self.load(a, Promise("table")) for n, a in artifact.items.items()})
        if artifact.kind == "group":
            members = list(artifact.items.values())
            inner = promise.items if promise.kind == "tuple" else promise.items[:1] * len(members)
            return [self.load(a, p) for a, p in zip(members, inner, strict=True)]
        try:
            data = (self.folder / "objects" / artifact.blob).read_bytes()
        except FileNotFoundError:
            raise DamagedArtifact("A stored object is gone.", hint="run again.", blob=artifact.blob) from None
        if _digest(data) != artifact.blob:
            raise DamagedArtifact("A stored object is damaged.", hint="run again.", blob=artifact.blob)
        if artifact.kind == "table":
            return pl.read_ipc(io.BytesIO(data))
        return json.loads(data) if artifact.kind == "value" else pickle.loads(data)

    def file(self, artifact: Artifact) -> Path:
        return self.folder / "objects" / artifact.blob

    def size(self, key: str) -> int:
        record = self._read(key)
        return sum((self.folder / "objects" / b).stat().st_size for b in record.blobs()) if record else 0

    # --- for several at once ----------------------------------------------------------------------------------

    def scratch(self, key: str) -> Path:
        path = self.folder / "scratch" / key
        path.mkdir(exist_ok=True)
        return path

    def clear_scratch(self, key: str) -> None:
        shutil.rmtree(self.folder / "scratch" / key, ignore_errors=True)

    @contextlib.contextmanager
    def pin_run(self, run: str) -> Iterator[None]:
        self.run = run + uuid.uuid4().hex
        self.pins.setdefault(self.folder, {})[self.run] = set()
        try:
            yield
        finally:
            del self.pins[self.folder][self.run]
            self.run = ""

    @contextlib.contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] = no_wait) -> Iterator[None]:
        with (self.folder / "locks" / key).open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    on_wait()
            yield

    def note_use(self, keys: Collection[str]) -> None:
        pass

    def block_sweeps(self) -> contextlib.AbstractContextManager[Any]:
        return self.gate

    def sweep(
        self,
        alive: Collection[str] | Callable[[], Collection[str]],
        *,
        dry: bool = False,
        verify: bool = False,
        keep_others: bool = True,
    ) -> SweepResult:
        with self.gate:
            swept = SweepResult()
            kept = set(alive() if callable(alive) else alive)
            pinned = set().union(*self.pins.get(self.folder, {}).values())
            records = {p: self._read(p.name) for p in (self.folder / "records").iterdir()}
            stay = {p: r for p, r in records.items() if r is not None and p.name in kept | pinned}
            needed = pinned.union(*(r.blobs() for r in stay.values()))
            for path in [*records, *(self.folder / "objects").iterdir()]:
                size, is_record = path.stat().st_size, path in records
                damaged = not is_record and verify and _digest(path.read_bytes()) != path.name
                if (path in stay if is_record else path.name in needed) and not damaged:
                    swept.kept_records += is_record
                    swept.kept_objects += not is_record
                    swept.kept_bytes += size
                    continue
                swept.records += is_record
                swept.objects += not is_record
                swept.bytes += size
                swept.damaged += [path.name] if damaged else []
                None if dry else path.unlink()
            for path in (self.folder / "scratch").iterdir():
                if path.name not in kept | pinned:
                    swept.leftovers += 1
                    swept.bytes += sum(p.stat().st_size for p in path.iterdir())
                    None if dry else shutil.rmtree(path)
            return swept

    # --- files ------------------------------------------------------------------------------------------------

    def _record(self, key: str) -> Path:
        return self.folder / "records" / key

    def _read(self, key: str) -> Record | None:
        try:
            digest, body = self._record(key).read_bytes().split(b" ", 1)
        except (OSError, ValueError):
            return None
        if digest != _digest(body).encode():
            return None
        record = Record.from_json(json.loads(body))
        whole = all((self.folder / "objects" / b).exists() for b in record.blobs())
        return record if record.key == key and whole else None

    def _group(self, items: dict[str, Artifact]) -> Artifact:
        return Artifact("group", _digest(" ".join(a.content for a in items.values()).encode()), items=items)

    def _write(self, path: Path, data: bytes) -> None:
        half = self.folder / f"{uuid.uuid4().hex}.half"
        half.write_bytes(data)
        os.replace(half, path)

    def _pin(self, *names: str) -> None:
        if self.run:
            self.pins[self.folder][self.run].update(names)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _bytes(value: Any) -> tuple[str, bytes]:
    if isinstance(value, pl.DataFrame):
        file = io.BytesIO()
        value.write_ipc(file)
        return "table", file.getvalue()
    try:
        return "value", json.dumps(value).encode()
    except TypeError:
        pass
    try:
        return "object", pickle.dumps(value)
    except Exception as error:
        raise StoreError("This value cannot be stored.", hint="give another.") from error


class ForgetfulStore(FolderStore):
    """A broken store: a new process finds no record."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for path in (folder / "records").iterdir():
            path.unlink()


class OverwritingStore(FolderStore):
    """A broken store: a value is named by its key, not by its content."""

    def save(self, value: Any, promise: Promise, key: str) -> Artifact:
        found = super().save(value, promise, key)
        if not found.blob:
            return found
        (self.folder / "objects" / found.blob).rename(self.folder / "objects" / key)
        return Artifact(found.kind, key, key)

    def load(self, artifact: Artifact, promise: Promise) -> Any:
        if not artifact.blob:
            return super().load(artifact, promise)
        return pl.read_ipc(io.BytesIO((self.folder / "objects" / artifact.blob).read_bytes()))


class LosingStore(FolderStore):
    """A broken store: the last member of a group is lost."""

    def save(self, value: Any, promise: Promise, key: str) -> Artifact:
        found = super().save(value, promise, key)
        return self._group(dict(list(found.items.items())[:-1])) if found.items else found


class UnbrandedStore(FolderStore):
    """A broken store: a record loses its origin."""

    def _read(self, key: str) -> Record | None:
        record = super()._read(key)
        return Record.from_json({**record.to_json(), "origin": []}) if record else None


class ThreadRunner:
    """A runner with a thread for each piece of work and a semaphore."""

    def __init__(self, workers: int) -> None:
        self.free, self.left, self.threads = threading.Semaphore(workers), False, list[threading.Thread]()

    def __enter__(self) -> "ThreadRunner":
        return self

    def __exit__(self, *exc: object) -> None:
        self.left = exc[0] is not None
        for thread in self.threads:
            thread.join()

    def submit(self, work: WorkItem[Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.threads.append(threading.Thread(target=self._body, args=(work, future), name=work.name))
        self.threads[-1].start()
        return future

    def _body(self, work: Callable[[], Any], future: Future[Any]) -> None:
        with self.free:
            if self.left:
                future.cancel()
                return
            try:
                future.set_result(self.call(work))
            except BaseException as error:
                future.set_exception(error)

    def call(self, work: Callable[[], Any]) -> Any:
        return work()


class SwallowingRunner(ThreadRunner):
    """A broken runner: it drops the exceptions of the work."""

    def call(self, work: Callable[[], Any]) -> Any:
        with contextlib.suppress(BaseException):
            return work()
        return None


class DoublingRunner(ThreadRunner):
    """A broken runner: it does each piece of work twice."""

    def call(self, work: Callable[[], Any]) -> Any:
        work()
        return work()
