"""What the import of a module asks the world, and what is known to ask for nothing."""

import sys
from pathlib import Path

import pytest

from keys.modules import Importer, imported
from magical.keys.import_asks import AskFinder
from magical.keys.import_resolution import list_project_modules
from magical.keys.source_index import SourceIndex

__all__ = ["imported"]

HEAD = """
import abc, collections, contextlib, dataclasses, datetime, decimal, enum, functools, json, logging, os, pathlib
import random, re, sys, threading, time, types, typing, uuid
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from pydantic import BaseModel, field_validator
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from magical import Contract, Field, Settings, step, workflow

HERE = Path(__file__).resolve().parent


def pure(n=1):
    return [i * n for i in range(3)]


def reads(name="k.txt"):
    return (HERE / name).exists()


"""

QUIET = {
    "constants": "A, B = 1, {'a': [1.5, None]}\nC = A + len(B)",
    "known constructors": "A = [decimal.Decimal('1.5'), datetime.date(2024, 1, 31), re.compile('a'), np.arange(3)]",
    "a path beside the module": "A = Path(__file__).parent / 'data' / 'x.csv'\nB = str(HERE.joinpath('b'))",
    "expressions of polars": "A = pl.col('x').sum().over('y')\nB = pl.when(A > 1).then(pl.lit(2)).otherwise(3)",
    "an estimator": "A = StandardScaler(with_mean=False)",
    "a logger and a lock": "LOG = logging.getLogger(__name__)\nLOCK = threading.Lock()",
    "a call of a function of the project": "A = pure(2)",
    "a lambda that is not called": "A = {'now': lambda: time.time()}",
    "a function that is not called": "def f():\n    return os.environ['A']",
    "a method that is not called": "class T:\n    def now(self):\n        return time.time()\n\nA = T()",
    "a method of settings that is not called": (
        "class T(Settings):\n    a: int = 1\n    def now(self):\n        return time.time()\n\nA = T()"
    ),
    "a method of an experiment": (
        "from magical.library import Boosting\nclass T(Boosting):\n    def fit(self, estimator, train, validation):\n"
        "        return estimator.fit(train.X, train.y)\n\nA = T(trials=2)"
    ),
    "a known decorator": "@functools.lru_cache\ndef f():\n    return open('x')",
    "a decorator of the project": (
        "def timed(f):\n    @functools.wraps(f)\n    def inner():\n        return time.time(), f()\n    return inner\n"
        "@timed\ndef g():\n    return 1"
    ),
    "a decorator with an argument": (
        "ALL = {}\ndef register(name):\n    def enter(f):\n        ALL[name] = f\n        return f\n    return enter\n"
        "@register('g')\ndef g():\n    return 1"
    ),
    "a dataclass": "@dataclasses.dataclass\nclass T:\n    x: int = 1\n    y: list = dataclasses.field(default_factory=list)",
    "an enum": "class T(enum.Enum):\n    A = enum.auto()",
    "a contract": "class T(Contract):\n    x: int = Field(ge=0)",
    "a step": "@step\ndef s(n: int) -> int:\n    return time.time_ns()",
    "a block for the main program": "if __name__ == '__main__':\n    A = open('x').read()",
    "imports for types": "if typing.TYPE_CHECKING:\n    from somewhere import thing",
    "an optional import": "try:\n    import nothing_like_this\nexcept ImportError:\n    nothing_like_this = None",
    "an environment variable that is set": "os.environ['OURS'] = '1'",
    "the import path": "sys.path.insert(0, str(HERE))",
    "a seeded generator": "A = np.random.default_rng(7)\nB = random.Random(7)",
    "the version of Python": "A = sys.version_info >= (3, 11)",
}
ASKING = {
    "a file": "with open(__file__) as f:\n    A = f.read()",
    "a file by a path": "A = Path(__file__).read_text()",
    "a file by a reader": "A = pl.read_csv(HERE / 'k.csv') if False else None",
    "a reader with another name": "from numpy import loadtxt as r\nA = r if True else r(__file__)\nB = False and r(__file__)",
    "a lazy table": "A = None if True else pl.scan_csv('k.csv')",
    "the existence of a file": "A = HERE.exists()",
    "a folder": "A = os.listdir(HERE)",
    "files by pattern": "A = list(HERE.glob('*.x'))",
    "the environment": "A = os.environ.get('A')",
    "the environment by another name": "from os import environ as e\nA = e.get('A')",
    "the environment by getattr": "A = getattr(os, 'environ')",
    "the environment on a condition": "if os.getenv('A'):\n    A = 1",
    "the clock": "A = time.time()",
    "the day": "A = datetime.date.today()",
    "the day of pandas": "A = pd.Timestamp.now()",
    "chance": "A = random.random()",
    "a generator without a seed": "A = np.random.default_rng()",
    "a random id": "A = uuid.uuid4()",
    "the command line": "A = sys.argv[0]",
    "a function that asks": "A = reads()",
    "a function that asks, as an argument": "A = list(map(reads, ['a', 'b']))",
    "a lambda as an argument": "A = sorted([1, 2], key=lambda n: time.time())",
    "a default argument": "def f(n=time.time()):\n    return n",
    "a default of a method": "class T:\n    def f(self, n=time.time()):\n        return n",
    "an attribute of a class": "class T:\n    now = time.time()",
    "a constructor": "class T:\n    def __init__(self):\n        self.now = time.time()\n\nA = T()",
    "a property": "class T:\n    @property\n    def now(self):\n        return time.time()\n\nA = T().now",
    "a hook of settings": (
        "class T(Settings):\n    a: int = 1\n    def model_post_init(self, context):\n        time.time()\n\nA = T()"
    ),
    "a validator of settings": (
        "class T(Settings):\n    a: int = 1\n    @field_validator('a')\n    @classmethod\n    def f(cls, a):\n"
        "        return time.time_ns()\n\nA = T(a=2)"
    ),
    "a method of a class of others": (
        "class T(logging.Handler):\n    def emit(self, record):\n        time.time()\n\nA = T()"
    ),
    "an operator": "class T:\n    def __add__(self, other):\n        return time.time()\n\nA = T() + 1",
    "a hook for subclasses": "class T:\n    def __init_subclass__(cls):\n        cls.now = time.time()\n\nclass S(T):\n    pass",
    "a metaclass": "class M(type):\n    def __init__(cls, *a):\n        cls.now = time.time()\n\nclass S(metaclass=M):\n    pass",
    "a method of the project": "class T:\n    def go(self):\n        return time.time()\n\nA = T().go()",
    "a decorator that asks": "def at(f):\n    f.at = time.time()\n    return f\n\n@at\ndef g():\n    return 1",
    "a decorator that calls": "def now(f):\n    return f()\n\n@now\ndef g():\n    return time.time()",
    "a step that is called": "@step\ndef s(n: int) -> int:\n    return 1\n\nA = s(1)",
    "a loop": "for A in os.listdir(HERE):\n    pass",
    "a comprehension": "A = [n for n in os.listdir(HERE)]",
    "an f-string": "A = f'{time.time()}'",
    "a walrus": "print(end='' if (A := time.time()) else '')",
    "an assert": "assert HERE.exists()",
    "code from a text": "exec('A = 1')",
    "an unknown package": "import click\nA = click.get_app_dir('x')",
    "a cached function": "@functools.cache\ndef f():\n    return time.time()\n\nA = f()",
    "a wrapped function": "@contextlib.contextmanager\ndef f():\n    yield time.time()\n\nwith f() as A:\n    pass",
    "the hash of a text": "A = hash('a')",
}  # fmt: skip


