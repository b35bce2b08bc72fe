"""The code closure of a step: the ways in which one definition leads to another."""

import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from projects import IMPORTS, Small, project

ONE = "\n\n@step\ndef one(n: int) -> int:\n    return {call}\n\n\n@workflow\ndef flow() -> int:\n    return one(1)\n"
"""A workflow of one step, whose body is one expression."""


def calling(call: str, top: str) -> str:
    return f"from magical import step, workflow\n{textwrap.dedent(top)}" + ONE.format(call=call)


CASES: dict[str, tuple[Mapping[str, str], tuple[str, str, str]]] = {
    # how it is reached: (files, an edit that changes the result)
    "an implementation for a type": (
        {
            "workflow.py": calling(
                "show(n)",
                """
                import functools

                @functools.singledispatch
                def show(n):
                    return 0

                @show.register
                def _(n: int):
                    return n + 1
                """,
            )
        },
        ("workflow.py", "return n + 1", "return n + 2"),
    ),
    "a class that its base is told of": (
        {
            "workflow.py": calling("Base.all[0]().go(n)", "from kinds import Base\nimport more"),
            "kinds.py": "class Base:\n    all = []\n    def __init_subclass__(cls):\n        Base.all.append(cls)\n",
            "more.py": "from kinds import Base\n\nclass More(Base):\n    def go(self, n):\n        return n + 1\n",
        },
        ("more.py", "n + 1", "n + 2"),
    ),
    "the subclasses of a class": (
        {
            "workflow.py": calling("Base.__subclasses__()[0]().go(n)", "from kinds import Base\nimport more"),
            "kinds.py": "class Base:\n    pass\n",
            "more.py": "from kinds import Base\n\nclass More(Base):\n    def go(self, n):\n        return n + 1\n",
        },
        ("more.py", "n + 1", "n + 2"),
    ),
    "the methods of a dictionary's own class": (
        {
            "workflow.py": calling(
                "D['none'] + n",
                """
                class Odd(dict):
                    def __missing__(self, key):
                        return 1

                D = Odd(a=1)
                """,
            )
        },
        ("workflow.py", "        return 1", "        return 2"),
    ),
    "from m import *": (
        {"workflow.py": calling("f(n)", "from m import *"), "m.py": "def f(n):\n    return n\n"},
        ("m.py", "return n", "return n + 1"),
    ),
    "from m import *, a constant": (
        {"workflow.py": calling("n + K", "from m import *"), "m.py": "K = 1\n"},
        ("m.py", "K = 1", "K = 2"),
    ),
    "from m import *, a regex": (
        {
            "workflow.py": calling("len(P.findall('aab'))", "from m import *"),
            "m.py": "import re\nP = re.compile('a')\n",
        },
        ("m.py", "'a'", "'b'"),
    ),
    "from m import *, a dict of lambdas": (
        {"workflow.py": calling("D['a'](n)", "from m import *"), "m.py": "D = {'a': lambda n: n + 1}\n"},
        ("m.py", "n + 1", "n + 2"),
    ),
    "from m import *, twice": (
        {
            "workflow.py": calling("f(n)", "from m import *"),
            "m.py": "from k import *\n",
            "k.py": "def f(n):\n    return n\n",
        },
        ("k.py", "return n", "return n + 1"),
    ),
    "from m import *, a name of a builtin": (
        {"workflow.py": calling("round(n)", "from m import *"), "m.py": "def round(n):\n    return n\n"},
        ("m.py", "return n", "return n + 1"),
    ),
    "a name of a builtin": (
        {"workflow.py": calling("sum(n)", "from m import sum"), "m.py": "def sum(n):\n    return n\n"},
        ("m.py", "return n", "return n + 1"),
    ),
    "import m": (
        {"workflow.py": calling("m.f(n)", "import m"), "m.py": "def f(n):\n    return n\n"},
        ("m.py", "return n", "return n + 1"),
    ),
    "import m as k": (
        {"workflow.py": calling("k.f(n)", "import m as k"), "m.py": "def f(n):\n    return n\n"},
        ("m.py", "return n", "return n + 1"),
    ),
    "getattr of a module": (
        {"workflow.py": calling("getattr(m, 'f')(n)", "import m"), "m.py": "def f(n):\n    return n\n"},
        ("m.py", "return n", "return n + 1"),
    ),
    "a module under another name": (
        {"workflow.py": calling("k.f(n)", "import m\nk = m"), "m.py": "def f(n):\n    return n\n"},
        ("m.py", "return n", "return n + 1"),
    ),
    "import p.m": (
        {
            "workflow.py": calling("p.m.f(n)", "import p.m"),
            "p/__init__.py": "",
            "p/m.py": "def f(n):\n    return n\n",
        },
        ("p/m.py", "return n", "return n + 1"),
    ),
    "from p import m": (
        {
            "workflow.py": calling("m.f(n)", "from p import m"),
            "p/__init__.py": "",
            "p/m.py": "def f(n):\n    return n\n",
        },
        ("p/m.py", "return n", "return n + 1"),
    ),
    "from p import m, in a function": (
        {
            "workflow.py": calling("g(n)", "def g(n):\n    from p import m\n    return m.f(n)"),
            "p/__init__.py": "",
            "p/m.py": "def f(n):\n    return n\n",
        },
        ("p/m.py", "return n", "return n + 1"),
    ),
    "import p.m, in a function": (
        {
            "workflow.py": calling("g(n)", "def g(n):\n    import p.m\n    return p.m.f(n)"),
            "p/__init__.py": "",
            "p/m.py": "def f(n):\n    return n\n",
        },
        ("p/m.py", "return n", "return n + 1"),
    ),
    "a folder without __init__": (
        {"workflow.py": calling("m.f(n)", "from p import m"), "p/m.py": "def f(n):\n    return n\n"},
        ("p/m.py", "return n", "return n + 1"),
    ),
    "what a package passes on": (
        {
            "workflow.py": calling("f(n)", "from p import f"),
            "p/__init__.py": "from .m import f\n",
            "p/m.py": "def f(n):\n    return n\n",
        },
        ("p/m.py", "return n", "return n + 1"),
    ),
    "what a package passes on, in place of another": (
        {
            "workflow.py": calling("f(n)", "from p import f"),
            "p/__init__.py": "from .m import f\n",
            "p/m.py": "def f(n):\n    return n\n",
            "p/k.py": "def f(n):\n    return n + 1\n",
        },
        ("p/__init__.py", "from .m", "from .k"),
    ),
    "a function of its module's name": (
        {
            "workflow.py": calling("m(n)", "from p import m"),
            "p/__init__.py": "from .m import m\n",
            "p/m.py": "def m(n):\n    return n\n",
        },
        ("p/m.py", "return n", "return n + 1"),
    ),
    "relative imports of parents": (
        {
            "workflow.py": calling("f(n)", "from p.q.m import f"),
            "p/__init__.py": "",
            "p/k.py": "K = 1\n",
            "p/q/__init__.py": "",
            "p/q/m.py": "from ..k import K\nfrom .. import k\n\n\ndef f(n):\n    return n + K + k.K\n",
        },
        ("p/k.py", "K = 1", "K = 2"),
    ),
    "an import on a condition": (
        {
            "workflow.py": calling(
                "f(n)", "FIRST = True\nif FIRST:\n    from m import f\nelse:\n    from k import f"
            ),
            "m.py": "def f(n):\n    return n\n",
            "k.py": "def f(n):\n    return n + 1\n",
        },
        ("workflow.py", "FIRST = True", "FIRST = False"),
    ),
    "an import that may fail": (
        {
            "workflow.py": calling(
                "f(n)", "try:\n    from missing import f\nexcept ImportError:\n    from m import f"
            ),
            "m.py": "def f(n):\n    return n\n",
        },
        ("m.py", "return n", "return n + 1"),
    ),
    "a lazy package": (
        {
            "workflow.py": calling("p.f(n)", "import p"),
            "p/__init__.py": "def __getattr__(name):\n    import p.m\n    return getattr(p.m, name)\n",
            "p/m.py": "def f(n):\n    return n\n",
        },
        ("p/m.py", "return n", "return n + 1"),
    ),
    "a closure": (
        {
            "workflow.py": calling(
                "f(n)", "def by(k):\n    def f(n):\n        return n * k\n    return f\n\nf = by(2)"
            )
        },
        ("workflow.py", "by(2)", "by(3)"),
    ),
    "a class in a list": (
        {
            "workflow.py": calling("sum(c().v for c in CS)", "from m import CS"),
            "m.py": "class A:\n    v = 1\n\n\nCS = [A]\n",
        },
        ("m.py", "v = 1", "v = 2"),
    ),
    "a decorator that registers, in another module": (
        {
            "workflow.py": calling("sum(f(n) for f in FS)", "import k\nfrom m import FS"),
            "m.py": "FS = []\n",
            "k.py": "from m import FS\n\n\n@FS.append\ndef f(n):\n    return n\n",
        },
        ("k.py", "return n", "return n + 1"),
    ),
    "an object made at import": (
        {
            "workflow.py": calling("A.f(n)", "from m import A"),
            "m.py": "class T:\n    def __init__(self, k):\n        self.k = k\n\n    def f(self, n):\n        return n * self.k\n\n\n"
            "def make():\n    return T(2)\n\n\nA = make()\n",
        },
        ("m.py", "T(2)", "T(3)"),
    ),
    "an object filled at import": (
        {
            "workflow.py": calling("A.k", "from m import A"),
            "m.py": "class T:\n    k = 1\n\n\nA = T()\nfor k in (1, 2):\n    A.k = k\n",
        },
        ("m.py", "(1, 2)", "(1, 3)"),
    ),
    "a partial": (
        {
            "workflow.py": calling(
                "f(n)", "import functools\nf = functools.partial(pow, 2)\nfs = [f]\n"
            ).replace("f(n)", "fs[0](n)")
        },
        ("workflow.py", "(pow, 2)", "(pow, 3)"),
    ),
    "an attribute set from outside": (
        {
            "workflow.py": calling(
                "m.T().f(n)", "import m\n\n\ndef g(self, n):\n    return n\n\n\nm.T.f = g"
            ),
            "m.py": "class T:\n    pass\n",
        },
        ("workflow.py", "    return n\n\n\nm.T", "    return n + 1\n\n\nm.T"),
    ),
    "a method set at the end of a module": (
        {
            "workflow.py": calling("T().f(n)", "from m import T"),
            "m.py": "class T:\n    pass\n\n\ndef g(self, n):\n    return n\n\n\nT.f = g\n",
        },
        ("m.py", "return n", "return n + 1"),
    ),
    "an enum": (
        {
            "workflow.py": calling("E.A.value", "from m import E"),
            "m.py": "import enum\n\n\nclass E(enum.Enum):\n    A = 1\n",
        },
        ("m.py", "A = 1", "A = 2"),
    ),
    "a named tuple": (
        {
            "workflow.py": calling("A.x", "from m import A"),
            "m.py": "from typing import NamedTuple\n\n\nclass T(NamedTuple):\n    x: int = 1\n\n\nA = T()\n",
        },
        ("m.py", "x: int = 1", "x: int = 2"),
    ),
    "a metaclass": (
        {
            "workflow.py": calling("T.v", "from m import T"),
            "m.py": "class M(type):\n    @property\n    def v(cls):\n        return 1\n\n\nclass T(metaclass=M):\n    pass\n",
        },
        ("m.py", "return 1", "return 2"),
    ),
    "a property": (
        {
            "workflow.py": calling("T().v", "from m import T"),
            "m.py": "def g(self):\n    return 1\n\n\nclass T:\n    v = property(g)\n",
        },
        ("m.py", "return 1", "return 2"),
    ),
    "a global that is set by a call": (
        {
            "workflow.py": calling("m.K", "import m"),
            "m.py": "def setup(k):\n    global K\n    K = k\n\n\nsetup(1)\n",
        },
        ("m.py", "setup(1)", "setup(2)"),
    ),
    "a decorator with an argument, without wraps": (
        {
            "workflow.py": calling(
                "n",
                "def by(k):\n    def wrap(f):\n        def inner(n: int) -> int:\n            return f(n) * k\n"
                "        inner.__name__ = f.__name__\n        return inner\n    return wrap",
            ).replace("@step\n", "@step\n@by(2)\n")
        },
        ("workflow.py", "@by(2)", "@by(3)"),
    ),
    "a step made by a function": (
        {
            "workflow.py": "from magical import step, workflow\n\n\ndef by(k):\n    def one(n: int) -> int:\n        return n * k\n"
            "    return step(one)\n\n\none = by(2)\n\n\n@workflow\ndef flow() -> int:\n    return one(1)\n"
        },
        ("workflow.py", "by(2)", "by(3)"),
    ),
    "a step that calls a step": (
        {
            "workflow.py": calling("two(n)", "@step\ndef two(n: int) -> int:\n    return n\n"),
        },
        ("workflow.py", "return n\n", "return n + 1\n"),
    ),
    "a comprehension": (
        {
            "workflow.py": calling("sum(f(i) for i in [n])", "from m import f"),
            "m.py": "def f(n):\n    return n\n",
        },
        ("m.py", "return n", "return n + 1"),
    ),
    "the default of a lambda": (
        {"workflow.py": calling("(lambda k=K: k)()", "from m import K"), "m.py": "K = 1\n"},
        ("m.py", "K = 1", "K = 2"),
    ),
    "a walrus at the top": (
        {"workflow.py": calling("K + n", "print(end='' if (K := 1) else '')")},
        ("workflow.py", "K := 1", "K := 2"),
    ),
    "a match at the top": (
        {
            "workflow.py": calling(
                "f(n)",
                "W = 1\nmatch W:\n    case 1:\n        def f(n):\n            return n\n    case _:\n"
                "        def f(n):\n            return n + 1\n",
            )
        },
        ("workflow.py", "W = 1", "W = 2"),
    ),
    "a with at the top": (
        {
            "workflow.py": calling(
                "f(n)",
                "import contextlib\nwith contextlib.nullcontext(1) as k:\n    def f(n, k=k):\n        return n + k\n",
            )
        },
        ("workflow.py", "nullcontext(1)", "nullcontext(2)"),
    ),
    "a loop at the top": (
        {"workflow.py": calling("f(n)", "for k in [1]:\n    def f(n, k=k):\n        return n + k\n")},
        ("workflow.py", "in [1]", "in [2]"),
    ),
    "a module named like one of Python's": (
        {"workflow.py": calling("f(n)", "from chunk import f"), "chunk.py": "def f(n):\n    return n\n"},
        ("chunk.py", "return n", "return n + 1"),
    ),
    "a file read at import": (
        {
            "workflow.py": calling(
                "n + K['k']",
                "import json\nimport pathlib\n\nK = json.loads((pathlib.Path(__file__).parent / 'k.json').read_text())",
            ),
            "k.json": '{"k": 1}',
        },
        ("k.json", "1", "2"),
    ),
    "a file read at import into an object": (
        {
            "workflow.py": calling(
                "n + K.k",
                "import json\nimport pathlib\n\n\nclass T:\n    def __init__(self, k):\n        self.k = k\n\n\n"
                "K = T(**json.loads((pathlib.Path(__file__).parent / 'k.json').read_text()))",
            ),
            "k.json": '{"k": 1}',
        },
        ("k.json", "1", "2"),
    ),
}


