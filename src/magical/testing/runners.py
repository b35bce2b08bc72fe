"""What every runner must do. Inherit `RunnerConformance`, and give ``runner``."""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait
from functools import partial

import pytest

from magical.engine.protocols import Work
from magical.testing.runners_projects import RunnerRunsProjects

__all__ = ["RunnerConformance"]


class RunnerConformance(RunnerRunsProjects):
    """Hold a runner to what `magical.engine.protocols.Runner` promises.

    Example:
        >>> from magical.engine.execution.local_runner import LocalRunner
        >>> class TestLocalRunner(RunnerConformance):
        ...     def runner(self, workers):
        ...         return LocalRunner(workers)

    What a project has to say for it to run there, ``policy`` says: ``policy = {"cluster": "dask"}``.
    """

    def test_work_gives_its_result(self) -> None:
        """Runner.submit: gives a future of what the work returns."""
        with self.runner(2) as runner:
            futures = [runner.submit(Work(partial(pow, n, 2), f"square[{n}]")) for n in range(20)]
            assert [f.result(timeout=30) for f in futures] == [n * n for n in range(20)]

    def test_work_is_done_once(self) -> None:
        """Runner.submit: does each piece of work once, also when it raises."""
        done: list[int] = []

        def fail() -> None:
            done.append(-1)
            raise ValueError("no")

        with self.runner(2) as runner:
            wait([runner.submit(Work(partial(done.append, n), str(n))) for n in range(5)], timeout=30)
            wait([runner.submit(Work(fail, "fails"))], timeout=30)
        assert sorted(done) == [-1, *range(5)]

    def test_an_exception_comes_back_as_it_was(self) -> None:
        """Runner.submit: the future holds the very exception that the work raised; the next work is done."""

        class Odd(Exception):
            pass

        error = Odd("why", 3)

        def work() -> None:
            raise error

        with self.runner(1) as runner:
            assert runner.submit(Work(work, "odd")).exception(timeout=30) is error
            assert runner.submit(Work(lambda: 3, "after it")).result(timeout=30) == 3

    @pytest.mark.parametrize(
        "error", [SystemExit(3), KeyboardInterrupt(), MemoryError()], ids=lambda e: type(e).__name__
    )
    def test_no_exception_ends_a_worker(self, error: BaseException) -> None:
        """Runner.submit: an exception that would end a thread or a process ends no worker."""

        def work() -> None:
            raise error

        with self.runner(1) as runner:
            assert runner.submit(Work(work, "ends")).exception(timeout=30) is error
            assert runner.submit(Work(lambda: 3, "after it")).result(timeout=30) == 3

    def test_as_many_run_at_a_time_as_asked_for(self) -> None:
        """Runner.submit: as many pieces of work run at a time as there are workers, and no more."""
        inside, most, lock = [0], [0], threading.Lock()

        def work() -> None:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.02)
            with lock:
                inside[0] -= 1

        for workers in (1, 3):
            most[0] = 0
            with self.runner(workers) as runner:
                wait([runner.submit(Work(work, str(n))) for n in range(9)], timeout=30)
            assert most[0] == workers

    def test_leaving_waits_for_what_has_begun(self) -> None:
        """Runner.__exit__: waits for all that was submitted."""
        done: list[int] = []

        def work() -> None:
            time.sleep(0.05)
            done.append(1)

        with self.runner(2) as runner:
            for n in range(4):
                runner.submit(Work(work, str(n)))
        assert done == [1] * 4

    def test_leaving_on_an_exception_begins_nothing_more(self) -> None:
        """Runner.__exit__: left by an exception, it begins nothing more, and lets the exception through."""
        done: list[int] = []

        def work() -> None:
            time.sleep(0.05)
            done.append(1)

        def fail() -> None:
            with self.runner(1) as runner:
                for n in range(10):
                    runner.submit(Work(work, str(n)))
                raise KeyError("stop")

        with pytest.raises(KeyError, match="stop"):
            fail()
        assert len(done) <= 2

    def test_work_may_be_submitted_from_where_results_are_awaited(self) -> None:
        """Runner.submit: a piece of work may await the result of an earlier one."""
        with self.runner(1) as runner:
            first = runner.submit(Work(lambda: 1, "first"))
            second = runner.submit(Work(lambda: first.result() + 1, "second"))
            assert second.result(timeout=30) == 2
