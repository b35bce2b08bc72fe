"""Runs projects in clean processes at a small price: imports the libraries once, and forks a child for each run.

Reads requests as JSON lines from standard input, and answers each with a line on standard output. It executes no
query itself, so that there are no threads when it forks.
"""

import contextlib
import dataclasses
import gc
import importlib
import io
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

import magical
from magical.project.project import Project
from magical.project.result import Run
from magical.project.run_setup import run_drawing

LIMIT = 60  # seconds for a run
LIBRARIES = (
    "numpy pyarrow.parquet pydantic sqlite3 sklearn.linear_model sklearn.pipeline sklearn.preprocessing"
)


def show(value: Any) -> str:
    """Describe a result such that equal texts mean equal values: 1 is not 1.0, nor True."""
    if isinstance(value, pl.DataFrame):
        return f"polars {value.to_dict(as_series=False)!r}"
    if isinstance(value, pd.DataFrame):
        return f"pandas {value.to_dict('list')!r}"
    if dataclasses.is_dataclass(value):  # its repr may be a summary
        shown = {f.name: show(getattr(value, f.name)) for f in dataclasses.fields(value) if f.repr}
        return f"{type(value).__name__} {shown}"
    return repr(value)


def run(project: Project) -> dict[str, Any]:
    """Run a project, and return the names of the steps that ran, their errors, and all results."""
    context = project.context()
    drawing = context.draw()
    result = run_drawing(context, drawing)
    answer: dict[str, Any] = {"executed": list(result.executed), "values": {}}
    answer["errors"] = {name: str(error) for name, error in result.errors.items()}
    if result.executed or result.errors:  # else it would import the project for nothing
        done = Run(context, drawing, result)
        answer["values"] = {name: show(done[name]) for name in result.records}
    return answer


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request in a process of its own."""
    os.environ.update(request["environment"])
    os.chdir(request["root"])
    sys.path[:0] = request["path"]
    project = magical.load(request["root"])
    result = run(project)
    if request["keys"]:
        result["keys"] = {name: plan.key for name, plan in project.plan().items()}
    result["pid"], result["modules"] = os.getpid(), sorted(n for n in sys.modules if n.startswith("magical."))
    return result


def in_child(request: dict[str, Any]) -> dict[str, Any]:
    """Fork, answer the request in the child, and return what it writes into a pipe."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        signal.alarm(LIMIT)
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
        try:
            text = json.dumps(answer(request))
        except BaseException as error:
            where = "".join(traceback.format_exception(error)[-3:])
            text = json.dumps({"failed": f"{type(error).__name__}: {error}", "traceback": where})
        with contextlib.suppress(BaseException), os.fdopen(writing, "w") as pipe:
            pipe.write(text)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text else {"failed": f"the process ended with status {status}"}


def serve() -> None:
    """Answer requests until the input ends."""
    sys.dont_write_bytecode = True  # Python takes an edit of the same size in the same second for none
    for name in LIBRARIES.split():
        importlib.import_module(name)
    for line in sys.stdin:
        result = in_child(json.loads(line))
        for name in result.pop("modules", ()):  # what a run imports late: later children find it there
            importlib.import_module(name)
        gc.collect()
        gc.freeze()  # else the collector of each child writes to, and so copies, all memory of this process
        result["threads"] = (
            len(list(Path("/proc/self/task").iterdir())) if Path("/proc/self/task").is_dir() else 1
        )
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    serve()
