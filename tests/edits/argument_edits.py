"""Edits of what steps are given, of the files they read and write, and of texts that code reads."""

from edits.harness import HEAD, Case, changes, outside

TRACK = "[tracking]\nenabled = false\n"


def flow(steps: str, settings: str, body: str, gives: str = "int") -> str:
    """Write a workflow with settings."""
    parts = [HEAD, "from typing import Any", f"class FlowSettings(Settings):\n{settings}", steps]
    return "\n\n".join([*parts, f"@workflow\ndef flow(s: FlowSettings) -> {gives}:\n{body}\n"])


SHOW = "@step\ndef one(d: dict) -> str:\n    return str(d)\n"
PATH = "@step\ndef one(p: InputPath) -> str:\n    return p.{}\n"
WRITE = "@step\ndef one(n: int, p: OutputPath) -> int:\n    p.write_text(str(n))\n    return n\n"
MUTATE = (
    "@step\ndef xs() -> list:\n    return [1]\n\n\n@step\ndef grow(a: list) -> int:\n    a.append(1)\n    return len(a)\n\n\n"
    "@step\ndef size(a: list, n: int) -> int:\n    return len(a) + n\n"
)


def path(attribute: str, *edits: tuple[str, str | None], source: str = "a.txt") -> Case:
    """A step that reads its path."""
    files = {
        "workflow.py": flow(
            PATH.format(attribute),
            f"    source: InputPath = InputPath('{source}')\n",
            "    return one(s.source)",
            "str",
        ),
        "a.txt": "1",
    }
    return Case(files, edits)


def setting(kind: str, before: str, after: str, default: str) -> Case:
    """A step that shows a setting of ``settings.toml``."""
    step = "@step\ndef one(k: Any) -> str:\n    return repr(k)\n"
    files = {"workflow.py": flow(step, f"    k: {kind} = {default}\n", "    return one(s.k)", "str")}
    return Case(files | {"settings.toml": f"{before}\n{TRACK}"}, [("settings.toml", f"{after}\n{TRACK}")])


def given(before: str, after: str, kind: str = "Any", gives: str = "str", show: str = "repr(k)") -> Case:
    """A step that shows what the workflow passes to it."""
    step = f"@step\ndef one(k: {kind}) -> {gives}:\n    return {show}\n\n\n"
    text = f"{HEAD}from typing import Any\n\n\n{step}@workflow\ndef flow() -> {gives}:\n    return one({before})\n"
    return Case({"workflow.py": text}, [("workflow.py", f"one({before})", f"one({after})")])


DOC = "def f():\n    'One.'\n    return 1\n"
FIELD = "from pydantic import BaseModel, Field\nclass M(BaseModel):\n    k: int = Field(1, description='one', title='A')\n"

