"""The hard check: written steps are called with generated rows and validated."""

import os
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from magical.checks.hard import HardCheckResult, _merge_schemas
from magical.contracts.schema import Column, Schema
from magical.errors import Finding
from magical.project.checking import check_project
from projects import one

TOP = """\
    import sys
    from magical import Key, Lazy, Model, Receipt, Secret
    from magical.errors import MagicalError, StepError
    from magical.pandas import Frame as Pandas

    class Shop(Contract):
        id: Id[int]
        size: float | None = Field(ge=0, le=100)

    class Order(Contract):
        id: Id[int]
        shop: Key[Shop]
        amount: float | None = Field(ge=1, le=9)
        count: int = Field(ge=0, le=9)
        answered: Target[bool]

    class Total(Contract):
        id: Id[int]
        total: float = Field(ge=0)

    @step
    def shops() -> Frame[Shop]: ...

    @step
    def orders() -> Frame[Order]: ...

    @step
    def raw() -> Frame: ...

    @step
    def cut(table: Frame[C]) -> Parts[C]: ...

    @step
    def fit(table: Frame[Order]) -> Model: ...
"""


def outcomes(root: Path, body: str, result: str) -> dict[str, HardCheckResult]:
    flow = f"\n@workflow\ndef flow() -> Any:\n    return {result}\n"
    small = one(root, "\n" + body + flow, top=TOP)
    return {o.step: o for o in check_project(small.load().context(), hard=True).outcomes or ()}


def only(root: Path, body: str, result: str = "clean(orders())") -> Finding:
    found = outcomes(root, body, result)["clean"]
    assert (found.state, len(found.findings)) == ("finding", 1), found
    return found.findings[0]


def passes(root: Path, body: str, result: str = "clean(orders())") -> tuple[int, ...]:
    found = outcomes(root, body, result)["clean"]
    assert found.state == "passed", found
    return found.rows


def not_assessed(root: Path, body: str, result: str) -> str:
    found = outcomes(root, body, result)["clean"]
    assert (found.state, found.findings) == ("not assessed", ())
    return found.reason


# --- what passes ------------------------------------------------------------------------------------------------


def test_a_step_that_keeps_its_promise_is_called_on_0_1_and_200_rows(tmp_path: Path) -> None:
    body = """
@step
def clean(table: Frame[Order]) -> Frame[Order]:
    assert table.height in (0, 1, 200)
    nulls = table["amount"].null_count()
    assert nulls == table.height if table.height < 2 else 0 < nulls < 200
    return table.filter(pl.col("count") > 0)
"""
    assert passes(tmp_path, body) == (0, 1, 200)


def test_unwritten_steps_are_not_called(tmp_path: Path) -> None:
    assert outcomes(tmp_path, "", "orders()") == {}


def test_keys_of_the_tables_of_one_step_join(tmp_path: Path) -> None:
    body = """
@step
def clean(orders: Frame[Order], shops: Frame[Shop]) -> Frame[Order]:
    joined = orders.join(shops, left_on="shop", right_on="id", how="inner", suffix="_of_shop")
    assert joined.height == orders.height
    return orders
"""
    assert passes(tmp_path, body, "clean(orders(), shops())") == (0, 1, 200)


def test_rows_of_two_tables_that_come_from_one_join_and_others_do_not(tmp_path: Path) -> None:
    body = """
@step
def totals(orders: Frame[Order]) -> Frame[Total]: ...

@step
def clean(orders: Frame[Order], totals: Frame[Total], others: Frame[Order]) -> float:
    assert orders.join(totals, on="id").height == orders.height
    assert others.height < 2 or not others.equals(orders)
    return 1.0
"""
    flow = "(lambda o: clean(o, totals(o), orders()))(orders())"
    assert passes(tmp_path, body, flow) == (0, 1, 200)


