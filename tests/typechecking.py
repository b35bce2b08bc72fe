"""mypy, with one cache for all tests: what the libraries say is read once."""

import fcntl
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".mypy_cache" / "examples" / "campaign"
"""Where `make check` has it, too, which comes first in CI."""


def mypy(*paths: Path) -> "subprocess.CompletedProcess[str]":
    """Check files as a project's author does, whose unwritten steps have empty bodies."""
    words = ["--cache-dir", str(CACHE), "--config-file", str(ROOT / "pyproject.toml")]
    command = [sys.executable, "-m", "mypy", "--disable-error-code", "empty-body", *words, *map(str, paths)]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        return subprocess.run(command, capture_output=True, text=True, check=False)
