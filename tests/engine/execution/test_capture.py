"""Lines that bodies print and log become events of their steps, and inspect shows them."""

import contextlib
import logging
from pathlib import Path
from typing import cast

import pytest

from magical.engine.execution import capture
from magical.engine.execution.capture import MAX_LINE_WIDTH
from magical.events import Event, LogLine, Sink, current_sink
from projects import Small, one, python

SPEAKS = """
import logging, sys, threading, warnings

@step
def speaks(n: int) -> int:
    print("one", "two", sep="-")
    print("half", end=" ")
    print("and half")
    sys.stderr.write("to stderr\\n")
    sys.stdout.write("10%\\r50%\\r100%\\n")
    logging.getLogger("mine").warning("careful with %s", "this")
    logging.getLogger("mine").info("too quiet")
    print("no end of line", end="")
    return n

@step
def other(n: int) -> int:
    for i in range(n):
        print("other", i)
    return n

@workflow
def flow() -> tuple[int, int]:
    return speaks(1), other(3)
"""


def said(small: Small, step: str) -> list[tuple[str, str]]:
    return [(e["level"], e["text"]) for e in small.events() if e["event"] == "LogLine" and e["step"] == step]


@pytest.fixture
def speaks(tmp_path: Path) -> Small:
    return one(tmp_path, SPEAKS)


WORDS = [
    ("print", "one-two"),
    ("print", "half and half"),
    ("print", "to stderr"),
    ("print", "100%"),
    ("warning", "mine: careful with this"),
    ("print", "no end of line"),
]


@pytest.mark.parametrize("workers", [1, 4])
def test_what_a_body_says_is_told_as_its_own(speaks: Small, workers: int) -> None:
    speaks.load().execute("", {"policy": {"workers": workers}})
    assert sorted(said(speaks, "speaks")) == sorted(WORDS)
    assert said(speaks, "other") == [("print", f"other {i}") for i in range(3)]


def test_the_command_shows_it_once_and_not_in_its_answer(speaks: Small) -> None:
    done = speaks.process("run")
    assert done.stderr.count("one-two") == 1
    assert done.stderr.count("careful with this") == 1
    assert "one-two" not in done.stdout
    assert "other 2" in done.stderr


def test_a_notebook_sees_it_where_it_always_was(speaks: Small, capsys: pytest.CaptureFixture[str]) -> None:
    speaks.run()
    shown = capsys.readouterr()
    assert "one-two\n" in shown.out
    assert "to stderr\n" in shown.err
    print("as ever")
    assert capsys.readouterr().out == "as ever\n"
    assert [e for e in speaks.events() if e.get("text") == "as ever"] == []


def test_inspect_shows_what_was_said(speaks: Small) -> None:
    speaks.run()
    speaks.run()  # nothing runs again, and nothing is forgotten
    out = speaks.command("inspect", "speaks").out
    lines = [
        "one-two",
        "half and half",
        "to stderr",
        "100%",
        "warning: mine: careful with this",
        "no end of line",
    ]
    assert "─\n" + "".join(f"  {line}\n" for line in lines) in out.partition("Printed and logged")[2]
    assert "warning: mine: careful with this" in speaks.command("inspect", "speaks", "--json").json["said"]


def test_inspect_shows_the_last_lines_of_many(tmp_path: Path) -> None:
    small = one(tmp_path, SPEAKS.replace("other(3)", "other(100)"))
    small.run()
    out = small.command("inspect", "other").out
    assert "Printed and logged, the last 30 of 100 lines" in out
    assert "other 99" in out
    assert "  other 69\n" not in out


@pytest.mark.parametrize("apart", [False, True])
def test_a_body_that_never_stops_talking_does_not_fill_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], apart: bool
) -> None:
    monkeypatch.setattr(capture, "MAX_LINES", 50)
    small = one(tmp_path, SPEAKS.replace("other(3)", "other(500)"))
    small.run(policy={"steps": {"other": {"timeout": 60}}} if apart else {})
    lines = said(small, "other")
    assert len(lines) == 51
    assert lines[-1] == ("warning", "it has said 50 lines; what it says from here on is not kept.")
    assert "other 499\n" in capsys.readouterr().out  # a notebook sees it all


