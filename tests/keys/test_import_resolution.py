"""Imports lead to modules; only modules of the project are imported to find out."""

import ast
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from magical.keys.import_resolution import (
    find_module,
    find_star_modules,
    list_project_modules,
    resolve_import,
)
from magical.keys.source_index import SourceIndex
from projects import project

FILES = {
    "shop/__init__.py": "from .prices import total as total\nhidden = 3\n",
    "shop/prices.py": "def total(): ...\n",
    "shop/late.py": "LATE = 1\n",
    "shop/hidden.py": "",
    "shop/inner/__init__.py": "",
    "shop/inner/deep.py": "from ..prices import *\n",
    "space/inner/a.py": "A = 1\n",
    "broken.py": "raise RuntimeError('imported')\n",
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project on the path, with an installed package beside it."""
    site = project(
        tmp_path / "site-packages", {"outside/__init__.py": "", "outside/part.py": "raise RuntimeError\n"}
    )
    small = project(tmp_path / "p", FILES)
    monkeypatch.syspath_prepend(str(site.root))
    monkeypatch.syspath_prepend(str(small.root))
    before = set(sys.modules)
    yield small.root
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("shop", "space", "outside", "broken"):
            del sys.modules[name]


def resolved(module: ModuleType, statement: str, chain: str) -> list[str]:
    (parsed,) = ast.parse(statement).body
    found = resolve_import(module, parsed, tuple(chain.split(".")))
    return [":".join([name, ".".join(rest)]) for name, rest in found]


# --- modules --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shop", "shop.late", "shop.inner.deep", "space.inner.a"])
def test_a_module_of_the_project_is_imported(name: str) -> None:
    assert name not in sys.modules
    found = find_module(name)
    assert found is not None
    assert found is sys.modules[name]
    assert find_module(name) is found


@pytest.mark.parametrize("name", ["outside", "outside.part", "outside.none"])
def test_an_installed_module_is_not_imported(name: str) -> None:
    assert find_module(name) is None
    assert "outside" not in sys.modules


@pytest.mark.parametrize("name", ["no_such_module", "no_such.module", "shop.none", "shop.prices.total", ""])
def test_what_is_no_module_is_none(name: str) -> None:
    assert find_module(name) is None


def test_an_installed_module_that_is_imported_is_found() -> None:
    assert find_module("outside") is None
    outside = importlib.import_module("outside")
    assert find_module("outside") is outside


def test_a_fault_of_an_imported_module_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="imported"):
        find_module("broken")


# --- imports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "chain", "where"),
    [
        ("import shop.late", "shop.late.LATE", ["shop.late:LATE"]),
        ("import shop.late as l", "l.LATE.real", ["shop.late:LATE.real"]),
        ("import shop.inner.deep", "shop.inner.deep.x", ["shop.inner.deep:x"]),
        ("import shop, json as shop", "shop", ["shop:", "json:"]),
        ("import shop", "json", []),
        ("from shop import late", "late.LATE", ["shop.late:LATE"]),
        ("from shop import late as l", "l.LATE", ["shop.late:LATE"]),
        ("from shop import late as l", "late.LATE", []),
        ("from shop import total", "total", ["shop:total"]),
        ("from shop import hidden", "hidden", ["shop:hidden"]),  # an attribute hides the submodule
        ("from shop import none", "none.x", ["shop:none.x"]),
        ("from os import path as p", "p.join", [f"{os.path.__name__}:join"]),
        ("from outside import part", "part.x", ["outside:part.x"]),
        ("x = 1", "x", []),
    ],
)
def test_an_import_leads_to_a_module_and_the_rest(statement: str, chain: str, where: list[str]) -> None:
    assert resolved(sys.modules[__name__], statement, chain) == where


def test_a_package_that_refuses_a_name_for_now_is_taken_at_its_word() -> None:
    # scikit-learn's `impute` does so for `IterativeImputer`, until `enable_iterative_imputer` is imported.
    outside = importlib.import_module("outside")

    def refuse(name: str) -> object:
        raise ImportError(f"{name} is experimental")

    outside.__getattr__ = refuse  # type: ignore[method-assign]
    statement, here = "from outside import Trial", sys.modules[__name__]
    assert resolved(here, statement, "Trial.fit") == ["outside:Trial.fit"]


@pytest.mark.parametrize(
    ("module", "statement", "where"),
    [
        ("shop", "from .prices import total", "shop.prices:total"),
        ("shop", "from . import prices", "shop.prices:"),
        ("shop.late", "from . import prices", "shop.prices:"),
        ("shop.late", "from .inner import deep", "shop.inner.deep:"),
        ("shop.inner", "from .. import prices", "shop.prices:"),
        ("shop.inner.deep", "from ..prices import total", "shop.prices:total"),
        ("shop.inner.deep", "from .. import total", "shop:total"),
    ],
)
def test_relative_imports_start_from_the_package(module: str, statement: str, where: str) -> None:
    found = find_module(module)
    assert found is not None
    assert resolved(found, statement, statement.rpartition(" ")[2]) == [where]


def test_modules_that_a_star_takes_names_from() -> None:
    deep = find_module("shop.inner.deep")
    assert deep is not None
    statements = ast.parse(
        "from ..prices import *\nfrom shop.late import *\nfrom outside import *\nimport shop\nx = 1"
    )
    found = find_star_modules(deep, statements.body)
    assert [m.__name__ for m in found] == ["shop.prices", "shop.late"]


def test_the_modules_of_a_project_are_those_in_its_folder_and_what_they_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    texts = {
        root / "inner.py": "import near_by\n\ndef f():\n    import used_late\n",
        root / "used_late.py": "",
        outside / "near_by.py": "import far_off\nimport json\n",
        outside / "far_off.py": "",
        outside / "unrelated.py": "",
    }
    for path, text in texts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for folder in (root, outside):
        monkeypatch.syspath_prepend(str(folder))
    names = ["inner", "unrelated", "near_by", "far_off", "used_late"]
    try:
        for name in names[:2]:
            importlib.import_module(name)
        assert [m.__name__ for m in list_project_modules(root, SourceIndex())] == [
            "far_off",
            "inner",
            "near_by",
        ]
        importlib.import_module("used_late")
        assert "used_late" in [m.__name__ for m in list_project_modules(root, SourceIndex())]
        assert list_project_modules(None, SourceIndex()) == ()
    finally:
        for name in names:
            sys.modules.pop(name, None)


def test_a_name_that_a_package_refuses_is_no_submodule() -> None:
    # Until `sklearn.experimental.enable_iterative_imputer` is imported, this attribute raises ImportError.
    statement = ast.parse("from sklearn.impute import IterativeImputer").body[0]
    assert isinstance(statement, ast.ImportFrom)
    found = list(resolve_import(sys.modules[__name__], statement, ("IterativeImputer",)))
    assert found == [("sklearn.impute", ("IterativeImputer",))]
