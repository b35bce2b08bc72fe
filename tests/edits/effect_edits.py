"""Edits of statements that act on something else: registries, patches, and the state of libraries."""

from edits.harness import Case, Content, changes, outside


def registered(
    call: str, registry: str, more: str, old: str = "n + 1", new: str = "n + 2", gives: str = "int"
) -> Case:
    """A registry in ``reg``, and ``more``, which is imported only for its effect."""
    files: dict[str, Content] = {"reg.py": registry, "more.py": more}
    return outside(call, "import reg\nimport more\n", files, ("more.py", old, new), gives=gives)


def patched(call: str, tool: str, patch: str, old: str = "n + 1", new: str = "n + 2", top: str = "") -> Case:
    """A module ``tool`` that another module changes."""
    files: dict[str, Content] = {"tool.py": tool, "more.py": patch}
    return outside(call, f"{top}import tool\nimport more\n", files, ("more.py", old, new))


def state(call: str, statement: str, old: str, new: str, gives: str = "int", top: str = "") -> Case:
    """A module that changes the state of the process."""
    return outside(call, f"{top}import more\n", {"more.py": statement}, ("more.py", old, new), gives=gives)


G = "def g(n):\n    return n + 1\n"
TOOL = "class Tool:\n    def apply(self, n):\n        return n\ndef f(n):\n    return n\n"

