"""The command: its verbs, texts for people, JSON for programs, and exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from projects import ALL, IMPORTS, Small, command, flow, is_well_worded, one, project, python


@pytest.fixture
def done(small: Small) -> Small:
    small.run()
    return small


LEAK = (
    IMPORTS
    + """
from magical import Model


@step
def rows() -> Frame:
    return pl.DataFrame({"x": [1, 2, 3]})


@step
def split(table: Frame) -> Parts:
    return partition(table, ["train", "validation", "test"])


@step
def fit(table: Frame) -> Model:
    from magical.contracts.schema import Schema

    return Model(None, "regression", "x", Schema("S", ()))


@workflow
def flow() -> Any:
    train, validation, test = split(rows())
    fit(validation)
    return fit(test)
"""
)


def test_a_leak_ends_in_1_also_when_nothing_had_to_run(tmp_path: Path) -> None:
    small = project(tmp_path, {"workflow.py": LEAK})
    for _ in range(2):
        answer = small.command("run")
        assert answer.code == 1
        assert "error LEAK001 fit[2]: learns from the test part: split.test → fit[2]." in answer.out
        assert "warning WIRE001 fit[1]: is drawn, but nothing uses what it gives" in answer.out


# --- JSON -------------------------------------------------------------------------------------------------------

VERBS = [
    *["run", "run clean", "run max_id=11", "plan", "plan clean", "show", "show --settings", "why clean"],
    *["why clean max_id=3", "inspect clean", "inspect split", "inspect size", "runs", "runs last"],
]


@pytest.mark.parametrize("words", VERBS)
def test_every_verb_answers_in_json(done: Small, words: str) -> None:
    answer = done.command(*words.split(), "--json")
    assert answer.code == 0, answer
    assert isinstance(json.loads(answer.out), (dict, list))


def test_a_run_in_json(small: Small) -> None:
    answer = small.command("run", "--json").json
    assert answer["executed"] == ALL
    assert answer["fresh"] == []
    assert answer["state"] == "done"
    assert answer["results"] == {"size": "38"}
    again = small.command("run", "--json").json
    assert (again["run"], again["executed"], again["fresh"]) == ("", [], ALL)


def test_a_failed_run_in_json(small: Small) -> None:
    small.edit("workflow.py", "    return table.height\n", "    raise ValueError('later')\n")
    answer = small.command("run", "--json")
    assert answer.code == 1
    assert answer.json["state"] == "failed"
    assert is_well_worded(answer.json["errors"]["size"])


def test_a_plan_in_json(done: Small) -> None:
    answer = done.command("plan", "max_id=11", "--json").json
    assert [(n["step"], n["state"], n["after"]) for n in answer] == [
        ("raw", "fresh", []),
        ("model", "fresh", []),
        ("clean", "to run", []),
        ("split", "waits", ["clean"]),
        ("size", "waits", ["split"]),
    ]


def test_the_graph_in_json(done: Small) -> None:
    answer = done.command("show", "--json").json
    assert answer["states"] == dict.fromkeys(ALL, "fresh")
    assert [n["name"] for n in answer["nodes"]] == ALL
    assert answer["result"] == {"node": "size", "item": ""}


def test_settings_in_json(done: Small) -> None:
    answer = done.command("show", "--settings", "--json", "max_id=11").json
    assert answer["settings"]["max_id"] == 11
    assert answer["spoken"] == {"max_id": "command line"}


def test_runs_in_json(done: Small) -> None:
    (run,) = done.command("runs", "--json").json
    assert run["executed"] == ALL
    assert run["settings"]["max_id"] == 90
    record = done.command("runs", run["run"], "--json").json
    assert {name: record[name] for name in run} == run
    assert list(record["steps"]) == ALL


# --- texts ------------------------------------------------------------------------------------------------------


def test_what_a_run_says(small: Small) -> None:
    answer = small.command("run")
    lines = answer.out.splitlines()
    assert re.fullmatch(r"flow: done\. 5 steps ran, 0 were fresh, \d+\.\d s\.", lines[0])
    assert "  size: 38" in lines
    assert any(line.strip().startswith("magical inspect size") for line in lines)
    assert answer.err == "", "quiet when it is piped"


def test_what_a_run_says_when_nothing_had_to_run(done: Small) -> None:
    answer = done.command("run")
    assert answer.out.splitlines()[0] == "flow: nothing had to run; all 5 steps are fresh."


def test_what_a_failed_run_says(small: Small) -> None:
    small.edit("workflow.py", "    n = customers.height\n", "    raise ValueError('later')\n")
    answer = small.command("run")
    assert answer.err.splitlines() == ["✗ split failed", "- size  left out: split failed"]
    assert "split (workflow.py:" in answer.out
    assert "flow: failed; 1 failed, 1 left out. 3 steps ran, 0 were fresh" in answer.out


def test_a_plan(done: Small) -> None:
    assert done.command("plan", "max_id=11").out.splitlines() == [
        "= raw    fresh",
        "= model  fresh",
        "▶ clean  to run",
        "… split  waits   after clean",
        "… size   waits   after split",
        "flow: 2 fresh, 1 to run, 2 waits.",
    ]


def test_a_plan_of_unwritten_steps(small: Small) -> None:
    small.edit("workflow.py", "    return table.height\n", "    ...\n")
    assert "… size   waits   after split; pretended" in small.command("plan").out


def test_runs(small: Small) -> None:
    assert small.command("runs").out == "There are no runs yet.\nHint: magical run\n"
    small.run()
    small.run(max_id=11)
    lines = small.command("runs").out.splitlines()
    assert lines[0].endswith(" 3 ran  explored max_id 11, the files say 90")
    assert lines[1].endswith(" 5 ran")
    text = small.command("runs", "last").out
    assert re.search(r"^clean +ran +\d+ B$", text, re.M)
    assert re.search(r"^raw +fresh +1.0 kB$", text, re.M)


# --- odd places ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["with space", "ünïcode", "a=b", "-dash", "dot.", "quote'\""])
def test_a_project_may_lie_anywhere(tmp_path: Path, name: str) -> None:
    small = flow(tmp_path / name)
    assert small.command("run").code == 0
    assert small.command("why", "clean").code == 0
    assert small.command("run", "--json").json["fresh"] == ALL


def test_output_into_a_closed_pipe(done: Small) -> None:
    read = subprocess.Popen(["head", "-c", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    write = subprocess.run(
        [sys.executable, "-m", "magical.cli", "show", "--json", "--project", str(done.root)],
        stdout=read.stdin, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    read.communicate()
    assert "Traceback" not in write.stderr


def test_without_unicode(done: Small) -> None:
    """An output that cannot encode a character gets a replacement, not a traceback."""
    answer = done.process("plan", PYTHONIOENCODING="ascii:replace")
    assert answer.returncode == 0, answer.stderr
    assert "clean" in answer.stdout


def test_prints_of_a_step_reach_the_terminal(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def loud() -> int:
            print("from inside")
            return 1

        @workflow
        def flow() -> int:
            return loud()
        """,
    )
    answer = small.command("run", "--json")
    assert answer.json["executed"] == ["loud"]
    assert "from inside" in answer.err


