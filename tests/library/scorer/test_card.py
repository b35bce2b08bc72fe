"""The card, the tags and the requirements of a registered model."""

import importlib.metadata
import json
import math
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from magical.contracts.model import Candidate, Model
from magical.contracts.schema import Column, Schema
from magical.library.explaining import Explanation
from magical.library.metrics.scores import Score, Scores
from magical.library.scorer.card import Judgement, Provenance, build_tags, find_requirements, write_card
from magical.library.scorer.promotion_gate import Criterion
from magical.masking import register_secret

AUC = Score(value=0.89123456, low=0.86, high=0.918)
SCORES = Scores(task="binary", target="bought", part="test", rows=1448, metrics={"roc_auc": AUC})
ROW = Schema("Customer", (Column("id", "int", role="id"), Column("age", "int", True, description="in years")))
BEST = Candidate("boosting", 0.26, "log_loss", {"depth": 3, "words": "x" * 90})
MODEL = Model(None, "binary", "bought", Schema("In", (Column("age", "int"),)), chosen=BEST)
BROKEN = Criterion("f1", ">= 0.7", "0.6", False, "f1 0.6 < 0.7 required")
CRITERIA = [Criterion("roc_auc", ">= 0.7", "0.8912", True), Criterion("LEAK002", "passed", "none", None)]


def card(model: Model = MODEL, rows: Schema = ROW, criteria: Any = (), **origin: Any) -> str:
    return write_card(
        model, rows, Judgement(SCORES, tuple(criteria)), Provenance("campaign", "run-1", "k1", **origin)
    )


@pytest.mark.parametrize(
    ("git", "commit"),
    [
        (None, ""),
        ({}, ""),
        ({"commit": "", "dirty": True}, ""),
        ({"commit": "0c1d", "dirty": False}, "0c1d"),
        ({"commit": "0c1d", "dirty": True}, "0c1d (with changes)"),
    ],
)
def test_the_commit_is_marked_if_there_were_changes(git: dict[str, Any] | None, commit: str) -> None:
    assert Provenance("w", "r", "k", git=git).commit == commit


def test_tags_have_the_origin_the_gate_and_each_score() -> None:
    made = build_tags(
        Provenance("campaign", "run-1", "k1", data="d1", git={"commit": "0c1d"}),
        Judgement(SCORES, tuple(CRITERIA)),
    )
    assert made == {
        "magical.workflow": "campaign",
        "magical.run": "run-1",
        "magical.data": "d1",
        "magical.commit": "0c1d",
        "magical.gate": "held",
        "magical.summary": "roc_auc 0.891 (0.860 to 0.918), 1,448 test rows",
        "test.roc_auc": "0.891235",
    }


def test_tags_without_a_text_are_left_out() -> None:
    made = build_tags(Provenance("campaign", "run-1", "k1"), Judgement(SCORES, (BROKEN,)))
    assert not {"magical.data", "magical.commit"} & set(made)
    assert made["magical.gate"] == "not held: f1 0.6 < 0.7 required"


def test_no_secret_is_in_a_tag() -> None:
    register_secret("hunter2-hunter2")
    made = build_tags(Provenance("hunter2-hunter2", "run-1", "k1"), Judgement(SCORES))
    assert made["magical.workflow"] == "***"


def test_the_card_has_a_table_for_each_question() -> None:
    text = card(criteria=iter([*CRITERIA, BROKEN]), data="d1", source="typed_rows", git={"commit": "0c1d"})
    for part in (
        "# campaign: bought by boosting\n",
        "binary; gate not held: f1 0.6 &lt; 0.7 required.",
        "## Scores (1,448 test rows, 95 % intervals)",
        "| roc\\_auc | 0.8912 | 0.86 | 0.918 |",
        "| boosting | log\\_loss | 0.26 | on validation | depth 3, words ",
        "| roc\\_auc | &gt;= 0.7 | 0.8912 | yes |",
        "| LEAK002 | passed | none | not assessed |",
        "| f1 | &gt;= 0.7 | 0.6 | no |",
        "| commit | 0c1d |",
        "| data (typed\\_rows) | d1 |",
        "## A row of Customer",
        "| age |  | int \\| None |  |  | in years |",
        "## Features\n\nage\n",
    ):
        assert part in text


def test_an_ensemble_is_named_with_its_members_their_weights_and_what_failed() -> None:
    both = Candidate("ensemble", 0.25, "log_loss", {"linear": 0.625, "boosting": 0.375}, "out of fold")
    failed = Candidate("forest", math.nan, "log_loss", failure="ValueError: no | table")
    text = card(replace(MODEL, chosen=both, candidates=(BEST, failed)))
    for part in (
        "# campaign: bought by ensemble of linear and boosting\n",
        "| ensemble | log\\_loss | 0.25 | out of fold | linear 0.625, boosting 0.375 |",
        "| boosting | log\\_loss | 0.26 | on validation | depth 3, words ",
        "| forest | log\\_loss |  | failed | ValueError: no \\| table |",
    ):
        assert part in text