@pytest.mark.slow_except(
    "import m", "from m import *", "a closure", "a metaclass", "a partial", "a file read at import"
)
@pytest.mark.parametrize("name", CASES)
def test_an_edit_of_what_a_step_reaches_is_seen(tmp_path: Path, name: str) -> None:
    files, (file, old, new) = CASES[name]
    small = project(tmp_path / "p", files)
    before = small.run().result
    assert small.ran() == []
    small.edit(file, old, new)
    again = small.run()
    assert again.result != before, "the edit was not seen"
    fresh = Small(shutil.copytree(small.root, tmp_path / "fresh", ignore=shutil.ignore_patterns(".magical")))
    assert again.result == fresh.run().result
    assert small.ran() == []
    small.edit(file, new, old)
    assert small.ran() == [], "going back runs nothing"
    assert small.run().result == before


ARGUMENTS = (
    IMPORTS
    + """
from m import half, Way, Doubled


@step
def numbers() -> list[int]:
    return [1, 2, 3]


@step
def applied(ns: list[int], function: Any, other: Any = None) -> list[int]:
    return [function(n) for n in ns] + ([other(n) for n in ns] if other else [])


@step
def waylaid(ns: list[int], way: Any) -> list[int]:
    return [way.go(n) for n in ns]
"""
)
M = """
from magical import Settings

K = 2


def half(n):
    return n // K


def by(k):
    def inner(n):
        return n * k
    return inner


class Way(Settings):
    k: int = 1

    def go(self, n):
        return n + self.k


class Doubled(Way):
    def go(self, n):
        return 2 * super().go(n)
"""