@pytest.mark.parametrize("given", ["orders, visits", "visits, orders"])
def test_what_sums_up_the_rows_that_it_is_joined_to_has_all_their_groups(tmp_path: Path, given: str) -> None:
    body = f"""
class Sale(Contract):
    number: Id[int]
    town: str

class Visits(Contract):
    town: Id[str]
    many: int = Field(ge=1)

@step
def sales() -> Frame[Sale]: ...

@step
def few(orders: Frame[Sale]) -> Frame[Sale]: ...

@step
def count(orders: Frame[Sale]) -> Frame[Visits]: ...

@step
def clean({", ".join(f"{n}: Frame[{'Sale' if n == 'orders' else 'Visits'}]" for n in given.split(", "))}) -> float:
    assert orders.join(visits, on="town", how="left")["many"].null_count() == 0
    return 1.0
"""
    arguments = given.replace("orders", "few(s)").replace("visits", "count(s)")
    assert passes(tmp_path, body, f"(lambda s: clean({arguments}))(sales())") == (0, 1, 200)
    others = given.replace("orders", "few(s)").replace("visits", "count(sales())")
    apart = outcomes(tmp_path, body, f"(lambda s: clean({others}))(sales())")["clean"]
    assert [f.code for f in apart.findings] == ["HARD001"]


@pytest.mark.parametrize("kind", ["Lazy", "Pandas"])
def test_a_step_gets_and_gives_the_kind_of_table_it_asks_for(tmp_path: Path, kind: str) -> None:
    method = "collect" if kind == "Lazy" else "itertuples"
    body = f"""
@step
def clean(table: {kind}[Order]) -> {kind}[Order]:
    assert hasattr(table, "{method}")
    return table
"""
    assert passes(tmp_path, body) == (0, 1, 200)


def test_rules_that_only_this_step_has_are_kept_by_what_it_gets(tmp_path: Path) -> None:
    body = """
class Strict(Contract):
    amount: float = Field(ge=3)
    count: int = Field(le=5)

    @rule
    def fits(cls) -> pl.Expr:
        return pl.col("count") <= pl.col("amount")

@step
def loose() -> Frame[Narrow]: ...

@step
def clean(table: Frame[Strict]) -> Frame[Strict]:
    assert table.height < 2 or table["amount"].min() >= 3
    return table
"""
    narrow = "\nclass Narrow(Contract):\n    amount: float = Field(ge=1, le=9)\n    count: int = Field(ge=0, le=9)\n"
    assert passes(tmp_path, narrow + body, "clean(loose())") == (0, 1, 200)


def test_values_lists_and_tuples_are_made_up_too(tmp_path: Path) -> None:
    body = """
@step
def rate() -> float: ...

@step
def pair() -> tuple[int, str]: ...

@step
def clean(rate: float, one: int, tables: list[Frame[Order]]) -> float:
    assert isinstance(rate, float) and isinstance(one, int) and len(tables) == 2
    return rate
"""
    assert passes(tmp_path, body, "clean(rate(), next(iter(pair())), [orders(), orders()])") == (0, 1, 200)


def test_splits_fits_and_what_takes_a_model_are_called_on_200_rows_only(tmp_path: Path) -> None:
    body = """
@step
def cutting(table: Frame[C]) -> Parts[C]:
    assert table.height == 200
    return partition(table, ["train", "test", "validation", "train"] * 50)

@step
def clean(model: Model, table: Frame[Order]) -> float:
    return float(model.predict(table).height)

@step
def select(models: list[Model], table: Frame[Order]) -> Model:
    assert table.height == 200
    return models[0]
"""
    found = outcomes(
        tmp_path, body, "[cutting(orders()), clean(select([fit(orders())], orders()), orders())]"
    )
    assert {name: (o.state, o.rows) for name, o in found.items()} == dict.fromkeys(
        ("cutting", "clean", "select"), ("passed", (200,))
    )


def test_what_takes_models_and_no_table_gets_models_of_the_tables_before_them(tmp_path: Path) -> None:
    body = """
@step
def select(models: list[Model]) -> Model:
    assert models[0].target == "answered"
    return models[0]

@step
def clean(model: Model) -> Model:
    assert model.target == "answered"
    return model
"""
    found = outcomes(tmp_path, body, "clean(select([fit(orders()), fit(orders())]))")
    assert [(found[n].state, found[n].reason) for n in ("select", "clean")] == [("passed", "")] * 2


def test_a_clear_refusal_of_none_or_one_row_passes(tmp_path: Path) -> None:
    body = """
@step
def clean(table: Frame[Order]) -> float:
    if table.height < 2:
        raise MagicalError("clean wants two rows.", hint="give more.")
    return 1.0
"""
    assert passes(tmp_path, body) == (0, 1, 200)


