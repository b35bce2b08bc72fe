"""Reproduction of a run: changes are listed, results are compared, nothing is left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import magical
from magical.errors import InputError, ProjectError, StoreError, UsageError
from projects import FLOW, Small, is_well_worded, one
from recorded import clone, levels, record

NOISY = """
class Row(Contract):
    id: Id[int]
    x: float

class S(Settings):
    source: InputPath = InputPath("x.csv")

@step
def rows(source: InputPath) -> Frame[Row]:
    return pl.DataFrame({"id": [1, 2, 3], "x": [0.1, 20.0, -3.5]})

@step(random=True)
def noise(rows: Frame[Row], source: InputPath) -> Frame[Row]:
    import os
    return rows.with_columns(x=pl.col("x") * (1 + float(os.environ.get("NOISE", "0"))))

@step
def total(rows: Frame[Row]) -> float:
    return float(rows["x"].sum())

@step(writes="world")
def publish(total: float) -> dict[str, float]:
    with open("published.txt", "a") as file:
        file.write("once\\n")
    return {"total": total}

@workflow
def noisy(s: S) -> Any:
    sum_of = total(noise(rows(s.source), s.source))
    publish(sum_of)
    return sum_of
"""


@pytest.fixture
def exported(small: Small, tmp_path: Path) -> Path:
    """The record of the standard small project."""
    small.run(max_id=33)
    return record(small, tmp_path / "record.json")


@pytest.fixture
def noisy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project, run once, with a step that returns a variable of the environment."""
    monkeypatch.chdir(tmp_path)
    small = one(tmp_path / "noisy", NOISY)
    small.write("x.csv", "x\n")
    small.run()
    return small


def test_a_record_is_reproduced_in_two_other_clones(small: Small, exported: Path, tmp_path: Path) -> None:
    for name in ("b", "c"):
        other = clone(small, tmp_path / name / "deeper")
        said = other.command("reproduce", str(exported))
        assert said.code == 0, said.err
        assert said.out == "flow: 5 steps: 5 agree to the last bit.\n"
        assert said.err.endswith("code, settings, versions and data are those of the run.\n")
        assert not (other.root / ".magical").exists()


def test_a_record_names_no_place_on_the_machine(small: Small, tmp_path: Path) -> None:
    elsewhere = shutil.copy(small.root / "x.csv", tmp_path / "other.csv")
    small.command("run", f"source={elsewhere}")
    text = record(small, tmp_path / "record.json").read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["settings"]["source"] == "../other.csv"
    small.edit(
        "workflow.py", "    return raw\n", '    raise ValueError(f"in {__file__} and /opt/data/x.csv")\n'
    )
    assert small.command("run", "max_id=12").code == 1
    text = record(small, tmp_path / "record.json").read_text()
    assert str(tmp_path) not in text
    assert "/opt" not in text


