"""Ten wished steps run on day one; written one by one in any order the project goes on running, and what is real
is exactly what the written project alone gives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magical.errors import MagicalError
from magical.project import Run
from pretending.tenfold import ENROLL_FOR_REAL, STEPS, Tenfold, origin, plain
from projects import Small

pytestmark = pytest.mark.slow


class Reference(dict[str, Any]):
    """The results of each step, for comparison; never printed."""

    def __repr__(self) -> str:
        return "reference"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """The results of each step in a folder where all are written from the start."""
    real = Tenfold(tmp_path_factory.mktemp("real") / "tenfold").empty()
    run = real.run()
    assert set(run.executed) == set(STEPS)
    return Reference({name: plain(run[name]) for name in STEPS})


RUNS: dict[str, tuple[Callable[[Tenfold], Run], set[str]]] = {
    "run": (lambda project: project.run(), set()),
    "pretend": (lambda project: project.load().pretend(), {"customers", "products", "orders", "enroll"}),
    "pretend --all": (lambda project: project.load().pretend(all=True), {*STEPS}),
}
"""The ways to run, each with the written steps that it pretends."""


def holds(project: Tenfold, reference: Reference, way: str = "run") -> list[str]:
    """Run, check what must hold for any mix of written and unwritten steps, and return what was executed."""
    runs, made_up = RUNS[way]
    made_up = project.unwritten | made_up
    run = runs(project)
    assert run.state == "done"
    for name in STEPS[:-1]:
        assert run.origin(name) == origin(name, made_up), name
        if not run.origin(name):
            assert plain(run[name]) == reference[name], name
    kinds = {"customers": "id", "products": "sku"}
    for parent, key in kinds.items():
        column = parent.removesuffix("s")
        if "orders" in made_up:  # what is pretended joins
            assert set(run["orders"][column]) <= set(run[parent][key]), column
    scores = run["judge"]
    assert scores.origin == origin("judge", made_up)
    assert ("\u0336" in str(scores)) == bool(scores.origin)
    if made_up:
        with pytest.raises(MagicalError, match="enroll"):
            run["enroll"]
    return list(run.executed)


@pytest.mark.slow
@given(order=st.permutations(STEPS), again=st.data())
@settings(max_examples=2, derandomize=True)
def test_written_in_any_order_it_goes_on_running_and_nothing_pretended_is_taken_for_real(
    order: list[str],
    again: st.DataObject,
    reference: Reference,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    project = Tenfold(tmp_path_factory.mktemp("any") / "tenfold")
    holds(project, reference)
    for count, step in enumerate(order, start=1):
        executed = holds(project.fill(step), reference)
        assert (step in executed) == (step != "enroll" or count == len(order))
        assert ("enroll" in executed) == (count == len(order))
        assert len(project.enrolled) == (count == len(order))
    assert project.enrolled == ["() ()"]
    taken_back = again.draw(st.sampled_from(STEPS), label="taken back")
    holds(project.empty(taken_back), reference)
    assert holds(project.empty(), reference) == []
    assert project.enrolled == ["() ()"]


@pytest.mark.slow
@pytest.mark.torture
@given(st.lists(st.tuples(st.sets(st.sampled_from(STEPS)), st.sampled_from([*RUNS])), min_size=4, max_size=8))
@settings(max_examples=2, derandomize=True)
def test_whatever_is_written_and_however_it_is_run_one_cache_serves_each_its_own(
    reference: Reference, tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[set[str], str]]
) -> None:
    project = Tenfold(tmp_path_factory.mktemp("mixed") / "tenfold")
    for unwritten, way in runs:
        before = len(project.enrolled)
        holds(project.empty(*unwritten), reference, way)
        assert holds(project, reference, way) == []
        real = not unwritten and way == "run"
        assert len(project.enrolled) == (1 if real else before)
    holds(project.empty(), reference)
    assert project.enrolled == ["() ()"]


@pytest.mark.parametrize("back", [False, True], ids=["from the source", "from the end"])
def test_in_the_order_of_the_workflow_or_against_it(back: bool, reference: Reference, tmp_path: Path) -> None:
    project = Tenfold(tmp_path / "tenfold")
    for step in STEPS[:: -1 if back else 1]:
        assert project.enrolled == []
        holds(project.fill(step), reference)
    assert len(project.enrolled) == 1


def test_a_step_taken_back_brands_all_that_follows_although_the_real_results_are_kept(
    reference: Reference, tmp_path: Path
) -> None:
    project = Tenfold(tmp_path / "tenfold").empty()
    holds(project, reference)
    for step in STEPS[::2]:
        holds(project.empty(step), reference)
        assert holds(project.empty(), reference) == []
    assert len(project.enrolled) == 1


def test_two_pretences_are_not_taken_for_one_another(reference: Reference, tmp_path: Path) -> None:
    project = Tenfold(tmp_path / "tenfold").empty("customers", "steady")
    holds(project, reference)
    holds(project.empty("customers"), reference)
    assert holds(project.empty("customers", "steady"), reference) == []
    assert "shoppers" in holds(project.empty("products"), reference)


WISHING = """
@step
def shoppers(customers: Frame[Customer], orders: Frame[Order], products: Frame[Product]) -> Frame[Shopper]:
    from magical import wish

    return customers.join(wish(Shopper, like=customers).drop("age", "region", "income"), on="id")
