"""Edits of code and values that are hidden in objects: bound methods, third parties' objects, wrapped functions."""

from edits.harness import Case, Content, Edit, changes, outside
from edits.value_edits import NUMBER, npy, read

G = "def g(n):\n    return n + 1\n"
BY = (
    "import functools\ndef by(k):\n    def wrap(f):\n        @functools.wraps(f)\n        def inner(*a):\n"
    "            return f(*a) * k\n        return inner\n    return wrap\n"
)
TRANSFORMER = "from sklearn.preprocessing import FunctionTransformer\n"


def hidden(
    call: str, text: str, gives: str = "int", code: str = G, edit: Edit = ("k.py", "n + 1", "n + 2")
) -> Case:
    """A module ``m`` with an object that hides the function ``g`` of the module ``k``."""
    files: dict[str, Content] = {"m.py": f"import k\n{text}", "k.py": code}
    return outside(call, "import m\n", files, edit, gives=gives)


DEEP: dict[str, Case] = {
    # the project's code in the objects of others
    "function in an estimator": hidden(
        "int(m.K.transform(n))", f"{TRANSFORMER}K = FunctionTransformer(k.g)\n"
    ),
    "lambda in an estimator": hidden(
        "int(m.K.transform(n))", f"{TRANSFORMER}K = FunctionTransformer(lambda n: k.g(n))\n"
    ),
    "function in a pipeline": hidden(
        "int(m.K.transform(n))",
        f"from sklearn.pipeline import make_pipeline\n{TRANSFORMER}K = make_pipeline(FunctionTransformer(k.g))\n",
    ),
    "subclass of an estimator": hidden(
        "m.K.predict(n)",
        "K = k.E()\n",
        code="from sklearn.base import BaseEstimator\nclass E(BaseEstimator):\n    def predict(self, n):\n        return n + 1\n",
    ),
    "function in a polars expression": hidden(
        "m.pl.DataFrame({'x': [n]}).select(m.K)['x'][0]",
        "import polars as pl\nK = pl.col('x').map_elements(k.g, return_dtype=pl.Int64)\n",
    ),
    "function in np.frompyfunc": hidden("int(m.K(n))", "import numpy as np\nK = np.frompyfunc(k.g, 1, 1)\n"),
    "function in np.vectorize": hidden("int(m.K(n))", "import numpy as np\nK = np.vectorize(k.g)\n"),
    "function in an array": hidden("m.K[0](n)", "import numpy as np\nK = np.array([k.g], dtype=object)\n"),
    "function in a series": hidden("m.K[0](n)", "import pandas as pd\nK = pd.Series([k.g])\n"),
    "function in a deque": hidden("m.K[0](n)", "from collections import deque\nK = deque([k.g])\n"),
    "function in a namespace": hidden(
        "m.K.g(n)", "from types import SimpleNamespace\nK = SimpleNamespace(g=k.g)\n"
    ),
    "function in a mappingproxy": hidden(
        "m.K['g'](n)", "from types import MappingProxyType\nK = MappingProxyType({'g': k.g})\n"
    ),
    "function as a default factory": hidden(
        "m.K['a']", "from collections import defaultdict\nK = defaultdict(lambda: k.g(1))\n"
    ),
    "function in a partial of reduce": hidden(
        "m.K()",
        "import functools\nK = functools.partial(functools.reduce, lambda a, b: k.g(a) + b, [1, 2])\n",
    ),
    "function in a ContextVar": hidden(
        "m.K.get()(n)", "from contextvars import ContextVar\nK = ContextVar('K', default=k.g)\n"
    ),
    "function in a weak dictionary": hidden(
        "m.K['g'](n)", "import weakref\nK = weakref.WeakValueDictionary(g=k.g)\n"
    ),
    "function in a property in a dict": hidden("m.K['p'].fget(n)", "K = {'p': property(k.g)}\n"),
    "function under lru_cache in a list": hidden(
        "m.K[0](n)", "import functools\nK = [functools.lru_cache(k.g)]\n"
    ),
    "staticmethod of another module's function": hidden(
        "m.K.f(n)", "class T:\n    f = staticmethod(k.g)\nK = T()\n"
    ),
    "function in Annotated": hidden(
        "m.M(k=n).k",
        "from typing import Annotated\nfrom pydantic import AfterValidator, BaseModel\nfrom k import g\n"
        "class M(BaseModel):\n    k: Annotated[int, AfterValidator(g)]\n",
    ),
    "function in a TypeAdapter": hidden(
        "m.K.validate_python(n)",
        "from typing import Annotated\nfrom pydantic import AfterValidator, TypeAdapter\nK = TypeAdapter(Annotated[int, AfterValidator(k.g)])\n",
    ),
    "bound method of an object in a list": hidden(
        "m.K[0](n)", "K = [k.T().g]\n", code="class T:\n    def g(self, n):\n        return n + 1\n"
    ),
    "base class in another module": hidden(
        "m.T().g(n)",
        "class T(k.B):\n    pass\n",
        code="class B:\n    def g(self, n):\n        return n + 1\n",
    ),
    "handler of a logger": hidden(
        "m.K.filter(n)", "import logging\nK = logging.getLogger('ours')\nK.filter = k.g\n"
    ),
    "class in a third party's registry": hidden(
        "m.json.dumps({1}, cls=m.K)",
        "import json\nclass K(json.JSONEncoder):\n    def default(self, o):\n        return k.g(1)\n",
        "str",
    ),
    # values in bound methods and wrapped functions
    "method of a dict": read(f"K = {{'k': {NUMBER}}}.get\n", "m.K('k')", "1", "2"),
    "method of a list": read(f"K = [{NUMBER}].count\n", "m.K(1)", "1", "2"),
    "method of a number": read(f"K = ({NUMBER}).__add__\n", "m.K(1)", "1", "2"),
    "method of a pattern": read(
        "import re\nK = re.compile((HERE / 'k.txt').read_text()).findall\n", "len(m.K('aab'))", "a", "b"
    ),
    "method of an array": read(
        "import numpy as np\nK = np.load(HERE / 'k.npy').sum\n",
        "float(m.K())",
        npy(1),
        npy(2),
        "k.npy",
        "float",
    ),
    "wrapped function": read(f"{BY}K = by({NUMBER})(lambda: 1)\n", "m.K()", "1", "2"),
    "wrapped function in a dict": read(f"{BY}{G}K = {{'a': by({NUMBER})(g)}}\n", "m.K['a'](n)", "1", "2"),
    "object with an attribute that is called function": read(
        f"class T:\n    pass\nK = T()\nK.function = 1\nK.k = {NUMBER}\n", "m.K.k", "1", "2"
    ),
    "object with __getattr__": read(
        f"class T:\n    def __init__(self, k):\n        self.k = k\n    def __getattr__(self, name):\n        return 1\nK = T({NUMBER})\n",
        "m.K.k",
        "1",
        "2",
    ),
    "object with a misleading __eq__ and __repr__": read(
        f"class T:\n    def __init__(self, k):\n        self.k = k\n    def __eq__(self, o):\n        return True\n    def __hash__(self):\n        return 0\n    def __repr__(self):\n        return 'T'\nK = T({NUMBER})\n",
        "m.K.k",
        "1",
        "2",
    ),
    "object in a closure of a method": read(
        f"def make(k):\n    class T:\n        def f(self):\n            return k\n    return T()\nK = make({NUMBER})\n",
        "m.K.f()",
        "1",
        "2",
    ),
    "class made by a function": read(
        f"def make(v):\n    class T:\n        k = v\n    return T\nK = make({NUMBER})\n", "m.K.k", "1", "2"
    ),
    "attribute with dunder": read(
        f"class T:\n    pass\nK = T()\nK.__k__ = {NUMBER}\n", "m.K.__k__", "1", "2"
    ),
    "queue": read(f"import queue\nK = queue.Queue()\nK.put({NUMBER})\n", "m.K.queue[0]", "1", "2", each=True),
    "array.array": read(f"import array\nK = array.array('i', [{NUMBER}])\n", "m.K[0]", "1", "2"),
    "struct": read(
        "import struct\nK = struct.Struct((HERE / 'k.txt').read_text())\n", "m.K.size", "b", "h", each=True
    ),
    "itertools.count": read(
        f"import itertools\nK = itertools.count({NUMBER})\n", "next(m.K)", "1", "2", each=True
    ),
    "subclass of a class of the standard library": read(
        f"import string\nclass T(string.Formatter):\n    k = {NUMBER}\nK = T()\n", "m.K.k", "1", "2"
    ),
    "ipaddress and uuid": read(
        "import ipaddress, uuid\nK = [ipaddress.ip_address((HERE / 'k.txt').read_text()), uuid.UUID(int=1)]\n",
        "str(m.K[0])",
        "1.1.1.1",
        "1.1.1.2",
        gives="str",
    ),
    "time zone": read(
        f"import datetime\nK = datetime.timezone(datetime.timedelta(hours={NUMBER}))\n",
        "str(m.K)",
        "1",
        "2",
        gives="str",
    ),
    "attrs of a pandas frame": read(
        f"import pandas as pd\nK = pd.DataFrame()\nK.attrs['k'] = {NUMBER}\n", "m.K.attrs['k']", "1", "2"
    ),
    "exception": read(f"K = ValueError({NUMBER})\n", "m.K.args[0]", "1", "2"),
    "text of a step's error": read(
        f"class E(Exception):\n    k = {NUMBER}\ndef f():\n    try:\n        raise E\n    except E as e:\n        return e.k\n",
        "m.f()",
        "1",
        "2",
    ),
    "function made by exec": changes("f(n)", "exec('def f(n): return n + 1')\n", "n + 1", "n + 2"),
    "function of compiled text": changes(
        "K(n)",
        "import types\nK = types.FunctionType(compile('lambda n: n + 1', '', 'eval').co_consts[0], {})\n",
        "n + 1",
        "n + 2",
    ),
    "import that is rebound": changes(
        "g(n)", "from k import g\ng = (lambda f: lambda n: f(n) * 2)(g)\n", "* 2", "* 3", more={"k.py": G}
    ),
    "while and else at the top": changes(
        "K", "K = 0\nwhile K < 3:\n    K += 1\nelse:\n    K += 10\n", "+= 10", "+= 20"
    ),
    "try and finally at the top": changes("K", "try:\n    K = 0\nfinally:\n    K = 1\n", "K = 1", "K = 2"),
    "condition in a class": outside(
        "m.T().f()",
        "import m\n",
        {
            "m.py": "import k\nclass T:\n    if k.W:\n        def f(self):\n            return 1\n    else:\n        def f(self):\n            return 2\n",
            "k.py": "W = 1\n",
        },
        ("k.py", "W = 1", "W = 0"),
    ),
    "loop in a class": changes(
        "T.k", "class T:\n    k = 0\n    for i in (1, 2):\n        k += i\n", "(1, 2)", "(1, 3)"
    ),
    "_missing_ of an enum": changes(
        "E(5).value",
        "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\n    @classmethod\n    def _missing_(cls, v):\n        return cls.A\n",
        "return cls.A",
        "return cls.B",
    ),
    "zip file on sys.path": read(
        "import sys, zipfile\nwith zipfile.ZipFile(HERE.parent / 'far.zip', 'w') as z:\n    z.write(HERE / 'k.txt', 'far_in_zip.py')\n"
        "sys.path.insert(0, str(HERE.parent / 'far.zip'))\nimport far_in_zip\n",
        "m.far_in_zip.f(n)",
        "def f(n):\n    return n + 1\n",
        "def f(n):\n    return n + 2\n",
    ),
    "value computed with another module's function": hidden("m.K[0]", "K = [k.g(1)]\n"),
    "object computed with another module's function": hidden(
        "m.K.day", "import datetime\nK = datetime.date(2024, 1, k.g(1))\n"
    ),
    "object by a builder of another module": hidden(
        "m.K.alpha",
        "K = k.make()\n",
        code="from sklearn.linear_model import Ridge\ndef make():\n    return Ridge(alpha=1)\n",
        edit=("k.py", "=1", "=2"),
    ),
    "object that another module changes": hidden(
        "m.K.alpha",
        "from sklearn.linear_model import Ridge\nK = Ridge()\nk.fix(K)\n",
        code="def fix(m):\n    m.set_params(alpha=1)\n",
        edit=("k.py", "=1", "=2"),
    ),
    "object that a module changes at import": outside(
        "m.K.alpha",
        "import m\nimport more\n",
        {
            "m.py": "from sklearn.linear_model import Ridge\nK = Ridge()\n",
            "more.py": "import m\nm.K.alpha = 1\n",
        },
        ("more.py", "= 1", "= 2"),
    ),
    "array that a module changes at import": outside(
        "int(m.K[0])",
        "import m\nimport more\n",
        {"m.py": "import numpy as np\nK = np.zeros(2)\n", "more.py": "import m\nm.K[0] = 1\n"},
        ("more.py", "= 1", "= 2"),
    ),
}
