"""States of the steps, from the plan of a run and the journal."""

from pathlib import Path

import pytest

import magical
from magical.engine.artifacts import Artifact, Record
from magical.engine.journal import RunSummary
from magical.engine.plan import NodePlan
from magical.graph import Graph, Node
from magical.project.step_states import MAX_RUNS_READ, find_states
from projects import ALL, Small, flow, one

NODE = Node("clean", "workflow:clean", "", "", {}, {"kind": "value", "text": "int"})
GRAPH = Graph("flow", (NODE,))
RECORD = Record("k", "clean", "", {}, Artifact("value", "c"))


def stands(plan: NodePlan | None, *runs: RunSummary, **facts: bool) -> tuple[str, tuple[str, ...]]:
    graph = Graph("flow", (Node(**{**NODE.__dict__, "facts": facts}),))
    found = find_states(graph, {"clean": plan} if plan else {}, runs)["clean"]
    return found.state, found.origin


def run(workflow: str = "flow", **facts: dict[str, str]) -> RunSummary:
    return RunSummary("r", workflow, **facts)  # type: ignore[arg-type]


RAN, FAILED, ELSE = run(keys={"clean": "k"}), run(failed={"clean": "why"}), run("other", keys={"clean": "k"})


@pytest.mark.parametrize(
    ("state", "runs", "shown"),
    [
        ("fresh", [FAILED], "fresh"),
        ("to run", [], "to run"),
        ("to run", [RAN], "stale"),
        ("to run", [FAILED, RAN], "failed"),
        ("to run", [RAN, FAILED], "stale"),
        ("to run", [run(begun={"clean": "k"}), FAILED], "failed"),
        ("to run", [ELSE], "to run"),
        ("to run", [run()] * MAX_RUNS_READ + [RAN], "to run"),
        ("waits", [RAN], "waits"),
        ("waits", [], "waits"),
        ("waits", [FAILED, RAN], "failed"),
        ("left out", [FAILED], "left out"),
    ],
)
def test_a_state(state: str, runs: list[RunSummary], shown: str) -> None:
    assert stands(NodePlan("clean", state), *runs)[0] == shown


def test_what_is_not_planned_is_unused() -> None:
    assert stands(None, RAN) == ("unused", ())


def test_what_is_made_up_is_pretended_and_what_follows_stands_on_it() -> None:
    assert stands(NodePlan("clean", "fresh", record=RECORD, origin=("clean",))) == ("pretended", ())
    assert stands(NodePlan("clean", "fresh", record=RECORD, origin=("clean", "rows"))) == (
        "pretended",
        ("rows",),
    )
    assert stands(NodePlan("clean", "fresh", record=RECORD, origin=("rows",))) == ("fresh", ("rows",))
    assert stands(NodePlan("clean", "fresh", origin=("clean (sample)",))) == ("fresh", ("clean (sample)",))


def test_an_unwritten_step_is_unwritten_until_it_is_made_up() -> None:
    assert stands(NodePlan("clean", "to run", origin=("clean",)), RAN, unwritten=True) == ("unwritten", ())
    assert stands(NodePlan("clean", "waits", origin=("clean",)), unwritten=True) == ("unwritten", ())
    assert stands(NodePlan("clean", "fresh", origin=("clean",)), unwritten=True) == ("pretended", ())


def test_no_run_is_read_that_is_not_needed() -> None:
    read = []

    def runs() -> object:
        for summary in (RAN, FAILED):
            read.append(summary)
            yield summary

    find_states(GRAPH, {"clean": NodePlan("clean", "fresh")}, runs())  # type: ignore[arg-type]
    assert read == []
    find_states(GRAPH, {"clean": NodePlan("clean", "to run")}, runs())  # type: ignore[arg-type]
    assert read == [RAN]


def shown(small: Small, **settings: object) -> dict[str, str]:
    return {s.name: s.status.label for s in small.load().picture(**settings).steps}


def test_the_states_of_a_project(tmp_path: Path) -> None:
    small = flow(tmp_path / "p")
    assert shown(small) == {"raw": "to run", **dict.fromkeys(ALL[1:], "waits")}
    small.run()
    assert set(shown(small).values()) == {"fresh"}
    assert shown(small, max_id=11) == {
        "raw": "fresh",
        "model": "fresh",
        "clean": "stale",
        "split": "waits",
        "size": "waits",
    }
    small.edit("workflow.py", "    return table.height\n", "    raise ValueError('later')\n")
    assert shown(small)["size"] == "stale"
    assert list(small.fails()) == ["size"]
    assert shown(small)["size"] == "failed"
    assert shown(small, max_id=11)["size"] == "failed"
    small.edit("workflow.py", "    raise ValueError('later')\n", "    return table.height + 0\n")
    assert shown(small)["size"] == "failed", "it has not succeeded since"
    small.run()
    assert shown(small)["size"] == "fresh"
    small.edit("workflow.py", "    return table.height + 0\n", "    ...\n")
    assert shown(small)["size"].startswith("unwritten")


def test_a_sample_is_not_real_and_compared_with_samples(tmp_path: Path) -> None:
    small = flow(tmp_path / "p")
    small.run()
    sampled = magical.load(small.root, sample=20)
    assert {s.status.label for s in sampled.picture().steps} == {"to run, not real", "waits, not real"}
    sampled.run()
    assert {s.status.label for s in sampled.picture().steps} == {"fresh, not real"}


def test_without_its_file_a_workflow_is_drawn_all_the_same(tmp_path: Path) -> None:
    small = flow(tmp_path / "p")
    (small.root / "x.csv").unlink()
    answer = small.command("show")
    assert answer.code == 0, answer.err
    assert "→ customers: Frame[Customer]" in answer.out
    assert "There is no file" in answer.out
    assert "So it is not known which steps are fresh." in answer.out


def test_a_project_draws_itself_in_a_notebook(small: Small) -> None:
    drawn = small.load()._repr_html_()
    assert "<svg" in drawn
    assert ">customers</text>" in drawn
    assert ">▶ to run</text>" in drawn


def test_a_workflow_draws_itself() -> None:
    @magical.step
    def begin() -> int:
        return 1

    @magical.workflow
    def flow() -> int:
        first = begin()
        return first

    assert "<svg" in flow._repr_html_()

    @magical.workflow
    def broken() -> int:
        return 1

    assert broken._repr_html_().startswith("<pre>&lt;workflow broken")
    assert "which no step made" in broken._repr_html_()


def test_what_is_not_real_is_struck_through_in_a_runs_table(small: Small) -> None:
    real, sampled = small.run(), magical.load(small.root, sample=20).run()
    assert "<s>" not in real._repr_html_()
    assert "<td>not real: <s>" in sampled._repr_html_()
    assert "stands on raw (sample)" in sampled._repr_html_()


def test_states_of_a_graph_with_an_unused_step(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def begin() -> int:
            return 1

        @step
        def odd(x: int) -> int:
            return x

        @workflow
        def flow() -> int:
            first = begin()
            odd(first)
            return first
        """,
    )
    assert shown(small) == {"begin": "to run", "odd": "unused"}
    assert "WIRE001" in small.command("show").out