def test_what_bodies_print_keep_and_tell_reaches_nobody(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    body = """
@step
def clean(table: Frame[Order]) -> float:
    print("printed", flush=True)
    print("told", file=sys.stderr)
    emit("emitted")
    keep("rows", table)
    (scratch() / "left").write_text("x")
    return 1.0
"""
    before = set(os.listdir(tempfile.gettempdir()))
    assert passes(tmp_path, body) == (0, 1, 200)
    assert capfd.readouterr() == ("", "")
    new = {n for n in os.listdir(tempfile.gettempdir()) if n.startswith("magical-")} - before
    assert not [n for n in new if list(Path(tempfile.gettempdir(), n).rglob("left"))]
    assert not (tmp_path / ".magical" / "runs").exists()


# --- what is found ----------------------------------------------------------------------------------------------


def test_a_broken_promise_says_on_how_many_rows_and_which(tmp_path: Path) -> None:
    body = """
@step
def clean(table: Frame[Order]) -> Frame[Total]:
    return table.select("id", total=pl.col("count") - 20.0)
"""
    found = only(tmp_path, body)
    assert (found.code, found.severity, found.step) == ("HARD002", "error", "clean")
    assert found.what.startswith(
        "on 200 generated rows (and on 1) it promised Frame[Total], but 200 of 200 rows break it:\n"
        "  total must be >= 0, got "
    )
    assert "mend it in workflow.py:" in found.hint
    assert "or widen Total (workflow.py:" in found.hint
    assert len(str(found).splitlines()) <= 5


def test_a_null_that_is_allowed_is_tried(tmp_path: Path) -> None:
    body = """
@step
def clean(table: Frame[Order]) -> Frame[Total]:
    return table.select("id", total=pl.col("amount"))
"""
    found = only(tmp_path, body)
    assert found.code == "HARD002"
    assert "total must not be null" in found.what


@pytest.mark.parametrize("kind", ["Lazy", "Pandas"])
def test_lazy_and_pandas_tables_are_held_to_their_promise(tmp_path: Path, kind: str) -> None:
    body = f"""
@step
def clean(table: {kind}[Order]) -> {kind}[Total]:
    return table.rename({{"count": "total"}}) if "{kind}" == "Lazy" else table.rename(columns={{"count": "total"}})
"""
    found = only(tmp_path, body)
    assert found.code == "HARD002"
    assert "total" in found.what


def test_an_error_while_a_lazy_table_is_computed_is_found(tmp_path: Path) -> None:
    body = """
@step
def clean(table: Lazy[Order]) -> Lazy[Order]:
    return table.with_columns(pl.col("count").map_elements(lambda n: 1 // 0, return_dtype=pl.Int64))
"""
    assert only(tmp_path, body).code == "HARD001"


def test_what_is_raised_is_named_with_its_line(tmp_path: Path) -> None:
    body = """
@step
def clean(table: Frame[Order]) -> float:
    return inner(table)

def inner(table):
    return 1 / (table["count"][0] * 0)
"""
    found = only(tmp_path, body)
    assert (found.code, found.severity) == ("HARD001", "error")
    first, second = found.what.splitlines()
    assert first.startswith("on 200 generated rows (and on 0, 1) it raised ZeroDivisionError (workflow.py:")
    assert 'return 1 / (table["count"][0] * 0)' in first
    assert second == "  division by zero"
    assert found.hint.endswith("or promise more of what it takes: bounds, no `| None`.")


@pytest.mark.parametrize(
    ("rows", "words"), [(0, "a table without rows"), (1, "a single row (its nullable columns are null)")]
)
def test_few_rows_have_a_hint_of_their_own(tmp_path: Path, rows: int, words: str) -> None:
    body = f"""
@step
def clean(table: Frame[Order]) -> float:
    if table.height == {rows}:
        raise ValueError("too few")
    return 1.0
"""
    found = only(tmp_path, body)
    assert found.what.startswith(f"on {rows} generated row{'' if rows == 1 else 's'} it raised ValueError")
    assert found.hint.startswith(f"handle {words} in workflow.py:")
    assert found.hint.endswith("or refuse it clearly: raise MagicalError(...).")


def test_a_refusal_of_many_rows_is_found(tmp_path: Path) -> None:
    body = """
@step
def clean(table: Frame[Order]) -> float:
    raise MagicalError("clean wants other rows.", hint="give them.")
"""
    found = only(tmp_path, body)
    assert found.code == "HARD001"
    assert found.what == "on 200 generated rows it refused: clean wants other rows."


@pytest.mark.parametrize(
    "end", ["raise SystemExit(3)", "raise BaseException('x')", "return 'text'", "return None"]
)
def test_whatever_a_body_does_the_other_steps_are_checked(tmp_path: Path, end: str) -> None:
    body = f"""
@step
def clean(table: Frame[Order]) -> float:
    {end}

@step
def after(x: float, table: Frame[Order]) -> float:
    return x
"""
    found = outcomes(tmp_path, body, "after(clean(orders()), orders())")
    assert (found["clean"].state, found["after"].state) == ("finding", "passed")


# --- what is not assessed ---------------------------------------------------------------------------------------

SKIPPED = {
    "facts promises dict[str, float], which does not name its keys": (
        "@step\ndef facts() -> dict[str, float]: ...\n"
        '@step\ndef clean(x: dict[str, float]) -> float: raise AssertionError("called")',
        "clean(facts())",
    ),
    "publish writes to the world": (
        '@step(writes="world")\ndef publish(x: Frame[Order]) -> Receipt: ...\n'
        '@step\ndef clean(x: Receipt) -> float: raise AssertionError("called")',
        "clean(publish(orders()))",
    ),
    "it logs in somewhere": (
        '@step\ndef clean(x: Frame[Order], key: Secret) -> float: raise AssertionError("called")',
        "clean(orders(), Secret('env:KEY'))",
    ),
    "it writes to the world": (
        '@step(writes="world")\ndef clean(x: Frame[Order]) -> Receipt: raise AssertionError("called")',
        "clean(orders())",
    ),
    "it asks the world": (
        '@step(reads="world")\ndef clean(x: Frame[Order]) -> float: raise AssertionError("called")',
        "clean(orders())",
    ),
    "it reads files": (
        '@step\ndef clean(x: Frame[Order], path: InputPath) -> float: raise AssertionError("called")',
        "clean(orders(), InputPath('x.csv'))",
    ),
    "it writes files": (
        '@step\ndef clean(x: Frame[Order], path: list[OutputPath]) -> float: raise AssertionError("called")',
        "clean(orders(), [OutputPath('x.csv')])",
    ),
    "a source takes no rows": (
        '@step\ndef clean() -> Frame[Order]: raise AssertionError("called")',
        "clean()",
    ),
    "it takes a table without columns": (
        '@step\ndef clean(x: Frame) -> float: raise AssertionError("called")',
        "clean(raw())",
    ),
}


@pytest.mark.parametrize("reason", SKIPPED)
def test_what_cannot_be_tried_says_why(tmp_path: Path, reason: str) -> None:
    assert not_assessed(tmp_path, *SKIPPED[reason]) == reason


def test_an_input_that_cannot_be_made_up_says_why(tmp_path: Path) -> None:
    body = """
class Impossible(Contract):
    x: int = Field(ge=5, le=3)

@step
def none() -> Frame[Impossible]: ...

@step
def clean(table: Frame[Impossible]) -> float:
    raise AssertionError("called")
"""
    reason = not_assessed(tmp_path, body, "clean(none())")
    assert "cannot be pretended: " in reason
    assert "Impossible" in reason


def test_the_same_rows_are_made_up_each_time(tmp_path: Path) -> None:
    seen: dict[str, list[Any]] = defaultdict(list)
    body = """
@step
def clean(table: Frame[Order]) -> Frame[Total]:
    return table.select("id", total=-pl.col("count").cast(float) - 0.5)
"""
    for _ in range(2):
        seen["what"].append(only(tmp_path, body).what)
    assert seen["what"][0] == seen["what"][1]
    assert pl  # the projects' own import


def test_of_two_minimal_lengths_the_longer_counts() -> None:
    have = Schema("A", (Column("name", "str", bounds={"min_length": 5, "max_length": 9}),))
    wanted = Schema("B", (Column("name", "str", bounds={"min_length": 2, "max_length": 7}),))
    assert _merge_schemas(have, wanted).columns[0].bounds == {"min_length": 5, "max_length": 7}