def test_a_record_keeps_what_a_run_said_before(small: Small, exported: Path) -> None:
    found = json.loads(exported.read_text())
    (listed,) = small.command("runs", "--json").json
    assert {k: v for k, v in found.items() if k in listed} == listed
    assert found["format"] == 1
    assert found["versions"]["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert found["versions"]["polars"]
    assert set(found["steps"]["clean"]) >= {"state", "key", "parts", "origin", "result", "step"}


def test_up_to_which_step_a_run_went_is_kept(small: Small, tmp_path: Path) -> None:
    small.run("clean")
    found = json.loads(record(small, tmp_path / "record.json").read_text())
    assert found["step"] == "clean"
    said = clone(small, tmp_path / "b").command("reproduce", str(tmp_path / "record.json"))
    assert said.out == "flow: 3 steps: 3 agree to the last bit.\n"


def test_python_gives_the_same_as_an_object(small: Small, exported: Path) -> None:
    found = small.load().reproduce("last")
    assert found.agrees
    assert str(found).endswith("flow: 5 steps: 5 agree to the last bit.")
    assert found.to_json()["steps"][0] == {
        "step": "raw", "level": "same", "what": [], "note": "", "apart": None
    }  # fmt: skip
    assert small.load().reproduce(exported).agrees


def test_store_and_journal_of_the_project_stay_as_they_are(small: Small, exported: Path) -> None:
    before = small.files()
    assert small.command("reproduce", "last").code == 0
    after = small.files()
    assert {n for n in set(after) ^ set(before) if not n.startswith("drawn")} == set()
    assert {n for n in before if before[n] != after[n] and not n.startswith("store/lock")} == set()


def test_an_edited_helper_is_named_and_what_came_of_it(small: Small, exported: Path, tmp_path: Path) -> None:
    other = clone(small, tmp_path / "b")
    other.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    said = other.command("reproduce", str(exported))
    assert said.code == 1
    assert "  deep.FACTOR (deep.py:1) was edited (clean)\n" in said.err
    assert "clean differs: x has other values.\n" in said.out
    assert said.out.endswith("flow: 5 steps: 3 agree to the last bit, 2 differ.\n")
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    assert "clean differs: x has other values in 28 of 32 rows.\n" in small.command("reproduce", "last").out


def test_an_edit_that_changes_no_result_agrees(small: Small, exported: Path, tmp_path: Path) -> None:
    other = clone(small, tmp_path / "b")
    other.edit("deep.py", "    return e + 0", "    return e")
    said = other.command("reproduce", str(exported))
    assert said.code == 0
    assert "deep.inner (deep.py:4) was edited (clean)" in said.err


def test_other_data_stop_it_before_anything_runs(small: Small, exported: Path, tmp_path: Path) -> None:
    other = clone(small, tmp_path / "b")
    other.edit("x.csv", "\n7,0\n", "\n7,1\n")
    said = other.command("reproduce", str(exported))
    assert said.code == 1
    assert "  x.csv has other content than in the run (raw)\n" in said.err
    assert said.out == ""
    assert "cannot be reproduced: x.csv has other content than in the run (raw)." in said.err
    (other.root / "x.csv").unlink()
    said = other.command("reproduce", str(exported))
    assert said.code == 1
    assert "cannot be reproduced: there is no x.csv (raw)." in said.err
    with pytest.raises(InputError) as caught:
        other.load().reproduce(exported)
    assert is_well_worded(str(caught.value))


def test_a_file_whose_ending_holds_a_blank_is_a_file_with_other_content(small: Small) -> None:
    (small.root / "x.csv").rename(small.root / "orders.v1 final")
    small.run(source="orders.v1 final")
    small.edit("orders.v1 final", "\n7,0\n", "\n7,1\n")
    with pytest.raises(InputError, match=r"orders\.v1 final has other content than in the run"):
        small.load().reproduce("last")


def test_a_file_that_lies_elsewhere_here_is_named_on_the_line(
    small: Small, exported: Path, tmp_path: Path
) -> None:
    other = clone(small, tmp_path / "b")
    (other.root / "x.csv").rename(tmp_path / "moved.csv")
    said = other.command("reproduce", str(exported), f"source={tmp_path / 'moved.csv'}")
    assert said.code == 0, said.err
    assert "the setting source went from" in said.err


def test_a_default_that_changed_since_does_not_count(small: Small, exported: Path, tmp_path: Path) -> None:
    other = clone(small, tmp_path / "b")
    other.edit("workflow.py", "default=90", "default=20")
    other.write("settings.toml", "max_id = 10\n[tracking]\nenabled = false\n")
    assert other.command("reproduce", str(exported)).code == 0


MAPPED = """
class S(Settings):
    options: dict[str, int] = {"a": 1}
    uris: tuple[str, ...] = ("postgresql://me:in-the-uri@db/a", "b")

@step
def many(options: dict[str, int], uris: tuple[str, ...]) -> int:
    return len(options) + len("".join(uris))

@workflow
def mapped(s: S) -> int:
    return many(s.options, s.uris)
"""


def test_a_mapping_is_that_of_the_run_and_a_masked_list_that_of_now(tmp_path: Path) -> None:
    small = one(tmp_path / "a", MAPPED)
    small.run()
    exported = record(small, tmp_path / "record.json")
    assert "in-the-uri" not in exported.read_text()
    small.write("settings.toml", "[tracking]\nenabled = false\n[options]\nb = 2\n")
    said = small.command("reproduce", str(exported))
    assert (said.code, said.out) == (0, "mapped: 1 step: 1 agrees to the last bit.\n")
    assert said.err.endswith("are those of the run.\n")
    assert "options.c went from null to 3" in small.command("reproduce", str(exported), "options.c=3").err


def test_another_setting_on_the_line_is_named(small: Small, exported: Path) -> None:
    said = small.command("reproduce", str(exported), "max_id=30")
    assert said.code == 1
    assert "  the setting max_id went from 33 to 30\n" in said.err
    assert "clean differs: 32 rows then, 29 now.\n" in said.out


def test_settings_that_are_no_longer_taken_stop_it(small: Small, exported: Path, tmp_path: Path) -> None:
    other = clone(small, tmp_path / "b")
    other.edit("workflow.py", "    unread: int = 1\n", "")
    with pytest.raises(ProjectError, match="its settings are not those of this project") as caught:
        other.load().reproduce(exported)
    assert is_well_worded(str(caught.value))
    assert "There is no setting 'unread'" in str(caught.value)
    assert other.command("reproduce", str(exported)).code == 1


@pytest.mark.parametrize(
    ("word", "texts"),
    [
        ("max_di=3", ["There is no setting 'max_di' (on the command line).", "Hint: did you mean 'max_id'?"]),
        ("max_id=0", ["The setting max_id (on the command line) must be greater than or equal to 1, got 0."]),
        ("polcy.workers=1", ["There is no setting 'polcy'", "Hint: did you mean 'policy'?"]),
    ],
)
def test_what_is_wrong_on_the_line_is_no_fault_of_the_record(
    small: Small, exported: Path, word: str, texts: list[str]
) -> None:
    for run in ("last", str(exported)):
        said = small.command("reproduce", run, word)
        assert (said.code, said.out) == (2, "")
        assert [t for t in texts if t not in said.err] == [], said.err
        assert "cannot be reproduced" not in said.err
        assert is_well_worded(said.err)
    small.edit("workflow.py", "    unread: int = 1\n", "")
    assert "There is no setting 'unread'" in small.command("reproduce", str(exported), word).err


@pytest.mark.parametrize("profile", ["", "slow"])
def test_a_record_of_another_project_is_said_to_be_one(
    small: Small, noisy: Small, tmp_path: Path, profile: str
) -> None:
    small.write("profiles/slow.toml", "max_id = 7\n")
    small.load(profile).run()
    exported = record(small, tmp_path / "record.json")
    for words in ([], ["nope=3"]):
        said = noisy.command("reproduce", str(exported), *words)
        assert (said.code, said.out) == (2, "")
        assert " is a record of flow, and this project is noisy.\nHint: name the project: " in said.err


def test_another_version_of_a_package_is_named_and_does_not_stop_it(small: Small, exported: Path) -> None:
    found = json.loads(exported.read_text())
    found["versions"]["python"] = "3.9.1"
    found["versions"]["polars"] = "1.0.0"
    for said in found["steps"].values():
        if "package:polars" in said["parts"]:
            said["parts"]["package:polars"] = "1.0.0"
    exported.write_text(json.dumps(found))
    answer = small.command("reproduce", str(exported))
    assert answer.code == 0
    assert "  Python went from 3.9 to 3." in answer.err
    assert answer.err.count("polars went from 1.0.0 to ") == 1
    assert "(raw, model, clean and 2 more)" in answer.err


def test_the_lock_file_is_part_of_it(small: Small, tmp_path: Path) -> None:
    small.write("uv.lock", "version = 1\n")
    small.run()
    found = record(small, tmp_path / "record.json")
    assert list(json.loads(found.read_text())["locks"]) == ["uv.lock"]
    small.write("uv.lock", "version = 2\n")
    said = small.command("reproduce", str(found))
    assert (said.code, "the lock file uv.lock has changed" in said.err) == (0, True)
    (small.root / "uv.lock").unlink()
    assert "the lock file uv.lock is gone" in small.command("reproduce", str(found)).err


def test_the_commit_is_part_of_it(small: Small, tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(small.root), *who, *words], check=True, capture_output=True)

    git("init", "-q")
    small.write(".gitignore", ".magical/\n__pycache__/\n")
    git("add", "-A")
    git("commit", "-qm", "first")
    small.run()
    found = record(small, tmp_path / "record.json")
    subprocess.run(["git", "clone", "-q", str(small.root), str(tmp_path / "b")], check=True)
    other = Small(tmp_path / "b")
    assert "are those of the run" in other.command("reproduce", str(found)).err
    other.write("note.txt", "new\n")
    small.write("deep.py", (small.root / "deep.py").read_text() + "\n")
    git("commit", "-qam", "second")
    said = small.command("reproduce", str(found))
    assert said.code == 0
    assert "  the commit is " in said.err
    small.write("deep.py", (small.root / "deep.py").read_text() + "\n")
    assert "changes here that are not committed" in small.command("reproduce", str(found)).err