EFFECTS: dict[str, Case] = {
    # registries
    "decorator": registered(
        "reg.ALL['g'](n)",
        "ALL = {}\ndef add(f):\n    ALL[f.__name__] = f\n    return f\n",
        f"import reg\n@reg.add\n{G}",
    ),
    "decorator with a name": registered(
        "reg.ALL['a'](n)",
        "ALL = {}\ndef add(name):\n    def inner(f):\n        ALL[name] = f\n        return f\n    return inner\n",
        "from reg import add\n@add('a')\ndef g(n):\n    return n + 1\n@add('b')\ndef h(n):\n    return n + 5\n",
        "@add('a')\ndef g(n):\n    return n + 1\n@add('b')",
        "@add('b')\ndef g(n):\n    return n + 1\n@add('a')",
    ),
    "class method": registered(
        "reg.R.all['g'](n)",
        "class R:\n    all = {}\n    @classmethod\n    def add(cls, f):\n        cls.all[f.__name__] = f\n        return f\n",
        f"from reg import R\n@R.add\n{G}",
    ),
    "metaclass": registered(
        "reg.M.all[-1]().go(n)",
        "class M(type):\n    all = []\n    def __init__(cls, *a):\n        M.all.append(cls)\nclass Base(metaclass=M):\n    pass\n",
        "import reg\nclass T(reg.Base):\n    def go(self, n):\n        return n + 1\n",
    ),
    "__init_subclass__": registered(
        "reg.ALL[-1]().go(n)",
        "ALL = []\nclass Base:\n    def __init_subclass__(cls):\n        ALL.append(cls)\n",
        "import reg\nclass T(reg.Base):\n    def go(self, n):\n        return n + 1\n",
    ),
    "__init_subclass__ with an argument": registered(
        "reg.ALL['a']",
        "ALL = {}\nclass Base:\n    def __init_subclass__(cls, k):\n        ALL['a'] = k\n",
        "import reg\nclass T(reg.Base, k=1):\n    pass\n",
        "k=1",
        "k=2",
    ),
    "__subclasses__()": registered(
        "reg.find()[0]().go(n)",
        "class Base:\n    pass\ndef find():\n    return Base.__subclasses__()\n",
        "import reg\nclass T(reg.Base):\n    def go(self, n):\n        return n + 1\n",
    ),
    "UserDict": registered(
        "reg.ALL['a'](n)",
        "from collections import UserDict\nclass R(UserDict):\n    pass\nALL = R()\n",
        f"import reg\n{G}reg.ALL['a'] = g\n",
    ),
    "subclass of dict": registered(
        "reg.ALL['a'](n)", "class R(dict):\n    pass\nALL = R()\n", f"import reg\n{G}reg.ALL['a'] = g\n"
    ),
    "object with slots": registered(
        "reg.ALL.f(n)", "class R:\n    __slots__ = ('f',)\nALL = R()\n", f"import reg\n{G}reg.ALL.f = g\n"
    ),
    "append": registered("reg.ALL[0](n)", "ALL = []\n", f"import reg\n{G}reg.ALL.append(g)\n"),
    "append of a number": registered(
        "reg.ALL[0]", "ALL = []\n", "import reg\nreg.ALL.append(1)\n", "(1)", "(2)"
    ),
    "setdefault": registered("reg.ALL['a'](n)", "ALL = {}\n", f"import reg\n{G}reg.ALL.setdefault('a', g)\n"),
    "update by a name": registered(
        "reg.get('a')(n)",
        "_all = {}\ndef get(name):\n    return _all[name]\ndef put(**k):\n    _all.update(k)\n",
        "from reg import put\nput(a=lambda n: n + 1)\n",
    ),
    "registry in a closure": registered(
        "reg.get()(n)",
        "def make():\n    kept = []\n    return kept.append, lambda: kept[0]\nput, get = make()\n",
        "import reg\nreg.put(lambda n: n + 1)\n",
    ),
    "registry in a function's attribute": registered(
        "reg.get()(n)",
        "def get():\n    return get.all[0]\nget.all = []\n",
        "import reg\nreg.get.all.append(lambda n: n + 1)\n",
    ),
    "registry in a default": registered(
        "reg.put()[0](n)",
        "def put(f=None, all=[]):\n    if f:\n        all.append(f)\n    return all\n",
        "import reg\nreg.put(lambda n: n + 1)\n",
    ),
    "singledispatch in another module": registered(
        "reg.f(n)",
        "import functools\n@functools.singledispatch\ndef f(n):\n    return 0\n",
        "import reg\n@reg.f.register\ndef _(n: int):\n    return n + 1\n",
    ),
    "abc.register": registered(
        "isinstance(n, reg.A)",
        "import abc\nclass A(abc.ABC):\n    pass\n",
        "import reg\nreg.A.register(int)\n",
        "(int)",
        "(str)",
        "bool",
    ),
    "copyreg": outside(
        "copy.copy(reg.T()).k",
        "import copy\nimport reg\nimport more\n",
        {
            "reg.py": "class T:\n    k = 0\n",
            "more.py": "import copyreg\nimport reg\ndef make(k):\n    t = reg.T()\n    t.k = k\n    return t\ncopyreg.pickle(reg.T, lambda t: (make, (1,)))\n",
        },
        ("more.py", "(1,)", "(2,)"),
    ),
    "slice of a list": registered(
        "reg.ALL[0](n)", "ALL = []\n", "from reg import ALL\nALL[:] = [lambda n: n + 1]\n"
    ),
    "import removed": outside(
        "len(reg.ALL)",
        "import reg\nimport more\n",
        {"reg.py": "ALL = []\n", "more.py": "import reg\nreg.ALL.append(1)\n"},
        ("workflow.py", "import more\n", ""),
    ),
    "import removed in a helper": outside(
        "len(reg.ALL)",
        "import reg\nimport far\n",
        {"reg.py": "ALL = []\n", "far.py": "import more\n", "more.py": "import reg\nreg.ALL.append(1)\n"},
        ("far.py", "import more\n", ""),
    ),
    "order of imports": outside(
        "reg.ALL[0]",
        "import reg\nimport a\nimport b\n",
        {
            "reg.py": "ALL = []\n",
            "a.py": "import reg\nreg.ALL.append(1)\n",
            "b.py": "import reg\nreg.ALL.append(2)\n",
        },
        ("workflow.py", "import a\nimport b\n", "import b\nimport a\n"),
    ),
    "registered by a loop over a folder": outside(
        "len(reg.ALL)",
        "import reg\nimport pkgutil, importlib\nimport plugins\nfor p in pkgutil.iter_modules(plugins.__path__):\n    importlib.import_module(f'plugins.{p.name}')\n",
        {
            "reg.py": "ALL = []\n",
            "plugins/__init__.py": "",
            "plugins/a.py": "import reg\nreg.ALL.append(1)\n",
        },
        ("plugins/b.py", "import reg\nreg.ALL.append(2)\n"),
    ),
    # patches of the project's own code
    "function replaced": patched("tool.f(n)", TOOL, f"import tool\n{G}tool.f = g\n"),
    "function replaced by import": outside(
        "h(n)",
        "from tool import h\nimport more\n",
        {"tool.py": TOOL + "def h(n):\n    return f(n)\n", "more.py": f"import tool\n{G}tool.f = g\n"},
        ("more.py", "n + 1", "n + 2"),
    ),
    "constant replaced": patched("tool.K", "K = 0\n", "import tool\ntool.K = 1\n", "K = 1", "K = 2"),
    "constant replaced, read by a function": patched(
        "tool.f()", "K = 0\ndef f():\n    return K\n", "import tool\ntool.K = 1\n", "K = 1", "K = 2"
    ),
    "method replaced": patched(
        "tool.Tool().apply(n)", TOOL, "import tool\ndef g(self, n):\n    return n + 1\ntool.Tool.apply = g\n"
    ),
    "method replaced by a lambda": patched(
        "tool.Tool().apply(n)", TOOL, "from tool import Tool\nTool.apply = lambda self, n: n + 1\n"
    ),
    "method of a base replaced": patched(
        "tool.Sub().apply(n)",
        TOOL + "class Sub(Tool):\n    pass\n",
        "from tool import Tool\nTool.apply = lambda self, n: n + 1\n",
    ),
    "setattr": patched(
        "tool.Tool().apply(n)", TOOL, "import tool\nsetattr(tool.Tool, 'apply', lambda self, n: n + 1)\n"
    ),
    "setattr in a loop": patched(
        "tool.Tool.a",
        TOOL,
        "import tool\nfor name in ('a', 'b'):\n    setattr(tool.Tool, name, len(name) + 1)\n",
        "+ 1)",
        "+ 2)",
    ),
    "partialmethod": patched(
        "tool.Tool().two()",
        TOOL,
        "import functools\nimport tool\ntool.Tool.two = functools.partialmethod(tool.Tool.apply, 1)\n",
        ", 1)",
        ", 2)",
    ),
    "patch.start": patched(
        "tool.f(n)", TOOL, "from unittest.mock import patch\npatch('tool.f', lambda n: n + 1).start()\n"
    ),
    "patch.object": patched(
        "tool.Tool.k",
        TOOL.replace("class Tool:\n", "class Tool:\n    k = 0\n"),
        "from unittest.mock import patch\nimport tool\npatch.object(tool.Tool, 'k', 1).start()\n",
        "1)",
        "2)",
    ),
    "__defaults__ replaced": patched(
        "tool.f()", "def f(k=0):\n    return k\n", "import tool\ntool.f.__defaults__ = (1,)\n", "(1,)", "(2,)"
    ),
    "__code__ replaced": patched("tool.f(n)", TOOL, f"import tool\n{G}tool.f.__code__ = g.__code__\n"),
    "__class__ replaced": patched(
        "tool.t.apply(n)",
        TOOL + "t = Tool()\n",
        "import tool\nclass Other:\n    def apply(self, n):\n        return n + 1\ntool.t.__class__ = Other\n",
    ),
    "set in a module's dictionary": patched(
        "tool.f(n)", TOOL, "import tool\nvars(tool)['f'] = lambda n: n + 1\n"
    ),
    "patch by the entry module": changes(
        "tool.f(n)", f"import tool\n{G}tool.f = g\n", "n + 1", "n + 2", more={"tool.py": TOOL}
    ),
    "patch in a function called at the top": patched(
        "tool.f(n)", TOOL, "import tool\ndef setup():\n    tool.f = lambda n: n + 1\nsetup()\n"
    ),
    "patch on a condition": patched(
        "tool.f(n)",
        TOOL,
        "import tool\nON = True\nif ON:\n    tool.f = lambda n: n + 1\n",
        "ON = True",
        "ON = False",
    ),
    "with at the top": patched(
        "tool.K",
        "K = 0\n",
        "import contextlib\nimport tool\nwith contextlib.nullcontext():\n    tool.K = 1\n",
        "K = 1",
        "K = 2",
    ),
    # libraries
    "namespace of polars": state(
        "pl.DataFrame({'x': [n]}).ours.add()",
        "import polars as pl\n@pl.api.register_dataframe_namespace('ours')\nclass Ours:\n    def __init__(self, df):\n        self.df = df\n    def add(self):\n        return self.df['x'][0] + 1\n",
        "+ 1",
        "+ 2",
        top="import polars as pl\n",
    ),
    "namespace of polars expressions": state(
        "pl.DataFrame({'x': [n]}).select(pl.col('x').ours.add())['x'][0]",
        "import polars as pl\n@pl.api.register_expr_namespace('ours')\nclass Ours:\n    def __init__(self, e):\n        self.e = e\n    def add(self):\n        return self.e + 1\n",
        "+ 1",
        "+ 2",
        top="import polars as pl\n",
    ),
    "accessor of pandas": state(
        "int(pd.DataFrame({'x': [n]}).ours.add())",
        "import pandas as pd\n@pd.api.extensions.register_dataframe_accessor('ours')\nclass Ours:\n    def __init__(self, df):\n        self.df = df\n    def add(self):\n        return self.df.x[0] + 1\n",
        "+ 1",
        "+ 2",
        top="import pandas as pd\n",
    ),
    "attribute of numpy": state(
        "np.ours(n)",
        "import numpy as np\nnp.ours = lambda n: n + 1\n",
        "n + 1",
        "n + 2",
        top="import numpy as np\n",
    ),
    "method of a third party's class": state(
        "Ridge().ours(n)",
        "from sklearn.linear_model import Ridge\nRidge.ours = lambda self, n: n + 1\n",
        "n + 1",
        "n + 2",
        top="from sklearn.linear_model import Ridge\n",
    ),
    "function of the standard library": state(
        "textwrap.dedent('a')",
        "import textwrap\ntextwrap.dedent = lambda t: t + '1'\n",
        "'1'",
        "'2'",
        "str",
        "import textwrap\n",
    ),
    "builtins": state("ours(n)", "import builtins\nbuiltins.ours = lambda n: n + 1\n", "n + 1", "n + 2"),
    "builtins, a known name": state(
        "len('a')",
        "import builtins\n_len = len\nbuiltins.len = lambda a: _len(a) + (1 if a == 'a' else 0)\n",
        "(1 if",
        "(2 if",
    ),
    "pl.Config": state(
        "str(pl.DataFrame({'x': [n]}))",
        "import polars as pl\npl.Config.set_tbl_hide_dataframe_shape(True)\n",
        "True",
        "False",
        "str",
        "import polars as pl\n",
    ),
    "pd.set_option": state(
        "pd.get_option('display.max_rows')",
        "import pandas as pd\npd.set_option('display.max_rows', 7)\n",
        "7",
        "8",
        top="import pandas as pd\n",
    ),
    "option of masked arrays": state(
        "str(np.ma.masked)",
        "import numpy as np\nnp.ma.masked_print_option.set_display('a')\n",
        "'a'",
        "'b'",
        "str",
        "import numpy as np\n",
    ),
    "warnings as errors": state(
        "warned()",
        "import warnings\nwarnings.simplefilter('error', FutureWarning)\n",
        "'error'",
        "'ignore'",
        top="import warnings\ndef warned():\n    try:\n        warnings.warn('a', FutureWarning)\n    except FutureWarning:\n        return 1\n    return 0\n",
    ),
    "default precision of decimal": state(
        "str(decimal.Context().divide(decimal.Decimal(1), 3))",
        "import decimal\ndecimal.DefaultContext.prec = 5\n",
        "= 5",
        "= 6",
        "str",
        "import decimal\n",
    ),
    "logging": state(
        "logging.getLogger('ours').level",
        "import logging\nlogging.getLogger('ours').setLevel(logging.INFO)\n",
        "INFO",
        "ERROR",
        top="import logging\n",
    ),
    "locale": state(
        "locale.setlocale(locale.LC_TIME)",
        "import locale\nlocale.setlocale(locale.LC_TIME, 'C')\n",
        "'C'",
        "'C.UTF-8'",
        "str",
        "import locale\n",
    ),
    "os.environ": state(
        "os.environ['OURS']", "import os\nos.environ['OURS'] = 'a'\n", "'a'", "'b'", "str", "import os\n"
    ),
    "recursion limit": state(
        "sys.getrecursionlimit()",
        "import sys\nsys.setrecursionlimit(5000)\n",
        "5000",
        "6000",
        top="import sys\n",
    ),
    "codec": state(
        "'a'.encode('ours').decode()",
        "import codecs\ncodecs.register(lambda n: codecs.CodecInfo(lambda t, e='': (t.encode() + b'1', len(t)), None, name='ours') if n == 'ours' else None)\n",
        "b'1'",
        "b'2'",
        "str",
    ),
    "json default": state(
        "json.dumps({1})",
        "import json\njson.JSONEncoder.default = lambda self, o: sorted(o) + [1]\n",
        "[1]",
        "[2]",
        "str",
        "import json\n",
    ),
    "mimetypes": state(
        "mimetypes.guess_type('a.ours')[0]",
        "import mimetypes\nmimetypes.add_type('a/b', '.ours')\n",
        "a/b",
        "a/c",
        "str",
        "import mimetypes\n",
    ),
}
