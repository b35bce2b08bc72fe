"""The note of how far a run has come on its way to MLflow."""

from pathlib import Path

import pytest

from magical.integrations.mlflow.progress_marks import MISSED, SENT, ProgressMark, ProgressMarkStore


@pytest.fixture
def marks(tmp_path: Path) -> ProgressMarkStore:
    (tmp_path / "run").mkdir()
    return ProgressMarkStore(tmp_path)


def test_a_run_that_is_not_to_be_tracked_has_none(marks: ProgressMarkStore) -> None:
    assert marks.read("run") is None
    marks.advance("run", SENT)
    assert marks.read("run") is None


def test_a_mark_is_read_back_and_moved(marks: ProgressMarkStore) -> None:
    mark = ProgressMark(uri="http://there", experiment="e", line={"tracking": {"uri": "http://there"}})
    marks.write("run", mark)
    assert marks.read("run") == mark
    marks.advance("run", SENT, "abc")
    marks.advance("run", MISSED)
    found = marks.read("run")
    assert found is not None
    assert (found.state, found.run_id, found.uri) == (MISSED, "abc", "http://there")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}', "3"])
def test_one_that_cannot_be_read_counts_as_missed(marks: ProgressMarkStore, text: str) -> None:
    (marks.folder / "run" / "tracking.json").write_text(text)
    assert marks.read("run") == ProgressMark(MISSED)


def test_a_run_without_a_folder_gets_none(marks: ProgressMarkStore) -> None:
    marks.write("", ProgressMark())
    marks.write("gone", ProgressMark())
    assert [p.name for p in marks.folder.rglob("*")] == ["run"]
