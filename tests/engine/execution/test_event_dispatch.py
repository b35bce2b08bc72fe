"""The dispatch of events: to the journal and all listeners, one at a time, without secrets."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from magical.engine.artifacts import Artifact, Record
from magical.engine.execution.event_dispatch import EventDispatcher, run_finished_event, run_started_event
from magical.engine.journal import Journal
from magical.engine.run import RunContext, RunResult
from magical.errors import StoreError
from magical.events import Event, LogLine, NullSink, RunStarted, current_sink, emit
from magical.masking import register_secret
from magical.project.run_setup import create_run_context
from projects import Small


@dataclass
class Heard:
    """A listener that remembers, and fails as often as it is told to."""

    failures: int = 0
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)
        if self.failures:
            self.failures -= 1
            raise ValueError("cannot show it")


class Quiet(Heard):
    """A listener of another class."""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "runs")


def line(text: str) -> LogLine:
    return LogLine(step="clean", text=text)


def written(journal: Journal, run: str) -> str:
    return (journal.folder / run / "journal.jsonl").read_text()


def test_journal_and_listeners_get_all_events_in_order(journal: Journal) -> None:
    run, one, other = journal.create_run(), Heard(), Quiet()
    dispatch = EventDispatcher(journal, run, (one, other))
    for text in ("first", "second"):
        dispatch(line(text))
    assert one.events == other.events == [line("first"), line("second")]
    assert written(journal, run).index("first") < written(journal, run).index("second")


def test_no_secret_reaches_anybody(journal: Journal) -> None:
    register_secret("open sesame 789")
    run, heard = journal.create_run(), Heard()
    EventDispatcher(journal, run, (heard,))(line("it is open sesame 789"))
    assert "sesame" not in written(journal, run)
    assert "sesame" not in str(heard.events)
    assert heard.events == [line("it is ***")]


def test_a_listener_that_fails_gets_no_more_and_the_others_hear_of_it_once(journal: Journal) -> None:
    run, bad, good = journal.create_run(), Heard(failures=1), Quiet()
    dispatch = EventDispatcher(journal, run, (bad, good))
    dispatch(line("first"))
    dispatch(line("second"))
    assert bad.events == [line("first")]
    warning = LogLine(step="", text="Heard gets no more events: cannot show it", level="warning")
    assert sorted(map(str, good.events)) == sorted(map(str, [line("first"), warning, line("second")]))
    assert written(journal, run).count("gets no more events") == 1


def test_listeners_that_fail_all_at_once_fail_nothing(journal: Journal) -> None:
    run, bad = journal.create_run(), [Heard(failures=9), Quiet(failures=9)]
    dispatch = EventDispatcher(journal, run, tuple(bad))
    dispatch(line("first"))
    dispatch(line("second"))
    assert [line("second") in b.events for b in bad] == [False, False]
    assert written(journal, run).count("gets no more events") == 2


def test_an_error_without_a_text_is_named_by_its_class(journal: Journal) -> None:
    class Silent:
        def on(self, event: Event) -> None:
            raise KeyError

    heard = Heard()
    EventDispatcher(journal, journal.create_run(), (Silent(), heard))(line("first"))
    assert any("Silent gets no more events: KeyError()" in str(event) for event in heard.events)


def test_what_a_listener_emits_is_no_event_of_the_run(journal: Journal) -> None:
    run, heard = journal.create_run(), Heard()

    class Chatty:
        def on(self, event: Event) -> None:
            emit("said by the listener")

    class Sink(NullSink):
        def emit(self, event: Event) -> None:
            emitted.append(event)

    sink, emitted = Sink(), list[Event]()
    token = current_sink.set(sink)
    EventDispatcher(journal, run, (Chatty(), heard))(line("first"))
    assert current_sink.get() is sink, "the body goes on with its own"
    current_sink.reset(token)
    assert (emitted, heard.events) == ([], [line("first")])


def test_a_journal_that_cannot_be_written_is_said_once_and_the_run_goes_on(journal: Journal) -> None:
    run, heard = journal.create_run(), Heard()
    (journal.folder / run / "journal.jsonl").mkdir()
    dispatch = EventDispatcher(journal, run, (heard,))
    dispatch(line("first"))
    dispatch(line("second"))
    texts = [e.text for e in heard.events if isinstance(e, LogLine)]
    assert sorted(t for t in texts if not t.startswith("The run goes on")) == ["first", "second"]
    (warning,) = [e for e in heard.events if isinstance(e, LogLine) and e.level == "warning"]
    assert "its journal is not whole" in warning.text


def test_a_run_whose_first_event_cannot_be_written_does_not_begin(journal: Journal) -> None:
    run, heard = journal.create_run(), Heard()
    (journal.folder / run / "journal.jsonl").mkdir()
    with pytest.raises(StoreError):
        EventDispatcher(journal, run, (heard,))(RunStarted(run=run, workflow="w", settings={}, nodes=[]))
    assert heard.events == []


def test_listeners_are_called_one_at_a_time(journal: Journal) -> None:
    inside, clashes = threading.Lock(), list[Event]()

    class Slow(Heard):
        def on(self, event: Event) -> None:
            if not inside.acquire(blocking=False):
                clashes.append(event)
                return
            super().on(event)
            threading.Event().wait(0.001)
            inside.release()

    run, slow = journal.create_run(), Slow()
    dispatch = EventDispatcher(journal, run, (slow,))
    threads = [
        threading.Thread(target=lambda n=n: [dispatch(line(f"{n}-{i}")) for i in range(10)])  # type: ignore[misc]
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clashes == []
    assert len(slow.events) == len(written(journal, run).splitlines()) == 40


def context(small: Small, **settings: object) -> RunContext:
    project = small.load().context(settings)
    return create_run_context(project, project.draw())


def test_the_first_event_says_what_runs_with_which_settings_and_where(small: Small) -> None:
    (small.root / "requirements.lock").write_text("polars==1\n")
    event = run_started_event(context(small, max_id=20), "20240101-one")
    assert (event.run, event.workflow, event.step, event.origin) == ("20240101-one", "flow", "", [])
    assert event.nodes == ["raw", "model", "clean", "split", "size"]
    assert event.settings["max_id"] == 20
    assert event.host
    assert event.process
    assert "polars" in event.versions
    assert list(event.locks) == ["requirements.lock"]
    assert event.git == {}, "it is no repository"


def test_the_last_event_counts_and_names_the_keys() -> None:
    records = {n: Record(f"key-{n}", n, "m:n", {}, Artifact("none", "")) for n in ("raw", "clean")}
    event = run_finished_event(RunResult("20240101-one", "failed", records, ["clean"], seconds=1.5))
    assert (event.run, event.state, event.seconds, event.executed) == ("20240101-one", "failed", 1.5, 1)
    assert event.keys == {"raw": "key-raw", "clean": "key-clean"}
    assert run_finished_event(RunResult()).keys == {}
