"""The command ends with an exit code and a message, whatever happens."""

import gc
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import click
import pytest

from magical.cli.verb import SharedOptions
from magical.errors import InputError, UsageError
from magical.masking import register_secret
from projects import Small, command, flow, is_well_worded, one

CODES: dict[str, tuple[tuple[str, str, str] | None, str, int]] = {
    "a run": (None, "run", 0),
    "a run up to a step": (None, "run clean", 0),
    "a plan": (None, "plan", 0),
    "a failed step": (("workflow.py", "    return table.height\n", "    raise ValueError\n"), "run", 1),
    "a project that cannot be read": (("workflow.py", "@workflow", "@@"), "plan", 1),
    "a finding of kind error": (
        ("workflow.py", "def size(table: Frame[C]) -> int:", "def size(table: Frame[C]) -> 'Model':"), "plan", 1,
    ),
    "a wrong setting": (None, "run max_id=0", 2),
    "an unknown step": (None, "plan nope", 2),
    "an unknown verb": (None, "nope", 2),
    "an unknown option": (None, "run --nope", 2),
}  # fmt: skip


@pytest.mark.parametrize("name", CODES)
def test_exit_codes(small: Small, name: str) -> None:
    edit, words, code = CODES[name]
    if edit:
        small.edit(*edit)
    assert small.command(*words.split()).code == code


def test_without_a_verb_the_verbs_are_shown() -> None:
    answer = command()
    assert answer.code == 2
    assert "Commands:" in answer.out + answer.err


def test_the_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", command("--version").out)


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["rnu"], ["There is no verb 'rnu'", "Hint: did you mean 'run'"]),
        (["plan", "--sampel", "3"], ["There is no option --sampel.", "Hint: did you mean '--sample'"]),
        (["plan", "--hlp"], ["There is no option --hlp.", "'--help'"]),
        (["run", "--sample", "0"], ["--sample", "Hint: magical run --help says how it is called."]),
        (["plan", "--profile"], ["--profile takes a name.", "Hint: write profiles/NAME.toml."]),
        (["plan", "--project"], ["'--project' requires an argument.", "--help says how it is called."]),
        (["--nope"], ["There is no option --nope.", "--help"]),
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_answered_with_what_is_right(words: list[str], texts: list[str]) -> None:
    answer = command(*words)
    assert (answer.code, answer.out) == (2, "")
    assert [text for text in texts if text not in answer.err] == [], answer.err
    assert is_well_worded(answer.err.rstrip())


