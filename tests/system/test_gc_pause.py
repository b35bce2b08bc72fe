"""The collector pauses, and comes back only if the pause switched it off."""

import atexit
import gc
from collections.abc import Callable, Iterator

import pytest

from magical.system import gc_pause
from magical.system.gc_pause import pause_gc, resume_gc


@pytest.fixture(autouse=True)
def exits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], None]]]:
    """What would be registered for the exit; the collector is as before after the test."""
    registered: list[Callable[[], None]] = []
    monkeypatch.setattr(gc_pause, "_state", {"paused": False, "at_exit": False})
    monkeypatch.setattr(atexit, "register", registered.append)
    gc.enable()
    yield registered
    gc.enable()
    gc.unfreeze()


def test_the_collector_is_off_until_it_is_resumed() -> None:
    pause_gc()
    assert not gc.isenabled()
    resume_gc()
    assert gc.isenabled()


def test_what_was_made_in_the_pause_is_visited_no_more() -> None:
    gc.unfreeze()
    pause_gc()
    assert gc.get_freeze_count() == 0
    resume_gc()
    assert gc.get_freeze_count() > 0


def test_a_collector_that_was_off_before_stays_off() -> None:
    gc.disable()
    pause_gc()
    resume_gc()
    assert not gc.isenabled()


def test_to_resume_without_a_pause_changes_nothing() -> None:
    gc.disable()
    resume_gc()
    assert not gc.isenabled()
    gc.enable()
    resume_gc()
    assert gc.isenabled()


def test_two_pauses_end_with_one_resumption() -> None:
    pause_gc()
    pause_gc()
    resume_gc()
    assert gc.isenabled()
    gc.disable()
    resume_gc()
    assert not gc.isenabled()


def test_the_exit_is_prepared_once(exits: list[Callable[[], None]]) -> None:
    for _ in range(3):
        pause_gc()
        resume_gc()
    assert exits == [gc.freeze]
