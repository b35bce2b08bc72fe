"""Replay of a failed step with its old inputs and the present code, and the debugger where it raised."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import magical
from magical.errors import StepError, StoreError, UsageError
from magical.project.replay import replay_step
from projects import FLOW, Small, flow, is_well_worded, one

BODY = '    good = customers.filter(pl.col("id") < max_id)\n'


@pytest.fixture
def failed(tmp_path: Path) -> Small:
    small = flow(tmp_path)
    small.edit("workflow.py", BODY, "    wrong = customers.height - 40\n    good = 1 / wrong\n")
    assert list(small.fails(max_id=33)) == ["clean"]
    return small


def test_a_failed_step_is_opened_with_its_inputs_and_the_settings_of_its_run(failed: Small) -> None:
    found = replay_step(failed.load(), "last", "clean")
    assert found.arguments["customers"].height == 40
    assert found.arguments["max_id"] == 33
    assert found.stale_inputs == ()
    with pytest.raises(StepError, match="ZeroDivisionError"):
        found()


def test_the_code_is_that_of_now_and_nothing_is_kept(failed: Small) -> None:
    failed.write("workflow.py", FLOW)
    before = failed.files()
    table = replay_step(failed.load(), "last", "clean")()
    assert table.height == 32
    kept = {n for n in failed.files() if n not in before and not n.startswith("drawn")}
    assert kept == set()
    assert failed.load().plan(max_id=33)["clean"].state == "to run"


def test_the_command(failed: Small) -> None:
    said = failed.command("replay", "last", "clean")
    assert said.code == 1
    assert "clean (workflow.py:" in said.err
    assert "customers: DataFrame of 40 × 2" in said.err
    assert "ZeroDivisionError" in said.err
    failed.write("workflow.py", FLOW)
    said = failed.command("replay", "last", "clean")
    assert said.code == 0
    assert said.out.startswith("clean gave, and nothing is kept of it:\nshape: (32, 2)")
    assert failed.command("replay", "last", "clean", "--json").json["step"] == "clean"


def test_inputs_that_would_be_made_anew_are_named(failed: Small) -> None:
    failed.edit("workflow.py", "    return raw\n", "    return raw.head(20)\n")
    found = replay_step(failed.load(), "last", "clean")
    assert found.stale_inputs == ("model",)
    assert found.arguments["customers"].height == 40
    assert "The project would make anew now: model." in str(found)


def test_a_step_that_finished_can_be_opened_too(failed: Small) -> None:
    assert replay_step(failed.load(), "last", "model")().height == 40
    assert replay_step(failed.load(), "last", "raw")().height == 40


def test_what_cannot_be_opened_is_said(failed: Small) -> None:
    project = failed.load()
    for run, step, kind in (
        ("last", "clena", UsageError),
        ("nope", "clean", UsageError),
        ("last", "size", UsageError),
    ):
        with pytest.raises(kind) as caught:
            replay_step(project, run, step)
        assert is_well_worded(str(caught.value))
    for record in (failed.root / ".magical/store/records").rglob("*.json"):
        record.unlink()
    with pytest.raises(StoreError, match="no longer in the store") as gone:
        replay_step(project, "last", "clean")
    assert is_well_worded(str(gone.value))


def test_a_step_that_writes_to_the_world_writes_nothing(tmp_path: Path) -> None:
    small = flow(tmp_path)
    text = FLOW.replace("    return size(train)\n", "    publish(size(train))\n    return size(train)\n")
    publish = """
from magical import Receipt
from magical.engine.protocols import current_step


@step(writes="world")
def publish(n: int) -> Receipt:
    if current_step() is None:
        return Receipt(False, "nothing is written outside a run")
    (Path(__file__).parent / "world").write_text("written")
    return Receipt(True, "written")


