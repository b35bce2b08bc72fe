"""Keys on real data: every key is an id of its parent, or the contract says how many may not be."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import pytest

from library.conftest import Run
from magical import Contract, Id, Key, Orphans
from magical.errors import BrokenPromise, ContractError, WiringError
from magical.library import model_data
from magical.scoring_path import derive_scoring_path
from projects import IMPORTS, NO_TRACKING, Small, project
from snapshots import check


class Customer(Contract):
    id: Id[int]


class Order(Contract):
    id: Id[int]
    customer: Key[Customer]


class Tolerant(Contract):
    id: Id[int]
    customer: Annotated[Key[Customer], Orphans(0.25)]


class Transfer(Contract):
    sender: Key[Customer]
    receiver: Key[Customer] | None


class Visit(Contract):
    shop: Id[str]
    day: Id[date]


class Sale(Contract):
    visit_day: Key[Visit]
    visit_shop: Key[Visit]
    amount: float


class Employee(Contract):
    id: Id[int]
    manager: Key["Employee"] | None


CUSTOMERS = model_data(pl.DataFrame({"id": ["1", "2", "3"]}), Customer)


def orders(*customers: Any) -> pl.DataFrame:
    return pl.DataFrame({"id": [str(i) for i in range(len(customers))], "customer": list(customers)})


def test_keys_that_match_pass(run: Run) -> None:
    table = model_data(orders("3", "1", "1"), Order, CUSTOMERS)
    assert table.rows() == [(0, 3), (1, 1), (2, 1)]
    assert run.kept == {}
    assert run.events == []


def test_orphans_are_an_error_with_examples() -> None:
    with pytest.raises(BrokenPromise) as error:
        model_data(orders("3", "9", "1", "8", "9"), Order, CUSTOMERS)
    check("keys", "orphans", _without_lines(error))


def test_without_the_parent_no_key_is_matched() -> None:
    assert model_data(orders("9"), Order)["customer"].to_list() == [9]


def test_orphans_that_the_contract_allows_are_said_and_kept(run: Run) -> None:
    table = model_data(orders("1", "2", "3", "9"), Tolerant, CUSTOMERS)
    assert table["customer"].to_list() == [1, 2, 3, 9]
    assert run.warnings == [
        "1 of 4 rows are orphans (allowed): customer must be an id of Customer, got 9 (row 3)"
    ]
    assert run.kept["orphans"].to_dicts() == [
        {"key": "customer", "parent": "Customer", "value": "9", "count": 1, "first_row": 3}
    ]
    with pytest.raises(BrokenPromise, match="2 of 4 rows refer to no Customer"):
        model_data(orders("1", "2", "8", "9"), Tolerant, CUSTOMERS)


def test_each_of_two_keys_to_one_parent_is_matched() -> None:
    raw = pl.DataFrame({"sender": ["1", "2"], "receiver": ["2", None]})
    assert model_data(raw, Transfer, CUSTOMERS).height == 2
    with pytest.raises(BrokenPromise, match=r"receiver must be an id of Customer, got 7 \(row 1\)"):
        model_data(raw.with_columns(receiver=pl.Series(["2", "7"])), Transfer, CUSTOMERS)


def test_a_composite_key_is_typed_and_matched_as_one() -> None:
    visits = model_data(pl.DataFrame({"shop": ["a", "b"], "day": ["2014-06-29", "2014-06-30"]}), Visit)
    raw = pl.DataFrame(
        {"visit_day": ["2014-06-29", "2014-06-30"], "visit_shop": ["a", "b"], "amount": ["1", "2"]}
    )
    sales = model_data(raw, Sale, visits)
    assert sales.schema["visit_day"] == pl.Date
    crossed = raw.with_columns(pl.col("visit_shop").reverse())
    with pytest.raises(BrokenPromise) as error:
        model_data(crossed, Sale, visits)
    check("keys", "composite orphans", _without_lines(error))


def test_a_key_to_its_own_contract_is_matched_with_the_table_itself() -> None:
    staff = pl.DataFrame({"id": ["1", "2"], "manager": [None, "1"]})
    assert model_data(staff, Employee)["manager"].to_list() == [None, 1]
    with pytest.raises(BrokenPromise, match="manager must be an id of Employee, got 5"):
        model_data(staff.with_columns(manager=pl.Series([None, "5"])), Employee)


def test_an_integer_of_another_width_is_the_same_id() -> None:
    narrow = CUSTOMERS.with_columns(pl.col("id").cast(pl.Int16))
    narrow.__dict__.update(CUSTOMERS.__dict__)  # as a step of the author's gives it, with its contract
    assert model_data(orders("3"), Order, narrow).height == 1


def test_a_share_of_orphans_is_between_0_and_1() -> None:
    with pytest.raises(ContractError, match=r"Orphans\(2\) is no share of rows"):
        Orphans(2)


def test_only_a_key_has_orphans() -> None:
    class Row(Contract):
        x: Annotated[int, Orphans(0.5)]

    with pytest.raises(ContractError, match=r"Row\.x allows orphans, and is no key"):
        model_data(pl.DataFrame({"x": [1]}), Row)


def test_many_orphans_are_kept_as_the_ids_that_are_missing(run: Run) -> None:
    class Free(Contract):
        customer: Annotated[Key[Customer], Orphans(1)]

    model_data(pl.DataFrame({"customer": ["9", "8", "8", "1"]}), Free, CUSTOMERS)
    assert run.kept["orphans"].select("value", "count").rows() == [("8", 2), ("9", 1)]


@pytest.mark.parametrize(
    ("name", "parents"),
    [
        ("a parent that no key refers to", ["Visit"]),
        ("a parent given twice", ["Customer", "Customer"]),
        ("a parent without an id", ["Order"]),
    ],
)
def test_parents_that_cannot_be_meant_are_refused_when_drawn(name: str, parents: list[str]) -> None:
    class Bare(Contract):
        x: int

    tables = {
        "Customer": CUSTOMERS,
        "Visit": model_data(pl.DataFrame({"shop": ["a"], "day": ["2014-06-29"]}), Visit),
        "Order": model_data(pl.DataFrame({"x": ["1"]}), Bare),
    }
    with pytest.raises(WiringError) as error:
        model_data(orders("1"), Order, *(tables[p] for p in parents))
    check("keys", name, _without_lines(error))


def _without_lines(error: pytest.ExceptionInfo[Any]) -> str:
    import re

    return re.sub(r"\.py:\d+", ".py:LINE", str(error.value))


# --- In a project --------------------------------------------------------------------------------------------

FLOW = (
    IMPORTS
    + """
