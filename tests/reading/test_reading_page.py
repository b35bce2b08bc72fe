"""The page about reading: its examples run as they are shown, and the table beside it is the benchmark's."""

import doctest
import re
from pathlib import Path

import pytest

from magical.library import Reading
from projects import NO_TRACKING, project, python

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reading.md"
COMPARISON = ROOT / "docs" / "readers.md"


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_examples_run_as_they_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = "\n".join(blocks("python"))
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    test = doctest.DocTestParser().get_doctest(shown, {}, PAGE.name, str(PAGE), 0)
    said: list[str] = []
    result = runner.run(test, out=said.append)
    assert result.attempted > 20
    assert not result.failed, "".join(said)


FLOW = """
from magical import Frame, InputPath, Settings, workflow
from magical.library import Reading, ingest


class FlowSettings(Settings):
    source: InputPath = InputPath("x.csv")
    reading: Reading = Reading()


@workflow
def flow(s: FlowSettings) -> Frame:
    return ingest(s.source, s.reading)
"""


def test_the_settings_on_the_page_are_those_of_a_workflow(tmp_path: Path) -> None:
    (stated,) = blocks("toml")
    small = project(tmp_path, {"workflow.py": FLOW, "settings.toml": stated + NO_TRACKING})
    small.write("x.csv", "Skład\n\nNr;Obrót\n;zł\n1;8.804,5\n2;k.A.\nSuma;8.804,5\n".encode("cp1250"))
    table = small.run().result
    assert table.columns == ["Nr", "Obrót"]
    assert table.rows() == [("1", "8804.5"), ("2", None)]


def rows_of_table(text: str) -> list[list[str]]:
    """Return the kind, the files and what magical makes of them, of each row of the comparison."""
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in text.splitlines()]
    return [row for row in rows if len(row) == 4 and row[2].count(" · ") == 3]


@pytest.mark.slow
def test_the_table_of_readers_is_that_of_the_benchmark() -> None:
    answer = python(str(ROOT / "benchmarks" / "readers.py"))
    assert answer.returncode == 0, answer.stderr
    shown = rows_of_table(COMPARISON.read_text(encoding="utf-8"))
    assert shown == rows_of_table(answer.stdout)
    assert all(cell.endswith(" · 0") for row in shown for cell in row[2:]), "read wrong"


def test_each_option_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in Reading.model_fields if f"`{name}`" not in text] == []
