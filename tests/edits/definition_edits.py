"""Edits of functions and classes, and of what decides on them."""

from edits.harness import Case, changes, outside

DEFINITIONS: dict[str, Case] = {
    "class attribute": changes("T.k", "class T:\n    k = 1\n", "k = 1", "k = 2"),
    "default argument": changes("f()", "def f(k=1):\n    return k\n", "k=1", "k=2"),
    "keyword-only default": changes("f()", "def f(*, k=1):\n    return k\n", "k=1", "k=2"),
    "lambda in a dict": changes("D['a'](n)", "D = {'a': lambda n: n + 1}\n", "n + 1", "n + 2"),
    "enum member by import": outside(
        "E.A.value",
        "from m import E\n",
        {"m.py": "import enum\nclass E(enum.Enum):\n    A = 1\n"},
        ("m.py", "A = 1", "A = 2"),
    ),
}
