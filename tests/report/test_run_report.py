"""The report of a run: its sections in their order, what each says, and what happens where evidence is missing."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from made_run import KEPT, SCORES, MadeRun, make_judged_run
from magical.engine.run import RunResult
from magical.errors import Finding
from magical.graph import Graph, Node
from magical.masking import register_secret
from magical.report.report_files import find_report, list_report_files, write_report
from magical.report.run_differences import find_run_differences
from magical.report.run_report import build_report
from magical.report.terminal.document_text import document_text
from magical.views.document import Chart, Details, Document, Table, document_json
from magical.views.document_page import render_document

ORDER = [
    "verdict",
    "to-do",
    "rows",
    "data",
    "choice",
    "quality",
    "decision",
    "slices",
    "use",
    "worst",
    "service",
]


def text_of(document: Document, name: str) -> str:
    """Return the JSON of one section."""
    section = next(s for s in document.sections if s.name == name)
    return json.dumps(document_json(Document("", sections=(section,))), ensure_ascii=False)


def test_a_judged_run_has_all_sections_in_order_and_answers_from_numbers(tmp_path: Path) -> None:
    document = build_report(make_judged_run(tmp_path).end(), project_option=" --project shop")
    assert [s.name for s in document.sections] == [*ORDER, "run", "unknown"]
    assert not any(s.failure for s in document.sections)
    expected = {
        "verdict": [
            "Yes: shop version 3 passed its gate and is the champion.",
            "better than the constant baseline (gain 0.3, 0.2 to 0.4)",
            "within noise of the linear baseline",
            "roc_auc: 0.800 (0.700 to 0.900) on 40 test rows",
        ],
        "to-do": ["evaluate: 12 rows are left out."],
        "rows": ["clean left out 10 rows, kept as rejected.", "190 rows reach the end of 200", "78.9%"],
        "choice": [
            "Within the noise of the best: linear.",
            "The best log_loss of 2 trials is 0.4, at trial 2.",
        ],
        "quality": [
            "Where 10% of the negatives are flagged, 32% of the positives are found.",
            "1 of 2 groups of rows lie outside of chance; the largest gap: 0.8 predicted, 0.5 true.",
            "32 of 40 rows are right (80.0%); most often True is taken for False (5 rows).",
            "0.500 (0.500 to 0.500)",
        ],
        "decision": [
            "The threshold 0.3, chosen on held-out rows, gives 2 here (1 to 3). "
            "Every row called positive gives 4, none 5.",
            "hold 45% of the positives",
        ],
        "slices": ["The model is weaker at <b>region</b> = north (log_loss 0.9 on 9 rows"],
        "use": ["It uses most: income + spent.", "probability of True"],
        "worst": ["3 of 40 rows"],
        "service": ["magical score --project shop --model shop/3 --input NEW_ROWS.csv"],
        "run": ["magical reproduce --project shop ", "max_age"],
        "unknown": ["LEAK002 overlap", "Looks at the test part are not counted."],
    }
    for name, texts in expected.items():
        found = text_of(document, name)
        assert [t for t in texts if t not in found] == [], name
    page = render_document(document)
    assert "&lt;b&gt;region&lt;/b&gt;" in page
    assert "<b>region" not in page
    assert document_text(document, 100).startswith("shop\n")


def test_candidates_that_were_not_compared_are_not_called_worse(tmp_path: Path) -> None:
    row = {"metric": "log_loss", "score": 0.4, "chosen": False}
    candidates = [row | {"candidate": "boosting", "chosen": True}, row | {"candidate": "linear"}]
    scores = [
        {"candidate": c, "metric": "log_loss", "value": 0.4, "within_noise": c == "boosting"}
        for c in ("boosting", "linear")
    ]
    for number in (1, 2):
        run = MadeRun(tmp_path / str(number))
        kept = {"candidates": candidates, "candidate_scores": scores[:number]}
        run.add("select", "magical.library.selecting:select", 0, kept)
        text = text_of(build_report(run.end()), "choice")
        assert ("No other candidate is within its noise." in text) == (number == 2)


def _parts(blocks: tuple[Any, ...]) -> list[tuple[str, str]]:
    found = []
    for block in blocks:
        if isinstance(block, Details):
            found += _parts(block.blocks)
        elif isinstance(block, Chart | Table):
            found.append((getattr(block, "title", "") or getattr(block, "caption", ""), block.part))
    return found


def test_each_number_about_a_model_says_its_part(tmp_path: Path) -> None:
    document = build_report(make_judged_run(tmp_path).end())
    wanted = {"choice": "held out", "use": "validation"}
    for section in document.sections:
        if section.name in ("choice", "quality", "decision", "slices", "use", "worst"):
            parts = _parts(section.blocks)
            assert {part for _, part in parts} == {wanted.get(section.name, "test")}, section.name


def test_a_table_of_another_form_fails_its_section_alone_and_a_missing_one_is_left_out(
    tmp_path: Path,
) -> None:
    kept = {n: rows for n, rows in KEPT.items() if n != "gain"} | {
        "decision": [{"strange": 1}],
        "worst": [],
    }
    document = build_report(make_judged_run(tmp_path, kept).end())
    failed = {s.name: s.failure for s in document.sections if s.failure}
    assert list(failed) == ["decision"]
    assert "could not be built" in failed["decision"]
    assert "worst" not in [s.name for s in document.sections]
    assert "could not be built" in render_document(document)


def test_numbers_have_residuals_in_place_of_curves(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    scores = {
        **SCORES,
        "task": "regression",
        "rarest": None,
        "metrics": {"rmse": {"value": 2.0, "low": 1.0, "high": 3.0}},
    }
    kept: dict[str, list[dict[str, Any]]] = {
        "residuals": [
            {"prediction": p, "rows": 9, "low5": -p, "low25": -1.0, "median": 0.0, "high75": 1.0, "high95": p}
            for p in (2.0, 8.0)
        ],
        "residual_histogram": [
            {"left": -1.0, "right": 0.0, "rows": 6},
            {"left": 0.0, "right": 1.0, "rows": 4},
        ],
        "predicted_truth": [{"prediction": 1.0, "truth": 1.05}, {"prediction": 2.0, "truth": 4.0}],
    }
    run.add("evaluate", "magical.library.evaluating:evaluate", scores, kept)
    found = text_of(build_report(run.end()), "quality")
    assert "50% of these 2 predictions are within a tenth of the truth." in found
    assert "spread most around a prediction of 8: from -8 to 8" in found
    assert "Of 10 rows, at least 60% are predicted too high." in found


def test_two_evaluations_are_told_apart(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    for node, part in (("evaluate[1]", "validation"), ("evaluate[2]", "test")):
        run.add(node, "magical.library.evaluating:evaluate", {**SCORES, "part": part}, KEPT)
    document = build_report(run.end())
    assert "40 validation rows" in text_of(document, "verdict")
    assert "roc_auc (evaluate[2])" in text_of(document, "verdict")
    assert document.sections[0].title == "May I use this model?"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("failed", "No: the run failed at fit"),
        ("stopped", "No: the run was stopped"),
        ("", "No: the run was killed"),
    ],
)
def test_a_run_that_did_not_end_well_has_a_report_of_what_there_is(
    tmp_path: Path, state: str, text: str
) -> None:
    from magical.events import StepFailed, StepLeftOut, StepStarted

    run = MadeRun(tmp_path)
    run.add("clean", "shop:clean", pl.DataFrame({"x": [1, 2]}))
    run.write(StepStarted(step="fit", key="k"))
    if state == "failed":
        run.write(
            StepFailed(step="fit", key="k", message="fit: the matrix is singular.\nHint: drop a column.")
        )
        for name, why in {"score": "fit failed", "show": "score was left out", "send": "not asked"}.items():
            run.write(StepLeftOut(step=name, reason=why))
    document = build_report(run.end(state) if state else run.evidence)
    assert text in text_of(document, "verdict")
    assert "clean gave 2 rows." in text_of(document, "rows")
    wanted = ["the matrix is singular", "Left out after that: score, show.", "send was left out: not asked."]
    found = text_of(document, "to-do") if state == "failed" else "".join(wanted)
    assert [words for words in wanted if words not in found] == []


def test_what_is_not_real_is_marked_and_not_recommended(tmp_path: Path) -> None:
    run = MadeRun(tmp_path, sample=20, origin=["ingest (sample)"])
    run.add("evaluate", "magical.library.evaluating:evaluate", SCORES, KEPT, origin=("fit",))
    document = build_report(run.end())
    assert document.origin == ("fit", "ingest (sample)")
    assert "No: nothing here is real; it stands on fit" in text_of(document, "verdict")
    assert "better than" not in text_of(document, "verdict")


def test_findings_have_their_codes_and_a_changed_workflow_is_not_drawn(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    run.add("clean", "shop:clean", pl.DataFrame({"x": [1, 2]}))
    evidence = run.end()
    node = Node("clean", "shop:clean", "rows", "", {}, {"kind": "table", "text": "Frame"})
    finding = Finding("LEAK001", "error", "fit", "learns from test.", "fit on train.")
    same = build_report(evidence, Graph("shop", (node,), findings=(finding,)))
    assert "LEAK001 fit: learns from test." in text_of(same, "to-do")
    assert "Drawing of the workflow" in text_of(same, "run")
    other = build_report(evidence, Graph("shop", (), findings=(finding,)))
    assert "The workflow has changed since" in text_of(other, "unknown")
    assert "to-do" not in [s.name for s in other.sections]


def test_lost_results_are_said_to_be_gone(tmp_path: Path) -> None:
    run = make_judged_run(tmp_path)
    evidence = run.end()
    for record in evidence.records.values():
        run.store.drop_record(record.key, record)
    document = build_report(run.evidence)
    assert "are gone from the store" in text_of(document, "unknown")
    assert not any(s.failure for s in document.sections)


def test_a_run_with_nothing_to_do_finds_the_page_of_the_run_that_gave_its_results(tmp_path: Path) -> None:
    pages = []
    for x, state in ((1, "done"), (2, "done"), (1, "failed")):
        run = MadeRun(tmp_path)
        run.add(f"clean{x}", "shop:clean", x)
        run.add("size", "shop:size", 0)
        evidence = run.end(state)
        pages.append(write_report(run.evidence)[0])
    assert find_report(run.journal, RunResult(records=evidence.records)) == pages[0]
    assert find_report(run.journal, RunResult(records={"size": evidence.records["size"]})) == pages[1]


def test_a_page_stays_once_results_are_lost(tmp_path: Path) -> None:
    run = make_judged_run(tmp_path)
    record = next(iter(run.end().records.values()))
    page, _ = write_report(run.evidence)
    before = page.read_bytes()
    run.store.drop_record(record.key, record)
    again, document = write_report(run.evidence)
    assert again == page
    assert page.read_bytes() == before
    assert f"The results of {record.node} are gone" in text_of(document, "unknown")


def test_scores_of_another_form_are_said_to_be_missing(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    run.add("evaluate", "magical.library.evaluating:evaluate", {"auc": 0.7}, KEPT)
    document = build_report(run.end())
    assert not any(s.failure for s in document.sections)
    assert "The scores of evaluate have the form of another release" in text_of(document, "unknown")


@pytest.mark.parametrize("name", ["nodes", "git", "versions", "origin", "explores", "locks", "profile"])
def test_damaged_facts_of_a_journal_fail_no_section(tmp_path: Path, name: str) -> None:
    for value in (7, True, "text", [7, [7]], {"a": {"b": 7}}, None):
        document = build_report(make_judged_run(tmp_path, **{name: value}).end())
        assert not any(s.failure for s in document.sections)


def test_secrets_in_data_are_masked(tmp_path: Path, nothing_hidden: None) -> None:
    register_secret("open sesame")
    worst = {"id": 1, "note": "say open sesame", "open sesame": 1, "response": True, "prediction": False}
    kept = {**KEPT, "worst": [worst]}
    document = build_report(make_judged_run(tmp_path, kept).end())
    assert "say ***" in text_of(document, "worst")
    assert "sesame" not in render_document(document)


def test_files_of_a_report_are_found_by_run(tmp_path: Path) -> None:
    run = make_judged_run(tmp_path)
    run.end()
    assert find_report(run.journal, RunResult()) is None
    page, document = write_report(run.evidence)
    assert find_report(run.journal, RunResult()) == find_report(run.journal, RunResult(run.name)) == page
    assert json.loads((page.parent / "report.json").read_text(encoding="utf-8")) == document_json(document)
    assert [f.name for f in list_report_files(run.journal, run.name)] == ["report.html", "report.json"]


@pytest.mark.parametrize(("won", "best", "trial"), [(0.2, "0.2", 2), (0.9, "0.9", 3)])
def test_the_best_so_far_follows_the_direction_of_a_metric_of_the_project(
    tmp_path: Path, won: float, best: str, trial: int
) -> None:
    run = MadeRun(tmp_path)
    trials = [
        {"trial": i, "own": s, "seconds": 1.0, "state": "complete"} for i, s in enumerate((0.5, 0.2, 0.9))
    ]
    candidates = [{"candidate": "boosting", "metric": "own", "score": won}]
    run.add("tune", "magical.library.tuning:tune", 0, {"trials": trials, "candidates": candidates})
    assert f"The best own of 3 trials is {best}, at trial {trial}." in text_of(
        build_report(run.end()), "choice"
    )


def test_importance_of_squared_error_is_in_the_unit_of_the_target(tmp_path: Path) -> None:
    run = MadeRun(tmp_path)
    rows = [{"columns": "area", "value": 300.0, "low": 21.0, "high": 476.0, "level": "raw"}]
    told = {"part": "validation", "loss": "squared_error", "base": 100.0}
    run.add("explain", "magical.library.explaining:explain", told, {"importance": rows})
    found = text_of(build_report(run.end()), "use")
    assert "rmse added by shuffling" in found
    assert '"intervals": [[1.0, 14.0]]' in found


def test_the_costs_of_errors_and_the_unit_of_a_slice_are_told(tmp_path: Path) -> None:
    slices = [{"slice": "x < 1", "metric": "mean squared error", "value": 9.0, "difference": 5.0, "rows": 4}]
    slices[0] |= {"low": -1.0, "high": 16.0, "confirmed": True}
    evidence = make_judged_run(tmp_path, {**KEPT, "slices": slices}).end()
    decision = {"false_positive": 3.0, "false_negative": 8.0, "metric": ""}
    for record in evidence.find("evaluate"):
        record.parts["argument:how"] = json.dumps({"decision": decision}) + "\nEvaluateSettings"
    document = build_report(evidence)
    assert "A row that is taken for true and is not costs 3; one that is" in text_of(document, "decision")
    assert "gives a cost of 2 a row here" in text_of(document, "decision")
    found = text_of(document, "slices")
    assert "x < 1 (rmse 3 on 4 rows, 2 on all others)" in found
    assert '["x < 1", null, 4, 3.0, 0.0, 4.0, 1.0, null, "yes"]' in found


def test_steps_that_a_run_did_not_come_to_are_not_said_to_be_gone(tmp_path: Path) -> None:
    runs = []
    for state, nodes in (
        ("done", ["clean", "size"]),
        ("failed", ["clean", "fit", "size"]),
        ("done", ["fit"]),
    ):
        run = MadeRun(tmp_path, nodes=nodes)
        for node in nodes[: 1 if state == "failed" else None]:
            run.add(node, f"shop:{node}", 0)
        runs.append(run.end(state))
    done, failed, other = runs
    assert find_run_differences(done, failed) == ()
    assert {d.text for d in find_run_differences(done, other)} == {
        "fit is new",
        "clean is no longer there",
        "size is no longer there",
    }
    partial = MadeRun(tmp_path, nodes=["clean"], step="clean")
    partial.add("clean", "shop:clean", 0)
    assert [d.text for d in find_run_differences(done, partial.end())] == [
        "the first run went to the end, the second up to clean"
    ]
