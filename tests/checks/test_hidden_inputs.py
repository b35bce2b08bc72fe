"""Hidden inputs of workflows and bodies, which no setting and no key covers."""

import datetime as dt
import importlib
import io
import json
import os
import random
import sqlite3
import sys
import time
import uuid
from datetime import date
from importlib import resources
from os import environ, getenv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from magical import Contract, Frame, InputPath, OutputPath, Receipt, Settings, rule, step, workflow
from magical.checks.hidden_inputs import find_impure_steps, find_impure_workflow, find_solitary_steps
from magical.graph import Graph

HERE = Path(__file__).parent
DATA = "data/x.csv"
LETTERS = ["a", "b"]
NAMED_IN_TEXTS = (
    dt,
    importlib,
    io,
    json,
    random,
    sqlite3,
    time,
    uuid,
    environ,
    getenv,
    np,
    pd,
    pl,
    Frame,
    InputPath,
)


# --- workflows --------------------------------------------------------------------------------------------------


@step
def number(x: Any = 1) -> int:
    return 1


def today() -> date:
    return date.today()


class Someday(Settings):
    day: date = date.today()


def depends(function: Any) -> list[str]:
    return [f.what for f in find_impure_workflow(workflow(function))]


IMPURE = (
    "date.today()",
    "dt.datetime.now()",
    "time.time()",
    "pd.Timestamp.now()",
    "random.random()",
    "random.choice(LETTERS)",
    "np.random.rand()",
    "np.random.default_rng()",
    "uuid.uuid4()",
    "os.environ['HOME']",
    "environ.get('HOME')",
    "os.getenv('HOME')",
    "getenv('HOME')",
    "'CI' in os.environ",
)


def alone(one: Any) -> Graph:
    @workflow
    def flow() -> Any:
        return one()

    return flow.draw()


def named(body: str, parameters: str = "") -> Any:
    """Build a function from its body: the source of a lambda cannot be read alone."""
    lines = [f"def function({parameters}):", *(f"    {line}" for line in body.splitlines())]
    return made("\n".join(lines))


def made(text: str) -> Any:
    import linecache

    name = f"<made {len(linecache.cache)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {**globals(), "sys": sys}
    exec(compile(text, name, "exec"), space)
    return space["function"]


@pytest.mark.parametrize("expression", IMPURE)
def test_a_workflow_must_depend_on_its_settings_alone(expression: str) -> None:
    (what,) = depends(named(f"return number({expression})"))
    assert expression in what
    assert "what it draws may be another each time" in what


PURE = (
    "date(2024, 1, 1)",
    "dt.timedelta(days=1)",
    "random.Random(7).random()",
    "np.random.default_rng(7).random()",
    "dt.date.fromisoformat('2024-01-01')",
    "time.strptime('2024', '%Y')",
    "os.path.join('a', 'b')",
    "len(LETTERS)",
)


@pytest.mark.parametrize("expression", PURE)
def test_plain_python_is_no_finding(expression: str) -> None:
    assert depends(named(f"return number({expression})")) == []


def test_helpers_and_the_class_of_the_settings_are_looked_at_too() -> None:
    def through_a_helper() -> Any:
        return number(today())

    def by_default(s: Someday) -> Any:
        return number(s.day)

    for function, place in ((through_a_helper, "date.today()"), (by_default, "date.today()")):
        (found,) = find_impure_workflow(workflow(function))
        assert (found.code, found.severity, found.step) == ("PURE001", "error", function.__name__)
        assert place in found.what


def test_what_a_contract_does_is_not_the_workflows() -> None:
    class Row(Contract):
        day: date

        @rule
        def is_past(cls) -> pl.Expr:
            return pl.col("day") <= date.today()

    def function() -> Any:
        return number(Row)

    assert depends(function) == []


def test_what_steps_do_is_not_the_workflows() -> None:
    @step
    def asks() -> str:
        return str(date.today())

    def function() -> Any:
        return asks()

    assert depends(function) == []


# --- bodies -----------------------------------------------------------------------------------------------------