def test_a_row_shows_its_names_in_the_source_and_how_it_is_written() -> None:
    price = Column("price", "float", alias="Preis", decimal=",", thousands=".", unit="€")
    text = card(
        rows=Schema("Sale", (price, Column("day", "date", order="day"), Column("at", "date", format="%y")))
    )
    assert "| price | Preis | float |  | decimal ',', thousands '.', unit '€' |  |" in text
    assert "| day |  | date |  | day first |  |" in text
    assert "| at |  | date |  | %y |  |" in text


def test_the_lines_that_score_new_rows_can_be_copied() -> None:
    text = card(name="my sales")
    assert "    magical score --model 'my sales@champion' --input FILE --output FILE\n" in text
    load = "mlflow.pyfunc.load_model('models:/my sales@champion')"
    assert f"    model = {load}\n    predictions = model.predict(rows)\n" in text
    assert text.index("## How to score") < text.index("## A row of")


def test_what_is_not_known_has_no_line() -> None:
    plain = Model(None, "binary", "bought", Schema("In", ()))
    text = card(plain, Schema("Customer", ()))
    assert text.startswith("# campaign: bought by a model\n")
    assert text.endswith("## Features\n\nnone\n")
    assert not any(part in text for part in ("Candidates", "A row of", "| commit", "| data"))


def test_the_card_takes_data_for_data() -> None:
    schema = Schema("Row", (Column("<script>|x", "str", description="a\n# heading `code` [link](x)"),))
    model = Model(None, "binary", "t", schema)
    scores = Scores(
        task="binary", target="t", part="test", rows=9, metrics={"f1": Score(value=1, low=0, high=1)}
    )
    text = write_card(
        model, schema, Judgement(scores), Provenance("w", "r", "k", git={"commit": "abc", "dirty": True})
    )
    assert "<script>" not in text
    assert "&lt;script&gt;\\|x" in text
    assert "\n# heading" not in text
    assert "abc (with changes)" in text


TOPS = {"cloudpickle", "numpy", "pandas", "polars", "pydantic", "scikit-learn", "skops"}


def names(folder: Path) -> set[str]:
    return {line.partition("==")[0] for line in find_requirements(folder)}


def test_an_empty_folder_requires_what_any_scorer_does(tmp_path: Path) -> None:
    first, *rest = find_requirements(tmp_path)
    assert first.startswith("magical-thinking==")
    assert rest == sorted(rest)
    assert names(tmp_path) == TOPS | {"magical-thinking"}
    assert f"polars=={importlib.metadata.version('polars')}" in rest


def test_imports_of_modules_are_required_wherever_they_are(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/helpers.py").write_text("import json, no_such_thing\nfrom hypothesis import strategies")
    assert names(tmp_path) - TOPS == {"magical-thinking", "hypothesis"}


def test_a_pickle_is_read_and_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return exec, ("raise SystemExit",)

    values = [Trap(), OrderedDict(a=Fraction(1, 2)), "hypothesis", "no such module", "polars" * 99]
    (tmp_path / "values.pkl").write_bytes(pickle.dumps(values))
    assert names(tmp_path) - TOPS == {"magical-thinking", "hypothesis"}


def test_the_classes_in_a_skops_file_are_required(tmp_path: Path) -> None:
    schema = {
        "__module__": "sklearn.pipeline",
        "content": [{"__module__": "hypothesis.core"}, 1, {"x": None}],
    }
    with zipfile.ZipFile(tmp_path / "pipeline.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    assert names(tmp_path) - TOPS == {"magical-thinking", "hypothesis"}


def test_few_rows_of_a_class_are_said_beside_the_scores() -> None:
    doubtful = SCORES.model_copy(update={"rarest": 12})
    text = write_card(MODEL, ROW, Judgement(doubtful, tuple(CRITERIA)), Provenance("campaign", "run-1", "k1"))
    _, _, after = text.partition("## Scores")
    scores, _, _ = after.partition("## ")
    assert "Mind: the intervals are wide: 12 of 1,448 test rows are of the rarest class." in scores
    assert "Mind:" not in card()


def test_the_card_and_the_tags_say_what_the_model_uses() -> None:
    scores = {f"<b>{i}": Score(value=0.1 / i, low=0.05 / i, high=0.2 / i) for i in range(1, 13)}
    explanation = Explanation(
        part="validation", rows=300, level="raw", base=0.2, importance=scores, unused=("id", "a|b")
    )
    judgement = Judgement(SCORES, explanation=explanation)
    text = write_card(MODEL, ROW, judgement, Provenance("campaign", "run-1", "k1"))
    assert "## What it uses (300 validation rows)\n" in text
    assert "| columns | log\\_loss gained if shuffled | low | high |" in text
    assert "| &lt;b&gt;1 | 0.1 | 0.05 | 0.2 |" in text
    assert "\nand 2 more.\n" in text
    assert "Does not reach the model: id, a\\|b." in text
    assert "<b>" not in text
    told = build_tags(Provenance("campaign", "run-1", "k1"), judgement)["magical.explanation"]
    assert told == "log_loss 0.2, with shuffled <b>1 0.3, <b>2 0.25, <b>3 0.233; 300 validation rows"


def test_the_card_says_why_a_model_is_not_explained() -> None:
    judgement = Judgement(SCORES, explanation=Explanation(reason="its steps are lost"))
    text = write_card(MODEL, ROW, judgement, Provenance("campaign", "run-1", "k1"))
    assert "\nnot explained: its steps are lost.\n" in text
