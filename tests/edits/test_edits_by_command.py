"""A cross-check of the table: the command in a new process and a fork find the same keys."""

import pytest

from edits.edit_table import CASES
from edits.harness import ForkServer, placed
from projects import Small

SOME = [
    "file: open().read()",
    "literal: 0.0 to -0.0",
    "class: pydantic default_factory",
    "function: argument of a decorator",
    "effect: decorator",
    "import: re-export of a package",
    "world: while drawing: file",
    "argument: order of a dict in settings",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", SOME)
def test_the_command_and_a_fork_agree_on_what_must_run(fork_server: ForkServer, name: str) -> None:
    with placed(CASES[name], fork_server) as place:
        done = Small(place.root).process("run")
        assert not done.returncode, done.stderr
        assert not place.run().executed, "a fork runs what the command made"
        place.edit()
        done = Small(place.root).process("run")
        assert not done.returncode, done.stderr
        assert not place.run(edited=True).executed, "a fork runs what the command made"
        stored = place.run_from_nothing()
        assert stored.executed
        finished = [e for e in Small(place.root).events() if e["event"] == "StepFinished"]
        done = Small(place.root).process("run")
        assert not done.returncode, done.stderr
        again = [e for e in Small(place.root).events() if e["event"] == "StepFinished"]
        assert len(again) == len(finished) > 0, "the command runs what a fork made"