PASSED = {
    # what the workflow returns: (an edit in m.py or the workflow)
    "applied(numbers(), half)": ("m.py", "K = 2", "K = 3"),
    "applied(numbers(), lambda n: half(n))": ("m.py", "K = 2", "K = 3"),
    "applied(numbers(), lambda n: n + 1)": ("workflow.py", "n + 1", "n + 2"),
    "applied(numbers(), lambda n: n + 1, lambda n: n + 5)": ("workflow.py", "n + 5", "n + 6"),
    "applied(numbers(), by(2), by(5))": ("workflow.py", "by(5)", "by(6)"),
    "applied(numbers(), by(3), by(5))": ("workflow.py", "by(3)", "by(4)"),
    "waylaid(numbers(), Way())": ("m.py", "n + self.k", "n - self.k"),
    "waylaid(numbers(), Doubled(k=3))": ("m.py", "n + self.k", "n - self.k"),
    "waylaid(numbers(), Doubled(k=4))": ("workflow.py", "k=4", "k=5"),
    "waylaid([1, 2], Doubled(k=4))": ("workflow.py", "[1, 2]", "[1, 3]"),
}


@pytest.mark.parametrize("line", PASSED)
def test_an_edit_of_what_is_passed_to_a_step_is_seen(tmp_path: Path, line: str) -> None:
    file, old, new = PASSED[line]
    flow = f"\n\n@workflow\ndef flow() -> list[int]:\n    return {line}\n"
    small = project(tmp_path, {"workflow.py": ARGUMENTS.replace("half,", "by, half,") + flow, "m.py": M})
    before = small.run().result
    small.edit(file, old, new)
    again = small.run()
    assert again.result != before
    assert "numbers" not in again.executed


