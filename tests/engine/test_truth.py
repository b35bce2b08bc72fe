"""The cache truth table: what runs again after which edit, and what does not."""

import os
import shutil
import time
from pathlib import Path

import pytest

from projects import ALL, DEEP, HELPERS, Small, flow

MORE = '''

import functools
import re


class Base:
    def shift(self):
        return 0


class Scaler(Base):
    """Scales."""

    factor = 1

    def apply(self, e):
        return e * self.factor + self.shift()


class Unused:
    value = 1


TABLE = {"low": lambda e: e * 1, "high": lambda e: e * 3}
PATTERN = re.compile("a+")
SIMPLE = {"b": [1, 2], "a": {3, 4}}
FAST = True
HANDLERS = {}
if FAST:
    def chosen(e):
        return e
else:
    def chosen(e):
        return e * 1


def same(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def handler(name):
    def enter(function):
        HANDLERS[name] = function
        return function

    return enter


def defaulted(e, by=1):
    return e * by


@same
def decorated(e):
    return e


@handler("plain")
def handled(e):
    return e


def everything(e):
    from lazy import late

    assert PATTERN and SIMPLE
    e = chosen(decorated(defaulted(TABLE["low"](Scaler().apply(late(e))))))
    return HANDLERS["plain"](e)
'''

LAZY = "import deep\n\n\ndef late(e):\n    return e + 0\n"

