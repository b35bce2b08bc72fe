"""The note of how far a run has come on its way to MLflow."""

from pathlib import Path

import pytest

from magical.integrations.mlflow.progress_marks import MISSED, SENT, Mark, Marks


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    (tmp_path / "run").mkdir()
    return Marks(tmp_path)


def test_a_run_that_is_not_to_be_tracked_has_none(marks: Marks) -> None:
    assert marks.read("run") is None
    marks.move("run", SENT)
    assert marks.read("run") is None


def test_a_mark_is_read_back_and_moved(marks: Marks) -> None:
    mark = Mark(uri="http://there", experiment="e", line={"tracking": {"uri": "http://there"}})
    marks.write("run", mark)
    assert marks.read("run") == mark
    marks.move("run", SENT, "abc")
    marks.move("run", MISSED)
    found = marks.read("run")
    assert found is not None
    assert (found.state, found.run_id, found.uri) == (MISSED, "abc", "http://there")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}', "3"])
def test_one_that_cannot_be_read_counts_as_missed(marks: Marks, text: str) -> None:
    (marks.folder / "run" / "tracking.json").write_text(text)
    assert marks.read("run") == Mark(MISSED)


def test_a_run_without_a_folder_gets_none(marks: Marks) -> None:
    marks.write("", Mark())
    marks.write("gone", Mark())
    assert [p.name for p in marks.folder.rglob("*")] == ["run"]
