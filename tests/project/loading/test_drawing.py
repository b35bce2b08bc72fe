"""Drawings of several threads and processes at once."""

import subprocess
import sys
from pathlib import Path

import pytest

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
SCRIPT = """
import multiprocessing, sys, threading, magical

drawn, forked = threading.drawn_by_a_test = threading.Event(), threading.Event()
drawing = threading.Thread(target=magical.load(sys.argv[1]).graph, daemon=True)
drawing.start()
assert drawn.wait(30)
child = multiprocessing.get_context("fork").Process(target=magical.load(sys.argv[2]).graph)
child.start()
child.join(30)
forked.set()
drawing.join(30)
child.kill()
sys.exit(child.exitcode != 0)
"""


@pytest.mark.slow
def test_a_forked_process_draws_while_a_thread_of_its_parent_draws(tmp_path: Path) -> None:
    wait = "threading.drawn_by_a_test[0].set(), threading.drawn_by_a_test[1].wait(30)"
    slow = one(tmp_path / "slow", FLOW.format(wait=wait)).root
    quick = one(tmp_path / "quick", FLOW.format(wait="pass")).root
    # In a process of its own: one that has run other tests may hold any lock when it forks.
    command = [sys.executable, "-c", SCRIPT, str(slow), str(quick)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
