"""Edits of the world: files, folders, the environment, and processes that are asked at import or while drawing."""

from dataclasses import replace

from edits.harness import HEAD, Case, Content, outside

HERE = "from pathlib import Path\nHERE = Path(__file__).parent\n"


def asked(
    top: str, *edits: tuple[str, Content | None], call: str = "K", gives: str = "int", **files: Content
) -> Case:
    """A value that is read at import in a helper, from ``k.txt``, unless other files are given."""
    found = {name.replace("__", "/").replace("_", "."): text for name, text in files.items()} or {
        "k.txt": "1"
    }
    return outside(
        f"m.{call}", "import m\n", {"m.py": HERE + top, **found}, *(edits or [("k.txt", "2")]), gives=gives
    )


GRAPH = (
    HEAD
    + "{top}\n\n@step\ndef one(n: int) -> int:\n    return n\n\n\n@step\ndef two(n: int) -> int:\n    return n + 5\n\n\n"
    + "@workflow\ndef flow() -> int:\n    {body}\n"
)


def drawn(body: str, top: str = "", **how: object) -> Case:
    """A workflow of two steps, whose function decides."""
    files = {"workflow.py": GRAPH.format(top=top, body=body.replace("\n", "\n    ")), "k.txt": "1"}
    return Case(files, **{"edits": [("k.txt", "2")], **how})  # type: ignore[arg-type]


