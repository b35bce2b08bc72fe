"""The plan of the columns: which treatment each gets, who wins, and what shares a block."""

import pytest

from features.fitting import Visitor, fit, list_blocks, visitors
from library.conftest import Run
from magical.contracts.contract import schema_of
from magical.features import Bin, Encode, Feature, Impute, PlanContext, Polynomial, Scale, Select, Transformer
from magical.library import model_data
from magical.library.column_plan import plan_blocks, plan_selection
from magical.library.left_out_columns import find_usable_columns
from magical.library.preprocessing import plan_pipeline

TABLE = visitors()
PCA = "sklearn.decomposition:PCA"


def plan(*features: Feature) -> dict[str, list[str]]:
    return list_blocks(plan_pipeline(TABLE, features))


def test_without_features_each_type_has_its_treatment() -> None:
    assert plan() == {
        "numbers": ["income", "age", "kids"],
        "dates": ["born"],
        "truths": ["member"],
        "few": ["city", "grade", "level"],
        "missing": ["income", "age", "member"],
        "missing_dates": ["born"],
    }


def test_a_block_is_named_by_what_is_done_otherwise() -> None:
    found = plan(
        Impute("*", "most_frequent"),
        Scale(["income", "born"], "robust"),
        Encode("city", "count"),
        Encode("kids", "hash"),
        Encode(["grade", "level"], "hash"),
    )
    assert [n for n in found if not n.startswith("missing")] == [
        "numbers_most_frequent_robust",
        "numbers_most_frequent",
        "dates_most_frequent_robust",
        "truths_most_frequent",
        "hash_most_frequent",
        "count_most_frequent",
    ]


@pytest.mark.parametrize(
    ("earlier", "later", "columns"),
    [
        (Impute("type:number", "mean"), Impute("income", "constant", 0), "income"),
        (Scale("*", "robust"), Scale(["income", "age"], "none"), "income, age"),
        (Encode("city", "count"), Encode("city", "hash"), "city"),
        (Encode("city", "count"), Transformer("city", uses="sklearn.preprocessing:OrdinalEncoder"), "city"),
        (Transformer(["income", "age"], uses=PCA), Scale("age", "robust"), "age"),
        (Transformer(["income", "age"], uses=PCA), Transformer("age", uses=PCA), "age"),
    ],
)
def test_of_two_for_one_stage_the_later_wins_with_a_word(
    run: Run, earlier: Feature, later: Feature, columns: str
) -> None:
    plan(earlier, later)
    assert f"{later!r} takes the place of {earlier!r} for {columns}." in run.warnings


@pytest.mark.parametrize(
    "features",
    [
        (Impute("income"), Scale("income"), Bin("income", quantiles=3), Select(k=3)),
        (Impute("income", "mean"), Impute("age", "mean")),
        (Encode("city", "target"), Scale("city", "none"), Transformer("city", PCA, after_scaling=True)),
        (
            Transformer("income", PCA, keep=True),
            Scale("income", "none"),
            Transformer("income", PCA, keep=True),
        ),
    ],
)
def test_other_stages_and_columns_are_no_matter(run: Run, features: tuple[Feature, ...]) -> None:
    plan(*features)
    assert not run.warnings


def test_what_is_left_out_is_left_out_of_features_with_a_word(run: Run) -> None:
    constant = model_data(TABLE.with_columns(kids=1), Visitor)
    found = list_blocks(plan_pipeline(constant, [Scale(["kids", "age"], "robust"), Bin("kids", quantiles=3)]))
    assert found["numbers_robust"] == ["age"]
    assert "bin" not in found
    assert "Bin(columns='kids', quantiles=3) is left out with its columns: kids." in run.warnings


def test_added_columns_come_after_imputation_and_after_scaling_where_they_ask_for_it() -> None:
    fitted = fit(TABLE, Bin("income", quantiles=2), Polynomial(["income", "age"], after_scaling=True))
    products = fitted.out["income_x_age"]
    assert products.to_numpy() == pytest.approx((fitted.out["income"] * fitted.out["age"]).to_numpy())
    bins = [n for n in fitted.out if n.startswith("income_bin")]
    assert (fitted.out[bins].sum(axis=1) == 1).all(), "no gap is left"
    assert f"{TABLE['income'].median():.3g}"[:2] in bins[0], "edges are of the unscaled column"


def test_columns_of_one_treatment_share_a_block_however_it_is_listed() -> None:
    schema = schema_of(Visitor)
    counts = find_usable_columns(TABLE, schema).used
    context = PlanContext("binary", 200)
    alike = [Scale(n, "robust") for n in ("income", "age", "kids")]
    for features in (alike, [Scale(["income", "age", "kids"], "robust")]):
        found = [b for b in plan_blocks(counts, features, schema, context) if b.name.startswith("numbers")]
        assert [(b.name, b.columns) for b in found] == [("numbers_robust", ["income", "age", "kids"])]
    apart = [Impute("income", "nearest"), Impute(["age", "kids"], "nearest")]
    names = [b.name for b in plan_blocks(counts, apart, schema, context)]
    assert names[:2] == ["numbers_nearest", "numbers_nearest_2"], "what is filled from others is apart"
    # One name to search, also of texts and closed sets together.
    blocks = plan_blocks(counts, [Encode(["city", "grade", "level"], "target")], schema, context)
    assert [b.columns for b in blocks if b.name[:6] == "target"] == [["city", "grade", "level"]]
    assert plan_selection(alike, context) == []