@pytest.mark.parametrize(
    ("noise", "code", "said"),
    [
        ("1e-12", 0, "noisy: 4 steps: 1 agrees to the last bit, 2 to 1e-9, 1 left out"),
        ("1e-6", 1, "noisy: 4 steps: 1 agrees to the last bit, 2 differ, 1 left out"),
    ],
)
def test_floats_agree_to_a_relative_1e_9(
    noisy: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noise: str, code: int, said: str
) -> None:
    exported = record(noisy, tmp_path / "record.json")
    monkeypatch.setenv("NOISE", noise)
    for run in ("last", str(exported)):
        answer = noisy.command("reproduce", run)
        assert answer.code == code
        assert said in answer.out
        assert f"x differs in 3 of 3 values, by up to {float(noise):.0e} relative" in answer.out
        assert "It is random, as it says." in answer.out
    other = clone(noisy, tmp_path / "b")
    answer = other.command("reproduce", str(exported))
    assert (answer.code, said in answer.out) == (code, True)
    assert f"x differs by its sums, about {float(noise):.0e} relative" in answer.out


def test_a_step_that_writes_to_the_world_is_left_out(noisy: Small, tmp_path: Path) -> None:
    assert (tmp_path / "published.txt").read_text() == "once\n"
    answer = noisy.command("reproduce", "last")
    assert answer.code == 0
    assert "1 left out (publish: it writes to the world)" in answer.out
    assert (tmp_path / "published.txt").read_text() == "once\n"


