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


def read(top: str, call: str, before: Any, after: Any, file: str = "k.txt", gives: str = "int") -> Case:
    """A value in a helper module whose expression reads a file."""
    modules = {"m.py": HERE + top, file: before}
    return outside(call, "import m\n", modules, (file, after), gives=gives)


VALUES: dict[str, Case] = {
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
    # without a file
    "0.0 to -0.0": changes("K", "K = 0.0", "K = 0.0", "K = -0.0", gives="float"),
    "1 to True": changes("[K]", "K = 1", "K = 1", "K = True", gives="list"),
    "1 to 1.0": changes("[K]", "K = 1", "K = 1", "K = 1.0", gives="list"),
    "20 levels": changes("str(K)", f"K = {'[' * 20}1{']' * 20}", "[1]", "[2]", gives="str"),
}
