"""Prefect as a runner, on a real server: the conformance suite."""

from typing import Any, ClassVar

import pytest

from magical.runners.prefect import PrefectRunner
from magical.testing import RunnerConformance


class TestPrefectRunner(RunnerConformance):
    @pytest.fixture(autouse=True)
    def _server(self, prefect_server: str) -> None:
        self.server = prefect_server

    def runner(self, workers: int) -> PrefectRunner:
        return PrefectRunner(workers, server=self.server)


@pytest.mark.slow
class TestPrefectOnDask(TestPrefectRunner):
    policy: ClassVar[dict[str, Any]] = {"cluster": "dask"}
