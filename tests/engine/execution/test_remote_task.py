"""The messages between a run and the process of one body: all arrive, whatever they hold."""

import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.engine.artifacts import Artifact, Record
from magical.engine.execution.capture import MAX_LINE_WIDTH
from magical.engine.execution.remote_task import (
    ERROR,
    EVENT,
    RECORD,
    RemoteTask,
    answer_task,
    pack_answer,
    unpack_answer,
    unpack_record,
)
from magical.errors import BrokenPromise, MagicalError, StepError, StepStopped
from magical.events import Event, LogLine, Progress
from magical.masking import register_secret

TASK = RemoteTask({}, "clean", "clean", "workflow.py:3", "ab12", "last")
RESULT = Record("ab12", "clean", "w:clean", {"code": "1"}, Artifact("value", "c", "b"), origin=("raw",))


class Odd(Exception):
    """Something that cannot be sent."""

    def __reduce__(self) -> Any:
        raise TypeError("no")


def test_a_record_comes_back() -> None:
    assert unpack_answer("clean", pack_answer(RECORD, RESULT)) == RESULT
    assert unpack_record("clean", pack_answer(RECORD, RESULT)) == RESULT
    assert unpack_record("clean", answer_task(TASK, lambda: RESULT)) == RESULT


@given(st.text(), st.integers())
def test_events_come_back(text: str, number: int) -> None:
    for event in (LogLine(step="clean", text=text), Progress(step="clean", done=number, total=3, text=text)):
        assert unpack_answer("clean", pack_answer(EVENT, event)) == event


@pytest.mark.parametrize(
    "error",
    [StepError("no", "because", hint="look."), BrokenPromise("no"), StepStopped("stopped.", hint="again.")],
)
def test_an_error_comes_back_as_what_it_was_and_is_raised(error: MagicalError) -> None:
    def raises() -> Record:
        raise error

    answer = answer_task(TASK, raises)
    with pytest.raises(type(error)) as caught:
        unpack_record("clean", answer)
    assert (caught.value.lines, caught.value.hint) == (error.lines, error.hint)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("by zero"), SystemExit(3), KeyboardInterrupt(), Odd("x")]
)
def test_whatever_is_raised_is_answered(error: BaseException) -> None:
    def raises() -> Record:
        raise error

    answered = unpack_answer("clean", answer_task(TASK, raises))
    assert isinstance(answered, StepError)
    assert answered.lines == (f"clean: {type(error).__name__}: {error}".rstrip(": "),)
    assert "magical runs" in answered.hint


def test_an_exception_without_a_text_is_answered_in_one_line() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("never")

    def raises() -> Record:
        raise Mute

    answered = unpack_answer("clean", answer_task(TASK, raises))
    assert answered.lines == ("clean: Mute: <Mute without a text: its __str__ raises RuntimeError>",)


def test_what_cannot_be_sent_is_told_as_a_line() -> None:
    there = unpack_answer("clean", pack_answer(EVENT, LogLine(step="clean", text=Odd("x"))))  # type: ignore[arg-type]
    assert isinstance(there, LogLine)
    assert there.step == "clean"
    error = StepStopped("clean stopped.", hint="look.")
    error.__dict__["odd"] = Odd("x")
    assert str(unpack_answer("clean", pack_answer(ERROR, error))) == str(error)


def test_such_a_line_is_short_and_holds_no_secret() -> None:
    register_secret("open sesame 456")

    @dataclass(frozen=True, kw_only=True)
    class Local(Event):
        step: str
        text: str

    event = Local(step="clean", text="open sesame 456" + "x" * 2 * MAX_LINE_WIDTH)
    line = unpack_answer("clean", pack_answer(EVENT, event))
    assert isinstance(line, LogLine)
    assert line.step == "clean"
    assert "sesame" not in line.text
    assert len(line.text) == MAX_LINE_WIDTH


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, type], bytes]:
    """Packs something whose class the reader cannot import."""

    def pack(kind: str, base: type) -> bytes:
        module = type(sys)("only_there")
        cls = type("There", (base,), {"__module__": "only_there"})
        module.There = cls  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "only_there", module)
        answer = pack_answer(kind, cls("x") if issubclass(cls, Exception) else cls(step="clean", text="x"))
        monkeypatch.delitem(sys.modules, "only_there")
        return answer

    return pack


def test_what_cannot_be_unpickled_here_is_said(unknown: Callable[[str, type], bytes]) -> None:
    event = unpack_answer("clean", unknown(EVENT, LogLine))
    assert isinstance(event, LogLine)
    assert event.step == "clean"
    assert "cannot be unpickled here" in event.text
    error = unpack_answer("clean", unknown(ERROR, StepError))
    assert isinstance(error, StepError)
    assert error.lines == ("clean raised an exception that cannot be unpickled here.",)
    assert error.hint == "magical replay last clean"


def test_the_kind_is_known_even_where_the_payload_is_not(unknown: Callable[[str, type], bytes]) -> None:
    assert pickle.loads(unknown(EVENT, LogLine))[0] == EVENT
    assert pickle.loads(unknown(ERROR, StepError))[0] == ERROR


@pytest.mark.parametrize("kind", [EVENT, ERROR])
def test_something_of_another_kind_is_not_passed_on(kind: str) -> None:
    answered = unpack_answer("clean", pickle.dumps((kind, pickle.dumps({"no": "event"}))))
    assert isinstance(answered, LogLine if kind == EVENT else StepError)


def test_a_task_can_be_sent() -> None:
    task = RemoteTask({"a": 1}, "n[1]", "n", "w.py:1", "k", "r", {"code": "1"}, 2.5, {"n": RESULT.to_json()})
    assert pickle.loads(pickle.dumps(task)) == task
