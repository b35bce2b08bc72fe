"""docs/judging.md is true: its workflow runs, what it asserts holds, and the tables that it lists are kept."""

import re
from pathlib import Path

import pytest

from magical.library.metrics.metrics import METRICS_BY_TASK
from magical.project import Run
from projects import NO_TRACKING, Small

TEXT = (Path(__file__).parents[2] / "docs" / "judging.md").read_text(encoding="utf-8")
WORKFLOW, LOOK = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The project of the page."""
    small = Small(tmp_path_factory.mktemp("page") / "letters")
    small.write("workflow.py", WORKFLOW)
    small.write("settings.toml", NO_TRACKING)
    return small


@pytest.fixture(scope="module")
def run(page: Small) -> Run:
    """Its run."""
    return page.run()


def test_the_coverage_of_each_metric_is_told() -> None:
    told = set(re.findall(r"^\| `(\w+)` \| \**\d", TEXT, re.MULTILINE))
    assert told == {name for names in METRICS_BY_TASK.values() for name in names}


@pytest.mark.slow
def test_its_python_runs_and_says_what_it_says(
    page: Small, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(page.root)
    exec(LOOK, {})  # it asserts
    assert capsys.readouterr().out.strip() in LOOK


@pytest.mark.slow
def test_the_tables_that_it_lists_are_kept(run: Run) -> None:
    listed = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (`.*) \|$", TEXT, re.MULTILINE)
    assert len(listed) > 10
    for step, table, cell in listed:
        columns = re.findall(r"`(\w+)`", cell.partition(", then ")[0])
        for name in re.findall(r"`([a-z]\w*)`", cell.partition(", then ")[2]):
            columns += [name, f"{name}_low", f"{name}_high"]
        assert run.kept(step)[table].columns == columns, (step, table)