def test_the_module_runs_as_a_program() -> None:
    assert python("-m", "magical.cli", "--version").stdout.strip()


def test_nothing_is_written_outside_of_the_home(small: Small) -> None:
    before = {p: p.stat().st_mtime_ns for p in small.root.rglob("*")}
    for words in ("run", "plan", "show", "why clean", "runs", "inspect clean"):
        small.command(*words.split())
    after: dict[Any, Any] = {
        p: p.stat().st_mtime_ns for p in small.root.rglob("*") if ".magical" not in p.parts
    }
    assert after == {p: t for p, t in before.items() if ".magical" not in p.parts}


def test_the_line_to_look_further_finds_the_same_results(tmp_path: Path) -> None:
    small = flow(tmp_path)
    out = small.command("run", "max_id=20", "--sample", "30").out
    line = next(line.split()[1:] for line in out.splitlines() if "magical inspect" in line)
    assert line[:4] == ["inspect", "size", "max_id=20", "--sample"]
    seen = command(*line).out
    assert "[fresh]" in seen
    assert "raw (sample)" in seen


def test_the_line_to_look_further_keeps_the_profile_and_leaves_out_how_the_run_was_carried_out(
    tmp_path: Path,
) -> None:
    small = flow(tmp_path)
    small.write("profiles/quick.toml", "max_id = 20\n")
    words = ["policy.retries=2", "policy.workers=1", "tracking.enabled=false", "unread=2"]
    out = small.command("run", *words, "--profile", "quick").out
    looks = [line.split()[1:] for line in out.splitlines() if line.startswith("  magical ")]
    assert [line[: line.index("--project")] for line in looks] == [
        ["inspect", "size", "unread=2"],
        ["show"],
        ["runs"],
    ]
    assert all(line[-2:] == ["--profile", "quick"] for line in looks)
    for line in looks:
        assert command(*line).code == 0
    assert "[fresh]" in command(*looks[0]).out


def test_a_sample_of_nothing_is_refused(tmp_path: Path) -> None:
    answer = flow(tmp_path).command("run", "--sample", "0")
    assert answer.code == 2
    assert "--sample" in answer.err


def test_a_failed_run_is_shown_with_its_whole_message(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.write("x.csv", "id,x\n1,-3\n2,5\n3,1\n")
    small.command("run")
    out = small.command("runs", "last").out
    assert "x must be >= 0, got -3 (row 0)" in out
    assert "Hint: " in out
