"""A project's modules travel in one package of their own."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from magical import Settings
from magical.library.scorer.code_bundle import CodeBundle, rewrite_imports
from magical.settings import TaggedSettings, to_json
from projects import without_other_projects

OURS = {"helpers", "pkg", "pkg.sub"}

IMPORTS = [
    ("import helpers", "from magical_0a import helpers"),
    ("import helpers as h", "from magical_0a import helpers as h"),
    ("import os, helpers", "import os; from magical_0a import helpers"),
    ("import pkg.sub", "import magical_0a.pkg.sub as _magical_sub; from magical_0a import pkg"),
    ("import pkg.sub as s", "from magical_0a.pkg import sub as s"),
    ("from helpers import x", "from magical_0a.helpers import x"),
    ("from helpers import *", "from magical_0a.helpers import *"),
    ("from pkg import sub as s, y", "from magical_0a.pkg import sub as s, y"),
    ("from pkg.sub import (\n    a,\n    b as c,\n)", "from magical_0a.pkg.sub import a, b as c"),
    ("if x: import helpers; y = 1", "if x: from magical_0a import helpers; y = 1"),
    ("def f():\n    from helpers import x  # here", "def f():\n    from magical_0a.helpers import x  # here"),
    ("é = 'ü'; import helpers", "é = 'ü'; from magical_0a import helpers"),
    ("m = importlib.import_module('pkg.sub')", "m = importlib.import_module('magical_0a.pkg.sub')"),
    ("from . import sub", "from . import sub"),
    ("from .sub import x", "from .sub import x"),
    ("import polars as pl", "import polars as pl"),
    ("from helpers_of_others import x", "from helpers_of_others import x"),
    ("text = 'import helpers'", "text = 'import helpers'"),
    ("this is not Python", "this is not Python"),
]


@pytest.mark.parametrize(("source", "wanted"), IMPORTS, ids=[s for s, _ in IMPORTS])
def test_imports_of_project_modules_lead_into_the_package(source: str, wanted: str) -> None:
    assert rewrite_imports(source, "magical_0a", OURS.__contains__) == wanted


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project folder whose modules can be imported while a test runs."""
    root = tmp_path / "project"
    root.mkdir()
    before = set(sys.modules)
    sys.path.insert(0, str(root))
    with without_other_projects():
        yield root
    sys.path.remove(str(root))
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        (root / f"{name}.py").write_text(text)
    importlib.invalidate_caches()


def forget(*names: str) -> None:
    for name in names:
        del sys.modules[name]


def test_what_is_loaded_and_what_that_imports_is_taken_along(project: Path, tmp_path: Path) -> None:
    write(
        project,
        flow="import helpers\n\ndef f():\n    from pkg import sub\n    return sub.VALUE + helpers.ONE\n",
        helpers="ONE = 1\n",
        unused="raise RuntimeError\n",
    )
    (project / "pkg").mkdir()
    (project / "pkg" / "__init__.py").write_text("from . import sub\n")
    (project / "pkg" / "sub.py").write_text("VALUE = 41\n")
    (project / ".hidden").mkdir()
    importlib.import_module("flow")
    package = CodeBundle.write(tmp_path / "out", project, "AB-12")
    assert package == CodeBundle("magical_ab12", ("flow", "helpers", "pkg", "pkg.sub"))
    forget("flow", "helpers")
    with package.make_importable(tmp_path / "out"):
        assert package.resolve("flow:f")() == 42
    assert not {"flow", "helpers", "pkg"} & set(sys.modules)
    package.unload()
    assert not [n for n in sys.modules if n.startswith("magical_ab12")]


def test_two_versions_of_a_module_live_side_by_side(project: Path, tmp_path: Path) -> None:
    packages = []
    for number in (1, 2):
        write(
            project,
            helpers=f"NUMBER = {number}\n",
            flow="from helpers import NUMBER\n\ndef f():\n    return NUMBER\n",
        )
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        importlib.import_module("flow")
        sys.dont_write_bytecode = before
        packages.append(CodeBundle.write(tmp_path / str(number), project, f"{number}"))
        forget("flow", "helpers")
    found = []
    for number, package in enumerate(packages, 1):
        with package.make_importable(tmp_path / str(number)):
            found.append(package.resolve("flow:f"))
    assert [f() for f in found] == [1, 2]


def test_pickles_by_name_lead_into_the_package(project: Path, tmp_path: Path) -> None:
    write(project, helpers="FACTOR = 3\n\nclass Thing:\n    def times(self):\n        return FACTOR\n")
    helpers: Any = importlib.import_module("helpers")
    data = cloudpickle.dumps([helpers.Thing(), lambda: helpers.FACTOR])
    package = CodeBundle.write(tmp_path / "out", project, "c0")
    forget("helpers")
    with package.make_importable(tmp_path / "out"):
        thing, function = package.unpickle(data)
    assert type(thing).__module__ == "magical_c0.helpers"
    assert (thing.times(), function()) == (3, 3)
    assert "helpers" not in sys.modules


class Shape(TaggedSettings):
    """A family."""


class Holder(Settings):
    shape: Shape


def test_kinds_of_settings_stay_apart(project: Path, tmp_path: Path) -> None:
    source = f"from {__name__} import Shape\n\nclass Circle(Shape):\n    radius: float = 1.0\n"
    write(project, shapes=source)
    shapes: Any = importlib.import_module("shapes")
    package = CodeBundle.write(tmp_path / "out", project, "d0")
    with package.make_importable(tmp_path / "out"):
        copy = package.resolve("shapes:Circle")
        assert Shape.kinds == {"Circle": copy}
        assert type(Holder.model_validate({"shape": {"kind": "Circle"}}).shape) is copy
    assert Shape.kinds == {"Circle": shapes.Circle}
    again = Holder.model_validate(to_json(Holder(shape=shapes.Circle(radius=2))))
    assert type(again.shape) is shapes.Circle
    with package.make_importable(tmp_path / "out"):
        assert Shape.kinds == {"Circle": copy}
    Shape.kinds.clear()


def test_a_package_that_was_loaded_finds_its_modules_in_a_second_copy(project: Path, tmp_path: Path) -> None:
    write(project, flow="def f():\n    from late import ONE\n    return ONE\n", late="ONE = 1\n")
    importlib.import_module("flow")
    package = CodeBundle.write(tmp_path / "one", project, "e0")
    with package.make_importable(tmp_path / "one"):
        function = package.resolve("flow:f")
    (tmp_path / "one").rename(tmp_path / "two")
    importlib.invalidate_caches()
    with package.make_importable(tmp_path / "two"):
        pass
    assert function() == 1


def test_modules_elsewhere_are_taken_along_if_they_are_needed(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(project, shared="ONE = 1\n")
    importlib.import_module("shared")
    assert CodeBundle.write(tmp_path / "a", other, "f0").modules == ()
    assert CodeBundle.write(tmp_path / "b", other, "f0", ["shared", "polars.dataframe"]).modules == (
        "shared",
    )
