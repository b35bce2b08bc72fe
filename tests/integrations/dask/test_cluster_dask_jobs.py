"""Jobs on a cluster: each event is emitted once, lost events are counted, and so are deaths of workers."""

from typing import Any

import pytest

pytest.importorskip("distributed")

from magical.engine.execution.remote_task import EVENT, RemoteTask, pack_answer
from magical.errors import StepStopped
from magical.events import Event, LogLine
from magical.integrations.dask.cluster import DaskCluster, Job
from magical.integrations.dask.cluster_worker import Answer


def line(number: int) -> bytes:
    return pack_answer(EVENT, LogLine(step="n", text=f"line {number}"))


def answer(attempt: str, count: int, first: int) -> Answer:
    return Answer(attempt, count, tuple((n, line(n)) for n in range(first, count + 1)), b"")


def begun(said: list[Any]) -> Job:
    def tell(event: Event) -> None:
        said.append(event.text if isinstance(event, LogLine) else event)

    return Job(RemoteTask({}, "n", "n", "w.py:1", "k", "r"), tell)


@pytest.mark.parametrize(("first", "lost"), [(1, 0), (4, 0), (5, 1), (50, 46), (61, 57)])
def test_what_was_lost_on_the_way_is_counted(first: int, lost: int) -> None:
    said: list[str] = []
    job = begun(said)
    for number in (0, 1, 2, 3):
        job.receive("a", number, line(number))
    job.emit_missed(answer("a", 60, first))
    words = [f"{lost} lines or events of it were lost on the way."] if lost else []
    assert said == [
        *(f"line {n}" for n in (1, 2, 3)),
        *(f"line {n}" for n in range(max(first, 4), 61)),
        *words,
    ]


def test_what_an_attempt_before_told_does_not_make_up_for_what_was_lost() -> None:
    said: list[str] = []
    job = begun(said)
    for number in range(5):
        job.receive("a", number, line(number))
    job.emit_missed(answer("b", 6, 5))
    assert said[-3:] == ["line 5", "line 6", "4 lines or events of it were lost on the way."]


def test_a_body_under_which_three_workers_died_is_said_to_have_had_three(tmp_path: Any) -> None:
    """A scheduler may give up after one death, and is asked again."""
    from distributed import KilledWorker

    cluster, sent = DaskCluster("tcp://127.0.0.1:1", 1, tmp_path, "x:y"), []
    cluster._send = lambda client, job: sent.append(job)  # type: ignore[method-assign]
    job = begun([])
    for attempt in "abc":
        job.receive(attempt, 0, b"")
        cluster._handle_failure(None, job, KilledWorker("n", None, 0))  # type: ignore[no-untyped-call]
    assert len(sent) == 2
    error = job.future.exception()
    assert isinstance(error, StepStopped)
    assert "died 3 times" in str(error)
