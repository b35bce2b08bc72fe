"""mypy, with one cache for all tests, so that the types of the libraries are read once."""

import fcntl
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".mypy_cache" / "examples" / "campaign"
"""The cache of `make check`, which CI runs first."""


def mypy(*paths: Path) -> "subprocess.CompletedProcess[str]":
    """Check files like those of a project, whose unwritten steps have empty bodies."""
    words = ["--cache-dir", str(CACHE), "--config-file", str(ROOT / "pyproject.toml")]
    command = [sys.executable, "-m", "mypy", "--disable-error-code", "empty-body", *words, *map(str, paths)]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        return subprocess.run(command, capture_output=True, text=True, check=False)
