"""Drawings of several threads and processes at once."""

import multiprocessing
import threading
from pathlib import Path

import pytest

import magical
from projects import one

FLOW = """
import threading

@step
def first() -> int:
    return 1

@workflow
def flow() -> int:
    {wait}
    return first()
"""


@pytest.mark.slow
def test_a_forked_process_draws_while_a_thread_of_its_parent_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, forked = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "drawn_by_a_test", (drawn, forked), raising=False)
    wait = "threading.drawn_by_a_test[0].set(), threading.drawn_by_a_test[1].wait(20)"
    slow = one(tmp_path / "slow", FLOW.format(wait=wait))
    quick = one(tmp_path / "quick", FLOW.format(wait="pass"))
    drawing = threading.Thread(target=lambda: slow.load().graph(), daemon=True)
    drawing.start()
    assert drawn.wait(20)
    child = multiprocessing.get_context("fork").Process(target=magical.load(quick.root).graph)
    child.start()
    child.join(20)
    forked.set()
    drawing.join(20)
    child.kill()
    assert child.exitcode == 0
