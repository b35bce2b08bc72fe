"""The modules of the project that is edited at random, its kinds of steps, and what each name refers to.

A number in braces is edited. `living.py` makes files of these texts.
"""

from collections.abc import Callable
from typing import Any

DEEP = """\
D = {D}

def deep(a):
    return (a * {deep} + D) % 10007

class Base:
    FACTOR = {Base}

    def base(self, a):
        return a * self.FACTOR + 1
"""
HELPERS = """\
import functools

import polars as pl

import deep as dp
from deep import D, Base, deep
from magical import Contract, Field

H = {H}

LIMITS = {{"low": {LIMITS}, "high": [1, {LIMITS}]}}

def twice(f):
    @functools.wraps(f)
    def inner(a):
        return f(f(a)) + {twice}
    return inner

def h0(a):
    return (a + H) % 10007

def h1(a):
    return deep(h0(a)) + {h1}

@twice
def h2(a):
    return (a * {h2} + 1) % 10007

class Tool(Base):
    def apply(self, a):
        return (self.base(a) + {Tool}) % 10007

PICK = {{"one": h0, "two": h2}}

def h3(a, k={h3}):
    return a + k + LIMITS["low"]

SEVEN = dp.deep({SEVEN})

PART = functools.partial(h3, k=D)

class Row(Contract):
    x: int = Field(ge=-{Row})

def swapped(a):
    return (a + {swapped}) % 10007

def calls_swapped(a):
    return swapped(a) + {calls_swapped}

class Swap:
    BY = 1

    def go(self, a):
        return (a * self.BY + {Swap}) % 10007
"""
CONSTANTS = """\
import dataclasses
import enum
from pathlib import Path

import numpy as np
import polars as pl

from deep import D, deep

READ = int((Path(__file__).parent / "c.txt").read_text()) % 3

ARRAY = np.full(3, D + {ARRAY})

FRAME = pl.DataFrame({{"x": [1, {FRAME}]}})

def halve(n):
    return n // 2

HALF = halve({HALF})

def with_default(a, k=deep({with_default})):
    return a + k

class Limits:
    LOW = deep({Limits})

class Grade(enum.Enum):
    LOW = {Grade}
    HIGH = 9

@dataclasses.dataclass
class Options:
    by: int = {Options}

def counted(a):
    return a + counted.by
counted.by = {counted}

def over(array):
    def inner(a):
        return (int(array.sum()) + a * {over}) % 10007
    return inner

OVER = over(ARRAY // 2)
"""
REGISTRY = """\
import functools

ALL = {{}}

def add(f):
    ALL[f.__name__] = f
    return f

class Plug:
    kinds = []

    def __init_subclass__(cls):
        Plug.kinds.append(cls)

@functools.singledispatch
def show(a):
    return {show}

FILLED = {{}}
"""
PLUGINS = """\
import registry
from deep import deep

@registry.add
def one(a):
    return a + {one}

@registry.add
def two(a):
    return deep(a) + {two}

class Third(registry.Plug):
    def go(self, a):
        return (a + {Third}) % 10007

@registry.show.register
def show_number(a: int):
    return (a + {show_number}) % 10007

def fill(n):
    registry.FILLED["n"] = n

fill({filled})
"""
PATCHES = """\
import helpers

def instead(a):
    return (a * 2 + {instead}) % 10007

if {swap} > 1:
    helpers.swapped = instead

def go_instead(self, a):
    return (a * 2 + {go_instead}) % 10007

if {swap_go} > 1:
    helpers.Swap.go = go_instead

helpers.Swap.BY = {BY}
"""
MODULES = {
    "deep": DEEP,
    "helpers": HELPERS,
    "constants": CONSTANTS,
    "registry": REGISTRY,
    "plugins": PLUGINS,
    "patches": PATCHES,
}
"""`plugins` and `patches` are imported for their effects alone."""

HEAD = """\
from pathlib import Path
from typing import Any

import polars as pl

import constants
import helpers
import registry
from constants import ARRAY, FRAME, OVER, Grade, Limits, Options, counted, with_default
from helpers import D, PART, PICK, Row, Swap, Tool, calls_swapped, h0, h1, h2, h3, swapped
from magical import Frame, InputPath, Settings, keep, step, workflow

import plugins
import patches

LOCAL = {LOCAL}


class FlowSettings(Settings):
    n0: int = 7
    n1: int = 8
    a: InputPath = InputPath("a.txt")
    b: InputPath = InputPath("b.txt")


@step
def all_of(xs: list[Any]) -> int:
    return len(xs)


"""
"""The start of `workflow.py`."""

NEEDS = {
    "deep": "D",
    "h0": "H",
    "h1": "deep h0",
    "h2": "twice",
    "Tool": "Base",
    "PICK": "h0 h2",
    "h3": "LIMITS",
    "PART": "h3 D",
    "calls_swapped": "swap",
    "Swap": "swap_go BY",
    "with_default": "deep",
    "Limits": "deep",
    "OVER": "over",
    "ALL": "one two",
    "one": "add",
    "two": "add deep",
    "Plug": "Third",
    "filled": "fill",
    "show_number": "show",
}
"""The names that each definition refers to."""

