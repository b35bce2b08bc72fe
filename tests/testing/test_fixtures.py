"""The fixture `pretended`: tables, models and values generated from contracts and type hints."""

import builtins
import sys
from datetime import date
from typing import Any

import polars as pl
import pytest

import magical.pandas
from magical import Contract, Field, Frame, Id, Key, Lazy, Model, Parts, Target, Time, contract_of, step
from magical.contracts.contract import schema_of
from magical.contracts.validation import find_failures
from magical.errors import ContractError, UnwrittenStep, UsageError
from magical.library import Scores
from magical.testing import Pretend
from projects import is_well_worded


class Customer(Contract):
    id: Id[int]
    age: int = Field(ge=18, le=99)
    income: float | None = Field(ge=0)
    answers: Target[bool]


class Order(Contract):
    number: Id[int]
    customer: Key[Customer]
    ordered: Time[date]


class Shopper(Customer):
    orders: int = Field(ge=0)


@step
def names(customers: Frame[Customer]) -> list[str]:
    return contract_of(customers).names


def test_a_contract_gives_a_table_that_keeps_it(pretended: Pretend) -> None:
    customers = pretended(Customer, rows=50)
    assert (customers.height, customers.columns) == (50, ["id", "age", "income", "answers"])
    assert customers["age"].is_between(18, 99).all()
    assert pretended(Order).height == 1000


def test_a_step_that_is_given_it_knows_its_contract(pretended: Pretend) -> None:
    assert names(pretended(Customer, rows=3)) == ["id", "age", "income", "answers"]
    assert contract_of(pretended(Parts[Customer], rows=40).test).target == "answers"


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_it_gives_as_many_rows_as_asked_for(pretended: Pretend, rows: int) -> None:
    assert pretended(Customer, rows=rows).height == rows


def test_the_same_test_sees_the_same_and_another_test_another() -> None:
    first, again, other = (Pretend(name)(Customer, rows=50) for name in ("test_a", "test_a", "test_b"))
    assert first.equals(again)
    assert not first.equals(other)


def test_a_second_call_draws_anew_and_a_seed_gives_another_draw(pretended: Pretend) -> None:
    tables = [pretended(Customer, rows=50), pretended(Customer, rows=50)]
    tables += [pretended(Customer, rows=50, seed=seed) for seed in ("a", "b", "a")]
    same = [(i, j) for i in range(5) for j in range(i) if tables[i].equals(tables[j])]
    assert same == [(4, 2)]


def test_tables_of_one_test_join(pretended: Pretend) -> None:
    customers = pretended(Customer, rows=5)
    orders = pretended(Order, rows=300)
    assert set(orders["customer"]) == set(customers["id"])
    assert orders.join(customers, left_on="customer", right_on="id").height == 300


def test_keys_are_those_of_the_table_made_up_last_whatever_its_form(pretended: Pretend) -> None:
    pretended(Customer, rows=500)
    parts = pretended(Parts[Customer], rows=40)
    ids = {*parts.train["id"], *parts.validation["id"], *parts.test["id"]}
    assert set(pretended(Order, rows=300)["customer"]) <= ids


def test_like_a_table_it_carries_columns_over(pretended: Pretend) -> None:
    customers = pretended(Customer, rows=20)
    shoppers = pretended(Shopper, like=customers)
    assert shoppers.select(customers.columns).equals(customers)
    assert pretended(Shopper, like=[pretended(Order, rows=9), customers])["age"].equals(customers["age"])


def test_like_a_table_that_promises_nothing_its_columns_count(pretended: Pretend) -> None:
    plain = pl.DataFrame({"id": [7, 8, 9], "age": [20, 30, 40], "more": ["a", "b", "c"]})
    shoppers = pretended(Shopper, like=plain)
    assert shoppers.select("id", "age").equals(plain.select("id", "age"))