def test_a_step_that_came_and_an_edit_of_one_that_is_left_out_are_named(noisy: Small) -> None:
    new = "@step\ndef twice(total: float) -> float:\n    return total * 2\n\n@workflow"
    noisy.edit("workflow.py", "@workflow", new)
    noisy.edit("workflow.py", "    return sum_of", "    return twice(sum_of)")
    noisy.edit("workflow.py", '"once', '"twice')
    said = noisy.command("reproduce", "last")
    assert said.code == 0
    assert "  not part of the run (twice)\n" in said.err
    assert "  workflow.publish (workflow.py:" in said.err
    assert said.out.endswith("3 agree to the last bit, 1 left out (publish: it writes to the world).\n")
    noisy.write("x.csv", "y\n")
    noisy.run("total")
    assert "are those of the run.\n" in noisy.command("reproduce", "last").err


def test_what_a_step_reads_that_is_left_out_stops_nothing(tmp_path: Path) -> None:
    body = """
    class S(Settings):
        letter: InputPath = InputPath("letter.txt")

    @step
    def text() -> str:
        return "x"

    @step(writes="world")
    def send(text: str, letter: InputPath) -> int:
        return 1

    @workflow
    def sending(s: S) -> int:
        return send(text(), s.letter)
    """
    small = one(tmp_path / "p", body)
    small.write("letter.txt", "a")
    small.run()
    small.write("letter.txt", "b")
    said = small.command("reproduce", "last")
    assert (said.code, "letter.txt has other content than in the run (send)" in said.err) == (0, True)