VALUES: dict[str, Callable[[Any], object]] = {
    "SEVEN": lambda m: m["helpers"].SEVEN,
    "READ": lambda m: m["constants"].READ,
    "HALF": lambda m: m["constants"].HALF,
    "ARRAY": lambda m: m["constants"].ARRAY.tolist(),
    "OVER": lambda m: m["constants"].OVER.__closure__[0].cell_contents.tolist(),
}
"""What counts by its value, however it was computed, and where to find it in the imported modules."""

SWITCHES = {"swap": ("swapped", "instead"), "swap_go": ("", "go_instead")}
"""Numbers that are above 1 if a patch is on, and what is meant without it and with it."""

ALWAYS = "filled"
"""What each step depends on: a bare call."""

SOURCES = NEEDS | {"SEVEN": "deep", "ARRAY": "D", "OVER": "over ARRAY"}
"""The same with what each value was computed from, where an edit may change it."""

KINDS: dict[str, tuple[str, str, str, str]] = {
    "constant": ("", "int", "return {k}", ""),
    "plain": ("a: int", "int", "return (a * 3 + {k}) % 10007", ""),
    "local": ("a: int", "int", "return a + LOCAL + {k}", "LOCAL"),
    "h0": ("a: int", "int", "return h0(a) + {k}", "h0"),
    "h1": ("a: int", "int", "b = h1(a)\n    return b + {k}", "h1"),
    "h2": ("a: int", "int", "return h2(a) + {k}", "h2"),
    "tool": ("a: int", "int", "return Tool().apply(a) + {k}", "Tool"),
    "pick": ("a: int", "int", 'return PICK["one"](a) + {k}', "PICK"),
    "h3": ("a: int", "int", "return h3(a) + {k}", "h3"),
    "part": ("a: int", "int", "return PART(a) % 10007 + {k}", "PART"),
    "seven": ("a: int", "int", "return helpers.SEVEN + a + {k}", "SEVEN"),
    "inside": ("a: int", "int", "from deep import deep as d\n    return d(a) + {k}", "deep"),
    "mapped": ("a: int", "int", "return sum(map(lambda q: h0(q) + {k}, [a, 1]))", "h0"),
    "even": (
        "a: int",
        "int",
        "if a % 4 == {k}:\n        raise ValueError(a)\n    return a // 2",
        "",
    ),
    "few": ("a: int", "int", "return (a + {k}) % 2", ""),
    "sum": ("xs: list[int]", "int", "return (sum(xs) + {k}) % 10007", ""),
    "both": ("a: int, b: int", "int", "keep('both', a)\n    return (a * 2 + b + {k}) % 10007", ""),
    "setting": ("a: int, n: int", "int", "return a + n + {k}", ""),
    "file": ("path: InputPath", "int", "return int(path.read_text()) + {k}", ""),
    "table": ("a: int", "Frame[Row]", 'return pl.DataFrame({{"x": [a, {k}, a + 1]}})', "Row"),
    "wider": ("t: Frame[Row]", "Frame[Row]", "return t.with_columns(x=pl.col('x') + h0({k}))", "h0 Row"),
    "rows": ("t: Frame[Row]", "int", "return int(t['x'].sum()) % 10007 + {k}", "Row"),
    "through": ("a: int", "int", "return a + D + {k}", "D"),
    "read": ("a: int", "int", "return a + constants.READ + {k}", "READ"),
    "array": ("a: int", "int", "return a + int(ARRAY.sum()) + {k}", "ARRAY"),
    "frame": ("a: int", "int", "return a + int(FRAME['x'].sum()) + {k}", "FRAME"),
    "half": ("a: int", "int", "return a + constants.HALF + {k}", "HALF"),
    "default": ("a: int", "int", "return with_default(a) + {k}", "with_default"),
    "attribute": ("a: int", "int", "return a + Limits.LOW + {k}", "Limits"),
    "member": ("a: int", "int", "return a + Grade.LOW.value + {k}", "Grade"),
    "dataclass": ("a: int", "int", "return a + Options().by + {k}", "Options"),
    "counted": ("a: int", "int", "return counted(a) + {k}", "counted"),
    "over": ("a: int", "int", "return OVER(a) + {k}", "OVER"),
    "registered": ("a: int", "int", 'return registry.ALL["one"](a) + {k}', "ALL"),
    "subclass": ("a: int", "int", "return registry.Plug.kinds[-1]().go(a) + {k}", "Plug"),
    "dispatched": ("a: int", "int", "return registry.show(a) + {k}", "show_number"),
    "filled": ("a: int", "int", 'return a + registry.FILLED["n"] + {k}', "filled"),
    "unpatched": ("a: int", "int", "return swapped(a) + {k}", "swapped"),
    "patched": ("a: int", "int", "return helpers.swapped(a) + {k}", "swap"),
    "patched_below": ("a: int", "int", "return calls_swapped(a) + {k}", "calls_swapped"),
    "method": ("a: int", "int", "return Swap().go(a) + {k}", "Swap"),
}
"""Kinds of steps: parameters, result, body and what that refers to."""
