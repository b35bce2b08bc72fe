"""Runs inside a Prefect flow, the project's own or another, in this process and on a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flow_runs import Shown
from magical.errors import StepError
from magical.integrations.prefect.reconcile import OpenFlowRuns
from projects import one

pytest.importorskip("prefect")

SECRETIVE = """
from magical import Secret


class LoginSettings(Settings):
    password: Secret = Secret("env:LOGIN_PASSWORD")
    uri: str = "postgresql://me:tigertiger@db/sales"
    ok: bool = False


@step
def logs_in(password: Secret, uri: str, ok: bool) -> bool:
    assert uri == "postgresql://me:tigertiger@db/sales"
    if not ok:
        raise ValueError(f"no login with {password.reveal()} at {uri}")
    return ok


@workflow
def login(s: LoginSettings) -> bool:
    return logs_in(s.password, s.uri, s.ok)
"""


@pytest.fixture(autouse=True)
def _server(prefect_server: str) -> Iterator[None]:
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield
        APILogWorker.drain_all(timeout=10)  # while there is a server that takes it


@pytest.mark.slow
def test_a_flow_that_fails_tells_its_server_no_secret(
    tmp_path: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGIN_PASSWORD", "open-sesame")
    flow = one(tmp_path, SECRETIVE).load().flow()
    flow(ok=True)
    with pytest.raises(StepError):
        flow()
    shown = Shown(prefect_server)
    run = shown.flow_run("login", "Failed", 1)
    assert run["parameters"] == {
        "password": "env:LOGIN_PASSWORD",
        "uri": "postgresql://me:***@db/sales",
        "ok": False,
    }
    assert shown.flow_run("login", "Completed")["parameters"]["ok"]
    lines = " ".join(shown.logs(run, "Encountered exception", of="flow_run_id"))
    schema = str(flow.parameters.model_dump())
    assert "no login with ***" in lines
    assert "tigertiger" not in schema + lines + str(run)
    assert "open-sesame" not in lines + str(run)


COUNTING = """
class CountSettings(Settings):
    n: int = 1


@step
def one_number(n: int) -> int:
    return n


@step
def next_number(x: int) -> int:
    return x + 1


@workflow
def counting(s: CountSettings) -> int:
    return next_number(one_number(s.n))
"""

UNDER_PREFECT = {"runner": "prefect"}


PUBLISHING = """
@step
def wished() -> dict[str, int]: ...


@step(writes="world")
def publish(x: dict[str, int]) -> int:
    return 1


@workflow
def publishing() -> int:
    return publish(wished())
"""


@pytest.mark.slow
def test_what_is_left_out_is_shown_also_where_nothing_runs(tmp_path: Path, prefect_server: str) -> None:
    project, shown = one(tmp_path, PUBLISHING).load(), Shown(prefect_server)
    project.run()
    project.flow()()
    shown.states(shown.flow_run("publishing", "Completed"), {"wished": "Cached", "publish": "LeftOut"})


def test_a_flow_with_two_runs_goes_on_until_it_ends(tmp_path: Path, prefect_server: str) -> None:
    from prefect import flow

    project, shown = one(tmp_path, COUNTING).load(), Shown(prefect_server)
    seen = []

    @flow(name="two_runs")
    def two_runs() -> None:
        first = project.run(policy=UNDER_PREFECT).name
        mark = project.journal.folder / first / OpenFlowRuns.NAME
        left = mark.exists()
        # A process that was killed in an earlier attempt of this very flow run has left its mark.
        mark.write_text(json.dumps({"server": prefect_server, "flow_run": shown.flow_run("two_runs")["id"]}))
        second = project.run(n=2, policy=UNDER_PREFECT).name
        seen.append((first, second, left, shown.flow_run("two_runs")))

    two_runs()
    ((first, second, left, run),) = seen
    assert not left
    assert run["state"]["name"] == "Running"
    assert {first, second, "magical"} <= set(run["tags"])


@pytest.mark.slow
def test_where_the_tasks_of_a_flow_run_does_not_matter_to_a_run_in_it(
    tmp_path: Path, prefect_server: str
) -> None:
    from prefect import flow
    from prefect.task_runners import ProcessPoolTaskRunner

    project = one(tmp_path, COUNTING).load()

    @flow(name="elsewhere", task_runner=ProcessPoolTaskRunner(max_workers=1))
    def elsewhere() -> None:
        assert project.run(policy=UNDER_PREFECT).state == "done"

    elsewhere()
    shown = Shown(prefect_server)
    run = shown.flow_run("elsewhere", "Completed")
    shown.states(run, {"one_number": "Completed", "next_number": "Completed"})