def test_a_step_that_reads_the_world_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = """
    @step(reads="world")
    def asked() -> int:
        import os
        return int(os.environ["ANSWER"])

    @workflow
    def asking() -> int:
        return asked()
    """
    small = one(tmp_path, body)
    monkeypatch.setenv("ANSWER", "1")
    small.run()
    monkeypatch.setenv("ANSWER", "2")
    said = small.command("reproduce", "last")
    assert said.code == 1
    assert "asked differs: it was 1, and is 2 now. It asks the world each time.\n" in said.out


def test_a_failed_run_is_compared_as_far_as_it_came(small: Small) -> None:
    small.edit("workflow.py", "    return table.height\n", "    return table.height / 0\n")
    assert list(small.fails()) == ["size"]
    small.write("workflow.py", FLOW)
    said = small.command("reproduce", "last")
    assert said.code == 0
    assert "size not compared: it did not finish in the run (failed).\n" in said.out
    assert said.out.endswith("flow: 5 steps: 4 agree to the last bit, 1 not compared.\n")


def test_a_killed_run_is_compared_as_far_as_it_came(small: Small) -> None:
    small.edit("workflow.py", "    return table.height\n", "    import os\n    os.kill(os.getpid(), 9)\n")
    assert small.process("run").returncode == -9
    small.write("workflow.py", FLOW)
    answer = small.command("reproduce", "last", "--json")
    assert answer.code == 0, answer.err
    assert levels(answer)["size"] == "not compared"
    assert "(was under way)" in answer.json["steps"][-1]["what"][0]


def test_a_step_that_fails_now_differs(small: Small, exported: Path) -> None:
    small.edit("deep.py", "    return e + 0", "    return e / None + {}")
    said = small.command("reproduce", str(exported))
    assert said.code == 1
    assert "clean differs: it failed: clean (workflow.py:" in said.out
    assert "split differs: it gave nothing: clean failed.\n" in said.out


def test_a_run_whose_results_are_swept_works_from_its_record_only(small: Small, exported: Path) -> None:
    shutil.rmtree(small.root / ".magical" / "store")
    with pytest.raises(StoreError, match=r"No result of .* is left") as caught:
        small.load().reproduce("last")
    assert is_well_worded(str(caught.value))
    assert small.command("reproduce", str(exported)).code == 0


def test_a_run_whose_results_are_swept_in_part_is_compared_by_the_names_of_contents(small: Small) -> None:
    small.run(max_id=20)
    key = small.load().runs()[0].keys["clean"]
    small.load().store.drop_record(key)
    said = small.command("reproduce", "last")
    assert (said.code, said.out) == (0, "flow: 5 steps: 5 agree to the last bit.\n")
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    out = small.command("reproduce", "last").out
    assert "clean differs: other content, and its earlier result is no longer in the store.\n" in out


def test_a_pretended_and_a_sampled_run_are_reproduced_as_such(small: Small, tmp_path: Path) -> None:
    small.edit("workflow.py", "le=900, ", "le=900, examples=[1, 2, 3], ")
    for verb in (["pretend", "--rows", "50"], ["run", "--sample", "9"]):
        assert small.command(*verb).code == 0
        exported = record(small, tmp_path / "record.json")
        said = clone(small, tmp_path / verb[0]).command("reproduce", str(exported))
        assert said.code == 0, said.err
        assert "agree to the last bit" in said.out


