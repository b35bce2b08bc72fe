"""Edits of functions and classes, of their defaults and attributes, and of what decides on them."""

from edits.harness import Case, changes, outside


def helper(call: str, text: str, old: str, new: str, gives: str = "int", how: str = "import m") -> Case:
    """A definition in a helper module ``m``, and an edit of it."""
    return outside(call, f"{how}\n", {"m.py": text}, ("m.py", old, new), gives=gives)


PYDANTIC = "from pydantic import BaseModel, Field\nclass M(BaseModel):\n    k: int = Field(default=1)\n"
DATACLASS = "import dataclasses\n@dataclasses.dataclass\nclass D:\n    k: int = 1\n"
DECORATOR = "import functools\ndef by(k):\n    def wrap(f):\n        @functools.wraps(f)\n        def inner(*a):\n            return f(*a) * k\n        return inner\n    return wrap\n"

CLASSES: dict[str, Case] = {
    "class attribute": changes("T.k", "class T:\n    k = 1\n", "k = 1", "k = 2"),
    "class attribute of a base": helper(
        "m.T.k", "class B:\n    k = 1\nclass T(B):\n    pass\n", "k = 1", "k = 2"
    ),
    "other base": helper(
        "m.T().f()",
        "class A:\n    def f(self):\n        return 1\nclass B:\n    def f(self):\n        return 2\nclass T(A):\n    pass\n",
        "class T(A)",
        "class T(B)",
    ),
    "order of bases": helper(
        "m.T().f()",
        "class A:\n    def f(self):\n        return 1\nclass B:\n    def f(self):\n        return 2\nclass T(A, B):\n    pass\n",
        "T(A, B)",
        "T(B, A)",
    ),
    "enum member": helper("m.E.A.value", "import enum\nclass E(enum.Enum):\n    A = 1\n", "A = 1", "A = 2"),
    "enum member by star": helper(
        "E.A.value", "import enum\nclass E(enum.Enum):\n    A = 1\n", "A = 1", "A = 2", how="from m import *"
    ),
    "order of enum members": helper(
        "list(m.E)[0].name",
        "import enum\nclass E(enum.Enum):\n    A = enum.auto()\n    B = enum.auto()\n",
        "    A = enum.auto()\n    B = enum.auto()\n",
        "    B = enum.auto()\n    A = enum.auto()\n",
        "str",
    ),
    "pydantic default": helper("m.M().k", PYDANTIC, "default=1", "default=2"),
    "pydantic default_factory": helper(
        "m.M().k", PYDANTIC.replace("default=1", "default_factory=lambda: 1"), "lambda: 1", "lambda: 2"
    ),
    "pydantic default_factory by name": helper(
        "m.M().k",
        "def make():\n    return 1\n" + PYDANTIC.replace("default=1", "default_factory=make"),
        "return 1",
        "return 2",
    ),
    "pydantic default, an object of a module": helper(
        "m.OBJECT.k", PYDANTIC + "OBJECT = M(k=1)\n", "M(k=1)", "M(k=2)"
    ),
    "pydantic validator": helper(
        "m.M(k=1).k",
        PYDANTIC.replace("Field\n", "Field, field_validator\n")
        + "    @field_validator('k')\n    def more(cls, v):\n        return v + 1\n",
        "v + 1",
        "v + 2",
    ),
    "pydantic model_config": helper(
        "m.M(k='1', other=1).model_dump()",
        PYDANTIC + "    model_config = {'extra': 'ignore'}\n",
        "ignore",
        "allow",
        "dict",
    ),
    "dataclass default": helper("m.D().k", DATACLASS, "k: int = 1", "k: int = 2"),
    "dataclass default by import": helper(
        "D().k", DATACLASS, "k: int = 1", "k: int = 2", how="from m import D"
    ),
    "dataclass default_factory": helper(
        "m.D().k",
        DATACLASS.replace("= 1", "= dataclasses.field(default_factory=lambda: 1)"),
        "lambda: 1",
        "lambda: 2",
    ),
    "dataclass order": helper(
        "str(m.D(1, 2))",
        DATACLASS.replace("= 1", "= 1\n    j: int = 2"),
        "k: int = 1\n    j: int = 2",
        "j: int = 2\n    k: int = 1",
        "str",
    ),
    "dataclass frozen": helper(
        "hasattr(m.D(), '__hash__') and m.D.__hash__ is not None",
        DATACLASS.replace("dataclass\n", "dataclass(frozen=False)\n"),
        "frozen=False",
        "frozen=True",
        "bool",
    ),
    "annotation of a dataclass": helper(
        "str([f.type for f in dataclasses.fields(m.D)])",
        DATACLASS,
        "k: int",
        "k: float",
        "str",
        "import dataclasses\nimport m",
    ),
    "__slots__": helper("len(m.T.__slots__)", "class T:\n    __slots__ = ('a',)\n", "('a',)", "('a', 'b')"),
    "property": helper(
        "m.T().k", "class T:\n    @property\n    def k(self):\n        return 1\n", "return 1", "return 2"
    ),
    "cached_property": helper(
        "m.T().k",
        "import functools\nclass T:\n    @functools.cached_property\n    def k(self):\n        return 1\n",
        "return 1",
        "return 2",
    ),
    "classmethod": helper(
        "m.T.k()", "class T:\n    @classmethod\n    def k(cls):\n        return 1\n", "return 1", "return 2"
    ),
    "staticmethod": helper(
        "m.T.k()", "class T:\n    @staticmethod\n    def k():\n        return 1\n", "return 1", "return 2"
    ),
    "property becomes method of another": helper(
        "m.T().j()",
        "class T:\n    def k(self):\n        return 1\n    def l(self):\n        return 2\n    j = k\n",
        "j = k",
        "j = l",
    ),
    "descriptor with __set_name__": helper(
        "m.T().ab",
        "class D:\n    def __set_name__(self, owner, name):\n        self.n = len(name) + 1\n    def __get__(self, o, t=None):\n        return self.n\nclass T:\n    ab = D()\n",
        "len(name) + 1",
        "len(name) + 2",
    ),
    "attribute of a metaclass": helper(
        "m.T.k", "class M(type):\n    k = 1\nclass T(metaclass=M):\n    pass\n", "k = 1", "k = 2"
    ),
    "__new__ of a metaclass": helper(
        "m.T.k",
        "class M(type):\n    def __new__(m, n, b, d):\n        return super().__new__(m, n, b, {**d, 'k': 1})\nclass T(metaclass=M):\n    pass\n",
        "'k': 1",
        "'k': 2",
    ),
    "__call__ of an object": helper(
        "m.t()", "class T:\n    def __call__(self):\n        return 1\nt = T()\n", "return 1", "return 2"
    ),
    "__getattr__ of a class": helper(
        "m.T().anything",
        "class T:\n    def __getattr__(self, name):\n        return 1\n",
        "return 1",
        "return 2",
    ),
    "nested class": helper("m.A.B.k", "class A:\n    class B:\n        k = 1\n", "k = 1", "k = 2"),
    "decorated class": helper(
        "m.T.k",
        "def by(k):\n    def wrap(c):\n        c.k = k\n        return c\n    return wrap\n@by(1)\nclass T:\n    pass\n",
        "@by(1)",
        "@by(2)",
    ),
    "total_ordering": helper(
        "m.T(1) >= m.T(2)",
        "import functools\n@functools.total_ordering\nclass T:\n    def __init__(self, k):\n        self.k = k\n    def __eq__(self, o):\n        return self.k == o.k\n    def __lt__(self, o):\n        return self.k < o.k\n",
        "self.k < o.k",
        "self.k > o.k",
        "bool",
    ),
    "operator overload": helper(
        "(m.T() + 1)", "class T:\n    def __add__(self, o):\n        return o + 1\n", "o + 1", "o + 2"
    ),
    "reflected operator": helper(
        "1 + m.t", "class T:\n    def __radd__(self, o):\n        return o + 1\nt = T()\n", "o + 1", "o + 2"
    ),
    "__class_getitem__": helper(
        "m.T[1]", "class T:\n    def __class_getitem__(cls, k):\n        return k + 1\n", "k + 1", "k + 2"
    ),
    "class made by type()": helper("m.T.k", "T = type('T', (), {'k': 1})\n", "'k': 1", "'k': 2"),
    "NamedTuple default": helper(
        "m.T().k", "from typing import NamedTuple\nclass T(NamedTuple):\n    k: int = 1\n", "= 1", "= 2"
    ),
    "namedtuple fields": helper(
        "m.T(1, 2).a", "from collections import namedtuple\nT = namedtuple('T', 'a b')\n", "'a b'", "'b a'"
    ),
    "protocol at runtime": helper(
        "isinstance(1, m.P)",
        "from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass P(Protocol):\n    def __add__(self, o): ...\n",
        "__add__",
        "__nothing__",
        "bool",
    ),
}

