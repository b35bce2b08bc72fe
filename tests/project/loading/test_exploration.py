"""A run with other settings than those of the files explores: what writes to the world is left out."""

import json
import shutil
from pathlib import Path

import pytest

import magical
from magical.errors import UsageError
from projects import IMPORTS, NO_TRACKING, Answer, Small, project

WORKFLOW = (
    IMPORTS
    + """
class Cut(Settings):
    seed: int = 7
    test: float = 0.2


class S(Settings):
    source: InputPath = InputPath("data/x.csv")
    max_age: int = 90
    cut: Cut = Cut()
    steps: tuple[str, ...] = ("a", "b")
    unread: int = 1


@step
def size(source: InputPath, max_age: int, cut: Cut, steps: tuple[str, ...]) -> int:
    return len(source.read_text()) * max_age


@step(writes="world")
def register(size: int) -> str:
    with open("WORLD", "a") as file:
        file.write(f"{size}\\n")
    return f"version of {size}"


@step
def announce(version: str) -> str:
    return f"there is a {version}"


@workflow
def shop(s: S) -> Any:
    return announce(register(size(s.source, s.max_age, s.cut, s.steps)))
"""
)
REASON = "this run explores (max_age 80, the files say 90)"
HINT = "Hint: --register includes it; or write the setting into settings.toml."


@pytest.fixture
def shop(tmp_path: Path) -> Small:
    """A project that publishes a number, run once as its files say."""
    root = tmp_path / "shop"
    files = {"workflow.py": WORKFLOW.replace("WORLD", str(tmp_path / "world.txt")), "data/x.csv": "abc"}
    small = project(root, files)
    assert small.ran() == ["size", "register", "announce"]
    return small


def world(small: Small) -> list[int]:
    """Return what has been published."""
    return list(map(int, (small.root.parent / "world.txt").read_text().split()))


def states(answer: Answer) -> dict[str, str]:
    return {entry["step"]: entry["state"] for entry in answer.json}


def test_a_command_with_another_setting_writes_nothing_and_says_so_once(shop: Small) -> None:
    answer = shop.command("run", "max_age=80")
    assert answer.code == 0
    assert world(shop) == [270]
    assert f"  register was left out: {REASON}.\n" in answer.out
    assert "  announce was left out: register was left out.\n" in answer.out
    assert answer.out.count(HINT) == answer.out.count("explores") == 1
    again = shop.command("run", "max_age=80")
    assert "nothing had to run; the step is fresh. 2 are left out.\n" in again.out
    assert f"  register was left out: {REASON}.\n" in again.out
    assert HINT in again.out
    as_json = shop.command("run", "max_age=80", "--json").json
    assert as_json["explores"] == ["max_age 80, the files say 90"]
    assert as_json["left_out"] == {"register": REASON, "announce": "register is left out"}


def test_register_includes_it_and_then_it_is_fresh_also_without(shop: Small) -> None:
    answer = shop.command("run", "max_age=80", "--register")
    assert "left out" not in answer.out
    assert world(shop) == [270, 240]
    answer = shop.command("run", "max_age=80")
    assert "nothing had to run; all 3 steps are fresh." in answer.out
    assert "version of 240" in shop.command("inspect", "register", "max_age=80").out
    assert "it is left out now" in shop.command("inspect", "register", "max_age=70").out
    for entry in (shop.root / ".magical" / "runs").iterdir():
        shutil.rmtree(entry)
    assert HINT in shop.command("inspect", "register", "max_age=70").err, "no run had it"
    assert world(shop) == [270, 240]


def test_plan_why_and_show_say_the_same_before_and_after_the_run(shop: Small) -> None:
    for _ in range(2):
        plan = shop.command("plan", "max_age=80")
        assert f"- register  left out  {REASON}" in plan.out
        assert plan.out.endswith(f"2 left out.\n{HINT}\n")
        found = states(shop.command("plan", "max_age=80", "--json"))
        assert (found["register"], found["announce"]) == ("left out", "left out")
        why = shop.command("why", "register", "max_age=80")
        assert why.out == f"register: it is left out: {REASON}.\n{HINT}\n"
        assert shop.command("why", "announce", "max_age=80").out.startswith(
            "announce: it is left out: register is left out."
        )
        assert f"register is left out: {REASON}.\n{HINT}\n" in shop.command("check", "max_age=80").out
        drawing = shop.command("show", "max_age=80")
        assert f"register is left out: {REASON}.\n{HINT}\n" in drawing.out
        assert shop.command("show", "max_age=80", "--json").json["states"]["register"] == "left out"
        shop.command("run", "max_age=80")


