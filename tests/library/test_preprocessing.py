"""transform: which block each feature goes to, what is left out, and what is served with gaps and news."""

import datetime as dt
import hashlib
import pickle
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from features.fitting import Visitor, fit, visitors
from library.conftest import Run
from library.tables import houses, people, pupils
from magical import Contract, Frame, Id, Model, Target, contract_of, step, workflow
from magical import Pipeline as PipelinePromise
from magical.contracts.promises import Promise, attach_promise
from magical.contracts.schema import Schema
from magical.errors import BrokenPromise, MagicalError
from magical.features import (
    Bin,
    Encode,
    Feature,
    Impute,
    Log,
    Polynomial,
    Scale,
    Select,
    Transformer,
    to_epoch_days,
)
from magical.library import featurize, model_data, transform
from magical.library.part_transformer import TransformedParts
from magical.library.pipeline_inputs import find_pipeline_inputs
from magical.library.prediction_task import infer_task, make_examples
from magical.library.preprocessing import plan_pipeline
from magical.library.scorer.code_bundle import list_modules
from magical.library.scorer.model_files import load_model, save_model
from magical.library.training_data import TrainingData
from projects import command, project, python
from scored_shop import WORKFLOW, format_csv, make_rows


def blocks(pipeline: Pipeline) -> dict[str, list[str]]:
    return {name: columns for name, _, columns in pipeline.named_steps["columns"].transformers}


def fitted(table: pl.DataFrame) -> tuple[Pipeline, np.ndarray, Schema]:  # type: ignore[type-arg]
    pipeline = clone(transform(table))
    inputs = find_pipeline_inputs(pipeline, contract_of(table))
    X, y, *_ = make_examples(table, infer_task(table), inputs)
    return pipeline, np.asarray(pipeline.fit_transform(X, y)), inputs


def test_each_feature_goes_to_its_block() -> None:
    assert blocks(transform(people())) == {
        "numbers": ["age", "income"],
        "dates": ["born"],
        "truths": ["member"],
        "few": ["city", "grade"],
        "missing": ["age", "income", "member"],
        "missing_dates": ["born"],
    }


class Berth(Contract):
    id: Id[int]
    pclass: Literal[1, 2, 3] | None
    deck: Literal[tuple(range(100, 140))]  # type: ignore[valid-type]
    rooms: int
    saved: Target[bool]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_literal_of_numbers_is_a_category_whose_values_are_numbers(as_text: bool) -> None:
    raw = pl.DataFrame(
        {
            "id": range(240),
            "pclass": [[1, 2, 3, None][i % 4] for i in range(240)],
            "deck": [100 + i % 40 for i in range(240)],
            "rooms": [i % 5 for i in range(240)],
            "saved": [i % 3 == 0 for i in range(240)],
        }
    )
    table = model_data(raw.with_columns(pl.col("pclass", "deck").cast(pl.String)) if as_text else raw, Berth)
    assert (table["pclass"].dtype, table["deck"].dtype) == (pl.Int64, pl.Int64)
    assert blocks(transform(table)) == {"numbers": ["rooms"], "few": ["pclass"], "many": ["deck"]}
    pipeline, values, inputs = fitted(table)
    assert values.shape[1] == 1 + 4 + 1, "a column for each class and one for none"
    news = model_data(raw.with_columns(pclass=pl.lit(None, pl.Int64)), Berth)
    X = make_examples(news, infer_task(table), inputs).X
    assert np.isfinite(pipeline.transform(X)).all()


def test_what_has_a_role_or_no_contract_is_no_feature() -> None:
    table = people()
    pipeline = transform(table)
    used = {c for columns in blocks(pipeline).values() for c in columns}
    assert not used & {"id", "joined", "family", "bought"}


def test_constants_and_near_unique_texts_are_left_out_with_a_word(run: Run) -> None:
    transform(people())
    assert "left out: constant (one value only), name (300 different texts in 300 rows)" in run.lines


def test_texts_of_many_kinds_are_encoded_by_the_target() -> None:
    assert blocks(transform(pupils(rows=240)))["many"] == ["city"]


