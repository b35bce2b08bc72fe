"""Calls that act on the whole process, as the code of a step shows them."""

import contextlib
import os
import random
import textwrap
from os import chdir, environ
from pathlib import Path
from random import shuffle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.random import rand

from magical.keys.state_uses import CHANGE_HINT, DRAW_HINT, find_state_uses

OWN = random.Random(3)
NAMED_IN_TEXTS = (contextlib, os, chdir, environ, shuffle, np, pd, pl, rand)


def define(tmp_path: Path, body: str) -> Any:
    """Return a function with this body, whose outer names are those of this module."""
    path = tmp_path / "written.py"
    path.write_text("def f(table, rows, rng):\n" + textwrap.indent(body, "    "))
    names = {**globals(), "__name__": __name__}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names["f"]


USES = {
    "random.seed(3)": DRAW_HINT,
    "random.random()": DRAW_HINT,
    "shuffle(rows)": DRAW_HINT,
    "np.random.seed(3)": DRAW_HINT,
    "np.random.rand(9)": DRAW_HINT,
    "rand(9)": DRAW_HINT,
    "pl.set_random_seed(3)": DRAW_HINT,
    "table.sample(9)": DRAW_HINT,
    "table.sample(frac=0.5)": DRAW_HINT,
    "table['x'].shuffle()": DRAW_HINT,
    "os.chdir('x')": CHANGE_HINT,
    "chdir('x')": CHANGE_HINT,
    "contextlib.chdir('x')": CHANGE_HINT,
    "os.putenv('A', '1')": CHANGE_HINT,
    "os.environ.update(A='1')": CHANGE_HINT,
    "environ.pop('A')": CHANGE_HINT,
}


@pytest.mark.parametrize("call", USES)
def test_a_call_is_found_with_its_place_and_the_way_out(tmp_path: Path, call: str) -> None:
    (found,) = find_state_uses(define(tmp_path, call))
    assert found == (f"{call} (written.py:2)", USES[call])


@pytest.mark.parametrize(
    "body",
    [
        *["os.environ['A'] = '1'", "del environ['A']", "os.environ |= {'A': '1'}"],
        *["import random\nrandom.seed(3)", "from random import seed as start\nstart(3)"],
        *["import numpy.random as npr\nnpr.shuffle(rows)", "def inner():\n    random.random()\ninner()"],
    ],
)
def test_other_ways_to_write_it_are_found(tmp_path: Path, body: str) -> None:
    assert len(find_state_uses(define(tmp_path, body))) == 1


@pytest.mark.parametrize(
    "body",
    [
        *["np.random.default_rng(3).shuffle(rows)", "random.Random(3).random()", "OWN.shuffle(rows)"],
        *["rng.shuffle(rows)", "rng.sample(rows, 9)", "rng.sample(rows, k=9)", "rng.random()"],
        *["table.sample(9, seed=3)", "table.sample(9, random_state=3)", "np.random.RandomState(3).rand()"],
        *[
            "os.environ['A']",
            "os.environ.get('A')",
            "os.getcwd()",
            "rows.seed = 3",
            "random = rows\nrandom.seed(3)",
        ],
    ],
)
def test_what_has_a_state_of_its_own_or_only_reads_is_not_found(tmp_path: Path, body: str) -> None:
    assert find_state_uses(define(tmp_path, body)) == []


COLUMN = pl.col


def test_an_object_that_answers_every_attribute_is_passed_over() -> None:
    def body() -> Any:
        return COLUMN("x")

    assert find_state_uses(body) == []


def step_body() -> None:
    helper()


def helper() -> None:
    Mover().move()


class Mover:
    def move(self) -> None:
        os.chdir("x")


def test_the_projects_own_helpers_and_classes_are_read() -> None:
    (found,) = find_state_uses(step_body)
    assert found[0].startswith("os.chdir('x') (test_state_uses.py:")
