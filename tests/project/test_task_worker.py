"""A remote task in a worker that executes many: it uses the present code, or fails with a clear error."""

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from magical.contracts.promises import Promise
from magical.engine.execution.remote_task import RemoteTask
from magical.errors import ProjectError
from magical.project import task_worker
from magical.project.run_setup import OpenTicket
from magical.project.task_worker import execute_on_worker
from magical.system.processes import machine_name
from project.conftest import USES_LIB, returns
from projects import Small, is_well_worded, one, python


def make_task(small: Small, name: str = "first") -> RemoteTask:
    """The task that a run sends now; drawn in another process, so that this one has not imported the project."""
    assert python("-m", "magical.cli", "plan", "--project", str(small.root)).returncode == 0
    context = small.load().context()
    plan = context.plan()[name]
    ticket = OpenTicket(context.options, {}, "", None, os.getcwd())
    return RemoteTask(ticket, name, name, "workflow.py:1", plan.key, "run-x", plan.parts)


def done(small: Small, sent: RemoteTask) -> Any:
    record = execute_on_worker(sent, lambda event: None, threading.Event())
    return small.load().store.load(record.result, Promise("any"))


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_worker, "_open_projects", [])


def test_a_worker_runs_what_was_edited_outside_the_folder(tmp_path: Path, lib: Small) -> None:
    small = one(tmp_path / "p", USES_LIB)
    assert done(small, make_task(small)) == 1
    lib.write("mylib.py", returns(2222))
    assert done(small, make_task(small)) == 2222


@pytest.mark.slow
def test_a_worker_imports_again_for_each_run_what_asks_the_world(
    tmp_path: Path, lib: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = one(tmp_path / "p", USES_LIB)
    small.edit("workflow.py", "return number()", "return AT")
    small.edit("workflow.py", "\n\n@step", "\nimport os\nAT = int(os.environ['AT'])\n\n@step")
    for value in ("1", "2"):
        monkeypatch.setenv("AT", value)
        assert done(small, replace(make_task(small), run=f"run-{value}")) == int(value)


@pytest.mark.slow
def test_a_worker_older_than_what_is_installed_sends_it_apart(
    tmp_path: Path, lib: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_worker, "_PACKAGES", "as it was when this process began")
    small = one(tmp_path / "p", USES_LIB)
    small.edit("workflow.py", "return number()", "import os\n    return os.getpid()")
    assert done(small, make_task(small)) != os.getpid()


def test_where_code_differs_it_is_named(tmp_path: Path, lib: Small) -> None:
    small = one(tmp_path / "p", USES_LIB)
    sent = make_task(small)
    lib.write("mylib.py", returns(2))
    with pytest.raises(
        ProjectError,
        match=f"first has changed since its run began, or differs on {machine_name()}: mylib.number was edited",
    ) as caught:
        done(small, sent)
    assert is_well_worded(str(caught.value))


def test_where_another_version_is_installed_it_is_named(tmp_path: Path, lib: Small) -> None:
    small = one(tmp_path / "p", USES_LIB)
    sent = make_task(small)
    there = replace(sent, key="another", parts={**sent.parts, "package:polars": "0.1"})
    with pytest.raises(ProjectError, match=r"polars went from 0\.1 to"):
        done(small, there)
    with pytest.raises(ProjectError, match="its files or packages differ"):
        done(small, replace(there, parts={}))
