"""Garbage collection: removes what no recent run, no running run and no plan needs, and nothing else."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from magical.errors import UsageError
from magical.report.text import format_size
from projects import ALL, FLOW, Small, flow, is_well_worded


def stored(small: Small, kind: str = "") -> list[str]:
    return [name for name in small.files() if name.startswith(f"store/{kind}")]


@pytest.fixture
def lived(small: Small) -> Small:
    """A project with four runs, of which one is of the present plan."""
    small.run()
    for number in (11, 12, 13):
        small.run(max_id=number)
    return small


def test_what_runs_and_the_plan_need_stays(lived: Small) -> None:
    assert lived.command("gc").out.startswith("removed 0 results, 0 objects, 0 B; kept 14 results, ")
    swept = lived.load().gc(keep=1)
    assert swept.records == 6, "clean, split and size of two runs"
    assert swept.kept_records == 8
    assert lived.ran() == []
    assert lived.ran(max_id=13) == []
    assert lived.ran(max_id=12) == ["clean", "split", "size"]


def test_without_runs_the_plan_s_results_stay(lived: Small) -> None:
    assert lived.load().gc(keep=0).kept_records == len(ALL)
    assert lived.ran() == []
    assert lived.ran(max_id=13) == ["clean", "split", "size"]


def test_after_an_edit_the_results_of_before_stay_for_some_runs(lived: Small) -> None:
    lived.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    assert lived.load().gc(keep=4).records == 0
    lived.edit("deep.py", "FACTOR = 3", "FACTOR = 2")
    assert lived.ran() == []
    lived.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    assert lived.load().gc(keep=1).records > 0
    lived.edit("deep.py", "FACTOR = 3", "FACTOR = 2")
    assert lived.ran() == ["clean", "split", "size"]


def test_what_is_removed_is_said_and_a_dry_run_says_the_same(lived: Small) -> None:
    before = lived.files()
    dry = lived.command("gc", "--keep", "0", "--dry-run").out
    assert {k: v for k, v in lived.files().items() if k in before} == before
    size = sum((lived.root / ".magical" / name).stat().st_size for name in before if "/objects/" in name)
    wet = lived.command("gc", "--keep", "0").out
    pattern = r"removed 9 results, (\d+) objects, (\d+) kB; kept 5 results, ([\d.]+) kB\.\n"
    found = re.fullmatch(pattern, wet)
    assert found, wet
    assert dry == "would " + wet.replace("removed", "remove").replace("kept", "would keep")
    left = sum((lived.root / ".magical" / name).stat().st_size for name in stored(lived, "objects"))
    assert int(found[2]) * 1000 > size - left > 0


def test_journals_and_what_is_tracked_stay(lived: Small) -> None:
    others = {k for k in lived.files() if not k.startswith("store/")}
    lived.load().gc(keep=0)
    assert others <= lived.files().keys()
    assert len(lived.load().runs()) == 4
    assert "its stored result is gone" in lived.why("clean", max_id=13)


def test_the_answer_in_json(lived: Small) -> None:
    answer = lived.command("gc", "--keep", "1", "--dry-run", "--json").json
    assert answer["dry_run"] is True
    assert (answer["records"], answer["kept_records"], answer["damaged"]) == (6, 8, [])
    assert lived.command("gc", "--keep", "1", "--json").json == {**answer, "dry_run": False}


@pytest.mark.parametrize("how", [b"", b"xx"])
def test_damage_is_found_and_made_again(small: Small, how: bytes) -> None:
    small.run()
    whole = stored(small, "objects")
    for name in whole:
        path = small.root / ".magical" / name
        path.write_bytes(how or path.read_bytes()[:-1])
    assert "damaged" not in small.command("gc").out
    dry = small.command("gc", "--verify", "--dry-run").out.splitlines()[1]
    assert dry == f"{len(whole)} damaged objects would be removed; magical run makes what it needs."
    answer = small.command("gc", "--verify")
    assert answer.code == 0
    assert answer.out.splitlines()[1] == dry.replace("would be", "were")
    assert set(small.ran()) >= {"raw", "clean", "split", "size"}, "model gives what raw gives"
    assert small.run().result == 38
    assert small.command("gc", "--verify").out.splitlines()[1:] == []


def test_the_scratch_of_a_step_that_will_go_on_stays(small: Small) -> None:
    small.edit(
        "workflow.py",
        '    """Keep the first ones."""\n',
        '    (scratch() / "half").write_text("x")\n    1 / 0\n',
    )
    assert "clean" in small.fails()
    assert len(stored(small, "scratch")) == 1
    small.load().gc(keep=0)
    assert len(stored(small, "scratch")) == 1
    small.edit("workflow.py", "    1 / 0\n", "    2 / 0\n")
    small.load().gc(keep=1)
    assert len(stored(small, "scratch")) == 1, "it is of the newest run"
    small.load().gc(keep=0)
    assert len(stored(small, "scratch")) == 0


def test_nothing_is_removed_from_a_project_that_cannot_be_planned(lived: Small) -> None:
    before = stored(lived)
    lived.edit("workflow.py", "@workflow\n", "@workflow\n(\n")
    answer = lived.command("gc", "--keep", "0")
    assert answer.code == 1
    assert is_well_worded(answer.err.strip())
    assert stored(lived) == before


def test_a_project_that_never_ran(small: Small) -> None:
    assert small.command("gc").out == "removed 0 results, 0 objects, 0 B; kept 0 results, 0 B.\n"
    assert stored(small) == []


@pytest.mark.parametrize("keep", ["-1", "many"])
def test_how_many_runs_to_keep_is_a_number(small: Small, keep: str) -> None:
    answer = small.command("gc", "--keep", keep)
    assert answer.code == 2
    assert "--keep" in answer.err


def test_how_many_runs_to_keep_is_not_negative(lived: Small) -> None:
    with pytest.raises(UsageError, match="-1 runs cannot be kept"):
        lived.load().gc(-1)


# --- sizes --------------------------------------------------------------------------------------------------------


def test_runs_say_what_each_step_takes(lived: Small) -> None:
    newest, *_, oldest = lived.command("runs", "--json").json
    assert newest["bytes"].keys() == newest["keys"].keys() == set(ALL)
    assert all(newest["bytes"].values())
    objects: Sequence[Path] = [lived.root / ".magical" / n for n in stored(lived, "objects")]
    assert max(newest["bytes"].values()) < sum(p.stat().st_size for p in objects)
    assert lived.command("inspect", "split", "--json").json["bytes"] == oldest["bytes"]["split"]
    split = format_size(oldest["bytes"]["split"])
    assert re.search(rf"^split +ran +{split}$", lived.command("runs", oldest["run"]).out, re.M)
    assert f", {split} with what it kept" in lived.command("inspect", "split").out
    lived.load().gc(keep=0)
    gone = lived.command("runs", newest["run"], "--json").json["bytes"]
    assert (gone["raw"] > 0, gone["split"]) == (True, 0)


# --- trust --------------------------------------------------------------------------------------------------------

FITTED = """
import os


