"""A project of source files that is edited at random, and its expected results, computed by plain Python.

`Living` holds the project as data (functions with numbers in them, calls, settings, data files); `write`
makes files of it. What a run must give is found by executing the same source plainly, with no engine.
"""

import contextlib
import copy
import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import polars as pl

from magical.settings import InputPath
from torture.living_kinds import ALWAYS, HEAD, KINDS, MODULES, NEEDS, SOURCES, SWITCHES, VALUES


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
    files: dict[str, int] = field(default_factory=lambda: {"a.txt": 1, "b.txt": 2, "c.txt": 1})
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
        names = re.findall(r"\{(\w+)\}", "".join([*MODULES.values(), HEAD]))
        self.state = State(numbers=dict.fromkeys(names, 1))
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
            **{f"{name}.py": text.format(**numbers) for name, text in MODULES.items()},
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
        head = HEAD.format(**self.state.numbers)
        steps = "\n\n".join(self.definition(f) for f in self.state.functions)
        body = "".join(f"    {line}\n" for line in self.lines())
        every = ", ".join(c.data for c in self.state.calls)
        return f"{head}{steps}\n\n@workflow\ndef flow(s: FlowSettings) -> int:\n{body}    return all_of([{every}])\n"

    # --- what it must give --------------------------------------------------------------------------------------

    def expected(self) -> Expected:
        """Execute the source plainly, line by line, with no engine."""
        values: dict[str, Any] = {}
        raised: set[str] = set()
        with self._imported() as space:
            settings = {n: InputPath(self.root / f"{n}.txt") for n in "ab"}
            space["s"] = space["FlowSettings"](**self.state.settings, **settings)
            for call, line in zip(self.state.calls, self.lines(), strict=True):
                if all(g in values for g in call.given if not g.startswith("s.")):
                    try:
                        exec(line, space)
                        values[call.data] = space[call.data]
                    except ValueError:
                        raised.add(call.data)
        return Expected(values, raised)

    @contextlib.contextmanager
    def _imported(self) -> Iterator[dict[str, Any]]:
        """Import the project as Python does, and take its modules back at the end."""
        others = {n: sys.modules.pop(n, None) for n in MODULES}
        sys.modules["plain"] = ModuleType("plain")
        sys.meta_path.insert(0, finder := _Finder(self.root))
        try:
            space: dict[str, Any] = {"__name__": "plain"}
            exec((self.root / "workflow.py").read_text(), space)
            yield space
        finally:
            sys.meta_path.remove(finder)
            for name in (*MODULES, "plain"):
                sys.modules.pop(name, None)
            sys.modules.update({n: m for n, m in others.items() if m is not None})

    def used(self) -> set[str]:
        """The numbers and definitions that some step refers to."""
        return {name for call in self.state.calls for name in self._close(self._roots(call), SOURCES)}

    def _roots(self, call: Call) -> str:
        return f"{self.kind(call)[3]} {ALWAYS}"

    def _close(self, roots: str, needs: dict[str, str]) -> set[str]:
        names: set[str] = set()
        waiting = roots.split()
        while waiting:
            name = waiting.pop()
            if name not in names:
                names.add(name)
                waiting += needs.get(name, "").split()
                if name in SWITCHES:
                    waiting += SWITCHES[name][self.state.numbers[name] > 1].split()
        return names

    def fingerprints(self) -> dict[str, str]:
        """Digest, for each line, the text of all that it may depend on, without comments and docstrings."""
        numbers = self.state.numbers
        texts = {n: t for text in MODULES.values() for n, t in _definitions(text.format(**numbers)).items()}
        texts |= {name: str(numbers[name]) for name in ("LOCAL", "BY", "filled")}
        with self._imported():
            texts |= {name: repr(read(sys.modules)) for name, read in VALUES.items()}
        found: dict[str, str] = {}
        for call in self.state.calls:
            names = sorted(self._close(self._roots(call), NEEDS) & set(texts))
            parts = [self.definition(call.function), *(texts[n] for n in names)]
            parts += [found[g] if g in found else self._given(g) for g in call.given]
            found[call.data] = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return found

    def _given(self, name: str) -> str:
        setting = name.removeprefix("s.")
        return str(self.state.settings.get(setting, self.state.files.get(f"{setting}.txt")))


class _Finder(MetaPathFinder):
    """Finds the modules in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        if name not in MODULES:
            return None
        path = str(self.root / f"{name}.py")
        return spec_from_file_location(name, path, loader=_Loader(name, path))


class _Loader(SourceFileLoader):
    """Compiles the source each time: bytecode of the same second and size would count as fresh."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def same(one: Any, other: Any) -> bool:
    """Return True if two results are equal."""
    if isinstance(one, pl.DataFrame):
        return bool(one.equals(other)) and one.schema == other.schema
    return type(one) is type(other) and bool(one == other)


def _noisy(text: str, noise: int) -> str:
    """The same code with other comments, blank lines, docstrings and quotes."""
    if not noise:
        return text
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
