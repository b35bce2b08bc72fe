"""What a tracker records of a run, and under which names."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magical.events import RunStarted
from magical.run_metrics import MAX_TEXT_LENGTH, MetricExtractor, flatten_settings, make_run_tags


def scores(part: str = "test", **values: Any) -> dict[str, Any]:
    return {"part": part, "metrics": {name: {"value": value} for name, value in values.items()}}


# --- metrics --------------------------------------------------------------------------------------------------


def test_scores_of_another_part_are_named_after_it() -> None:
    extractor = MetricExtractor()
    assert dict(extractor.extract("fit", scores("train", auc=0.9))) == {"train.auc": 0.9}
    assert dict(extractor.extract("evaluate", scores("test", auc=0.8))) == {"auc": 0.8}
    assert dict(extractor.extract("other", {"metrics": {"f1": {"value": 1}}})) == {"f1": 1.0}


def test_a_name_that_is_taken_gets_its_step() -> None:
    extractor = MetricExtractor()
    assert dict(extractor.extract("a", scores(auc=0.8))) == {"auc": 0.8}
    assert dict(extractor.extract("b[1]", scores(auc=0.7))) == {"b_1_.auc": 0.7}
    assert dict(MetricExtractor().extract("b", scores(auc=0.7))) == {"auc": 0.7}


def test_an_interval_stands_beside_its_score() -> None:
    extractor = MetricExtractor()
    auc = {"value": 1, "low": 0.5, "high": None}
    assert list(extractor.extract("a", {"metrics": {"auc": auc}})) == [("auc", 1.0), ("auc.low", 0.5)]
    again = list(extractor.extract("b", {"metrics": {"auc": auc}}))
    assert again == [("b.auc", 1.0), ("b.auc.low", 0.5)]


@pytest.mark.parametrize(
    "value",
    [
        *[
            None,
            3,
            "metrics",
            ["metrics"],
            {},
            {"metrics": None},
            {"metrics": [1]},
            {"metrics": {"auc": 0.8}},
        ],
        *[scores(auc=None), scores(auc="0.8"), scores(auc=True), {"metrics": {"auc": {"low": 0.5}}}],
    ],
)
def test_what_is_no_score_is_passed_over(value: Any) -> None:
    extractor = MetricExtractor()
    assert list(extractor.extract("a", value)) == []
    assert dict(extractor.extract("b", scores(auc=0.5))) == {"auc": 0.5}


# --- settings -------------------------------------------------------------------------------------------------


def test_settings_are_flattened() -> None:
    nested = {"a": {"b": [1, 2], "c": [{"kind": "Log"}, {"kind": "Cross"}], "d": None, "e": True}, "f": []}
    assert flatten_settings(nested) == {
        "a.b": "[1, 2]",
        "a.c.0.kind": "Log",
        "a.c.1.kind": "Cross",
        "a.d": "null",
        "a.e": "true",
        "f": "[]",
    }


def test_texts_of_settings_stay_and_are_cut() -> None:
    flat = flatten_settings(
        {"ü": "ü", "day": dt.date(2024, 1, 31), "list": ["ü"], "long": "x" * 9000, "no": {}}
    )
    assert (flat["_"], flat["day"], flat["list"]) == ("ü", '"2024-01-31"', '["ü"]')
    assert len(flat["long"]) == MAX_TEXT_LENGTH
    assert "no" not in flat


settings_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), settings_values, max_size=3))
def test_any_settings_have_names_and_texts_that_a_server_takes(settings: dict[str, Any]) -> None:
    flat = flatten_settings(settings)
    assert all(len(text) <= MAX_TEXT_LENGTH for text in flat.values())
    assert all(c.isascii() and (c.isalnum() or c in "_-./ ") for name in flat for c in name)


# --- tags -----------------------------------------------------------------------------------------------------


def test_tags_say_what_a_run_was() -> None:
    started = RunStarted(
        run="r1", workflow="flow", settings={}, nodes=[], profile="quick", host="here", process=7, sample=50,
        origin=["pretended raw", "sample of 50"], git={"commit": "abc", "dirty": True},
        explores=["max_age 80, the files say 90", "seed 8, the files say 7"],
    )  # fmt: skip
    assert make_run_tags(started) == {
        "magical.run": "r1",
        "magical.workflow": "flow",
        "magical.profile": "quick",
        "magical.host": "here",
        "magical.process": "7",
        "magical.sample": "50",
        "magical.origin": "pretended raw, sample of 50",
        "magical.explores": "max_age 80, the files say 90; seed 8, the files say 7",
        "magical.commit": "abc",
        "magical.dirty": "true",
        "mlflow.source.name": "flow",
        "mlflow.source.git.commit": "abc",
    }


@pytest.mark.parametrize(
    ("git", "dirty"),
    [({}, None), ({"commit": None, "dirty": True}, None), ({"commit": "abc", "dirty": False}, "false")],
)
def test_without_a_commit_nothing_is_said_of_git(git: dict[str, Any], dirty: str | None) -> None:
    tags = make_run_tags(RunStarted(run="r1", workflow="flow", settings={}, nodes=[], git=git))
    assert tags.get("magical.dirty") == dirty
    assert ("magical.commit" in tags) == ("mlflow.source.git.commit" in tags) == (dirty is not None)


# --- candidates -----------------------------------------------------------------------------------------------


def candidates(**scores: Any) -> list[dict[str, Any]]:
    return [{"candidate": name, "metric": "log_loss", "score": score} for name, score in scores.items()]


def test_the_validation_score_of_each_candidate_is_named_by_metric_and_candidate() -> None:
    found = dict(MetricExtractor().extract_candidates("select", candidates(linear=0.3, boosting=0.2)))
    assert found == {"validation.log_loss.linear": 0.3, "validation.log_loss.boosting": 0.2}


def test_a_selection_scores_the_same_candidates_again_under_the_same_name() -> None:
    extractor = MetricExtractor()
    assert dict(extractor.extract_candidates("tune[linear]", candidates(linear=0.3)))
    assert dict(extractor.extract_candidates("select", candidates(linear=0.4))) == {
        "validation.log_loss.linear": 0.4
    }


def test_candidates_of_two_selections_do_not_mix() -> None:
    extractor = MetricExtractor()
    assert dict(extractor.extract_candidates("select[price]", candidates(linear=0.3)))
    assert dict(extractor.extract_candidates("select[size]", candidates(linear=0.4))) == {
        "select_size_.validation.log_loss.linear": 0.4
    }


@pytest.mark.parametrize("score", [None, "0.3", float("nan"), float("inf"), True])
def test_a_candidate_without_a_finite_score_is_passed_over(score: Any) -> None:
    assert not dict(MetricExtractor().extract_candidates("select", candidates(linear=score)))
