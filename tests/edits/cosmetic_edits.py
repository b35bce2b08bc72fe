"""Edits that change nothing that a step can see: nothing may run again."""

from collections.abc import Mapping

from edits.harness import HEAD, Case, Content, Edit, one

TRACK = "[tracking]\nenabled = false\n"


def same(call: str, top: str, old: str, new: str, *, more: Mapping[str, Content] | None = None) -> Case:
    """A workflow of one step, and a cosmetic edit of its own file."""
    return Case({"workflow.py": one(call, top), **(more or {})}, [("workflow.py", old, new)], cosmetic=True)


def beside(call: str, top: str, files: Mapping[str, Content], *edits: Edit) -> Case:
    """A workflow of one step, other files, and cosmetic edits of these."""
    return Case({"workflow.py": one(call, top), **files}, edits, cosmetic=True)


F = "def f(n):\n    return n + 1\n"
M = {"m.py": F + "\n\nclass T:\n    k = 1\n\n    def g(self):\n        return self.k\n\n\nK = [1, 2]\n"}
FIELD = "from pydantic import BaseModel, Field\nclass R(BaseModel):\n    k: int = Field(1, description='one', title='A')\n"
SETTINGS = (
    HEAD
    + "\n\nclass FlowSettings(Settings):\n    a: int = 1\n    b: int = 2\n    d: dict[str, int] = {}\n\n\n"
    "@step\ndef one(a: int, b: int) -> int:\n    return a - b\n\n\n@workflow\ndef flow(s: FlowSettings) -> int:\n    return one(s.a, s.b)\n"
)
SHAPED = f"a = 5\nb = 6\n\n{TRACK}"
LAMBDAS = "PAIR = {'a': lambda n: n + 1, 'b': lambda n: n + 2}\n"
CLASS = "class T:\n    k = 1\n    def g(self):\n        return self.k\n"
IMPORT = "import math\nimport m\n"

