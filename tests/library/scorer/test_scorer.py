"""What is registered gives, for typed rows however they come, what the run gave."""

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from library.served import RAW_STEP, WORKFLOW, Played, forget, play, write
from magical.errors import BrokenPromise, StepError, StoreError
from magical.library.scorer.scorer import Scorer

KEY = "{:0>12}".format


def run_and_rows(played: Played) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the run predicted for the test part, and the typed rows of that part."""
    predicted = played.values["predict"]
    typed = played.values["typed_rows"]
    return predicted.drop("id"), predicted.select("id").join(typed, on="id", maintain_order="left")


def read_back(played: Played, folder: Path, key: str) -> Scorer:
    """Write the scorer, forget the project, and read the scorer."""
    played.scorer().save(folder, key=KEY(key), root=played.root)
    forget(played.root)
    return Scorer.load(folder)


@pytest.fixture
def simple(tmp_path: Path) -> Played:
    return play(write(tmp_path / "project"))


def test_it_gives_what_the_run_gave(simple: Played, tmp_path: Path) -> None:
    wanted, rows = run_and_rows(simple)
    assert rows.null_count().row(0) != (0,) * rows.width
    assert_frame_equal(simple.scorer().predict(rows), wanted, check_exact=True)
    scorer = read_back(simple, tmp_path / "out", "a1")
    assert "workflow" not in sys.modules
    assert_frame_equal(scorer.predict(rows), wanted, check_exact=True)
    assert scorer.score(rows)["reason"].null_count() == rows.height


FORMS = {
    "polars": lambda t: t,
    "polars without the target": lambda t: t.drop("answers"),
    "columns in another order": lambda t: t.select(sorted(t.columns, reverse=True)),
    "more columns": lambda t: t.with_columns(other=pl.lit("x")),
    "narrow types": lambda t: t.with_columns(
        pl.col("children").cast(pl.UInt8), pl.col("born").cast(pl.Int32)
    ),
    "categories": lambda t: t.with_columns(pl.col("education").cast(pl.Categorical)),
    "dictionaries": lambda t: t.to_dicts(),
    "pandas": lambda t: t.to_pandas(),
    "pandas of another index": lambda t: t.to_pandas().set_index(pd.Index(range(5, 5 + t.height))),
    "nullable pandas": lambda t: t.to_pandas().convert_dtypes(),
    "objects": lambda t: pd.DataFrame(t.to_dicts(), dtype=object),
    "dates as texts": lambda t: t.with_columns(pl.col("enrolled").cast(pl.String)),
    "dates as texts in other forms": lambda t: t.with_columns(pl.col("enrolled").dt.strftime("%b %d, %Y")),
    "dates as timestamps": lambda t: t.with_columns(pl.col("enrolled").cast(pl.Datetime("ns"))),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_whatever_the_rows_come_as_the_numbers_are_the_same(
    form: Any, simple: Played, tmp_path: Path
) -> None:
    wanted, rows = run_and_rows(simple)
    assert_frame_equal(simple.scorer().predict(form(rows)), wanted, check_exact=True)


def test_one_row_alone_gives_what_it_gives_among_others(simple: Played) -> None:
    wanted, rows = run_and_rows(simple)
    scorer = simple.scorer()
    alone = pl.concat([scorer.predict(rows[i]) for i in range(0, rows.height, 9)])
    assert_frame_equal(alone, wanted.gather_every(9), rel_tol=1e-12)
    frame = rows.to_pandas()
    one = scorer.predict(pd.DataFrame([frame.iloc[0].to_dict()]))
    assert_frame_equal(one, wanted.head(1), rel_tol=1e-12)


def test_columns_that_may_be_null_may_be_missing(simple: Played) -> None:
    _, rows = run_and_rows(simple)
    scorer = simple.scorer()
    without = rows.with_columns(
        pl.lit(None, dtype=pl.Int64).alias("children"), pl.lit(None).alias("education")
    )
    assert_frame_equal(scorer.predict(rows.drop("children", "education")), scorer.predict(without))
    frame = rows.to_pandas().assign(education=float("nan"))
    assert scorer.predict(frame)["prediction"].null_count() == 0


def test_rows_that_break_the_contract_are_rejected_with_the_reason(simple: Played) -> None:
    wanted, rows = run_and_rows(simple)
    bad = rows.with_columns(
        pl.when(pl.int_range(pl.len()) == 1).then(1500).otherwise("born").alias("born"),
        pl.when(pl.int_range(pl.len()) == 2).then(pl.lit("Abitur")).otherwise("education").alias("education"),
    )
    scored = simple.scorer().score(bad)
    assert scored["reason"][1] == "born must be >= 1890"
    assert "education must be one of" in scored["reason"][2]
    assert scored["prediction"].is_null().sum() == 2
    others = pl.Series([i not in (1, 2) for i in range(rows.height)])
    assert_frame_equal(scored.filter(others).drop("reason"), wanted.filter(others))
    assert simple.scorer().predict(bad[1:3])["prediction"].to_list() == [None, None]


def test_two_rows_may_have_the_same_id(simple: Played) -> None:
    wanted, rows = run_and_rows(simple)
    twice = pl.concat([rows[:3], rows[:3]])
    assert_frame_equal(simple.scorer().predict(twice), pl.concat([wanted[:3], wanted[:3]]))


def test_no_rows_give_no_predictions(simple: Played) -> None:
    wanted, rows = run_and_rows(simple)
    assert_frame_equal(simple.scorer().predict(rows.clear()), wanted.clear())


def test_a_missing_column_is_named(simple: Played) -> None:
    _, rows = run_and_rows(simple)
    with pytest.raises(BrokenPromise, match="A row of Customer promised 7 columns; missing: born"):
        simple.scorer().predict(rows.drop("born"))


def test_a_column_of_a_type_that_has_no_conversion_is_named(simple: Played) -> None:
    _, rows = run_and_rows(simple)
    with pytest.raises(BrokenPromise, match=r"born must be int, and is List\(Int64\)"):
        simple.scorer().predict(rows.with_columns(born=pl.concat_list("born")))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "enrolled must be date (write it as ISO 8601, such as 2024-01-31)"),
        ("03/04/2012", "enrolled must be date (the day or the month may come first; its Format would say)"),
        ("03.04.12", "enrolled must be date (write it as ISO 8601, such as 2024-01-31)"),
    ],
)
def test_a_text_that_is_no_date_or_two_costs_its_row_only(simple: Played, text: str, why: str) -> None:
    wanted, rows = run_and_rows(simple)
    texts = rows["enrolled"].cast(pl.String).to_list()
    texts[1] = text
    scored = simple.scorer().score(rows.with_columns(enrolled=pl.Series(texts)))
    assert scored["reason"].to_list() == [None, why, *[None] * (rows.height - 2)]
    others = pl.Series([i != 1 for i in range(rows.height)])
    assert_frame_equal(scored.drop("reason").filter(others), wanted.filter(others), rel_tol=1e-12)
    assert scored["prediction"][1] is None


def changed(tmp_path: Path, **changes: Any) -> Played:
    return play(write(tmp_path / "project", **changes))


def test_a_row_that_a_step_drops_predicts_null(tmp_path: Path) -> None:
    played = changed(tmp_path, aged="table.filter(pl.col('age') < 80).sort('income')")
    _, rows = run_and_rows(played)
    typed = played.values["typed_rows"]
    mixed = pl.concat([typed.filter(2014 - pl.col("born") >= 80)[:2], rows[:3]])
    scorer = read_back(played, tmp_path / "out", "a2")
    scored = scorer.score(mixed)
    assert scored["prediction"].is_null().to_list() == [True, True, False, False, False]
    assert scored["reason"].to_list() == ["aged left it out"] * 2 + [None] * 3
    assert_frame_equal(scored[2:].drop("reason"), scorer.predict(rows[:3]))
    assert scorer.score(mixed[:2])["prediction"].to_list() == [None, None]


def test_where_a_step_loses_the_row_numbers_the_ids_tell(tmp_path: Path) -> None:
    keeps = "table.select(n for n in Featured.model_fields if n in table.columns).reverse()"
    played = changed(tmp_path, aged=keeps)
    wanted, rows = run_and_rows(played)
    scorer = read_back(played, tmp_path / "out", "a3")
    assert_frame_equal(scorer.predict(rows), wanted)
    with pytest.raises(BrokenPromise, match="aged gives rows that cannot be matched"):
        scorer.predict(pl.concat([rows[:2], rows[:1]]))


def test_what_a_step_aggregates_cannot_be_scored(tmp_path: Path) -> None:
    played = changed(tmp_path, aged="pl.concat([table, table.with_columns(pl.col('id') + 10_000)])")
    _, rows = run_and_rows(played)
    with pytest.raises(BrokenPromise, match="several rows for one"):
        played.scorer().predict(rows)


def test_a_row_for_which_a_step_raises_costs_no_other(tmp_path: Path) -> None:
    raises = "table if table['income'].max() != 4321 else 1 / 0"
    played = changed(tmp_path, aged=raises)
    wanted, rows = run_and_rows(played)
    bad = [3, rows.height - 1]
    place = pl.int_range(pl.len())
    rows = rows.with_columns(income=pl.when(place.is_in(bad)).then(4321).otherwise("income"))
    rows = rows.with_columns(born=pl.when(place == 5).then(1500).otherwise("born"))
    scored = played.scorer().score_rows(rows)
    reason = "raised ZeroDivisionError"
    assert scored.rejects.filter(pl.col("column") == "aged").rows() == [
        (b, "aged", reason, None) for b in bad
    ]
    assert scored.predictions["reason"][3] == f"aged {reason}"
    good = pl.Series(range(rows.height)).filter(~pl.Series(range(rows.height)).is_in([*bad, 5]))
    assert_frame_equal(scored.predictions.drop("reason")[good], wanted[good])
    assert scored.predictions["prediction"].null_count() == 3
    assert played.scorer().score(rows[3])["reason"].to_list() == [f"aged {reason}"]


def test_a_step_that_raises_for_most_rows_fails(tmp_path: Path) -> None:
    played = changed(tmp_path, aged="table if 'answers' in table.columns else 1 / 0")
    _, rows = run_and_rows(played)
    many = pl.concat([rows] * (200 // rows.height + 1)).drop("answers", strict=False)
    with pytest.raises(StepError, match="aged raised ZeroDivisionError while scoring"):
        played.scorer().score(many)


def test_rows_to_be_scored_need_no_weight_and_may_have_one(tmp_path: Path) -> None:
    weighed = WORKFLOW.replace("answers: Target[bool]", "answers: Target[bool]\n    worth: Weight[float]")
    weighed = weighed.replace("Target, Time", "Target, Time, Weight").replace(
        '"answers": rng.random(rows)', '"worth": income - income.min(),\n        "answers": rng.random(rows)'
    )
    played = play(write(tmp_path / "project", workflow=weighed))
    wanted, rows = run_and_rows(played)
    assert "worth" in rows.columns
    scorer = read_back(played, tmp_path / "out", "a1")
    assert "worth" not in scorer.row_schema.names
    for given in (rows, rows.drop("worth", "answers"), rows.with_columns(worth=pl.lit("n/a"))):
        assert_frame_equal(scorer.predict(given), wanted, check_exact=True)


def test_a_step_that_needs_what_is_not_there_says_so(tmp_path: Path) -> None:
    needs = "table.with_columns(pl.col('richness') + pl.col('answers').mean())"
    played = changed(tmp_path, aged=needs)
    _, rows = run_and_rows(played)
    with pytest.raises(
        StepError, match="aged reads answers, the target or weight of the row itself"
    ) as caught:
        played.scorer().predict(rows)
    assert "training_only=True" in caught.value.hint


def test_what_a_step_keeps_while_scoring_is_nobodys(tmp_path: Path) -> None:
    noisy = "(__import__('magical').keep('seen', 1), table)[1]"
    played = changed(tmp_path, aged=noisy)
    wanted, rows = run_and_rows(played)
    assert_frame_equal(played.scorer().predict(rows), wanted)


ESTIMATORS = {
    "forest": ("from sklearn.ensemble import RandomForestClassifier", "RandomForestClassifier(5)", "skops"),
    "boosting": (
        "from lightgbm import LGBMClassifier",
        "LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1)",
        "skops",
    ),
    "own class": ("from sklearn.tree import DecisionTreeClassifier", "DecisionTreeClassifier()", "pkl"),
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_pipelines_are_kept_as_skops_where_they_can_be(name: str, tmp_path: Path) -> None:
    imports, estimator, form = ESTIMATORS[name]
    extra = "helpers.Shift(), " if form == "pkl" else ""
    played = changed(tmp_path, imports=imports, estimator=estimator, extra=extra)
    wanted, rows = run_and_rows(played)
    scorer = read_back(played, tmp_path / "out", name.replace(" ", "")[:6])
    assert [p.suffix for p in (tmp_path / "out").glob("pipeline.*")] == [f".{form}"]
    assert_frame_equal(scorer.predict(rows), wanted, check_exact=True)


def test_two_models_with_different_versions_of_a_module_load_side_by_side(tmp_path: Path) -> None:
    scorers, wanted = [], []
    for number, factor in enumerate((2, 5)):
        root = write(tmp_path / f"project{number}", factor=factor, extra="helpers.Shift(), ")
        played = play(root)
        predictions, rows = run_and_rows(played)
        scorers.append(read_back(played, tmp_path / str(number), f"b{number}"))
        wanted.append(predictions)
    assert not wanted[0].equals(wanted[1])
    for scorer, predictions in zip(scorers, wanted, strict=True):
        assert_frame_equal(scorer.predict(rows), predictions, check_exact=True)
    classes = {type(s.model.pipeline.steps[0][1].transformers_[0][1].steps[1][1]).__module__ for s in scorers}
    assert classes == {f"magical_{KEY(k)}.helpers" for k in ("b0", "b1")}
    assert "helpers" not in sys.modules


def test_arguments_travel_as_json_where_they_can(tmp_path: Path) -> None:
    played = changed(tmp_path, ages="oldest=77")
    read_back(played, tmp_path / "out", "a4")
    data = json.loads((tmp_path / "out" / "scorer.json").read_text())
    assert data["moves"][0]["arguments"] == {"ages": {"today": 2014, "oldest": 77}, "unit": 1.0}
    assert data["moves"][0]["step"] == "workflow:aged"
    assert not (tmp_path / "out" / "values.pkl").exists()


ODD = """
class Curve:
    def __init__(self, power):
        self.power = power