CUSTOMER = '''\
    x: int = Field(ge=0, le=900, description="how much")

    @rule
    def small(cls) -> pl.Expr:
        """X is small."""
        return limited(pl.col("x"))


def limited(e: pl.Expr) -> pl.Expr:
    return e < 1000
'''


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The standard project with richer helpers, run once; the tests copy it."""
    small = flow(tmp_path_factory.mktemp("truth") / "small")
    small.write("helpers.py", HELPERS.replace("FACTOR, inner", "FACTOR, everything, inner"))
    small.edit("helpers.py", "inner(e) * FACTOR", "everything(inner(e)) * FACTOR")
    small.write("deep.py", DEEP + MORE)
    small.write("lazy.py", LAZY)
    small.edit("workflow.py", CUSTOMER.splitlines(keepends=True)[0], CUSTOMER)
    assert small.ran() == ALL
    return small


@pytest.fixture
def copy(finished: Small, tmp_path: Path) -> Small:
    return Small(shutil.copytree(finished.root, tmp_path / "copy"))


def test_a_second_run_does_nothing_and_writes_nothing(copy: Small) -> None:
    assert copy.ran() == []  # the copy lies elsewhere, so it is drawn once more
    before = copy.files()
    assert copy.ran() == []
    assert copy.files() == before


CHANGES = {
    # what is edited: (file, old, new, what runs again)
    "the step": ("workflow.py", "pl.col('id') < max_id", "pl.col('id') <= max_id", ["clean"]),
    "a helper": ("helpers.py", "(inner(e)) * FACTOR", "(inner(e)) * FACTOR * 1", ["clean"]),
    "a helper two calls away": ("deep.py", "return e + 0", "return e + 0 + 0", ["clean"]),
    "a helper imported inside a function": ("lazy.py", "e + 0", "e * 1", ["clean"]),
    "a method": ("deep.py", "e * self.factor + self.shift()", "self.shift() + e * self.factor", ["clean"]),
    "a base class": ("deep.py", "        return 0\n", "        return 0 * 1\n", ["clean"]),
    "the bases of a class": ("deep.py", "class Scaler(Base)", "class Scaler(Base, object)", ["clean"]),
    "a class attribute": ("deep.py", "    factor = 1\n", "    factor = 1.0 and 1\n", ["clean"]),
    "a lambda in a constant": ("deep.py", "e * 1, ", "e * 1 * 1, ", ["clean"]),
    "a compiled regex": ("deep.py", '"a+"', '"a*"', ["clean"]),
    "a nested constant": ("deep.py", '{"b": [1, 2]', '{"b": [1, 3]', ["clean"]),
    "the condition of a definition": ("deep.py", "FAST = True", "FAST = False", ["clean"]),
    "a function entered in a registry": (
        "deep.py",
        "def handled(e):\n    ",
        "def handled(e):\n    e = e;",
        ["clean"],
    ),
    "a decorator": (
        "deep.py",
        "return function(*args, **kwargs)",
        "return function(*args, **{**kwargs})",
        ["clean"],
    ),
    "a default argument": ("deep.py", "by=1):", "by=1 * 1):", ["clean"]),
    "a module constant": ("deep.py", "FACTOR = 2", "FACTOR = 3", ["clean", "split", "size"]),
    "a contract bound": ("workflow.py", "le=900", "le=901", ["model", "clean", "split"]),
    "a field that is new": (
        "workflow.py",
        "    id: Id[int]\n",
        "    id: Id[int]\n    z: int | None = None\n",
        [],
    ),
    "the body of a rule": (
        "workflow.py",
        "return limited(",
        "return limited(0 + ",
        ["model", "clean", "split"],
    ),
    "a helper of a rule": ("workflow.py", "return e < 1000", "return e < 1001", ["model", "clean", "split"]),
    "a default of the settings": ("workflow.py", "default=90", "default=89", ["clean"]),
    "a default of the settings, to the same effect": ("workflow.py", "default=90", "default=80 + 10", []),
    "a type hint of a step": ("workflow.py", "max_id: int) ->", "max_id: float) ->", ["clean"]),
    "settings.toml": ("settings.toml", "[tracking]", "max_id = 30\n[tracking]", ["clean", "split", "size"]),
    "the source": ("x.csv", "1,3\n2,6", "1,4\n2,6", ["raw", "model", "clean", "split", "size"]),
    "the source, in what comes out the same": ("x.csv", "1,3\n", "1,3 \n".replace(" ", ""), []),
    "the source, in its form only": ("x.csv", "id,x\n1,3\n", '"id",x\n1,3\n', ["raw"]),
    "a fact of the step": (
        "workflow.py",
        "@step\ndef clean",
        "@step(training_only=True)\ndef clean",
        ["clean"],
    ),
}


@pytest.mark.parametrize("name", [n for n, c in CHANGES.items() if c[3]])
def test_an_edit_that_matters_runs_exactly_the_steps_concerned(copy: Small, name: str) -> None:
    file, old, new, ran = CHANGES[name]
    copy.edit(file, old.replace("'", '"') if file == "workflow.py" else old, new.replace("'", '"'))
    assert copy.ran() == ran
    assert copy.ran() == []


SILENT = {
    # what is edited: (file, old, new)
    "a comment": ("deep.py", "return e + 0", "return e + 0  # nothing"),
    "a line of comment": ("workflow.py", "    good = ", "    # the first ones\n    good = "),
    "the docstring of a step": ("workflow.py", '"""Keep the first ones."""', '"""Keep the first few."""'),
    "the docstring of a contract": ("workflow.py", '"""A customer."""', '"""A person."""'),
    "the docstring of a rule": ("workflow.py", '"""X is small."""', '"""X must be small."""'),
    "the docstring of a helper's class": ("deep.py", '    """Scales."""\n\n', ""),
    "a new docstring": ("helpers.py", "def twice(e):\n", 'def twice(e):\n    """Twice."""\n'),
    "the module's docstring": ("workflow.py", "from typing import Any", '"""Doc."""\nfrom typing import Any'),
    "formatting": (
        "workflow.py",
        "with_columns(x=twice(pl.col(",
        "with_columns(\n        x=twice(\n            pl.col(",
    ),
    "quotes": ("workflow.py", 'pl.col("x")))', "pl.col('x')))"),
    "parentheses": ("deep.py", "return e + 0", "return (e + 0)"),
    "how a number is written": ("workflow.py", "le=900", "le=9_0_0"),
    "the description of a field": ("workflow.py", "how much", "how many"),
    "an unrelated function": ("deep.py", "return 1\n", "return 2\n"),
    "an unrelated class": ("deep.py", "    value = 1", "    value = 2"),
    "a new function": ("deep.py", "def unrelated", "def more():\n    return 1\n\n\ndef unrelated"),
    "an unrelated setting": ("workflow.py", "unread: int = 1", "unread: int = 2"),
    "a new setting": ("workflow.py", "unread: int = 1", "unread: int = 1\n    extra: str = ''"),
    "a description of a setting": ("workflow.py", "Field(default=90", "Field(description='x', default=90"),
    "the order of functions": (
        "deep.py",
        DEEP.split("\n\n\n", 1)[1],
        "\n\n\n".join(reversed(DEEP.split("\n\n\n")[1:])),
    ),
    "an import that is not used": ("helpers.py", "from deep", "import json\nfrom deep"),
    "the name of the data": ("workflow.py", "train, validation, test = split", "a, b, c = split"),
    "the policy": ("settings.toml", "[tracking]", "[policy]\nworkers = 1\n[tracking]"),
    "a simple constant, computed otherwise": ("deep.py", "FACTOR = 2", "FACTOR = 1 + 1"),
}


@pytest.mark.parametrize("name", SILENT)
def test_an_edit_that_does_not_matter_runs_nothing(copy: Small, name: str) -> None:
    file, old, new = SILENT[name]
    copy.edit(file, old, new + ("\n        )\n    )" if name == "formatting" else ""))
    if name == "formatting":
        copy.edit("workflow.py", '\n        )\n    )"x")))', '"x"\n            )\n        )\n    )')
    if name == "the name of the data":
        copy.edit("workflow.py", "size(train)", "size(a)")
    assert copy.ran() == []


def test_a_touched_but_equal_file_runs_nothing(copy: Small) -> None:
    for path in copy.root.rglob("*"):
        if path.is_file() and ".magical" not in path.parts:
            os.utime(path, (time.time() + 5, time.time() + 5))
    assert copy.ran() == []


def test_a_new_file_beside_runs_nothing(copy: Small) -> None:
    copy.write("notes.py", "import workflow\n")
    copy.write("data/y.csv", "a\n1\n")
    assert copy.ran() == []


def test_a_setting_runs_the_steps_that_read_it(copy: Small) -> None:
    assert copy.ran(unread=7) == []
    assert copy.ran(max_id=30) == ["clean", "split", "size"]


def test_the_same_content_stops_the_wave(copy: Small) -> None:
    copy.edit("workflow.py", "return pl.read_csv(source)", "return pl.read_csv(str(source))")
    assert copy.ran() == ["raw"]


def test_going_back_runs_nothing(copy: Small) -> None:
    assert copy.ran(max_id=30) == ["clean", "split", "size"]
    assert copy.ran(max_id=90) == []
    assert copy.ran(max_id=30) == []
    copy.edit("deep.py", "FACTOR = 2", "FACTOR = 5")
    assert copy.ran() == ["clean", "split", "size"]
    copy.edit("deep.py", "FACTOR = 5", "FACTOR = 2")
    assert copy.ran() == []


def test_two_edits_of_one_size_within_a_second_are_seen(copy: Small) -> None:
    """Bytecode files are trusted by a time in seconds and a size; ours are not used."""
    for number in (3, 4, 5):
        copy.write("deep.py", (DEEP + MORE).replace("FACTOR = 2", f"FACTOR = {number}"))
        os.utime(copy.root / "deep.py", (1_700_000_000, 1_700_000_000))
        run = copy.run()
        assert run.executed == ["clean", "split", "size"]
        assert run["clean"]["x"].max() == 6 * number
    assert not list(copy.root.rglob("*.pyc"))


def test_a_renamed_step_runs_again_and_its_followers_do_not(copy: Small) -> None:
    copy.edit("workflow.py", "def clean(", "def tidy(")
    copy.edit("workflow.py", "customers = clean(", "customers = tidy(")
    assert copy.ran() == ["tidy"]


def test_a_step_called_once_more_runs_once_more(copy: Small) -> None:
    copy.edit("workflow.py", "return size(train)", "return [size(train), size(validation)]")
    assert copy.ran() == ["size[2]"]


def test_a_moved_project_runs_nothing(copy: Small, tmp_path: Path) -> None:
    moved = Small(copy.root.rename(tmp_path / "elsewhere"))
    assert moved.ran() == []