VALUES = (
    IMPORTS
    + """
from m import Point


@step
def point() -> {gives}:
    return Point(x=1)


@step
def told({takes}) -> int:
    return p{member}.told()


@workflow
def flow() -> int:
    return told(point())
"""
)
POINT = {
    "a contract": "from magical import Contract\n\n\nclass Point(Contract):\n    x: int\n\n    def told(self):\n        return self.x\n",
    "a dataclass": "import dataclasses\n\n\n@dataclasses.dataclass\nclass Point:\n    x: int\n\n    def told(self):\n        return self.x\n",
    "any class": "class Point:\n    def __init__(self, x):\n        self.x = x\n\n    def told(self):\n        return self.x\n",
}


@pytest.mark.parametrize("kind", POINT)
@pytest.mark.parametrize("takes", ["p: Point", "p", "p: Any", "p: object", 'p: "Point"'])
def test_an_edit_of_the_class_of_an_input_is_seen(tmp_path: Path, kind: str, takes: str) -> None:
    workflow = VALUES.format(gives="Point", takes=takes, member="")
    small = project(tmp_path, {"workflow.py": workflow, "m.py": POINT[kind]})
    assert small.run().result == 1
    small.edit("m.py", "return self.x", "return self.x + 1")
    assert small.run().result == 2