def test_a_missing_name_of_a_profile_is_answered_with_those_that_exist(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.write("profiles/quick.toml", "")
    small.write("profiles/full.toml", "")
    monkeypatch.chdir(small.root)
    assert command("plan", "--profile").err == "--profile takes a name.\nHint: there are: full, quick.\n"


def test_an_error_is_json_too(tmp_path: Path) -> None:
    answer = flow(tmp_path).command("run", "clena", "--json")
    assert answer.code == 2
    assert answer.json["error"]["kind"] == "UsageError"
    assert answer.json["error"]["hint"].startswith("did you mean 'clean'?")
    assert "There is no step 'clena'." in answer.err


# --- what a verb may raise ------------------------------------------------------------------------------------


@pytest.fixture
def plan_raises(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Let the verb ``plan`` raise something."""

    def arrange(error: BaseException) -> None:
        # A mock, since a frame of this file would be taken for the author's.
        monkeypatch.setattr(SharedOptions, "open_context", mock.Mock(side_effect=error))

    return arrange


@pytest.mark.usefixtures("nothing_hidden")
def test_a_fault_of_the_command_itself_is_masked(plan_raises: Callable[[BaseException], None]) -> None:
    register_secret("tiger")
    plan_raises(RuntimeError("tiger"))
    answer = command("plan")
    assert answer.code == 1
    assert "RuntimeError: ***" in answer.err
    assert "Traceback" in answer.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            InputError("x.csv does not exist.", hint="write it."),
            1,
            "x.csv does not exist.\nHint: write it.\n",
        ),
        (UsageError("There is no x."), 2, "There is no x.\n"),
        (KeyboardInterrupt(), 130, "Stopped. What is finished is kept; magical run goes on from there.\n"),
        (KeyboardInterrupt("Stopped after 2 steps."), 130, "Stopped after 2 steps.\n"),
        (click.Abort(), 130, "Stopped. What is finished is kept; magical run goes on from there.\n"),
        (
            click.ClickException("No such thing"),
            2,
            "No such thing.\nHint: magical --help says how it is called.\n",
        ),
        (SystemExit(3), 3, ""),
    ],
    ids=repr,
)
def test_each_error_has_its_code_and_text(
    error: BaseException, code: int, said: str, plan_raises: Callable[[BaseException], None]
) -> None:
    plan_raises(error)
    answer = command("plan")
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.lstrip() == said  # click goes to a new line before it aborts


@pytest.mark.parametrize("error", [InputError("a"), RuntimeError("a"), KeyboardInterrupt()], ids=repr)
def test_the_collector_is_on_again_after_it(
    error: BaseException, plan_raises: Callable[[BaseException], None]
) -> None:
    plan_raises(error)
    command("plan")
    assert gc.isenabled()


# --- signals and threads --------------------------------------------------------------------------------------


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The codes of exits that wait for no thread; here they raise `SystemExit` instead."""
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)
    return codes


@pytest.fixture
def thread() -> Iterator[Callable[[str], None]]:
    """Start a thread of a name, which ends with the test."""
    ends = threading.Event()
    started: list[threading.Thread] = []

    def start(name: str) -> None:
        started.append(threading.Thread(target=ends.wait, name=name, daemon=True))
        started[-1].start()

    yield start
    ends.set()
    for running in started:
        running.join()


def test_a_sigterm_stops_the_command_like_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(SharedOptions, "open_context", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        answer = command("plan")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert answer.code == 130
    assert "Stopped. What is finished is kept" in answer.err


def test_outside_of_the_main_thread_no_handler_is_set() -> None:
    before, codes = signal.getsignal(signal.SIGTERM), list[int]()
    thread = threading.Thread(target=lambda: codes.append(command("--version").code))
    thread.start()
    thread.join()
    assert codes == [0]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("name", "waited"), [("magical-body-0", False), ("other", True)])
def test_a_stopped_command_does_not_wait_for_bodies(
    name: str,
    waited: bool,
    exits: list[int],
    thread: Callable[[str], None],
    plan_raises: Callable[[BaseException], None],
) -> None:
    thread(name)
    plan_raises(KeyboardInterrupt())
    assert command("plan").code == 130
    assert exits == ([] if waited else [130])


@pytest.mark.parametrize(
    ("error", "code"), [(SystemExit(), 0), (SystemExit(3), 3), (SystemExit("text"), 1), (InputError("a"), 1)]
)
def test_with_prefect_the_command_exits_at_once(
    error: BaseException,
    code: int,
    exits: list[int],
    thread: Callable[[str], None],
    plan_raises: Callable[[BaseException], None],
) -> None:
    thread("magical-prefect")
    plan_raises(error)
    assert command("plan").code == code
    assert exits == [code]


# --- exits of the project's own code, and outputs that cannot be written ------------------------------------------

EXITING = """
import ctypes, os, sys
from pydantic import field_validator

class FlowSettings(Settings):
    seed: int = 0

    @field_validator("seed", mode="after")
    @classmethod
    def check(cls, seed: int) -> int:
        # at validation
        return seed

@step
def first() -> int:
    return 1

@step
def clean(x: int, seed: int) -> int:
    # in a body
    return x + seed

# at import

@workflow
def flow(s: FlowSettings) -> int:
    # in the workflow
    return clean(first(), s.seed)
"""


def exiting(root: Path, place: str, line: str) -> Small:
    """A project that ends the process at some place."""
    return one(root, EXITING.replace(f"# {place}", line))


@pytest.mark.parametrize("line", ["sys.exit(0)", "os._exit(0)"])
@pytest.mark.parametrize("place", ["at import", "at validation", "in the workflow", "in a body"])
def test_an_exit_in_the_projects_code_is_a_failure_with_its_line(
    tmp_path: Path, place: str, line: str
) -> None:
    small = exiting(tmp_path, place, line)
    done = small.process("run", "seed=2")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert re.search(rf"workflow\.py:\d+: {re.escape(line)}", said), said
    assert "Hint: " in said
    assert "Traceback" not in said
    assert [e["state"] for e in small.events() if e["event"] == "RunFinished"] == ["failed"] * (
        place == "in a body"
    )
    small.edit("workflow.py", line, "pass")
    assert small.command("run", "seed=2").code == 0


def test_after_a_crash_the_next_command_names_the_step(tmp_path: Path) -> None:
    small = exiting(tmp_path, "in a body", "ctypes.string_at(0)")
    assert small.process("run").returncode == -signal.SIGSEGV
    note = "The process of the last run died while clean was under way: "
    assert note in small.command("plan").err
    small.edit("workflow.py", "ctypes.string_at(0)", "pass")
    answer = small.command("run")
    assert (answer.code, answer.err.startswith(note)) == (0, True)
    assert "1 step ran, 1 was fresh" in answer.out
    assert small.command("plan").err == ""


NO_SPACE = (
    "The answer cannot be written to the standard output: No space left on device.\n"
    "Hint: what has run is kept; write the answer where there is space.\n"
)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.slow_except("run-", "--help-1")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["run", "--help"])
def test_an_answer_for_which_there_is_no_space(tmp_path: Path, words: str, unbuffered: str) -> None:
    small = exiting(tmp_path, "in a body", "print('said')")
    call = f"{sys.executable} -m magical.cli {words}"
    for outputs, code, said in (
        (">/dev/full", 1, NO_SPACE),
        ("2>/dev/full", 0, ""),
        (">/dev/full 2>&1", 1, ""),
        (">&- 2>&-", 0, ""),
    ):
        done = shell(f"{call} {outputs}", small.root, PYTHONUNBUFFERED=unbuffered)
        assert (done.returncode, done.stderr.partition("│ clean said\n")[2] or done.stderr) == (code, said)
        assert {e["state"] for e in small.events() if e["event"] == "RunFinished"} == (
            {"done"} if words == "run" else set()
        )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["runs", "--help"])
def test_a_reader_that_has_gone_ends_the_command_quietly(tmp_path: Path, words: str, unbuffered: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "magical.cli", *words.split()],
        cwd=exiting(tmp_path, "in a body", "pass").root,
        stdout=write_end,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        timeout=60,
        check=False,
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell, in a folder."""
    return subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )
