"""A project of source files that is edited at random, and its expected results, computed by plain Python.

`Living` holds the project as data (functions with numbers in them, calls, settings, data files); `write`
makes files of it. What a run must give is found by executing the same source plainly, with no engine.
"""

import copy
import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl

from magical.settings import InputPath

DEEP = """\
D = {D}

def deep(a):
    return (a * {deep} + D) % 10007

class Base:
    FACTOR = {Base}

    def base(self, a):
        return a * self.FACTOR + 1
"""
HELPERS = """\
import functools

import polars as pl

import deep as dp
from deep import D, Base, deep
from magical import Contract, Field

H = {H}

LIMITS = {{"low": {LIMITS}, "high": [1, {LIMITS}]}}

def twice(f):
    @functools.wraps(f)
    def inner(a):
        return f(f(a)) + {twice}
    return inner

def h0(a):
    return (a + H) % 10007

def h1(a):
    return deep(h0(a)) + {h1}

@twice
def h2(a):
    return (a * {h2} + 1) % 10007

class Tool(Base):
    def apply(self, a):
        return (self.base(a) + {Tool}) % 10007

PICK = {{"one": h0, "two": h2}}

def h3(a, k={h3}):
    return a + k + LIMITS["low"]

SEVEN = dp.deep({SEVEN})

PART = functools.partial(h3, k=D)

class Row(Contract):
    x: int = Field(ge=-{Row})
"""
NEEDS = {
    "deep": "D",
    "h0": "H",
    "h1": "deep h0",
    "h2": "twice",
    "Tool": "Base",
    "PICK": "h0 h2",
    "h3": "LIMITS",
    "SEVEN": "deep",
    "PART": "h3 D",
}
"""The names that each definition refers to."""

KINDS: dict[str, tuple[str, str, str, str]] = {
    "constant": ("", "int", "return {k}", ""),
    "plain": ("a: int", "int", "return (a * 3 + {k}) % 10007", ""),
    "local": ("a: int", "int", "return a + LOCAL + {k}", "LOCAL"),
    "h0": ("a: int", "int", "return h0(a) + {k}", "h0"),
    "h1": ("a: int", "int", "b = h1(a)\n    return b + {k}", "h1"),
    "h2": ("a: int", "int", "return h2(a) + {k}", "h2"),
    "tool": ("a: int", "int", "return Tool().apply(a) + {k}", "Tool"),
    "pick": ("a: int", "int", 'return PICK["one"](a) + {k}', "PICK"),
    "h3": ("a: int", "int", "return h3(a) + {k}", "h3"),
    "part": ("a: int", "int", "return PART(a) % 10007 + {k}", "PART"),
    "seven": ("a: int", "int", "return helpers.SEVEN + a + {k}", "SEVEN"),
    "inside": ("a: int", "int", "from deep import deep as d\n    return d(a) + {k}", "deep"),
    "mapped": ("a: int", "int", "return sum(map(lambda q: h0(q) + {k}, [a, 1]))", "h0"),
    "even": (
        "a: int",
        "int",
        "if a % 4 == {k}:\n        raise ValueError(a)\n    return a // 2",
        "",
    ),
    "few": ("a: int", "int", "return (a + {k}) % 2", ""),
    "sum": ("xs: list[int]", "int", "return (sum(xs) + {k}) % 10007", ""),
    "both": ("a: int, b: int", "int", "keep('both', a)\n    return (a * 2 + b + {k}) % 10007", ""),
    "setting": ("a: int, n: int", "int", "return a + n + {k}", ""),
    "file": ("path: InputPath", "int", "return int(path.read_text()) + {k}", ""),
    "table": ("a: int", "Frame[Row]", 'return pl.DataFrame({{"x": [a, {k}, a + 1]}})', "Row"),
    "wider": ("t: Frame[Row]", "Frame[Row]", "return t.with_columns(x=pl.col('x') + h0({k}))", "h0 Row"),
    "rows": ("t: Frame[Row]", "int", "return int(t['x'].sum()) % 10007 + {k}", "Row"),
}
"""Kinds of steps: parameters, result, body and what that refers to."""


@dataclass
class Call:
    """One line of the workflow: a function, and what it is given: names of earlier lines, or settings."""

    data: str
    function: str
    given: list[str]


@dataclass
class State:
    """The state that edits change."""

    numbers: dict[str, int] = field(default_factory=dict)
    functions: dict[str, tuple[str, int]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    settings: dict[str, int] = field(default_factory=lambda: {"n0": 1, "n1": 2})
    files: dict[str, int] = field(default_factory=lambda: {"a.txt": 1, "b.txt": 2})
    noise: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """The expected result of a run: the values of the lines that work, and the lines that raise."""

    values: dict[str, Any]
    raised: set[str]


class Living:
    """The project in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = State(numbers=dict.fromkeys(re.findall(r"\{(\w+)\}", DEEP + HELPERS), 1) | {"LOCAL": 1})
        self.past: list[State] = []
        self.last = 0

    def remember(self) -> None:
        """Keep the state, so that an edit can be taken back."""
        self.past.append(copy.deepcopy(self.state))

    def name(self, stem: str) -> str:
        """Make a name that has not been used."""
        self.last += 1
        return f"{stem}{self.last}"

    def kind(self, call: Call) -> tuple[str, str, str, str]:
        return KINDS[self.state.functions[call.function][0]]

    def of_type(self, hint: str, before: int) -> list[str]:
        """List the lines before one whose result is of a type."""
        return [c.data for c in self.state.calls[:before] if self.kind(c)[1] == hint]

    def parameters(self, function: str) -> list[tuple[str, str]]:
        text = KINDS[self.state.functions[function][0]][0]
        pairs = [p.partition(": ") for p in text.split(", ")] if text else []
        return [(name, hint) for name, _, hint in pairs]

    def drop(self, call: Call) -> None:
        """Delete a line, the lines that need it, and functions that are no longer called."""
        gone = {call.data}
        for other in self.state.calls:
            if gone & set(other.given):
                gone.add(other.data)
        self.state.calls = [c for c in self.state.calls if c.data not in gone]
        used = {c.function for c in self.state.calls}
        self.state.functions = {n: f for n, f in self.state.functions.items() if n in used}

    # --- as files -----------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write all files."""
        numbers, files = self.state.numbers, self.state.files
        texts = {
            "deep.py": DEEP.format(**numbers),
            "helpers.py": HELPERS.format(**numbers),
            "workflow.py": self.workflow(),
            "settings.toml": "".join(f"{k} = {v}\n" for k, v in self.state.settings.items())
            + "\n[tracking]\nenabled = false\n",
        }
        for name, text in texts.items():
            (self.root / name).write_text(_noisy(text, self.state.noise.get(name, 0)))
        for name, number in files.items():
            (self.root / name).write_text(str(number))

    def definition(self, function: str) -> str:
        kind, number = self.state.functions[function]
        parameters, result, body, _ = KINDS[kind]
        return f"@step\ndef {function}({parameters}) -> {result}:\n    {body.format(k=number)}\n"

    def lines(self) -> list[str]:
        """The workflow's lines."""
        return [f"{c.data} = {c.function}({', '.join(self._argument(c))})" for c in self.state.calls]

    def _argument(self, call: Call) -> Iterator[str]:
        for (name, _), given in zip(self.parameters(call.function), call.given, strict=False):
            if name == "xs":
                yield f"[{', '.join(call.given)}]"
                return
            yield given

    def workflow(self) -> str:
        head = (
            "from pathlib import Path\nfrom typing import Any\n\nimport polars as pl\n\nimport helpers\n"
            "from helpers import PART, PICK, Row, Tool, h0, h1, h2, h3\n"
            "from magical import Frame, InputPath, Settings, keep, step, workflow\n\n"
            f"LOCAL = {self.state.numbers['LOCAL']}\n\n\n"
            "class FlowSettings(Settings):\n    n0: int = 7\n    n1: int = 8\n"
            '    a: InputPath = InputPath("a.txt")\n    b: InputPath = InputPath("b.txt")\n\n\n'
            "@step\ndef all_of(xs: list[Any]) -> int:\n    return len(xs)\n\n\n"
        )
        steps = "\n\n".join(self.definition(f) for f in self.state.functions)
        body = "".join(f"    {line}\n" for line in self.lines())
        every = ", ".join(c.data for c in self.state.calls)
        return f"{head}{steps}\n\n@workflow\ndef flow(s: FlowSettings) -> int:\n{body}    return all_of([{every}])\n"

    # --- what it must give --------------------------------------------------------------------------------------

    def expected(self) -> Expected:
        """Execute the source plainly, line by line, with no engine."""
        modules = {n: sys.modules.pop(n, None) for n in ("deep", "helpers")}
        values: dict[str, Any] = {}
        raised: set[str] = set()
        try:
            for name in modules:
                sys.modules[name] = module = ModuleType(name)
                exec((self.root / f"{name}.py").read_text(), vars(module))
            space: dict[str, Any] = {"__name__": "plain"}
            sys.modules["plain"] = ModuleType("plain")
            exec((self.root / "workflow.py").read_text(), space)
            settings = {n: InputPath(self.root / f"{n}.txt") for n in "ab"}
            space["s"] = space["FlowSettings"](**self.state.settings, **settings)
            for call, line in zip(self.state.calls, self.lines(), strict=True):
                if all(g in values for g in call.given if not g.startswith("s.")):
                    try:
                        exec(line, space)
                        values[call.data] = space[call.data]
                    except ValueError:
                        raised.add(call.data)
        finally:
            for name, module in modules.items():
                sys.modules.pop(name, None)
                if module is not None:
                    sys.modules[name] = module
            sys.modules.pop("plain", None)
        return Expected(values, raised)

    def used(self) -> set[str]:
        """The definitions that some step refers to."""
        return {name for call in self.state.calls for name in self._closure(call)}

    def _closure(self, call: Call) -> set[str]:
        names: set[str] = set()
        waiting = self.kind(call)[3].split()
        while waiting:
            name = waiting.pop()
            if name not in names:
                names.add(name)
                waiting += NEEDS.get(name, "").split()
        return names

    def fingerprints(self) -> dict[str, str]:
        """Digest, for each line, the text of all that it may depend on, without comments and docstrings."""
        numbers = self.state.numbers
        texts = dict(_definitions(DEEP.format(**numbers)) | _definitions(HELPERS.format(**numbers)))
        texts["LOCAL"] = str(numbers["LOCAL"])
        found: dict[str, str] = {}
        for call in self.state.calls:
            names = sorted(self._closure(call))
            parts = [self.definition(call.function), *(texts[n] for n in names)]
            parts += [found[g] if g in found else self._given(g) for g in call.given]
            found[call.data] = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return found

    def _given(self, name: str) -> str:
        setting = name.removeprefix("s.")
        return str(self.state.settings.get(setting, self.state.files.get(f"{setting}.txt")))


def same(one: Any, other: Any) -> bool:
    """Return True if two results are equal."""
    if isinstance(one, pl.DataFrame):
        return bool(one.equals(other)) and one.schema == other.schema
    return type(one) is type(other) and bool(one == other)


def _noisy(text: str, noise: int) -> str:
    """The same code with other comments, blank lines, docstrings and quotes."""
    if not noise or "=" in text.splitlines()[0]:
        return f"# {noise}\n{text}" if noise else text
    text = (
        re.sub(r"^((?:def|class) .*:)$", rf'\1\n    """Noise {noise}."""', text, flags=re.M)
        if noise % 2
        else text
    )
    text = re.sub(r"^(    return )(.*)$", rf"\1(\2)  # {noise}", text, flags=re.M) if noise % 3 else text
    return f"# {noise}\n" * (noise % 4) + text.replace("\n\n", "\n" * (2 + noise % 3))


def _definitions(text: str) -> dict[str, str]:
    """The top-level definitions of a module by their names."""
    found = {}
    for part in re.split(r"\n\n(?=\S)", text):
        match = re.search(r"^(?:def |class )?([A-Za-z]\w*)(?: = |\(|:)", part, flags=re.M)
        if match:
            found[match[1]] = part
    return found