def test_with_register_they_say_that_it_runs(shop: Small) -> None:
    assert states(shop.command("plan", "max_age=80", "--register", "--json"))["register"] == "waits"
    shop.command("run", "max_age=80")
    assert states(shop.command("plan", "max_age=80", "--register", "--json"))["register"] == "to run"
    assert "it runs again" in shop.command("why", "register", "max_age=80", "--register").out
    shown = shop.command("show", "max_age=80", "--register", "--json").json
    assert shown["states"]["register"] == "stale"
    assert shown["notes"] == []
    assert "left out" not in shop.command("check", "max_age=90").out


@pytest.mark.parametrize(
    "words",
    [
        ("max_age=90", "cut.seed=7", "steps.1=b", "policy.workers=2", "tracking.experiment=other"),
        ("cut={seed=7, test=0.2}", 'steps=["a", "b"]', "policy.retries=1"),
    ],
)
def test_an_override_that_restates_a_file_and_policy_are_no_difference(
    words: tuple[str, ...], shop: Small
) -> None:
    shop.write("data/x.csv", "abcd")
    answer = shop.command("run", *words)
    assert "explores" not in answer.out
    assert world(shop) == [270, 360]


def test_an_equal_number_of_another_type_is_a_difference(shop: Small) -> None:
    text = (shop.root / "workflow.py").read_text()
    shop.write("workflow.py", text.replace("max_age: int", "max_age: int | float"))
    assert "explores" not in shop.command("plan", "max_age=90").out
    assert "explores (max_age 90.0, the files say 90)" in shop.command("plan", "max_age=90.0").out


@pytest.mark.parametrize("folder", [".", ".."])
def test_a_path_is_compared_by_the_file_that_it_names(
    folder: str, shop: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.root / folder)
    path = "shop/data/x.csv" if folder == ".." else "data/../data/x.csv"
    shop.write("data/x.csv", "abcd")
    shop.write("y.csv", "abcde")
    assert "explores" not in shop.command("run", f"source={path}").out
    assert world(shop) == [270, 360]
    answer = shop.command("run", f"source={shop.root / 'y.csv'}")
    assert "this run explores (source y.csv, the files say data/x.csv)" in answer.out
    assert world(shop) == [270, 360]


def test_each_setting_is_named_and_many_are_counted(shop: Small) -> None:
    words = ("cut.seed=8", "steps.0=z", "max_age=80", "unread=2", "cut.test=0.3")
    answer = shop.command("run", *words)
    assert (
        "register was left out: this run explores (max_age 80, the files say 90; cut.seed 8, the files say 7; "
        "cut.test 0.3, the files say 0.2; 2 more)." in answer.out
    )
    assert "steps.0 z, the files say a" in shop.command("run", *words, "--json").json["explores"]


def test_the_files_are_settings_toml_and_the_profile(shop: Small) -> None:
    shop.write("settings.toml", NO_TRACKING)
    shop.write("profiles/quick.toml", "max_age = 80\n")
    assert "left out" not in shop.command("run", "--profile", "quick").out
    assert world(shop) == [270, 240]
    answer = shop.command("run", "--profile", "quick", "max_age=90")
    assert "left out" not in answer.out, "this has been registered before, and is fresh"
    answer = shop.command("run", "--profile", "quick", "max_age=70")
    assert "this run explores (max_age 70, the files say 80)" in answer.out
    shop.write("settings.toml", f"max_age = 60\n{NO_TRACKING}")
    assert "left out" not in shop.command("run").out
    assert world(shop) == [270, 240, 180]


def test_without_a_valid_file_every_setting_of_the_line_is_a_difference(shop: Small) -> None:
    shop.edit("workflow.py", "    max_age: int = 90\n", "    max_age: int\n")
    answer = shop.command("run", "max_age=80")
    assert answer.code == 0
    assert "this run explores (max_age 80, and no file has a valid one)" in answer.out


def test_in_python_the_run_names_what_it_left_out(shop: Small) -> None:
    project = shop.load()
    run = project.run(max_age=80)
    assert world(shop) == [270]
    assert run.left_out == {"register": REASON, "announce": "register was left out"}
    assert repr(run).endswith(f"done, 1 of 3 steps ran; without register: {REASON}>")
    with pytest.raises(UsageError, match="register was left out: this run explores") as caught:
        _ = run["register"]
    assert caught.value.hint == "magical.load(..., register=True) includes it."
    assert project.plan(max_age=80)["register"].state == "left out"
    assert project.run(max_age=90).left_out == {}
    run = magical.load(shop.root, register=True).run(max_age=80)
    assert (run["register"], run.left_out) == ("version of 240", {})
    assert world(shop) == [270, 240]


