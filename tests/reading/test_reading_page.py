"""The page about reading: its examples run as they are shown, and the table beside it is the benchmark's."""

import doctest
import re
import tomllib
from pathlib import Path

import pytest

from magical.library import Reading
from projects import python

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


def test_the_settings_on_the_page_are_a_reading() -> None:
    (stated,) = [tomllib.loads(text) for text in blocks("toml")]
    assert Reading(**stated["flow"]["reading"]) != Reading()


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
