"""Run the nine steps in this folder, with all that is imported in place: what a flow run alone costs.

The first run of each way warms; the second has other settings and counts.
"""

import contextlib
import json
import sys
import time
from typing import Any

import magical


def run(seed: int, policy: dict[str, Any]) -> dict[str, float]:
    """Give what a run costs beyond its steps' own seconds; CPU seconds are of this process."""
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
            run(100 + number, policy)
        costs = {title: run(200 + n, policy) for n, (title, policy) in enumerate(ways.items())}
    print(json.dumps(costs))


main()
