"""The folder of a fit is written again by the same question, and left alone if it has anything else."""

from pathlib import Path

import pytest

from magical.errors import UsageError
from magical.project.scaffold.fit_folder import FitFolder
from projects import is_well_worded

ASKED = {"source": "../x.csv", "target": "y"}


@pytest.fixture
def folder(tmp_path: Path) -> FitFolder:
    made = FitFolder(tmp_path / "fit" / "x")
    made.check(ASKED)
    made.write({"workflow.py": "one", "profiles/prefect.toml": "[policy]"}, ASKED)
    return made


def refused(folder: FitFolder, **question: str) -> str:
    before = {p: p.read_bytes() for p in folder.root.rglob("*") if p.is_file()}
    with pytest.raises(UsageError) as caught:
        folder.check({**ASKED, **question})
    assert {p: p.read_bytes() for p in folder.root.rglob("*") if p.is_file()} == before
    assert is_well_worded(str(caught.value)), caught.value
    return str(caught.value)


def test_a_second_fit_writes_what_differs_and_keeps_the_results(folder: FitFolder) -> None:
    (folder.root / ".magical").mkdir()
    (folder.root / ".magical" / "store.py").write_text("a result")
    before = (folder.root / "profiles" / "prefect.toml").stat().st_mtime_ns
    folder.check(ASKED)
    folder.write({"workflow.py": "two", "profiles/prefect.toml": "[policy]"}, ASKED)
    folder.check(ASKED)
    assert (folder.root / "workflow.py").read_text() == "two"
    assert (folder.root / "profiles" / "prefect.toml").stat().st_mtime_ns == before
    assert (folder.root / ".magical" / "store.py").read_text() == "a result"


def test_a_kill_between_two_files_leaves_a_folder_that_can_be_written_again(
    folder: FitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(path: Path, text: str) -> None:
        if path.name == "workflow.py":
            raise KeyboardInterrupt
        path.write_text(text)

    with monkeypatch.context() as patched:
        patched.setattr("magical.project.scaffold.fit_folder.write_text", stop)
        with pytest.raises(KeyboardInterrupt):
            folder.write({"profiles/prefect.toml": "new", "workflow.py": "two"}, ASKED)
    folder.check(ASKED)


def test_another_question_is_refused(folder: FitFolder) -> None:
    said = refused(folder, target="z")
    assert "fit/x answers another question: target y." in said
    assert "add --name NAME" in said


@pytest.mark.parametrize("name", ["workflow.py", "profiles/prefect.toml", "settings.toml", "steps/own.py"])
def test_a_folder_that_was_edited_is_refused(folder: FitFolder, name: str) -> None:
    (folder.root / name).parent.mkdir(exist_ok=True)
    (folder.root / name).write_text("mine")
    said = refused(folder)
    assert f"was edited since magical fit wrote it: {name}." in said
    assert "magical run --project" in said


def test_a_folder_that_fit_did_not_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "workflow.py").write_text("mine")
    assert "magical fit did not write it" in refused(FitFolder(tmp_path / "x"))
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert "magical fit did not write it" in refused(FitFolder(tmp_path / "link"))
