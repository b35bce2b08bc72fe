"""Bodies on a Dask cluster: the conformance suite, the campaign, deaths, edits, and what is left behind."""

import contextlib
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from magical.engine.execution.local_runner import LocalRunner
from magical.errors import BrokenPromise, StepError, StepStopped, UsageError
from magical.project.result import Run
from magical.project.run_setup import run_drawing
from magical.testing import RunnerConformance
from magical.testing.runner_conformance import ProjectRunSuite
from projects import Small, is_well_worded, one, python

pytest.importorskip("distributed")

pytestmark = pytest.mark.slow  # each starts a cluster of processes

ON_DASK = {"policy": {"cluster": "dask", "workers": 2}}

STEPS = """
import os, sys, time
from pathlib import Path

HERE = Path(__file__).parent

class FlowSettings(Settings):
    how: str = ""
    seconds: float = 0.0

def note(name):
    with (HERE / f"{name}.pids").open("a") as file:
        file.write(f"{os.getpid()}\\n")

@step
def table() -> Frame:
    note("table")
    return pl.DataFrame({"x": [1, 2, 3]})

@step
def slow(table: Frame, seconds: float, how: str) -> Frame:
    note("slow")
    for n in range(5):
        print("line", n)
    keep("height", table.height)
    if how == "die" or (how == "die once" and len((HERE / "slow.pids").read_text().split()) == 1):
        time.sleep(0.5)
        os.kill(os.getpid(), 9)
    if how == "raise":
        raise ValueError("no luck")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.05)
    emit("half way")
    return table.with_columns(y=pl.col("x") * 2)

@step
def beside(table: Frame) -> int:
    note("beside")
    return table.height

@step
def total(slow: Frame, beside: int) -> int:
    note("total")
    return int(slow["y"].sum()) + beside

@workflow
def flow(s: FlowSettings) -> int:
    t = table()
    return total(slow(t, s.seconds, s.how), beside(t))
"""


@pytest.mark.slow_except("test_a_project_runs_on_it")
class TestOnDask(RunnerConformance):
    """The local runner, with the bodies on a cluster of this machine."""

    policy: ClassVar[Mapping[str, Any]] = ON_DASK["policy"]

    def runner(self, workers: int) -> LocalRunner:
        return LocalRunner(workers)


@pytest.mark.slow
class TestAtAnAddress(ProjectRunSuite):
    """The same with a cluster that somebody else has started."""

    @pytest.fixture(autouse=True)
    def somewhere(self, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "policy", {"cluster": scheduler, "workers": 2})

    def runner(self, workers: int) -> LocalRunner:
        return LocalRunner(workers)


def pids(small: Small, name: str) -> list[int]:
    path = small.root / f"{name}.pids"
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def told(small: Small, step: str) -> list[str]:
    return [e["text"] for e in small.events() if e["event"] == "LogLine" and e["step"] == step]


def family(process: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process).children(recursive=True)
    return []


