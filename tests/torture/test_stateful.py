"""The random edits of tests/engine/test_stateful.py, different each time, and many more."""

import os
from pathlib import Path

from hypothesis import settings

import magical
from torture.living import Call, Living
from torture.living_kinds import KINDS
from torture.machine import Edited


class Longer(Edited):
    """The same machine, with its own settings."""


Longer.TestCase.settings = settings(
    max_examples=int(os.environ.get("EDITED", "300")), stateful_step_count=40, deadline=None, database=None
)
TestLonger = Longer.TestCase


def test_an_edit_of_any_number_runs_what_refers_to_it_and_nothing_else(tmp_path: Path) -> None:
    living = Living(tmp_path)
    for kind in KINDS:
        living.state.functions[f"step_{kind}"] = (kind, 0 if kind == "constant" else 1)
        wires = {"n": "s.n0", "path": "s.a", "t": "table"}
        given = [wires.get(name, "constant") for name, _ in living.parameters(f"step_{kind}")]
        living.state.calls.append(Call(kind, f"step_{kind}", given))

    def run() -> set[str]:
        living.write()
        project = magical.load(tmp_path)
        data = {n.name: n.data for n in project.graph().nodes}
        return {data[name] for name in project.run().executed} & set(KINDS)

    assert run() == set(KINDS)
    known, again = set(living.fingerprints().values()), set()
    for name in [n for n in sorted(living.used() & set(living.state.numbers)) for _ in range(3)]:
        living.state.numbers[name] = (living.state.numbers[name] + 1) % 4
        ran, texts = run(), living.fingerprints()
        assert ran == {data for data, text in texts.items() if text not in known}, name
        known |= set(texts.values())
        again |= ran
    assert again == set(KINDS)
