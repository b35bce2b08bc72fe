"""Edits of values that are made at import: constants, containers, objects, and what readers of files return."""

import io
import pickle
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edits.harness import Case, changes, outside

HERE = "from pathlib import Path\nHERE = Path(__file__).parent\n"


def npy(*numbers: float) -> bytes:
    """The bytes of a file of numpy."""
    file = io.BytesIO()
    np.save(file, np.array(numbers))
    return file.getvalue()


def parquet(*numbers: int) -> bytes:
    """The bytes of a parquet file."""
    file = io.BytesIO()
    pd.DataFrame({"x": numbers}).to_parquet(file)
    return file.getvalue()


def database(number: int) -> bytes:
    """The bytes of a database of one row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d.sqlite"
        connection = sqlite3.connect(path)
        connection.execute("create table t (k int)")
        connection.execute("insert into t values (?)", (number,))
        connection.commit()
        connection.close()
        return path.read_bytes()


def read(
    text: str,
    call: str,
    before: Any,
    after: Any,
    file: str = "k.txt",
    gives: str = "int",
    top: str = "",
    **how: Any,
) -> Case:
    """A value in a helper module whose expression reads a file."""
    modules = {"m.py": HERE + text, file: before}
    return outside(call, f"{top}import m\n", modules, (file, after), gives=gives, **how)


FILES: dict[str, Case] = {
    # read from a file by a library
    "np.load": read(
        "import numpy as np\nK = np.load(HERE / 'k.npy')\n", "int(m.K[0])", npy(1), npy(2), "k.npy"
    ),
    "np.load in a dict": read(
        "import numpy as np\nK = {'a': [np.load(HERE / 'k.npy')]}\n",
        "int(m.K['a'][0][0])",
        npy(1),
        npy(2),
        "k.npy",
    ),
    "np.loadtxt": read(
        "import numpy as np\nK = np.loadtxt(HERE / 'k.txt')\n", "float(m.K[1])", "1 2", "1 3", gives="float"
    ),
    "np.fromfile": read(
        "import numpy as np\nK = np.fromfile(HERE / 'k.txt', dtype='u1')\n", "int(m.K[0])", "a", "b"
    ),
    "pl.read_csv": read(
        "import polars as pl\nK = pl.read_csv(HERE / 'k.csv')\n", "m.K['x'][0]", "x\n1\n", "x\n2\n", "k.csv"
    ),
    "pl.read_parquet": read(
        "import polars as pl\nK = pl.read_parquet(HERE / 'k.pq')\n",
        "m.K['x'][0]",
        parquet(1),
        parquet(2),
        "k.pq",
    ),
    "pd.read_csv": read(
        "import pandas as pd\nK = pd.read_csv(HERE / 'k.csv')\n", "int(m.K.x[0])", "x\n1\n", "x\n2\n", "k.csv"
    ),
    "pd.read_csv of the parser in C": read(
        "import pandas as pd\nK = pd.read_csv(str(HERE / 'k.csv'), engine='c', memory_map=True)\n",
        "int(m.K.x[0])",
        "x\n1\n",
        "x\n2\n",
        "k.csv",
    ),
    "a column's list": read(
        "import polars as pl\nK = pl.read_csv(HERE / 'k.csv')['x'].to_list()\n",
        "m.K[0]",
        "x\n1\n",
        "x\n2\n",
        "k.csv",
    ),
    "pyarrow": read(
        "import pyarrow.parquet as pq\nK = pq.read_table(HERE / 'k.pq')\n",
        "m.K['x'][0].as_py()",
        parquet(1),
        parquet(2),
        "k.pq",
    ),
    "sqlite3": read(
        "import sqlite3\nC = sqlite3.connect(HERE / 'k.db')\nK = C.execute('select k from t').fetchone()\nC.close()\n",
        "m.K[0]",
        database(1),
        database(2),
        "k.db",
    ),
    "pickle.load": read(
        "import pickle\nK = pickle.load(open(HERE / 'k.pkl', 'rb'))\n",
        "m.K[1]",
        pickle.dumps({1: 1}),
        pickle.dumps({1: 2}),
        "k.pkl",
    ),
    "open().read()": read("K = int(open(HERE / 'k.txt').read())\n", "m.K", "1", "2"),
    "configparser": read(
        "import configparser\nK = configparser.ConfigParser()\nK.read(HERE / 'k.ini')\n",
        "m.K.getint('a', 'k')",
        "[a]\nk = 1\n",
        "[a]\nk = 2\n",
        "k.ini",
    ),
    "Decimal": read(
        "from decimal import Decimal\nK = Decimal((HERE / 'k.txt').read_text())\n",
        "str(m.K)",
        "1.5",
        "1.50",
        gives="str",
    ),
    "a date in a dict": read(
        "import datetime\nK = {'d': datetime.date.fromisoformat((HERE / 'k.txt').read_text())}\n",
        "m.K['d'].day",
        "2024-01-01",
        "2024-01-02",
    ),
    "re.compile": read(
        "import re\nK = re.compile((HERE / 'k.txt').read_text())\n", "len(m.K.findall('aab'))", "a", "b"
    ),
    "range": read("K = range(int((HERE / 'k.txt').read_text()))\n", "len(m.K)", "1", "2"),
    "bytearray": read("K = bytearray((HERE / 'k.txt').read_bytes())\n", "m.K[0]", "a", "b"),
    "deque": read(
        "from collections import deque\nK = deque((HERE / 'k.txt').read_text())\n",
        "m.K[0]",
        "a",
        "b",
        gives="str",
    ),
    "SimpleNamespace": read(
        "from types import SimpleNamespace\nK = SimpleNamespace(k=int((HERE / 'k.txt').read_text()))\n",
        "m.K.k",
        "1",
        "2",
    ),
    "mappingproxy": read(
        "from types import MappingProxyType\nK = MappingProxyType({'k': int((HERE / 'k.txt').read_text())})\n",
        "m.K['k']",
        "1",
        "2",
    ),
    "ChainMap": read(
        "from collections import ChainMap\nK = ChainMap({}, {'k': int((HERE / 'k.txt').read_text())})\n",
        "m.K['k']",
        "1",
        "2",
    ),
    "OrderedDict": read(
        "from collections import OrderedDict\nK = OrderedDict.fromkeys((HERE / 'k.txt').read_text())\n",
        "list(m.K)[0]",
        "ab",
        "ba",
        gives="str",
    ),
    "defaultdict": read(
        "from collections import defaultdict\nK = defaultdict(int, k=int((HERE / 'k.txt').read_text()))\n",
        "m.K['k']",
        "1",
        "2",
    ),
    "Counter": read(
        "from collections import Counter\nK = Counter((HERE / 'k.txt').read_text())\n", "m.K['a']", "a", "aa"
    ),
    "set of tuples": read(
        "K = {(w, len(w)) for w in (HERE / 'k.txt').read_text().split()}\n",
        "sorted(m.K)[0][1]",
        "a bb",
        "aa bb",
    ),
    "partial of an array": read(
        "import functools\nimport numpy as np\nK = functools.partial(np.add, np.load(HERE / 'k.npy'))\n",
        "float(m.K(1)[0])",
        npy(1),
        npy(2),
        "k.npy",
        "float",
    ),
    "closure over an array": read(
        "import numpy as np\ndef make(a):\n    def f(n):\n        return float(a[0] + n)\n    return f\nK = make(np.load(HERE / 'k.npy'))\n",
        "m.K(n)",
        npy(1),
        npy(2),
        "k.npy",
        "float",
    ),
    "an array in an object of a project's class": read(
        "import numpy as np\nclass T:\n    def __init__(self, a):\n        self.a = a\nK = T(np.load(HERE / 'k.npy'))\n",
        "float(m.K.a[0])",
        npy(1),
        npy(2),
        "k.npy",
        "float",
    ),
    "ContextVar": read(
        "from contextvars import ContextVar\nK = ContextVar('K', default=int((HERE / 'k.txt').read_text()))\n",
        "m.K.get()",
        "1",
        "2",
    ),
}

NUMBER = "int((HERE / 'k.txt').read_text())"

OBJECTS: dict[str, Case] = {
    "polars expression": read(
        f"import polars as pl\nK = pl.col('x') + {NUMBER}\n",
        "pl.DataFrame({'x': [1]}).select(m.K)['x'][0]",
        "1",
        "2",
        top="import polars as pl\n",
    ),
    "polars expression without a file": changes(
        "pl.DataFrame({'x': [1]}).select(K)['x'][0]",
        "import polars as pl\nK = pl.col('x') + 1\n",
        "+ 1\n",
        "+ 2\n",
    ),
    "polars LazyFrame that scans a file": read(
        "import polars as pl\nK = pl.scan_csv(HERE / 'k.csv')\n",
        "m.K.collect()['x'][0]",
        "x\n1\n",
        "x\n2\n",
        "k.csv",
        each=True,
    ),
    "polars LazyFrame of another number": read(
        f"import polars as pl\nK = pl.LazyFrame({{'x': [1]}}).select(pl.col('x') + {NUMBER})\n",
        "m.K.collect()['x'][0]",
        "1",
        "2",
    ),
    "polars dtype": read(
        "import polars as pl\nK = getattr(pl, (HERE / 'k.txt').read_text())\n",
        "str(m.K)",
        "Int8",
        "Int16",
        gives="str",
    ),
    "polars schema": changes(
        "str(K)", "import polars as pl\nK = pl.Schema({'a': pl.Int8})\n", "Int8", "Int16", gives="str"
    ),
    "estimator": read(
        f"from sklearn.linear_model import Ridge\nK = Ridge(alpha={NUMBER})\n", "m.K.alpha", "1", "2"
    ),
    "estimator without a file": changes(
        "K.alpha", "from sklearn.linear_model import Ridge\nK = Ridge(alpha=1)\n", "=1)", "=2)"
    ),
    "fitted estimator": read(
        "import numpy as np\nfrom sklearn.linear_model import LinearRegression\nX = np.loadtxt(HERE / 'k.txt')\n"
        "K = LinearRegression().fit(X[:, :1], X[:, 1])\n",
        "round(float(m.K.predict([[3.0]])[0]))",
        "0 0\n1 1\n",
        "0 0\n1 2\n",
    ),
    "pipeline": read(
        "from sklearn.pipeline import make_pipeline\nfrom sklearn.linear_model import Ridge\n"
        f"K = make_pipeline(Ridge(alpha={NUMBER}))\n",
        "m.K[-1].alpha",
        "1",
        "2",
    ),
    "parameter set at import": changes(
        "K.alpha",
        "from sklearn.linear_model import Ridge\nK = Ridge()\nK.set_params(alpha=1)\n",
        "alpha=1",
        "alpha=2",
    ),
    "object of a project's class": read(
        f"class T:\n    def __init__(self, k):\n        self.k = k\nK = T({NUMBER})\n", "m.K.k", "1", "2"
    ),
    "private attribute with slots of a base": read(
        "class B:\n    __slots__ = ('__k',)\n    def __init__(self, k):\n        self.__k = k\n    def get(self):\n"
        f"        return self.__k\nclass T(B):\n    __slots__ = ()\nK = T({NUMBER})\n",
        "m.K.get()",
        "1",
        "2",
    ),
    "object with __reduce__": read(
        "import decimal\nclass T(decimal.Decimal):\n    pass\nK = T((HERE / 'k.txt').read_text())\n",
        "int(m.K)",
        "1",
        "2",
    ),
    "subclass of int": read(f"class T(int):\n    pass\nK = T({NUMBER})\n", "m.K + 0", "1", "2"),
    "subclass of str with attributes": read(
        f"class T(str):\n    pass\nK = T('a')\nK.k = {NUMBER}\n", "m.K.k", "1", "2"
    ),
    "subclass of list with attributes": read(
        f"class T(list):\n    pass\nK = T([1])\nK.k = {NUMBER}\n", "m.K.k", "1", "2"
    ),
    "dataclass": read(
        f"import dataclasses\n@dataclasses.dataclass(frozen=True, slots=True)\nclass T:\n    k: int\nK = T({NUMBER})\n",
        "m.K.k",
        "1",
        "2",
    ),
    "NamedTuple": read(
        f"from typing import NamedTuple\nclass T(NamedTuple):\n    k: int\nK = T({NUMBER})\n",
        "m.K.k",
        "1",
        "2",
    ),
    "pydantic": read(
        f"from pydantic import BaseModel\nclass T(BaseModel):\n    k: int\nK = T(k={NUMBER})\n",
        "m.K.k",
        "1",
        "2",
    ),
    "private attribute of pydantic": read(
        "from pydantic import BaseModel, PrivateAttr\nclass T(BaseModel):\n    _k: int = PrivateAttr(0)\n"
        f"K = T()\nK._k = {NUMBER}\n",
        "m.K._k",
        "1",
        "2",
    ),
    "class attribute from a file": read(f"class T:\n    k = {NUMBER}\n", "m.T.k", "1", "2"),
    "array as a class attribute": read(
        "import numpy as np\nclass T:\n    k = np.load(HERE / 'k.npy')\n",
        "int(m.T.k[0])",
        npy(1),
        npy(2),
        "k.npy",
    ),
    "array as a default": read(
        "import numpy as np\ndef f(k=np.load(HERE / 'k.npy')):\n    return int(k[0])\n",
        "m.f()",
        npy(1),
        npy(2),
        "k.npy",
    ),
    "array as a function's attribute": read(
        "import numpy as np\ndef f():\n    return int(f.k[0])\nf.k = np.load(HERE / 'k.npy')\n",
        "m.f()",
        npy(1),
        npy(2),
        "k.npy",
    ),
    "default from a file": read(f"def f(k={NUMBER}):\n    return k\n", "m.f()", "1", "2"),
    "field default from a file": read(
        f"from pydantic import BaseModel\nclass T(BaseModel):\n    k: int = {NUMBER}\n", "m.T().k", "1", "2"
    ),
    "enum from a file": read(
        f"import enum\nclass E(enum.Enum):\n    A = {NUMBER}\n", "m.E.A.value", "1", "2"
    ),
    "array, 20 levels deep": read(
        "import numpy as np\nK = np.load(HERE / 'k.npy')\nfor _ in range(20):\n    K = [K]\nL = K\n",
        "str(m.L)",
        npy(1),
        npy(2),
        "k.npy",
        "str",
    ),
    "set of objects": read(
        "class T:\n    def __init__(self, k):\n        self.k = k\nK = {T(int(w)) for w in (HERE / 'k.txt').read_text().split()}\n",
        "sum(t.k for t in m.K)",
        "1 2",
        "1 3",
    ),
    "cycle": read(f"K = [{NUMBER}]\nK.append(K)\n", "m.K[1][1][0]", "1", "2"),
    "pandas timestamp": read(
        "import pandas as pd\nK = pd.Timestamp((HERE / 'k.txt').read_text())\n",
        "m.K.day",
        "2024-01-01",
        "2024-01-02",
    ),
    "pandas index of a frame": read(
        "import pandas as pd\nK = pd.DataFrame({'x': [1]}, index=[(HERE / 'k.txt').read_text()])\n",
        "m.K.index[0]",
        "a",
        "b",
        gives="str",
    ),
    "order of columns of a frame": read(
        "import polars as pl\nK = pl.read_csv(HERE / 'k.csv')\n",
        "m.K.columns[0]",
        "a,b\n1,1\n",
        "b,a\n1,1\n",
        "k.csv",
        "str",
    ),
    "dtype of an array": changes(
        "str(K.dtype)", "import numpy as np\nK = np.zeros(2, 'i4')\n", "'i4'", "'i8'", gives="str"
    ),
    "random generator": changes(
        "int(K.integers(1000))", "import numpy as np\nK = np.random.default_rng(1)\n", "rng(1)", "rng(2)"
    ),
    "iterator": changes("list(K)", "K = iter([1, 2])\n", "[1, 2]", "[1, 3]", gives="list", each=True),
    "generator": changes("next(K)", "K = (i for i in [1, 2])\n", "[1, 2]", "[3, 2]", each=True),
    "memoryview": read("K = memoryview((HERE / 'k.txt').read_bytes())\n", "m.K[0]", "a", "b"),
    "itemgetter": read(f"import operator\nK = operator.itemgetter({NUMBER})\n", "m.K([0, 1, 2])", "1", "2"),
    "chain of partials": read(
        f"import functools\nK = functools.partial(functools.partial(pow, {NUMBER}), 2)\n", "m.K()", "1", "2"
    ),
    "weak dictionary": changes(
        "len(K)",
        "import weakref\nclass T:\n    pass\nA = T()\nK = weakref.WeakSet([A])\n",
        "([A])",
        "([])",
        each=True,
    ),
    "Fraction and timedelta": read(
        "import datetime, fractions\nK = (fractions.Fraction((HERE / 'k.txt').read_text()), datetime.timedelta(1))\n",
        "str(m.K[0])",
        "1/2",
        "1/3",
        gives="str",
    ),
    "string template": read(
        "import string\nK = string.Template((HERE / 'k.txt').read_text())\n",
        "m.K.substitute(a=1)",
        "x$a",
        "y$a",
        gives="str",
    ),
}


def literal(old: str, new: str, show: str = "repr(K)") -> Case:
    """A constant, and another in its place."""
    return changes(show, f"K = {old}\n", f"K = {old}\n", f"K = {new}\n", gives="str")


LITERALS: dict[str, Case] = {
    "0.0 to -0.0": literal("0.0", "-0.0"),
    "1 to True": literal("1", "True"),
    "1 to 1.0": literal("1", "1.0"),
    "1.0 to True in a set": literal("{1.0}", "{True}"),
    "1 to 1.0 as a dict's key": literal("{1: 0}", "{1.0: 0}"),
    "bytes to text": literal("b''", "''"),
    "lower to upper": literal("'a'", "'A'"),
    "tuple to list": literal("(1, 2)", "[1, 2]"),
    "set to frozenset": literal("{1}", "frozenset({1})"),
    "content of a frozenset": literal("frozenset({1, 2})", "frozenset({1, 3})", "str(sorted(K))"),
    "order of a dict": literal("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    "end of a long text": literal(f"'{'a' * 5000}b'", f"'{'a' * 5000}c'", "K[-1]"),
    "composed letter": literal("'\u00e9'", "'e\u0301'", "str(len(K))"),
    "lone surrogate": literal(r"'\ud800'", r"'\udfff'", "ascii(K)"),
    "last digit of a float": literal("0.1", "0.10000000000000002"),
    "nan to inf": literal("float('nan')", "float('inf')"),
    "complex": literal("1j", "1.0 + 1j"),
    "sign of a complex zero": literal("complex(0.0, -0.0)", "complex(0.0, 0.0)"),
    "Ellipsis to None": literal("...", "None"),
    "Ellipsis to its name": literal("...", "'Ellipsis'"),
    "None to its name": literal("None", "'None'"),
    "large number": literal("10**40", "10**40 + 1"),
    "text that looks like a list": literal("['a', 'b']", ["a', 'b"]),
    "slice": literal("slice(1, 2)", "slice(1, 3)"),
    "text of spaces": literal("'a  b'", "'a b'"),
    "raw text": literal("'\\\\n'", "'\\n'"),
    "20 levels": literal(f"{'[' * 20}1{']' * 20}", f"{'[' * 20}2{']' * 20}"),
    "in a body": changes("repr(0.0)", "", "repr(0.0)", "repr(-0.0)", gives="str"),
    "in a body, 1 to True": changes("repr(1)", "", "repr(1)", "repr(True)", gives="str"),
    "in a body, text to bytes": changes("repr('a')", "", "repr('a')", "repr(b'a')", gives="str"),
    "conversion of an f-string": changes("f'{str(n)!s}'", "", "!s", "!r", gives="str"),
    "format of an f-string": changes("f'{n:>3}'", "", ":>3", ":<3", gives="str"),
}