@step
def bent(
    table: Frame[Featured], curve: Curve, limit: float, numbers: list, lookup: InputPath
) -> Frame[Featured]:
    factor = float(Path(lookup).read_text()) * (1 if isinstance(numbers, tuple) else 0)
    return table.with_columns(pl.col("richness") ** curve.power * factor + limit)


@step
def highest(table: Frame[Featured]) -> float:
    return table["born"].max() / 1000


@workflow
def campaign() -> Frame:
    featured = aged(distinct(typed_rows(source(200), Customer)), Ages())
    path = InputPath("lookup.txt", Path(__file__).parent)
    train, validation, test = cut(bent(featured, Curve(2), highest(featured), (1, 2), path))
    return predict(fit(train, validation), test)
"""


def test_other_arguments_travel_as_pickles_and_files_and_values_with_them(tmp_path: Path) -> None:
    root = write(tmp_path / "project", imports="from pathlib import Path\nfrom magical import InputPath")
    (root / "lookup.txt").write_text("0.25")
    with (root / "workflow.py").open("a") as file:
        file.write(ODD)
    played = play(root)
    wanted, rows = run_and_rows(played)
    scorer = read_back(played, tmp_path / "out", "a5")
    (root / "lookup.txt").unlink()
    assert (tmp_path / "out" / "files" / "1-lookup.txt").read_text() == "0.25"
    assert_frame_equal(scorer.predict(rows), wanted, check_exact=True)
    assert type(scorer.chain.steps[1].arguments["curve"]).__module__ == f"magical_{KEY('a5')}.workflow"


@pytest.mark.parametrize("source", ["lookups", "lookups/*.txt"])
def test_the_files_of_a_folder_travel_with_the_model(tmp_path: Path, source: str) -> None:
    imports = "from pathlib import Path\nfrom magical import InputPath\nfrom magical.input_files.local_files import list_local_files"
    root = write(tmp_path / "project", imports=imports)
    (root / "lookups" / "more").mkdir(parents=True)
    (root / "lookups" / "a.txt").write_text("0.25")
    (root / "lookups" / "b.txt").write_text("0.5")
    read = "sum(float(p.read_text()) for p in list_local_files(Path(lookup)).values())"
    odd = ODD.replace("float(Path(lookup).read_text())", read).replace('"lookup.txt"', f'"{source}"')
    with (root / "workflow.py").open("a") as file:
        file.write(odd)
    played = play(root)
    wanted, rows = run_and_rows(played)
    scorer = read_back(played, tmp_path / "out", "a6")
    shutil.rmtree(root / "lookups")
    assert_frame_equal(scorer.predict(rows), wanted, check_exact=True)


def test_a_refused_path_refuses_plainly(simple: Played) -> None:
    scorer = Scorer(simple.scorer().model, simple.scorer().chain, "made from two tables.")
    with pytest.raises(BrokenPromise, match=r"A row alone cannot be scored: made from two tables\."):
        scorer.predict(pl.DataFrame())


def test_a_folder_without_a_scorer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no scorer"):
        Scorer.load(tmp_path)


@pytest.mark.slow
def test_what_is_written_moves_to_another_process(simple: Played, tmp_path: Path) -> None:
    wanted, rows = run_and_rows(simple)
    simple.scorer().save(tmp_path / "out", key=KEY("a6"), root=simple.root)
    rows.write_parquet(tmp_path / "rows.parquet")
    code = (
        "import polars as pl; from magical.library.scorer.scorer import _load_pyfunc\n"
        "rows = pl.read_parquet('rows.parquet')\n"
        "out = _load_pyfunc('out').predict(rows.to_pandas().set_index('id', drop=False))\n"
        "assert out.index.tolist() == rows['id'].to_list()\n"
        "assert out['reason'].tolist() == [None] * len(rows)\n"
        "pl.from_pandas(out).write_parquet('scored.parquet')\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, check=True, timeout=60)
    assert_frame_equal(pl.read_parquet(tmp_path / "scored.parquet").drop("reason"), wanted, check_exact=True)


def test_dates_as_texts_may_be_null(simple: Played) -> None:
    _, rows = run_and_rows(simple)
    scored = simple.scorer().score(rows.head(2).with_columns(enrolled=pl.Series(["2012-03-04", None])))
    assert scored["reason"].to_list() == [None, "enrolled must not be null"]
    assert rows["enrolled"].dtype == pl.Date
    assert rows["enrolled"][0] > dt.date(2011, 1, 1)


def test_texts_with_the_marks_that_the_contract_states_are_numbers(tmp_path: Path) -> None:
    stated = WORKFLOW.replace(
        "income: float | None", 'income: Annotated[float, Decimal(","), Thousands(".")] | None', 1
    )
    imports = "from typing import Annotated\nfrom magical import Decimal, Thousands"
    played = changed(tmp_path, workflow=stated, imports=imports)
    _, rows = run_and_rows(played)
    scorer, two = played.scorer(), rows.head(2)
    wanted = scorer.predict(two.with_columns(income=pl.Series([1498.0, 1.498])))
    texts = pl.Series(["1.498", "1,498"])
    assert_frame_equal(scorer.predict(two.with_columns(income=texts)), wanted)
    for i in range(2):
        assert_frame_equal(scorer.predict(two.with_columns(income=texts)[i]), wanted[i])
    scored = scorer.score(two.with_columns(income=pl.Series(["7", "lots"])))
    assert scored["reason"].to_list() == [None, "income must be float | None"]


def test_texts_of_whole_numbers_and_truth_values_have_one_reading(simple: Played) -> None:
    _, rows = run_and_rows(simple)
    scorer, two = simple.scorer(), rows.head(2)
    texts = [pl.Series("born", ["1961", "1990"]), pl.Series("member", ["ja", "nein"])]
    typed = [pl.Series("born", [1961, 1990]), pl.Series("member", [True, False])]
    assert_frame_equal(scorer.predict(two.with_columns(texts)), scorer.predict(two.with_columns(typed)))
    scored = scorer.score(two.with_columns(member=pl.Series(["ja", "perhaps"])))
    assert scored["reason"].to_list() == [None, "member must be bool | None"]
    scored = scorer.score(two.with_columns(income=pl.Series(["1.498", "2,5"])))
    assert scored["reason"].to_list() == [
        None,
        "income must be float | None (write it as 1.5, or state its marks)",
    ]


def test_rows_that_were_scored_come_with_their_types_and_their_masked_rejects(simple: Played) -> None:
    _, rows = run_and_rows(simple)
    bad = rows.head(3).with_columns(
        born=pl.Series([1500, 1950, 1500]), education=pl.Series(["Abi 2", None, None])
    )
    scored = simple.scorer().score_rows(bad)
    assert scored.typed.height == scored.predictions.height == 3
    assert scored.rejects.drop("rule").rows() == [
        (0, "born", "9999"),
        (0, "education", "xxx 9"),
        (2, "born", "9999"),
    ]
    assert scored.rejects["rule"][2] == "must be >= 1890"
    assert scored.predictions["prediction"].is_null().to_list() == [True, False, True]
    assert scored.predictions["reason"][2] == "born must be >= 1890"


def test_steps_on_raw_rows_are_part_of_the_version(tmp_path: Path) -> None:
    played = play(write(tmp_path / "project", workflow=WORKFLOW + RAW_STEP))
    wanted = played.values["in_cents"]
    scorer = played.saved("c1" * 6, tmp_path / "scorer")
    forget(played.root)
    assert scorer.raw_rows.step == "workflow:source"
    assert scorer.raw_rows.prepare(played.values["source"]).equals(wanted)
