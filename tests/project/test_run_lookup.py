"""Runs named by themselves, or by the model that they registered."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from magical.engine.journal import Journal
from magical.engine.protocols import Version
from magical.errors import UsageError
from magical.events import RunStarted
from magical.project.run_lookup import find_evidence
from memory_registry import MemoryRegistry


def test_a_run_is_found_by_its_name_or_by_its_model(tmp_path: Path) -> None:
    journal, registry = Journal(tmp_path / "runs"), MemoryRegistry(tmp_path)
    names = [journal.create_run() for _ in range(2)]
    for name in names:
        journal.write(name, RunStarted(run=name, workflow="flow", settings={}, nodes=[]))
    context: Any = SimpleNamespace(journal=journal, store=None, root=tmp_path, registry=lambda: registry)
    context.reopen = lambda **_: context

    def find(name: str) -> str:
        return find_evidence(context, name).summary.name

    assert (find("last"), find(names[0])) == (names[1], names[0])
    with pytest.raises(UsageError, match="No model is the champion"):
        find("champion")
    registry.found = [
        Version("churn", "1", "k1", ("champion",), {"magical.run": names[0]}),
        Version("churn", "2", "k2", (), {"magical.run": "run-of-another-machine"}),
    ]
    registry.champions = {"churn": ["1"]}
    assert (find("champion"), find("churn/1")) == (names[0], names[0])
    with pytest.raises(UsageError, match="registered churn version 2 is not in this project"):
        find("churn/2")
    with pytest.raises(UsageError, match="churn/3"):
        find("churn/3")
