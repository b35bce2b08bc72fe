"""More edits that are easily unseen: effects on the way, hooks, and what imports ask in odd places."""

from typing import Any

from edits.harness import HEAD, Case, Content, changes, outside
from edits.world_edits import asked

UNSEEN: dict[str, Case] = {}
ENV: dict[str, Any] = {"before": {"OURS": "1"}, "after": {"OURS": "2"}}


def env(top: str, call: str = "m.K", gives: str = "str", **files: Content) -> Case:
    """A helper module that reads the variable OURS at import."""
    modules: dict[str, Content] = {n.replace("_py", ".py"): text for n, text in files.items()}
    return outside(call, "import m\n", {"m.py": top, **modules}, gives=gives, **ENV)


def add(name: str, call: str, top: str, old: str, new: str, **how: Any) -> None:
    UNSEEN[name] = changes(call, top, old, new, **how)


UNSEEN["df attrs by a function in an assignment"] = outside(
    "m.K.attrs['a']",
    "import m\nimport more\n",
    {
        "m.py": "import pandas as pd\nK = pd.DataFrame({'x': [1]})\n",
        "more.py": "import m\ndef tag(k):\n    k.attrs['a'] = 1\n    return k\nL = tag(m.K)\n",
    },
    ("more.py", "= 1", "= 2"),
)
UNSEEN["df cell by a function in an assignment"] = outside(
    "int(m.K.x[0])",
    "import m\nimport more\n",
    {
        "m.py": "import pandas as pd\nK = pd.DataFrame({'x': [1]})\n",
        "more.py": "import m\ndef tag(k):\n    k.loc[0, 'x'] = 3\n    return k\nL = tag(m.K)\n",
    },
    ("more.py", "= 3", "= 4"),
)
UNSEEN["df by own function"] = asked(
    "import pandas as pd\ndef read():\n    return pd.read_csv(HERE / 'k.csv')\nK = read()\n",
    ("k.csv", "x\n2\n"),
    call="K.x.tolist()[0]",
    k_csv="x\n1\n",
)
add(
    "enum attr by another",
    "E.A.k",
    "import enum\nclass E(enum.Enum):\n    A = 1\nfor i, e in enumerate(E):\n    e.k = i + 1\n",
    "i + 1",
    "i + 2",
)
add(
    "enum in a list",
    "KS[0].k",
    "import enum\nclass E(enum.Enum):\n    A = 1\nE.A.k = 1\nKS = [E.A]\n",
    "k = 1",
    "k = 2",
)
add(
    "own int str",
    "int(K)",
    "class T(int):\n    def __reduce_ex__(self, p):\n        return T, ()\nK = T(1)\n",
    "T(1)",
    "T(2)",
)
add(
    "own bytes",
    "K[0]",
    "class T(bytes):\n    def __bytes__(self):\n        return b''\nK = T(b'a')\n",
    "b'a'",
    "b'b'",
)
add(
    "own float with getnewargs",
    "float(K)",
    "class T(float):\n    def __getnewargs__(self):\n        return (0.0,)\nK = T(1.0)\n",
    "T(1.0)",
    "T(2.0)",
    gives="float",
)
add(
    "project root text",
    "K",
    "from pathlib import Path\nK = '<project>/a'\n",
    "'<project>/a'",
    "str(Path(__file__).parent / 'a')",
    gives="str",
)
add(
    "slots one-shot iterator",
    "K.k",
    "class T:\n    __slots__ = iter(('k',))\nK = T()\nK.k = 1\n",
    "k = 1",
    "k = 2",
)
add(
    "json.JSONEncoder patched in function",
    "json.dumps({1})",
    "import json\ndef up():\n    json.JSONEncoder.default = lambda self, o: [5]\nX = up()\n",
    "[5]",
    "[6]",
    gives="str",
)
add(
    "environ set in function assigned",
    "os.environ['OURS']",
    "import os\ndef up():\n    os.environ['OURS'] = '5'\nX = up()\n",
    "'5'",
    "'6'",
    gives="str",
)
add(
    "class body own call effect",
    "pd.get_option('display.max_rows')",
    "import pandas as pd\ndef up():\n    pd.set_option('display.max_rows', 7)\nclass T:\n    x = up()\n",
    "7",
    "8",
)
add(
    "default arg effect",
    "pd.get_option('display.max_rows')",
    "import pandas as pd\ndef up(n):\n    pd.set_option('display.max_rows', n)\ndef f(x=up(7)):\n    return 1\n",
    "7",
    "8",
)
add(
    "method of a foreign object via assign",
    "K.level",
    "import logging\nK = logging.getLogger('ours')\nX = K.setLevel(10)\n",
    "(10)",
    "(20)",
)
add(
    "own cm with effect",
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport contextlib\n@contextlib.contextmanager\ndef cm(n):\n    pd.set_option('display.max_rows', n)\n    yield\nwith cm(7):\n    pass\n",
    "cm(7)",
    "cm(8)",
)
add(
    "if call",
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nif pd.set_option('display.max_rows', 7):\n    pass\n",
    "7",
    "8",
)
add(
    "assert call",
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nassert pd.set_option('display.max_rows', 7) is None\n",
    "7",
    "8",
)
add(
    "bare effect of a generator function",
    "pd.get_option('display.max_rows')",
    "import pandas as pd\ndef g(n):\n    pd.set_option('display.max_rows', n)\n    yield 1\nX = list(g(7))\n",
    "g(7)",
    "g(8)",
)
UNSEEN["import moved behind an effect"] = outside(
    "pd.get_option('display.max_rows')",
    "import pandas as pd\nimport a\npd.set_option('display.max_rows', 8)\n",
    {"a.py": "import pandas as pd\npd.set_option('display.max_rows', 7)\n"},
    (
        "workflow.py",
        "import a\npd.set_option('display.max_rows', 8)\n",
        "pd.set_option('display.max_rows', 8)\nimport a\n",
    ),
)
UNSEEN["load_dotenv"] = outside(
    "os.environ['OURS']",
    "import os\nfrom pathlib import Path\nfrom dotenv import load_dotenv\nload_dotenv(Path(__file__).parent / '.env')\n",
    {".env": "OURS=a\n"},
    (".env", "OURS=b\n"),
    gives="str",
)
UNSEEN["dictConfig from a file"] = outside(
    "logging.getLogger('ours').level",
    "import logging, logging.config, json\nfrom pathlib import Path\nlogging.config.dictConfig(json.loads((Path(__file__).parent / 'l.json').read_text()))\n",
    {"l.json": '{"version": 1, "loggers": {"ours": {"level": 10}}}'},
    ("l.json", "10", "20"),
)
UNSEEN["module shadowing in hidden folder"] = outside(
    "far.f(n)",
    "import sys\nfrom pathlib import Path\nsys.path[:0] = [str(Path(__file__).parent / '.a'), str(Path(__file__).parent / '.b')]\nimport far\n",
    {".a/": "", ".b/far.py": "def f(n):\n    return 1\n"},
    (".a/far.py", "def f(n):\n    return 2\n"),
)
UNSEEN["optional module in hidden folder"] = outside(
    "f(n)",
    "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent / '.lib'))\ntry:\n    from far import f\nexcept ImportError:\n    f = lambda n: 1\n",
    {".lib/": ""},
    (".lib/far.py", "def f(n):\n    return 2\n"),
)
UNSEEN["added path outside, new module"] = outside(
    "f(n)",
    "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent.parent / 'lib'))\ntry:\n    from far import f\nexcept ImportError:\n    f = lambda n: 1\n",
    {"../lib/": ""},
    ("../lib/far.py", "def f(n):\n    return 2\n"),
)
UNSEEN["added path outside, shadow"] = outside(
    "far.f(n)",
    "import sys\nfrom pathlib import Path\nP = Path(__file__).parent.parent\nsys.path[:0] = [str(P / 'a'), str(P / 'b')]\nimport far\n",
    {"../a/": "", "../b/far.py": "def f(n):\n    return 1\n"},
    ("../a/far.py", "def f(n):\n    return 2\n"),
)
UNSEEN["ABC.register of another class, decorator"] = outside(
    "isinstance(tool.T(), reg.A)",
    "import reg\nimport tool\nimport more\n",
    {
        "tool.py": "class T:\n    pass\n",
        "reg.py": "import abc\nclass A(abc.ABC):\n    pass\nclass B(abc.ABC):\n    pass\n",
        "more.py": "import reg\nimport tool\n@reg.A.register\nclass U(tool.T):\n    pass\n[A_.register(tool.T) for A_ in (reg.A,)]\n",
    },
    ("more.py", "(reg.A,)", "(reg.B,)"),
    gives="bool",
)
UNSEEN["copyreg in assign"] = outside(
    "copy.copy(reg.T()).k",
    "import copy\nimport reg\nimport more\n",
    {
        "reg.py": "class T:\n    k = 0\n",
        "more.py": "import copyreg\nimport reg\ndef make(k):\n    t = reg.T()\n    t.k = k\n    return t\nX = copyreg.pickle(reg.T, lambda t: (make, (1,)))\n",
    },
    ("more.py", "(1,)", "(2,)"),
)
UNSEEN["match guard"] = env(
    "import os\nmatch 1:\n    case _ if os.environ['OURS'] == '2':\n        K = '2'\n    case _:\n        K = '1'\n"
)
UNSEEN["local name of a nested function"] = env(
    "from os import environ\ndef get():\n    def other():\n        environ = 1\n        return environ\n    return environ['OURS']\nK = get()\n"
)
UNSEEN["local name of a method"] = env(
    "from os import environ\nclass T:\n    k = environ['OURS']\n    def f(self):\n        environ = 1\n        return environ\nK = T.k\n"
)
UNSEEN["class body import"] = env("class T:\n    import os\n    k = os.environ['OURS']\nK = T.k\n")
UNSEEN["os.environ.get in map"] = env("import os\nK = list(map(os.environ.get, ['OURS']))[0]\n")
UNSEEN["os.getenv in map"] = env("import os\nK = list(map(os.getenv, ['OURS']))[0]\n")
UNSEEN["local import of platform-like"] = env(
    "def get():\n    import subprocess as s\n    return s.getoutput('printenv OURS')\nK = get()\n"
)
UNSEEN["local import dotenv_values"] = asked(
    "def get():\n    import dotenv\n    return dotenv.dotenv_values(HERE / 'k.env')\nK = int(get()['A'])\n",
    ("k.env", "A=2\n"),
    k_env="A=1\n",
)
UNSEEN["np.fromtextfile-like: recfromcsv"] = asked(
    "import numpy as np\nK = int(np.ma.mrecords.fromtextfile(str(HERE / 'k.txt'), delimiter=',')['A'][0])\n"
    if 0
    else "import numpy.ma.mrecords as mr\nK = int(mr.fromtextfile(str(HERE / 'k.txt'), delimiter=',')['a'][0])\n",
    ("k.txt", "a,b\n2,2\n"),
    k_txt="a,b\n1,2\n",
)
UNSEEN["scipy.io"] = asked(
    "import scipy.io\nK = int(scipy.io.mmread(str(HERE / 'k.mtx'))[0, 0])\n",
    ("k.mtx", "%%MatrixMarket matrix array real general\n1 1\n2\n"),
    k_mtx="%%MatrixMarket matrix array real general\n1 1\n1\n",
)
UNSEEN["pydantic PastDate etc"] = asked(
    "from pydantic import BaseModel, FilePath\nclass M(BaseModel):\n    p: FilePath\ntry:\n    M(p=HERE / 'no.txt')\n    K = 1\nexcept ValueError:\n    K = 0\n",
    ("no.txt", ""),
)
UNSEEN["class in a dict"] = asked(
    "def make():\n    class S:\n        def rows(self):\n            return int((HERE / 'k.txt').read_text())\n    return S\nS = {'a': make()}\nK = S['a'].rows(None)\n"
)
UNSEEN["step argument reads while drawing by a list comp"] = Case(
    {
        "workflow.py": HEAD
        + "from pathlib import Path\nH = Path(__file__).parent\n@step\ndef one(n: int) -> int:\n    return n\n@workflow\ndef flow() -> int:\n    def rd(p):\n        return int(p.read_text())\n    n = max(map(rd, [H / 'k.txt']))\n    return one(n)\n",
        "k.txt": "1",
    },
    [("k.txt", "2")],
)
UNSEEN["while drawing: local import"] = Case(
    {
        "workflow.py": HEAD
        + "@step\ndef one(n: str) -> str:\n    return n\n@workflow\ndef flow() -> str:\n    import os\n    n = os.environ['OURS']\n    return one(n)\n"
    },
    before={"OURS": "1"},
    after={"OURS": "2"},
)
UNSEEN["default of a workflow"] = Case(
    {
        "workflow.py": HEAD
        + "import os\nget = os.environ.get\n@step\ndef one(n: str) -> str:\n    return n\n@workflow\ndef flow() -> str:\n    n = get('OURS')\n    return one(n)\n"
    },
    before={"OURS": "1"},
    after={"OURS": "2"},
)
UNSEEN["AttrDict with setdefault"] = changes(
    "CFG.a", "class AttrDict(dict):\n    __getattr__ = dict.__getitem__\nCFG = AttrDict(a=1)\n", "a=1", "a=2"
)
UNSEEN["AttrDict used in a class"] = changes(
    "f()",
    "class AttrDict(dict):\n    def __getattr__(self, k):\n        return self[k]\nCFG = AttrDict(a=1)\nLIM = CFG.a + 1\ndef f():\n    return LIM\n",
    "a=1",
    "a=2",
)
UNSEEN["AttrDict step names sample"] = changes(
    "f(CFG)",
    "class AttrDict(dict):\n    def __getattr__(self, k):\n        return self[k]\nCFG = AttrDict(a=1)\ndef f(sample):\n    import random\n    r = random.Random(1).sample([1,2],1)\n    return CFG.a\n",
    "a=1",
    "a=2",
)