def test_the_profile_of_the_run_is_taken(small: Small, tmp_path: Path) -> None:
    small.write("profiles/slow.toml", "max_id = 7\n[policy]\nworkers = 1\n")
    small.load("slow").run()
    exported = record(small, tmp_path / "record.json")
    assert clone(small, tmp_path / "b").command("reproduce", str(exported)).code == 0
    (small.root / "profiles" / "slow.toml").unlink()
    assert "There is no profile 'slow'" in small.command("reproduce", "last").err


def shared(small: Small, folder: Path) -> None:
    """Write a profile with another store than the project's."""
    small.write("profiles/team.toml", f'[policy]\nstore = "file://{folder}"\n')


def test_the_store_of_the_runs_profile_is_looked_into(noisy: Small, tmp_path: Path) -> None:
    shutil.rmtree(noisy.root / ".magical")
    shared(noisy, tmp_path / "shared")
    noisy.load("team").run()
    exported = record(noisy, tmp_path / "record.json")
    assert json.loads(exported.read_text())["steps"]["noise"]["result"]["columns"]
    assert min(json.loads(exported.read_text())["bytes"].values()) > 0
    assert noisy.command("reproduce", "last").code == 0
    noisy.edit("workflow.py", '"NOISE", "0"', '"NOISE", "1e-3"')
    assert "x differs in 3 of 3 values" in noisy.command("reproduce", str(exported)).out
    (noisy.root / "profiles" / "team.toml").unlink()
    assert noisy.command("runs", "last", "--json").code == 0


def test_another_profile_than_that_of_the_run_is_refused(small: Small) -> None:
    small.write("profiles/slow.toml", "max_id = 7\n")
    small.run()
    with pytest.raises(UsageError, match="ran without a profile, and is repeated so") as caught:
        small.load("slow").reproduce("last")
    assert is_well_worded(str(caught.value))
    small.load("slow").run()
    assert small.load("slow").reproduce("last").agrees


@pytest.mark.parametrize("state", ["away", "damaged"])
def test_a_store_that_cannot_be_read_stops_no_record(noisy: Small, tmp_path: Path, state: str) -> None:
    exported = record(noisy, tmp_path / "record.json")
    if state == "away":
        (tmp_path / "blocked").write_text("a file")
        noisy.write("settings.toml", f'[policy]\nstore = "file://{tmp_path}/blocked/store"\n')
        noisy.write(
            "settings.toml", "[tracking]\nenabled = false\n" + (noisy.root / "settings.toml").read_text()
        )
    else:
        for path in (noisy.root / ".magical" / "store").rglob("*.parquet"):
            path.chmod(0o600)
            path.write_bytes(b"x" * path.stat().st_size)
    noisy.edit("workflow.py", '"NOISE", "0"', '"NOISE", "1e-12"')
    said = noisy.command("reproduce", str(exported))
    assert said.code == 0, said.err
    assert "x differs by its sums, about 1e-12 relative" in said.out


def test_what_is_no_run_and_no_record_is_refused(small: Small, tmp_path: Path) -> None:
    small.run()
    odd = tmp_path / "odd.json"
    odd.write_text("[1")
    for name, said in [
        ("nowhere", "There is no run 'nowhere'."),
        (str(odd), "odd.json is no record of a run: it is not JSON."),
        (str(tmp_path / "gone.json"), "There is no file"),
    ]:
        answer = small.command("reproduce", name)
        assert (answer.code, said in answer.err) == (2, True)
    assert small.command("reproduce", "last", "clean").code == 2


def test_a_run_in_which_no_step_finished(small: Small) -> None:
    small.edit("workflow.py", "    return pl.read_csv(source)\n", "    raise ValueError\n")
    assert small.fails()
    with pytest.raises(UsageError, match="No step finished"):
        small.load().reproduce("last")


