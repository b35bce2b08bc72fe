"""The local runner: the conformance suite."""

from magical.runners.local import LocalRunner
from magical.testing import RunnerConformance


class TestLocalRunner(RunnerConformance):
    def runner(self, workers: int) -> LocalRunner:
        return LocalRunner(workers)
