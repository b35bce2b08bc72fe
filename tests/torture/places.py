"""Unusual folders and clocks for a project."""

import os
import shlex
import textwrap
from pathlib import Path

from projects import Small
from torture.running import answer, patient, result_of, start

NAMES = [
    "a b",
    "ünï çödé 数据",
    'it\'s "quoted"',
    "100% #1 ?x&y=z;",
    "a+b@c:d,e~[1]{2}$HOME `x`",
    "%41%20",
    "back\\slash",
    "-dash",
    " lead and trail ",
    "*.py",
    "é" * 60,
]
CLOCK = """
import time

real, began = time.time, time.monotonic()


def jumping() -> float:
    passed = time.monotonic() - began
    return real() - (7200.0 if passed > AFTER else 0.0)


time.time = jumping
"""
"""A clock that goes back by two hours while the run is under way."""


def live_in(root: Path) -> None:
    """Run, run again, and ask, in some folder."""
    small = patient(root)
    said = small.process("run", "seed=4").stdout
    (line,) = [line for line in said.splitlines() if line.startswith("  magical runs")]
    assert Path(shlex.split(line)[-1]).resolve() == root.resolve(), "what is said can be typed"
    assert answer(start(small, "run", "--json", "--register", "seed=3"))["state"] == "done"
    assert answer(start(small, "run", "--json", "--register", "seed=3"))["executed"] == []
    assert small.run(seed=3)["total"] == result_of(3)
    for verb in (
        ["show", "seed=3"],
        ["plan", "seed=3"],
        ["why", "total", "seed=3"],
        ["runs"],
        ["inspect", "total", "seed=3"],
    ):
        done = small.process(*verb)
        assert done.returncode == 0, done.stderr


def live_with_jumps(folder: Path, *moments: float) -> None:
    """Run under a clock that jumps back after so many seconds, and afterwards under a right one."""
    small: Small = patient(folder / "p")
    place = folder / "clock"
    place.mkdir()
    path = {"PYTHONPATH": _before(place)}
    for seed, after in enumerate(moments):
        (place / "sitecustomize.py").write_text(textwrap.dedent(CLOCK).replace("AFTER", str(after)))
        assert answer(start(small, "run", "--json", "--register", f"seed={seed}", **path))["state"] == "done"
        assert answer(start(small, "run", "--json", "--register", f"seed={seed}", **path))["executed"] == []
        assert small.run(seed=seed)["total"] == result_of(seed)
        assert small.process("runs").returncode == 0
        assert small.process("why", "total", f"seed={seed}").returncode == 0


def _before(place: Path) -> str:
    return os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH", "")])])