@pytest.mark.parametrize("takes", ["p: list[Point]", "p", "p: Any", "p: list"])
def test_an_edit_of_the_class_of_members_of_an_input_is_seen(tmp_path: Path, takes: str) -> None:
    workflow = VALUES.format(gives="list[Point]", takes=takes, member="[0]").replace(
        "Point(x=1)", "[Point(x=1)]"
    )
    small = project(tmp_path, {"workflow.py": workflow, "m.py": POINT["a contract"]})
    assert small.run().result == 1
    small.edit("m.py", "return self.x", "return self.x + 1")
    assert small.run().result == 2


def test_another_class_with_the_same_content_is_seen(tmp_path: Path) -> None:
    workflow = VALUES.format(gives="Point", takes="p", member="")
    other = (
        POINT["a contract"].replace("class Point", "class Point2").replace("return self.x", "return -self.x")
    )
    small = project(tmp_path, {"workflow.py": workflow, "m.py": POINT["a contract"] + other})
    assert small.run().result == 1
    small.edit("workflow.py", "from m import Point", "from m import Point2 as Point")
    assert small.run().result == -1


BORDER = (
    IMPORTS
    + '''

class Wide(Contract):
    x: int


class Narrow(Wide):
    @rule
    def low(cls) -> pl.Expr:
        """X is low."""
        return pl.col("x") < 10


@step
def made() -> Frame[Wide]:
    return pl.DataFrame({"x": [5]})


@step
def used(t: {hint}) -> int:
    return t.height


@workflow
def flow() -> int:
    return used(made())
'''
)


@pytest.mark.parametrize("hint", ["Frame[Narrow]", '"Frame[Narrow]"'])
def test_an_edit_of_a_rule_at_a_border_is_seen(tmp_path: Path, hint: str) -> None:
    small = project(tmp_path, {"workflow.py": BORDER.replace("{hint}", hint)})
    assert small.run().result == 1
    small.edit("workflow.py", "< 10", "< 5")
    assert "low" in str(small.fails()["used"])


