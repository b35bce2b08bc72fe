"""The answer of ``magical why``, by the plan of a step, earlier runs and their records."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from magical.contracts.promises import promise_of
from magical.engine.artifacts import Record
from magical.engine.journal import RunSummary
from magical.engine.plan import NodePlan, Receipts
from magical.errors import UsageError
from magical.graph import Graph, Node
from magical.keys.key import NodeIdentity
from magical.keys.key_diff import Cause
from magical.project.loading.graph_cache import DrawnWorkflow
from magical.project.why_answer import History, Why, answer_why
from magical.stores.local.store import LocalStore
from projects import Small, flow, one


@pytest.fixture
def done(small: Small) -> Small:
    small.run()
    return small


def test_before_any_run(small: Small) -> None:
    assert small.why("raw") == "raw: it has not run yet."
    assert "raw: it has not run yet." in small.why("size")


def test_after_the_first_run(done: Small) -> None:
    run = done.load().runs()[0].name
    assert done.why("clean") == f"clean: it is fresh; it ran first in {run}."


def test_after_it_ran_again_the_last_cause_is_said(done: Small) -> None:
    done.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    done.run()
    answer = done.why("clean")
    assert answer.startswith("clean: it is fresh; it ran last in")
    assert "deep.FACTOR (deep.py:1) was edited" in answer


def test_an_edit_and_its_undoing_leave_no_cause(done: Small) -> None:
    done.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    done.edit("deep.py", "FACTOR = 3", "FACTOR = 2")
    assert "it is fresh" in done.why("clean")


def test_lost_results(done: Small) -> None:
    for path in (done.root / ".magical/store/objects").rglob("*.json"):
        path.unlink()
    assert done.why("size") == "size: its stored result is gone."


def test_unwritten_and_unused(done: Small) -> None:
    done.edit("workflow.py", "    return table.height\n", "    ...\n")
    assert re.search(r"^size: it runs again; since .*:\n  it is pretended now$", done.why("size"))
    done.run()
    done.edit("workflow.py", "    ...\n", "    return table.height\n")
    assert done.states()["size"] == "fresh"
    done.edit("workflow.py", "    return size(train)\n", "    size(train)\n    return train\n")
    with pytest.raises(UsageError, match="size is not run: nothing uses what it gives"):
        done.why("size")


def test_a_source_in_the_world(done: Small) -> None:
    done.edit("workflow.py", "@step\ndef raw", '@step(reads="world")\ndef raw')
    assert done.why("raw") == "raw: it asks its source again in each run."


def test_the_answer_as_json(done: Small) -> None:
    answer = done.command("why", "clean", "max_id=30", "--json").json
    assert answer["step"] == "clean"
    assert answer["state"] == "to run"
    assert {"kind": "argument", "name": "max_id", "text": "the argument max_id went from 90 to 30"} in answer[
        "causes"
    ]
    assert answer["settings"] == ["max_id went from 90 to 30"]


def test_two_projects_do_not_answer_for_each_other(tmp_path: Path) -> None:
    one, other = flow(tmp_path / "one"), flow(tmp_path / "other")
    one.run()
    assert other.why("raw") == "raw: it has not run yet."


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_text("{")])
def test_without_the_journal_there_is_less_to_say(done: Small, damage: Callable[[Path], None]) -> None:
    for path in (done.root / ".magical/runs").rglob("journal.jsonl"):
        damage(path)
    assert "it is fresh" in done.why("clean")
    done.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    assert "clean:" in done.why("clean")


def test_of_a_step_that_waits_the_answer_names_each_beginning_once(tmp_path: Path) -> None:
    body = """
    @step
    def begin() -> int:
        return 1

    @step
    def add(x: int, y: int) -> int:
        return (x + y) % 7

    @workflow
    def many() -> int:
        x, y = begin(), 3
        for _ in range(40):
            x, y = add(x, y), x
        return x
    """
    small = one(tmp_path / "p", body)
    answer = small.why("add[40]").splitlines()
    assert answer == [
        "add[40]: its inputs are made again; it runs if they come out different.",
        "  begin: it has not run yet.",
    ]


# --- by plans, runs and records that are made by hand -----------------------------------------------------------------


class Registry:
    """A registry without a server."""

    def find_id(self) -> str:
        return "here"

    def ensure_id(self) -> str:
        return "here"

    def describe(self, registry_id: str) -> str:
        return f"the registry {registry_id}"


class Desk:
    """Answers for nodes ``a`` and ``b``, whose records are put into a store."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(folder)
        self.receipts = Receipts(self.store, Registry())
        self.settings = {"rate": 2}

    def record(self, key: str, run: str, registry: str = "", **parts: str) -> Record:
        result = self.store.save(1, promise_of(int), key)
        record = Record(key, "a", "", parts, result, run=run, registry=registry)
        self.store.put_record(record)
        return record

    def why(self, *plans: NodePlan, runs: list[RunSummary] | None = None, **facts: str) -> Why:
        nodes = (Node("a", "workflow:a", "", "", {}, {"kind": "value", "text": "int"}, facts),)
        drawn = DrawnWorkflow(Graph("flow", nodes), {"a": NodeIdentity({})}, self.settings)
        return answer_why("a", {p.name: p for p in plans}, drawn, History(runs or [], self.receipts))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ran(name: str, key: str, workflow: str = "flow", **settings: int) -> RunSummary:
    return RunSummary(name, workflow, keys={"a": key}, settings=settings)


