"""The record of a run: what is in it is that run's own, and names neither secrets nor places."""

import json
from pathlib import Path

import pytest

from projects import Small, one
from recorded import levels

ASKING = """
@step(reads="world")
def asked() -> int:
    import os
    return int(os.environ["ANSWER"])

@step(reads="world")
def thing() -> object:
    import os
    return {int(os.environ["ANSWER"])}

@workflow
def asking() -> Any:
    return asked(), thing()
"""


@pytest.fixture
def asked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project that asks the world, which said 1 in the first run and 2 in the second."""
    small = one(tmp_path / "p", ASKING)
    for answer in ("1", "2"):
        monkeypatch.setenv("ANSWER", answer)
        small.run()
    return small


def test_an_earlier_run_is_not_compared_with_what_a_later_one_gave(
    asked_twice: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = asked_twice.load().runs()[-1].name
    steps = json.loads(asked_twice.command("runs", first, "--json").out)["steps"]
    assert [steps[name]["result"] for name in ("asked", "thing")] == [None, None]
    out = asked_twice.command("reproduce", first).out  # the world says 2, as in the run after that one
    assert "asked differs: other content, and what it gave then is no longer in the store." in out
    assert "thing not compared: what it gave then is no longer in the store." in out
    answer = asked_twice.command("reproduce", "last", "--json")
    assert levels(answer) == {"asked": "same", "thing": "same"}
    monkeypatch.setenv("ANSWER", "1")
    assert levels(asked_twice.command("reproduce", first, "--json"))["asked"] == "same"