def asks(module_name: str, root: Path) -> list[tuple[int, str]]:
    index = SourceIndex()
    return AskFinder(index, list_project_modules(root, index)).find(sys.modules[module_name])


@pytest.mark.parametrize("name", QUIET)
def test_what_only_defines_asks_for_nothing(name: str, imported: Importer, tmp_path: Path) -> None:
    imported(HEAD + QUIET[name])
    assert asks("made", tmp_path) == []


@pytest.mark.parametrize("name", ASKING)
def test_what_asks_the_world_is_found(name: str, imported: Importer, tmp_path: Path) -> None:
    imported(HEAD + ASKING[name])
    assert asks("made", tmp_path)


def test_the_place_is_named(imported: Importer, tmp_path: Path) -> None:
    imported("import os\n\n\nA = os.environ.get('A')\n")
    assert asks("made", tmp_path) == [(4, "os.environ.get('A')")]


def test_a_local_name_may_stand_for_what_is_known(imported: Importer, tmp_path: Path) -> None:
    quiet = "def g(n):\n    f = pure if n else len\n    return f(n)\n\nA = g(1)"
    imported(HEAD + quiet)
    assert asks("made", tmp_path) == []


@pytest.mark.parametrize("value", ["reads if n else pure", "time.time", "next(iter([reads]))", "[reads][0]"])
def test_a_local_name_may_stand_for_what_asks(value: str, imported: Importer, tmp_path: Path) -> None:
    imported(HEAD + f"def g(n):\n    f = {value}\n    return f()\n\nA = g(1)")
    assert asks("made", tmp_path)


