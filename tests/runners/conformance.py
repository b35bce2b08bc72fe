"""What every runner must do. Inherit, and give a ``runner``."""

import threading
import time
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from magical.engine.ports import Runner


class RunnerConformance:
    """Runs pieces of work, several at a time."""

    def runner(self, workers: int) -> Runner:
        """A new runner."""
        raise NotImplementedError

    def test_work_gives_its_result(self) -> None:
        with self.runner(2) as runner:
            futures = [runner.submit(lambda n=n: n * n, f"square[{n}]") for n in range(20)]
            assert [f.result(timeout=30) for f in futures] == [n * n for n in range(20)]

    def test_an_exception_comes_back_as_it_was(self) -> None:
        class Odd(Exception):
            pass

        error = Odd("why", 3)

        def work() -> None:
            raise error

        with self.runner(1) as runner:
            assert runner.submit(work, "odd").exception(timeout=30) is error
            assert runner.submit(lambda: 3, "after it").result(timeout=30) == 3

    @pytest.mark.parametrize(
        "error", [SystemExit(3), KeyboardInterrupt(), MemoryError()], ids=lambda e: type(e).__name__
    )
    def test_no_exception_ends_a_worker(self, error: BaseException) -> None:
        def work() -> None:
            raise error

        with self.runner(1) as runner:
            assert runner.submit(work, "ends").exception(timeout=30) is error
            assert runner.submit(lambda: 3, "after it").result(timeout=30) == 3

    def test_as_many_run_at_a_time_as_asked_for(self) -> None:
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
                wait([runner.submit(work, str(n)) for n in range(9)], timeout=30)
            assert most[0] == workers

    def test_leaving_waits_for_what_has_begun(self) -> None:
        done: list[int] = []

        def work() -> None:
            time.sleep(0.05)
            done.append(1)

        with self.runner(2) as runner:
            for n in range(4):
                runner.submit(work, str(n))
        assert done == [1] * 4

    def test_leaving_on_an_exception_begins_nothing_more(self) -> None:
        done: list[int] = []

        def work() -> None:
            time.sleep(0.05)
            done.append(1)

        def fail() -> None:
            with self.runner(1) as runner:
                for n in range(10):
                    runner.submit(work, str(n))
                raise KeyError("stop")

        with pytest.raises(KeyError, match="stop"):
            fail()
        assert len(done) <= 2

    def test_work_may_be_submitted_from_where_results_are_awaited(self) -> None:
        with self.runner(1) as runner:
            first = runner.submit(lambda: 1, "first")
            second = runner.submit(lambda: first.result() + 1, "second")
            assert second.result(timeout=30) == 2

    def test_a_project_runs_on_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from magical.project import project
        from projects import ALL, flow

        def runner(policy: Any, debugging: bool) -> Runner:
            return self.runner(policy.workers)

        monkeypatch.setattr(project, "_runner", runner)
        small = flow(tmp_path)
        assert small.run().executed == ALL
        assert small.run(max_id=11).result == 8
