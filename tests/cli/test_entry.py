"""The command ends with an exit code and a message, whatever happens."""

import gc
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from magical.cli.verb import SharedOptions
from magical.errors import InputError, UsageError
from magical.masking import register_secret
from projects import Small, command, flow, is_well_worded

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
        def fault(*_: object) -> None:
            raise error

        monkeypatch.setattr(SharedOptions, "open_context", fault)

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
    # click goes to a new line before it aborts; below a message stand the lines of the author, here of this file
    assert answer.err.lstrip().partition("  test_entry.py:")[0] == said


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
    for one in started:
        one.join()


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