def wait_for(condition: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def shared(process: psutil.Process) -> set[str]:
    """The files in memory that a process has mapped, such as semaphores."""
    with contextlib.suppress(psutil.Error):
        return {m.path for m in process.memory_maps() if m.path.startswith("/dev/shm/")}
    return set()


def dask_folders(small: Small) -> list[Path]:
    return list((small.root / ".magical").glob("dask-*"))


# --- a cluster of this machine's own ------------------------------------------------------------------------------


@pytest.mark.slow
def test_bodies_run_in_other_processes_and_tell_in_order(tmp_path: Path) -> None:
    small = one(tmp_path, STEPS)
    run = small.run(**ON_DASK)
    assert run.result == 15
    assert run.kept("slow") == {"height": 3}
    assert os.getpid() not in {p for name in ("table", "slow", "beside", "total") for p in pids(small, name)}
    assert told(small, "slow") == [*(f"line {n}" for n in range(5)), "half way"]
    assert small.ran() == []  # the keys are the same without it
    assert small.ran(**ON_DASK) == []
    assert not dask_folders(small)


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_step_only(tmp_path: Path) -> None:
    small = one(tmp_path, STEPS)
    run = small.run(how="die once", **ON_DASK)
    assert run.result == 15
    assert len(pids(small, "slow")) == 2
    assert [len(pids(small, name)) for name in ("table", "beside", "total")] == [1, 1, 1]
    lines = [f"line {n}" for n in range(5)]
    said = told(small, "slow")
    assert said[5:] == ["the worker it ran on died; it runs again on another one.", *lines, "half way"]
    assert said[:5] == lines


@pytest.mark.slow
def test_a_body_that_kills_each_worker_fails_alone(tmp_path: Path) -> None:
    small = one(tmp_path, STEPS)
    result = small.load().execute("", {"how": "die", **ON_DASK})
    error = result.errors["slow"]
    assert isinstance(error, StepStopped)
    assert "the worker it ran on died 3 times" in str(error)
    assert is_well_worded(str(error))
    assert len(pids(small, "slow")) == 3
    assert "beside" in result.executed
    assert result.left_out == {"total": "slow failed"}
    assert not dask_folders(small)


def test_what_a_body_raises_there_is_said_as_here(tmp_path: Path) -> None:
    small = one(tmp_path, STEPS)
    there = small.load().execute("", {"how": "raise", **ON_DASK}).errors["slow"]
    here = small.load().execute("", {"how": "raise"}).errors["slow"]
    assert type(there) is type(here) is StepError
    assert str(there) == str(here)
    assert "no luck" in there.__dict__["trace"]
    assert there.__dict__["frames"] == here.__dict__["frames"]


def test_what_breaks_a_promise_there_comes_back_as_that(tmp_path: Path) -> None:
    text = """
    class Row(Contract):
        id: Id[int]
        x: int = Field(ge=0)

    @step
    def rows() -> Frame[Row]:
        return pl.DataFrame({"id": [1], "x": [-1]})

    @workflow
    def flow() -> Frame[Row]:
        return rows()
    """
    with pytest.raises(BrokenPromise, match="x must be >= 0"):
        one(tmp_path, text).run(**ON_DASK)


def test_what_writes_to_the_world_and_what_is_made_up_stays_here(tmp_path: Path) -> None:
    text = """
    import os

    class Row(Contract):
        id: Id[int]

    @step
    def rows() -> Frame[Row]: ...

    @step
    def there(n: int) -> int:
        return os.getpid()

    @step
    def number() -> int:
        return 1

    @step(writes="world")
    def publish(there: int) -> dict[str, Any]:
        return {"there": there, "here": os.getpid()}

    @workflow
    def flow() -> Frame[Row]:
        publish(there(number()))
        return rows()
    """
    run = one(tmp_path, text).run(**ON_DASK)
    assert run["publish"]["here"] == os.getpid() != run["there"]
    assert run["rows"].height == 1000


def test_under_a_debugger_all_bodies_run_here(tmp_path: Path) -> None:
    small = one(tmp_path, STEPS)
    small.load().execute("", ON_DASK, (), lambda error: None)
    assert {*pids(small, "slow"), *pids(small, "total")} == {os.getpid()}


@pytest.mark.slow
def test_what_is_printed_reaches_a_notebook_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = one(tmp_path, STEPS)
    log = "import logging\n    logging.info('no')\n    logging.getLogger('mine').warning('oh')\n    emit("
    small.edit("workflow.py", 'emit("', f'{log}"')
    small.run(**ON_DASK)
    out, err = capsys.readouterr()
    assert out == "".join(f"line {n}\n" for n in range(5))
    assert err == "! slow   mine: oh\n"  # as a warning, which a caller in Python sees as it comes


@pytest.mark.slow
def test_the_console_is_as_quiet_as_without(tmp_path: Path) -> None:
    small = one(tmp_path, STEPS)
    here = small.process("run", "seconds=0.1")
    there = small.process("run", "seconds=0.2", "policy.cluster=dask", "policy.workers=2")
    assert here.stderr.count("line") == 5
    assert (there.returncode, there.stderr) == (here.returncode, here.stderr)
    assert len(there.stdout.splitlines()) == len(here.stdout.splitlines())


def test_nothing_to_run_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = one(tmp_path, STEPS)
    small.run()
    monkeypatch.setattr(
        "magical.integrations.dask.cluster.DaskCluster.__enter__", lambda self: pytest.fail("it started")
    )
    assert small.ran(**ON_DASK) == []


def test_without_dask_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install .magical-thinking\[dask\]") as caught:
        one(tmp_path, STEPS).load().execute("", ON_DASK)
    assert is_well_worded(str(caught.value))


@pytest.mark.slow
def test_a_file_named_like_a_module_where_it_was_begun_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, stray = one(tmp_path / "p", STEPS), Small(tmp_path / "stray")
    for name in ("random", "tempfile", "distributed", "pydantic"):
        stray.write(f"{name}.py", "raise AssertionError('it was imported')\n")
    monkeypatch.chdir(stray.root)
    policy = {**ON_DASK["policy"], "steps": {"beside": {"timeout": 60}}}
    assert small.run(policy=policy).result == 15


@pytest.mark.slow
def test_a_run_that_leaves_nothing_behind_has_its_cluster_aside_too(tmp_path: Path) -> None:
    text = """
    @step
    def folder() -> str:
        from distributed import get_worker

        return get_worker().local_directory

    @workflow
    def flow() -> str:
        return folder()
    """
    project, aside = one(tmp_path / "p", text).load(), tmp_path / "aside"
    away = project.context().reopen(ON_DASK, location=replace(project.options.location, temporary_home=aside))
    drawing = away.draw()
    result = run_drawing(away, drawing)
    assert Run(away, drawing, result).result.startswith(str(aside))


# --- being stopped ------------------------------------------------------------------------------------------------


def begun(small: Small, *words: str) -> "subprocess.Popen[str]":
    """A run whose step slow is under way on a worker."""
    command = [
        sys.executable,
        "-m",
        "magical.cli",
        "run",
        "--project",
        str(small.root),
        "seconds=300",
        *words,
    ]
    process = subprocess.Popen(
        [*command, "policy.cluster=dask", "policy.workers=2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DO_NOT_TRACK": "true"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    wait_for(lambda: pids(small, "slow") or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


@pytest.mark.slow_except("kill-worker")
@pytest.mark.parametrize("words", [(), ("policy.steps.slow.timeout=600",)], ids=["worker", "process"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_a_run_that_is_stopped_leaves_nothing(
    tmp_path: Path, number: signal.Signals, words: tuple[str, ...]
) -> None:
    small = one(tmp_path, STEPS)
    process = begun(small, *words)
    others = family(process.pid)
    semaphores = {name for p in others for name in shared(p)}
    addresses = [c.laddr for p in others for c in p.net_connections("inet") if c.status == "LISTEN"]
    assert {a.ip for a in addresses} == {"127.0.0.1"}
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    if number == signal.SIGINT:
        assert process.returncode == 130, err
        assert "2 steps finished and are kept; slow was under way" in err or "1 step finished" in err
        assert time.monotonic() - began < 8
    wait_for(lambda: not any(p.is_running() and p.status() != "zombie" for p in others), 8)
    wait_for(lambda: not dask_folders(small), 8)
    wait_for(lambda: not any(map(os.path.exists, semaphores)), 8)
    mine = {a.port for a in addresses}
    assert not [c for c in psutil.net_connections("inet") if c.status == "LISTEN" and c.laddr.port in mine]
    assert small.run(seconds=0.0).result == 15


@pytest.mark.slow
def test_workers_killed_with_the_process_that_holds_them(tmp_path: Path) -> None:
    small = one(tmp_path, STEPS)
    process = begun(small)
    others = family(process.pid)
    holder = next(p for p in others if "magical.integrations.dask.cluster_main" in p.cmdline())
    holder.kill()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "this machine's cluster is gone" in out
    assert "reconnect" not in err
    wait_for(lambda: not any(p.is_running() and p.status() != "zombie" for p in others), 8)
    assert not dask_folders(small)


# --- a scheduler at an address ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster of two workers, as somebody else would start it, with a thread each and one with two."""
    folder = tmp_path_factory.mktemp("scheduler")
    code = f"""
import sys
from distributed import LocalCluster
import dask
dask.config.set({{"temporary-directory": {str(folder)!r}}})
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=2, host="127.0.0.1", dashboard_address=None,
                      scheduler_kwargs={{"dashboard_address": "127.0.0.1:0"}}, silence_logs=60) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
    script = folder / "serve.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def at(address: str, **more: Any) -> dict[str, Any]:
    return {"policy": {"cluster": address, "workers": 2, **more}}


@pytest.mark.slow
def test_a_run_that_explores_on_a_cluster_leaves_out_what_writes(tmp_path: Path, scheduler: str) -> None:
    text = """
    class S(Settings):
        n: int = 1

    @step
    def there(n: int) -> int:
        return n

    @step(writes="world")
    def publish(there: int) -> int:
        return there

    @workflow
    def flow(s: S) -> int:
        return publish(there(s.n))
    """
    small = one(tmp_path, text)
    run = small.run(n=2, **at(scheduler))
    assert (run.executed, list(run.left_out)) == (["there"], ["publish"])
    assert small.run(**at(scheduler)).result == 1
    assert small.load(register=True).run(n=2, **at(scheduler)).executed == ["publish"]


def test_a_cluster_at_an_address_runs_edited_code_as_it_is_now(tmp_path: Path, scheduler: str) -> None:
    small = one(tmp_path, STEPS)
    assert small.run(**at(scheduler)).result == 15
    small.edit("workflow.py", 'y=pl.col("x") * 2', 'y=pl.col("x") * 3')
    again = small.run(**at(scheduler))
    assert again.executed == ["slow", "total"]
    assert again.result == 21
    assert os.getpid() not in pids(small, "slow")


def test_a_worker_there_runs_what_was_edited_outside_the_folder(tmp_path: Path, scheduler: str) -> None:
    top = f"""
    import sys
    sys.path.append({str(tmp_path / "lib")!r})
    from lately import number
    """
    text = """
    @step
    def one() -> int:
        return number()

    @workflow
    def flow() -> int:
        return one()
    """
    small, lib = one(tmp_path / "p", text, top=top), Small(tmp_path / "lib")
    for number in range(1, 6):  # each of the two workers has the module soon
        lib.write("lately.py", f"def number():\n    return {number}\n")
        assert small.run(**at(scheduler)).result == number


@pytest.mark.slow
def test_two_projects_on_one_cluster_do_not_mix(tmp_path: Path, scheduler: str) -> None:
    text = """
    import time

    @step
    def late(n: int) -> int:
        time.sleep(0.5)
        from helpers import NUMBER

        return NUMBER + n

    @step
    def total(a: int, b: int, c: int) -> int:
        return a + b + c

    @workflow
    def flow() -> int:
        return total(late(1), late(2), late(3))
    """
    processes = []
    for number in (10, 20):
        small = one(tmp_path / str(number), text)
        small.write("helpers.py", f"NUMBER = {number}\n")
        words = [sys.executable, "-m", "magical.cli", "run", "--json", "--project", str(small.root)]
        words += [f"policy.cluster={scheduler}", "policy.workers=4"]
        processes.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert [json.loads(out)["results"]["total"] for out, _ in said] == ["36", "66"]


def test_a_path_typed_on_the_line_means_the_same_there(tmp_path: Path, scheduler: str) -> None:
    text = """
    class FlowSettings(Settings):
        source: InputPath = InputPath("none.csv")

    @step
    def raw(source: InputPath) -> Frame:
        return pl.read_csv(source)

    @workflow
    def flow(s: FlowSettings) -> Frame:
        return raw(s.source)
    """
    small = one(tmp_path / "p", text)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.csv").write_text("a\n1\n")
    words = ["run", "--project", str(small.root), "source=mine.csv", f"policy.cluster={scheduler}"]
    done = python("-m", "magical.cli", *words, cwd=str(tmp_path / "there"))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_body_that_nobody_waits_for_is_stopped_there(tmp_path: Path, scheduler: str) -> None:
    text = STEPS.replace(
        "        time.sleep(0.05)\n",
        '        time.sleep(0.05)\n        (HERE / "alive").write_text(str(time.time()))\n',
    )
    small = one(tmp_path, text)
    process = begun(small, f"policy.cluster={scheduler}")
    wait_for((small.root / "alive").exists)
    process.kill()
    process.communicate()

    def is_still() -> bool:
        return time.time() - float((small.root / "alive").read_text() or time.time()) > 1.5

    wait_for(is_still, 15)
    assert small.run(seconds=0.0, **at(scheduler)).result == 15  # and its worker works on


@pytest.mark.slow
def test_a_step_with_a_timeout_is_stopped_there(tmp_path: Path, scheduler: str) -> None:
    small = one(tmp_path, STEPS)
    result = small.load().execute("", {"seconds": 300, **at(scheduler, steps={"slow": {"timeout": 4}})})
    assert "was promised to end within 4 s" in str(result.errors["slow"])
    assert "beside" in result.executed


@pytest.mark.slow_except("odd://127.0.0.1:1")
@pytest.mark.parametrize("address", [f"{how}://127.0.0.1:1" for how in ("tcp", "odd", "tls", "ucx")])
def test_a_scheduler_that_does_not_answer_is_said_before_any_work(tmp_path: Path, address: str) -> None:
    pytest.importorskip("distributed")  # it sets the level when it is imported
    level = logging.getLogger("distributed").level
    small = one(tmp_path, STEPS)
    began = time.monotonic()
    with pytest.raises(UsageError) as caught:
        small.load().execute("", at(address))
    assert time.monotonic() - began < 12
    assert address in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
    assert is_well_worded(str(caught.value))
    assert pids(small, "table") == []
    assert list(small.load().runs()) == []
    assert ("certificates" in str(caught.value)) is address.startswith("tls")
    assert logging.getLogger("distributed").level == level
    gc.collect()  # a client that is half made complains then, which is an error here