FUNCTIONS: dict[str, Case] = {
    "default argument": changes("f()", "def f(k=1):\n    return k\n", "k=1", "k=2"),
    "default argument that is a name": helper(
        "m.f()", "K = 1\ndef f(k=K):\n    return k\n", "K = 1\n", "K = 2\n"
    ),
    "default of a method": helper(
        "m.T().f()", "class T:\n    def f(self, k=1):\n        return k\n", "k=1", "k=2"
    ),
    "default of a lambda": helper("m.f()", "f = lambda k=1: k\n", "k=1", "k=2"),
    "lambda in a default": helper(
        "m.f(n)", "def f(n, g=lambda n: n + 1):\n    return g(n)\n", "n + 1", "n + 2"
    ),
    "keyword-only default": changes("f()", "def f(*, k=1):\n    return k\n", "k=1", "k=2"),
    "function attribute": helper("m.f.k", "def f():\n    return 1\nf.k = 1\n", "f.k = 1", "f.k = 2"),
    "function attribute by import": helper(
        "f.k", "def f():\n    return 1\nf.k = 1\n", "f.k = 1", "f.k = 2", how="from m import f"
    ),
    "lambda in a dict": changes("D['a'](n)", "D = {'a': lambda n: n + 1}\n", "n + 1", "n + 2"),
    "second lambda of a line": helper(
        "m.D['b'](n)", "D = {'a': lambda n: n, 'b': lambda n: n + 1}\n", "n + 1", "n + 2"
    ),
    "names of lambdas in one line": helper(
        "m.D['a'](n)",
        "D = {'a': lambda n: n + 1, 'b': lambda n: n + 2}\n",
        "'a': lambda n: n + 1, 'b'",
        "'b': lambda n: n + 1, 'a'",
    ),
    "global of a nested lambda": helper(
        "m.f(n)", "K = 1\ndef f(n):\n    return (lambda: (lambda: n + K)())()\n", "K = 1", "K = 2"
    ),
    "generator": helper("sum(m.f())", "def f():\n    yield 1\n    yield 2\n", "yield 2", "yield 3"),
    "async helper": helper(
        "asyncio.run(m.f())",
        "async def f():\n    return 1\n",
        "return 1",
        "return 2",
        how="import asyncio\nimport m",
    ),
    "nested function": helper(
        "m.f(n)", "def f(n):\n    def g():\n        return n + 1\n    return g()\n", "n + 1", "n + 2"
    ),
    "condition of a comprehension": helper(
        "m.f()", "def f():\n    return sum(i for i in range(9) if i > 3)\n", "i > 3", "i > 4"
    ),
    "comprehension at the top": helper("m.K[-1]", "K = [i for i in range(9) if i < 5]\n", "i < 5", "i < 6"),
    "match": helper(
        "m.f(n)",
        "def f(n):\n    match n:\n        case 1:\n            return 1\n        case _:\n            return 2\n",
        "case 1:",
        "case 3:",
    ),
    "if at the top": helper(
        "m.f()",
        "W = 1\nif W > 1:\n    def f():\n        return 1\nelse:\n    def f():\n        return 2\n",
        "W = 1",
        "W = 2",
    ),
    "if at the top of a nested condition": helper(
        "m.f()",
        "W = 1\nV = W + 1\nif V > 2:\n    if V:\n        def f():\n            return 1\nelse:\n    def f():\n        return 2\n",
        "W = 1",
        "W = 2",
    ),
    "condition by another module": outside(
        "m.f()",
        "import m\n",
        {"m.py": "import k\nif k.W:\n    f = lambda: 1\nelse:\n    f = lambda: 2\n", "k.py": "W = True\n"},
        ("k.py", "True", "False"),
    ),
    "conditional expression at the top": helper(
        "m.f()", "W = 1\na = lambda: 1\nb = lambda: 2\nf = a if W == 1 else b\n", "W = 1", "W = 2"
    ),
    "raise and except at the top": helper(
        "m.K", "W = 1\ntry:\n    K = 1 // W\nexcept ZeroDivisionError:\n    K = 5\n", "W = 1", "W = 0"
    ),
    "walrus": helper("m.f(n)", "def f(n):\n    return n + (k := 1) + k\n", "k := 1", "k := 2"),
    "augmented assignment": helper("m.K", "K = 1\nK += 1\n", "K += 1", "K += 2"),
    "augmented assignment of a list": helper("len(m.K)", "K = [1]\nK += [1]\n", "K += [1]", "K += [1, 2]"),
    "argument of a decorator": helper(
        "m.f()", DECORATOR + "@by(2)\ndef f():\n    return 1\n", "@by(2)", "@by(3)"
    ),
    "body of a decorator": helper("m.f()", DECORATOR + "@by(2)\ndef f():\n    return 1\n", "* k", "+ k"),
    "order of decorators": helper(
        "m.f()",
        "def a(f):\n    return lambda: f() + 1\ndef b(f):\n    return lambda: f() * 2\n@a\n@b\ndef f():\n    return 1\n",
        "@a\n@b",
        "@b\n@a",
    ),
    "decorator removed": helper("m.f()", DECORATOR + "@by(2)\ndef f():\n    return 1\n", "@by(2)\n", ""),
    "decorator from another module": outside(
        "m.f()",
        "import m\n",
        {
            "m.py": "from k import twice\n@twice\ndef f():\n    return 1\n",
            "k.py": "def twice(f):\n    return lambda: f() * 2\n",
        },
        ("k.py", "* 2", "* 3"),
    ),
    "function under lru_cache": helper(
        "m.f()", "import functools\n@functools.lru_cache\ndef f():\n    return 1\n", "return 1", "return 2"
    ),
    "size of lru_cache": helper(
        "m.f.cache_parameters()['maxsize']",
        "import functools\n@functools.lru_cache(maxsize=1)\ndef f():\n    return 1\n",
        "=1",
        "=2",
    ),
    "singledispatch": helper(
        "m.f(n)",
        "import functools\n@functools.singledispatch\ndef f(n):\n    return 1\n@f.register\ndef _(n: int):\n    return 2\n",
        "return 2",
        "return 3",
    ),
    "type of singledispatch": helper(
        "m.f(n)",
        "import functools\n@functools.singledispatch\ndef f(n):\n    return 1\n@f.register(int)\ndef _(n):\n    return 2\n",
        "register(int)",
        "register(str)",
    ),
    "singledispatchmethod": helper(
        "m.T().f(n)",
        "import functools\nclass T:\n    @functools.singledispatchmethod\n    def f(self, n):\n        return 1\n    @f.register\n    def _(self, n: int):\n        return 2\n",
        "return 2",
        "return 3",
    ),
    "contextmanager": helper(
        "m.g()",
        "import contextlib\n@contextlib.contextmanager\ndef f():\n    yield 1\ndef g():\n    with f() as k:\n        return k\n",
        "yield 1",
        "yield 2",
    ),
    "closure": helper("m.f()", "def make(k):\n    return lambda: k\nf = make(1)\n", "make(1)", "make(2)"),
    "second cell of a closure": helper(
        "m.f()", "def make(k, j):\n    return lambda: k + j\nf = make(1, 1)\n", "make(1, 1)", "make(1, 2)"
    ),
    "functions of one closure swapped": helper(
        "m.f() * 10 + m.g()", "def make(k):\n    return lambda: k\nf, g = make(1), make(2)\n", "f, g", "g, f"
    ),
    "partial": helper(
        "m.f()", "import functools\nf = functools.partial(lambda a, k: k, 0, k=1)\n", "k=1", "k=2"
    ),
    "method bound to an object": helper(
        "m.f()",
        "class T:\n    def __init__(self, k):\n        self.k = k\n    def g(self):\n        return self.k\nf = T(1).g\n",
        "T(1)",
        "T(2)",
    ),
    "operator precedence": helper("m.f(n)", "def f(n):\n    return n + 1 * 2\n", "n + 1 * 2", "(n + 1) * 2"),
    "global statement": helper(
        "m.f()",
        "K = 1\ndef setup():\n    global K\n    K = 5\nsetup()\ndef f():\n    return K\n",
        "K = 5",
        "K = 6",
    ),
    "name deleted": helper("hasattr(m, 'K')", "K = 1\nJ = 1\n", "J = 1\n", "del K\n", "bool"),
    "annotations of a function that is asked for them": helper(
        "str(m.f.__annotations__)", "def f(n: int):\n    return n\n", "n: int", "n: float", "str"
    ),
    "name of a function that is asked for it": helper(
        "m.F[0].__name__",
        "def f():\n    return 1\nF = [f]\n",
        "def f():\n    return 1\nF = [f]",
        "def g():\n    return 1\nF = [g]",
        "str",
    ),
    "assert": helper(
        "m.f()",
        "def f():\n    try:\n        assert 1 == 1\n        return 1\n    except AssertionError:\n        return 2\n",
        "1 == 1",
        "1 == 2",
    ),
    "argument with a star": helper(
        "m.f(*m.K)", "K = (1, 2)\ndef f(a, b):\n    return a - b\n", "(1, 2)", "(2, 1)"
    ),
}
