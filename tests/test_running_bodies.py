"""Where wish() is allowed: by the bodies that run in this process, or in the one that started it."""

import contextvars
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from magical.events import NullSink, current_sink
from magical.running_bodies import MARK, is_wish_allowed, open_run, running_body, unmarked_environment

ASK = "from magical.running_bodies import is_wish_allowed; print(is_wish_allowed(None))"


def real() -> NullSink:
    return NullSink(allows_wishes=False)


@contextmanager
def body(sink: NullSink) -> Iterator[None]:
    """Run a block as the executor runs a body."""
    token = current_sink.set(sink)
    try:
        with running_body(sink):
            yield
    finally:
        current_sink.reset(token)


def asked() -> bool:
    """Ask as wish() does."""
    return is_wish_allowed(current_sink.get())


def asked_by_a_command() -> bool:
    answer = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    return answer.stdout == "True\n"


def asked_by_a_thread() -> bool:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asked).result()


def test_outside_of_a_run_a_thread_and_a_process_may_wish() -> None:
    assert (asked(), asked_by_a_thread(), asked_by_a_command()) == (True, True, True)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_body_speaks_for_its_threads_and_processes(allowed: bool) -> None:
    with body(NullSink(allowed)):
        assert [asked(), asked_by_a_thread(), asked_by_a_command()] == [allowed] * 3
    assert MARK not in os.environ


def test_of_bodies_that_run_at_once_each_must_pretend_but_in_its_own_context() -> None:
    with body(NullSink()), running_body(real()):
        assert [asked(), asked_by_a_thread(), asked_by_a_command()] == [True, False, False]
    with body(NullSink()), running_body(NullSink()):
        assert [asked(), asked_by_a_thread()] == [True, True]


def test_a_nested_run_does_not_speak_for_the_body_that_started_it() -> None:
    with body(real()):
        with open_run(), body(NullSink()):
            assert [asked(), asked_by_a_thread()] == [True, False]
        assert not asked()
        assert MARK in os.environ


def test_a_thread_that_outlives_its_body_may_wish_only_after_the_run() -> None:
    go, answers = threading.Semaphore(0), []

    def stay() -> None:
        for _ in range(3):
            assert go.acquire(timeout=10)
            answers.append(asked())
            done.release()

    def ask() -> None:
        go.release()
        assert done.acquire(timeout=10)

    done = threading.Semaphore(0)
    with open_run():
        with body(NullSink()):
            thread = threading.Thread(target=stay)
            thread.start()
        ask()
        with body(real()):
            ask()
    ask()
    thread.join(timeout=10)
    assert answers == [False, False, True]


def test_a_copied_context_does_not_outlive_its_body() -> None:
    with body(NullSink()):
        context = contextvars.copy_context()
        assert context.run(asked)
    with body(real()):
        assert not context.run(asked)


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_process_that_outlives_its_body_serves_a_real_one(way: str) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(way)) as pool:
        with body(NullSink()):
            assert pool.submit(asked).result()
        with body(real()):
            assert not pool.submit(asked).result()
        assert not pool.submit(asked).result()


def test_a_process_of_the_engine_has_no_mark() -> None:
    with body(real()):
        assert MARK in os.environ
        assert MARK not in unmarked_environment()


def test_the_mark_of_the_process_that_started_this_one_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, "/no/such/file")
    assert not asked()
    with body(NullSink()):
        assert asked_by_a_thread()
    assert os.environ[MARK] == "/no/such/file"
