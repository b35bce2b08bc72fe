"""Dotted names resolved to living objects."""

import ast
import sys

import pytest

from keys.modules import Importer, imported
from magical.keys.live_names import (
    MISSING,
    NameResolver,
    Scope,
    is_own_class,
    is_own_function,
    is_step,
    iter_hooks,
)
from magical.keys.source_index import SourceIndex

__all__ = ["imported"]

TEXT = """
import os.path
from os import environ, path as p

import numpy as np
import other
from magical import Field, step
from other import f as g

VALUE = {"a": 1}


class Base:
    def __init_subclass__(cls):
        pass


class Made(type):
    def __call__(cls):
        return 1


class Plain(metaclass=Made):
    pass


@step
def s(n: int) -> int:
    return n
"""
NAMES = {
    "np.linalg.norm": ("numpy.linalg.norm", ()),
    "os.path.join": ("posixpath.join", ()),
    "p.join": ("posixpath.join", ()),
    "os.environ": ("os.environ", ()),
    "environ.get": ("os.environ", ("get",)),
    "other.f": ("other.f", ()),
    "g": ("other.f", ()),
    "len": ("builtins.len", ()),
    "VALUE.items": ("", ("items",)),
    "Base.name": ("made.Base", ("name",)),
}


@pytest.mark.parametrize("text", NAMES)
def test_a_name_leads_to_the_object_and_its_own_name(text: str, imported: Importer) -> None:
    module = imported(TEXT, other="def f(n):\n    return n\n")
    target = NameResolver(SourceIndex()).resolve(ast.parse(text, mode="eval").body, Scope(module))
    assert (target.name, target.rest) == NAMES[text]
    assert target.value is eval(text.split(".", maxsplit=1)[0] if target.rest else text, vars(module))


@pytest.mark.parametrize("text", ["x", "x.y", "f().y", "nothing", "a[0].b"])
def test_local_names_and_results_lead_nowhere(text: str, imported: Importer) -> None:
    scope = Scope(imported("x = 1\n")).add(["x", "a"])
    assert NameResolver(SourceIndex()).resolve(ast.parse(text, mode="eval").body, scope).value is MISSING


def test_a_closure_hides_the_names_of_the_module(imported: Importer) -> None:
    scope = Scope(imported("x = 1\n"), cells={"x": 2})
    assert NameResolver(SourceIndex()).resolve(ast.parse("x", mode="eval").body, scope).value == 2


def test_what_is_the_project_s_own(imported: Importer) -> None:
    module = imported(TEXT, other="def f(n):\n    return n\n")
    assert is_own_class(module.Base)
    assert not is_own_class(dict)
    assert not is_own_class(Scope)
    assert is_own_function(module.g)
    assert not is_own_function(module.Field)
    assert not is_own_function(len)
    assert is_step(module.s)
    assert not is_step(module.g)


def test_the_hooks_that_a_subclass_calls(imported: Importer) -> None:
    module = imported(TEXT, other="def f(n):\n    return n\n")
    assert [f.__name__ for f in iter_hooks(module.Base)] == ["__init_subclass__"]
    assert [f.__name__ for f in iter_hooks(module.Plain)] == ["__call__"]
    assert iter_hooks(dict) == []
    assert "made" in sys.modules
