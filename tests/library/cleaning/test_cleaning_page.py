"""docs/cleaning.md is true: its blocks run as they are shown, and its tables list what there is."""

import doctest
import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from magical import library
from magical.library import Cleaning
from magical.settings import to_json

PAGE = Path(__file__).parents[3] / "docs" / "cleaning.md"
OURS = {name: kind for name, kind in Cleaning.kinds.items() if kind.__module__.startswith("magical.")}


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def rows_of_table(head: str) -> dict[str, list[str]]:
    """Return the cells of a table of the page by the name in its first column."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n| {head} |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()[2:]]
    return {row[0].strip("`| "): row[1:] for row in rows}


def fields(cell: str) -> dict[str, Any]:
    """Return the fields of a cell with the defaults that it shows."""
    named = (re.fullmatch(r"(\w+)(?: = (.*))?", text) for text in re.findall(r"`([^`]+)`", cell))
    return {m[1]: tomllib.loads(f"v = {m[2]}")["v"] if m[2] else None for m in named if m}


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """Run the Python of the page as it is shown; return the names that it defines."""
    test = doctest.DocTestParser().get_doctest("\n".join(blocks("python")), {}, PAGE.name, str(PAGE), 0)
    said: list[str] = []
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    result = doctest.DocTestRunner(optionflags=flags).run(test, out=said.append, clear_globs=False)
    Cleaning.kinds.pop("WholeNumbers", None)  # other tests list the kinds
    assert result.attempted > 25
    assert not result.failed, "".join(said)
    return test.globs


def test_the_settings_of_the_page_draw_its_workflow(names: dict[str, Any]) -> None:
    (stated,) = blocks("toml")
    given = names["FlowSettings"](**tomllib.loads(stated))
    node = names["flow"].draw(given).node("clean")
    assert {r["kind"] for r in tomllib.loads(stated)["cleaning"]} == set(OURS)
    assert "'bounds': {'ge': '2000-01-01', 'le': '2014-06-30'}" in str(node.promise["schema"])
    assert names["FlowSettings"](**to_json(given)) == given


def test_the_table_lists_each_kind_with_its_fields() -> None:
    table = rows_of_table("kind")
    assert set(table) == set(OURS)
    for name, kind in OURS.items():
        defaults = {
            field: "" if info.is_required() else info.get_default(call_default_factory=True)
            for field, info in kind.model_fields.items()
        }
        assert fields(table[name][0]) == {n: as_shown(value) for n, value in defaults.items()}


def test_the_table_lists_each_step_with_its_arguments() -> None:
    table = rows_of_table("step")
    assert set(table) == {"drop_duplicates", "drop_outliers"}
    for name, (arguments, _) in table.items():
        parameters = inspect.signature(getattr(library, name).function).parameters.values()
        assert fields(arguments) == {p.name: as_shown(p.default) for p in parameters}


def as_shown(default: Any) -> Any:
    """Return a default as the page shows it: None for one that says nothing."""
    if default in ("", None, (), inspect.Parameter.empty):
        return None
    if isinstance(default, tuple):
        return list(default) if len(default) > 1 else default[0]
    return default