def test_it_is_not_fitted() -> None:
    with pytest.raises(NotFittedError):
        check_is_fitted(transform(people()).named_steps["columns"])


@pytest.mark.parametrize("table", [people, pupils, houses])
def test_what_comes_out_are_finite_numbers(table: object) -> None:
    _, values, _ = fitted(table())  # type: ignore[operator]
    assert values.dtype == np.float64
    assert np.isfinite(values).all()


def test_gaps_and_news_are_served() -> None:
    pipeline, _, inputs = fitted(pupils())
    from magical.contracts.model import to_canonical_frame

    rows = pl.DataFrame({"age": [None, 9], "city": ["nowhere", None]})
    assert np.isfinite(pipeline.transform(to_canonical_frame(rows, inputs))).all()
    pipeline, width, inputs = fitted(people())
    strange = pl.DataFrame(
        {
            "age": [None],
            "income": [None],
            "city": ["Paris"],
            "grade": [None],
            "member": [None],
            "born": [None],
        }
    )
    out = np.asarray(pipeline.transform(to_canonical_frame(strange, inputs)))
    assert out.shape == (1, width.shape[1])
    assert np.isfinite(out).all()


def test_what_is_kept_for_the_eye_has_names(run: Run) -> None:
    transform(people())
    shown = run.kept["transformed"]
    assert shown.height == 50
    assert {"age", "age is missing", "city=Rome", "born"} <= set(shown.columns)


class FirstRows:
    """A transformer that loses rows."""

    def fit(self, X: Any, y: Any = None) -> "FirstRows":
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X)[:5]


class Words(FirstRows):
    """A transformer that makes texts."""

    def transform(self, X: Any) -> Any:
        return np.full((len(X), 1), "many", dtype=object)


@pytest.mark.parametrize(
    ("uses", "params", "reason"),
    [
        (FirstRows, {}, "first_rows made an array of shape (5, 1) of 300 rows"),
        (Words, {}, "could not convert string to float: 'many'"),
        ("sklearn.decomposition:PCA", {"n_components": 5}, "n_components=5 must be between 0 and"),
    ],
)
def test_what_cannot_be_fitted_is_said_in_words(uses: Any, params: Any, reason: str, run: Run) -> None:
    with pytest.raises(BrokenPromise) as caught:
        transform(people(), (Transformer("income", uses, params),))
    assert str(caught.value).startswith("the preprocessing cannot be fitted.\n  ValueError: ")
    assert reason in str(caught.value)


def test_a_listed_feature_that_was_not_added_is_warned_of(run: Run) -> None:
    transform(people(), (Log("income"),))
    assert any("train lacks columns that the features add: log_income;" in w for w in run.warnings)


def test_no_feature_at_all_is_refused() -> None:
    class Row(Contract):
        id: Id[int]
        only: str
        y: Target[bool]

    rows = pl.DataFrame({"id": [1, 2], "only": ["a", "a"], "y": [True, False]})
    with pytest.raises(BrokenPromise, match="Row has no feature"):
        transform(model_data(rows, Row))


def test_the_inputs_are_what_the_columns_name_or_else_all_features() -> None:
    table = people()
    schema = contract_of(table)
    assert find_pipeline_inputs(transform(table), schema).names == [
        "age",
        "income",
        "city",
        "grade",
        "member",
        "born",
    ]
    other = Pipeline([("scale", StandardScaler())])
    assert find_pipeline_inputs(other, schema).names == [c.name for c in schema.features]


def test_days_count_from_1970() -> None:
    dates = pd.DataFrame({"a": pd.Series([dt.datetime(1970, 1, 2), None], dtype="datetime64[us]")})
    assert to_epoch_days(dates)["a"].tolist()[0] == 1.0
    assert np.isnan(to_epoch_days(dates)["a"].tolist()[1])


def test_where_each_feature_comes_from_is_kept(run: Run) -> None:
    table = featurize(people(), (Log("income"),))
    transform(table, (Log("income"),))
    rows = run.kept["features"].rows(named=True)
    assert [r["feature"] for r in rows] == run.kept["transformed"].columns
    assert {r["from columns"] for r in rows if "income" in r["feature"]} == {"income"}
    assert run.kept["left_out"]["column"].to_list() == ["constant", "name"]


PCA = "sklearn.decomposition:PCA"
SOME: tuple[Feature, ...] = (
    Impute(["income", "age"], "nearest"),
    Impute("city", "most_frequent"),
    Encode("city", "target"),
    Encode("grade", "ordinal"),
    Encode("level", "count"),
    Encode("comment", "string", width=4),
    Encode("born", "datetime"),
    Scale("income", "quantile"),
    Scale("age", "power"),
    Bin("kids", quantiles=3),
    Polynomial(["income", "age"], after_scaling=True),
    Transformer(["income", "kids"], PCA, keep=True),
    Select(share=0.9, by="mutual_info"),
    Select(by="similar"),
)
OTHERS: tuple[Feature, ...] = (
    Impute(["income", "age"], "iterative"),
    Encode("city", "hash"),
    Encode("grade", "one_hot"),
    Encode("comment", "gap", width=3),
    Scale("income", "robust"),
    Scale("born", "minmax"),
    Transformer(["age", "kids"], PCA, after_scaling=True),
    Select(k=12, by="model"),
)
MINHASH: tuple[Feature, ...] = (Encode("comment", "minhash"), Select(k=15))

pytestmark = pytest.mark.filterwarnings("ignore:Bins whose width are too small")


class Half:
    """A transformer that knows nothing of scikit-learn."""

    def fit(self, X: Any, y: Any = None) -> "Half":
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X) / 2


def transform_parts(fitting: pl.DataFrame, validation: pl.DataFrame, plan: Pipeline) -> TransformedParts:
    """Transform both parts as the steps do that fit an experiment."""
    data = TrainingData.prepare(fitting, validation, plan)
    inputs = find_pipeline_inputs(plan, contract_of(fitting))
    return data.transformer.transform(plan, 0, data.train_fold, lambda: data.read_examples(inputs))


@pytest.fixture(scope="module")
def planned() -> tuple[pl.DataFrame, Pipeline, TransformedParts]:
    """Rows to fit on, the plan for them, and what comes out with the same rows as validation."""
    fitting = visitors(80)
    plan = plan_pipeline(fitting, (*SOME[:-2], Select(share=0.9)))
    return fitting, plan, transform_parts(fitting, fitting, plan)


@pytest.mark.slow
@settings(max_examples=6, phases=[Phase.generate])  # to shrink rows that fit is slow, and tells nothing
@given(
    seed=st.integers(1, 10**6),
    scale=st.sampled_from([1.0, -1e9, float("inf")]),
    emptied=st.sets(st.sampled_from(["age", "comment", "born"])),
    rows=st.integers(1, 40),
)
def test_nothing_fitted_sees_a_row_of_validation(
    planned: tuple[pl.DataFrame, Pipeline, TransformedParts],
    seed: int,
    scale: float,
    emptied: set[str],
    rows: int,
) -> None:
    fitting, plan, expected = planned
    changed = visitors(rows, seed=seed).with_columns(
        pl.col("income") * scale,
        pl.col("city") + str(seed),
        *(pl.lit(None).cast(fitting.schema[n]).alias(n) for n in emptied),
    )
    promise = Promise("table", schema=contract_of(fitting))
    found = transform_parts(fitting, attach_promise(changed, promise), plan)
    assert found.train.X.tobytes() == expected.train.X.tobytes()
    X = make_examples(fitting, infer_task(fitting), find_pipeline_inputs(plan, contract_of(fitting))).X
    assert found.preprocessing.transform(X).tobytes() == expected.validation.X.tobytes()
    assert np.isfinite(found.validation.X).all()


@pytest.mark.slow
@pytest.mark.parametrize("features", [SOME, OTHERS, MINHASH], ids=["some", "others", "minhash"])
def test_what_is_fitted_is_stored_by_skops_and_predicts_the_same(
    features: tuple[Feature, ...], tmp_path: Path
) -> None:
    fitted = fit(visitors(120), *features)
    model = Model(fitted.pipeline, "binary", "bought", fitted.schema, (False, True))
    data = save_model(model, tmp_path)
    assert data["pipeline"] == "pipeline.skops"
    again = load_model(data, tmp_path, pickle.loads).pipeline
    assert again.transform(fitted.X).tobytes() == fitted.pipeline.transform(fitted.X).tobytes()
    assert list(again.get_feature_names_out()) == list(fitted.out)
    single = np.vstack([again.transform(fitted.X.iloc[i : i + 1]) for i in range(5)])
    assert single == pytest.approx(again.transform(fitted.X)[:5], rel=1e-9, abs=1e-12)


def test_a_class_of_the_project_is_stored_by_pickle(tmp_path: Path) -> None:
    fitted = fit(visitors(60), Transformer("kids", uses=Half))
    assert fitted.out["kids"].tolist() == (visitors(60)["kids"] / 2).to_list()
    data = save_model(Model(fitted.pipeline, "binary", "bought", fitted.schema, (False, True)), tmp_path)
    assert data["pipeline"] == "pipeline.pkl"
    again = load_model(data, tmp_path, pickle.loads).pipeline
    assert again.transform(fitted.X).tolist() == fitted.out.to_numpy().tolist()
    assert Half.__module__ in list_modules(fitted.pipeline)


def digest_outputs() -> list[str]:
    """Return the digests of what comes out of Pipelines with all kinds of learned features."""
    outs = (fit(visitors(120), *features).out for features in (SOME, OTHERS, MINHASH))
    return [hashlib.sha256(out.to_numpy().tobytes()).hexdigest() for out in outs]


@pytest.mark.slow
def test_another_process_gives_the_same_bits() -> None:
    text = "from library.test_preprocessing import digest_outputs; print(*digest_outputs())"
    done = python("-c", text, PYTHONHASHSEED="1", PYTHONPATH=str(Path(__file__).parents[1]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == digest_outputs()


@step
def load(rows: int) -> Frame[Visitor]:
    return visitors(rows)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (Scale("incom"), "reads incom, which Visitor does not have"),
        (Impute("city"), "reads city, which must be"),
        (Transformer("income", uses="sklearn.decomposition:PCAA"), "There is no class"),
        (Bin("city", quantiles=3), "reads city, which must be"),
    ],
)
def test_what_a_learned_feature_names_is_checked_while_drawing(feature: Feature, words: str) -> None:
    @workflow
    def flow() -> PipelinePromise:
        return transform(load(60), (feature,))

    with pytest.raises(MagicalError) as caught:
        flow.draw()
    assert words in str(caught.value)


def change(table: pl.DataFrame, **values: Any) -> pl.DataFrame:
    """Change columns of a table, or its rows, in a way that its contract allows."""
    columns = {n: pl.lit(v).cast(table.schema[n]) if v is None else v for n, v in values.items()}
    return attach_promise(table.with_columns(**columns), Promise("table", schema=contract_of(table)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), 1e300])
def test_infinite_numbers_are_warned_of_and_imputed(run: Run, number: float) -> None:
    table = visitors(60)
    endless = change(table, income=pl.when(pl.col("id") < 3).then(number).otherwise("income"))
    transform(endless)
    assert "infinite numbers count as missing: income (3)" in run.warnings
    assert np.isfinite(fit(endless).out.to_numpy()).all()


