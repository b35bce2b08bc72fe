"""The record of a run: it has the results of that run alone, and no secrets or paths."""

import json
from pathlib import Path

import pytest

from projects import Small, one
from recorded import clone, levels

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
    """A project that reads the world: 1 in the first run, 2 in the second."""
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
    assert "asked differs: other content, and its earlier result is no longer in the store." in out
    assert "thing not compared: its earlier result is no longer in the store." in out
    answer = asked_twice.command("reproduce", "last", "--json")
    assert levels(answer) == {"asked": "same", "thing": "same"}
    monkeypatch.setenv("ANSWER", "1")
    assert levels(asked_twice.command("reproduce", first, "--json"))["asked"] == "same"


SECRET = """
from magical import Secret

class S(Settings):
    password: Secret = Secret("env:DB_PASSWORD")
    more: int = 1

@step
def told(password: Secret) -> dict[str, Any]:
    return {"text": password.reveal(), "score": 0.5}

@workflow
def secretive(s: S) -> dict[str, Any]:
    return told(s.password)
"""


def export(small: Small, **environment: str) -> str:
    """The record of the last run, written by a process that has not revealed any secret."""
    done = small.process("runs", "last", "--json", **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_secret_is_in_a_record_though_the_workflow_of_then_can_no_longer_be_drawn(tmp_path: Path) -> None:
    small = one(tmp_path / "p", SECRET)
    assert small.process("run", "more=2", DB_PASSWORD="tiger-in-the-tank").returncode == 0
    small.edit("workflow.py", "    more: int = 1\n", "")
    assert "tiger-in" not in export(small, DB_PASSWORD="tiger-in-the-tank")


def test_where_a_secret_cannot_be_read_no_value_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = one(tmp_path / "p", SECRET)
    assert small.process("run", DB_PASSWORD="tiger-in-the-tank").returncode == 0
    text = export(small)
    assert "tiger-in" not in text
    assert json.loads(text)["steps"]["told"]["result"]["floats"]["sums"] == [0.5]
    (tmp_path / "record.json").write_text(text)
    monkeypatch.setenv("DB_PASSWORD", "tiger-in-the-tank")
    said = clone(small, tmp_path / "b").command("reproduce", str(tmp_path / "record.json"))
    assert (said.code, said.out) == (0, "secretive: 1 step: 1 agrees to the last bit.\n")


PATHS = """
class S(Settings):
    where: str = "x"
    folder: InputPath = InputPath("f")
    target: OutputPath = OutputPath("out.txt")

class Broken:
    def __reduce__(self):
        return (open, ("/opt/never/there.bin",))

@step
def read(where: str) -> str:
    from pathlib import Path
    return Path(where).read_text()

@step
def broken(read: str, target: OutputPath) -> Broken:
    return Broken()

@workflow
def flow(s: S) -> Any:
    return broken(read(s.where), s.target)
"""


def test_a_text_that_is_a_path_is_given_again_as_it_was(tmp_path: Path) -> None:
    small = one(tmp_path / "p", PATHS)
    small.write("in.txt", "hello")
    small.run(where=str(small.root / "in.txt"))
    answer = small.command("reproduce", "last", "--json")
    assert levels(answer)["read"] == "same"
    assert answer.json["changes"] == []


def test_a_record_names_no_place_where_a_setting_is_a_path_or_a_result_cannot_be_read(tmp_path: Path) -> None:
    small = one(tmp_path / "p", PATHS)
    small.write("in.txt", "hello")
    places = {"folder": str(tmp_path / "gone" / "*.csv"), "target": str(tmp_path / "new" / "out.txt")}
    small.run(where=f"{small.root}/in.txt", **places)
    found = json.loads(small.command("runs", "last", "--json").out)
    assert "there.bin" in found["steps"]["broken"]["result"]["unknown"]
    assert found["settings"].pop("where") == f"{small.root}/in.txt"  # a text, for all that is known
    found["steps"]["read"]["parts"].pop("argument:where")
    assert str(tmp_path) not in json.dumps(found)
    assert "/opt" not in json.dumps(found)
