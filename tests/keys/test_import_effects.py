"""The statements that may change something outside of the project."""

import ast
import random
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from keys.modules import Importer, imported
from magical.keys.import_effects import EffectFinder
from magical.keys.source_index import SourceIndex

__all__ = ["imported"]

HEAD = """
import contextlib, dataclasses, functools, logging, os, random, sys, warnings
import numpy as np
import pandas as pd
import polars as pl
from pydantic import BaseModel
from other import ALL, T, f as other_f
import other

OPTIONS = {}
USED = (np, pd, pl, BaseModel)


class Own:
    k = 1


"""
OTHER = """
ALL = []


class T:
    k = 1


def f(n):
    return n
"""
INSIDE = {
    "constants": "A = 1\nB = [A]",
    "a container of this module": "OPTIONS['a'] = 1\nOPTIONS.update(b=2)\nOPTIONS.setdefault('c', []).append(1)",
    "a container of another module": "ALL.append(1)\nother.ALL.extend([2])",
    "an attribute of a class": "Own.k = 2\nT.k = 3\nother.T.k = 4",
    "a function of another module": "other.f = lambda n: n\nother_f.called = 1",
    "a function": "def g():\n    warnings.simplefilter('ignore')",
    "known decorators": (
        "@functools.lru_cache(maxsize=3)\ndef g():\n    pass\n\n@dataclasses.dataclass\nclass C:\n    x: int = 1"
    ),
    "a decorator that wraps": (
        "def d(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a)\n    return inner\n\n"
        "@d\ndef g():\n    pass"
    ),
    "a decorator that registers in the project": "def d(f):\n    ALL.append(f)\n    return f\n\n@d\ndef g():\n    pass",
    "a class of pydantic": "class C(BaseModel):\n    x: int = 1",
    "a print": "print('', end='')",
    "the main program": "if __name__ == '__main__':\n    warnings.simplefilter('ignore')",
    "an import that is used": "import json\nA = json",
    "an unused import of Python": "import json",
}  # fmt: skip
OUTSIDE = {
    "a bare call": ("warnings.simplefilter('ignore')", "warnings.simplefilter('ignore')"),
    "a bare call of the project": ("def g():\n    pass\n\ng()", "g()"),
    "a setting of a package": ("np.seterr(all='raise')", "np.seterr(all='raise')"),
    "a seed": ("random.seed(1)", "random.seed(1)"),
    "a bare call on a condition": ("if OPTIONS == {}:\n    random.seed(1)", "OPTIONS == {}"),
    "an attribute of a package": ("np.ours = 1", "np.ours = 1"),
    "an attribute of its class": ("pd.DataFrame.ours = 1", "pd.DataFrame.ours = 1"),
    "a patch through a module of the project": ("import other as o\no.os = os\no.os.ours = 1", "o.os.ours = 1"),
    "the environment": ("os.environ['OURS'] = '1'", "os.environ['OURS'] = '1'"),
    "the import path": ("sys.path.append('/nowhere')", "sys.path.append('/nowhere')"),
    "setattr": ("setattr(np, 'ours', 1)", "setattr(np, 'ours', 1)"),
    "a registering decorator": (
        "@pl.api.register_dataframe_namespace('ours')\nclass N:\n    def __init__(self, df):\n        pass",
        "class N:",
    ),
    "a registering decorator in the project's own": (
        "def d(cls):\n    return pd.api.extensions.register_series_accessor('ours')(cls)\n\n@d\nclass N:\n    def __init__(self, s):\n        pass",
        "class N:",
    ),
    "a registering call that is assigned": (
        "class N:\n    def __init__(self, e):\n        pass\n\n_ = pl.api.register_expr_namespace('ours')(N)",
        "_ = pl.api.register_expr_namespace('ours')(N)",
    ),
    "a hook for subclasses": (
        "class B:\n    def __init_subclass__(cls):\n        np.ours = cls\n\nclass C(B):\n    pass",
        "class C(B):",
    ),
    "a metaclass": (
        "class M(type):\n    def __init__(cls, *a):\n        np.ours = cls\n\nclass C(metaclass=M):\n    pass",
        "class C(metaclass=M):",
    ),
    "an import for its effect": ("import click.testing", "import click.testing"),
    "a delete": ("np.ours2 = 1\ndel np.ours2", "del np.ours2"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def state_of_the_process() -> Iterator[None]:
    """Undo what the imported modules change: the settings of NumPy, the warnings and the random numbers."""
    numbers = random.getstate()
    with np.errstate(), warnings.catch_warnings():
        yield
    random.setstate(numbers)


def effects(imported: Importer, text: str) -> list[str]:
    module = imported(HEAD + text, other="import os\n" + OTHER)
    return [ast.unparse(s) for s in EffectFinder(SourceIndex()).find(module)]


@pytest.mark.parametrize("name", INSIDE)
def test_a_change_of_the_project_itself_is_no_effect(name: str, imported: Importer) -> None:
    assert effects(imported, INSIDE[name]) == []


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_change_of_something_else_is_an_effect(name: str, imported: Importer) -> None:
    text, found = OUTSIDE[name]
    assert any(found in e for e in effects(imported, text))
