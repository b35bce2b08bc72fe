"""Edits of how code is imported, and from where."""

from edits.harness import Case, changes, outside

F1 = "def f(n):\n    return n + 1\n"
F2 = "def f(n):\n    return n + 2\n"

IMPORTED: dict[str, Case] = {
    "from x import y": outside("f(n)", "from m import f\n", {"m.py": F1}, ("m.py", "+ 1", "+ 2")),
    "import x": outside("m.f(n)", "import m\n", {"m.py": F1}, ("m.py", "+ 1", "+ 2")),
    "import x as y": outside("k.f(n)", "import m as k\n", {"m.py": F1}, ("m.py", "+ 1", "+ 2")),
    "from x import y as z": outside("g(n)", "from m import f as g\n", {"m.py": F1}, ("m.py", "+ 1", "+ 2")),
    "other name under an alias": changes(
        "h(n)",
        "from m import f as h\n",
        "import f as",
        "import g as",
        more={"m.py": F1 + "def g(n):\n    return n + 5\n"},
    ),
    "star import": outside("f(n)", "from m import *\n", {"m.py": F1}, ("m.py", "+ 1", "+ 2")),
    "two star imports swapped": changes(
        "f(n)",
        "from a import *\nfrom b import *\n",
        "from a import *\nfrom b import *",
        "from b import *\nfrom a import *",
        more={"a.py": F1, "b.py": F2},
    ),
    "new name behind a star import": outside(
        "f(n)", "from a import *\nfrom b import *\n", {"a.py": F1, "b.py": "K = 1\n"}, ("b.py", F2)
    ),
    "__all__ with a star import": outside(
        "f(n)",
        "from a import *\nfrom b import *\n",
        {"a.py": F1, "b.py": f"__all__ = ['f']\n{F2}K = 1\n"},
        ("b.py", "['f']", "['K']"),
    ),
    "__all__ with a star import of a name of a builtin": outside(
        "abs(-n)",
        "from m import *\n",
        {"m.py": "__all__ = ['abs']\ndef abs(n):\n    return n\n"},
        ("m.py", "['abs']", "[]"),
    ),
    "re-export of a package": outside(
        "f(n)",
        "from p import f\n",
        {"p/__init__.py": "from .m import f\n", "p/m.py": F1},
        ("p/m.py", "+ 1", "+ 2"),
    ),
    "re-export through three packages": outside(
        "p.f(n)",
        "import p\n",
        {"p/__init__.py": "from .q import *\n", "p/q/__init__.py": "from .r import f\n", "p/q/r.py": F1},
        ("p/q/r.py", "+ 1", "+ 2"),
    ),
    "re-export replaced": outside(
        "f(n)",
        "from p import f\n",
        {"p/__init__.py": "from .m import f\n", "p/m.py": F1, "p/k.py": F2},
        ("p/__init__.py", ".m", ".k"),
    ),
    "definition that follows a re-export": outside(
        "f(n)",
        "from p import f\n",
        {"p/__init__.py": "from .m import f\n", "p/m.py": F1},
        ("p/__init__.py", f"from .m import f\n{F2}"),
    ),
    "moved and changed": outside(
        "m.f(n)", "import m\n", {"m.py": F1}, ("m.py", "from k import f\n"), ("k.py", F2)
    ),
    "helper becomes a package": outside("m.f(n)", "import m\n", {"m.py": F1}, ("m/__init__.py", F2)),
    "helper becomes a package, and is deleted": outside(
        "m.f(n)",
        "import m\n",
        {"m.py": F1},
        ("m.py", None),
        ("m/__init__.py", "from .k import f\n"),
        ("m/k.py", F2),
    ),
    "file that hides an imported module of the standard library": outside(
        "pyclbr.f(n) if hasattr(pyclbr, 'f') else 0",
        "import pyclbr\n",
        {"m.py": ""},
        ("pyclbr.py", F1),
    ),
    "file that hides an outside module": outside(
        "far.f(n)", "import far\n", {"../out/far.py": F1}, ("far.py", F2), path=["../out"]
    ),
    "file that an import in a try looks for": outside(
        "f(n)",
        f"try:\n    from maybe import f\nexcept ImportError:\n    {F1.replace(chr(10), chr(10) + '    ')}\n",
        {},
        ("maybe.py", F2),
    ),
    "file that an import in a function looks for": outside(
        "f(n)",
        "def f(n):\n    try:\n        from maybe import f\n    except ImportError:\n        return n\n    return f(n)\n",
        {},
        ("maybe.py", F2),
    ),
    "file that find_spec looks for": outside(
        "FOUND",
        "import importlib.util\nFOUND = importlib.util.find_spec('maybe') is not None\n",
        {},
        ("maybe.py", ""),
        gives="bool",
    ),
    "deleted module of an import in a function": outside(
        "f(n)", "def f(n):\n    import m\n    return m.f(n)\n", {"m.py": F1}, ("m.py", None)
    ),
    "deleted module of an import in a function, with another way": outside(
        "f(n)",
        "def f(n):\n    try:\n        import m\n    except ImportError:\n        return 0\n    return m.f(n)\n",
        {"m.py": F1},
        ("m.py", None),
    ),
    "import on a condition in a function": outside(
        "f(n)",
        "def f(n):\n    if n:\n        from a import f as g\n    else:\n        from b import f as g\n    return g(n)\n",
        {"a.py": F1, "b.py": F1},
        ("a.py", "+ 1", "+ 2"),
    ),
    "submodule as an attribute": outside(
        "p.m.f(n)", "import p\nimport p.m\n", {"p/__init__.py": "", "p/m.py": F1}, ("p/m.py", "+ 1", "+ 2")
    ),
    "submodule as an attribute, imported elsewhere": outside(
        "p.m.f(n)",
        "import p\nimport k\n",
        {"p/__init__.py": "", "p/m.py": F1, "k.py": "import p.m\n"},
        ("p/m.py", "+ 1", "+ 2"),
    ),
    "from . import x": outside(
        "p.f(n)",
        "import p\n",
        {"p/__init__.py": "from . import m\ndef f(n):\n    return m.f(n)\n", "p/m.py": F1},
        ("p/m.py", "+ 1", "+ 2"),
    ),
    "circular import": outside(
        "a.f(n)",
        "import a\n",
        {
            "a.py": "import b\nK = 1\ndef f(n):\n    return b.g(n)\n",
            "b.py": "import a\ndef g(n):\n    return n + a.K\n",
        },
        ("a.py", "K = 1", "K = 2"),
    ),
    "__getattr__ of a module": outside(
        "m.anything",
        "import m\n",
        {
            "m.py": "def __getattr__(name):\n    if name.startswith('_'):\n        raise AttributeError(name)\n    return 1\n"
        },
        ("m.py", "return 1", "return 2"),
    ),
    "__getattr__ of a module, from x import y": outside(
        "anything",
        "from m import anything\n",
        {
            "m.py": "def __getattr__(name):\n    if name.startswith('_'):\n        raise AttributeError(name)\n    return 1\n"
        },
        ("m.py", "return 1", "return 2"),
    ),
    "import_module": outside(
        "m.f(n)", "import importlib\nm = importlib.import_module('k')\n", {"k.py": F1}, ("k.py", "+ 1", "+ 2")
    ),
    "import_module in a function": outside(
        "importlib.import_module('k').f(n)", "import importlib\n", {"k.py": F1}, ("k.py", "+ 1", "+ 2")
    ),
    "import_module of a computed name": outside(
        "m.f(n)",
        "import importlib\nNAME = 'a'\nm = importlib.import_module(f'k_{NAME}')\n",
        {"k_a.py": F1},
        ("k_a.py", "+ 1", "+ 2"),
    ),
    "import_module of a computed name in a function": outside(
        "load('a').f(n)",
        "import importlib\ndef load(x):\n    return importlib.import_module(f'k_{x}')\n",
        {"k_a.py": F1},
        ("k_a.py", "+ 1", "+ 2"),
    ),
    "__import__": outside("__import__('k').f(n)", "", {"k.py": F1}, ("k.py", "+ 1", "+ 2")),
    "getattr of a computed name": outside(
        "getattr(m, 'f' + str(n))(n)",
        "import m\n",
        {"m.py": "def f1(n):\n    return n + 1\n"},
        ("m.py", "+ 1", "+ 2"),
    ),
    "vars of a module": outside("vars(m)['f'](n)", "import m\n", {"m.py": F1}, ("m.py", "+ 1", "+ 2")),
    "module in a list": outside("MS[0].f(n)", "import m\nMS = [m]\n", {"m.py": F1}, ("m.py", "+ 1", "+ 2")),
    "module as an argument": outside(
        "g(m, n)", "import m\ndef g(m, n):\n    return m.f(n)\n", {"m.py": F1}, ("m.py", "+ 1", "+ 2")
    ),
    "sys.path of the project": outside(
        "far.f(n)",
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent / 'lib'))\nimport far\n",
        {"lib/far.py": F1},
        ("lib/far.py", "+ 1", "+ 2"),
    ),
    "sys.path that is edited": outside(
        "far.f(n)",
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent.parent / 'a'))\nimport far\n",
        {"../a/far.py": F1, "../b/far.py": F2},
        ("workflow.py", "/ 'a'", "/ 'b'"),
    ),
    "sys.path outside the project": outside(
        "far.f(n)",
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent.parent / 'a'))\nimport far\n",
        {"../a/far.py": F1},
        ("../a/far.py", "+ 1", "+ 2"),
    ),
    "folder in front of another on sys.path": outside(
        "far.f(n)",
        "import far\n",
        {"../a/": "", "../b/far.py": F1},
        ("../a/far.py", F2),
        path=["../a", "../b"],
    ),
    "module outside the root": outside(
        "far.f(n)", "import far\n", {"../out/far.py": F1}, ("../out/far.py", "+ 1", "+ 2"), path=["../out"]
    ),
    "module outside the root, by another": outside(
        "far.g(n)",
        "import far\n",
        {"../out/far.py": "from deep import f as g\n", "../out/deep.py": F1},
        ("../out/deep.py", "+ 1", "+ 2"),
        path=["../out"],
    ),
    "module outside the root that patches": outside(
        "m.f(n)",
        "import m\nimport far\n",
        {"m.py": F1, "../out/far.py": "import m\nm.f = lambda n: n + 5\n"},
        ("../out/far.py", "+ 5", "+ 6"),
        path=["../out"],
    ),
    "function outside the root that patches when it is called": outside(
        "m.f(n)",
        "import m\nimport far\nfar.setup(m)\n",
        {"m.py": F1, "../out/far.py": "def setup(m):\n    m.f = lambda n: n + 5\n"},
        ("../out/far.py", "+ 5", "+ 6"),
        path=["../out"],
    ),
    "package outside the root, imported in a function": outside(
        "g(n)",
        "def g(n):\n    from far.deep import f\n    return f(n)\n",
        {"../out/far/__init__.py": "", "../out/far/deep.py": F1},
        ("../out/far/deep.py", "+ 1", "+ 2"),
        path=["../out"],
    ),
    "installed package": outside(
        "far.f(n)",
        "import far\n",
        {
            "../site-packages/far.py": F1,
            "../site-packages/far-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: far\nVersion: 1\n",
            "../site-packages/far-1.dist-info/RECORD": "far.py,,\n",
        },
        ("../site-packages/far.py", F2),
        ("../site-packages/far-1.dist-info", None),
        ("../site-packages/far-2.dist-info/METADATA", "Metadata-Version: 2.1\nName: far\nVersion: 2\n"),
        ("../site-packages/far-2.dist-info/RECORD", "far.py,,\n"),
        path=["../site-packages"],
    ),
    "installed package behind a value": outside(
        "K.k",
        "import far\nK = far.T()\n",
        {
            "../site-packages/far.py": "class T:\n    k = 1\n",
            "../site-packages/far-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: far\nVersion: 1\n",
            "../site-packages/far-1.dist-info/RECORD": "far.py,,\n",
        },
        (
            "../site-packages/far.py",
            "class T:\n    k = 22\n",
        ),  # another size: Python keeps its bytecode by that
        ("../site-packages/far-1.dist-info", None),
        ("../site-packages/far-2.dist-info/METADATA", "Metadata-Version: 2.1\nName: far\nVersion: 2\n"),
        ("../site-packages/far-2.dist-info/RECORD", "far.py,,\n"),
        path=["../site-packages"],
    ),
    "name of a builtin in a helper": outside(
        "m.f(n)",
        "import m\n",
        {"m.py": "def f(n):\n    return abs(-n)\n"},
        ("m.py", "def f(n):\n    return abs(-n)\ndef abs(n):\n    return n\n"),
    ),
    "name of a builtin in the workflow": changes(
        "abs(-n)", "K = 1\n", "K = 1\n", "def abs(n):\n    return n\n"
    ),
    "builtin replaced behind the helper": outside(
        "m.f(n)",
        "import m\nimport k\n",
        {"m.py": "def f(n):\n    return abs(-n)\n", "k.py": "K = 1\n"},
        ("k.py", "import m\nm.abs = lambda n: n\n"),
    ),
    "type checking block that binds a name used at runtime": changes(
        "f(n)",
        "from typing import TYPE_CHECKING\nfrom m import f\nif TYPE_CHECKING:\n    from k import f\n",
        "if TYPE_CHECKING",
        "if not TYPE_CHECKING",
        more={"m.py": F1, "k.py": F2},
    ),
    "reload": outside(
        "m.f(n)", "import importlib\nimport m\nimportlib.reload(m)\n", {"m.py": F1}, ("m.py", "+ 1", "+ 2")
    ),
    "module-level import after use": outside(
        "m.K",
        "import m\n",
        {"m.py": "from a import K\nfrom b import K\n", "a.py": "K = 1\n", "b.py": "K = 2\n"},
        ("m.py", "from b import K\nfrom a import K\n"),
    ),
    "package's __path__ extended": outside(
        "p.m.f(n)",
        "import p.m\n",
        {
            "p/__init__.py": "import os\n__path__.append(os.path.join(os.path.dirname(__file__), '..', 'q'))\n",
            "q/m.py": F1,
        },
        ("q/m.py", "+ 1", "+ 2"),
    ),
    "module made at runtime": changes(
        "sub.K", "import types\nsub = types.ModuleType('sub')\nsub.K = 1\n", "sub.K = 1", "sub.K = 2"
    ),
}
