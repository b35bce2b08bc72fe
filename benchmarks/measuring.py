"""Run a command and say what it cost: CPU seconds (user, system, children included) and the clock's."""

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

PYTHON = sys.executable
MAGICAL = str(Path(sys.executable).with_name("magical"))
IMPORTED = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s*([\w.]+)$", re.MULTILINE)
HEAVY = {"cloudpickle", "joblib", "lightgbm", "mlflow", "numpy", "optuna", "pandas", "polars", "prefect"}
HEAVY |= {"pyarrow", "scipy", "skops", "skrub", "sklearn"}


class CommandFailed(Exception):
    """A measured command did not do what it should."""


@dataclass(frozen=True)
class Cost:
    """What one command cost, and what it printed."""

    cpu: float
    wall: float
    out: str = ""
    err: str = ""


@dataclass
class Figures:
    """All costs measured so far, by what was measured."""

    costs: dict[str, list[Cost]] = field(default_factory=lambda: defaultdict(list))

    def note(self, costs: Mapping[str, Cost]) -> None:
        """Add one round."""
        for name, cost in costs.items():
            self.costs[name].append(cost)

    def cpu(self, name: str) -> float | None:
        """Give the median of the CPU seconds, if it was measured."""
        return median(c.cpu for c in self.costs[name]) if self.costs.get(name) else None

    def to_json(self) -> dict[str, Any]:
        """Give medians and samples."""
        return {
            name: {
                "cpu": round(median(c.cpu for c in costs), 3),
                "wall": round(median(c.wall for c in costs), 3),
                "samples": [round(c.cpu, 3) for c in costs],
            }
            for name, costs in self.costs.items()
        }


def cost_of(command: Sequence[str | Path], folder: Path) -> Cost:
    """Run a command in a folder.

    Raises:
        CommandFailed: it ended with an error.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise CommandFailed(f"{Path(command[0]).name} {command[1]} ended with {done.returncode}: {last}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, wall, done.stdout, done.stderr)


def magical_run(folder: Path, *words: str) -> tuple[Cost, list[str]]:
    """Run the project in a folder; give the cost, and the steps that ran."""
    cost = cost_of([MAGICAL, "run", "--json", *words], folder)
    return cost, json.loads(cost.out)["executed"]


def heavy_imports(folder: Path, *words: str) -> list[str]:
    """Give the heavy packages, and the project's own modules, that a magical command imports."""
    cost = cost_of([PYTHON, "-X", "importtime", MAGICAL, *words], folder)
    own = {path.stem for path in folder.glob("*.py")}
    return sorted({name.split(".")[0] for name in IMPORTED.findall(cost.err)} & (HEAVY | own))


def hand_written(path: Path) -> int:
    """Count the lines of a Python file that are neither blank nor comment nor docstring."""
    return sum(1 for _ in _code_lines(path.read_text(encoding="utf-8")))


def _code_lines(text: str) -> Iterator[str]:
    """Lines of code; docstrings here start and end with three quotes, as ruff keeps them."""
    inside = False
    for line in map(str.strip, text.splitlines()):
        quotes = line.count('"""')
        if line and not inside and not quotes and not line.startswith("#"):
            yield line
        inside ^= quotes == 1


def _environment() -> dict[str, str]:
    """The shell's variables, without those that change what is measured."""
    gone = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONPROFILEIMPORTTIME")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    return {**kept, "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
