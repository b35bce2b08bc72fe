"""Measure a flow run of the nine steps in this folder in one process, with all imports done before.

The first run of each way warms up; the second, with other settings, counts.
"""

import contextlib
import json
import sys
import time
from typing import Any

import magical


def measure_overhead(seed: int, policy: dict[str, Any]) -> dict[str, float]:
    """Return what a run costs beyond the seconds of its steps; CPU seconds are those of this process."""
    cpu, wall = time.process_time(), time.monotonic()
    project = magical.load(".")
    done = project.execute("", {"seed": seed, "policy": policy, "tracking": {"enabled": False}})
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    assert not done.errors, done.errors
    own = sum(e["seconds"] for e in project.journal.events(done.name) if e["event"] == "StepFinished")
    return {"cpu": cpu - own, "wall": wall - own}


def main() -> None:
    """Print the costs as JSON."""
    ways = {"local": {}, "Prefect": {"runner": "prefect", "server": sys.argv[1]}}
    with contextlib.redirect_stdout(sys.stderr):
        for number, policy in enumerate(ways.values()):
            measure_overhead(100 + number, policy)
        costs = {title: measure_overhead(200 + n, policy) for n, (title, policy) in enumerate(ways.items())}
    print(json.dumps(costs))


main()