ANY_TABLE: tuple[Feature, ...] = (
    Impute(["income", "age", "member"], "nearest"),
    Impute("city", "most_frequent"),
    Encode("city", "target"),
    Encode("level", "count"),
    Encode("comment", "string", width=4),
    Encode("born", "datetime"),
    Scale("income", "quantile"),
    Scale("age", "power"),
    Bin("kids", quantiles=3),
    Polynomial(["income", "age"], after_scaling=True),
    Select(k=8),
)
FIRST = pl.when(pl.col("id") == 0)
ODD_TABLES: dict[str, dict[str, Any]] = {
    "more columns than rows": {},
    "all null": dict.fromkeys(("income", "age", "member", "city", "comment", "born")),
    "one value and nulls": {n: FIRST.then(n) for n in ("income", "age", "member", "city", "comment", "born")},
    "constants": {"kids": pl.lit(3), "level": pl.lit(2), "income": pl.lit(1.5), "city": pl.lit("Rome")},
    "huge numbers": {"income": pl.col("income") * 1e306, "age": pl.col("age") * 10**16},
    "tiny numbers": {"income": pl.col("income") * 1e-300},
    "long texts": {n: pl.col(n).repeat_by(900).list.join(" ") for n in ("comment", "city")},
    "odd texts": {"comment": pl.lit("\0 \U0001f600"), "city": pl.Series(["", " ", "a"] * 20)},
}


@pytest.mark.filterwarnings("ignore")  # notes of scikit-learn on few rows and wide tables, which tune logs
@pytest.mark.slow_except("more columns than rows")
@pytest.mark.parametrize("case", ODD_TABLES)
def test_odd_tables_are_fitted_and_served(case: str) -> None:
    table = visitors(60)
    if case == "more columns than rows":
        rows = pl.concat([table.filter(pl.col("bought") == b).head(2) for b in (True, False)])
        table = attach_promise(rows, Promise("table", schema=contract_of(table)))
    fitted = fit(change(table, **ODD_TABLES[case]), *ANY_TABLE)
    assert np.isfinite(fitted.out.to_numpy()).all()
    assert np.isfinite(fitted.serve(fitted.X.iloc[:1]).to_numpy()).all()


FITTED_SHOP = WORKFLOW.replace(
    "most_kids: int = 9", "most_kids: int = 9\n    features: tuple[Feature, ...] = ()"
)
FITTED_SHOP = FITTED_SHOP.replace("transform(fitting)", "transform(fitting, s.features)")
FITTED_SHOP = FITTED_SHOP.replace(
    "from magical.library", "from magical.features import Feature\nfrom magical.library", 1
)
FEATURES = """
[[features]]
kind = "impute"
columns = "income"
how = "nearest"

[[features]]
kind = "encode"
columns = "town"
how = "target"

[[features]]
kind = "transformer"
columns = ["income", "kids"]
uses = "scalers:Halves"
params = { by = 4 }

[[features]]
kind = "select"
k = 3
"""
SCALERS = """
import numpy as np


class Halves:
    def __init__(self, by=2):
        self.by = by

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X) / self.by
"""


@pytest.mark.slow
def test_learned_features_of_settings_go_with_the_registered_model(tmp_path: Path) -> None:
    small = project(
        tmp_path / "shop",
        {
            "workflow.py": FITTED_SHOP,
            "settings.toml": FEATURES,
            "scalers.py": SCALERS,
            "customers.csv": format_csv(make_rows(200), target=True),
        },
    )
    before = list(sys.meta_path), list(sys.path)
    done = small.command("run", "policy.workers=1")
    assert done.code == 0, done.err
    assert "shop version 1, alias champion" in done.out
    small.write("scalers.py", SCALERS.replace("np.asarray(X) /", "np.asarray(X) * 3 /"))
    assert "▶ transform   to run" in small.command("plan").out, "its code is in the key"
    sys.meta_path[:], sys.path[:] = before
    for name in ("workflow", "scalers"):
        sys.modules.pop(name, None)
    for name in ("workflow.py", "scalers.py"):
        small.write(name, "raise RuntimeError('the project was imported')\n")
    (tmp_path / "new.csv").write_text(format_csv(make_rows(50, first=1000)))
    files = ("--input", str(tmp_path / "new.csv"), "--output", str(tmp_path / "out.csv"))
    scored = command("score", "--model", "shop", *files, "--project", str(small.root))
    assert scored.code == 0, scored.err
    assert pl.read_csv(tmp_path / "out.csv").height == 50
