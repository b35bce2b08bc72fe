"""Pins of runs: what they say, which sweeps heed, and what is left of those that died."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magical.engine.artifacts import Artifact, Record
from magical.errors import StoreError
from magical.stores.local.pins import Pins, read_pins

RECORD = Record("k", "n", "m:n", {}, Artifact("value", "c", "b1"), {"x": Artifact("value", "d", "b2")})


def text(folder: Path) -> str:
    return "".join(p.read_text() for p in folder.iterdir())


def test_without_a_folder_nothing_is_pinned(tmp_path: Path) -> None:
    assert read_pins(tmp_path / "none") == (set(), set(), 0)
    assert not (tmp_path / "none").exists()


def test_keys_and_blobs_of_all_runs_are_read_until_they_close(tmp_path: Path) -> None:
    one, other = Pins(tmp_path / "pins", "run"), Pins(tmp_path / "pins", "run")
    one.add("k", RECORD)
    one.add("l", None)
    other.add("m", None)
    assert read_pins(tmp_path / "pins") == ({"k", "l", "m"}, {"b1", "b2"}, 0)
    one.close()
    assert read_pins(tmp_path / "pins") == ({"m"}, set(), 0)
    other.close()
    assert list((tmp_path / "pins").iterdir()) == []


def test_a_key_that_is_computed_after_it_was_looked_up_pins_its_blobs_too(tmp_path: Path) -> None:
    pins = Pins(tmp_path, "run")
    pins.add("k", None)
    pins.add("k", RECORD)
    assert read_pins(tmp_path) == ({"k"}, {"b1", "b2"}, 0)
    pins.close()


def test_the_same_pin_is_written_once(tmp_path: Path) -> None:
    pins = Pins(tmp_path, "run")
    for _ in range(3):
        pins.add("k", RECORD)
    assert text(tmp_path).split() == ["k", "b1", "b2"]
    pins.close()


def test_the_pins_of_a_dead_run_hold_nothing_and_are_removed_unless_it_is_a_trial(tmp_path: Path) -> None:
    """A file that nobody has locked is what a killed run leaves."""
    (tmp_path / "run-1-abc").write_text("\nk b1\n")
    assert read_pins(tmp_path, dry=True) == (set(), set(), 1)
    assert read_pins(tmp_path) == (set(), set(), 1)
    assert read_pins(tmp_path) == (set(), set(), 0)


def test_pins_are_written_again_if_the_store_is_deleted(tmp_path: Path) -> None:
    pins = Pins(tmp_path / "store/pins", "run")
    pins.add("k", RECORD)
    shutil.rmtree(tmp_path / "store")
    pins.add("l", None)
    assert read_pins(tmp_path / "store/pins") == ({"k", "l"}, {"b1", "b2"}, 0)
    pins.close()
    assert list((tmp_path / "store/pins").iterdir()) == []


def test_a_pin_that_a_full_disk_cut_short_is_said_and_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins, write = Pins(tmp_path, "run"), os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda handle, data: write(handle, data[:3]))
        with pytest.raises(StoreError, match="No space left"):
            pins.add("key-of-the-first", RECORD)
    pins.add("second", None)
    assert "second" in read_pins(tmp_path)[0]
    pins.add("key-of-the-first", RECORD)
    assert read_pins(tmp_path)[1] == {"b1", "b2"}, "what failed is not taken for written"
    pins.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "pins").write_text("a file in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        Pins(tmp_path / "pins", "run")


names = st.text("0123456789abcdef~-.", min_size=1, max_size=6)


@settings(max_examples=20)
@given(pinned=st.dictionaries(names, st.lists(names, max_size=3)))
def test_what_is_pinned_is_read(
    tmp_path_factory: pytest.TempPathFactory, pinned: dict[str, list[str]]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "pinned"
    pins = Pins(folder, "run")
    for key, blobs in pinned.items():
        items = {str(i): Artifact("value", "c", blob) for i, blob in enumerate(blobs)}
        pins.add(key, Record(key, "n", "m:n", {}, Artifact("group", "g", items=items)))
    assert read_pins(folder) == (set(pinned), {b for blobs in pinned.values() for b in blobs}, 0)
    pins.close()


def test_threads_pin_whole_lines(tmp_path: Path) -> None:
    pins = Pins(tmp_path, "run")
    keys = {f"{n}-{i}" for n in range(4) for i in range(30)}
    threads = [
        threading.Thread(target=lambda n=n: [pins.add(f"{n}-{i}", RECORD) for i in range(30)])  # type: ignore[misc]
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_pins(tmp_path) == (keys, {"b1", "b2"}, 0)
    pins.close()