def test_what_else_writes_nothing_keeps_its_own_reason(shop: Small) -> None:
    answer = shop.command("run", "max_age=80", "--sample", "5", "--register")
    assert "register was left out: it stands on size (sample)." in answer.out
    answer = shop.command("pretend", "max_age=80")
    assert "register was left out: what it would write is pretended." in answer.out or (
        "register was left out: it stands on" in answer.out
    )
    assert "explores" not in answer.out
    assert world(shop) == [270]


def test_a_writing_step_without_inputs_is_left_out_too_and_one_that_reads_the_world(shop: Small) -> None:
    shop.edit("workflow.py", "def register(size: int)", "def register(age: int)")
    shop.edit("workflow.py", "{size}\\n", "{age}\\n")
    shop.edit("workflow.py", "version of {size}", "version of {age}")
    shop.edit("workflow.py", "register(size(s.source, s.max_age, s.cut, s.steps))", "register(s.max_age)")
    shop.edit("workflow.py", '@step(writes="world")', '@step(writes="world", reads="world")')
    assert shop.command("run", "max_age=80", "--sample", "5").code == 0
    assert world(shop) == [270]
    shop.command("run", "max_age=80", "--register")
    assert world(shop) == [270, 80]
    shop.command("run", "max_age=80")
    assert world(shop) == [270, 80], "it would write each time, and a run that explores never does"


@pytest.mark.slow
def test_a_step_that_runs_in_its_own_process_is_left_out(shop: Small) -> None:
    answer = shop.command("run", "max_age=80", "policy.timeout=60")
    assert f"register was left out: {REASON}." in answer.out
    assert world(shop) == [270]
    shop.command("run", "max_age=80", "policy.timeout=60", "--register")
    assert world(shop) == [270, 240]


def test_inputs_that_come_out_as_registered_leave_it_fresh(shop: Small) -> None:
    """A setting that changes no result: the plan cannot know that, the run does."""
    assert shop.states(**{"cut": {"seed": 8}})["register"] == "left out"
    run = shop.run(cut={"seed": 8})
    assert run.executed == ["size"]
    assert run.left_out == {}


def test_the_journal_and_the_list_of_runs_name_the_settings(shop: Small) -> None:
    shop.command("run", "max_age=80")
    shop.command("run", "max_age=70", "--register")
    explored = [e["explores"] for e in shop.events() if e["event"] == "RunStarted"]
    assert explored == [[], ["max_age 80, the files say 90"], []]
    listed = shop.command("runs").out.splitlines()
    assert ["explored max_age 80, the files say 90" in line for line in listed] == [False, True, False]
    name = shop.command("runs", "--json").json[1]["run"]
    assert "explored  max_age 80, the files say 90" in shop.command("runs", name).out
    assert f"left out: {REASON}" in shop.command("runs", name).out


def test_a_secret_in_a_setting_is_not_named(shop: Small) -> None:
    shop.edit("workflow.py", "    unread: int = 1", '    unread: str = "postgresql://me:tigertiger@db/x"')
    answer = shop.command("run", "max_age=80", "unread=postgresql://me:sesamseed@db/x")
    assert "unread postgresql://me:***@db/x, the files say postgresql://me:***@db/x)" in answer.out
    seen = answer.out + answer.err + json.dumps([*shop.events()])
    for path in (shop.root / ".magical").rglob("*.json*"):
        seen += path.read_text()
    assert "sesamseed" not in seen
    assert "tigertiger" not in seen


def test_a_replay_and_a_reproduction_of_it_write_nothing(shop: Small) -> None:
    shop.command("run", "max_age=80", "--register")
    answer = shop.command("replay", "last", "announce")
    assert "there is a version of 240" in answer.out
    assert "anew" not in answer.err, "its input is what the project would give, with these settings"
    shop.command("run", "max_age=70")
    answer = shop.command("reproduce", "last")
    assert answer.code == 0, answer.out + answer.err
    assert world(shop) == [270, 240]


@pytest.mark.slow
def test_a_command_in_its_own_process_leaves_it_out(shop: Small) -> None:
    done = shop.process("run", "max_age=80")
    assert done.returncode == 0, done.stderr
    assert f"register was left out: {REASON}." in done.stdout
    assert world(shop) == [270]