def test_packages_outside_the_project_count_as_its_code_unless_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = project(
        tmp_path / "lib",
        {"shared/__init__.py": "from .a import f\n", "shared/a.py": "def f(n):\n    return n\n"},
    )
    outside.write("shared/b.py", "def f(n):\n    return n + 7\n")
    monkeypatch.syspath_prepend(str(outside.root))
    small = project(tmp_path / "p", {"workflow.py": calling("f(n)", "from shared import f")})
    assert small.run().result == 1
    assert small.ran() == []
    outside.edit("shared/a.py", "return n", "return n + 1")
    assert small.states()["one"] == "to run"
    outside.edit("shared/a.py", "return n + 1", "return n")
    assert small.states()["one"] == "fresh"
    outside.edit("shared/__init__.py", ".a", ".b")
    assert small.states()["one"] == "to run"


@pytest.mark.parametrize(
    "statement",
    [
        "from thirdlib.deep import f",
        "from thirdlib import deep\n    f = deep.f",
        "import thirdlib.deep\n    f = thirdlib.deep.f",
    ],
)
def test_a_third_party_package_that_a_body_imports_is_in_the_key_and_not_imported_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    place = project(
        tmp_path / "site-packages",
        {
            "thirdlib/__init__.py": "",
            "thirdlib/deep.py": "def f(n):\n    return n\n",
            "Third_Lib-1.5.dist-info/RECORD": "thirdlib/__init__.py,,\n",
        },
    )
    monkeypatch.syspath_prepend(str(place.root))
    body = f"def g(n):\n    {statement}\n    return f(n)\n"
    small = project(tmp_path / "p", {"workflow.py": calling("g(n)", body)})
    parts = small.load().context().draw().drawn.identities["one"].parts
    assert parts["package:third-lib"] == "1.5"
    assert "thirdlib" not in sys.modules
    assert small.run().result == 1
    del sys.modules["thirdlib.deep"], sys.modules["thirdlib"]


def test_an_outside_package_that_only_a_body_imports_counts_as_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = project(tmp_path / "lib", {"bare/inner/a.py": "def f(n):\n    return n\n"})
    monkeypatch.syspath_prepend(str(outside.root))
    body = "def g(n):\n    from bare.inner.a import f\n    return f(n)\n"
    small = project(tmp_path / "p", {"workflow.py": calling("g(n)", body)})
    assert small.run().result == 1
    assert small.ran() == []
    outside.edit("bare/inner/a.py", "return n", "return n + 1")
    assert small.states()["one"] == "to run"


ODD_OBJECTS = [
    "class AttrDict(dict):\n    def __getattr__(self, k):\n        return self[k]\nCFG = AttrDict(a=1)\nL = CFG.a\n",
    "class T:\n    @property\n    def __dict__(self):\n        raise RuntimeError\nX = T()\nK = [X]\n",
    "def f(g):\n    return g\nf.__wrapped__ = f\n@f\ndef K():\n    pass\n",
    "class M(type):\n    def __eq__(self, o):\n        return self is o\nclass T(metaclass=M):\n    pass\nK = T()\n",
    "class M(type):\n    def __getattr__(self, n):\n        return {}[n]\nclass T(metaclass=M):\n    pass\nK = [T]\n",
]


@pytest.mark.parametrize("text", ODD_OBJECTS)
def test_an_object_that_answers_oddly_is_no_hindrance(tmp_path: Path, text: str) -> None:
    names = [n for n in ("K", "CFG") if f"{n} =" in text or f"def {n}" in text]
    small = project(tmp_path, {"workflow.py": calling(f"n if {names[0]} is not None else 0", text)})
    assert small.run().result == 1
    assert small.ran() == []


def test_an_object_in_the_place_of_a_module_is_no_hindrance(tmp_path: Path) -> None:
    odd = "import sys\n\n\nclass M:\n    K = 1\n\n\nsys.modules[__name__] = M()\n"
    small = project(tmp_path, {"workflow.py": calling("m.K + n", "import m"), "m.py": odd})
    assert small.run().result == 2


def test_a_long_chain_of_calls_is_no_hindrance(tmp_path: Path) -> None:
    chain = "pl.col('x')" + ".abs()" * 400
    small = project(
        tmp_path, {"workflow.py": calling("n if K is not None else 0", f"import polars as pl\nK = {chain}\n")}
    )
    assert small.run().result == 1