COSMETIC: dict[str, Case] = {
    "comment": same("f(n)", F, "    return n + 1", "    # one more\n    return n + 1  # here"),
    "comment in a helper": beside(
        "m.f(n)", "import m\n", M, ("m.py", "return n + 1", "return n + 1  # more")
    ),
    "comment at the top": same("f(n)", F, "from magical", "# A file.\nfrom magical"),
    "blank lines": same("f(n)", F, "def f(n):\n", "\n\n\n\ndef f(n):\n\n"),
    "indentation": same("f(n)", F, "    return n + 1", "  return n + 1"),
    "one line": same("f(n)", F, ":\n    return n + 1", ": return n + 1"),
    "line ends": beside("m.f(n)", "import m\n", M, ("m.py", M["m.py"].replace("\n", "\r\n"))),
    "encoding line": beside("m.f(n)", "import m\n", M, ("m.py", "# -*- coding: utf-8 -*-\n" + M["m.py"])),
    "form feed": same("f(n)", F, "def f(n):\n", "\f\ndef f(n):\n"),
    "docstring": same("f(n)", F, "def f(n):\n", 'def f(n):\n    """Add one."""\n'),
    "docstring of a step": same("n", "", "    return n", "    'One.'\n    return n"),
    "docstring of the workflow": same("n", "", "    return one(1)", "    'One.'\n    return one(1)"),
    "docstring of a module": same("f(n)", F, "from magical", '"""A flow."""\nfrom magical'),
    "docstring of a helper module": beside("m.f(n)", "import m\n", M, ("m.py", "'A.'\n" + M["m.py"])),
    "docstring of a class": beside(
        "m.T().g()", "import m\n", M, ("m.py", "class T:\n", "class T:\n    'A.'\n")
    ),
    "docstring of a method": beside(
        "m.T().g()", "import m\n", M, ("m.py", "        return", "        'A.'\n        return")
    ),
    "docstring of an enum": same(
        "E.A.value",
        "import enum\nclass E(enum.Enum):\n    A = 1\n",
        "(enum.Enum):\n",
        "(enum.Enum):\n    'A.'\n",
    ),
    "docstring of a dataclass": same(
        "D().k",
        "import dataclasses\n@dataclasses.dataclass\nclass D:\n    'A.'\n    k: int = 1\n",
        "    'A.'\n",
        "    'Another.'\n",
    ),
    "docstring of a nested function": same(
        "f(n)",
        "def f(n):\n    def g():\n        return n\n    return g()\n",
        "def g():\n",
        "def g():\n        'A.'\n",
    ),
    "docstring of a decorated function": same(
        "f(n)",
        "import functools\ndef by(g):\n    @functools.wraps(g)\n    def inner(*a):\n        return g(*a)\n    return inner\n@by\n"
        + F,
        "def f(n):\n",
        "def f(n):\n    'A.'\n",
    ),
    "docstring of a property": same(
        "T().k",
        "class T:\n    @property\n    def k(self):\n        return 1\n",
        "k(self):\n",
        "k(self):\n        'A.'\n",
    ),
    "docstring of an attribute": same("T().g()", CLASS, "    k = 1\n", "    k = 1\n    'The number.'\n"),
    "docstring of a constant": same("K", "K = 1\n", "K = 1\n", "K = 1\n'The number.'\n"),
    "pass after a docstring": same(
        "T.k", "class T:\n    k = 1\n\n\nclass U(T):\n    'A.'\n", "    'A.'\n", "    'A.'\n    pass\n"
    ),
    "annotation of a local variable": same(
        "f(n)", "def f(n):\n    k = n\n    return k\n", "k = n\n", "k: int = n\n"
    ),
    "u''": same("len('a')", "", "'a'", "u'a'"),
    "quotes": same("len('a')", "", "'a'", '"a"'),
    "quotes of an f-string": same("len(f'{n}')", "", "f'{n}'", 'f"{n}"'),
    "quotes of a constant": same("len(K)", "K = 'a'\n", "'a'", '"""a"""'),
    "parentheses": same("f(n)", F, "return n + 1", "return (n + 1)"),
    "trailing comma": same("sum(K)", "K = [1, 2]\n", "[1, 2]", "[\n    1,\n    2,\n]"),
    "trailing comma of a call": same("max(n, 0)", "", "max(n, 0)", "max(\n        n,\n        0,\n    )"),
    "trailing comma of parameters": same("f(n)", F, "def f(n):", "def f(\n    n,\n):"),
    "backslash": same("f(n)", F, "return n + 1", "return n \\\n        + 1"),
    "semicolon": same(
        "f(n)", "def f(n):\n    k = n\n    return k\n", "k = n\n    return k", "k = n; return k"
    ),
    "1_000": same("f(n)", "def f(n):\n    return n + 1000\n", "1000", "1_000"),
    "0x10": same("f(n)", "def f(n):\n    return n + 16\n", "16", "0x10"),
    "1e3": same("f(n)", "def f(n):\n    return int(n + 1000.0)\n", "1000.0", "1e3"),
    "number of a constant": same("K", "K = 1000\n", "1000", "10_00"),
    "implicit concatenation": same("len(f())", "def f():\n    return 'ab'\n", "'ab'", "'a' 'b'"),
    "escape of a letter": same("len(f())", "def f():\n    return 'é'\n", "'é'", "'\\u00e9'"),
    "raw text": same("len(f())", "def f():\n    return 'a.b'\n", "'a.b'", "r'a.b'"),
    "two import lines": same("f(n)", f"import math\n{F}", "import math\n", "import math, os\n"),
    "unused import": same("f(n)", F, "def f(n)", "import os\n\n\ndef f(n)"),
    "unused import in a helper": beside(
        "m.f(n)", "import m\n", M, ("m.py", "import collections.abc\n" + M["m.py"])
    ),
    "unused import from the standard library": same(
        "f(n)", F, "def f(n)", "from pathlib import Path\n\n\ndef f(n)"
    ),
    "order of imports": same("m.f(n) + math.floor(1)", IMPORT, IMPORT, "import m\nimport math\n", more=M),
    "order of names in an import": same("f(n) + K[0]", "from m import f, K\n", "f, K", "K, f", more=M),
    "type checking block": same(
        "f(n)",
        F,
        "def f(n)",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pathlib import Path\n\n\ndef f(n)",
    ),
    "__all__": beside("m.f(n)", "import m\n", M, ("m.py", "__all__ = ['f']\n" + M["m.py"])),
    "__version__": beside("m.f(n)", "import m\n", M, ("m.py", "__version__ = '1'\n" + M["m.py"])),
    "unused function": same("f(n)", F, "def f(n)", "def g(n):\n    return n\n\n\ndef f(n)"),
    "unused function in a helper": beside(
        "m.f(n)", "import m\n", M, ("m.py", "def h():\n    return 1\n\n\n" + M["m.py"])
    ),
    "unused class": same("f(n)", F, "def f(n)", "class U:\n    k = 1\n\n\ndef f(n)"),
    "unused constant": same("f(n)", F, "def f(n)", "UNUSED = 1\n\n\ndef f(n)"),
    "unused constant of another kind": same(
        "f(n)", F, "def f(n)", "import re\nUNUSED = re.compile('a')\n\n\ndef f(n)"
    ),
    "unused constant is edited": same("f(n)", F + "UNUSED = 1\n", "UNUSED = 1", "UNUSED = 2"),
    "unused function is edited": same("f(n)", F + "def g(n):\n    return 8\n", "return 8", "return 9"),
    "unused lambda before another": same(
        "f(n)", "f = lambda n: n + 1\n", "f = lambda", "g = lambda n: n\nf = lambda"
    ),
    "unused module": beside("m.f(n)", "import m\n", M, ("new.py", "K = 1\n")),
    "unused module is deleted": beside("m.f(n)", "import m\n", {**M, "old.py": "K = 1\n"}, ("old.py", None)),
    "unused step": same("n", "", "@step\n", "@step\ndef other(k: str) -> str:\n    return k\n\n\n@step\n"),
    "README": beside("m.f(n)", "import m\n", M, ("README.md", "# A flow\n")),
    "test file": beside(
        "m.f(n)",
        "import m\n",
        M,
        ("tests/test_m.py", "from m import f\n\n\ndef test_f():\n    assert f(1) == 2\n"),
    ),
    "notebook": beside("m.f(n)", "import m\n", M, ("look.ipynb", "{}")),
    "hidden folder": beside("m.f(n)", "import m\n", M, (".idea/a.py", "x")),
    "moved lines with lambdas": same("PAIR['b'](n)", LAMBDAS, "PAIR = ", "\n\n# Two.\nPAIR = "),
    "lambdas on lines of their own": same("PAIR['b'](n)", LAMBDAS, ", 'b'", ",\n    'b'"),
    "moved lines with a closure": same(
        "f(n)",
        "def make(k):\n    def g(n):\n        return n + k\n    return g\nf = make(1)\n",
        "def make",
        "\n\n# A.\ndef make",
    ),
    "if __name__": beside(
        "m.f(n)", "import m\n", M, ("m.py", M["m.py"] + "\n\nif __name__ == '__main__':\n    print(f(1))\n")
    ),
    "if __name__ in the workflow": same(
        "f(n)", F, "@workflow", "if __name__ == '__main__':\n    print(1)\n\n\n@workflow"
    ),
    "description": beside("m.R().k", "import m\n", {"m.py": FIELD}, ("m.py", "'one'", "'two'")),
    "title": beside("m.R().k", "import m\n", {"m.py": FIELD}, ("m.py", "'A'", "'B'")),
    "docstring of a pydantic class": beside(
        "m.R().k", "import m\n", {"m.py": FIELD}, ("m.py", "    k: int", "    'One.'\n    k: int")
    ),
    "comment in settings.toml": Case(
        {"workflow.py": SETTINGS, "settings.toml": SHAPED},
        [("settings.toml", "a = 5", "# A.\na = 5  # five")],
        cosmetic=True,
    ),
    "order of keys in settings.toml": Case(
        {"workflow.py": SETTINGS, "settings.toml": SHAPED},
        [("settings.toml", "a = 5\nb = 6", "b = 6\na = 5")],
        cosmetic=True,
    ),
    "unread setting": Case(
        {"workflow.py": SETTINGS, "settings.toml": SHAPED},
        [("settings.toml", "a = 5", "d = {x = 1}\na = 5")],
        cosmetic=True,
    ),
    "new setting that is unread": Case(
        {"workflow.py": SETTINGS, "settings.toml": SHAPED},
        [("workflow.py", "    b: int = 2\n", "    b: int = 2\n    c: int = 3\n")],
        cosmetic=True,
    ),
    "default of a setting that is given": Case(
        {"workflow.py": SETTINGS, "settings.toml": SHAPED},
        [("workflow.py", "b: int = 2", "b: int = 7")],
        cosmetic=True,
    ),
    "policy": Case(
        {"workflow.py": SETTINGS, "settings.toml": SHAPED},
        [("settings.toml", "[tracking]", "[policy]\nworkers = 2\n\n[tracking]")],
        cosmetic=True,
    ),
    "order of definitions": beside(
        "m.f(n) + m.g(n)",
        "import m\n",
        {"m.py": "def g(n):\n    return n\n\n\n" + F},
        ("m.py", F + "\n\ndef g(n):\n    return n\n"),
    ),
    "order of steps": Case(
        {
            "workflow.py": HEAD
            + "@step\ndef a() -> int:\n    return 1\n\n\n@step\ndef b(n: int) -> int:\n    return n\n\n\n@workflow\ndef flow() -> int:\n    return b(a())\n"
        },
        [
            (
                "workflow.py",
                HEAD
                + "@step\ndef b(n: int) -> int:\n    return n\n\n\n@step\ndef a() -> int:\n    return 1\n\n\n@workflow\ndef flow() -> int:\n    return b(a())\n",
            )
        ],
        cosmetic=True,
    ),
    "del of an unused name": same("f(n)", F, "def f(n)", "UNUSED = 1\ndel UNUSED\n\n\ndef f(n)"),
    "file is touched": beside("m.f(n)", "import m\n", M, ("m.py", M["m.py"])),
    "sum in the place of a constant": same("K", "K = 2\n", "K = 2", "K = 1 + 1"),
    "constant by a comprehension": same("sum(K)", "K = [0, 1]\n", "[0, 1]", "[i for i in range(2)]"),
    "comment in a module that registers": beside(
        "r.ALL[0](n)",
        "import r\nimport more\n",
        {"r.py": "ALL = []\n", "more.py": "import r\nr.ALL.append(lambda n: n + 1)\n"},
        ("more.py", "import r\n", "# A.\nimport r\n"),
    ),
    "comment in a module that reads a file": beside(
        "m.K",
        "import m\n",
        {
            "m.py": "from pathlib import Path\nK = int((Path(__file__).parent / 'k.txt').read_text())\n",
            "k.txt": "1",
        },
        ("m.py", "K = int", "# A.\nK = int"),
    ),
    "end of line in a file that is read as a number": beside(
        "m.K",
        "import m\n",
        {
            "m.py": "from pathlib import Path\nK = int((Path(__file__).parent / 'k.txt').read_text())\n",
            "k.txt": "1",
        },
        ("k.txt", "1\n"),
    ),
}
