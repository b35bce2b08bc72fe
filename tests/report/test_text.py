"""Texts and JSON of runs, plans, settings and models."""

from dataclasses import replace
from typing import Any

import pytest

from magical.brand import mark_not_real
from magical.engine.artifacts import Artifact, Record
from magical.engine.journal import RunSummary
from magical.engine.plan import NodePlan
from magical.engine.protocols import Version
from magical.engine.run import RunResult
from magical.errors import Finding, StepError
from magical.graph import Graph, Node
from magical.refs import Link
from magical.report.text import (
    format_table,
    models_json,
    models_text,
    plan_text,
    run_json,
    run_text,
    runs_json,
    runs_text,
    settings_text,
)


def node(name: str, kind: str, *inputs: Link, data: str = "") -> Node:
    wires = {f"p{i}": link for i, link in enumerate(inputs)}
    return Node(
        name,
        f"workflow:{name.split('[', maxsplit=1)[0]}",
        data,
        "workflow.py:1",
        wires,
        {"kind": kind, "text": kind},
    )


GRAPH = Graph(
    "flow",
    (
        node("rows", "table", data="customers"),
        node("split", "parts", Link("rows")),
        node("tune[a]", "model", Link("split", "train"), Link("split", "validation")),
        node("tune[b]", "model", Link("split", "train"), Link("split", "validation")),
        node("scores", "value", Link("tune[a]"), Link("tune[b]"), Link("split", "test")),
    ),
    Link("scores"),
    (Finding("WIRE001", "warning", "rows", "is odd.", "mend it."),),
)


def result(**facts: Any) -> RunResult:
    records = {
        n.name: Record("k", n.name, n.step, {}, Artifact("value", "c", summary=f"of {n.name}"))
        for n in GRAPH.nodes
    }
    return RunResult("run-1", records=records, executed=["scores"], seconds=1.26, **facts)


def test_a_run() -> None:
    text = run_text(GRAPH, result(), " --project p")
    assert text.splitlines() == [
        "warning WIRE001 rows: is odd.",
        "Hint: mend it.",
        "flow: done. 1 step ran, 4 were fresh, 1.3 s.",
        "  tune[a]: of tune[a]",
        "  tune[b]: of tune[b]",
        "  scores: of scores",
        "Look:",
        "  magical inspect scores --project p",
        "  magical show --project p",
        "  magical runs --project p",
    ]
    assert run_json(GRAPH, result())["results"]["scores"] == "of scores"


def test_models_are_pointed_at_where_something_is_registered() -> None:
    nodes = (*GRAPH.nodes[:-1], replace(GRAPH.nodes[-1], facts={"writes": "world"}))
    text = run_text(replace(GRAPH, nodes=nodes), result(), " --project p")
    assert "  magical models --project p" in text.splitlines()


def test_models_are_not_pointed_at_where_registering_was_left_out() -> None:
    nodes = (*GRAPH.nodes[:-1], replace(GRAPH.nodes[-1], facts={"writes": "world"}))
    last = GRAPH.nodes[-1].name
    records = {n: r for n, r in result().records.items() if n != last}
    text = run_text(replace(GRAPH, nodes=nodes), RunResult("r", records=records, left_out={last: "x"}))
    assert "magical show" in text
    assert "magical models" not in text


def test_a_failed_run_names_each_step_and_ends_each_message_in_its_hint() -> None:
    said = {"rows": "rows (workflow.py:1) failed", "split": "The registry does not answer."}
    errors = {n: StepError(text, *"abc", hint="h") for n, text in said.items()}
    text = run_text(
        GRAPH, result(errors=errors, left_out={"scores": "x"}), format_trace=lambda error: ["  own line"]
    )
    assert text.splitlines()[2:14] == [
        *("rows (workflow.py:1) failed", "a", "b", "c", "Hint: h", "  own line"),
        *("split: The registry does not answer.", "a", "b", "c", "Hint: h", "  own line"),
    ]
    assert text.splitlines()[14].startswith("flow: failed; 2 failed, 1 left out.")
    assert "Look" not in text
    alone = run_text(GRAPH, result(errors={"split": errors["split"]}))
    assert "\nThe registry does not answer.\n" in alone


def test_nothing_to_do() -> None:
    everything = RunResult(records=result().records)
    assert "flow: nothing had to run; all 5 steps are fresh." in run_text(GRAPH, everything)


def test_nothing_to_do_for_one_step() -> None:
    one = RunResult(records={"rows": result().records["rows"]})
    assert "flow: nothing had to run; the step is fresh." in run_text(GRAPH, one)