def test_long_lines_are_cut_at_their_end_and_say_so(tmp_path: Path) -> None:
    body = """\
    sys.stdout.write("begin" + "x" * 9_000)
    print("y" * 5_000_000)
    logging.getLogger("mine").warning("z" * 100_000)
    emit("e" * 100_000)
"""
    small = one(tmp_path, SPEAKS.replace('    print("one", "two", sep="-")\n', body))
    small.run()
    cut = [text for _, text in said(small, "speaks") if len(text) > 100]
    assert [(text[:6], len(text), text[-2:]) for text in cut] == [
        ("beginx", MAX_LINE_WIDTH, "x…"),
        ("mine: ", MAX_LINE_WIDTH, "z…"),
        ("eeeeee", MAX_LINE_WIDTH, "e…"),
    ]


def test_streams_and_loggers_are_left_as_they_were(speaks: Small) -> None:
    done = python(
        "-c",
        "import logging, sys, magical\n"
        "before = sys.stdout, sys.stderr, list(logging.getLogger().handlers)\n"
        f"magical.load({str(speaks.root)!r}).run()\n"
        "assert before == (sys.stdout, sys.stderr, list(logging.getLogger().handlers))\n",
    )
    assert done.returncode == 0, done.stderr


def test_a_logger_of_the_authors_own_is_heard_as_it_wants(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        SPEAKS.replace("@step\ndef speaks", "logging.basicConfig(level=logging.INFO)\n\n@step\ndef speaks"),
    )
    assert small.process("run").returncode == 0
    assert ("info", "mine: too quiet") in said(small, "speaks")


def test_warnings_are_seen_in_a_notebook_without_any_logging_set_up(speaks: Small) -> None:
    done = python("-c", f"import magical; magical.load({str(speaks.root)!r}).run()")
    assert done.stderr.count("careful with this") == 1
    assert done.stdout.count("one-two") == 1


COUNTS = """
import logging, time

@step
def counts(n: int) -> int:
    for i in range(n):
        print("line", i)
        logging.getLogger("mine").warning("logged %s", i)
        time.sleep(0.05)
    return n

@workflow
def flow() -> int:
    return counts(TIMES)
"""


def test_runs_in_two_threads_tell_each_line_once_and_leave_the_streams_as_they_were(tmp_path: Path) -> None:
    short, long = (
        one(tmp_path / "short", COUNTS.replace("TIMES", "8")),
        one(tmp_path / "long", COUNTS.replace("TIMES", "16")),
    )
    done = python(
        "-c",
        "import logging, sys, threading, time, magical\n"
        "before = sys.stdout, sys.stderr, list(logging.getLogger().handlers)\n"
        f"runs = [magical.load(p).run for p in ({str(short.root)!r}, {str(long.root)!r})]\n"
        "threads = [threading.Thread(target=run) for run in runs]\n"
        "threads[0].start(); time.sleep(0.2); threads[1].start()\n"
        "[t.join() for t in threads]\n"
        "assert before == (sys.stdout, sys.stderr, list(logging.getLogger().handlers))\n",
    )
    assert done.returncode == 0, done.stderr
    for small, n in ((short, 8), (long, 16)):
        assert [t for kind, t in said(small, "counts") if kind == "print"] == [f"line {i}" for i in range(n)]
        logged = [t for kind, t in said(small, "counts") if kind == "warning"]
        assert logged == [f"mine: logged {i}" for i in range(n)]


def test_a_run_that_begins_while_a_line_is_told_does_not_tell_it_again() -> None:
    told: list[str] = []

    class Body:
        name = "body"

        def emit(self, event: Event) -> None:
            assert isinstance(event, LogLine)
            told.append(event.text)
            if len(told) == 1:
                others.enter_context(capture.capture_lines(echo=False))

    with contextlib.ExitStack() as others, capture.capture_lines(echo=False):
        token = current_sink.set(cast(Sink, Body()))
        logging.getLogger("mine").warning("careful")
        current_sink.reset(token)
    assert told == ["mine: careful"]


def test_a_listener_that_prints_does_not_hear_of_it(
    speaks: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    class Prints:
        def on(self, event: Event) -> None:
            print("heard", type(event).__name__)

    speaks.load().execute("", {}, (Prints(),))
    assert "heard RunFinished" in capsys.readouterr().out
    assert not any("heard" in text for _, text in said(speaks, "speaks"))


def test_bodies_that_are_only_tried_are_not_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = one(
        tmp_path,
        SPEAKS.replace(
            "    return n\n\n@step",
            "    from magical.events import discard_events\n    with discard_events():\n        print('hidden')\n        logging.getLogger('mine').error('hidden too')\n    return n\n\n@step",
        ),
    )
    small.run()
    assert "hidden" not in str(said(small, "speaks"))
    assert "hidden" not in capsys.readouterr().out