from typing import Annotated

from magical import Key, Orphans
from magical.library import ingest, model_data


class Customer(Contract):
    id: Id[int]
    country: str


class Order(Contract):
    id: Id[int]
    customer: Key[Customer]
    amount: float


class FlowSettings(Settings):
    customers: InputPath = InputPath("customers.csv")
    orders: InputPath = InputPath("orders.csv")
    max_uncastable: float = 0.05


@step
def total(orders: Frame[Order], customers: Frame[Customer]) -> float:
    return float(orders.join(customers, left_on="customer", right_on="id")["amount"].sum())


@workflow
def flow(s: FlowSettings) -> float:
    customers = model_data(ingest(s.customers), Customer)
    orders = model_data(ingest(s.orders), Order, customers, max_uncastable=s.max_uncastable)
    return total(orders, customers)
"""
)
FILES = {
    "workflow.py": FLOW,
    "customers.csv": "id,country\n1,FR\n2,DE\n",
    "orders.csv": "id,customer,amount\n1,1,2.5\n2,2,4\n3,1,1\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Small:
    return project(tmp_path, FILES)


@pytest.mark.slow
def test_keys_are_matched_in_a_run_and_a_new_customer_renews_the_orders(shop: Small) -> None:
    assert shop.command("run").code == 0
    shop.write("orders.csv", FILES["orders.csv"] + "4,3,1\n")
    answer = shop.command("run")
    assert answer.code == 1
    assert "model_data" in answer.err + answer.out
    assert "1 of 4 rows refer to no Customer" in answer.err + answer.out
    shop.write("customers.csv", FILES["customers.csv"] + "3,IT\n")
    answer = shop.command("run", "--json")
    assert answer.json["state"] == "done", answer
    assert answer.json["errors"] == {}


def test_allowed_orphans_are_kept_with_the_run(shop: Small) -> None:
    shop.edit("workflow.py", "customer: Key[Customer]", "customer: Annotated[Key[Customer], Orphans(0.5)]")
    shop.write("orders.csv", FILES["orders.csv"] + "4,3,1\n")
    answer = shop.command("run")
    assert answer.code == 0, answer
    assert "1 of 4 rows are orphans (allowed)" in answer.err
    assert "orphans" in shop.command("inspect", "model_data[2]").out


@pytest.mark.slow
def test_the_share_of_nulls_is_a_setting_of_the_project(shop: Small) -> None:
    shop.edit("workflow.py", "amount: float", "amount: float | None")
    shop.write(
        "orders.csv", "id,customer,amount\n" + "".join(f"{i},1,{'lots' if i < 4 else i}\n" for i in range(20))
    )
    assert "4 of 20 values of amount cannot be read" in shop.command("run").out
    answer = shop.command("run", "max_uncastable=0.2")
    assert answer.code == 0, answer
    assert "4 values are null now" in answer.err


@pytest.mark.parametrize("words", ["pretend", "pretend --all", "check", "check --hard", "plan", "show"])
def test_other_verbs_work_with_a_parent(shop: Small, words: str) -> None:
    answer = shop.command(*words.split())
    assert answer.code == 0, answer


def test_pretended_orders_have_rows_of_their_own(shop: Small) -> None:
    run = shop.load().pretend()
    orders, customers = run["orders"], run["customers"]
    assert orders.height > 1
    assert orders.join(customers, left_on="customer", right_on="id", how="anti").is_empty()
    assert orders["customer"].to_list() != orders["id"].to_list()


def test_a_parent_that_is_pretended_matches_nothing_and_that_is_said(shop: Small) -> None:
    shop.edit(
        "workflow.py",
        "@workflow",
        '@step\ndef known(raw: Frame) -> Frame[Customer]:\n    """Find them."""\n    ...\n\n\n@workflow',
    )
    shop.edit("workflow.py", "model_data(ingest(s.customers), Customer)", "known(ingest(s.customers))")
    shop.write("orders.csv", "id,customer,amount\n1,100001,2.5\n2,100002,4\n")
    answer = shop.command("run")
    assert answer.code == 0, answer
    assert "2 of 2 rows are orphans (not enforced" in answer.err


@pytest.mark.parametrize(
    ("hint", "body"),
    [("Lazy[Customer]", "customers.lazy()"), ("pandas.Frame[Customer]", "customers.to_pandas()")],
)
def test_a_parent_may_be_of_another_kind(shop: Small, hint: str, body: str) -> None:
    clean = f"@step\ndef clean(customers: Frame[Customer]) -> {hint}:\n    return {body}\n\n\n@workflow"
    shop.edit("workflow.py", "@workflow", clean)
    shop.edit("workflow.py", "import Key, Orphans", "import Key, Lazy, Orphans, pandas")
    shop.edit("workflow.py", "Order, customers,", "Order, clean(customers),")
    assert shop.command("run").code == 0
    shop.write("orders.csv", FILES["orders.csv"] + "4,3,1\n")
    assert "1 of 4 rows refer to no Customer" in shop.command("run").out


@pytest.mark.slow
def test_a_step_with_a_timeout_matches_keys_in_its_own_process(shop: Small) -> None:
    shop.write("settings.toml", NO_TRACKING + "[policy.steps.model_data]\ntimeout = 60\n")
    shop.write("orders.csv", FILES["orders.csv"] + "4,3,1\n")
    answer = shop.command("run")
    assert "1 of 4 rows refer to no Customer" in answer.out, answer


def test_a_sample_matches_nothing_either(shop: Small) -> None:
    shop.write("orders.csv", "id,customer,amount\n1,2,2.5\n2,2,4\n")
    answer = shop.command("run", "--sample", "1")
    assert answer.code == 0, answer


def test_a_parent_without_a_key_is_found_by_check(shop: Small) -> None:
    shop.edit("workflow.py", "customer: Key[Customer]", "customer: int")
    answer = shop.command("check")
    assert answer.code == 1
    assert "no key of Order refers to Customer" in answer.out + answer.err


SCORED = (
    FLOW.replace("from magical.library import ingest, model_data", "from magical.library import *")
    .replace("amount: float", "amount: float\n    late: Target[bool]")
    .replace(
        "    return total(orders, customers)",
        "    train_rows, validation, test = split(orders, SplitSettings(folds=1))\n"
        "    model = train(train_rows, validation, transform(train_rows, ()), linear(trials=1))\n"
        "    scores = evaluate(predict(model, test), test)\n"
        "    return register(model, scores, RegisterSettings())",
    )
)


def test_a_row_to_be_scored_needs_no_parent(tmp_path: Path) -> None:
    small = project(tmp_path, {**FILES, "workflow.py": SCORED})
    path = derive_scoring_path(small.load().graph(), "register")
    assert path.refusal == ""
    assert path.source.node == "model_data[2]"
    assert path.typed.names == ["id", "customer", "amount"]


class Folder(Contract):
    id: Id[int]
    above: "Key[Folder] | None"


def test_a_key_to_its_own_table_may_be_written_as_a_text() -> None:
    """So all hints are where a module begins with ``from __future__ import annotations``."""
    raw = pl.DataFrame({"id": ["1", "2"], "above": [None, "7"]})
    with pytest.raises(BrokenPromise, match="above must be an id of Folder, got 7"):
        model_data(raw, Folder)