def test_up_to_one_step_it_speaks_of_what_was_asked_for() -> None:
    records = {name: record for name, record in result().records.items() if name in ("rows", "split")}
    text = run_text(GRAPH, RunResult(records=records, left_out={"publish": "it stands on rows (sample)"}))
    assert "flow: nothing had to run; all 2 steps are fresh. 1 is left out." in text
    assert "magical inspect split" in text


def test_steps_that_a_run_leaves_out_because_it_explores_share_a_line() -> None:
    why = "this run explores (seed 8, the files say 7)"
    left_out = {"publish": why, "announce": why, "after": "announce is left out"}
    text = run_text(GRAPH, RunResult(left_out=left_out, explored=("seed 8, the files say 7",)))
    assert f"  publish, announce were left out: {why}.\n  after was left out: announce is left out.\n" in text
    assert text.count("explores") == text.count("--register") == 1


def test_a_plan() -> None:
    plans = {"rows": NodePlan("rows", "fresh"), "split": NodePlan("split", "waits", after=("rows", "x"))}
    assert plan_text(GRAPH, plans).splitlines()[2:] == [
        "= rows   fresh",
        "… split  waits  after rows, x",
        "flow: 1 fresh, 1 waits.",
    ]


def test_settings_with_who_spoke() -> None:
    settings = {"a": 1, "b": {"c": "ü", "d": {}}, "e": [{"f": 1}, {"f": 2}], "g": [1, 2]}
    spoken = {"b": "settings.toml", "e.1.f": "command line"}
    assert [line.split(None, 2) for line in settings_text(settings, spoken).splitlines()] == [
        ["a", "1", "class"],
        ["b.c", '"ü"', "settings.toml"],
        ["b.d", "{}", "settings.toml"],
        ["e.0.f", "1", "class"],
        ["e.1.f", "2", "command line"],
        ["g", "[1,", "2]  class"],
    ]


def test_runs() -> None:
    run = RunSummary(
        "run-1", "flow", "failed", 0.0, 1.5, {"rows": "k"}, ["rows"], {"split": "why\nmore"}, {"a": 1}
    )
    assert "run-1" in runs_text([run])
    assert runs_text([run]).endswith("1 ran")
    sampled = replace(run, facts={"sample": 20})
    assert [line.endswith("sample of 20") for line in runs_text([run, sampled]).splitlines()] == [False, True]
    full = runs_text([run], full=True)
    assert full.endswith("why\nmore")
    assert runs_json([run])[0]["failed"] == {"split": "why\nmore"}
    assert runs_text([]) == "There are no runs yet.\nHint: magical run"


def test_runs_show_their_deciding_scores() -> None:
    auc = "roc_auc 0.891 (0.860 to 0.918), 448 {} rows"
    test, validation = auc.format("test"), auc.format("validation")
    for summaries, score in (
        ({"clean": "448 × 3", "evaluate": test}, test),
        ({"evaluate[1]": test, "evaluate[2]": validation}, test),
        ({"evaluate": f"{validation}; constant 0.500, linear 0.880"}, validation),
        ({"evaluate": mark_not_real(test)}, mark_not_real(test)),
        ({"evaluate": "{'of': 'a step of the project'}"}, ""),
        ({}, ""),
    ):
        run = RunSummary("run-1", keys=dict.fromkeys(summaries, "k"), summaries=summaries)
        assert runs_text([run]).endswith(f"0 ran    {score}" if score else "0 ran")
        assert (f"score {score}" in " ".join(runs_text([run], full=True).split())) == bool(score)
        assert runs_json([run])[0]["score"] == score


def test_a_run_names_what_it_left_out_and_of_a_killed_one_no_time() -> None:
    failed = RunSummary(
        "run-1", "flow", "failed", 0.0, 1.5, failed={"split": "why"}, left_out={"tune": "split failed"}
    )
    rows = [line.split(None, 1) for line in runs_text([failed], full=True).splitlines()]
    assert ["seconds", "1.5"] in rows
    assert rows[-3:] == [["split", "failed"], ["tune", "left out: split failed"], ["why"]]
    killed = runs_text([RunSummary("run-2", "flow", begun={"rows": "k"})], full=True)
    assert "killed" in killed
    assert "was under way" in killed
    assert "seconds" not in killed


def test_models() -> None:
    version = Version("campaign", "3", "k", ("champion",), {"magical.summary": "auc 0.9"}, "models:/x")
    assert models_text([version]) == "campaign  3  champion  auc 0.9  models:/x"
    assert models_json([version])[0]["aliases"] == ["champion"]
    assert models_text([]) == "No model is registered yet.\nHint: magical run"


@pytest.mark.parametrize("rows", [[], [("a",)], [("a", ""), ("", "b")]])
def test_a_table_of_texts(rows: list[tuple[str, ...]]) -> None:
    assert len(format_table(rows).splitlines()) == len(rows)