WORLD: dict[str, Case] = {
    "child process": asked(
        "import subprocess\nK = int(subprocess.check_output(['cat', str(HERE / 'k.txt')]))\n"
    ),
    "child process, its text": asked(
        "import subprocess\nK = subprocess.run(['cat', str(HERE / 'k.txt')], capture_output=True, text=True)\n",
        call="K.stdout",
        gives="str",
    ),
    "os.popen": asked("import os\nwith os.popen(f'cat {HERE}/k.txt') as f:\n    K = int(f.read())\n"),
    # A thread has a number of its own in each process.
    "thread": replace(
        asked(
            "import threading\nK = []\nt = threading.Thread(target=lambda: K.append(int((HERE / 'k.txt').read_text())))\nt.start()\nt.join()\n",
            call="K[0]",
        ),
        each=True,
    ),
    "thread pool": replace(
        asked(
            "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(1) as pool:\n    K = pool.submit(lambda: int((HERE / 'k.txt').read_text())).result()\n"
        ),
        each=True,
    ),
    "os.listdir": asked("import os\nK = len(os.listdir(HERE / 'd'))\n", ("d/b", ""), d__a=""),
    "os.scandir": asked(
        "import os\nK = sum(e.is_file() for e in os.scandir(HERE / 'd'))\n", ("d/b", ""), d__a=""
    ),
    "os.walk": asked(
        "import os\nK = [f for _, _, f in os.walk(HERE / 'd')]\n",
        ("d/b", ""),
        call="K[0]",
        gives="list",
        d__a="",
    ),
    "Path.exists": asked("K = (HERE / 'no.txt').exists()\n", ("no.txt", ""), gives="bool"),
    "Path.exists of a deleted file": asked("K = (HERE / 'k.txt').exists()\n", ("k.txt", None), gives="bool"),
    "os.path.isdir": asked("import os\nK = os.path.isdir(HERE / 'd')\n", ("d/", ""), gives="bool"),
    "glob": asked("import glob\nK = len(glob.glob(str(HERE / '*.csv')))\n", ("b.csv", ""), a_csv=""),
    "Path.glob": asked(
        "K = sorted(p.name for p in HERE.glob('*.csv'))\n", ("b.csv", ""), gives="list", a_csv=""
    ),
    "os.path.getsize": asked("import os\nK = os.path.getsize(HERE / 'k.txt')\n", ("k.txt", "22")),
    "os.stat": asked("K = (HERE / 'k.txt').stat().st_size\n", ("k.txt", "22")),
    "missing file with a fallback": asked(
        "try:\n    K = int((HERE / 'no.txt').read_text())\nexcept FileNotFoundError:\n    K = 0\n",
        ("no.txt", "1"),
    ),
    "exec of a file": asked("exec(open(HERE / 'k.txt').read())\n", ("k.txt", "K = 2"), k_txt="K = 1"),
    "exec of a file that defines": asked(
        "exec(open(HERE / 'k.txt').read())\n",
        ("k.txt", "def f():\n    return 2"),
        call="f()",
        k_txt="def f():\n    return 1",
    ),
    "runpy.run_path": asked(
        "import runpy\nK = runpy.run_path(str(HERE / 'k.txt'))['K']\n", ("k.txt", "K = 2"), k_txt="K = 1"
    ),
    "runpy.run_path of a function": asked(
        "import runpy\nf = runpy.run_path(str(HERE / 'k.txt'))['f']\n",
        ("k.txt", "f = lambda: 2"),
        call="f()",
        k_txt="f = lambda: 1",
    ),
    "importlib.resources": outside(
        "m.K",
        "import m\n",
        {
            "m.py": "import importlib.resources\nK = int(importlib.resources.files('p').joinpath('k.txt').read_text())\n",
            "p/__init__.py": "",
            "p/k.txt": "1",
        },
        ("p/k.txt", "2"),
    ),
    "pkgutil.get_data": outside(
        "m.K",
        "import m\n",
        {
            "m.py": "import pkgutil\nK = int(pkgutil.get_data('p', 'k.txt'))\n",
            "p/__init__.py": "",
            "p/k.txt": "1",
        },
        ("p/k.txt", "2"),
    ),
    "linecache": asked("import linecache\nK = int(linecache.getline(str(HERE / 'k.txt'), 1))\n"),
    "fileinput": asked(
        "import fileinput\nwith fileinput.input([str(HERE / 'k.txt')]) as f:\n    K = int(next(f))\n"
    ),
    "os.open": asked(
        "import os\nd = os.open(HERE / 'k.txt', os.O_RDONLY)\nK = int(os.read(d, 9))\nos.close(d)\n"
    ),
    "mmap": asked(
        "import mmap\nwith open(HERE / 'k.txt', 'r+b') as f:\n    K = int(mmap.mmap(f.fileno(), 0)[:])\n"
    ),
    "csv": asked(
        "import csv\nwith open(HERE / 'k.txt', newline='') as f:\n    K = list(csv.DictReader(f))\n",
        ("k.txt", "a\n2\n"),
        call="K[0]['a']",
        gives="str",
        k_txt="a\n1\n",
    ),
    "json": asked(
        "import json\nK = json.loads((HERE / 'k.txt').read_bytes())\n",
        ("k.txt", '{"a": 2}'),
        call="K['a']",
        k_txt='{"a": 1}',
    ),
    "tomllib": asked(
        "import tomllib\nwith open(HERE / 'k.txt', 'rb') as f:\n    K = tomllib.load(f)\n",
        ("k.txt", "a = 2"),
        call="K['a']",
        k_txt="a = 1",
    ),
    # Its import writes a file, with the time.
    "zip file": replace(
        asked(
            "import zipfile\nP = HERE.parent / 'k.zip'\nwith zipfile.ZipFile(P, 'w') as z:\n    z.write(HERE / 'k.txt', 'k')\nwith zipfile.ZipFile(P) as z:\n    K = int(z.read('k'))\n"
        ),
        each=True,
    ),
    "relative path": asked("K = int(open('k.txt').read())\n"),
    "file beside the project": outside(
        "m.K",
        "import m\n",
        {"m.py": HERE + "K = int((HERE.parent / 'k.txt').read_text())\n", "../k.txt": "1"},
        ("../k.txt", "2"),
    ),
    "symbolic link": asked(
        "import os\nP = HERE.parent / 'link'\nif not P.is_symlink():\n    os.symlink(HERE / 'k.txt', P)\nK = int(P.read_text())\n"
    ),
    "os.environ": outside(
        "K",
        "import os\nK = os.environ.get('OURS')\n",
        {},
        gives="str",
        before={"OURS": "a"},
        after={"OURS": "b"},
    ),
    "os.getenv": outside(
        "K", "import os\nK = os.getenv('OURS', 'none')\n", {}, gives="str", after={"OURS": "b"}
    ),
    "os.environ in a default": outside(
        "f()",
        "import os\ndef f(k=os.environ['OURS']):\n    return k\n",
        {},
        gives="str",
        before={"OURS": "a"},
        after={"OURS": "b"},
    ),
    "in os.environ": outside(
        "K", "import os\nK = 'OURS' in os.environ\n", {}, gives="bool", after={"OURS": "b"}
    ),
    "os.environb": outside(
        "K", "import os\nK = os.environb.get(b'OURS', b'').decode()\n", {}, gives="str", after={"OURS": "b"}
    ),
    "environment of a child process": outside(
        "K",
        "import subprocess\nK = subprocess.check_output(['printenv', 'OURS'], text=True)\n",
        {},
        gives="str",
        before={"OURS": "a"},
        after={"OURS": "b"},
    ),
    "environment on a condition": outside(
        "f()",
        "import os\nif os.environ.get('OURS'):\n    def f():\n        return 1\nelse:\n    def f():\n        return 2\n",
        {},
        after={"OURS": "b"},
    ),
    "environment on a condition of an import": outside(
        "f()",
        "import os\nif os.environ.get('OURS'):\n    from a import f\nelse:\n    from b import f\n",
        {"a.py": "f = lambda: 1\n", "b.py": "f = lambda: 2\n"},
        after={"OURS": "b"},
    ),
    "environment on a condition of an effect": outside(
        "m.K",
        "import os\nimport m\nif os.environ.get('OURS'):\n    m.K = 2\n",
        {"m.py": "K = 1\n"},
        after={"OURS": "b"},
    ),
    "home folder": outside(
        "K",
        "from pathlib import Path\nK = str(Path.home())\n",
        {},
        gives="str",
        before={"HOME": "/a"},
        after={"HOME": "/b"},
    ),
    "while drawing: environment": Case(
        {
            "workflow.py": GRAPH.format(
                top="import os", body="if os.environ.get('OURS'):\n        return two(1)\n    return one(1)"
            )
        },
        after={"OURS": "b"},
    ),
    "while drawing: environment as an argument": Case(
        {"workflow.py": GRAPH.format(top="import os", body="return one(len(os.environ['OURS']))")},
        before={"OURS": "a"},
        after={"OURS": "bb"},
    ),
    "while drawing: file": drawn("n = int((HERE / 'k.txt').read_text())\nreturn one(n)", HERE),
    "while drawing: file decides": drawn(
        "if (HERE / 'k.txt').read_text() == '1':\n    return one(1)\nreturn two(1)", HERE
    ),
    "while drawing: folder": Case(
        {
            "workflow.py": GRAPH.format(top=HERE, body="return one(len(list((HERE / 'd').iterdir())))"),
            "d/a": "",
        },
        [("d/b", "")],
    ),
    "while drawing: existence": drawn(
        "if (HERE / 'new.txt').exists():\n    return one(1)\nreturn two(1)", HERE, edits=[("new.txt", "")]
    ),
    "while drawing: numpy": drawn(
        "return one(int(np.loadtxt(HERE / 'k.txt')))", HERE + "import numpy as np\n"
    ),
    "while drawing: polars": drawn(
        "return one(pl.read_csv(HERE / 'k.txt', has_header=False).item())",
        HERE + "import polars as pl\n",
    ),
    "while drawing: child process": drawn(
        "return one(int(subprocess.check_output(['cat', HERE / 'k.txt'])))", HERE + "import subprocess\n"
    ),
    "while drawing: an import in the function": Case(
        {"workflow.py": GRAPH.format(top="", body="from m import K\n    return one(K)"), "m.py": "K = 1\n"},
        [("m.py", "1", "2")],
    ),
    "while drawing: a loop over a constant": Case(
        {
            "workflow.py": GRAPH.format(
                top="from m import KS", body="n = 0\n    for k in KS:\n        n = one(k)\n    return n"
            ),
            "m.py": "KS = [1, 2]\n",
        },
        [("m.py", "[1, 2]", "[1, 3]")],
    ),
    "while drawing: other step": Case(
        {"workflow.py": GRAPH.format(top="", body="return one(1)")},
        [("workflow.py", "return one(1)", "return two(1)")],
    ),
    "inspect.getsource": outside(
        "len(inspect.getsource(m.f)) + n",
        "import inspect\nimport m\n",
        {"m.py": "def f():\n    return 1\n"},
        ("m.py", "return 1", "return 11"),
    ),
    "inspect.signature": outside(
        "str(inspect.signature(m.f))",
        "import inspect\nimport m\n",
        {"m.py": "def f(a):\n    return 1\n"},
        ("m.py", "f(a)", "f(b)"),
        gives="str",
    ),
}