@workflow
"""
    small.write(
        "workflow.py",
        text.replace("\n@workflow\n", publish).replace(
            "import polars", "from pathlib import Path\n\nimport polars", 1
        ),
    )
    small.run()
    (small.root / "world").unlink()
    assert replay_step(magical.load(small.root), "last", "publish")().done is False
    assert not (small.root / "world").exists()


def debugged(small: Small, *words: str, typed: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "magical.cli", *words, "--project", str(small.root)]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_the_debugger_opens_where_the_step_raised(failed: Small) -> None:
    for words in (("run", "max_id=33", "--pdb"), ("replay", "last", "clean", "--pdb")):
        done = debugged(failed, *words, typed="p wrong, customers.height\nw\nq\n")
        assert done.returncode == 1, done.stderr
        assert "ZeroDivisionError: division by zero" in done.stdout
        assert "(0, 40)" in done.stdout
        assert "good = 1 / wrong" in done.stdout
        assert "perform.py" not in done.stdout
        assert "raised ZeroDivisionError" in done.stderr + done.stdout


def test_the_debugger_leaves_a_run_that_does_not_fail_alone(tmp_path: Path) -> None:
    done = debugged(flow(tmp_path), "run", "--pdb", typed="")
    assert done.returncode == 0
    assert "flow: done." in done.stdout


def test_inputs_of_another_store_are_taken_when_they_are_trusted(tmp_path: Path) -> None:
    small = one(
        tmp_path / "first",
        """
        class Thing:
            def __init__(self) -> None:
                self.x = 1

        @step
        def thing() -> Thing:
            return Thing()

        @step
        def used(thing: Thing) -> int:
            return thing.x

        @workflow
        def flow() -> int:
            return used(thing())
        """,
    )
    small.run()
    copy = shutil.copytree(small.root, tmp_path / "copy")
    with pytest.raises(StoreError):
        replay_step(magical.load(copy), "last", "used")
    assert replay_step(magical.load(copy, trust=True), "last", "used")() == 1


def test_what_a_replay_of_a_sample_gives_is_branded(tmp_path: Path) -> None:
    small = flow(tmp_path)
    text = FLOW.replace("def flow(s: FlowSettings) -> int", "def flow(s: FlowSettings) -> Scores")
    text = text.replace("size(table: Frame[C]) -> int", "size(table: Frame[C]) -> Scores")
    text = text.replace(
        "    return table.height\n",
        "    return Scores(task='binary', target='y', part='test', rows=1, metrics={'auc': ONE})\n",
    )
    top = "from magical.library import Score, Scores\n\nONE = Score(value=0.8, low=0.7, high=0.9)\n\n\nclass Customer"
    small.write("workflow.py", text.replace("class Customer", top, 1))
    assert small.command("run", "--sample", "20").code == 0
    assert replay_step(small.load(), "last", "size")().origin == ("raw (sample)",)
    assert "not real" in small.command("replay", "last", "size").out


def test_a_password_that_the_journal_masks_is_taken_from_the_settings_of_now(tmp_path: Path) -> None:
    small = flow(
        tmp_path,
        FLOW.replace(
            "    unread: int = 1\n", '    unread: int = 1\n    uri: str = "postgresql://me:tiger@db/sales"\n'
        )
        .replace("def size(table: Frame[C])", "def size(table: Frame[C], uri: str)")
        .replace("size(train)", "size(train, s.uri)"),
    )
    small.run()
    assert replay_step(small.load(), "last", "size").arguments["uri"] == "postgresql://me:tiger@db/sales"


def test_the_debugger_masks_what_is_secret(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.edit(
        "workflow.py", BODY, "    uri = 'postgresql://me:tiger99@db/sales'\n    raise ValueError(uri)\n"
    )
    done = debugged(small, "run", "--pdb", typed="p uri\nq\n")
    assert "ValueError: postgresql://me:***@db/sales" in done.stdout
    assert "tiger99" not in done.stdout.replace("(Pdb) 'postgresql", "") + done.stderr
