"""Progress in the terminal: one line a step; little output when piped."""

import io

import pytest

from magical.events import (
    Event,
    LogLine,
    Progress,
    RunFinished,
    RunStarted,
    StepCached,
    StepFailed,
    StepFinished,
    StepLeftOut,
    StepPending,
    StepRetried,
    StepStarted,
)
from magical.report.terminal.progress import Console, NotebookCell, open_console

EVENTS: list[Event] = [
    RunStarted(run="r", workflow="flow", settings={}, nodes=["raw", "clean", "tune[boosting]"]),
    StepCached(step="raw", key="k"),
    StepStarted(step="clean", key="k"),
    LogLine(step="clean", text="half way"),
    Progress(step="clean", done=1, total=2),
    StepFinished(step="clean", key="k", seconds=1.234, summary="40 × 2"),
    LogLine(step="clean", text="careful", level="warning"),
    StepStarted(step="tune[boosting]", key="k"),
    StepFailed(step="tune[boosting]", key="k", message="why\nHint: x"),
    StepLeftOut(step="select", reason="tune[boosting] failed"),
    RunFinished(run="r", state="failed", seconds=2.0, executed=1),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO, show_progress: bool | None = None) -> list[str]:
    console = Console(stream, show_progress)
    for event in EVENTS:
        console.on(event)
    return stream.getvalue().splitlines()


def test_piped_it_says_only_what_went_wrong() -> None:
    assert told(io.StringIO()) == [
        "! clean          careful",
        "✗ tune[boosting] failed",
        "- select         left out: tune[boosting] failed",
    ]


def test_with_progress_it_writes_one_line_a_step() -> None:
    assert told(io.StringIO(), show_progress=True) == [
        "= raw               fresh",
        "  clean          half way",
        "✓ clean            1.23 s  40 × 2",
        "! clean          careful",
        "✗ tune[boosting] failed",
        "- select         left out: tune[boosting] failed",
    ]


def test_in_a_terminal_a_step_under_way_is_shown_and_overwritten() -> None:
    stream = Terminal()
    told(stream)
    text = stream.getvalue()
    assert "\x1b[2m…\x1b[0m clean\r\r\x1b[2K" in text
    assert "\x1b[32m✓\x1b[0m clean" in text
    assert text.count("\n") == 6


def test_the_progress_of_a_step_is_shown_in_a_terminal_only_in_one_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = Progress(step="tune[auto]", done=2, total=6, text="xts: best log_loss 0.2437, 41 s left")
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        Console(stream).on(long)
    assert terminal.getvalue() == ("\r\x1b[2K\x1b[2m…\x1b[0m tune[auto] 2 of 6  xts: best log_loss\r")
    assert pipe.getvalue() == ""


def test_asked_to_be_quiet_in_a_terminal_it_is() -> None:
    stream = Terminal()
    told(stream, show_progress=False)
    assert stream.getvalue().count("\n") == 3


@pytest.mark.parametrize("nodes", [[], ["x" * 500]])
def test_names_are_aligned_within_bounds(nodes: list[str]) -> None:
    stream = io.StringIO()
    console = Console(stream, show_progress=True)
    console.on(RunStarted(run="r", workflow="flow", settings={}, nodes=nodes))
    console.on(StepCached(step="raw", key="k"))
    assert len(stream.getvalue()) < 60


def test_a_text_of_several_lines_stays_on_one() -> None:
    stream = io.StringIO()
    Console(stream).on(LogLine(step="x", text="one\ntwo\x1b[31m\rthree", level="warning"))
    assert stream.getvalue() == "! x one two [31m three\n"


def test_a_step_that_is_tried_again_says_why_and_when() -> None:
    stream = io.StringIO()
    message = "ask (workflow.py:7) raised OSError (workflow.py:9: read()):\n  it is asleep\nHint: wake it."
    Console(stream).on(StepRetried(step="ask", key="k", attempt=1, message=message, wait=0.5))
    Console(stream).on(StepRetried(step="ask", key="k", attempt=2, message="ask was stopped.", wait=1.0))
    assert [" ".join(line.split()) for line in stream.getvalue().splitlines()] == [
        "↻ ask attempt 1 failed: ask (workflow.py:7) raised OSError (workflow.py:9: read()): it is asleep",
        "again in 0.5 s",
        "↻ ask attempt 2 failed: ask was stopped.",
        "again in 1 s",
    ]


def test_a_step_that_waits_for_the_registry_is_pending() -> None:
    stream = io.StringIO()
    Console(stream).on(StepPending(step="register", key="k", message="it does not answer"))
    assert stream.getvalue() == "- register pending\n"


def test_in_a_notebook_one_output_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("magical.report.terminal.progress._SECONDS_BETWEEN_UPDATES", 0)
    console = Console(NotebookCell(shown.append), leaves_prints=True)
    for event in (*EVENTS, LogLine(step="clean", text="printed", level="print")):
        console.on(event)
    assert shown[3].splitlines() == [
        "= raw               fresh",
        "  clean          half way",
        "… clean          1 of 2",
    ]
    assert shown[-1].splitlines() == [
        "= raw               fresh",
        "  clean          half way",
        "✓ clean            1.23 s  40 × 2",
        "! clean          careful",
        "✗ tune[boosting] failed",
        "- select         left out: tune[boosting] failed",
    ]


def test_the_output_of_a_notebook_stays_small() -> None:
    shown: list[str] = []
    console = Console(NotebookCell(shown.append))
    for number in range(1000):
        console.on(Progress(step="tune", done=number, total=1000))
    assert len(shown) < 100  # a cell is not sent a thousand times
    for number in range(1000):
        console.on(StepCached(step=f"step{number}", key="k"))
    lines = shown[-1].splitlines()
    assert (len(lines), lines[0]) == (201, "… 800 lines before")


def test_in_a_pipe_a_run_from_python_leaves_prints_where_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console = open_console()
    console.on(LogLine(step="clean", text="printed", level="print"))
    console.on(StepCached(step="clean", key="k"))
    console.on(LogLine(step="clean", text="careful", level="warning"))
    assert (console.leaves_prints, capsys.readouterr()) == (True, ("", "! clean careful\n"))