def fetches(body: str, **facts: Any) -> list[str]:
    function = named(body, "path: InputPath = InputPath('x'), table: Frame = None, name: str = ''")
    function.__name__ = "clean"
    made = step(**facts)(function)
    return [f.what for f in find_impure_steps(alone(made))]


UNSEEN = (
    "open('x.csv')",
    "open('x.csv', 'rb')",
    "io.open('x.csv')",
    "open(DATA)",
    "open(HERE / 'x.csv')",
    "open(Path(__file__).parent / 'x.csv')",
    "open(f'{DATA}.gz')",
    "Path('x.csv').read_text()",
    "Path('data', 'x.csv').read_bytes()",
    "(HERE / 'x.csv').open()",
    "pl.read_csv('x.csv')",
    "pl.scan_parquet('data/*.parquet')",
    "pl.read_csv(source='x.csv')",
    "pl.read_csv(os.path.join('data', 'x.csv'))",
    "pd.read_csv(DATA)",
    "np.load('x.npy')",
    "sqlite3.connect('x.db')",
    "os.environ['KEY']",
    "os.environ.get('KEY', '')",
    "getenv('KEY')",
    "importlib.reload(name)",
    "globals()[name]",
    "sys.modules[name]",
    "sys.modules.get(name)",
    "eval(name)",
    "exec(name)",
    "date.today()",
)


@pytest.mark.parametrize("expression", UNSEEN)
def test_a_body_that_fetches_by_itself_is_a_warning(expression: str) -> None:
    (what,) = fetches(f"return {expression}")
    assert what.startswith("fetches by itself what the cache does not see: ")
    assert expression.split("(", maxsplit=1)[0].removesuffix("[name]") in what


SEEN = (
    "open(path)",
    "open('out.txt', 'w')",
    "open('out.txt', mode='a')",
    "pl.read_csv(path)",
    "path.read_text()",
    "(path / 'x.csv').read_text()",
    "pl.read_csv(io.StringIO('a,b'))",
    "pl.read_json(io.BytesIO(b'[]'))",
    "pd.read_json('[1, 2]')",
    "json.loads('[1]')",
    "table.filter(pl.col('x.csv') > 1)",
    "getattr(pl, name)",
    "importlib.import_module(name)",
    "__import__(name)",
    "importlib.util.find_spec('lightgbm')",
    "os.environ.setdefault('OMP_NUM_THREADS', '1')",
    "dict(os=1).get('os')",
    "time.time()",
    "Path('x.csv').suffix",
    "len(DATA)",
)


@pytest.mark.parametrize("expression", SEEN)
def test_arguments_writing_and_plain_python_are_no_finding(expression: str) -> None:
    assert fetches(f"return {expression}") == []


MORE_THAN_CONTENT = (
    "pd.read_csv(path.parent / 'x.csv')",
    "path.parents[0]",
    "path.stat().st_mtime",
    "path.resolve()",
    "path.absolute()",
    "path.exists()",
    "path.with_suffix('.json').read_text()",
    "os.path.dirname(path)",
    "os.stat(path)",
    "Path(path).parent",
    "[p.parent for p in paths]",
    "paths[0].parent",
    "options.source.parent",
    "options.sources['a'].parent",
    "beside(path)",
)
NO_MORE = (
    "path.name + path.stem + path.suffix",
    "str(path)",
    "open(path)",
    "open(str(path))",
    "Path(path).read_bytes()",
    "pl.read_csv(path)",
    "target.parent.mkdir(parents=True)",
    "target.exists()",
    "options.target.parent",
    "options.name",
    "name.parent",
    "table.parent",
    "Path(name).parent",
    "[n.parent for n in [name]]",
)


class PathOptions(Settings):
    source: InputPath = InputPath("x")
    sources: dict[str, InputPath] = {"a": InputPath("x")}  # noqa: RUF012
    target: OutputPath = OutputPath("y")
    name: str = ""


def beside(path: InputPath) -> Path:
    return path.parent


def reads_of_paths(body: str) -> list[str]:
    parameters = "path=InputPath('x'), paths=[InputPath('x')], options=PathOptions(), table=None"
    function = named(body, f"{parameters}, name='', target=OutputPath('y')")
    function.__name__ = "clean"
    return [f.what for f in find_impure_steps(alone(step(function)))]


