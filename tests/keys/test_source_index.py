"""The syntax trees of living functions and classes."""

import ast
import runpy
from pathlib import Path

import pytest

from keys.modules import Importer, imported
from magical.keys.source_index import SourceIndex, find_module_of, iter_sources

__all__ = ["imported"]

TEXT = """
import functools


def plain():
    return 1


@functools.lru_cache
@functools.wraps(plain)
def decorated():
    return 2


class A:
    class B:
        def method(self):
            return 3


def outer():
    def inner():
        return 4
    class Local:
        x = 5
    return inner, Local


LAMBDAS = [lambda: 6, lambda: (7, lambda: 8)]
NESTED = LAMBDAS[1]()[1]
KEYED = lambda k=9: k


if plain() == 1:
    def chosen():
        return 10
else:
    def chosen():
        return 11
"""
FUNCTIONS = {
    "plain": "return 1",
    "decorated.__wrapped__": "return 2",
    "A.B.method": "return 3",
    "outer()[0]": "return 4",
    "LAMBDAS[0]": "lambda: 6",
    "LAMBDAS[1]": "lambda: (7, lambda: 8)",
    "NESTED": "lambda: 8",
    "KEYED": "lambda k=9: k",
    "chosen": "return 10",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_found_by_its_place(name: str, imported: Importer) -> None:
    tree = SourceIndex().find_function(eval(name, vars(imported(TEXT))))
    assert tree is not None
    assert ast.unparse(tree).endswith(FUNCTIONS[name])


def test_a_class_is_found_by_its_name(imported: Importer) -> None:
    module = imported(TEXT)
    for cls, last in ((module.A.B, "return 3"), (module.outer()[1], "x = 5")):
        tree = SourceIndex().find_class(cls)
        assert tree is not None
        assert ast.unparse(tree).endswith(last)


def test_code_without_a_source_has_no_tree(imported: Importer) -> None:
    module = imported("exec('def f(): return 1')\nT = type('T', (), {})\n")
    assert SourceIndex().find_function(module.f) is None
    assert SourceIndex().find_class(module.T) is None


def test_the_names_of_code_that_was_run_belong_to_a_module_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "ran.py").write_text("K = 3\n\n\ndef f():\n    return K\n")
    function = runpy.run_path(str(tmp_path / "ran.py"))["f"]
    module = find_module_of(function)
    assert module.K == 3
    assert SourceIndex().read_bindings(module)["K"]


def test_hidden_folders_and_environments_are_left_out(tmp_path: Path) -> None:
    for name in (
        "a.py",
        "sub/b.py",
        ".hidden/c.py",
        "env/pyvenv.cfg",
        "env/d.py",
        "__pycache__/e.py",
        "x.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert {str(p.relative_to(tmp_path)) for p in iter_sources(tmp_path)} == {"a.py", "sub/b.py"}