"""


def test_a_wish_brands_its_step_as_if_it_had_no_body(reference: Reference, tmp_path: Path) -> None:
    project = Tenfold(tmp_path / "tenfold").empty()
    written = project.bodies["shoppers"]
    for body, unwritten, enrolled in (
        (WISHING, {"shoppers"}, 0),
        (written, set(), 1),
        (WISHING, {"shoppers"}, 1),
    ):
        project.bodies["shoppers"] = body
        run = project.empty().run()
        assert [run.origin(n) for n in STEPS[:-1]] == [origin(n, unwritten) for n in STEPS[:-1]]
        assert len(project.enrolled) == enrolled
    project.bodies["shoppers"] = written
    assert holds(project.empty(), reference) == []


@pytest.mark.slow
def test_steps_in_processes_of_their_own_pretend_as_well(tmp_path: Path) -> None:
    project = Tenfold(tmp_path / "tenfold").empty("customers", "steady")
    run = project.run(policy={"timeout": 100})
    assert run.origin("judge") == run["judge"].origin == ("customers", "steady")
    apart = Tenfold(tmp_path / "again").empty("customers", "steady").run()
    assert run["judge"] == apart["judge"]


def test_on_day_one_there_is_no_data_and_check_show_pretend_and_run_work(tmp_path: Path) -> None:
    project = Tenfold(tmp_path / "tenfold", data=False)
    for words in (("check",), ("show",), ("show", "--mermaid"), ("pretend", "--rows", "50"), ("run",)):
        said = project.process(*words)
        assert said.returncode == 0, (words, said.stdout, said.stderr)
        assert all(step in said.stdout for step in STEPS if step != "enroll"), (words, said.stdout)
    assert project.load().pretend(rows=50)["customers"].height == 50


def test_pretending_makes_up_sources_too_and_with_all_every_step(tmp_path: Path) -> None:
    project = Tenfold(tmp_path / "tenfold", data=False).empty()
    with pytest.raises(MagicalError, match=r"customers\.csv"):
        project.run()
    sources = project.load().pretend(rows=300)
    assert sources.origin("customers") == ("customers",)
    assert sources.origin("judge") == ("customers", "orders", "products")
    assert {"shoppers", "steady", "judge"} <= set(sources.executed)
    everything = project.load().pretend(rows=300, all=True)
    assert everything.origin("judge") == tuple(sorted(STEPS[:-1]))
    assert project.enrolled == []


def test_it_ends_with_a_registered_model(tmp_path: Path) -> None:
    project = Tenfold(tmp_path / "tenfold", settings="")
    project.bodies["enroll"] = ENROLL_FOR_REAL
    project.fill("judge").fill("customers").fill("enroll").run()
    project.fill("cut").fill("steady").fill("orders").run()
    project.fill("choose").fill("shoppers").fill("products").run()
    registry = project.load().registry()
    assert registry.versions() == []
    run = project.fill("daring").run()
    assert run["enroll"].done
    assert [(v.name, v.number) for v in registry.versions()] == [("tenfold", "1")]
    *before, last = told(project)
    assert "accuracy" in last
    assert len(before) == 3
    assert not any(before)


def told(project: Small) -> list[dict[str, float]]:
    """Return the metrics of MLflow's runs, oldest first."""
    from magical.integrations.mlflow.client import prepare_mlflow

    uri = project.load().context().database_uri()
    with prepare_mlflow(uri):
        from mlflow import MlflowClient

        client = MlflowClient(uri, uri)
        experiments = [e.experiment_id for e in client.search_experiments()]
        runs = client.search_runs(experiments, order_by=["attributes.start_time ASC"])
    return [r.data.metrics for r in runs]
