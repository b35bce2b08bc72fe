"""The files that a step writes: one that is gone, or that another has changed, is made again."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from magical.engine.outputs import digest_outputs, find_changed_output, list_folder_files
from magical.errors import InputError
from magical.system.file_digests import FileDigests
from projects import NO_TRACKING, Small, one

WRITES = """
class S(Settings):
    n: int = 1
    report: OutputPath = OutputPath("out/report.csv")
    missing: OutputPath = OutputPath("out/missing.csv")
    folder: OutputPath = OutputPath("parts")

@step
def source(n: int) -> int:
    return n

@step
def export(n: int, report: OutputPath, missing: OutputPath) -> int:
    report.parent.mkdir(exist_ok=True)
    report.write_text("x" * n)
    return n

@step
def shards(n: int, folder: OutputPath) -> int:
    folder.mkdir(exist_ok=True)
    (folder / f"{n}.csv").write_text(str(n))
    return n

@step
def total(one: int, two: int, three: int) -> int:
    return one + two + three

@workflow
def flow(s: S) -> int:
    n = source(s.n)
    return total(export(n, s.report, s.missing), shards(n, s.folder), shards(source(7), s.folder))
"""


@pytest.fixture
def small(tmp_path: Path) -> Small:
    made = one(tmp_path / "p", WRITES)
    made.run()
    assert made.ran() == []
    return made


def plan_of(small: Small, step: str) -> str:
    return next(line for line in small.command("plan").out.splitlines() if step in line)


def test_a_deleted_output_is_made_again_and_nothing_else(small: Small) -> None:
    report = small.root / "out/report.csv"
    report.unlink()
    assert "to run" in plan_of(small, "export")
    assert "its output report.csv was deleted" in plan_of(small, "export")
    assert small.why("export").startswith("export: its output report.csv was deleted")
    assert small.ran() == ["export"]
    assert report.read_text() == "x"
    assert small.states() == dict.fromkeys(small.states(), "fresh")


def test_an_overwritten_output_is_made_again(small: Small) -> None:
    small.write("out/report.csv", "y")
    assert small.why("export") == "export: its output report.csv was changed since."
    assert small.ran() == ["export"]
    assert (small.root / "out/report.csv").read_text() == "x"


def test_an_output_that_was_touched_or_written_again_alike_is_fresh(small: Small) -> None:
    small.write("out/report.csv", "x")
    assert small.ran() == []


def test_an_output_that_was_not_written_is_remembered_as_absent(small: Small) -> None:
    small.write("out/missing.csv", "")
    assert small.why("export") == "export: its output missing.csv was changed since."


def test_going_back_to_a_setting_makes_its_output_again(small: Small) -> None:
    small.run(n=2)
    assert (small.root / "out/report.csv").read_text() == "xx"
    small.run()
    assert (small.root / "out/report.csv").read_text() == "x"


def test_a_folder_is_watched_by_the_files_that_each_step_wrote(small: Small) -> None:
    small.write("parts/other.csv", "not of a step")
    assert small.ran() == []
    (small.root / "parts/7.csv").unlink()
    assert small.ran() == ["shards[2]"]
    shutil.rmtree(small.root / "parts")
    assert sorted(small.ran()) == ["shards[1]", "shards[2]"]


def test_a_clone_without_the_file_makes_it_in_a_shared_store(small: Small, tmp_path: Path) -> None:
    other = one(tmp_path / "other", WRITES)
    for project in (small, other):
        project.write("settings.toml", f'[policy]\nstore = "{(tmp_path / "shared").as_uri()}"\n{NO_TRACKING}')
    small.run()
    assert sorted(other.ran()) == ["export", "shards[1]", "shards[2]"]
    assert (other.root / "out/report.csv").read_text() == "x"
    assert small.ran() == other.ran() == []


@pytest.mark.slow
def test_a_process_of_its_own_records_outputs_too(small: Small) -> None:
    small.write("settings.toml", f"[policy]\ntimeout = 60\n{NO_TRACKING}")
    (small.root / "out/report.csv").unlink()
    assert small.ran() == ["export"]
    assert small.ran() == []


def test_what_was_published_is_not_published_again_for_a_file(tmp_path: Path) -> None:
    small = one(tmp_path, WRITES.replace("@step\ndef export", '@step(writes="world")\ndef export'))
    small.run()
    (small.root / "out/report.csv").unlink()
    assert small.ran() == []


def test_a_record_without_outputs_is_fresh(small: Small) -> None:
    """As one that an earlier release has stored."""
    store = small.load().context().store
    for plan in small.load().plan().values():
        assert plan.record is not None
        store.put_record(replace(plan.record, outputs={}))
    shutil.rmtree(small.root / "out")
    assert small.ran() == []


# --- the files alone --------------------------------------------------------------------------------------------


@pytest.fixture
def digest(tmp_path: Path) -> Callable[[Path], str]:
    return FileDigests(tmp_path / "digests.json").digest


def test_what_was_in_a_folder_before_is_not_written_by_the_body(
    tmp_path: Path, digest: Callable[[Path], str]
) -> None:
    folder = tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    (folder / "old").write_text("old")
    outputs = {"out/": str(folder)}
    before = list_folder_files(outputs)
    (folder / "deep/new").write_text("new")
    recorded = digest_outputs(outputs, before, digest)
    assert list(recorded) == ["out/deep/new"]
    (folder / "old").unlink()
    assert find_changed_output(recorded, outputs, digest) == ""
    (folder / "deep/new").write_text("newer")
    assert find_changed_output(recorded, outputs, digest) == "its output new was changed since"
    shutil.rmtree(folder)
    assert "its output new was deleted" in find_changed_output(recorded, outputs, digest)


def test_what_cannot_be_read_is_not_watched_and_a_file_that_became_a_folder_is_changed(
    tmp_path: Path, digest: Callable[[Path], str]
) -> None:
    assert digest_outputs({"null": "/dev/null"}, {}, digest) == {}
    file = tmp_path / "x"
    outputs = {"x": str(file)}
    recorded = digest_outputs(outputs, {}, digest)
    assert recorded == {"x": ""}
    file.mkdir()
    assert find_changed_output(recorded, outputs, digest) == "its output x was changed since"
    assert find_changed_output({"of another step": "ab"}, outputs, digest) == ""


def test_an_unreadable_output_is_no_error() -> None:
    def fail(path: Path) -> str:
        raise InputError("no", hint="no")

    assert digest_outputs({"x": __file__}, {}, fail) == {}
    assert find_changed_output({"x": "ab"}, {"x": __file__}, fail).endswith("was changed since")