@pytest.mark.parametrize("expression", MORE_THAN_CONTENT)
def test_a_body_that_reads_more_of_a_file_than_content_and_name_is_a_warning(expression: str) -> None:
    (what,) = reads_of_paths(f"return {expression}")
    assert what.startswith("fetches by itself what the cache does not see: ")


@pytest.mark.parametrize("expression", NO_MORE)
def test_content_and_name_of_a_file_are_seen(expression: str) -> None:
    assert reads_of_paths(f"return {expression}") == []


def test_a_path_is_followed_through_names() -> None:
    assert reads_of_paths("file = Path(path)\nreturn file.parent")
    assert reads_of_paths("for file in sorted(paths):\n    return file.parent")
    assert not reads_of_paths("path = target\nreturn path.parent")
    assert not reads_of_paths("file = file\nreturn file.parent")


def test_a_path_may_be_made_in_two_lines_or_come_by_an_import_inside() -> None:
    assert fetches("here = 'data'\nfile = here + '/x.csv'\nreturn open(file)")
    assert fetches("import os as o\nreturn o.environ['KEY']")
    assert fetches("from os import getenv as g\nreturn g('KEY')")
    assert not fetches("file = 'x.csv'\nfile = path\nreturn open(file)")
    assert not fetches("open = name.open\nreturn open('x.csv')")
    assert not fetches("for name in ['a', 'b']:\n    table = table.select(name)\nreturn table")


def test_what_is_asked_again_each_time_may_fetch() -> None:
    assert fetches("return os.environ['KEY']", reads="world") == []
    assert fetches("return date.today()", random=True) == []
    assert fetches("return os.environ['KEY']", random=True)


def test_how_a_writer_logs_in_is_its_own_business() -> None:
    @step(writes="world")
    def publish() -> Receipt:
        return Receipt(True, os.environ["TOKEN"])

    @step(writes="world")
    def publish_a_file() -> Receipt:
        return Receipt(True, Path("page.html").read_text())

    assert list(find_impure_steps(alone(publish))) == []
    assert len(list(find_impure_steps(alone(publish_a_file)))) == 1


def helper(name: str) -> str:
    return inner(name)


def inner(name: str) -> str:
    return Path("names.txt").read_text() + name


def test_the_projects_own_helpers_are_read() -> None:
    @step
    def clean() -> str:
        return helper("x")

    (found,) = find_impure_steps(alone(clean))
    assert (found.code, found.severity, found.step) == ("PURE002", "warning", "clean")
    assert "Path('names.txt').read_text() (test_hidden_inputs.py:" in found.what


def test_several_in_one_function_are_one_finding() -> None:
    (what,) = fetches("\n".join(f"open('{i}.csv')" for i in range(5)))
    assert "and 2 more" in what


def test_names_of_a_closure_are_known_once_they_are_bound() -> None:
    name = "x.csv"

    @step
    def clean() -> str:
        return open(name).read() + later()

    (found,) = find_impure_steps(alone(clean))
    assert "open(name) (test_hidden_inputs.py:" in found.what

    def later() -> str:
        return ""


def test_a_step_without_source_is_passed_over() -> None:
    space: dict[str, Any] = {"step": step}
    exec("@step\ndef clean() -> str:\n    return open('x.csv').read()", space)
    assert list(find_impure_steps(alone(space["clean"]))) == []
    assert depends(space["clean"].function) == []


def test_resources_of_the_project_are_files_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resources.files("json")
    assert fetches("return resources.files('projects').joinpath('x.csv').read_text()")
    assert fetches("return resources.files('polars').joinpath('x.csv').read_text()") == []


# --- the state of the process -----------------------------------------------------------------------------------


def test_a_step_that_acts_on_the_whole_process_is_one_finding() -> None:
    @step
    def clean() -> float:
        random.seed(3)
        return random.random()

    (found,) = find_solitary_steps(alone(clean))
    assert (found.code, found.severity, found.step) == ("PURE003", "warning", "clean")
    assert "random.seed(3) (test_hidden_inputs.py:" in found.what
