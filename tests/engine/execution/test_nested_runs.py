"""Runs that bodies start in threads and processes of their own end, and give what they give alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from projects import Small, is_well_worded, one

INNER = """
import random

@step(reads="world")
def draw(n: int) -> str:
    return f"{n}:{random.random():.4f}"

@step(reads="world")
def again(n: int) -> str:
    return f"{n}:{random.random():.4f}"

@step
def joined(a: str, b: str) -> str:
    return a + " " + b

class S(Settings):
    n: int = 1

@workflow
def flow(s: S) -> str:
    return joined(draw(s.n), again(s.n))
"""

OUTER = """
import asyncio
import functools
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import magical

def call(n):
    return magical.load(INNER).run(n=n).result

def in_pool(numbers):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(call, numbers))

def in_tasks(numbers):
    async def gather():
        return await asyncio.gather(*[asyncio.to_thread(call, n) for n in numbers])

    return asyncio.run(gather())

def in_children(numbers):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(call, numbers)

@step(reads="world")
def first(n: int) -> str:
    return str({how}([n, n + 5]))

@step(reads="world")
def second(n: int) -> str:
    return str({how}([n + 2]))

@step
def both(a: str, b: str) -> list[str]:
    return [a, b]

@workflow
def flow() -> list[str]:
    return both(first(1), second(1))
"""


def outer(root: Path, how: str) -> tuple[Small, Small]:
    """Write a project whose bodies run another project, and the other project."""
    inner = one(root / "inner", INNER)
    body = OUTER.replace("{how}", how).replace("INNER", repr(str(inner.root)))
    return one(root / "outer", body), inner


def process(small: Small, workers: int) -> subprocess.CompletedProcess[str]:
    """Run it in a process, so that a run that waits for ever can be ended, and print its result."""
    code = (
        f"import magical; run = magical.load({str(small.root)!r}).run(policy={{'workers': {workers}}});"
        "print(*run.result, sep='|')"
    )
    words = [sys.executable, "-c", code]
    return subprocess.run(words, capture_output=True, text=True, timeout=40, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", ["in_pool", "in_tasks"])
def test_a_run_in_a_thread_of_a_body_gives_the_same(tmp_path: Path, how: str, workers: int) -> None:
    small, inner = outer(tmp_path, how)
    expected = [inner.run(n=n).result for n in (1, 6, 3)]
    before = len(list(inner.events()))
    done = process(small, workers)
    assert done.stdout.strip().splitlines()[-1:] == [f"{expected[:2]}|{expected[2:]}"], done.stderr[-3000:]
    lines = [e["text"] for e in [*inner.events()][before:] if e["event"] == "LogLine"]
    warnings = [line for line in lines if "was started in a thread of a body" in line]
    assert warnings
    assert all(is_well_worded(line.replace(" Hint:", "\nHint:")) for line in warnings)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_in_a_fork_of_a_body_is_refused(tmp_path: Path, workers: int) -> None:
    small, _ = outer(tmp_path, "in_children")
    done = process(small, workers)
    assert "A process that a body has forked cannot run steps" in done.stderr
    assert 'get_context("spawn")' in done.stderr
