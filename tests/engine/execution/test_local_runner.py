"""The local runner: the conformance suite."""

from magical.engine.execution.local_runner import LocalRunner
from magical.testing import RunnerConformance


class TestLocalRunner(RunnerConformance):
    def runner(self, workers: int) -> LocalRunner:
        return LocalRunner(workers)