def test_nulls_are_where_they_may_be_and_as_many_as_asked_for(pretended: Pretend) -> None:
    assert pretended(Customer, rows=200, nulls=0.0).null_count().sum_horizontal().item() == 0
    assert pretended(Customer, rows=200, nulls=1.0).null_count().row(0) == (0, 0, 200, 0)
    assert 50 < pretended(Customer, rows=200, nulls=0.5)["income"].null_count() < 150


@pytest.mark.parametrize(
    ("hint", "kind"),
    [(Frame[Customer], pl.DataFrame), (Lazy[Customer], pl.LazyFrame), (float, float), (int, int), (str, str),
     (bool, bool), (Scores, Scores), (list[float], list), (tuple[int, str], tuple)],
    ids=str,
)  # fmt: skip
def test_a_hint_gives_what_it_says(pretended: Pretend, hint: Any, kind: type) -> None:
    assert isinstance(pretended(hint), kind)


def test_pandas_is_given_where_it_is_promised(pretended: Pretend) -> None:
    table = pretended(magical.pandas.Frame[Customer], rows=4)
    assert (type(table).__module__.split(".")[0], table.shape) == ("pandas", (4, 4))


def test_a_model_predicts_in_the_test_and_nowhere_else(pretended: Pretend) -> None:
    customers = pretended(Customer, rows=30)
    model = pretended(Model, like=customers)
    assert model.predict(customers)["prediction"].dtype == pl.Boolean
    assert model.classes == (False, True)
    one, two = pretended(tuple[Model, Model], like=customers)
    assert not one.predict(customers).equals(two.predict(customers))


def test_out_of_a_test_a_pretended_model_refuses() -> None:
    pretend = Pretend("no fixture")
    customers = pretend(Customer, rows=30)
    with pytest.raises(UnwrittenStep, match="outside a pretending run"):
        pretend(Model, like=customers).predict(customers)


@pytest.mark.parametrize("promise", [3, "Customer", None, object()], ids=["number", "text", "none", "object"])
def test_what_is_no_promise_is_said(pretended: Pretend, promise: Any) -> None:
    with pytest.raises(UsageError) as caught:
        pretended(promise)
    assert str(caught.value).startswith(f"pretended takes a contract or a type hint, got {promise!r}"[:60])
    assert is_well_worded(str(caught.value))


@pytest.mark.parametrize(
    "wrong", [{"rows": -1}, {"rows": 2.5}, {"rows": True}, {"nulls": 2.0}, {"nulls": -0.1}], ids=str
)
def test_rows_and_shares_that_are_none_are_said(pretended: Pretend, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"pretended\(Frame\[Customer\]\) cannot have rows=") as caught:
        pretended(Customer, **wrong)
    assert is_well_worded(str(caught.value))


@pytest.mark.parametrize(
    ("promise", "says"),
    [
        (Frame, r"pretended\(Frame\): .*cannot be pretended"),
        (Model, r"pretended\(Model\): a model cannot be pretended: nothing that the step takes has a target"),
    ],
    ids=str,
)
def test_what_cannot_be_made_up_is_said_with_its_name(pretended: Pretend, promise: Any, says: str) -> None:
    with pytest.raises(ContractError, match=says) as caught:
        pretended(promise)
    assert is_well_worded(str(caught.value))


def test_a_contract_that_says_nonsense_is_said_as_ever(pretended: Pretend) -> None:
    class Odd(Contract):
        id: Id[int]
        what: object

    with pytest.raises(ContractError, match=r"Odd\.what has the type object, which no column has"):
        pretended(Odd)


def test_what_it_makes_up_keeping_accepts(pretended: Pretend) -> None:
    for contract in (Customer, Order, Shopper):
        assert find_failures(pretended(contract, rows=200), schema_of(contract)) == []


def test_without_pytest_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_pytest(name: str, *given: Any, **named: Any) -> Any:
        if name == "pytest":
            raise ImportError("No module named 'pytest'")
        return real(name, *given, **named)

    for name in [n for n in sys.modules if n.startswith("magical.testing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_pytest)
    with pytest.raises(ImportError, match=r"needs pytest, and it is not here\. Hint: pip install pytest"):
        import magical.testing  # noqa: F401
