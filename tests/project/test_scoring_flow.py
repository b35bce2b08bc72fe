"""Scoring as a flow of Prefect, on a real server: what it writes, shows, refuses and repeats."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flow_runs import Shown
from magical.errors import BrokenPromise, RegistryDown, UsageError
from magical.project import Project
from magical.project.scoring_flow import create_scoring_flow
from projects import Small
from scored_shop import WORKFLOW, Shop

pytest.importorskip("prefect")


@pytest.fixture(autouse=True)
def _server(prefect_server: str) -> Iterator[None]:
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield
        APILogWorker.drain_all(timeout=10)  # while there is a server that takes it


@pytest.fixture
def project(shop: Shop, tmp_path: Path) -> Project:
    """A copy of the registered project, with new rows in its folder."""
    shutil.copytree(shop.project.root, tmp_path / "shop")
    small = Small(tmp_path / "shop")
    small.write("workflow.py", WORKFLOW)
    shutil.copy(shop.folder / "new.csv", small.root / "new.csv")
    return small.load()


@pytest.mark.slow
def test_it_writes_what_the_command_writes_and_shows_the_counts(
    shop: Shop, project: Project, prefect_server: str
) -> None:
    shop.score("new.csv", "out.parquet", "--keep", "town")
    answer = project.scoring_flow()(input="new.csv", output="out.parquet", keep=["town"])
    assert (project.root / "out.parquet").read_bytes() == (shop.folder / "out.parquet").read_bytes()
    assert (answer["rows"], answer["scored"], answer["rejected"]) == (50, 50, 0)
    shown = Shown(prefect_server)
    run = shown.flow_run("shop-score", "Completed", len(shown.flow_runs("shop-score")) - 1)
    assert run["parameters"] == {
        "input": "new.csv",
        "output": "out.parquet",
        "model": "shop@champion",
        "keep": ["town"],
        "max_rejects": "1%",
        "replace": False,
    }
    task = shown.states(run, {"score": "Completed"})["score"]
    assert "50 of 50 rows scored" in " ".join(shown.logs(task, "50 of 50 rows scored"))
    (card,) = shown.artifacts(run)
    assert (card["type"], card["key"], card["task_run_id"]) == ("markdown", "shop-score", task["id"])
    assert "| rows | 50 |" in card["data"]
    assert "| model | shop version 1 |" in card["data"]


@pytest.mark.slow
def test_a_served_flow_can_be_pickled_for_each_run(project: Project) -> None:
    import cloudpickle

    flow = cloudpickle.loads(cloudpickle.dumps(project.scoring_flow()))
    assert flow.name == "shop-score"


WRONG: dict[str, dict[str, Any]] = {
    "no such model": {"input": "new.csv", "model": "shoop"},
    "no such file": {"input": "old.csv"},
    "columns missing": {"input": "few.csv"},
    "too many rejects": {"input": "bad.csv"},
}


@pytest.mark.slow
def test_it_fails_with_the_words_of_the_command(shop: Shop, project: Project, prefect_server: str) -> None:
    lines = (project.root / "new.csv").read_text().splitlines()
    shop.write("few.csv", "\n".join(line.rpartition(";")[0] for line in lines))
    shop.write("bad.csv", "\n".join([lines[0], *(line.replace(";", ";;", 2) for line in lines[1:])]))
    flow, shown = project.scoring_flow(), Shown(prefect_server)
    for asked in WRONG.values():
        source = shop.folder / asked["input"]
        said = shop.score(asked["input"], "out.csv", model=asked.get("model", "shop")).err
        with pytest.raises((UsageError, BrokenPromise)) as caught:
            flow(**{**asked, "input": str(source), "output": str(shop.folder / "out.csv")})
        assert str(caught.value) in said, said
        assert caught.value.__cause__ is None
        run = shown.flow_run("shop-score", "Failed", len(shown.flow_runs("shop-score")) - 1)
        shown.states(run, {"score": "Failed"})
        (card,) = [card["data"] for card in shown.artifacts(run) if card["key"] == "shop-score"]
        assert str(caught.value) in card.replace("\n    ", "\n")
    assert not (shop.folder / "out.csv").exists()


@pytest.mark.slow
def test_a_wrong_call_is_refused_before_a_flow_run(project: Project, prefect_server: str) -> None:
    flow, runs = project.scoring_flow(), len(Shown(prefect_server).flow_runs("shop-score"))
    with pytest.raises(UsageError, match="There is no parameter 'inputt'"):
        flow(inputt="new.csv", output="out.csv")
    with pytest.raises(UsageError, match="A flow takes its parameters by name, got 'new"):
        flow("new.csv", output="out.csv")
    with pytest.raises(UsageError, match="The flow needs input, output"):
        flow()
    assert len(Shown(prefect_server).flow_runs("shop-score")) == runs


@pytest.mark.slow
def test_a_secret_in_a_parameter_reaches_no_page(project: Project, prefect_server: str) -> None:
    shown = Shown(prefect_server)
    with pytest.raises(UsageError):
        project.scoring_flow()(input="https://me:tigertiger@example.org/new.csv", output="out.csv")
    run = shown.flow_run("shop-score", "Failed", len(shown.flow_runs("shop-score")) - 1)
    lines = " ".join(shown.logs(run, "Encountered exception", of="flow_run_id"))
    assert run["parameters"]["input"] == "https://me:***@example.org/new.csv"
    assert "tigertiger" not in lines + str(run) + str(shown.artifacts(run))


@pytest.mark.slow
def test_a_registry_that_is_away_is_tried_again_as_the_policy_says(
    project: Project, prefect_server: str
) -> None:
    calls = []

    def score(*asked: Any) -> Any:
        calls.append(asked)
        if len(calls) == 1:
            raise RegistryDown("MLflow does not answer.", hint="start it.")
        return project.score(*asked)

    context = project.context({"policy": {"retries": 1, "backoff": 0}})
    answer = create_scoring_flow(context, __name__, score)(input="new.csv", output="out.csv")
    assert (answer["rows"], len(calls)) == (50, 2)
