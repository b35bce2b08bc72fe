"""Runs inside a Prefect flow, the project's own or another, in this process and on a real server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import magical
from flow_runs import Shown
from magical.errors import StepError
from magical.integrations.prefect.reconcile import OpenFlowRuns
from projects import NO_TRACKING, Small, one

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


SELLING = """
class Cut(Settings):
    seed: int = 7
    test: float = 0.2


class SellSettings(Settings):
    max_age: int = 90
    cut: Cut = Cut()


@step
def size(max_age: int, cut: Cut) -> int:
    return max_age * cut.seed


@step(writes="world")
def announce(size: int) -> int:
    with open("WORLD", "a") as file:
        file.write(f"{size}\\n")
    return size


@workflow
def selling(s: SellSettings) -> int:
    return announce(size(s.max_age, s.cut))
"""


@pytest.fixture
def selling(tmp_path: Path) -> Small:
    """A project that writes to the world, with one value that its file changes."""
    small = one(tmp_path / "p", SELLING.replace("WORLD", str(tmp_path / "world.txt")))
    small.write("settings.toml", f"cut.test = 0.3\n{NO_TRACKING}")
    return small


def announced(small: Small) -> list[int]:
    path = small.root.parent / "world.txt"
    return list(map(int, path.read_text().split())) if path.exists() else []


def run_deployment(flow: Any, name: str, stored: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """Store a deployment on the server, and run it in this process; return the run's parameters."""
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow

    made = flow.to_deployment(name, parameters=stored)
    # It is not served: where its code lies does not matter.
    made.entrypoint = made.entrypoint or "prefect_flow.py:selling"
    with get_client(sync_client=True) as client:
        deployment = made.apply()
        run = client.create_flow_run_from_deployment(deployment, parameters=parameters)
        run_flow(flow, flow_run=run, parameters=flow.validate_parameters(run.parameters))
        return dict(client.read_flow_run(run.id).parameters)


@pytest.mark.slow
def test_a_call_of_the_flow_with_another_value_explores(selling: Small, prefect_server: str) -> None:
    flow, shown = selling.load().flow(), Shown(prefect_server)
    number = len(shown.flow_runs("selling"))  # other tests run it at this server, too
    flow(max_age=80)
    shown.states(shown.flow_run("selling", "Completed", number), {"size": "Completed", "announce": "LeftOut"})
    assert announced(selling) == []
    flow()
    flow(max_age=90, cut={"seed": 7, "test": 0.3})
    assert announced(selling) == [630]
    magical.load(selling.root, register=True).flow()(max_age=80)
    assert announced(selling) == [630, 560]


@pytest.mark.slow
def test_a_deployment_registers_what_it_has_stored_and_no_other_value(
    selling: Small, prefect_server: str
) -> None:
    flow, shown = selling.load().flow(), Shown(prefect_server)
    number = len(shown.flow_runs("selling"))
    stored = {"max_age": 60, "cut": {"seed": 5}}
    run_deployment(flow, "stored", stored)
    assert announced(selling) == [300], "production, although the files say 90"
    run_deployment(flow, "stored", stored, max_age=50)
    run = shown.flow_run("selling", "Completed", number + 1)
    tasks = shown.states(run, {"size": "Completed", "announce": "LeftOut"})
    reason = "this run explores (max_age 50, the deployment says 60)"
    assert tasks["announce"]["state"]["message"] == reason
    run_deployment(flow, "stored", stored, max_age=90)
    assert announced(selling) == [300], "the value of the file is another than the deployment's"
    run_deployment(flow, "bare", {})
    assert announced(selling) == [300, 630]


@pytest.mark.slow
def test_a_flow_that_a_deployment_calls_is_called_by_hand(selling: Small) -> None:
    from prefect import flow

    inner = selling.load().flow()

    @flow(name="around")
    def around(max_age: int) -> None:
        inner(max_age=max_age)

    run_deployment(around, "around", {"max_age": 80})
    assert announced(selling) == []


@pytest.mark.slow
def test_a_run_under_prefect_explores_by_its_line(selling: Small, prefect_server: str) -> None:
    shown = Shown(prefect_server)
    name = selling.run(max_age=80, policy={"runner": "prefect", "server": prefect_server}).name
    run = next(r for r in shown.flow_runs("selling") if r["name"] == name)
    shown.states(run, {"size": "Completed", "announce": "LeftOut"})
    assert announced(selling) == []