def test_an_answer_has_a_line_for_each_cause_and_setting() -> None:
    inner = Why("a", "to run", "it has not run yet.", (Cause("code", "f", "f was edited"),))
    why = Why("b", "waits", "it waits.", settings=("x went from 1 to 2",), run="r1", after=(inner,))
    assert str(why).splitlines() == [
        "b: it waits.",
        "  setting x went from 1 to 2",
        "  a: it has not run yet.",
        "    f was edited",
    ]
    assert why.to_json()["after"][0]["causes"] == [{"kind": "code", "name": "f", "text": "f was edited"}]


def test_a_node_that_is_left_out_says_so(desk: Desk) -> None:
    assert desk.why(NodePlan("a", "left out", reason="b is left out")).headline == (
        "it is left out: b is left out."
    )


def test_the_plan_knows_some_reasons_itself(desk: Desk) -> None:
    why = desk.why(
        NodePlan("a", "to run", "k", reason="its receipt is of another registry"), runs=[ran("r1", "k")]
    )
    assert (why.headline, why.run) == ("its receipt is of another registry.", "r1")


def test_a_source_in_the_world_needs_no_earlier_run(desk: Desk) -> None:
    assert "asks its source again" in desk.why(NodePlan("a", "to run", "k"), reads="world").headline


def test_only_runs_of_the_same_workflow_count(desk: Desk) -> None:
    why = desk.why(NodePlan("a", "to run", "k"), runs=[ran("r1", "k", "other")])
    assert why.headline == "it has not run yet."


def test_the_newest_run_is_compared_with_its_causes_and_settings(desk: Desk) -> None:
    desk.record("k1", "r1", **{"argument:rate": "1"})
    desk.record("k0", "r0", **{"argument:rate": "0"})
    plan = NodePlan("a", "to run", "k2", {"argument:rate": "2"})
    why = desk.why(plan, runs=[ran("r1", "k1", rate=1), ran("r0", "k0", rate=0)])
    assert (why.headline, why.run) == ("it runs again; since r1:", "r1")
    assert [c.text for c in why.causes] == ["the argument rate went from 1 to 2"]
    assert why.settings == ("rate went from 1 to 2",)


def test_settings_are_no_cause_where_no_argument_changed(desk: Desk) -> None:
    desk.record("k1", "r1", **{"code:m.f": "1"})
    why = desk.why(NodePlan("a", "to run", "k2", {"code:m.f": "2"}), runs=[ran("r1", "k1", rate=1)])
    assert [c.kind for c in why.causes] == ["code"]
    assert why.settings == ()


def test_a_result_that_is_gone_is_told_from_one_that_would_differ(desk: Desk) -> None:
    runs = [ran("r1", "k1")]
    assert desk.why(NodePlan("a", "to run", "k1"), runs=runs).headline == "its stored result is gone."
    other = desk.why(NodePlan("a", "to run", "k2"), runs=runs).headline
    assert other == "it differs from r1, whose result is gone."
    marked = [ran("r1", "k1" + "ab" * 6)]
    assert desk.why(NodePlan("a", "to run", "k1"), runs=marked).headline == "its stored result is gone."


def test_a_fresh_node_is_explained_by_the_run_before_with_another_key(desk: Desk) -> None:
    desk.record("k1", "r1", **{"argument:rate": "1"})
    plan = NodePlan("a", "fresh", "k2", {"argument:rate": "2"}, desk.record("k2", "r3"))
    runs = [ran("r4", "k2"), ran("r3", "k2"), ran("r2", "k1"), ran("r1", "k1")]
    why = desk.why(plan, runs=runs)
    assert (why.headline, why.run) == ("it is fresh; it ran last in r3, since", "r2")
    assert [c.text for c in why.causes] == ["the argument rate went from 1 to 2"]


def test_a_fresh_node_without_such_a_run_ran_first(desk: Desk) -> None:
    plan = NodePlan("a", "fresh", "k2", record=desk.record("k2", "r1"))
    assert desk.why(plan, runs=[ran("r1", "k2")]).headline == "it is fresh; it ran first in r1."
    later = desk.why(plan, runs=[ran("r2", "k3"), ran("r1", "k2")])
    assert later.headline == "it is fresh; it ran first in r1."
    lost = desk.why(plan, runs=[ran("r1", "k2"), ran("r0", "gone")])
    assert (lost.headline, lost.causes) == ("it is fresh; it ran last in r1.", ())


def test_a_receipt_of_another_registry_is_the_only_difference(desk: Desk) -> None:
    desk.record("k", "r1", registry="there", x="1")
    plan = NodePlan("a", "fresh", "k", {"x": "1"}, desk.record("k" + "ab" * 6, "r2", registry="here", x="1"))
    why = desk.why(plan, runs=[ran("r1", "k")])
    assert why.headline.endswith("since its receipt was of another registry: the registry there.")


def test_of_nodes_that_wait_only_the_beginnings_are_answered_for(desk: Desk) -> None:
    plans = {
        "c": NodePlan("c", "waits", after=("b", "a")),
        "b": NodePlan("b", "waits", after=("a",)),
        "a": NodePlan("a", "to run", "k"),
    }
    nodes = tuple(Node(n, n, "", "", {}, {"kind": "value", "text": "int"}) for n in plans)
    drawn = DrawnWorkflow(Graph("flow", nodes), {}, {})
    why = answer_why("c", plans, drawn, History(iter([]), desk.receipts))
    assert [w.step for w in why.after] == ["a"]
    assert str(why).splitlines()[1:] == ["  a: it has not run yet."]
