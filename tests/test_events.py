"""Events of a run: to the journal and back, masked, and from a body to its sink."""

import contextvars
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from magical import emit, keep, scratch
from magical.events import (
    Event,
    LogLine,
    NullSink,
    Progress,
    RunFinished,
    RunStarted,
    StepCached,
    StepEvent,
    StepFailed,
    StepFinished,
    StepLeftOut,
    StepPending,
    StepRetried,
    StepStarted,
    current_sink,
    discard_events,
)
from magical.masking import register_secret

EVENTS: list[Event] = [
    RunStarted(run="r", workflow="flow", settings={"n": 1}, nodes=["a"], git={"dirty": True}, origin=["x"]),
    StepStarted(step="a", key="k"),
    StepCached(step="a", key="k", origin=["clean"]),
    StepFinished(step="a", key="k", seconds=0.5, summary="3 rows"),
    StepFailed(step="a", key="k", message="m", trace="t"),
    StepLeftOut(step="a", reason="why"),
    StepRetried(step="a", key="k", attempt=1, message="m", wait=2.0),
    StepPending(step="a", key="k", message="m"),
    LogLine(step="a", text="ü\n", level="print"),
    Progress(step="a", done=1, total=2),
    RunFinished(run="r", state="done", seconds=1.5, executed=2, keys={"a": "k"}),
]


class Listening:
    """A sink that collects what it receives."""

    def __init__(self, name: str, folder: Path = Path()) -> None:
        self.name, self.folder = name, folder
        self.events: list[Event] = []
        self.kept: dict[str, Any] = {}

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def keep(self, name: str, value: Any) -> None:
        self.kept[name] = value

    def scratch(self) -> Path:
        return self.folder

    def may_wish(self) -> bool:
        return False


# --- the journal ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_events_are_read_back_from_the_journal(event: Event) -> None:
    line = json.loads(json.dumps({"at": 3.5, **event.to_json(), "newer": True}))
    assert line["event"] == type(event).__name__
    assert Event.from_json(line) == event
    assert Event.from_json({**line, "event": "Unheard"}) is None
    assert Event.from_json({"event": type(event).__name__}) is None


@pytest.mark.parametrize("line", [{}, {"event": None}, {"event": 3}, {"event": "Sink"}, {"step": "a"}])
def test_a_line_without_a_known_event_is_none(line: dict[str, Any]) -> None:
    assert Event.from_json(line) is None


def test_a_line_of_an_older_release_gets_the_defaults_of_new_fields() -> None:
    line = {"event": "StepFinished", "step": "a", "key": "k", "seconds": 1}
    assert Event.from_json(line) == StepFinished(step="a", key="k", seconds=1)


def test_an_authors_own_event_is_written_and_not_read_back() -> None:
    class Found(StepEvent):
        """An event of a project, which is not imported where its journal is read."""

    class Progress(StepEvent):
        """One that is named like ours."""

    assert Found(step="a").to_json() == {"event": "Found", "step": "a"}
    assert Event.from_json(Found(step="a").to_json()) is None
    assert Event.from_json(Progress(step="a").to_json()) is None


# --- secrets --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_hidden")
def test_events_are_masked_but_for_names() -> None:
    register_secret("size")
    failed = StepFailed(step="size", key="size", message="size", trace="a size").mask_texts()
    assert (failed.step, failed.key, failed.message, failed.trace) == ("size", "size", "***", "a ***")
    assert RunFinished(
        run="r", state="done", seconds=1, executed=1, keys={"size": "k"}
    ).mask_texts().keys == {"size": "k"}

    class Found(Progress):
        """An author's own event."""

    assert Found(step="size", done=1, total=2, text="size").mask_texts() == Found(
        step="size", done=1, total=2, text="***"
    )


@pytest.mark.usefixtures("nothing_hidden")
def test_an_event_without_a_secret_is_the_same_object() -> None:
    register_secret("tiger")
    for event in EVENTS:
        assert event.mask_texts() is event


# --- what a body tells ----------------------------------------------------------------------------------------


def test_outside_a_run_a_body_tells_nobody() -> None:
    emit("a line")
    emit(LogLine(step="x", text="a line"))
    emit(Progress(step="x", done=1, total=2))
    keep("rejected", {"rows": 3})
    folder = scratch()
    assert isinstance(folder, Path)
    assert folder.is_dir()
    assert scratch() != folder
    folder.rmdir()


def test_in_a_run_a_body_tells_its_sink(tmp_path: Path) -> None:
    sink, progress = Listening("clean", tmp_path), Progress(step="other", done=1, total=2)

    def body() -> None:
        current_sink.set(sink)
        emit("half way")
        emit(progress)
        keep("rejected", {"rows": 3})
        assert scratch() == tmp_path

    contextvars.copy_context().run(body)
    assert sink.events == [LogLine(step="clean", text="half way"), progress]
    assert sink.kept == {"rejected": {"rows": 3}}


def test_bodies_that_run_at_once_do_not_hear_each_other() -> None:
    sinks, all_set = [Listening(str(i)) for i in range(4)], threading.Barrier(4)

    def body(sink: Listening) -> None:
        current_sink.set(sink)
        all_set.wait(timeout=10)
        emit("a line")

    threads = [threading.Thread(target=body, args=(sink,)) for sink in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert [s.events for s in sinks] == [[LogLine(step=s.name, text="a line")] for s in sinks]


def test_events_are_discarded_inside_and_heard_again_after_it_also_when_it_fails() -> None:
    sink = Listening("clean")

    def tried() -> None:
        with discard_events(allows_wishes=False):
            emit("discarded")
            keep("x", 1)
            inside = current_sink.get()
            assert isinstance(inside, NullSink)
            assert not inside.may_wish()
            raise ValueError("tried")

    def body() -> None:
        current_sink.set(sink)
        with pytest.raises(ValueError, match="tried"):
            tried()
        emit("heard")

    contextvars.copy_context().run(body)
    assert (sink.events, sink.kept) == ([LogLine(step="clean", text="heard")], {})


@pytest.mark.parametrize(
    "damage",
    [{"step": 3}, {"key": ["k"]}, {"seconds": "1"}, {"seconds": None}, {"origin": "a"}, {"content": {}}],
)
def test_a_line_with_a_value_of_another_type_is_no_event(damage: dict[str, Any]) -> None:
    line = StepFinished(step="a", key="k", seconds=1).to_json()
    assert Event.from_json(line) is not None
    assert Event.from_json({**line, **damage}) is None
