"""The first file of a project: `magical new` reads it right, and the project that it writes runs."""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from magical.contracts.schema import to_snake_case
from projects import NO_TRACKING, Small, command
from reading.file_cases import SAMPLES, FileCase

CASES = {case.name: case for case in SAMPLES}
NOT_YET = {"mixed_dates.csv"}
"""Files that are not yet read right. One that is read right must leave the list."""


@pytest.fixture(autouse=True)
def no_module_is_lost() -> Iterator[None]:
    """Put modules of tests back: a written project has a folder `tests` too, and loading it drops those of others."""
    modules = dict(sys.modules)
    yield
    for name in set(modules) - set(sys.modules):
        sys.modules[name] = modules[name]


def new_project(case: FileCase, folder: Path) -> Small:
    """Make a project of a file as a user does."""
    (folder / case.file).write_bytes(case.data)
    words = ["--data", str(folder / case.file), "--target", case.target]
    answer = command("new", str(folder / "shop"), *words)
    assert answer.code == 0, answer
    small = Small(folder / "shop")
    small.write("settings.toml", NO_TRACKING)
    return small


@pytest.mark.parametrize("file", CASES)
def test_a_new_project_reads_its_file_right(tmp_path: Path, file: str) -> None:
    if file not in NOT_YET:
        check_read_right(CASES[file], tmp_path)
        return
    with pytest.raises(AssertionError):
        check_read_right(CASES[file], tmp_path)


def check_read_right(case: FileCase, tmp_path: Path) -> None:
    table = new_project(case, tmp_path).run("model_data")["model_data"]
    found = {to_snake_case(c.name): c.to_list() for c in table.get_columns()}
    for name, right in case.columns.items():
        texts = found[name] and isinstance(found[name][0], str) and not isinstance(right[0], str)
        assert found[name] == (list(map(str, right)) if texts else right), name


@pytest.mark.parametrize("file", CASES)
def test_a_look_at_a_file_shows_what_is_right(tmp_path: Path, file: str) -> None:
    if file not in NOT_YET:
        check_looked_right(CASES[file], tmp_path)
        return
    with pytest.raises(AssertionError):
        check_looked_right(CASES[file], tmp_path)


def check_looked_right(case: FileCase, folder: Path) -> None:
    """Check the rows, and the range of each column of numbers or dates."""
    (folder / case.file).write_bytes(case.data)
    answer = command("look", str(folder / case.file), "--json")
    assert answer.code == 0, answer
    columns = {to_snake_case(c["raw"]): c for c in answer.json["columns"]}
    assert list(columns) == list(case.columns)
    for name, right in case.columns.items():
        assert answer.json["rows"] == len(right)
        if isinstance(right[0], str | bool) or set(right) == {0, 1}:
            assert columns[name]["distinct"] == len(set(right))
        elif isinstance(right[0], date):
            assert [columns[name]["low"], columns[name]["high"]] == [str(min(right)), str(max(right))]
        else:
            assert [float(columns[name][end]) for end in ("low", "high")] == [min(right), max(right)]


@pytest.mark.slow
@pytest.mark.parametrize("file", [f for f in CASES if f not in NOT_YET])
def test_a_new_project_runs(tmp_path: Path, file: str) -> None:
    run = new_project(CASES[file], tmp_path).process("run")
    assert run.returncode == 0, run.stdout + run.stderr
