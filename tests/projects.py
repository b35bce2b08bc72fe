"""Small projects for tests: written into a folder, edited, run in this process or another, and read."""

import contextlib
import io
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import magical
from magical.cli import main
from magical.project import Project, Run

NO_TRACKING = "[tracking]\nenabled = false\nreport = false\n"

IMPORTS = """\
from typing import Any, Literal, TypeVar

import polars as pl

from magical import (
    Contract, Field, Frame, Id, InputPath, OutputPath, Parts, Settings, Target,
    emit, keep, partition, rule, scratch, step, workflow,
)

C = TypeVar("C")
"""

FLOW = (
    IMPORTS
    + '''
from helpers import twice


class Customer(Contract):
    """A customer."""

    id: Id[int]
    x: int = Field(ge=0, le=900, description="how much")


class FlowSettings(Settings):
    source: InputPath = InputPath("x.csv")
    max_id: int = Field(default=90, ge=1, le=100)
    unread: int = 1


@step
def raw(source: InputPath) -> Frame:
    return pl.read_csv(source)


@step
def model(raw: Frame, contract: type[C]) -> Frame[C]:
    return raw


@step
def clean(customers: Frame[Customer], max_id: int) -> Frame[Customer]:
    """Keep the first ones."""
    good = customers.filter(pl.col("id") < max_id)
    return good.with_columns(x=twice(pl.col("x")))


@step
def split(customers: Frame[C]) -> Parts[C]:
    n = customers.height
    return partition(customers, ["train"] * (n - 2) + ["test", "validation"])


@step
def size(table: Frame[C]) -> int:
    return table.height


@workflow
def flow(s: FlowSettings) -> int:
    customers = clean(model(raw(s.source), Customer), s.max_id)
    train, validation, test = split(customers)
    return size(train)
'''
)

HELPERS = """\
from deep import FACTOR, inner


def twice(e):
    return inner(e) * FACTOR
"""

DEEP = """\
FACTOR = 2


def inner(e):
    return e + 0


def unrelated():
    return 1
"""

CSV = "id,x\n" + "".join(f"{i},{i * 3 % 7}\n" for i in range(1, 41))

ALL = ["raw", "model", "clean", "split", "size"]
"""The nodes of the standard small project, in order."""


@dataclass(frozen=True)
class Answer:
    """The output and the exit code of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output, read as JSON."""
        return json.loads(self.out)


class Small:
    """A project in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str | bytes) -> Path:
        """Write one file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text, which must occur once."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def load(self, profile: str = "", register: bool = False) -> Project:
        """Open it as a new process would."""
        return magical.load(self.root, profile=profile, register=register)

    def run(self, step: str = "", **settings: Any) -> Run:
        """Run it."""
        return self.load().run(step, **settings)

    def ran(self, **settings: Any) -> list[str]:
        """Run it and return the nodes whose bodies ran."""
        return self.run(**settings).executed

    def states(self, **settings: Any) -> dict[str, str]:
        """Return the planned state of each node."""
        return {name: plan.state for name, plan in self.load().plan(**settings).items()}

    def why(self, step: str, **settings: Any) -> str:
        """Return the answer of ``why`` as text."""
        return str(self.load().why(step, **settings))

    def fails(self, **settings: Any) -> dict[str, magical.errors.MagicalError]:
        """Run it and return the errors of the nodes that failed."""
        return self.load().execute("", settings).errors

    def command(self, *words: str) -> Answer:
        """Run the command in this process."""
        return command(*words, "--project", str(self.root))

    def process(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command in its own process."""
        return python("-m", "magical.cli", *words, "--project", str(self.root), **environment)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the events of all runs, oldest first."""
        for journal in sorted((self.root / ".magical" / "runs").glob("*/journal.jsonl")):
            for line in journal.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    yield json.loads(line)

    def files(self) -> dict[str, float]:
        """Return every file under ``.magical`` with its modification time."""
        home = self.root / ".magical"
        return {str(p.relative_to(home)): p.stat().st_mtime for p in home.rglob("*") if p.is_file()}


def project(root: Path, files: Mapping[str, str], *, tracking: bool = False) -> Small:
    """Write a project, by default without tracking."""
    small = Small(root)
    small.root.mkdir(parents=True, exist_ok=True)
    if not tracking and "settings.toml" not in files:
        small.write("settings.toml", NO_TRACKING)
    for name, text in files.items():
        small.write(name, text)
    return small


def flow(root: Path, workflow: str = FLOW) -> Small:
    """Write the standard small project: raw -> model -> clean -> split -> size, with two helper modules."""
    return project(root, {"workflow.py": workflow, "helpers.py": HELPERS, "deep.py": DEEP, "x.csv": CSV})


def one(root: Path, body: str, *, top: str = "") -> Small:
    """Write a project of one file: ``body`` below the usual imports, ``top`` above it."""
    return project(root, {"workflow.py": IMPORTS + textwrap.dedent(top) + textwrap.dedent(body)})


def command(*words: str) -> Answer:
    """Run the command in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    said = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with mock.patch.object(sys, "argv", ["magical", *words]), said[0], said[1]:
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    return Answer(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def leaving_no_trace() -> Iterator[None]:
    """Remove the finders and modules of the projects that are loaded in a block."""
    modules, finders = sys.modules.copy(), list(sys.meta_path)
    yield
    sys.meta_path[:] = [f for f in sys.meta_path if f in finders or "_ProjectFinder" not in repr(f)]
    for name, module in sys.modules.copy().items():  # a copy: the collector may import while it is made
        is_new = module is not modules.get(name)  # also one of a name that was there
        if is_new and "pytest-of-" in (getattr(module, "__file__", None) or ""):
            del sys.modules[name]


@contextlib.contextmanager
def without_other_projects() -> Iterator[None]:
    """Set aside, for a block, the finders of projects that a fixture of wider scope has loaded."""
    finders = list(sys.meta_path)
    sys.meta_path[:] = [f for f in finders if "_ProjectFinder" not in repr(f)]
    try:
        yield
    finally:  # also keep those that a library added meanwhile: importlib_metadata replaces Python's own
        sys.meta_path[:] = [*finders, *(f for f in sys.meta_path if f not in finders)]


def python(*words: str, cwd: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a new Python process."""
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, "DO_NOT_TRACK": "true", **environment},
        check=False,
    )


def is_well_worded(message: str) -> bool:
    """Return True if a message has at most five lines of bounded width, and ends in a hint."""
    lines = message.splitlines()
    return 2 <= len(lines) <= 5 and lines[-1].startswith("Hint: ") and max(map(len, lines)) <= 250