CLOCKS_AND_CHANCE = [
    "import numpy as np\nK = np.datetime64('now')\n",
    "import numpy as np\nK = np.datetime64('today')\n",
    "import pandas as pd\nK = pd.Timestamp('now')\n",
    "import pandas as pd\nK = pd.to_datetime('today')\n",
    "import pandas as pd\nK = pd.date_range(end='today', periods=3)\n",
    "import numpy as np\nSEED = None\nK = np.random.default_rng(SEED).integers(10**6)\n",
    "import random\nK = random.Random(None).random()\n",
    "from sklearn.model_selection import train_test_split\nK = train_test_split(list(range(100)))\n",
    "from sklearn.datasets import make_classification\nK = make_classification()\n",
    "from sklearn.model_selection import KFold\nK = list(KFold(2, shuffle=True).split(list(range(100))))\n",
    "from sklearn.utils import resample\nK = resample(list(range(100)))\n",
    "from scipy import stats\nK = stats.norm.rvs(size=3)\n",
    "import scipy.sparse as sp\nK = sp.random(30, 30, 0.1).sum()\n",
    "import statistics\nK = statistics.NormalDist().samples(2)\n",
    "import uuid\nK = uuid.getnode()\n",
    "import polars as pl\nK = pl.thread_pool_size()\n",
    "import sys\nK = sys.stdout.encoding\n",
    "import sys\nK = sys.flags.optimize\n",
    "import threading\nK = threading.get_ident()\n",
    "K = list({'a', 'b', 'c', 'd'})\n",
    "K = ','.join({'a', 'b', 'c'} - {'a'})\n",
    "class T:\n    pass\nK = repr(T())\n",
    "K = 'a'.__hash__()\n",
    "from pathlib import Path\nK = (Path(__file__).parent / 'link').resolve()\n",
    "def f():\n    import time\n    return time.time()\nK = f()\n",
    "def f():\n    import random\n    return random.random()\nK = f()\n",
    "import dataclasses, time\n@dataclasses.dataclass\nclass T:\n    t: float = dataclasses.field(default_factory=time.time)\nK = T()\n",
    "import uuid\nfrom pydantic import BaseModel, Field\nclass T(BaseModel):\n    t: uuid.UUID = Field(default_factory=uuid.uuid4)\nK = T()\n",
]


@pytest.mark.parametrize("text", CLOCKS_AND_CHANCE)
def test_what_differs_between_processes_asks(text: str, imported: Importer, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    imported(text)
    assert asks("made", tmp_path)
