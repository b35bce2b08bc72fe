"""Threads that parse Python source do not disturb each other."""

import ast
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from magical.keys.source_walk import parse_definition
from magical.python_parser import parse_expression, parse_python, read_definition
from magical.steps import parse_source


class Reader:
    """A class, which is looked up in the tree of the whole file."""


@contextmanager
def during_allocations(act: Callable[[], Any]) -> Iterator[None]:
    """Call a function whenever the collector starts, as it does in the middle of a long parse."""

    def call(phase: str, _: Any) -> None:
        if phase == "start":
            act()

    thresholds, was_enabled = gc.get_threshold(), gc.isenabled()
    gc.enable()  # a command that another test ran in this process may have paused it
    gc.set_threshold(20)
    gc.callbacks.append(call)
    try:
        yield
    finally:
        gc.callbacks.remove(call)
        gc.set_threshold(*thresholds)
        if not was_enabled:
            gc.disable()


@pytest.mark.parametrize(
    "read",
    [
        lambda: parse_python("x = [1, (2, 3)]\n" * 500),
        lambda: parse_expression("+".join("x" * 200)),
        lambda: parse_source(ast.NodeVisitor),
        lambda: parse_definition(ast.NodeVisitor),
        lambda: read_definition(Reader),
    ],
    ids=["module", "expression", "source", "definition", "class"],
)
def test_a_parse_is_not_disturbed_by_one_in_another_thread(read: Callable[[], Any]) -> None:
    others: list[threading.Thread] = []

    def parse_elsewhere() -> None:
        if len(others) < 3 and threading.current_thread() not in others:
            others.append(threading.Thread(target=parse_python, args=("y = 1",), daemon=True))
            others[-1].start()
            others[-1].join(timeout=0.05)  # in vain if it waits for its turn

    with during_allocations(parse_elsewhere):
        assert read()
    for thread in others:
        thread.join(timeout=10)
    assert others
    assert not any(thread.is_alive() for thread in others)