ARGUMENTS: dict[str, Case] = {
    "number": given("1", "2"),
    "1 to True": given("1", "True"),
    "1 to 1.0": given("1", "1.0"),
    "0.0 to -0.0": given("0.0", "-0.0"),
    "nan to inf": given("float('nan')", "float('inf')"),
    "tuple to list": given("(1, 2)", "[1, 2]"),
    "order of a dict": given("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    "order of a dict in a list": given("[{'a': 1, 'b': 2}]", "[{'b': 2, 'a': 1}]"),
    "kind of a dict's key": given("{'1': 0}", "{1: 0}"),
    "text to bytes": given("'a'", "b'a'"),
    "None to its name": given("None", "'None'"),
    "lambda": given("lambda: 1", "lambda: 2", show="str(k())"),
    "default of a lambda": given("lambda n=1: n", "lambda n=2: n", show="str(k())"),
    "argument order": Case(
        {
            "workflow.py": f"{HEAD}\n\n@step\ndef one(a: int, b: int) -> int:\n    return a - b\n\n\n@workflow\ndef flow() -> int:\n    return one(1, 2)\n"
        },
        [("workflow.py", "one(1, 2)", "one(2, 1)")],
    ),
    "argument by name": Case(
        {
            "workflow.py": f"{HEAD}\n\n@step\ndef one(a: int = 0, b: int = 0) -> int:\n    return a - b\n\n\n@workflow\ndef flow() -> int:\n    return one(a=1)\n"
        },
        [("workflow.py", "one(a=1)", "one(b=1)")],
    ),
    "default of a step": Case(
        {
            "workflow.py": f"{HEAD}\n\n@step\ndef one(a: int = 1) -> int:\n    return a\n\n\n@workflow\ndef flow() -> int:\n    return one()\n"
        },
        [("workflow.py", "a: int = 1", "a: int = 2")],
    ),
    "date": given("__import__('datetime').date(2024, 1, 1)", "__import__('datetime').date(2024, 1, 2)"),
    "setting": setting("int", "k = 1", "k = 2", "0"),
    "float setting": setting("float", "k = 1.0", "k = 1.5", "0.0"),
    "setting removed": setting("int", "k = 1", "", "0"),
    "setting of either type": setting("int | float", "k = 1", "k = 1.0", "0"),
    "order of a dict in settings": setting(
        "dict[str, int]", "k = {a = 1, b = 2}", "k = {b = 2, a = 1}", "{}"
    ),
    "order of a list in settings": setting("list[int]", "k = [1, 2]", "k = [2, 1]", "[]"),
    "default of a setting": Case(
        {
            "workflow.py": flow(
                "@step\ndef one(k: int) -> int:\n    return k\n", "    k: int = 1\n", "    return one(s.k)"
            )
        },
        [("workflow.py", "k: int = 1", "k: int = 2")],
    ),
    "constraint of a setting that now fails": Case(
        {
            "workflow.py": flow(
                "@step\ndef one(k: int) -> int:\n    return k\n", "    k: int = 5\n", "    return one(s.k)"
            ).replace("class FlowSettings", "from pydantic import Field\n\n\nclass FlowSettings"),
            "settings.toml": f"k = 5\n{TRACK}",
        },
        [("workflow.py", "k: int = 5", "k: int = Field(2, le=3)")],
    ),
    "validator of a setting": Case(
        {
            "workflow.py": flow(
                "@step\ndef one(k: int) -> int:\n    return k\n",
                "    k: int = 1\n    @field_validator('k')\n    def more(cls, v):\n        return v + 1\n",
                "    return one(s.k)",
            ).replace("class FlowSettings", "from pydantic import field_validator\n\n\nclass FlowSettings"),
            "settings.toml": f"k = 1\n{TRACK}",
        },
        [("workflow.py", "v + 1", "v + 2")],
    ),
    "method of the settings": Case(
        {
            "workflow.py": flow(
                "@step\ndef one(s: FlowSettings) -> int:\n    return s.twice()\n",
                "    k: int = 1\n    def twice(self):\n        return self.k * 2\n",
                "    return one(s)",
            )
        },
        [("workflow.py", "* 2", "* 3")],
    ),
    "content of an InputPath": path("read_text()", ("a.txt", "2")),
    "name of an InputPath": path("name", ("b.txt", "1"), ("settings.toml", f"source = 'b.txt'\n{TRACK}")),
    "suffix of an InputPath": path("suffix", ("a.csv", "1"), ("settings.toml", f"source = 'a.csv'\n{TRACK}")),
    "deleted file of an InputPath": path("read_text()", ("a.txt", None)),
    "OutputPath deleted": Case(
        {"workflow.py": flow(WRITE, "    p: OutputPath = OutputPath('out.txt')\n", "    return one(1, s.p)")},
        [("out.txt", None)],
        outputs=["out.txt"],
        heals=True,
    ),
    "OutputPath overwritten": Case(
        {"workflow.py": flow(WRITE, "    p: OutputPath = OutputPath('out.txt')\n", "    return one(1, s.p)")},
        [("out.txt", "spoilt")],
        outputs=["out.txt"],
        heals=True,
    ),
    "OutputPath renamed": Case(
        {"workflow.py": flow(WRITE, "    p: OutputPath = OutputPath('out.txt')\n", "    return one(1, s.p)")},
        [("workflow.py", "'out.txt'", "'new.txt'")],
        outputs=["new.txt"],
    ),
    "mutated argument": Case(
        {
            "workflow.py": f"{HEAD}\n\n{MUTATE}\n\n@workflow\ndef flow() -> int:\n    a = xs()\n    return size(a, grow(a))\n"
        },
        [("workflow.py", "a.append(1)\n    return", "a.append(1)\n    a.append(1)\n    return")],
    ),
    "mutated argument of a sibling": Case(
        {
            "workflow.py": f"{HEAD}\n\n{MUTATE}\n\n@workflow\ndef flow() -> tuple[int, int]:\n    a = xs()\n    return grow(a), size(a, 1)\n"
        },
        [("workflow.py", "len(a) + n", "len(a) - n")],
    ),
    # texts that code reads
    "__doc__": outside("m.f.__doc__", "import m\n", {"m.py": DOC}, ("m.py", "One", "Two"), gives="str"),
    "__doc__ by import": outside(
        "f.__doc__", "from m import f\n", {"m.py": DOC}, ("m.py", "One", "Two"), gives="str"
    ),
    "__doc__ of a class": outside(
        "m.T.__doc__", "import m\n", {"m.py": "class T:\n    'One.'\n"}, ("m.py", "One", "Two"), gives="str"
    ),
    "__doc__ of a module": outside(
        "m.__doc__", "import m\n", {"m.py": "'One.'\n"}, ("m.py", "One", "Two"), gives="str"
    ),
    "__doc__ of the own module": changes(
        "__doc__ or ''", "'Not the docstring.'\n", HEAD, f"'Two.'\n{HEAD}", gives="str"
    ),
    "__doc__ by getattr": outside(
        "getattr(m.f, '__doc__')", "import m\n", {"m.py": DOC}, ("m.py", "One", "Two"), gives="str"
    ),
    "__doc__ in a helper": outside(
        "k.doc(m.f)",
        "import k\nimport m\n",
        {"m.py": DOC, "k.py": "def doc(f):\n    return f.__doc__\n"},
        ("m.py", "One", "Two"),
        gives="str",
    ),
    "__doc__ of an object's class": outside(
        "m.t.__doc__",
        "import m\n",
        {"m.py": "class T:\n    'One.'\nt = T()\n"},
        ("m.py", "One", "Two"),
        gives="str",
    ),
    "inspect.getdoc": outside(
        "inspect.getdoc(m.f)",
        "import inspect\nimport m\n",
        {"m.py": DOC},
        ("m.py", "One", "Two"),
        gives="str",
    ),
    "pydoc": outside(
        "pydoc.getdoc(m.f)", "import pydoc\nimport m\n", {"m.py": DOC}, ("m.py", "One", "Two"), gives="str"
    ),
    "__doc__ read at import": outside(
        "m.K", "import m\n", {"m.py": DOC + "K = f.__doc__\n"}, ("m.py", "One", "Two"), gives="str"
    ),
    "__doc__ read by a decorator": outside(
        "m.f()",
        "import m\n",
        {"m.py": "def by(f):\n    d = f.__doc__\n    return lambda: d\n@by\n" + DOC},
        ("m.py", "One", "Two"),
        gives="str",
    ),
    "description": outside(
        "m.M.model_fields['k'].description",
        "import m\n",
        {"m.py": FIELD},
        ("m.py", "'one'", "'two'"),
        gives="str",
    ),
    "description by a helper": outside(
        "k.tell(m.M)",
        "import k\nimport m\n",
        {
            "m.py": FIELD,
            "k.py": "def tell(c):\n    return [f.description for f in c.model_fields.values()][0]\n",
        },
        ("m.py", "'one'", "'two'"),
        gives="str",
    ),
    "title in a JSON schema": outside(
        "str(m.M.model_json_schema())", "import m\n", {"m.py": FIELD}, ("m.py", "'A'", "'B'"), gives="str"
    ),
    "docstring in a JSON schema": outside(
        "str(m.M.model_json_schema())",
        "import m\n",
        {"m.py": FIELD.replace("k: int", "'One.'\n    k: int")},
        ("m.py", "One", "Two"),
        gives="str",
    ),
    "own function that is called Field": outside(
        "m.K",
        "import m\n",
        {"m.py": "def Field(description=''):\n    return description\nK = Field(description='one')\n"},
        ("m.py", "'one'", "'two'"),
        gives="str",
    ),
    "own function that is called Field, in a function": outside(
        "m.f()",
        "import m\n",
        {"m.py": "def Field(title=''):\n    return title\ndef f():\n    return Field(title='one')\n"},
        ("m.py", "'one'", "'two'"),
        gives="str",
    ),
    "own class attribute by Field": outside(
        "m.T.k",
        "import m\n",
        {"m.py": "def Field(title=''):\n    return title\nclass T:\n    k = Field(title='one')\n"},
        ("m.py", "'one'", "'two'"),
        gives="str",
    ),
    "docstring of a function that reads its own": outside(
        "m.f()",
        "import m\n",
        {"m.py": "def f():\n    'One.'\n    return f.__doc__\n"},
        ("m.py", "One", "Two"),
        gives="str",
    ),
    "docstring that is the only text": outside(
        "m.T().__class__.__doc__",
        "import m\n",
        {"m.py": "class T:\n    'One.'\n"},
        ("m.py", "One", "Two"),
        gives="str",
    ),
    "help of an enum": outside(
        "m.E.A.__doc__",
        "import m\n",
        {"m.py": "import enum\nclass E(enum.Enum):\n    'One.'\n    A = 1\n"},
        ("m.py", "One", "Two"),
        gives="str",
    ),
    "description of an argparse parser": outside(
        "m.P.description",
        "import m\n",
        {"m.py": "'One.'\nimport argparse\nP = argparse.ArgumentParser(description=__doc__)\n"},
        ("m.py", "One", "Two"),
        gives="str",
    ),
}