SLEEPY = """
@step
def first() -> int:
    return 1

@step
def slow(first: int, asleep: bool) -> int:
    import os, time
    if "ASLEEP" in os.environ:
        print("asleep", flush=True)
        time.sleep(60)
    return first

class S(Settings):
    asleep: bool = True

@workflow
def sleepy(s: S) -> int:
    return slow(first(), s.asleep)
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_nothing_is_left_behind(tmp_path: Path, end: signal.Signals) -> None:
    small = one(tmp_path / "p", SLEEPY)
    small.run()
    before = {n for n in small.files() if not n.startswith("drawn")}
    words = [sys.executable, "-m", "magical.cli", "reproduce", "last", "--project", str(small.root)]
    environment = {**os.environ, "DO_NOT_TRACK": "true", "ASLEEP": "1"}
    process = subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    aside = small.root / ".magical" / "aside"
    until = time.monotonic() + 60
    while not any("StepStarted" in p.read_text() and "slow" in p.read_text() for p in aside.rglob("*.jsonl")):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(end)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (-9 if end == signal.SIGKILL else 130), err
    if end == signal.SIGKILL:
        assert aside.exists()
        small.command("gc", "--dry-run")
        assert aside.exists()
        small.command("gc")
    else:
        assert "reproduce was stopped; nothing of it is kept." in err
    assert not aside.exists()
    assert {n for n in small.files() if not n.startswith("drawn")} == before


SECRET = """
from magical import Secret

class S(Settings):
    password: Secret = Secret("env:DB_PASSWORD")
    uri: str = "postgresql://me:in-the-uri@db/sales"

@step
def asked(password: Secret, uri: str) -> str:
    return password.reveal()[:0] + uri[-5:]

@step
def told(asked: str, password: Secret) -> list[str]:
    return [asked, password.reveal()]

@workflow
def secretive(s: S) -> list[str]:
    return told(asked(s.password, s.uri), s.password)
"""


def test_a_record_holds_no_secret_and_is_reproduced_with_that_of_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = one(tmp_path / "a", SECRET)
    monkeypatch.setenv("DB_PASSWORD", "tiger-in-the-tank")
    small.run()
    text = record(small, tmp_path / "record.json").read_text()
    assert "tiger-in" not in text
    assert "in-the-uri" not in text
    assert json.loads(text)["settings"]["password"] == "env:DB_PASSWORD"
    said = clone(small, tmp_path / "b").command("reproduce", str(tmp_path / "record.json"))
    assert (said.code, said.out) == (0, "secretive: 2 steps: 2 agree to the last bit.\n")


@pytest.mark.slow
def test_a_step_with_a_timeout_runs_in_a_process_of_its_own_and_leaves_nothing(
    small: Small, tmp_path: Path
) -> None:
    small.write("profiles/night.toml", "[policy]\ntimeout = 60\n")
    small.load("night").run()
    exported = record(small, tmp_path / "record.json")
    before = {n for n in small.files() if not n.startswith("drawn")}
    said = small.command("reproduce", str(exported))
    assert (said.code, said.out) == (0, "flow: 5 steps: 5 agree to the last bit.\n")
    assert {n for n in small.files() if not n.startswith("drawn")} == before


def test_a_cluster_of_this_machine_has_its_folder_aside(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []

    def cluster(place: str, workers: int, home: Path, work: str) -> None:
        places.append(home)
        raise StoreError("It is not started.", hint="none")

    small.run()
    small.write("settings.toml", '[tracking]\nenabled = false\n[policy]\ncluster = "dask"\n')
    monkeypatch.setattr("magical.integrations.dask.cluster.DaskCluster", cluster)
    with pytest.raises(StoreError):
        small.load().reproduce("last")
    assert places[0].parent == small.root / ".magical" / "aside"


def test_the_object_is_that_of_magical_load(small: Small) -> None:
    small.run()
    assert type(magical.load(small.root).reproduce("last")).__name__ == "Reproduction"
