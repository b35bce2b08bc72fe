"""Measure commands: CPU seconds (user and system, with children) and seconds by the clock."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, Any

PYTHON = sys.executable
MAGICAL = str(Path(sys.executable).with_name("magical"))
IMPORT_LINE = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s*([\w.]+)$", re.MULTILINE)
HEAVY_PACKAGES = {"cloudpickle", "joblib", "lightgbm", "mlflow", "numpy", "optuna", "pandas", "polars"}
HEAVY_PACKAGES |= {"prefect", "pyarrow", "scipy", "skops", "skrub", "sklearn"}


class CommandFailed(Exception):
    """A measured command did not do what it should."""


@dataclass(frozen=True)
class Cost:
    """What one command cost, and what it printed; ``peak`` is the memory of its largest process, in bytes."""

    cpu: float
    wall: float
    out: str = ""
    err: str = ""
    peak: int = 0


@dataclass
class Measurements:
    """All costs measured so far, by the name of what was measured."""

    costs: dict[str, list[Cost]] = field(default_factory=lambda: defaultdict(list))

    def add_round(self, costs: Mapping[str, Cost]) -> None:
        """Add one round."""
        for name, cost in costs.items():
            self.costs[name].append(cost)

    def median_cpu(self, name: str) -> float | None:
        """Return the median of the CPU seconds; None if it was not measured."""
        return median(c.cpu for c in self.costs[name]) if self.costs.get(name) else None

    def median_wall(self, name: str) -> float | None:
        """Return the median of the seconds by the clock; None if it was not measured."""
        return median(c.wall for c in self.costs[name]) if self.costs.get(name) else None

    def median_peak(self, name: str) -> float | None:
        """Return the median of the peak memory, in bytes; None if it was not measured."""
        return median(c.peak for c in self.costs[name]) if self.costs.get(name) else None

    def to_json(self) -> dict[str, Any]:
        """Return medians and samples."""
        return {
            name: {
                "cpu": round(median(c.cpu for c in costs), 3),
                "wall": round(median(c.wall for c in costs), 3),
                "peak": round(median(c.peak for c in costs)),
                "samples": [round(c.cpu, 3) for c in costs],
            }
            for name, costs in self.costs.items()
        }


def measure_command(command: Sequence[str | Path], folder: Path) -> Cost:
    """Run a command in a folder.

    Raises:
        CommandFailed: it ended with an error.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=folder, env=_build_environment(), stdout=out, stderr=err
        )
        # Not process.wait(): only wait4 tells what this command alone used.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        texts = [_read_again(file) for file in (out, err)]
    if process.returncode:
        last = "\n".join((texts[1] or texts[0]).strip().splitlines()[-5:])
        raise CommandFailed(f"{Path(command[0]).name} {command[1]} ended with {process.returncode}: {last}")
    return Cost(used.ru_utime + used.ru_stime, wall, *texts, used.ru_maxrss * 1024)


def measure_run(folder: Path, *words: str) -> tuple[Cost, list[str]]:
    """Run the project in a folder; return the cost and the steps that ran."""
    cost = measure_command([MAGICAL, "run", "--json", *words], folder)
    return cost, json.loads(cost.out)["executed"]


def find_heavy_imports(folder: Path, *words: str) -> list[str]:
    """List the heavy packages, and the project's own modules, that a magical command imports."""
    cost = measure_command([PYTHON, "-X", "importtime", MAGICAL, *words], folder)
    own = {path.stem for path in folder.glob("*.py")}
    return sorted({name.split(".")[0] for name in IMPORT_LINE.findall(cost.err)} & (HEAVY_PACKAGES | own))


def count_code_lines(path: Path) -> int:
    """Count the lines of a Python file that are neither blank nor comment nor docstring."""
    return sum(1 for _ in _iter_code_lines(path.read_text(encoding="utf-8")))


def _iter_code_lines(text: str) -> Iterator[str]:
    """Yield the lines of code; docstrings start and end with three quotes, as ruff formats them."""
    inside = False
    for line in map(str.strip, text.splitlines()):
        quotes = line.count('"""')
        if line and not inside and not quotes and not line.startswith("#"):
            yield line
        inside ^= quotes == 1


def _read_again(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _build_environment() -> dict[str, str]:
    """Return the environment without the variables that change what is measured."""
    removed = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONPROFILEIMPORTTIME")
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return {**kept, "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
