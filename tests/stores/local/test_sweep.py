"""The sweep of a folder: what no key needs goes, what one needs stays, and all is counted."""

import json
import os
from pathlib import Path

import pytest

from magical.engine.artifacts import Artifact, Record
from magical.engine.protocols import SweepResult
from magical.stores.blobs import split_name
from magical.stores.local.objects import LocalObjects
from magical.stores.local.pins import Pins
from magical.stores.local.sweep import count_removed, sweep, sweep_scratch
from magical.system.file_locks import acquire, release

ALIVE, DEAD = "aa" * 20, "bb" * 20


class Swept:
    """The files of a store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.objects = folder, LocalObjects(folder / "objects")

    def read_record(self, key: str) -> Record | None:
        try:
            return Record.from_json(
                json.loads((self.folder / "records" / f"{split_name(key)}.json").read_text())
            )
        except ValueError:
            return None

    def put(self, key: str, data: bytes) -> str:
        """Store a record with one object."""
        blob = self.objects.put(data, ".json")
        path = self.folder / "records" / f"{split_name(key)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(Record(key, "n", "m:n", {}, Artifact("value", "c", blob)).to_json()))
        return blob

    def files(self) -> set[Path]:
        return {p for p in self.folder.rglob("*") if p.is_file()}


@pytest.fixture
def store(tmp_path: Path) -> Swept:
    return Swept(tmp_path / "store")


def test_a_store_that_does_not_exist_is_swept_of_nothing(store: Swept) -> None:
    assert sweep(store, [ALIVE], [], dry=False) == SweepResult()
    assert not store.folder.exists()


def test_what_a_key_needs_stays_and_the_rest_goes(store: Swept) -> None:
    kept, gone = store.put(ALIVE, b"[1, 2]"), store.put(DEAD, b"[3]")
    sizes = {p: p.stat().st_size for p in store.files()}
    swept = sweep(store, [ALIVE, "a key without a record"], [], dry=False)
    assert (swept.records, swept.objects, swept.leftovers) == (1, 1, 0)
    assert (swept.kept_records, swept.kept_objects) == (1, 1)
    assert store.objects.get(kept) == b"[1, 2]"
    assert store.objects.size(gone) == 0
    assert swept.kept_bytes == sum(sizes[p] for p in store.files())
    assert swept.bytes == sum(sizes.values()) - swept.kept_bytes


def test_an_object_that_a_living_and_a_dead_key_share_stays(store: Swept) -> None:
    blob = store.put(ALIVE, b"[1]")
    assert store.put(DEAD, b"[1]") == blob
    swept = sweep(store, [ALIVE], [], dry=False)
    assert (swept.records, swept.objects) == (1, 0)
    assert store.objects.get(blob) == b"[1]"


def test_a_trial_counts_the_same_and_removes_nothing(store: Swept) -> None:
    store.put(ALIVE, b"[1]")
    store.put(DEAD, b"[2]")
    (store.folder / "scratch" / DEAD).mkdir(parents=True)
    (store.folder / "scratch" / DEAD / "half").write_text("12345")
    (store.folder / "locks").mkdir()
    (store.folder / "locks" / DEAD).write_text("")
    (store.folder / "pins").mkdir()
    (store.folder / "pins" / "run-killed").write_text(f"\n{DEAD}\n")
    before = store.files()
    trial = sweep(store, [ALIVE], [], dry=True)
    assert store.files() == before
    assert sweep(store, [ALIVE], [], dry=False) == trial
    assert (trial.records, trial.objects, trial.leftovers) == (1, 1, 3)
    assert len(store.files()) == 2


def test_what_a_run_has_pinned_stays(store: Swept) -> None:
    store.put(ALIVE, b"[1]")
    unrecorded = store.objects.put(b"[2]", ".json")
    (store.folder / "scratch" / ALIVE).mkdir(parents=True)
    pins = Pins(store.folder / "pins", "run")
    pins.add(ALIVE, None)
    pins.add(DEAD, Record(DEAD, "n", "m:n", {}, Artifact("value", "c", unrecorded)))
    swept = sweep(store, [], [], dry=False)
    assert (swept.records, swept.objects, swept.leftovers) == (0, 0, 0)
    pins.close()
    assert sweep(store, [], [], dry=False).objects == 2
    assert store.files() == set()


def test_a_suspect_goes_only_if_it_is_still_damaged(store: Swept) -> None:
    damaged, whole = store.put(ALIVE, b"[1]"), store.put(DEAD, b"[2]")
    paths = [store.objects.path(damaged), store.objects.path(whole)]
    paths[0].write_bytes(b"[9]")
    assert sweep(store, [ALIVE, DEAD], [], dry=False).damaged == [], "nobody suspects it"
    swept = sweep(store, [ALIVE, DEAD], paths, dry=False)
    assert swept.damaged == [damaged]
    assert [p.exists() for p in paths] == [False, True]


def test_a_record_that_cannot_be_understood_goes_with_its_objects(store: Swept) -> None:
    store.put(ALIVE, b"[1]")
    (path,) = (store.folder / "records").rglob("*.json")
    path.write_text("half")
    swept = sweep(store, [ALIVE], [], dry=False)
    assert (swept.records, swept.objects, swept.kept_records) == (1, 1, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_record_that_may_not_be_read_is_no_garbage(store: Swept) -> None:
    store.put(ALIVE, b"[1]")
    (path,) = (store.folder / "records").rglob("*.json")
    path.chmod(0)
    with pytest.raises(PermissionError):
        sweep(store, [ALIVE], [], dry=False)
    assert len(store.files()) == 2


def test_half_written_files_are_leftovers_also_of_living_keys(store: Swept) -> None:
    blob = store.put(ALIVE, b"[1]")
    halves = [p.with_name(".part-1") for p in store.files()] + [store.folder / "objects" / ".part-2"]
    for path in halves:
        path.write_bytes(b"12345")
    swept = sweep(store, [ALIVE], [], dry=False)
    assert (swept.leftovers, swept.bytes, swept.records, swept.objects) == (3, 15, 0, 0)
    assert store.objects.get(blob) == b"[1]"


def test_a_lock_that_is_held_stays(store: Swept) -> None:
    handle = acquire(store.folder / "locks" / DEAD)
    assert sweep(store, [], [], dry=False).leftovers == 0
    assert (store.folder / "locks" / DEAD).exists()
    release(handle)
    assert sweep(store, [DEAD], [], dry=False).leftovers == 0
    assert sweep(store, [], [], dry=False).leftovers == 1
    assert not (store.folder / "locks" / DEAD).exists()


def test_scratch_of_other_keys_is_counted_by_its_files(tmp_path: Path) -> None:
    for key in (ALIVE, DEAD):
        (tmp_path / key / "deep").mkdir(parents=True)
        (tmp_path / key / "deep" / "half").write_text("12345")
    swept = SweepResult()
    sweep_scratch(tmp_path, {ALIVE}, swept, dry=True)
    sweep_scratch(tmp_path, {ALIVE}, swept, dry=False)
    sweep_scratch(tmp_path / "none", set(), swept, dry=False)
    assert (swept.leftovers, swept.bytes) == (2, 10)
    assert [p.name for p in tmp_path.iterdir()] == [ALIVE]


@pytest.mark.parametrize(
    ("name", "counts"), [("cd.json", (1, 0)), (".part-1", (0, 1)), ("cd.part-", (1, 0)), ("", (1, 0))]
)
def test_a_partial_file_counts_as_a_leftover(name: str, counts: tuple[int, int]) -> None:
    swept = SweepResult()
    count_removed(swept, "records", name, 7)
    assert (swept.records, swept.leftovers) == counts
    assert swept.bytes == 7
