"""split: the promises of each kind, as properties."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from library.conftest import Run
from library.tables import Person, houses, people, pupils
from magical import Contract, Id, Parts, Target, Time, Weight
from magical.contracts.promises import FOLD, TIME_FOLD, attach_promise, attached_promise, contract_of
from magical.errors import BrokenPromise, ContractError
from magical.library import SplitSettings, model_data, split
from magical.library.folds import find_folds
from magical.settings import to_json

KINDS: list[Any] = ["random", "stratified", "group", "time"]
seeds = st.integers(0, 2**63 - 1)


def parts_of(parts: Parts[Any], by: str = "id") -> dict[Any, tuple[str, int | None]]:
    """The part and the fold of each row."""
    return {
        row[by]: (name, row.get(FOLD, row.get(TIME_FOLD)))
        for name in ("train", "validation", "test")
        for row in getattr(parts, name).to_dicts()
    }


def folded(parts: Parts[Any]) -> pl.DataFrame:
    return pl.concat([parts.train, parts.validation])


def like(table: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    promise = attached_promise(other)
    assert promise is not None
    return attach_promise(table, promise)  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, order=st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_no_row_moves_when_rows_are_shuffled(kind: Any, seed: int, order: Any) -> None:
    table = people()
    rows = list(range(table.height))
    order.shuffle(rows)
    how = SplitSettings(kind=kind, seed=seed)
    assert parts_of(split(like(table[rows], table), how)) == parts_of(split(table, how))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds)
@settings(max_examples=5)
def test_no_row_moves_when_columns_change(kind: Any, seed: int) -> None:
    class Changed(Contract):
        bought: Target[bool]
        family: Any
        joined: Time[date]
        id: Id[int]
        new: float

    table = people()
    other = model_data(table.drop("age", "name").with_columns(new=1.5), Changed)
    if kind == "group":
        other = like(table.with_columns(income=None, city=pl.lit("Rome")), table)
    how = SplitSettings(kind=kind, seed=seed)
    assert parts_of(split(other, how)) == parts_of(split(table, how))


@pytest.mark.parametrize("kind", ["random", "group"])
@given(seed=seeds, kept=st.integers(400, 800))
@settings(max_examples=10)
def test_random_and_group_no_row_moves_when_rows_are_added(kind: Any, seed: int, kept: int) -> None:
    table = people(800)
    how = SplitSettings(kind=kind, seed=seed)
    whole = parts_of(split(table, how))
    fewer = parts_of(split(like(table.head(kept), table), how))
    assert fewer == {row: whole[row] for row in fewer}


@given(seed=seeds, share=st.floats(0.15, 0.5))
@settings(max_examples=10)
def test_another_validation_share_moves_nothing_into_or_out_of_test(seed: int, share: float) -> None:
    table = people(800)
    for kind in ("random", "stratified", "group"):
        one, other = (
            split(table, SplitSettings(kind=kind, validation=v, test=0.3, seed=seed)) for v in (0.2, share)
        )
        assert one.test.equals(other.test)


@pytest.mark.parametrize("kind", ["random", "stratified", "group"])
@given(seed=seeds, other=seeds, test_seed=seeds)
@settings(max_examples=10)
def test_another_seed_moves_nothing_into_or_out_of_test(
    kind: Any, seed: int, other: int, test_seed: int
) -> None:
    table = people(800)
    one, two = (split(table, SplitSettings(kind=kind, seed=s, test_seed=test_seed)) for s in (seed, other))
    assert one.test.equals(two.test)
    assert one.validation.equals(two.validation) is (seed == other)


@pytest.mark.parametrize("kind", ["random", "stratified", "group"])
def test_another_test_seed_cuts_another_test(kind: Any) -> None:
    table = people(800)
    one, two = (split(table, SplitSettings(kind=kind, test_seed=s)) for s in (0, 1))
    assert 0 < two.test.filter(pl.col("id").is_in(one.test["id"].implode())).height < one.test.height / 2


def test_equal_seeds_cut_validation_independently_of_test() -> None:
    """With test cut at 5 %, a validation part that followed its order would hold the next 5 % of the ids."""
    table = people(4000)
    for kind in ("random", "stratified"):
        parts = split(table, SplitSettings(kind=kind, test=0.05, validation=0.05, seed=3, test_seed=3))
        wider = split(table, SplitSettings(kind=kind, test=0.1, validation=0.05, seed=3, test_seed=3))
        moved = wider.test.filter(pl.col("id").is_in(parts.validation["id"].implode())).height
        assert moved < 0.2 * parts.validation.height


def test_a_split_by_time_ignores_both_seeds() -> None:
    table = people()
    one = split(table, SplitSettings(kind="time"))
    assert parts_of(split(table, SplitSettings(kind="time", seed=5, test_seed=9))) == parts_of(one)


@given(seed=seeds)
@settings(max_examples=10)
def test_stratified_sizes_and_shares_are_exact(seed: int) -> None:
    table = pupils()
    parts = split(table, SplitSettings(kind="stratified", seed=seed))
    assert [len(p) for p in parts] == [144, 48, 48]
    whole = table["mark"].value_counts(normalize=True).sort("mark")["proportion"]
    for part in parts:
        share = part["mark"].value_counts(normalize=True).sort("mark")["proportion"]
        assert (share - whole).abs().max() < 0.02  # type: ignore[operator]


@given(seed=seeds)
@settings(max_examples=10)
def test_group_tears_no_group_apart(seed: int) -> None:
    parts = split(people(), SplitSettings(kind="group", seed=seed))
    families = [set(p["family"]) for p in parts]
    assert sum(map(len, families)) == len(set.union(*families))


def test_time_comes_in_order_and_the_cut_is_kept(run: Run) -> None:
    train, validation, test = split(people(), SplitSettings(kind="time"))
    assert train["joined"].max() < validation["joined"].min()  # type: ignore[operator]
    assert validation["joined"].max() < test["joined"].min()  # type: ignore[operator]
    assert run.kept["cut"] == {
        "validation": str(validation["joined"].min()),
        "test": str(test["joined"].min()),
    }


def test_random_shares_are_near(run: Run) -> None:
    train, validation, test = split(
        houses(1000), SplitSettings(kind="random", validation=0.1, test=0.3, seed=3)
    )
    assert abs(len(validation) - 100) < 30
    assert abs(len(test) - 300) < 45
    assert len(train) + len(validation) + len(test) == 1000
    assert run.lines[0].endswith("; 5 folds")
    assert any(line.startswith("split random: train") for line in run.lines)


@pytest.mark.parametrize(
    ("table", "kind"),
    [(people, "group"), (pupils, "stratified"), (houses, "random")],
    ids=["group", "classes", "numbers"],
)
def test_without_a_kind_the_contract_decides(table: Any, kind: Any) -> None:
    assert parts_of(split(table(), SplitSettings())) == parts_of(split(table(), SplitSettings(kind=kind)))


class Plain(Contract):
    x: float
    y: Target[float]


@pytest.mark.parametrize("kind", ["random", None])
def test_without_an_id_a_digest_of_the_row_decides(kind: Any) -> None:
    table = model_data(pl.DataFrame({"x": range(200), "y": [i % 7 for i in range(200)]}), Plain)
    how = SplitSettings(kind=kind, seed=1)
    shuffled = like(table.sample(fraction=1, shuffle=True, seed=5), table)
    assert parts_of(split(shuffled, how), "x") == parts_of(split(table, how), "x")


@pytest.mark.parametrize("kind", ["random", "stratified"])
def test_without_an_id_equal_rows_stay_together(kind: Any) -> None:
    class Row(Contract):
        x: int
        y: Target[bool]

    rows = pl.DataFrame({"x": [i // 3 for i in range(300)], "y": [i // 3 % 2 == 0 for i in range(300)]})
    parts = split(model_data(rows, Row), SplitSettings(kind=kind))
    seen = [set(p["x"]) for p in parts]
    assert sum(map(len, seen)) == len(set.union(*seen))
    assert folded(parts).group_by("x").agg(pl.col(FOLD).n_unique())[FOLD].max() == 1


def test_rows_without_a_target_are_set_apart_and_counted(run: Run) -> None:
    class Row(Contract):
        id: Id[int]
        y: Target[bool | None]

    table = model_data(pl.DataFrame({"id": range(60), "y": [True, False, None] * 20}), Row)
    parts = split(table, SplitSettings())
    assert sum(len(p) for p in parts) == 40
    assert parts.assignment.filter(pl.col("part").is_null())["id"].to_list() == list(range(2, 60, 3))
    assert any("20 rows without y are set apart" in w for w in run.warnings)


def test_copies_on_two_sides_are_told_and_kept(run: Run) -> None:
    class Row(Contract):
        id: Id[int]
        x: int
        y: Target[bool]

    table = model_data(
        pl.DataFrame({"id": range(400), "x": [7] * 100 + list(range(300)), "y": [True, False] * 200}), Row
    )
    split(table, SplitSettings(seed=2))
    overlap = run.kept["overlap"]
    assert set(overlap.columns) == {"id", "part"}
    assert overlap.filter(pl.col("id") < 100).height == overlap.filter(pl.col("id") != 107).height
    assert any("equal to a row of another part but for their id" in w for w in run.warnings)


@pytest.mark.parametrize("kind", KINDS)
def test_folds_are_over_train_and_validation_and_never_over_test(kind: Any) -> None:
    parts = split(people(800), SplitSettings(kind=kind, folds=4))
    name = TIME_FOLD if kind == "time" else FOLD
    assert name not in parts.test.columns
    numbers = parts.assignment.select("part", name)
    assert numbers.filter(pl.col("part") == "test")[name].null_count() == len(parts.test)
    assert folded(parts)[name].null_count() == 0
    assert sorted(numbers[name].drop_nulls().unique()) == list(range(5 if kind == "time" else 4))
    assert len(find_folds(parts.train, parts.validation)) == 4
    if kind != "time":
        assert parts.train[name].n_unique() == parts.validation[name].n_unique() == 4


@pytest.mark.parametrize(
    ("folds", "rows", "made"), [(None, 400, 5), (1, 400, 1), (7, 400, 7), (None, 16_000, 1), (3, 16_000, 3)]
)
def test_tables_of_fewer_than_10_000_rows_get_five_folds_unless_told_otherwise(
    folds: Any, rows: int, made: int
) -> None:
    parts = split(houses(rows), SplitSettings(folds=folds))
    assert (FOLD in parts.train.columns) is (FOLD in parts.assignment.columns) is (made > 1)
    assert len(find_folds(parts.train, parts.validation)) == made


@given(seed=seeds, count=st.integers(2, 9))
@settings(max_examples=10)
def test_each_fold_has_its_quota_of_each_class(seed: int, count: int) -> None:
    rows = folded(split(pupils(), SplitSettings(kind="stratified", seed=seed, folds=count)))
    sizes = rows.group_by("mark", FOLD).len()
    quota = rows.group_by("mark").len("rows")
    off = sizes.join(quota, on="mark").select((pl.col("len") - pl.col("rows") / count).abs())
    assert off.to_series().max() < 1  # type: ignore[operator]
    assert sizes.height == 3 * count


@given(seed=seeds, count=st.integers(2, 9))
@settings(max_examples=10)
def test_a_group_is_in_one_fold(seed: int, count: int) -> None:
    rows = folded(split(people(800), SplitSettings(kind="group", seed=seed, folds=count)))
    assert rows.group_by("family").agg(pl.col(FOLD).n_unique())[FOLD].max() == 1


@given(st.lists(st.integers(0, 40), min_size=60, max_size=120), st.integers(2, 6))
@settings(max_examples=8)
def test_time_folds_are_in_order_and_no_time_is_in_two(days: list[int], count: int) -> None:
    class Visit(Contract):
        id: Id[int]
        day: Time[int]
        y: Target[float]

    table = model_data(pl.DataFrame({"id": range(len(days)), "day": days, "y": days}), Visit)
    try:
        parts = split(table, SplitSettings(kind="time", folds=count))
    except BrokenPromise:
        return
    bounds = (
        folded(parts)
        .group_by(TIME_FOLD)
        .agg(pl.min("day").alias("first"), pl.max("day").alias("last"))
        .sort(TIME_FOLD)
    )
    assert bounds[TIME_FOLD].to_list() == list(range(count + 1))
    assert (bounds["first"][1:] > bounds["last"][:-1]).all()


def test_time_folds_are_of_equal_size_where_times_differ() -> None:
    table = people(400).with_columns(joined=pl.date(2020, 1, 1) + pl.duration(days=pl.int_range(pl.len())))
    rows = folded(split(like(table, people()), SplitSettings(kind="time")))
    assert set(rows[TIME_FOLD].value_counts()["count"]) <= {53, 54}


@pytest.mark.parametrize("kind", ["random", "stratified", "group"])
def test_folds_move_with_seed_and_hardly_with_what_cuts_the_parts(kind: Any) -> None:
    table, base = people(800), {"kind": kind, "seed": 3}

    def moved(**other: Any) -> float:
        one, two = (folded(split(table, SplitSettings(**how))) for how in (base, {**base, **other}))
        both = one.join(two, on="id", suffix="_other")
        return float((both[FOLD] != both[FOLD + "_other"]).mean())  # type: ignore[arg-type]

    assert moved(seed=4) > 0.6
    assert moved(validation=0.3) == 0
    assert moved(test_seed=1) <= (0.1 if kind == "stratified" else 0)


def test_rows_too_few_for_five_folds_get_fewer_and_a_line_says_so(run: Run) -> None:
    class Row(Contract):
        id: Id[int]
        y: Target[bool]

    table = model_data(pl.DataFrame({"id": range(60), "y": [i < 4 for i in range(60)]}), Row)
    parts = split(table, SplitSettings())
    assert len(find_folds(parts.train, parts.validation)) == 3
    assert any(
        line.startswith("3 folds in place of 5: of 5, fold ") and "no row of y True" in line
        for line in run.lines
    )
    with pytest.raises(
        BrokenPromise, match=r"4 folds cannot be had: fold . would have no row of y True"
    ) as caught:
        split(table, SplitSettings(folds=4))
    assert caught.value.hint == "set folds=3, or give more rows."


def test_a_row_without_a_target_is_in_no_fold() -> None:
    class Row(Contract):
        id: Id[int]
        y: Target[bool | None]

    table = model_data(pl.DataFrame({"id": range(60), "y": [True, False, None] * 20}), Row)
    assigned = split(table, SplitSettings()).assignment
    assert assigned[2::3][FOLD].null_count() == 20
    assert assigned.filter(pl.col("part").is_in(["train", "validation"]))[FOLD].null_count() == 0


def test_a_split_of_a_part_has_folds_of_its_own() -> None:
    train = split(people(800), SplitSettings(folds=5)).train
    assert FOLD not in split(train, SplitSettings(seed=8, test_seed=9, folds=1)).train.columns
    assert split(train, SplitSettings(seed=8, test_seed=9, folds=2)).train[FOLD].n_unique() == 2


def test_no_copies_no_word(run: Run) -> None:
    split(people(), SplitSettings(kind="random"))
    assert "overlap" not in run.kept
    assert not [w for w in run.warnings if "equal to a row of another part" in w]


@pytest.mark.parametrize(
    ("table", "how", "said"),
    [
        (houses, {"kind": "stratified"}, ["needs a target of classes", "price is float", "kind='random'"]),
        (houses, {"kind": "group"}, ["needs a column Group[...]", "House has none"]),
        (houses, {"kind": "time"}, ["needs a column Time[...]", "House has none"]),
        (lambda: houses(3), {"test": 0.01, "validation": 0.01}, ["part of the split is empty"]),
        (lambda: like(houses().clear(), houses()), {}, ["part of the split is empty (train 0"]),
        (lambda: houses(9), {"folds": 50}, ["50 folds cannot be had: fold 0 would have no row", "set folds="]),
        (lambda: like(people().with_columns(joined=pl.lit(date(2020, 1, 1)) + pl.duration(days=pl.col("id").clip(0, 2))), people()), {"kind": "time", "folds": 3}, ["3 folds cannot be had"]),
        (lambda: like(people().filter(pl.col("bought")), people()), {}, ["one class only", "True in all"]),
    ],
)  # fmt: skip
def test_what_cannot_be_split_is_said(table: Any, how: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(BrokenPromise) as error:
        split(table(), SplitSettings(**how))
    assert all(words in str(error.value) for words in said), error.value


def test_a_table_without_a_contract_is_refused() -> None:
    with pytest.raises(ContractError):
        split(pl.DataFrame({"x": [1]}), SplitSettings())


@pytest.mark.parametrize(
    "wrong",
    [{"test": 0}, {"test": 1}, {"validation": 1.5}, {"validation": 0.6, "test": 0.5}, {"kind": "magic"}],
)
def test_settings_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SplitSettings(**wrong)


def test_settings_survive_json() -> None:
    how = SplitSettings(kind="time", validation=0.1, test=0.3, seed=5)
    assert SplitSettings.model_validate(to_json(how)) == how


def test_parts_know_their_contract() -> None:
    for part in split(people(), SplitSettings()):
        assert contract_of(part).name == Person.__name__


@pytest.mark.parametrize(("kind", "hint"), [("stratified", "rarer classes"), ("random", "kind='stratified'")])
def test_the_hint_for_one_class_fits_the_kind(kind: str, hint: str) -> None:
    rare = people().with_columns(bought=pl.int_range(pl.len()) == 0)
    with pytest.raises(BrokenPromise, match=r"one class only|is empty") as caught:
        split(like(rare, people()), SplitSettings(kind=kind))
    assert hint in caught.value.hint


@pytest.mark.parametrize(("positives", "said"), [(3, True), (29, True), (30, False)])
def test_a_class_of_hardly_any_rows_is_said_before_the_work(run: Run, positives: int, said: bool) -> None:
    class Fraud(Contract):
        id: Id[int]
        fraud: Target[bool]

    raw = pl.DataFrame({"id": range(300), "fraud": [i < positives for i in range(300)]})
    split(model_data(raw, Fraud), SplitSettings())
    text = f"fraud is True in {positives} of 300 rows: too few to learn from, and any score will have a wide interval."
    assert (text in run.warnings) is said


class Fraud(Contract):
    id: Id[int]
    fraud: Target[str]


CLASSES = {
    "few in test": (
        ["b"] * 100 + ["a"] * 100,
        {"test": 0.1},
        "test has 10 rows of fraud a: any score will have",
    ),
    "extreme imbalance": (
        ["a"] * 60 + ["b"] * 9000,
        {"test": 0.5},
        "fraud is a in 60 of 9,060 rows (0.66%): a model that",
    ),
    "missing from parts": (["a"] + ["b", "c"] * 50, {}, "validation has no row of fraud a."),
    "only in validation": (
        ["a"] + ["b", "c"] * 50,
        {"kind": "random", "seed": 4},
        "train has no row of fraud a, so no model can predict it.",
    ),
    "missing from a fold": (
        ["a"] * 6 + ["b"] * 94,
        {"kind": "random", "seed": 3, "test_seed": 1},
        "fold 4 has no row of fraud a.",
    ),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes_that_cannot_be_learnt_or_judged_are_said_before_the_work(run: Run, case: str) -> None:
    classes, how, said = CLASSES[case]
    table = model_data(pl.DataFrame({"id": range(len(classes)), "fraud": classes}), Fraud)
    split(table, SplitSettings(**how))
    assert [w for w in run.warnings if w.startswith(said)], run.warnings


def test_a_target_of_whole_numbers_is_decided_before_the_split() -> None:
    class Flower(Contract):
        id: Id[int]
        kind: Target[int]

    table = model_data(pl.DataFrame({"id": range(90), "kind": [0, 1, 2] * 30}), Flower)
    with pytest.raises(BrokenPromise, match="kind is Target") as caught:
        split(table, SplitSettings())
    assert "Target[Literal[0, 1, 2]] for classes, or Target[float] for a number" in caught.value.hint


@pytest.mark.parametrize("weight", [0, float("inf")])
def test_weights_that_weigh_nothing_are_refused_before_any_work(weight: float) -> None:
    class Row(Contract):
        y: Target[float]
        worth: Weight[float]

    table = model_data(pl.DataFrame({"y": [0.5, 1.5, 2.5], "worth": 1.0}), Row)
    with pytest.raises(BrokenPromise, match=f"worth add up to {weight},"):
        split(like(table.with_columns(worth=pl.lit(weight, pl.Float64)), table), SplitSettings())


def test_a_number_has_no_rare_class(run: Run) -> None:
    split(houses(), SplitSettings())
    assert not [w for w in run.warnings if "too few to learn from" in w]
