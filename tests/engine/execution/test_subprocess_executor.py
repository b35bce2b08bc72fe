"""Tasks in processes of their own, which answer, write, hang or die."""

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from magical.engine.artifacts import Artifact, Record
from magical.engine.execution.capture import MAX_LINE_WIDTH
from magical.engine.execution.remote_task import ERROR, EVENT, RECORD, RemoteTask, pack_answer
from magical.engine.execution.subprocess_executor import SubprocessExecutor, send_answer, stopped_error
from magical.errors import StepError, StepStopped
from magical.events import Event, LogLine
from magical.running_bodies import MARK, open_run
from projects import is_well_worded

RESULT = Record("ab12", "clean", "w:clean", {}, Artifact("none", ""))

# The task is received and not read: what it holds would have to be imported first.
BEGIN = """
import os, signal, subprocess, sys, time
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[-1]))
task = pipe.recv_bytes()
"""


def task(timeout: float | None = None) -> RemoteTask:
    return RemoteTask({}, "clean[1]", "clean", "workflow.py:3", "ab12", "last", timeout=timeout)


def answers(*packed: bytes) -> str:
    return "".join(f"pipe.send_bytes({one!r})\n" for one in packed)


DONE = answers(pack_answer(RECORD, RESULT))


def executor(
    body: str, emit: Callable[[Event], Any] = print, stopping: threading.Event | None = None, **options: Any
) -> SubprocessExecutor:
    command = [sys.executable, "-S", "-c", BEGIN + body]
    return SubprocessExecutor(command, emit, stopping or threading.Event(), **options)


def ends(process: int) -> bool:
    """Whether a process ends within some seconds: a kill takes a moment."""
    for _ in range(500):
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_the_record_comes_back_after_the_events_in_their_order() -> None:
    seen: list[Event] = []
    lines = [LogLine(step="clean[1]", text=f"line {i}") for i in range(5)]
    body = answers(*(pack_answer(EVENT, line) for line in lines)) + DONE
    assert executor(body, seen.append)(task()) == RESULT
    assert seen == lines


def test_the_error_of_the_body_is_raised_as_it_is() -> None:
    error = StepError("clean raised ValueError:", hint="look.")
    with pytest.raises(StepError) as caught:
        executor(answers(pack_answer(ERROR, error)))(task())
    assert (caught.value.lines, caught.value.hint) == (error.lines, error.hint)


def test_what_it_prints_becomes_lines_also_from_shells_and_on_the_error_stream() -> None:
    seen: list[Event] = []
    body = 'print("first")\nos.system("echo said by a shell")\nprint("\\nodd", file=sys.stderr)\n'
    executor(f"{body}os.write(1, b'\\xff without an end')\n{DONE}", seen.append)(task())
    said = [(e.step, e.text, e.level) for e in seen if isinstance(e, LogLine)]
    texts = ["first", "said by a shell", "odd", "\ufffd without an end"]
    assert said == [("clean[1]", text, "print") for text in texts]


def test_of_a_progress_bar_the_last_state_is_told() -> None:
    seen: list[Event] = []
    executor("print('10 %\\r20 %\\r30 %')\n" + DONE, seen.append)(task())
    assert [e.text for e in seen if isinstance(e, LogLine)] == ["30 %"]


def test_a_line_without_an_end_is_cut_and_the_last_state_of_a_long_progress_bar_kept() -> None:
    seen: list[Event] = []
    states = "sys.stdout.write(''.join(f'{i:90}\\r' for i in range(30_000)) + '\\n')\n"
    executor(f"print('x' * 5_000_000)\n{states}print('after')\n{DONE}", seen.append)(task())
    long, state, after = (e.text for e in seen if isinstance(e, LogLine))
    assert long == "x" * (MAX_LINE_WIDTH - 1) + "…"
    assert (state.strip(), after) == ("29999", "after")


@pytest.mark.parametrize("echo", [True, False])
def test_what_it_prints_is_shown_here_only_if_wanted(echo: bool, capsys: pytest.CaptureFixture[str]) -> None:
    executor("print('shown')\n" + DONE, lambda event: None, echo=echo)(task())
    assert capsys.readouterr().out == "shown\n" * echo


