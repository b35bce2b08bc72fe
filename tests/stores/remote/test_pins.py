"""Pins in a store without kernel locks: heeded while their run renews its lease, and written again after a sleep."""

import threading
from uuid import uuid4

import pytest

from magical.engine.artifacts import Artifact, Record
from magical.errors import StoreError
from magical.stores.remote.filesystem import FileStorage, open_storage
from magical.stores.remote.leases import Lease, LeaseMonitor, LeaseRenewer
from magical.stores.remote.pins import PinSet, RemotePins, find_pins, read_pin_leases


class Renewer(LeaseRenewer):
    """Renews when it is told to."""

    def __init__(self) -> None:
        super().__init__(interval=60)
        self.held: list[Lease] = []

    def add(self, lease: Lease) -> None:
        self.held.append(lease)

    def drop(self, lease: Lease) -> None:
        self.held.remove(lease)

    def renew(self) -> None:
        for lease in self.held:
            lease.renew()


@pytest.fixture
def storage() -> FileStorage:
    return open_storage(f"memory://{uuid4().hex}")


@pytest.fixture
def renewer() -> Renewer:
    return Renewer()


def record(*blobs: str) -> Record:
    items = {blob: Artifact("value", "c", blob) for blob in blobs}
    return Record("k", "n", "m:n", {}, Artifact("group", "g", items=items))


def found(storage: FileStorage) -> PinSet:
    return find_pins(storage, LeaseMonitor(expire_after=60))


def wipe(storage: FileStorage) -> None:
    storage.remove(*storage.list_files("pins"))


def test_an_empty_store_has_no_pins(storage: FileStorage) -> None:
    assert found(storage) == PinSet()
    assert read_pin_leases(storage) == {}


def test_keys_and_blobs_of_all_runs_are_found_until_they_close(
    storage: FileStorage, renewer: Renewer
) -> None:
    one, other = RemotePins(storage, renewer, "run"), RemotePins(storage, renewer, "run")
    one.add("k", record("b1", "b2"))
    one.add("l", None)
    other.add("k", record("b3"))
    assert found(storage) == PinSet({"k", "l"}, {"b1", "b2", "b3"})
    assert len(read_pin_leases(storage)) == len(renewer.held) == 2
    one.close()
    assert found(storage) == PinSet({"k"}, {"b3"})
    other.close()
    assert storage.list_files("pins") == {}
    assert renewer.held == []


def test_what_is_computed_again_keeps_the_blobs_of_before(storage: FileStorage, renewer: Renewer) -> None:
    pins = RemotePins(storage, renewer, "run")
    for given in (None, record("b1"), record("b2"), None):
        pins.add("k", given)
    assert found(storage).blobs == {"b1", "b2"}


def test_the_same_pin_is_written_once(
    storage: FileStorage, renewer: Renewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins, written = RemotePins(storage, renewer, "run"), list[str]()
    write = storage.write
    monkeypatch.setattr(storage, "write", lambda name, data: written.append(name) or write(name, data))
    for given in (record("b1", "b2"), record("b1"), None, record("b2", "b1")):
        pins.add("k", given)
    assert len(written) == 1


def test_a_pin_that_could_not_be_written_is_tried_again(
    storage: FileStorage, renewer: Renewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, data: bytes) -> None:
        raise StoreError("no")

    pins = RemotePins(storage, renewer, "run")
    with monkeypatch.context() as refusing:
        refusing.setattr(storage, "write", refuse)
        with pytest.raises(StoreError):
            pins.add("k", record("b1"))
    assert found(storage) == PinSet()
    pins.add("k", record("b1"))
    assert found(storage) == PinSet({"k"}, {"b1"})


def test_the_pins_of_a_dead_run_are_stale_and_hold_nothing(storage: FileStorage, renewer: Renewer) -> None:
    pins = RemotePins(storage, renewer, "run")
    pins.add("k", record("b1"))
    monitor = LeaseMonitor(expire_after=0)
    assert find_pins(storage, monitor).keys == {"k"}, "nothing is known of it yet"
    renewer.renew()
    assert find_pins(storage, monitor).keys == {"k"}, "it was renewed"
    assert find_pins(storage, monitor) == PinSet(stale=[sorted(storage.list_files("pins"))])


def test_pins_without_a_lease_are_those_of_a_dead_run(storage: FileStorage) -> None:
    storage.write("pins/run-1/k", b"b1")
    storage.write("pins/run-2/lease", b"3f2a 1 boot/space/1/2")
    storage.write("pins/run-2/l", b"b2\xff b3")
    assert found(storage) == PinSet({"l"}, {"b2\ufffd", "b3"}, [["pins/run-1/k"]])


def test_a_run_that_slept_until_its_pins_were_swept_writes_them_again(
    storage: FileStorage, renewer: Renewer
) -> None:
    pins = RemotePins(storage, renewer, "run")
    pins.add("k", record("b1"))
    pins.add("l", None)
    wipe(storage)
    renewer.renew()
    assert found(storage) == PinSet({"k", "l"}, {"b1"})


def test_a_run_that_has_ended_writes_nothing_again(storage: FileStorage, renewer: Renewer) -> None:
    pins = RemotePins(storage, renewer, "run")
    pins.add("k", None)
    pins.close()
    renewer.renew()
    assert storage.list_files("pins") == {}


def test_a_run_that_ends_while_it_is_looked_at_is_not_stale(
    storage: FileStorage, renewer: Renewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    RemotePins(storage, renewer, "run").add("k", None)
    listed = storage.list_files("pins")
    wipe(storage)
    monkeypatch.setattr(storage, "list_files", lambda folder: listed)
    assert found(storage) == PinSet()


def test_the_lease_goes_after_all_pins(
    storage: FileStorage, renewer: Renewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins, gone, has_lease_gone = RemotePins(storage, renewer, "run"), list[str](), threading.Event()
    for key in "abc":
        pins.add(key, None)
    remove = storage.filesystem.rm_file

    def slow(path: str) -> None:
        name = path.rpartition("/")[2]
        if name == "lease":
            has_lease_gone.set()
        else:
            has_lease_gone.wait(0.2)  # time enough for a deletion of the lease at the same time
        gone.append(name)
        remove(path)

    monkeypatch.setattr(storage.filesystem, "rm_file", slow)
    pins.close()
    assert sorted(gone) == ["a", "b", "c", "lease"]
    assert gone[-1] == "lease"


def test_of_dead_runs_the_keys_of_other_projects_stay(storage: FileStorage) -> None:
    for folder in ("mine@run-1", "other@run-2", "run-3"):
        storage.write(f"pins/{folder}/{folder[0]}", b"b1")
    pins = find_pins(storage, LeaseMonitor(expire_after=60), "mine")
    assert pins == PinSet({"o"}, set(), [["pins/mine@run-1/m"], ["pins/run-3/r"]])
    assert len(found(storage).stale) == 3
