"""Edits that are easily unseen: what an import hides, odd objects, names in texts."""

from dataclasses import replace
from typing import Any

from edits.harness import HEAD, Case, Content, changes, one, outside
from edits.world_edits import HERE, asked

UNSEEN: dict[str, Case] = {}
ENV: dict[str, Any] = {"before": {"OURS": "1"}, "after": {"OURS": "2"}}


def env(top: str, call: str = "m.K", gives: str = "str", **files: Content) -> Case:
    """A helper module that reads the variable OURS at import."""
    modules: dict[str, Content] = {n.replace("_py", ".py"): text for n, text in files.items()}
    return outside(call, "import m\n", {"m.py": top, **modules}, gives=gives, **ENV)


def add(name: str, call: str, top: str, old: str, new: str, **how: Any) -> None:
    UNSEEN[name] = changes(call, top, old, new, **how)


UNSEEN["local import in a called function"] = env(
    "def get():\n    import os\n    return os.environ['OURS']\nK = get()\n"
)
UNSEEN["local from-import in a called function"] = env(
    "def get():\n    from os import environ\n    return environ['OURS']\nK = get()\n"
)
UNSEEN["local import with get"] = env(
    "def get():\n    import os\n    return os.environ.get('OURS')\nK = get()\n"
)
UNSEEN["alias of os.environ.get"] = env("import os\nenv = os.environ.get\nK = env('OURS')\n")
UNSEEN["Path.read_text in map"] = asked("K = int(next(map(Path.read_text, [HERE / 'k.txt'])))\n")
UNSEEN["os.path.exists in filter"] = asked(
    "import os\nK = len(list(filter(os.path.exists, [HERE / 'no.txt'])))\n", ("no.txt", "")
)
UNSEEN["key=os.path.getsize in max"] = asked(
    "import os\nK = max([HERE / 'a.txt', HERE / 'b.txt'], key=os.path.getsize).name\n",
    ("b.txt", "333"),
    gives="str",
    a_txt="11",
    b_txt="1",
)
UNSEEN["getattr of a method"] = asked("K = int(getattr(HERE / 'k.txt', 'read_text')())\n")
UNSEEN["getattr(os, environ)"] = env("import os\nK = getattr(os, 'environ')['OURS']\n")
UNSEEN["module os given to a function"] = env(
    "import os\ndef get(o):\n    return o.environ['OURS']\nK = get(os)\n"
)
UNSEEN["methodcaller"] = asked(
    "import operator\nK = int(operator.methodcaller('read_text')(HERE / 'k.txt'))\n"
)
UNSEEN["lambda default"] = asked("K = lambda k=int(open(HERE / 'k.txt').read()): k\n", call="K()")
UNSEEN["function that returns a lambda"] = asked(
    "def make(p):\n    return lambda: int(p.read_text())\nK = make(HERE / 'k.txt')()\n"
)
UNSEEN["decorator inside if"] = asked(
    "def deco(p):\n    if p:\n        def wrap(f):\n            return int(p.read_text())\n        return wrap\n@deco(HERE / 'k.txt')\ndef K():\n    pass\n"
)
UNSEEN["decorator that returns a lambda"] = asked(
    "def deco(p):\n    return lambda f: int(p.read_text())\n@deco(HERE / 'k.txt')\ndef K():\n    pass\n"
)
UNSEEN["bound method in map"] = asked(
    "class T:\n    def get(self, p):\n        return int(p.read_text())\nt = T()\nK = list(map(t.get, [HERE / 'k.txt']))\n",
    call="K[0]",
)
UNSEEN["inner function in map"] = asked(
    "def outer():\n    def inner(p):\n        return int(p.read_text())\n    return list(map(inner, [HERE / 'k.txt']))\nK = outer()\n",
    call="K[0]",
)
UNSEEN["method of a nested class"] = asked(
    "class O:\n    class I:\n        def go(self):\n            return int((HERE / 'k.txt').read_text())\nK = O.I().go()\n"
)
UNSEEN["callable in a dataclass"] = asked(
    "import dataclasses\nimport pandas as pd\nfrom typing import Callable\n@dataclasses.dataclass\nclass S:\n    parse: Callable\ns = S(pd.read_csv)\nK = int(s.parse(HERE / 'k.csv').x[0])\n",
    ("k.csv", "x\n2\n"),
    k_csv="x\n1\n",
)
UNSEEN["callable in a namespace"] = asked(
    "from types import SimpleNamespace\nimport pandas as pd\ns = SimpleNamespace(parse=pd.read_csv)\nK = int(s.parse(HERE / 'k.csv').x[0])\n",
    ("k.csv", "x\n2\n"),
    k_csv="x\n1\n",
)
UNSEEN["staticmethod of a reader"] = asked(
    "import pandas as pd\nclass S:\n    parse = staticmethod(pd.read_csv)\nK = int(S.parse(HERE / 'k.csv').x[0])\n",
    ("k.csv", "x\n2\n"),
    k_csv="x\n1\n",
)
UNSEEN["__getattr__ of own module, from"] = env(
    "from cfg import OURS\nK = OURS\n",
    cfg_py="import os\ndef __getattr__(n):\n    try:\n        return os.environ[n]\n    except KeyError:\n        raise AttributeError(n)\n",
)
UNSEEN["metaclass __getattr__"] = env(
    "import os\nclass M(type):\n    def __getattr__(cls, n):\n        try:\n            return os.environ[n]\n        except KeyError:\n            raise AttributeError(n)\nclass E(metaclass=M):\n    pass\nK = E.OURS\n"
)
UNSEEN["metaclass __getitem__"] = env(
    "import os\nclass M(type):\n    def __getitem__(cls, n):\n        return os.environ[n]\nclass E(metaclass=M):\n    pass\nK = E['OURS']\n"
)
UNSEEN["__class_getitem__"] = env(
    "import os\nclass E:\n    def __class_getitem__(cls, n):\n        return os.environ[n]\nK = E['OURS']\n"
)
UNSEEN["model_post_init"] = env(
    "import os\nfrom pydantic import BaseModel\nclass E(BaseModel):\n    k: str = ''\n    def model_post_init(self, c):\n        self.k = os.environ['OURS']\nK = E().k\n"
)
UNSEEN["default_factory of pydantic"] = env(
    "from pathlib import Path\nfrom pydantic import BaseModel, Field\nclass E(BaseModel):\n    k: Path = Field(default_factory=Path.home)\nK = str(E().k)\n"
)
UNSEEN["default_factory of pydantic"] = replace(
    UNSEEN["default_factory of pydantic"], before={"HOME": "/a"}, after={"HOME": "/b"}
)
UNSEEN["default_factory of dataclass"] = replace(
    env(
        "from pathlib import Path\nimport dataclasses\n@dataclasses.dataclass\nclass E:\n    k: Path = dataclasses.field(default_factory=Path.home)\nK = str(E().k)\n"
    ),
    before={"HOME": "/a"},
    after={"HOME": "/b"},
)
UNSEEN["default_factory of Settings, foreign"] = Case(
    {
        "workflow.py": HEAD
        + "from pathlib import Path\nfrom pydantic import Field\nclass S(Settings):\n    k: Path = Field(default_factory=Path.home)\n@step\ndef one(k: str) -> str:\n    return k\n@workflow\ndef flow(settings: S) -> str:\n    return one(str(settings.k))\n"
    },
    before={"HOME": "/a"},
    after={"HOME": "/b"},
)
UNSEEN["AfterValidator of Settings"] = Case(
    {
        "workflow.py": HEAD
        + "import os\nfrom typing import Annotated\nfrom pydantic import AfterValidator\ndef fill(v):\n    return v + os.environ['OURS']\nclass S(Settings):\n    k: Annotated[str, AfterValidator(fill)] = 'a'\n    model_config = {'validate_default': True}\n@step\ndef one(k: str) -> str:\n    return k\n@workflow\ndef flow(settings: S) -> str:\n    return one(settings.k)\n"
    },
    **ENV,
)
UNSEEN["annotation that reads"] = env(
    "import os\nfrom typing import Annotated\nfrom pydantic import BaseModel, Field\nclass E(BaseModel):\n    k: Annotated[int, Field(default=int(os.environ['OURS']))]\nK = str(E().k)\n"
)
UNSEEN["annotation that reads, only the class"] = env(
    "import os\nfrom typing import Annotated\nfrom pydantic import BaseModel, Field\nclass E(BaseModel):\n    k: Annotated[int, Field(default=int(os.environ['OURS']))]\n",
    call="str(m.E().k)",
)
UNSEEN["property by call"] = env(
    "import os\nclass E:\n    def _get(self):\n        return os.environ['OURS']\n    k = property(_get)\nK = E().k\n"
)
UNSEEN["__str__ = method"] = env(
    "import os\nclass E:\n    def render(self):\n        return os.environ['OURS']\n    __str__ = render\nK = str(E())\n"
)
UNSEEN["hook of string.Formatter"] = env(
    "import os, string\nclass F(string.Formatter):\n    def get_value(self, k, a, kw):\n        return os.environ[k]\nK = F().format('{OURS}')\n"
)
# A thread has a number of its own in each process.
UNSEEN["Thread.run"] = replace(
    asked(
        "import threading\nK = []\nclass T(threading.Thread):\n    def run(self):\n        K.append(int((HERE / 'k.txt').read_text()))\nt = T()\nt.start()\nt.join()\n",
        call="K[0]",
    ),
    each=True,
)
UNSEEN["_generate_next_value_"] = env(
    "import os, enum\nclass E(enum.Enum):\n    def _generate_next_value_(name, *a):\n        return os.environ[name]\n    OURS = enum.auto()\nK = E.OURS.value\n"
)
UNSEEN["data of an unknown library's object"] = Case(
    {
        "workflow.py": one("K", "import far\nK = far.settings.K\n"),
        "../site-packages/far.py": "import os\nclass S:\n    @property\n    def K(self):\n        return int(os.environ['OURS'])\nsettings = S()\n",
        "../site-packages/far-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: far\nVersion: 1\n",
        "../site-packages/far-1.dist-info/RECORD": "far.py,,\n",
    },
    path=["../site-packages"],
    **ENV,
)
UNSEEN["data of an unknown library's object, from"] = Case(
    {
        "workflow.py": one("K", "from far import settings\nK = settings.K\n"),
        "../site-packages/far.py": "import os\nclass S:\n    @property\n    def K(self):\n        return int(os.environ['OURS'])\nsettings = S()\n",
        "../site-packages/far-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: far\nVersion: 1\n",
        "../site-packages/far-1.dist-info/RECORD": "far.py,,\n",
    },
    path=["../site-packages"],
    **ENV,
)
UNSEEN["pl.sql reads a file"] = asked(
    "import polars as pl\nK = pl.sql(f\"select * from read_csv('{HERE}/k.csv')\", eager=True)['x'][0]\n",
    ("k.csv", "x\n2\n"),
    k_csv="x\n1\n",
)
UNSEEN["loader.get_data"] = asked("K = int(__loader__.get_data(str(HERE / 'k.txt')))\n")
UNSEEN["logging.config.fileConfig"] = outside(
    "logging.getLogger('ours').level",
    "import logging\nimport m\n",
    {
        "m.py": HERE + "import logging.config\nlogging.config.fileConfig(HERE / 'l.ini')\n",
        "l.ini": "[loggers]\nkeys=root,ours\n[handlers]\nkeys=\n[formatters]\nkeys=\n[logger_root]\nhandlers=\n[logger_ours]\nqualname=ours\nlevel=INFO\nhandlers=\n",
    },
    ("l.ini", "level=INFO", "level=ERROR"),
)
UNSEEN["rich width"] = replace(
    env("from rich.console import Console\nK = Console().width\n", gives="int"),
    before={"COLUMNS": "80"},
    after={"COLUMNS": "90"},
)
UNSEEN["TZ strftime"] = replace(
    env("from datetime import datetime\nK = datetime(2024,1,1).strftime('%s')\n"),
    before={"TZ": "UTC"},
    after={"TZ": "Europe/Berlin"},
)
UNSEEN["lru_cache(os.getenv) at once"] = env(
    "import functools, os\nK = functools.lru_cache(os.getenv)('OURS')\n"
)
UNSEEN["effect in own function, assigned"] = outside(
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport more\n",
    {
        "more.py": "import pandas as pd\ndef setup():\n    pd.set_option('display.max_rows', 7)\n    return 1\nK = setup()\n"
    },
    ("more.py", "7", "8"),
)
UNSEEN["effect in __init__"] = outside(
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport more\n",
    {
        "more.py": "import pandas as pd\nclass App:\n    def __init__(self):\n        pd.set_option('display.max_rows', 7)\napp = App()\n"
    },
    ("more.py", "7", "8"),
)
UNSEEN["order of two effects"] = outside(
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport a\nimport b\n",
    {
        "a.py": "import pandas as pd\npd.set_option('display.max_rows', 7)\n",
        "b.py": "import pandas as pd\npd.set_option('display.max_rows', 8)\n",
    },
    ("workflow.py", "import a\nimport b\n", "import b\nimport a\n"),
)
UNSEEN["effect with environment"] = outside(
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport more\n",
    {
        "more.py": "import os\nimport pandas as pd\npd.set_option('display.max_rows', int(os.environ['OURS']))\n"
    },
    **ENV,
)
UNSEEN["effect with a file"] = outside(
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport more\n",
    {
        "more.py": HERE
        + "import pandas as pd\npd.set_option('display.max_rows', int((HERE / 'k.txt').read_text()))\n",
        "k.txt": "7",
    },
    ("k.txt", "8"),
)
UNSEEN["effect in a list"] = outside(
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport more\n",
    {"more.py": "import pandas as pd\n[pd.set_option('display.max_rows', n) for n in (7,)]\n"},
    ("more.py", "7", "8"),
)
UNSEEN["effect after and"] = outside(
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport more\n",
    {"more.py": "import pandas as pd\nTrue and pd.set_option('display.max_rows', 7)\n"},
    ("more.py", "7", "8"),
)
UNSEEN["warnings.filterwarnings assigned"] = outside(
    "sys.getrecursionlimit()",
    "import sys\nimport more\n",
    {"more.py": "import sys\n_ = sys.setrecursionlimit(5000)\n"},
    ("more.py", "5000", "6000"),
)
UNSEEN["locale assigned"] = outside(
    "locale.setlocale(locale.LC_TIME)",
    "import locale\nimport more\n",
    {"more.py": "import locale\nL = locale.setlocale(locale.LC_TIME, 'C')\n"},
    ("more.py", "'C'", "'C.UTF-8'"),
    gives="str",
)
UNSEEN["effect in a for head"] = outside(
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport more\n",
    {"more.py": "import pandas as pd\nfor _ in map(pd.set_option, ['display.max_rows'], [7]):\n    pass\n"},
    ("more.py", "7", "8"),
)
UNSEEN["attribute of an enum member"] = outside(
    "m.E.A.k",
    "import m\n",
    {"m.py": "import enum\nclass E(enum.Enum):\n    A = 1\nE.A.k = 1\n"},
    ("m.py", "k = 1", "k = 2"),
)
UNSEEN["attribute of an enum member, env"] = env(
    "import enum, os\nclass E(enum.Enum):\n    A = 1\n    def __init__(self, v):\n        self.k = os.environ['OURS']\n",
    call="m.E.A.k",
)
UNSEEN["masked str"] = changes(
    "len(K + '')", "class T(str):\n    def __str__(self):\n        return '***'\nK = T('a')\n", "'a'", "'aa'"
)
UNSEEN["dict with own items"] = changes(
    "K['a']", "class T(dict):\n    def items(self):\n        return []\nK = T(a=1)\n", "a=1", "a=2"
)
UNSEEN["list with own iter"] = changes(
    "K[0]", "class T(list):\n    def __iter__(self):\n        return iter(())\nK = T([1])\n", "[1]", "[2]"
)
UNSEEN["AttrDict KeyError"] = changes(
    "K.a",
    "class AttrDict(dict):\n    def __getattr__(self, k):\n        return self[k]\nK = AttrDict(a=1)\nL = K.a\n",
    "a=1",
    "a=2",
)
UNSEEN["opaque by a function that asks"] = replace(
    env(
        "import os\nfrom rich.console import Console\ndef make():\n    return Console(width=int(os.environ['OURS']) + 5)\nK = make()\n",
        call="m.K.width",
        gives="int",
    ),
    each=True,
)
UNSEEN["opaque in a comprehension over a file"] = replace(
    asked(
        "from rich.console import Console\nK = [Console(width=int(n)) for n in open(HERE / 'k.txt')]\n",
        ("k.txt", "6"),
        call="K[0].width",
        k_txt="5",
    ),
    each=True,
)
UNSEEN["pandas query @name"] = changes(
    "len(pd.DataFrame({'x': [1, 2]}).query('x >= @LIMIT'))",
    "import pandas as pd\nLIMIT = 1\n",
    "LIMIT = 1",
    "LIMIT = 2",
)
UNSEEN["pydantic schema()"] = changes(
    "M.schema()['properties']['k']['description']",
    "from pydantic import BaseModel, Field\nclass M(BaseModel):\n    k: int = Field(1, description='a')\n",
    "'a'",
    "'b'",
    gives="str",
)
UNSEEN["metadata description"] = changes(
    "get_type_hints(M, include_extras=True)['k'].__metadata__[0].description",
    "from typing import Annotated, get_type_hints\nfrom pydantic import BaseModel, Field\nclass M(BaseModel):\n    k: Annotated[int, Field(description='a')] = 1\n",
    "'a'",
    "'b'",
    gives="str",
)