def test_it_runs_in_the_folder_that_is_named_and_with_no_input(tmp_path: Path) -> None:
    body = "open('here', 'w').write(repr(sys.stdin.read()))\n" + DONE
    executor(body, folder=tmp_path)(task())
    assert (tmp_path / "here").read_text() == "''"


def test_the_task_arrives_whole(tmp_path: Path) -> None:
    executor("open('task', 'wb').write(task)\n" + DONE, folder=tmp_path)(task(30))
    assert pickle.loads((tmp_path / "task").read_bytes()) == task(30)


@pytest.mark.parametrize(
    ("body", "how", "hint"),
    [
        ("os._exit(3)", "ended with exit code 3", "magical run tries again."),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL", "was there too little memory?"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "was ended by SIGTERM", "magical run tries again."),
        (
            "os.kill(os.getpid(), signal.SIGSEGV)",
            "was ended by SIGSEGV",
            "compiled code crashed; PYTHONFAULTHANDLER=1 magical run shows the line.",
        ),
    ],
)
def test_how_it_died_is_said(body: str, how: str, hint: str) -> None:
    with pytest.raises(StepStopped) as caught:
        executor(body)(task())
    assert caught.value.lines == (f"clean[1] (workflow.py:3): the process it ran in {how}.",)
    assert caught.value.hint == hint
    assert is_well_worded(str(caught.value))


def test_a_process_that_dies_before_it_takes_the_task_is_said() -> None:
    with pytest.raises(StepStopped, match="exit code 5"):
        SubprocessExecutor([sys.executable, "-S", "-c", "import os; os._exit(5)"], print, threading.Event())(
            task()
        )


def test_a_task_that_takes_too_long_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    body = "p = subprocess.Popen(['sleep', '60'])\nopen('pids', 'w').write(f'{os.getpid()} {p.pid}')\ntime.sleep(60)"
    began = time.monotonic()
    with pytest.raises(StepStopped) as caught:
        executor(body, folder=tmp_path)(task(0.75))
    assert 0.75 <= time.monotonic() - began < 10
    assert caught.value.lines == (
        "clean[1] (workflow.py:3) was promised to end within 0.75 s, and did not: it was stopped.",
    )
    assert caught.value.hint == "give it longer: policy.steps.clean.timeout=1.5"
    assert all(ends(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_a_run_that_is_stopped_stops_it_and_what_it_started_before() -> None:
    stopping = threading.Event()

    def emit(event: Event) -> None:
        stopping.set()

    body = answers(pack_answer(EVENT, LogLine(step="clean", text="begun"))) + "time.sleep(60)"
    with pytest.raises(StepStopped) as caught:
        executor(body, emit, stopping)(task())
    assert str(caught.value) == str(stopped_error("clean[1]"))


def test_after_success_nothing_that_it_started_is_left(tmp_path: Path) -> None:
    body = "p = subprocess.Popen(['sleep', '60'])\nopen('pid', 'w').write(str(p.pid))\n" + DONE
    assert executor(body, folder=tmp_path)(task()) == RESULT
    assert ends(int((tmp_path / "pid").read_text()))


def test_answers_of_several_threads_arrive_whole() -> None:
    ours, theirs = Pipe()
    messages = [bytes([n]) * 100_000 for n in range(8)]
    threads = [threading.Thread(target=send_answer, args=(theirs, message)) for message in messages]
    for thread in threads:
        thread.start()
    received = [ours.recv_bytes() for _ in messages]
    for thread in threads:
        thread.join()
    assert sorted(received) == messages
    ours.close()
    theirs.close()


def test_the_process_of_a_step_is_not_one_that_another_body_started() -> None:
    events: list[Event] = []
    with open_run():
        assert MARK in os.environ
        executor(f"print({MARK!r} in os.environ, flush=True)\n" + DONE, events.append)(task())
    assert [e.text for e in events if isinstance(e, LogLine)] == ["False"]
