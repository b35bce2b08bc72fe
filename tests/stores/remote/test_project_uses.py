"""What projects note of their use of a shared store, and which sweeps heed it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from hostile_files import DAMAGED
from magical.contracts.promises import Promise
from magical.engine.artifacts import Record
from magical.errors import StoreError
from magical.stores.remote.filesystem import FileStorage
from magical.stores.remote.leases import LeaseTiming
from magical.stores.remote.project_uses import ProjectUses
from magical.stores.remote.store import RemoteStore
from projects import python

KEY, OTHER_KEY = "ab" * 20, "cd" * 20


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"memory://{uuid4().hex}" if request.param == "memory" else f"file://{tmp_path}/shared"


@pytest.fixture
def opened(tmp_path: Path, url: str) -> Callable[[str], RemoteStore]:
    def open_store(name: str) -> RemoteStore:
        home = tmp_path / name / ".magical"
        home.mkdir(parents=True, exist_ok=True)
        timing = LeaseTiming(renew_interval=0.05, expire_after=1.0, poll_interval=0.05)
        return RemoteStore(url, home / "cache", timing, project=home)

    return open_store


def uses(store: RemoteStore) -> ProjectUses:
    assert store.uses is not None
    return store.uses


def put(store: RemoteStore, key: str, value: int) -> None:
    store.put_record(Record(key, "n", "m:n", {}, store.save([value], Promise("any"), key)))


def keys(store: RemoteStore) -> set[str]:
    return {key for key in (KEY, OTHER_KEY) if store.find_record(key)}


def notes(storage: FileStorage) -> list[str]:
    return sorted(storage.list_files("projects"))


def test_what_another_project_has_noted_stays(opened: Callable[[str], RemoteStore]) -> None:
    mine, other = opened("mine"), opened("other")
    put(mine, KEY, 1)
    put(mine, OTHER_KEY, 2)
    other.note_use([KEY])
    swept = mine.sweep([], dry=True)
    assert (swept.records, swept.kept_records, swept.projects) == (1, 1, [uses(other).project()])
    mine.sweep([])
    assert keys(mine) == {KEY}
    assert other.sweep([], dry=True).projects == []
    assert mine.sweep([], keep_others=False).projects == []
    assert keys(mine) == set()


def test_a_note_of_the_sweeping_project_keeps_nothing(opened: Callable[[str], RemoteStore]) -> None:
    mine = opened("mine")
    put(mine, KEY, 1)
    mine.note_use([KEY])
    assert mine.sweep([]).records == 1


def test_the_ten_newest_are_kept_and_the_same_use_is_noted_once(opened: Callable[[str], RemoteStore]) -> None:
    mine, other = opened("mine"), opened("other")
    for _ in range(3):
        mine.note_use([KEY, OTHER_KEY])
    assert len(notes(mine.storage)) == 1
    for number in range(12):
        mine.note_use([f"{number:040x}"])
    assert len(notes(mine.storage)) == 10
    (found,) = uses(other).read_others().values()
    assert found == {f"{number:040x}" for number in range(2, 12)}
    mine.note_use([f"{5:040x}"])  # a use of before is the newest again
    assert len(notes(mine.storage)) == 10
    mine.note_use([KEY])
    (found,) = uses(other).read_others().values()
    assert f"{5:040x}" in found
    assert f"{2:040x}" not in found


def test_a_project_is_known_again_and_a_copy_of_it_is_another(
    opened: Callable[[str], RemoteStore], tmp_path: Path
) -> None:
    mine = opened("mine")
    name = uses(mine).project()
    assert name.startswith("mine-")
    assert uses(opened("mine")).project() == name
    shutil.copytree(tmp_path / "mine", tmp_path / "copy")
    assert uses(opened("copy")).project() != name
    (tmp_path / "mine" / ".magical" / "project.id").unlink()
    assert uses(opened("mine")).project() != name, "a container with the same path is another project"


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_note_keeps_nothing(opened: Callable[[str], RemoteStore], kind: str) -> None:
    mine, other = opened("mine"), opened("other")
    other.note_use([KEY])
    (name,) = notes(mine.storage)
    mine.storage.write(name, DAMAGED[kind])
    assert list(uses(mine).read_others().values()) == [set()]


def test_a_store_without_a_project_notes_nothing(url: str, tmp_path: Path) -> None:
    store = RemoteStore(url, tmp_path / "cache")
    store.note_use([KEY])
    assert notes(store.storage) == []


def test_a_store_that_fails_is_ignored(
    opened: Callable[[str], RemoteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = opened("mine")
    tried = []

    def fails(*words: object, **more: object) -> None:
        tried.append(words)
        raise StoreError("The store is gone.", hint="look for it.")

    monkeypatch.setattr(mine.storage, "write", fails)
    mine.note_use([KEY])
    assert tried


def test_the_finished_steps_of_a_killed_run_stay_for_its_project(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    code = f"""
import os, signal
from pathlib import Path
from magical.contracts.promises import Promise
from magical.engine.artifacts import Record
from magical.stores.remote.store import RemoteStore
home = Path({str(tmp_path)!r}) / "other" / ".magical"
home.mkdir(parents=True)
store = RemoteStore({url!r}, home / "cache", project=home)
with store.pin_run("run"):
    store.put_record(Record({KEY!r}, "n", "m:n", {{}}, store.save([1], Promise("any"), {KEY!r})))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert python("-c", code).returncode == -9
    stores = {}
    for name in ("mine", "other"):
        home = tmp_path / name / ".magical"
        home.mkdir(parents=True, exist_ok=True)
        stores[name] = RemoteStore(url, home / "cache", project=home)
    assert stores["mine"].sweep([]).records == 0
    assert stores["mine"].find_record(KEY) is not None
    assert stores["other"].sweep([KEY]).records == 0
    assert stores["mine"].storage.list_files("pins") == {}, "its own project knows what the run needs"
    assert stores["mine"].sweep([]).records == 1