class Fit:
    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __reduce__(self) -> Any:
        return _revived, (self.rows, os.environ["WHOSE"])


def _revived(rows: int, whose: str) -> Fit:
    with open(os.environ["LOADED"], "a") as file:
        file.write(whose)
    return Fit(rows)


@step
def fitted(table: Frame[C]) -> Fit:
    return Fit(table.height)


@step
def size(fit: Fit, more: int) -> int:
    return fit.rows + more
"""


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project that somebody sent: with its store, whose results hold code."""
    monkeypatch.setenv("LOADED", str(tmp_path / "loaded"))
    monkeypatch.setenv("WHOSE", "theirs")
    text = FLOW.replace("@step\ndef size(table: Frame[C]) -> int:\n    return table.height\n", FITTED)
    text = text.replace("return size(train)", "return size(fitted(train), s.unread)")
    small = flow(tmp_path / "theirs", text)
    assert small.run().result == 39
    (tmp_path / "loaded").unlink()
    monkeypatch.setenv("WHOSE", "mine")
    return Small(shutil.copytree(small.root, tmp_path / "mine"))


def test_what_another_store_pickled_is_made_again(sent: Small, tmp_path: Path) -> None:
    answer = sent.command("run", "--json", "unread=5")
    assert answer.code == 0
    assert answer.json["executed"] == ["fitted", "size"]
    assert answer.json["results"]["size"] == "43"
    note = "1 result with code in it comes from another store and is made again. Hint: --trust takes it."
    assert answer.err.count(note) == 1
    assert (tmp_path / "loaded").read_text() == "mine", "their pickle was loaded"
    again = sent.command("run", "unread=6")
    assert "another store" not in again.err
    assert "1 step ran" in again.out


def test_why_it_is_made_again(sent: Small) -> None:
    assert "its stored result comes from another store and holds code; --trust takes it." in sent.why(
        "fitted"
    )


@pytest.mark.parametrize("verb", ["plan", "inspect fitted"])
def test_it_is_said_before_a_run_too(sent: Small, verb: str) -> None:
    answer = sent.command(*verb.split())
    assert answer.err.count("Hint: --trust takes it.") == 1


def test_what_is_trusted_is_taken(sent: Small, tmp_path: Path) -> None:
    assert "another store" not in sent.command("plan", "--trust").err
    answer = sent.command("run", "--trust", "unread=5")
    assert "1 step ran" in answer.out
    assert "another store" not in answer.err
    assert (tmp_path / "loaded").read_text() == "theirs"


def test_trust_in_python(sent: Small) -> None:
    import magical

    assert magical.load(sent.root).plan()["fitted"].state == "to run"
    assert magical.load(sent.root, trust=True).plan()["fitted"].state == "fresh"
    assert magical.load(sent.root).plan()["fitted"].state == "fresh", "once trusted it is our own"


def test_a_project_that_is_moved_stays_its_own(sent: Small, tmp_path: Path) -> None:
    sent.run()
    sent.root.rename(tmp_path / "moved")
    assert Small(tmp_path / "moved").load().plan()["fitted"].state == "fresh"
